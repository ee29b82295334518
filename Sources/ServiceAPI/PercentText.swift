// SPDX-License-Identifier: Apache-2.0

/// Text as URLs hold it.
package enum PercentText {
    /// The text that was meant; what is no escape stands for itself.
    ///
    /// - Parameter plusIsBlank: whether `+` is a blank, as in queries.
    package static func decoded(
        _ text: some StringProtocol, plusIsBlank: Bool = false
    ) -> String {
        var bytes: [UInt8] = []
        var rest = Array(text.utf8)[...]
        while let byte = rest.popFirst() {
            let digits = rest.prefix(2)
            if plusIsBlank, byte == UInt8(ascii: "+") {
                bytes.append(UInt8(ascii: " "))
            } else if byte == UInt8(ascii: "%"), digits.count == 2,
                let high = value(digits[digits.startIndex]),
                let low = value(digits[digits.startIndex + 1])
            {
                bytes.append(high << 4 | low)
                rest = rest.dropFirst(2)
            } else {
                bytes.append(byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    private static func value(_ digit: UInt8) -> UInt8? {
        Character(UnicodeScalar(digit)).hexDigitValue.map(UInt8.init)
    }
}
