// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

extension EndToEndTests {
    /// Other contents of model folders, and changes to them during a run.
    @Suite struct ModelFolderTests {
        @Test func omittedComponentsAreReportedOnce() async throws {
            let studio = try Studio()
            let model = try studio.model(changing: "model_index.json")
            let url = URL(filePath: "\(model)/model_index.json")
            var index = try #require(
                try JSONSerialization.jsonObject(with: Data(contentsOf: url)) as? [String: Any])
            index["safety_checker"] = ["stable_diffusion", "StableDiffusionSafetyChecker"]
            try JSONSerialization.data(withJSONObject: index).write(to: url)
            let ending = try await studio.draw(
                "-m", model, "-p", "a house", "-p", "a boat", "--local-workers", "2")
            #expect(ending.code == 0, "\(ending)")
            #expect(count("safety_checker", in: ending.output + ending.errorOutput) == 1)
        }

        @Test func mergingThatMergesNothingIsReportedOnce() async throws {
            let studio = try Studio()
            let idle = try await studio.draw(
                "-p", "a house", "-p", "a boat", "--merge-ratio", "0", out: "idle")
            #expect(idle.code == 0, "\(idle)")
            let told = idle.output + idle.errorOutput
            #expect(count("no tokens merge in 2 of 2 images", in: told) == 1, "\(idle)")
            let run = try #require(try studio.report(out: "idle")["run"] as? [String: Any])
            #expect(run["merged_nothing"] as? Bool == true)
            for (out, options) in [("merged", []), ("plain", ["--merge", "none"])] {
                let ending = try await studio.start(["-p", "a house"] + options, out: out).ending()
                #expect(ending.code == 0, "\(ending)")
                #expect(!(ending.output + ending.errorOutput).contains("no tokens merge"))
                let run = try #require(try studio.report(out: out)["run"] as? [String: Any])
                #expect(run["merged_nothing"] == nil)
            }
        }

        /// A new version is copied over the old one while the worker serves: prompts that need the
        /// file fail with the reason, and the worker survives.
        @Test(arguments: [UInt64(0), 4096])
        func modelsOverwrittenUnderAWorkerFailWithTheReason(length: UInt64) async throws {
            let studio = try Studio()
            let model = try studio.model(changing: "text_encoder")
            let worker = try await studio.worker("-m", model)
            let hosts = try studio.hosts(worker.address)
            let first = try await studio.draw("--workers", hosts, "-p", "a house", out: "first")
            #expect(first.code == 0, "\(first)")
            let weights = "\(model)/text_encoder/model.safetensors"
            try FileHandle(forWritingTo: URL(filePath: weights)).truncate(atOffset: length)
            let second = try await studio.draw("--workers", hosts, "-p", "a boat", out: "second")
            #expect(second.code == 1, "\(second)")
            #expect(
                second.errorOutput.contains("model.safetensors was changed while it was in use"),
                "\(second)")
            // Its states are cached, so the file is not needed.
            let third = try await studio.draw("--workers", hosts, "-p", "a house", out: "third")
            #expect(third.code == 0, "\(third)")
            func digest(_ out: String) throws -> String {
                try #require(try studio.images(out: out)[0]["latent_sha256"] as? String)
            }
            #expect(try digest("third") == digest("first"))
        }
    }
}
