// SPDX-License-Identifier: Apache-2.0

/// A number of bytes as people write it: `50G`, `1.5T`, `800m`; K is 1,024.
struct ByteSize {
    /// Bytes, at least 0.
    let byteCount: Int

    /// Reads a size; `nil` if it is none.
    init?(_ text: String) {
        let units: [String: Int] = ["K": 10, "M": 20, "G": 30, "T": 40]
        let shift = text.last.flatMap { units[$0.uppercased()] }
        let number = shift == nil ? text[...] : text.dropLast()
        guard let value = Double(number), value >= 0,
            let byteCount = Int(exactly: (value * Double(1 << (shift ?? 0))).rounded())
        else { return nil }
        self.byteCount = byteCount
    }
}
