// SPDX-License-Identifier: Apache-2.0

import CKernels

/// Rows of values with a gap after each, in memory of exactly the needed size.
///
/// The gaps hold a pattern, which detects a kernel that writes into them.
final class Matrix {
    let rowCount: Int
    let channels: Int
    let stride: Int
    let element: rt_element
    private let memory: UnsafeMutableRawPointer
    /// Different for gaps of different widths, to detect a copied gap too.
    private let gapPattern: UInt16

    init(
        rows: Int, channels: Int, gap: Int = 0, element: rt_element,
        _ value: (_ row: Int, _ channel: Int) -> Float = { _, _ in 0 }
    ) {
        rowCount = rows
        self.channels = channels
        stride = channels + gap
        gapPattern = 0x4b10 + UInt16(gap)
        self.element = element
        let halves = rows * stride * (element == RT_ELEMENT_F32 ? 2 : 1)
        memory = .allocate(byteCount: max(halves, 1) * 2, alignment: 4)
        for index in 0..<halves {
            memory.storeBytes(of: gapPattern, toByteOffset: index * 2, as: UInt16.self)
        }
        for row in 0..<rows {
            for channel in 0..<channels { self[row, channel] = value(row, channel) }
        }
    }

    deinit { memory.deallocate() }

    /// One value; what is stored in bf16 or f16 is rounded to nearest even.
    subscript(row: Int, channel: Int) -> Float {
        get {
            let index = row * stride + channel
            switch element {
            case RT_ELEMENT_F32:
                return memory.load(fromByteOffset: index * 4, as: Float.self)
            case RT_ELEMENT_BF16:
                let bits = memory.load(fromByteOffset: index * 2, as: UInt16.self)
                return Float(bitPattern: UInt32(bits) << 16)
            default:
                return Float(memory.load(fromByteOffset: index * 2, as: Float16.self))
            }
        }
        set {
            let index = row * stride + channel
            switch element {
            case RT_ELEMENT_F32:
                memory.storeBytes(of: newValue, toByteOffset: index * 4, as: Float.self)
            case RT_ELEMENT_BF16:
                memory.storeBytes(
                    of: bfloat16Bits(newValue), toByteOffset: index * 2, as: UInt16.self)
            default:
                memory.storeBytes(of: Float16(newValue), toByteOffset: index * 2, as: Float16.self)
            }
        }
    }

    var source: rt_source {
        rt_source(data: memory, row_stride: Int64(stride), element: element)
    }

    var target: rt_target {
        rt_target(data: memory, row_stride: Int64(stride), element: element)
    }

    /// All values, row by row.
    var values: [Float] {
        (0..<rowCount).flatMap { row in (0..<channels).map { self[row, $0] } }
    }

    /// Whether the gaps between rows still hold the pattern.
    var hasCleanGaps: Bool {
        let halvesPerValue = element == RT_ELEMENT_F32 ? 2 : 1
        return (0..<rowCount).allSatisfy { row in
            let start = (row * stride + channels) * halvesPerValue
            let end = (row + 1) * stride * halvesPerValue
            return (start..<end).allSatisfy {
                memory.load(fromByteOffset: $0 * 2, as: UInt16.self) == gapPattern
            }
        }
    }
}

/// The nearer of the two neighbours in bf16, by distance; the even one if equidistant.
///
/// Written for clarity, unlike the kernels, whose oracle it is.
func bfloat16Bits(_ value: Float) -> UInt16 {
    let lower = UInt16(value.bitPattern >> 16)
    if value.isNaN { return lower | 0x40 }
    if value.isInfinite || value.bitPattern & 0xffff == 0 { return lower }
    func distance(_ bits: UInt16) -> Double {
        let neighbour = Float(bitPattern: UInt32(bits) << 16)
        // Beyond the greatest finite value, the next one represents infinity.
        let exact =
            neighbour.isInfinite
            ? Double(sign: .plus, exponent: 128, significand: 1)
            : Double(neighbour.magnitude)
        return (exact - Double(value.magnitude)).magnitude
    }
    let upper = lower + 1
    let below = distance(lower)
    let above = distance(upper)
    if below == above { return lower & 1 == 0 ? lower : upper }
    return below < above ? lower : upper
}

/// The error of results.
struct Deviation {
    /// Greatest |result - expected|; NaN where just one of the two is NaN.
    private(set) var greatest = 0.0
    private var squares = 0.0
    private var reference = 0.0

    init(_ results: [Float], from expected: [Double]) {
        precondition(results.count == expected.count, "\(results.count), \(expected.count)")
        for (result, expected) in zip(results, expected) {
            if result.isNaN && expected.isNaN { continue }
            if Double(result) == expected { reference += expected * expected; continue }
            let difference = (Double(result) - expected).magnitude
            // `max` would lose a NaN.
            if !(difference <= greatest) { greatest = difference }
            squares += difference * difference
            reference += expected * expected
        }
    }

    /// ‖results − expected‖ / ‖expected‖.
    var relative: Double { squares == 0 ? 0 : (squares / reference).squareRoot() }
}
