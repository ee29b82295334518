// SPDX-License-Identifier: Apache-2.0

/// Digests as people and files write them.
package enum Hexadecimal {
    /// Two lower-case digits per byte.
    package static func text(_ bytes: some Collection<UInt8>) -> String {
        var text = ""
        text.reserveCapacity(bytes.count * 2)
        for byte in bytes {
            text += (byte < 16 ? "0" : "") + String(byte, radix: 16)
        }
        return text
    }
}
