// SPDX-License-Identifier: Apache-2.0

import GenerationTypes
package import Requests

extension ModelRecord {
    /// Describes a model by the hashes of its files, and what is added to it by theirs.
    ///
    /// - Throws: `ConfigurationError` for files that can't be read or have changed, and what the
    ///   model says of its decoder.
    package init(of model: any ModelSource, name: String) throws {
        self.init(
            name: name, fingerprint: try ModelFingerprint(of: model.checkpoint),
            decoder: try model.autoencoderConfiguration().recordedName,
            loras: try model.loras.map { lora in
                LoRARecord(
                    name: lora.name,
                    sha256: Hexadecimal.text(try model.files.digest(ofFile: lora.path)),
                    dataSHA256: Hexadecimal.text(
                        try model.files.digest(ofFile: lora.path, behindHeader: true)),
                    textEncoderWeight: lora.textWeight, unetWeight: lora.unetWeight)
            },
            embeddings: try model.embeddings.map { embedding in
                EmbeddingRecord(
                    name: embedding.name,
                    sha256: Hexadecimal.text(try model.files.digest(ofFile: embedding.path)))
            })
    }
}
