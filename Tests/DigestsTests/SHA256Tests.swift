// SPDX-License-Identifier: Apache-2.0

import Digests
import Testing

/// Vectors of FIPS 180-4 (NIST's SHA examples), whole and in pieces.
@Suite struct SHA256Tests {
    private static let vectors: [(text: String, hex: String)] = [
        ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        (
            "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
        ),
        (
            String(repeating: "a", count: 1_000_000),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"
        ),
    ]

    private func hexadecimal(_ bytes: [UInt8]) -> String {
        bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }

    @Test func digestsMatchTheStandard() {
        for (text, hex) in Self.vectors {
            #expect(hexadecimal(SHA256.hash(data: Array(text.utf8))) == hex)
        }
    }

    @Test(arguments: [1, 7, 64, 100_000])
    func piecesGiveTheSameDigest(_ byteCount: Int) {
        for (text, hex) in Self.vectors {
            let bytes = Array(text.utf8)
            var hash = SHA256()
            for start in stride(from: 0, to: bytes.count, by: byteCount) {
                hash.update(data: Array(bytes[start..<min(start + byteCount, bytes.count)]))
            }
            #expect(hexadecimal(hash.finalize()) == hex)
        }
    }
}
