// SPDX-License-Identifier: Apache-2.0

import Foundation
import GenerationTypes
import ImageCodec
import SafeTensors
import TestSupport
import Testing

extension EndToEndTests {
    /// The output of a run, and the sources of prompts.
    @Suite struct OutputTests {
        @Test func filesAreAsPromised() async throws {
            let studio = try Studio()
            let ending = try await studio.draw(
                "-p", "a red house", "-p", "a \"cat\" <b>", "-b", "2", "-n", "blurry",
                "-W", "128", "--save-latents", "--json")
            #expect(ending.code == 0, "\(ending)")
            let pictures = (0..<4).map { "0000\($0)-\(100 + $0)" }
            #expect(
                studio.names()
                    == (pictures.flatMap { ["\($0).png", "\($0).safetensors"] }
                    + [
                        "grid-0000.png", "index.html", "latents", "report.json", "run.lock",
                        "run.sqlite",
                    ])
                    .sorted())

            let picture = try PNG.decode(try studio.bytes("00003-103.png"))
            #expect(picture.image.width == 128 && picture.image.height == 64)
            let texts = Dictionary(
                uniqueKeysWithValues: picture.texts.map { ($0.keyword, $0.text) })
            let parameters = try #require(texts["parameters"])
            #expect(parameters.hasPrefix("a \"cat\" <b>\nNegative prompt: blurry\nSteps: 2, "))
            for part in ["Seed: 103", "Size: 128x64", "CFG scale: 7.5", "RNG: CPU"] {
                #expect(parameters.contains(part), "\(parameters)")
            }
            let text = try #require(texts["retom"])
            let json = try JSONSerialization.jsonObject(with: Data(text.utf8))
            let account = try #require(json as? [String: Any])
            let image = try studio.images()[3]
            #expect(account["latent_sha256"] as? String == image["latent_sha256"] as? String)

            let latents = try SafeTensorsFile(
                path: studio.directory.file("out/00003-103.safetensors"))
            #expect(latents.names == ["latents"])
            #expect(try latents.tensor("latents").shape == [1, 4, 8, 16])
            #expect(try PNG.decode(try studio.bytes("grid-0000.png")).image.width >= 256)
            let page = String(decoding: try studio.bytes("index.html"), as: UTF8.self)
            #expect(page.contains("00003-103.png") && page.contains("a &quot;cat&quot; &lt;b&gt;"))
        }

        @Test func reportAndEventsAgree() async throws {
            let studio = try Studio()
            let ending = try await studio.draw("-p", "a red house", "-b", "3", "--json", "-q")
            #expect(ending.code == 0, "\(ending)")
            #expect(ending.errorOutput.isEmpty)
            let report = try studio.report()
            let run = try #require(report["run"] as? [String: Any])
            #expect(report["format_version"] as? Int == 1)
            #expect(run["images_written"] as? Int == 3 && run["images_failed"] as? Int == 0)
            for key in [
                "version", "model", "base_seed", "batch_count", "settings", "started_at",
                "finished_at", "workers", "wire", "sheets", "wall_seconds", "images_per_second",
                "decode_share",
            ] { #expect(run[key] != nil, "\(key)") }
            let wire = try #require(run["wire"] as? [String: Int])
            // f32, and some bytes for lease, times and hash.
            let latentByteCount = 4 * 8 * 8 * MemoryLayout<Float>.stride
            #expect(try #require(wire["latent_bytes"]) / 3 - latentByteCount < 256)
            #expect(try #require(wire["received_bytes"]) >= 3 * latentByteCount / 2)
            for image in try studio.images() {
                #expect(image["status"] as? String == "written")
                #expect((image["latent_sha256"] as? String)?.count == 64)
                for key in ["index", "request", "file", "worker", "attempts", "timings"] {
                    #expect(image[key] != nil, "\(key)")
                }
            }

            let events = try events(ending.output)
            #expect(events.allSatisfy { $0["time"] is NSNumber })
            let names = events.compactMap { $0["event"] as? String }
            #expect(names.first == "run_started" && names.last == "run_finished")
            for (name, times) in [
                ("worker_connected", 1), ("image_started", 3), ("image_progress", 6),
                ("image_sampled", 3), ("image_written", 3),
            ] { #expect(names.count { $0 == name } == times, "\(name): \(names)") }
            let files = events.compactMap { $0["file"] as? String }
            #expect(Set(files) == Set(try studio.images().compactMap { $0["file"] as? String }))
        }

        /// A pipe that nobody reads holds 64 KiB; the run continues anyway.
        @Test func aFullPipeDoesNotBlockARun() async throws {
            let studio = try Studio()
            let run = try studio.start(
                ["-p", "a", "-b", "150", "--steps", "2", "--json"],
                preparations: "mkfifo pipe; exec 3<>pipe >pipe")
            let deadline = ContinuousClock.now + RunningProgram.patience
            while studio.names()?.contains("report.json") != true {
                try #require(ContinuousClock.now < deadline, "\(run.errorOutput)")
                try await Task.sleep(for: .milliseconds(5))
            }
            let pipe = try #require(FileHandle(forReadingAtPath: studio.directory.file("pipe")))
            var output = Data()
            while !output.suffix(200).contains(Data("run_finished".utf8)) {
                output += try #require(try pipe.read(upToCount: 4096))
            }
            #expect(try await run.ending().code == 0)
            let text = String(decoding: output, as: UTF8.self)
            #expect(count("image_written", in: text) == 150)
            #expect(text.utf8.count > 65536, "the pipe was full")
        }

        /// Readers that disconnect and streams that were never open cost no picture.
        @Test(arguments: [
            "mkfifo pipe; head -1 pipe >/dev/null & exec >pipe", "exec >&-", "exec 2>&-",
            "exec 0<&- >&- 2>&-", "exec >/dev/full 2>/dev/full",
        ])
        func nobodyListens(_ streams: String) async throws {
            let studio = try Studio()
            let ending = try await studio.draw(
                "-p", "a", "-b", "3", "--steps", "9", "--json", preparations: streams)
            #expect(ending.code == 0, "\(ending)")
            #expect(try studio.images().allSatisfy { $0["status"] as? String == "written" })
            for index in 0..<3 {
                let picture = try PNG.decode(try studio.bytes("0000\(index)-\(100 + index).png"))
                #expect(picture.image.width == 64)
            }
        }

        @Test func promptsComeFromEverywhere() async throws {
            let studio = try Studio()
            let text = """
                # a comment
                a blue boat

                {"prompt": "ein Häuschen 🏠", "seed": 7, "width": 128, "steps": 1}
                --prompt "a green tree" --negative_prompt "people" --steps 3
                """
            let file = try studio.directory.write(Array(text.utf8), to: "wünsche 🎈.txt")
            let ending = try await studio.draw(
                "-p", "a red house", "--prompts", file, out: "bilder 🎨")
            #expect(ending.code == 0, "\(ending)")
            let requests = try studio.images(out: "bilder 🎨").map {
                try #require($0["request"] as? [String: Any])
            }
            #expect(
                requests.map { $0["prompt"] as? String }
                    == ["a red house", "a blue boat", "ein Häuschen 🏠", "a green tree"])
            #expect(requests.map { $0["seed"] as? Int } == [100, 101, 7, 103])
            #expect(requests.map { $0["steps"] as? Int } == [2, 2, 1, 3])
            #expect(requests.map { $0["width"] as? Int } == [64, 64, 128, 64])
            #expect(requests[3]["negative_prompt"] as? String == "people")
            #expect(studio.names(out: "bilder 🎨")?.contains("00002-7.png") == true)

            let piped = try await studio.draw(
                "--prompts", "-", out: "piped",
                input: .bytes(Array("\u{FEFF}a blue boat\r\n".utf8)))
            #expect(piped.code == 0, "\(piped)")
            #expect(studio.names(out: "piped")?.contains("00000-100.png") == true)
        }

        @Test func longPromptsAreCutWithAWarning() async throws {
            let studio = try Studio()
            let prompt = String(repeating: "house ", count: 80) + "with a purple dragon"
            let ending = try await studio.draw("-p", prompt)
            #expect(ending.code == 0, "\(ending)")
            #expect(count("purple dragon\"", in: ending.errorOutput) == 1, "\(ending)")
            #expect(ending.errorOutput.contains("were left out"))
        }

        @Test func anEarlierRunIsReplacedOnlyOnRequest() async throws {
            let studio = try Studio()
            #expect(try await studio.draw("-p", "a cat", "-b", "2").code == 0)
            try studio.directory.write([1], to: "out/mine.txt")
            let before = try studio.bytes("00000-100.png")

            let refused = try await studio.draw("-p", "a dog")
            #expect(refused.code == 2)
            #expect(refused.errorOutput.contains("--overwrite"), "\(refused)")
            #expect(try studio.bytes("00000-100.png") == before)

            // A run that cannot begin removes nothing.
            let model = try studio.model(changing: "unet")
            var weights = try WeightFile("\(model)/unet/diffusion_pytorch_model.safetensors")
            weights.bytes.removeLast(weights.bytes.count / 2)
            try weights.save()
            #expect(try await studio.draw("-p", "a dog", "--overwrite", "-m", model).code == 2)
            #expect(try studio.bytes("00000-100.png") == before)

            let report = try studio.bytes("report.json")
            let nobody = try studio.hosts("127.0.0.1:1")
            let lonely = try await studio.draw("-p", "a dog", "--overwrite", "--workers", nobody)
            #expect(lonely.code == 3)
            #expect(studio.names()?.contains { $0.hasPrefix("run-new") } == false)
            #expect(lonely.errorOutput.contains("the earlier run stays"), "\(lonely)")
            #expect(try studio.bytes("00000-100.png") == before)
            #expect(try studio.bytes("report.json") == report)

            #expect(try await studio.draw("-p", "a dog", "--overwrite").code == 0)
            #expect(
                studio.names() == [
                    "00000-100.png", "grid-0000.png", "index.html", "latents", "mine.txt",
                    "report.json", "run.lock", "run.sqlite",
                ])
            // Not even its latents are left.
            let latents = try FileManager.default.contentsOfDirectory(
                atPath: studio.directory.file("out/latents"))
            #expect(latents.count == 1)
        }
    }
}
