// SPDX-License-Identifier: Apache-2.0

import Foundation
import GenerationTypes
import ImageCodec
import TestSupport
import Testing

extension Studio {
    /// Starts `retom-coord --resume`: prompts and settings are those of the run in `out`.
    func resume(_ arguments: String..., out: String = "out") throws -> RunningProgram {
        try RunningProgram(
            "retom-coord", ["--resume", "-t", "1", "-o", out] + arguments, in: directory)
    }

    /// Runs `retom-coord decode` to its end.
    func decode(_ arguments: String..., out: String = "out") async throws -> RunningProgram.Ending {
        try await RunningProgram(
            "retom-coord", ["decode", out, "-t", "1"] + arguments, in: directory
        ).ending()
    }

    /// The pixels of a picture: its texts record the worker and the time.
    func pixels(_ name: String, out: String = "out") throws -> RGBImage {
        try PNG.decode(try bytes(name, out: out)).image
    }

    /// Removes a file of a run.
    func remove(_ name: String, out: String = "out") throws {
        try FileManager.default.removeItem(atPath: directory.file("\(out)/\(name)"))
    }

    /// Checks that a run has the same results as another: pixels, latents, and the archive's names.
    func expectEqual(_ out: String, _ expected: String, count: Int) throws {
        for index in 0..<count {
            let stem = "0000\(index)-\(100 + index)"
            let latents = try bytes("\(stem).safetensors", out: out)
            #expect(try latents == bytes("\(stem).safetensors", out: expected), "\(stem)")
            #expect(
                try pixels("\(stem).png", out: out) == pixels("\(stem).png", out: expected),
                "\(stem)")
        }
        let images = try images(out: out)
        #expect(images.allSatisfy { $0["status"] as? String == "written" })
        for (index, image) in images.enumerated() {
            let digest = try #require(image["latent_sha256"] as? String)
            let archived = try bytes("latents/\(digest).f32", out: out)
            let latents = try bytes("0000\(index)-\(100 + index).safetensors", out: out)
            #expect(Array(latents.suffix(archived.count)) == archived && archived.count > 0)
        }
        #expect(names(out: out)?.contains { $0.hasSuffix(".tmp") } == false)
    }
}
