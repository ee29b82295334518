// SPDX-License-Identifier: Apache-2.0

/// Applies plans to rows of one element type.
struct RowGather<Element: RowElement> {
    let channels: Int
    /// Bytes from a row to the next.
    let inputStride: Int
    let outputStride: Int

    /// Merged rows `range` of one sample, equation 2 of the paper.
    ///
    /// out = α D + (1 − α) mean S = D + w Σ (S − D), where w = (1 − α) / r, or 1 / (r + 1) for the
    /// mean. In this form equal tokens merge into exactly themselves.
    func merge(
        _ input: UnsafeRawPointer, into output: UnsafeMutableRawPointer, rows range: Range<Int>,
        indices: TokenMergeIndices, alpha: TokenMergeAlpha
    ) {
        var start = Int(indices.offsets[range.lowerBound])
        for row in range {
            let end = Int(indices.offsets[row + 1])
            let weight = Self.sourceWeight(alpha, sourceCount: end - start - 1)
            let target = output + row * outputStride
            if weight == 0 {
                let source = input + Int(indices.members[start]) * inputStride
                target.copyMemory(from: source, byteCount: channels * Element.byteCount)
            } else {
                mergeRow(input, indices.members + start, end - start, weight, target)
            }
            start = end
        }
    }

    /// Tokens `range` of one sample, each a copy of its merged row.
    func unmerge(
        _ input: UnsafeRawPointer, into output: UnsafeMutableRawPointer, tokens range: Range<Int>,
        indices: TokenMergeIndices
    ) {
        for token in range {
            let source = input + Int(indices.slots[token]) * inputStride
            (output + token * outputStride)
                .copyMemory(from: source, byteCount: channels * Element.byteCount)
        }
    }

    /// Tokens `range` of one sample: output += its merged row (the residual connection).
    func unmergeAdding(
        _ input: UnsafeRawPointer, into output: UnsafeMutableRawPointer, tokens range: Range<Int>,
        indices: TokenMergeIndices
    ) {
        for token in range {
            let source = input + Int(indices.slots[token]) * inputStride
            addRow(source, to: output + token * outputStride)
        }
    }

    static func sourceWeight(_ alpha: TokenMergeAlpha, sourceCount: Int) -> Float {
        guard sourceCount > 0 else { return 0 }
        return switch alpha {
        case .mean: 1 / Float(sourceCount + 1)
        case .weight(let weight): (1 - weight) / Float(sourceCount)
        }
    }

    private func mergeRow(
        _ input: UnsafeRawPointer, _ members: UnsafePointer<Int32>, _ count: Int, _ weight: Float,
        _ target: UnsafeMutableRawPointer
    ) {
        let destination = input + Int(members[0]) * inputStride
        var index = 0
        while index + 16 <= channels {
            let (d, e) = Element.load16(destination, index)
            var (low, high) = (SIMD8<Float>.zero, SIMD8<Float>.zero)
            for member in 1..<count {
                let source = input + Int(members[member]) * inputStride
                let (s, t) = Element.load16(source, index)
                low += s - d
                high += t - e
            }
            Element.store16((d + low * weight, e + high * weight), target, index)
            index += 16
        }
        while index < channels {
            let d = Element.load(destination, index)
            var sum: Float = 0
            for member in 1..<count {
                sum += Element.load(input + Int(members[member]) * inputStride, index) - d
            }
            Element.store(d + sum * weight, target, index)
            index += 1
        }
    }

    /// target += source.
    private func addRow(_ source: UnsafeRawPointer, to target: UnsafeMutableRawPointer) {
        var index = 0
        while index + 16 <= channels {
            let (a, b) = Element.load16(source, index)
            let (c, d) = Element.load16(UnsafeRawPointer(target), index)
            Element.store16((a + c, b + d), target, index)
            index += 16
        }
        while index < channels {
            let sum = Element.load(source, index) + Element.load(UnsafeRawPointer(target), index)
            Element.store(sum, target, index)
            index += 1
        }
    }
}
