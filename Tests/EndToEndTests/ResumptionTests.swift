// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc
import Testing

extension EndToEndTests {
    /// An image whose worker is killed goes on at another one.
    @Suite struct ResumptionTests {
        private struct Line: Decodable {
            var event: String
            var worker: String?
            var step: Int?

            init?(_ text: String) {
                guard let line = try? JSONDecoder().decode(Line.self, from: Data(text.utf8)) else {
                    return nil
                }
                self = line
            }
        }

        @Test(arguments: ["ddim", "dpm++2m"])
        func theNextWorkerGoesOnWhereTheKilledOneWas(_ sampler: String) async throws {
            let studio = try Studio()
            let workers = [try await studio.worker(), try await studio.worker()]
            let hosts = try studio.hosts(workers[0].address, workers[1].address)
            let options = [
                "-p", "a red house", "--steps", "300", "--sampling-method", sampler,
                "--save-latents",
            ]
            let run = try studio.start(
                options + ["--workers", hosts, "--checkpoint-every", "20", "--json"])
            let seen = try await run.line {
                Line(String($0)).map { $0.event == "image_progress" && $0.step ?? 0 >= 45 } ?? false
            }
            let victim = try #require(Line(seen)?.worker)
            try #require(workers.first { $0.address == victim }).program.send(SIGKILL)
            let ending = try await run.ending()
            #expect(ending.code == 0, "\(ending)")

            let image = try #require(try studio.images().first)
            let survivor = try #require(image["worker"] as? String)
            let step = try #require(image["resumed_from_step"] as? Int)
            #expect(survivor != victim && step >= 40 && step.isMultiple(of: 20))
            // No step was done again.
            let lines = ending.output.split(separator: "\n").compactMap { Line(String($0)) }
            #expect(lines.contains { $0.event == "image_resumed" && $0.step == step })
            let steps = lines.filter { $0.event == "image_progress" && $0.worker == survivor }
            #expect(steps.allSatisfy { $0.step ?? 0 >= step })

            let calm = try studio.hosts(survivor, name: "calm.txt")
            let clean = try await studio.start(options + ["--workers", calm], out: "clean").ending()
            #expect(clean.code == 0, "\(clean)")
            let name = "00000-100.safetensors"
            #expect(try studio.bytes(name) == studio.bytes(name, out: "clean"))
            #expect(try studio.images(out: "clean").first?["resumed_from_step"] == nil)
        }
    }
}
