// SPDX-License-Identifier: Apache-2.0

package import GenerationTypes

/// Which model made a picture, in JSON.
package struct ModelRecord: Sendable, Equatable, Codable {
    /// The model's name: its directory's or file's, or `postcards` for the embedded one.
    package var name: String
    /// SHA-256 of the U-Net, in hexadecimal.
    package var unetSHA256: String
    /// SHA-256 of the text encoder and its tokenizer, in hexadecimal.
    package var textEncoderSHA256: String
    /// SHA-256 of the VAE, or of the TAESD that stands in for it, in hexadecimal.
    package var vaeSHA256: String
    /// `TAESD` where that makes the pictures; `nil` where a full VAE does.
    package var decoder: String?
    /// LoRAs that were merged into it; `nil` without any.
    ///
    /// The hashes above are those of the model without them.
    package var loras: [LoRARecord]?
    /// Textual inversions that its prompts could name; `nil` without any.
    package var embeddings: [EmbeddingRecord]?

    private enum CodingKeys: String, CodingKey {
        case name, decoder, loras, embeddings
        case unetSHA256 = "unet_sha256"
        case textEncoderSHA256 = "text_encoder_sha256"
        case vaeSHA256 = "vae_sha256"
    }

    /// Names a model by its fingerprint.
    package init(
        name: String, fingerprint: ModelFingerprint, decoder: String? = nil,
        loras: [LoRARecord] = [], embeddings: [EmbeddingRecord] = []
    ) {
        self.name = name
        unetSHA256 = Hexadecimal.text(fingerprint.unet)
        textEncoderSHA256 = Hexadecimal.text(fingerprint.textEncoder)
        vaeSHA256 = Hexadecimal.text(fingerprint.vae)
        self.decoder = decoder
        self.loras = loras.isEmpty ? nil : loras
        self.embeddings = embeddings.isEmpty ? nil : embeddings
    }

    /// What A1111 calls `Model hash`, ten hexadecimal digits.
    ///
    /// The checkpoint's; of a directory, which A1111 does not load, the U-Net's.
    package var shortHash: String { String(unetSHA256.prefix(10)) }

    /// What A1111 calls `VAE hash`, ten hexadecimal digits; `nil` where the VAE is the checkpoint's.
    package var shortVAEHash: String? {
        vaeSHA256 == unetSHA256 ? nil : String(vaeSHA256.prefix(10))
    }
}
