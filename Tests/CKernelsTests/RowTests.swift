// SPDX-License-Identifier: Apache-2.0

import CKernels
import TestSupport
import Testing

@Suite("Row copies, gather, addition, resize")
struct RowTests {
    static let channelCounts = [1, 3, 8, 15, 17, 33, 64, 77, 100]
    static let elements = [RT_ELEMENT_F32, RT_ELEMENT_BF16]

    private func matrix(
        rows: Int, channels: Int, gap: Int, _ element: rt_element, seed: UInt64
    ) -> Matrix {
        var random = SplitMix64(seed: seed)
        return Matrix(rows: rows, channels: channels, gap: gap, element: element) { _, _ in
            random.normal()
        }
    }

    /// The stored form of a value.
    private func stored(_ value: Float, _ element: rt_element) -> Float {
        element == RT_ELEMENT_F32 ? value : Float(bitPattern: UInt32(bfloat16Bits(value)) << 16)
    }

    @Test("copy and gather", arguments: KernelSet.available, channelCounts)
    func copy(_ set: KernelSet, channels: Int) {
        let index: [Int32] = [4, 0, 0, 3, 5, 1, 2]
        for from in Self.elements {
            for to in Self.elements {
                let source = matrix(rows: 7, channels: channels, gap: 5, from, seed: 3)
                let copied = Matrix(rows: 7, channels: channels, gap: 2, element: to)
                let gathered = Matrix(rows: 7, channels: channels, gap: 2, element: to)
                index.withUnsafeBufferPointer { index in
                    var arguments = rt_copy_rows(
                        source: source.source, target: copied.target, channels: Int64(channels),
                        index: nil)
                    set.kernels.copy_rows(&arguments, 0, 4)
                    set.kernels.copy_rows(&arguments, 4, 7)
                    arguments.target = gathered.target
                    arguments.index = index.baseAddress
                    set.kernels.copy_rows(&arguments, 0, 7)
                }
                let plain = source.values.map { stored($0, to) }
                #expect(copied.values == plain)
                let rows = index.flatMap { row in (0..<channels).map { source[Int(row), $0] } }
                #expect(gathered.values == rows.map { stored($0, to) })
                #expect(copied.hasCleanGaps && gathered.hasCleanGaps)
            }
        }
    }

    @Test("gathered addition", arguments: KernelSet.available, channelCounts)
    func gatheredAddition(_ set: KernelSet, channels: Int) {
        let index: [Int32] = [2, 0, 2, 1, 2]
        for from in Self.elements {
            for to in Self.elements {
                let source = matrix(rows: 3, channels: channels, gap: 1, from, seed: 8)
                let target = matrix(rows: 5, channels: channels, gap: 0, to, seed: 9)
                let expected = (0..<5).flatMap { row in
                    (0..<channels).map {
                        stored(target[row, $0] + source[Int(index[row]), $0], to)
                    }
                }
                index.withUnsafeBufferPointer { index in
                    var arguments = rt_add_rows(
                        source: source.source, target: target.target, channels: Int64(channels),
                        index: index.baseAddress)
                    set.kernels.add_rows(&arguments, 3, 5)
                    set.kernels.add_rows(&arguments, 0, 3)
                }
                #expect(target.values == expected)
            }
        }
    }

    /// D + w Σ (S − D); equal rows give the same row, a share of 1 ignores the others.
    @Test("merging", arguments: KernelSet.available, channelCounts)
    func merging(_ set: KernelSet, channels: Int) {
        let members: [Int32] = [3, 0, 4, 1, 2, 5, 6]
        let offsets: [Int32] = [0, 1, 5, 7]
        for element in Self.elements {
            for share: Float in [-1, 0, 0.25, 1] {
                let source = matrix(rows: 7, channels: channels, gap: 2, element, seed: 10)
                for channel in 0..<channels { source[6, channel] = source[5, channel] }
                if share == 1 { source[4, 0] = .infinity }
                let target = Matrix(rows: 3, channels: channels, gap: 3, element: element)
                members.withUnsafeBufferPointer { members in
                    offsets.withUnsafeBufferPointer { offsets in
                        guard let members = members.baseAddress, let offsets = offsets.baseAddress
                        else { return }
                        var arguments = rt_merge_rows(
                            source: source.source, target: target.target,
                            channels: Int64(channels), members: members, offsets: offsets,
                            first_share: share)
                        set.kernels.merge_rows(&arguments, 1, 3)
                        set.kernels.merge_rows(&arguments, 0, 1)
                    }
                }
                for channel in 0..<channels {
                    #expect(target[0, channel] == source[3, channel])
                    #expect(target[2, channel] == source[5, channel])
                    let first = Double(source[0, channel])
                    let others = [4, 1, 2].map { Double(source[$0, channel]) }
                    let alpha = share < 0 ? 0.25 : Double(share)
                    let expected =
                        alpha == 1
                        ? first : alpha * first + (1 - alpha) * others.reduce(0, +) / 3
                    let tolerance = element == RT_ELEMENT_F32 ? 2e-6 : 0.02
                    #expect((Double(target[1, channel]) - expected).magnitude <= tolerance)
                }
                #expect(target.hasCleanGaps)
            }
        }
    }

    @Test("a range writes only its own rows", arguments: KernelSet.available)
    func range(_ set: KernelSet) {
        let source = Matrix(rows: 5, channels: 19, element: RT_ELEMENT_F32) { _, _ in 1 }
        let target = Matrix(rows: 5, channels: 19, element: RT_ELEMENT_F32) { _, _ in -1 }
        var arguments = rt_copy_rows(
            source: source.source, target: target.target, channels: 19, index: nil)
        set.kernels.copy_rows(&arguments, 1, 3)
        #expect((0..<5).map { target[$0, 18] } == [-1, 1, 1, -1, -1])
    }

    @Test("rows without gaps", arguments: KernelSet.available, channelCounts)
    func contiguous(_ set: KernelSet, channels: Int) {
        for from in Self.elements {
            for to in Self.elements {
                let source = matrix(rows: 6, channels: channels, gap: 0, from, seed: 14)
                let target = matrix(rows: 6, channels: channels, gap: 0, to, seed: 15)
                let before = target.values
                let sums = zip(before, source.values).map { stored($0 + $1, to) }
                let copies = source.values.map { stored($0, to) }
                func expected(_ values: [Float]) -> [Float] {
                    before.indices.map { (1..<5).contains($0 / channels) ? values[$0] : before[$0] }
                }
                var addition = rt_add_rows(
                    source: source.source, target: target.target, channels: Int64(channels),
                    index: nil)
                set.kernels.add_rows(&addition, 1, 5)
                #expect(target.values == expected(sums))
                var copy = rt_copy_rows(
                    source: source.source, target: target.target, channels: Int64(channels),
                    index: nil)
                set.kernels.copy_rows(&copy, 1, 5)
                #expect(target.values == expected(copies))
                set.kernels.copy_rows(&copy, 5, 5)
                #expect(target.values == expected(copies))
            }
        }
    }

    @Test("addition", arguments: KernelSet.available, channelCounts)
    func add(_ set: KernelSet, channels: Int) {
        for from in Self.elements {
            for to in Self.elements {
                let source = matrix(rows: 3, channels: channels, gap: 1, from, seed: 5)
                let target = matrix(rows: 3, channels: channels, gap: 4, to, seed: 6)
                let expected = zip(target.values, source.values).map { stored($0 + $1, to) }
                var arguments = rt_add_rows(
                    source: source.source, target: target.target, channels: Int64(channels),
                    index: nil)
                set.kernels.add_rows(&arguments, 0, 3)
                #expect(target.values == expected)
                #expect(target.hasCleanGaps)
            }
        }
    }

    /// Source rows as torch 2.15 chose them: `F.interpolate(torch.arange(n), size=m)`.
    @Test(
        "nearest resize",
        arguments: KernelSet.available,
        [
            (3, 6, [0, 0, 1, 1, 2, 2]), (4, 7, [0, 0, 1, 1, 2, 2, 3]), (5, 3, [0, 1, 3]),
            (2, 2, [0, 1]), (1, 4, [0, 0, 0, 0]),
        ])
    func resize(_ set: KernelSet, sizes: (source: Int, target: Int, index: [Int])) {
        let (height, width) = (sizes.source, sizes.source + 2)
        let (targetHeight, targetWidth) = (sizes.target, 2 * width)
        let source = matrix(rows: 2 * height * width, channels: 17, gap: 3, RT_ELEMENT_F32, seed: 8)
        let target = Matrix(
            rows: 2 * targetHeight * targetWidth, channels: 17, gap: 1, element: RT_ELEMENT_BF16)
        var arguments = rt_resize(
            source: source.source, target: target.target, channels: 17,
            source_height: Int64(height), source_width: Int64(width),
            target_height: Int64(targetHeight), target_width: Int64(targetWidth))
        set.kernels.resize_nearest(&arguments, 0, Int64(targetHeight))
        set.kernels.resize_nearest(&arguments, Int64(targetHeight), Int64(2 * targetHeight))
        var expected: [Float] = []
        for item in 0..<2 {
            for y in 0..<targetHeight {
                for x in 0..<targetWidth {
                    let row = (item * height + sizes.index[y]) * width + x / 2
                    for channel in 0..<17 {
                        expected.append(stored(source[row, channel], RT_ELEMENT_BF16))
                    }
                }
            }
        }
        #expect(target.values == expected)
        #expect(target.hasCleanGaps)
    }
}
