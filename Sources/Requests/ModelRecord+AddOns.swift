// SPDX-License-Identifier: Apache-2.0

import GenerationTypes

/// A LoRA in a model's weights, in JSON.
package struct LoRARecord: Sendable, Equatable, Codable {
    /// Its file's name without `.safetensors`.
    package var name: String
    /// SHA-256 of the file, in hexadecimal.
    package var sha256: String
    /// SHA-256 of the file behind its header, in hexadecimal: what sd-scripts writes into it as
    /// `sshs_model_hash` and A1111 knows a LoRA by.
    package var dataSHA256: String
    /// What its changes of the text encoder were multiplied by.
    package var textEncoderWeight: Float
    /// What its changes of the U-Net were multiplied by.
    package var unetWeight: Float

    private enum CodingKeys: String, CodingKey {
        case name, sha256
        case dataSHA256 = "data_sha256"
        case textEncoderWeight = "text_encoder_weight"
        case unetWeight = "unet_weight"
    }

    package init(
        name: String, sha256: String, dataSHA256: String, textEncoderWeight: Float,
        unetWeight: Float
    ) {
        self.name = name
        self.sha256 = sha256
        self.dataSHA256 = dataSHA256
        self.textEncoderWeight = textEncoderWeight
        self.unetWeight = unetWeight
    }
}

/// A textual inversion beside a model, in JSON.
package struct EmbeddingRecord: Sendable, Equatable, Codable {
    /// Its file's name without `.safetensors`: the words by which prompts name it.
    package var name: String
    /// SHA-256 of the file, in hexadecimal.
    package var sha256: String

    package init(name: String, sha256: String) {
        self.name = name
        self.sha256 = sha256
    }
}

extension ModelRecord {
    /// Digits of a hash in A1111's lists.
    private static let listedDigitCount = 12

    /// What A1111 calls `Lora hashes`: `name: hash, …`; `nil` without LoRAs.
    var loraHashes: String? { Self.list((loras ?? []).map { ($0.name, $0.dataSHA256) }) }

    /// What A1111 calls `TI hashes`, of the textual inversions that a request names; `nil` without.
    func embeddingHashes(for request: GenerationRequest) -> String? {
        let texts = [request.prompt, request.negativePrompt].map { $0.lowercased() }
        let named = (embeddings ?? []).filter { embedding in
            texts.contains { $0.contains(embedding.name.lowercased()) }
        }
        return Self.list(named.map { ($0.name, $0.sha256) })
    }

    private static func list(_ items: [(name: String, hash: String)]) -> String? {
        guard !items.isEmpty else { return nil }
        return items.map { "\($0.name): \($0.hash.prefix(listedDigitCount))" }
            .joined(separator: ", ")
    }
}
