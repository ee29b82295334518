// SPDX-License-Identifier: Apache-2.0

internal import Crypto
internal import FoundationEssentials
package import GenerationTypes
internal import SafeTensors
package import StableDiffusion

extension ModelFingerprint {
    /// Hashes the files that decide what a model draws.
    ///
    /// Each digest covers the files of one component that are read when it is loaded: its
    /// configuration and its weights, and for the U-Net the scheduler's configuration, for the
    /// text encoder the tokenizer. Files that happen to lie beside them don't count.
    package init(of model: ModelDirectory) throws {
        let weights = "diffusion_pytorch_model"
        let unet = try model.component("unet")
        let scheduler = try model.component("scheduler")
        let textEncoder = try model.component("text_encoder")
        let tokenizer = try model.component("tokenizer")
        let vae = try model.component("vae")
        self.init(
            unet: try Self.digest(
                ["\(unet)/config.json", "\(scheduler)/scheduler_config.json"]
                    + Checkpoint(directory: unet, baseName: weights).files),
            textEncoder: try Self.digest(
                [
                    "\(textEncoder)/config.json", "\(tokenizer)/vocab.json",
                    "\(tokenizer)/merges.txt",
                ]
                    + Checkpoint(directory: textEncoder, baseName: "model").files),
            vae: try Self.digest(
                ["\(vae)/config.json"] + Checkpoint(directory: vae, baseName: weights).files))
    }

    /// SHA-256 over the SHA-256 of each file: no two lists of files give the same bytes.
    private static func digest(_ paths: [String]) throws -> [UInt8] {
        var outer = SHA256()
        for path in paths { outer.update(data: try digest(ofFile: path)) }
        return Array(outer.finalize())
    }

    private static func digest(ofFile path: String) throws -> [UInt8] {
        guard let data = try? Data(contentsOf: URL(filePath: path), options: .mappedIfSafe) else {
            throw ConfigurationError(path: path, problem: .missingFile)
        }
        return Array(SHA256.hash(data: data))
    }
}
