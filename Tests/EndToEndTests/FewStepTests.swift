// SPDX-License-Identifier: Apache-2.0

import Foundation
import GenerationTypes
import ImageCodec
import SafeTensors
import TestSupport
import Testing

extension EndToEndTests {
    /// Pictures in few steps: TAESD, and models that say how they are to be drawn.
    @Suite struct FewStepTests {
        /// What `--taesd` is told once.
        private static let notice = "pictures are decoded by TAESD"

        @Test func picturesByTAESDSaySo() async throws {
            let studio = try Studio()
            let file = try taesd(studio)
            let plain = try await studio.draw("-p", "a red house", out: "plain")
            let tiny = try await studio.draw(
                "-p", "a red house", "-b", "2", "--taesd", file, out: "tiny")
            #expect(plain.code == 0 && tiny.code == 0, "\(plain) \(tiny)")
            #expect(count(Self.notice, in: tiny.output + tiny.errorOutput) == 1, "\(tiny)")
            #expect(!(plain.output + plain.errorOutput).contains(Self.notice))
            let model = try #require(try run(studio, out: "tiny")["model"] as? [String: Any])
            let plainModel = try #require(
                try run(studio, out: "plain")["model"] as? [String: Any])
            #expect(model["decoder"] as? String == "TAESD" && plainModel["decoder"] == nil)
            #expect(model["unet_sha256"] as? String == plainModel["unet_sha256"] as? String)
            #expect(model["vae_sha256"] as? String != plainModel["vae_sha256"] as? String)
            let picture = try PNG.decode(try studio.bytes("00000-100.png", out: "tiny"))
            let parameters = picture.texts.first { $0.keyword == "parameters" }?.text
            #expect(parameters?.contains("VAE Decoder: TAESD") == true)
            let latents = try ["plain", "tiny"].map {
                try studio.images(out: $0)[0]["latent_sha256"] as? String
            }
            #expect(latents[0] == latents[1] && latents[0] != nil)
            #expect(try pixels(studio, out: "plain") != pixels(studio, out: "tiny"))
        }

        /// The run keeps its decoder: pictures that are made again are the same, from anywhere.
        @Test func aRunKeepsItsDecoder() async throws {
            let studio = try Studio()
            let file = try taesd(studio)
            let name = URL(filePath: file).lastPathComponent
            let drawn = try await studio.draw("-p", "a", "--taesd", name)
            #expect(drawn.code == 0, "\(drawn)")
            let before = try pixels(studio, out: "out")
            let again = try await studio.decode("--all")
            #expect(again.code == 0, "\(again)")
            #expect(try pixels(studio, out: "out") == before)
            // Another file of the name is another model.
            _ = try taesd(studio, seed: 2)
            let other = try await studio.decode("--all")
            #expect(other.code == 2 && other.errorOutput.contains("VAE is"), "\(other)")
        }

        /// A worker without TAESD samples; one with it decodes, too.
        @Test func workersNeedItOnlyToDecode() async throws {
            let studio = try Studio()
            let file = try taesd(studio)
            for out in ["without", "with"] {
                let worker =
                    out == "with"
                    ? try await studio.worker("--taesd", file) : try await studio.worker()
                let hosts = try studio.hosts(worker.address)
                let ending = try await studio.draw(
                    "--workers", hosts, "-p", "a red house", "--taesd", file, "--decode-on",
                    "workers", out: out)
                #expect(ending.code == 0, "\(ending)")
                let image = try #require(try studio.images(out: out).first)
                #expect((image["worker_decode_class"] is String) == (out == "with"))
            }
            #expect(try pixels(studio, out: "with") == pixels(studio, out: "without"))
        }

        @Test func filesThatAreNoTAESDAreRefusedAtOnce() async throws {
            let studio = try Studio()
            var writer = SafeTensorsWriter()
            writer.add("0.weight", shape: [1], values: [1])
            let other = studio.directory.file("other.safetensors")
            try writer.write(to: other)
            try studio.directory.write("no tensors", to: "text.safetensors")
            for name in ["other.safetensors", "text.safetensors", "absent.safetensors"] {
                let ending = try await studio.draw("-p", "a", "--taesd", name)
                #expect(ending.code == 2 && ending.errorOutput.contains(name), "\(ending)")
                #expect(studio.names() == nil)
            }
        }

        /// Trailing timesteps of Euler: four steps without guidance, unless told otherwise.
        @Test func aModelBringsItsRecipe() async throws {
            let studio = try Studio()
            let model = try studio.model(changing: "scheduler")
            let defaults = studio.directory.file("model/retom.json")
            try FileManager.default.removeItem(atPath: defaults)
            let configuration = studio.directory.file("model/scheduler/scheduler_config.json")
            try Data(
                """
                {"_class_name": "EulerDiscreteScheduler", "timestep_spacing": "trailing",
                 "beta_schedule": "scaled_linear", "beta_start": 0.00085, "beta_end": 0.012}
                """.utf8
            ).write(to: URL(filePath: configuration))
            func draw(_ options: String..., out: String) async throws -> RunningProgram.Ending {
                try await RunningProgram(
                    "retom-coord",
                    ["-m", model, "-p", "a", "-s", "1", "-W", "64", "-H", "64", "-t", "1", "-o"]
                        + [out] + options, in: studio.directory
                ).ending()
            }
            let own = try await draw(out: "own")
            #expect(own.code == 0, "\(own)")
            let told = "made for few steps without guidance: Euler, 4 steps, guidance 1.0, trailing"
            #expect(count(told, in: own.output + own.errorOutput) == 1, "\(own)")
            let request = try #require(
                try studio.images(out: "own")[0]["request"] as? [String: Any])
            #expect(request["steps"] as? Int == 4 && request["cfg_scale"] as? Double == 1)
            #expect(request["sampler_name"] as? String == "euler", "\(request)")
            let settings = try #require(
                try run(studio, out: "own")["settings"] as? [String: String])
            #expect(settings["recipe"]?.hasPrefix("Euler, 4 steps") == true)
            // Decoding outweighs four steps without guidance: the worker does it.
            #expect(try studio.images(out: "own")[0]["worker_decode_class"] is String)

            // What users write into the model's folder counts before that.
            try studio.directory.write(#"{"steps": 2, "cfg_scale": 1.5}"#, to: "model/retom.json")
            let set = try await draw(out: "set")
            #expect(set.code == 0, "\(set)")
            let changed = try #require(
                try studio.images(out: "set")[0]["request"] as? [String: Any])
            #expect(changed["steps"] as? Int == 2 && changed["cfg_scale"] as? Double == 1.5)
            #expect(changed["sampler_name"] as? String == "euler", "\(changed)")
            try FileManager.default.removeItem(atPath: defaults)

            let forced = try await draw("--steps", "12", "--cfg-scale", "7.5", out: "forced")
            #expect(forced.code == 0, "\(forced)")
            #expect(try studio.images(out: "forced")[0]["worker_decode_class"] == nil)
            for what in ["more than 10 steps", "guidance above 2"] {
                let told = "images ask for \(what)"
                #expect(count(told, in: forced.output + forced.errorOutput) == 1, "\(forced)")
            }
        }

        /// Writes a TAESD decoder of 16 channels with random weights, in the original layout.
        private func taesd(_ studio: Studio, seed: UInt64 = 1) throws -> String {
            var random = SplitMix64(seed: seed)
            var writer = SafeTensorsWriter()
            func add(_ name: String, _ outputs: Int, _ inputs: Int, hasBias: Bool = true) {
                let scale = (2 / Float(9 * inputs)).squareRoot()
                writer.add(
                    "\(name).weight", shape: [outputs, inputs, 3, 3],
                    values: (0..<outputs * inputs * 9).map { _ in scale * random.normal() })
                guard hasBias else { return }
                writer.add(
                    "\(name).bias", shape: [outputs],
                    values: (0..<outputs).map { _ in 0.1 * random.normal() })
            }
            add("1", 16, 4)
            for block in [3, 6, 9, 12] {
                for convolution in [0, 2, 4] { add("\(block).conv.\(convolution)", 16, 16) }
            }
            for convolution in [5, 8, 11] { add("\(convolution)", 16, 16, hasBias: false) }
            add("13", 3, 16)
            let path = studio.directory.file("taesd_decoder.safetensors")
            try writer.write(to: path)
            return path
        }

        private func pixels(_ studio: Studio, out: String) throws -> [UInt8] {
            try PNG.decode(studio.bytes("00000-100.png", out: out)).image.bytes
        }

        private func run(_ studio: Studio, out: String) throws -> [String: Any] {
            try #require(try studio.report(out: out)["run"] as? [String: Any])
        }
    }
}
