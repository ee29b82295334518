// SPDX-License-Identifier: Apache-2.0

/// Names of files that are being written: hidden, and not to be guessed by others who may write to
/// the same directory and would plant a link there.
package enum TemporaryFileName {
    private static let digitCount = 16

    /// `.NAME.<16 hexadecimal digits>.tmp`.
    package static func random(for name: String) -> String {
        var generator = SystemRandomNumberGenerator()
        let digits = String(generator.next() as UInt64, radix: 16)
        let zeros = String(repeating: "0", count: digitCount - digits.count)
        return ".\(name).\(zeros)\(digits).tmp"
    }

    /// The name of the file that a temporary one would have become; `nil` for other names.
    ///
    /// Versions up to 0.1.0 wrote a decimal number.
    package static func target(of name: String) -> String? {
        guard name.hasPrefix("."), name.hasSuffix(".tmp") else { return nil }
        let parts = name.dropFirst().dropLast(4).split(
            separator: ".", omittingEmptySubsequences: false)
        guard parts.count >= 2, let number = parts.last else { return nil }
        let isHexadecimal =
            number.count == digitCount
            && number.allSatisfy { $0.isASCII && $0.isHexDigit && !$0.isUppercase }
        let isDecimal = !number.isEmpty && number.utf8.allSatisfy { (48...57).contains($0) }
        guard isHexadecimal || isDecimal else { return nil }
        return parts.dropLast().joined(separator: ".")
    }
}
