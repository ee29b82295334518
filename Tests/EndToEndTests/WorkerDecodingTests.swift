// SPDX-License-Identifier: Apache-2.0

import Foundation
import GenerationTypes
import ImageCodec
import Testing

extension EndToEndTests {
    /// Pictures decoded by workers.
    @Suite struct WorkerDecodingTests {
        /// Same kernels, same pixels, wherever they are decoded.
        @Test func picturesDoNotDependOnTheDecodingNode() async throws {
            let studio = try Studio()
            let arguments = ["-p", "a red house", "-b", "3"]
            for place in ["coordinator", "workers"] {
                let ending = try await studio.start(
                    arguments + ["--decode-on", place], out: place
                ).ending()
                #expect(ending.code == 0, "\(ending)")
            }
            for index in 0..<3 {
                let name = "0000\(index)-\(100 + index).png"
                let pixels = try ["coordinator", "workers"].map {
                    try PNG.decode(studio.bytes(name, out: $0)).image
                }
                #expect(pixels[0] == pixels[1])
            }
            let images = try studio.images(out: "workers")
            #expect(images.allSatisfy { $0["worker_decode_class"] is String })
            let run = try #require(try studio.report(out: "workers")["run"] as? [String: Any])
            #expect(run["decode_share"] as? Double == 0)
            let plain = try studio.images(out: "coordinator")
            #expect(plain.allSatisfy { $0["worker_decode_class"] == nil })
        }

        /// A VAE that returns NaN fails the images and is named, on coordinator and workers, and
        /// later.
        @Test func aDamagedDecoderMakesNoPictures() async throws {
            let studio = try Studio()
            let model = try studio.model(changing: "vae")
            var weights = try WeightFile("\(model)/vae/diffusion_pytorch_model.safetensors")
            try weights.ruin("decoder.conv_out.bias")
            try weights.save()
            let reason = "the VAE's decoder returned values that are not finite"
            for place in ["coordinator", "workers", "none"] {
                let isLater = place == "none"
                let drawn = try await studio.start(
                    ["-p", "a", "-b", "2", "-m", model, "-q", "--decode-on", place], out: place
                ).ending()
                #expect(drawn.code == (isLater ? 0 : 1), "\(drawn)")
                let ending = isLater ? try await studio.decode("-q", out: place) : drawn
                #expect(ending.code == 1, "\(ending)")
                #expect(count(reason, in: ending.errorOutput) >= 2, "\(ending)")
                for index in 0..<2 {
                    let said = "image \(index) \(isLater ? "can't be decoded" : "failed")"
                    #expect(count(said, in: ending.errorOutput) == 1, "\(ending)")
                }
                let names = try #require(studio.names(out: place))
                #expect(!names.contains { $0.hasSuffix(".png") }, "\(names)")
            }
        }
    }
}
