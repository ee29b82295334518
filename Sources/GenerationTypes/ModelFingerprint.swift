// SPDX-License-Identifier: Apache-2.0

/// Which model a node holds: one SHA-256 per component, over what decides how it computes.
///
/// A coordinator and a worker work together only when they sample alike; a worker also decodes only
/// when all three agree.
public struct ModelFingerprint: Sendable, Hashable, Codable {
    /// SHA-256 of the U-Net, 32 bytes.
    public var unet: [UInt8]
    /// SHA-256 of the text encoder, its tokenizer, and of a model in one file the settings that
    /// stand elsewhere, 32 bytes.
    public var textEncoder: [UInt8]
    /// SHA-256 of the VAE, 32 bytes.
    public var vae: [UInt8]

    /// Makes a fingerprint of three 32-byte digests.
    public init(unet: [UInt8], textEncoder: [UInt8], vae: [UInt8]) {
        for digest in [unet, textEncoder, vae] {
            precondition(digest.count == 32, "a SHA-256 has 32 bytes, not \(digest.count)")
        }
        self.unet = unet
        self.textEncoder = textEncoder
        self.vae = vae
    }

    /// Whether equal requests give the same latents: they do not depend on the VAE.
    public func samplesLike(_ other: ModelFingerprint) -> Bool {
        unet == other.unet && textEncoder == other.textEncoder
    }
}
