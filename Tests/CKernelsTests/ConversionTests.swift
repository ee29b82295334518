// SPDX-License-Identifier: Apache-2.0

import CKernels
import TestSupport
import Testing

@Suite("Conversion of element types")
struct ConversionTests {
    /// Converts a run of values, in two ranges split at an odd index.
    private func convert<Source, Target>(
        _ set: KernelSet, _ source: [Source], _ from: rt_element, to: rt_element,
        zero: Target
    ) -> [Target] {
        var target = [Target](repeating: zero, count: source.count)
        source.withUnsafeBytes { source in
            target.withUnsafeMutableBytes { target in
                guard let input = source.baseAddress, let output = target.baseAddress else {
                    return
                }
                var arguments = rt_convert(
                    source: input, source_element: from, target: output, target_element: to)
                let count = Int64(source.count / MemoryLayout<Source>.stride)
                let cut = count / 3
                set.kernels.convert(&arguments, 0, cut)
                set.kernels.convert(&arguments, cut, count)
            }
        }
        return target
    }

    @Test("every f16 value", arguments: KernelSet.available)
    func halves(_ set: KernelSet) {
        let bits = (0...UInt16.max).map { $0 }
        let results = convert(set, bits, RT_ELEMENT_F16, to: RT_ELEMENT_F32, zero: Float(0))
        let wrong = zip(bits, results).filter { bits, result in
            let exact = Float(Float16(bitPattern: bits))
            return exact.isNaN ? !result.isNaN : exact.bitPattern != result.bitPattern
        }
        #expect(wrong.isEmpty)
    }

    @Test("every bf16 value", arguments: KernelSet.available)
    func brainFloats(_ set: KernelSet) {
        let bits = (0...UInt16.max).map { $0 }
        let results = convert(set, bits, RT_ELEMENT_BF16, to: RT_ELEMENT_F32, zero: Float(0))
        #expect(results.map(\.bitPattern) == bits.map { UInt32($0) << 16 })
    }

    @Test("f32 to bf16: rounding, ties, overflow, subnormals, NaN", arguments: KernelSet.available)
    func rounding(_ set: KernelSet) {
        var random = SplitMix64(seed: 1)
        var values = (0..<40_000).map { _ in Float(bitPattern: random.next(upperBound: .max)) }
        for upper in stride(from: UInt32(0), to: 0xffff, by: 97) {
            // Exactly between two neighbours, just below and just above.
            for lower in [UInt32(0x7fff), 0x8000, 0x8001] {
                values.append(Float(bitPattern: upper << 16 | lower))
            }
        }
        let signaling = Float(bitPattern: 0x7f80_0001)
        values += [signaling, -signaling, .infinity, -.infinity, .greatestFiniteMagnitude, 0, -0.0]
        let results = convert(set, values, RT_ELEMENT_F32, to: RT_ELEMENT_BF16, zero: UInt16(0))
        let wrong = zip(values, results).filter { bfloat16Bits($0) != $1 }
        #expect(wrong.isEmpty)
    }

    @Test("f16 to bf16 rounds once", arguments: KernelSet.available)
    func halvesToBrainFloats(_ set: KernelSet) {
        let bits = (0...UInt16.max).map { $0 }
        let results = convert(set, bits, RT_ELEMENT_F16, to: RT_ELEMENT_BF16, zero: UInt16(0))
        let wrong = zip(bits, results).filter { bits, result in
            let exact = Float(Float16(bitPattern: bits))
            let isNaN = Float(bitPattern: UInt32(result) << 16).isNaN
            return exact.isNaN ? !isNaN : bfloat16Bits(exact) != result
        }
        #expect(wrong.isEmpty)
    }

    @Test(
        "equal types are copied bit by bit, NaN payloads too", arguments: KernelSet.available)
    func sameType(_ set: KernelSet) {
        let bits: [UInt32] = [0x7fc1_2345, 0xffff_ffff, 1, 0x8000_0000, 0x3f80_0001]
        let results = convert(set, bits, RT_ELEMENT_F32, to: RT_ELEMENT_F32, zero: UInt32(0))
        #expect(results == bits)
    }
}
