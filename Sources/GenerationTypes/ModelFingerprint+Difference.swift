// SPDX-License-Identifier: Apache-2.0

extension ModelFingerprint {
    /// Names the components in which two fingerprints differ, with the first digits of both.
    ///
    /// For messages to people: `U-Net is 1f0a33c2, wanted 9be4d071`.
    public func difference(from wanted: ModelFingerprint) -> String {
        let components = [
            ("U-Net", unet, wanted.unet),
            ("text encoder (or settings)", textEncoder, wanted.textEncoder),
            ("VAE", vae, wanted.vae),
        ]
        return components.filter { $0.1 != $0.2 }.map { name, mine, theirs in
            "\(name) is \(Self.digits(mine)), wanted \(Self.digits(theirs))"
        }.joined(separator: "; ")
    }

    /// The first eight hexadecimal digits.
    private static func digits(_ digest: [UInt8]) -> String {
        digest.prefix(4).map { byte in
            (byte < 16 ? "0" : "") + String(byte, radix: 16)
        }.joined()
    }
}
