// SPDX-License-Identifier: Apache-2.0

internal import Digests
package import GenerationTypes
internal import Glibc
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
        let files = model.files
        let unet = try model.component("unet")
        let scheduler = try model.component("scheduler")
        let textEncoder = try model.component("text_encoder")
        let tokenizer = try model.component("tokenizer")
        let vae = try model.component("vae")
        self.init(
            unet: try Self.digest(
                ["\(unet)/config.json", "\(scheduler)/scheduler_config.json"]
                    + Checkpoint(directory: unet, baseName: weights).files, files),
            textEncoder: try Self.digest(
                ["\(textEncoder)/config.json"]
                    + TokenizerFiles.read(in: tokenizer).map { "\(tokenizer)/\($0)" }
                    + Checkpoint(directory: textEncoder, baseName: "model").files, files),
            vae: try Self.digest(
                ["\(vae)/config.json"] + Checkpoint(directory: vae, baseName: weights).files,
                files))
        // Whether it is there decides which others were hashed.
        try files.note("\(tokenizer)/\(TokenizerFiles.whole)")
    }

    /// SHA-256 over the SHA-256 of each file; a file that isn't there counts as empty.
    private static func digest(
        _ paths: [String], _ files: ModelFileLedger
    ) throws -> [UInt8] {
        var outer = SHA256()
        for path in paths { outer.update(data: try digest(ofFile: path, files)) }
        return outer.finalize()
    }

    private static func digest(
        ofFile path: String, _ files: ModelFileLedger
    ) throws -> [UInt8] {
        func failure(_ code: Int32) -> ConfigurationError {
            ConfigurationError(
                path: path, problem: .notReadable(reason: String(cString: strerror(code))))
        }
        var hash = SHA256()
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            guard errno == ENOENT else { throw failure(errno) }
            try files.note(path, nil)
            return hash.finalize()
        }
        defer { close(descriptor) }
        try files.note(path, FileIdentity(descriptor: descriptor))
        // Piece by piece; Foundation's FileHandle makes it pieces of 4 KiB.
        let piece = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 64)
        defer { piece.deallocate() }
        while true {
            let count = read(descriptor, piece.baseAddress, piece.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw failure(errno) }
            if count == 0 { break }
            hash.update(bufferPointer: UnsafeRawBufferPointer(rebasing: piece[..<count]))
        }
        try files.note(path, FileIdentity(descriptor: descriptor))
        return hash.finalize()
    }
}
