// SPDX-License-Identifier: Apache-2.0

import Testing

extension EndToEndTests {
    /// An image is a pure function of its request: its latents always have the same bytes.
    @Suite struct DeterminismTests {
        @Test func latentsDoNotDependOnBatchOrWorkers() async throws {
            let studio = try Studio()
            let first = try await studio.worker()
            let second = try await studio.worker()
            let one = try studio.hosts(first.address, name: "one.txt")
            let two = try studio.hosts(first.address, second.address, name: "two.txt")
            let drawing = ["-p", "a red house in the snow", "--save-latents"]

            let runs: [(out: String, arguments: [String])] = [
                ("batch", ["--workers", one, "-b", "8"]),
                ("pair", ["--workers", two, "-b", "8"]),
                ("local", ["--local-workers", "2", "-t", "2", "-b", "8"]),
                ("first", ["--workers", two]),
                ("last", ["--workers", one, "-s", "107"]),
            ]
            for run in runs {
                let ending = try await studio.start(drawing + run.arguments, out: run.out).ending()
                #expect(ending.code == 0, "\(run.out): \(ending)")
            }
            for index in 0..<8 {
                let name = "0000\(index)-\(100 + index).safetensors"
                let expected = try studio.bytes(name, out: "batch")
                #expect(try studio.bytes(name, out: "pair") == expected)
                #expect(try studio.bytes(name, out: "local") == expected)
            }
            let batch = try (0..<8).map {
                try studio.bytes("0000\($0)-\(100 + $0).safetensors", out: "batch")
            }
            #expect(Set(batch).count == 8)
            #expect(try studio.bytes("00000-100.safetensors", out: "first") == batch[0])
            #expect(try studio.bytes("00000-107.safetensors", out: "last") == batch[7])
            for out in ["pair", "local"] {
                let workers = Set(
                    try studio.images(out: out).compactMap { $0["worker"] as? String })
                #expect(workers.count == 2, "\(out): both workers contribute")
                #expect(
                    try studio.images(out: out).map { $0["latent_sha256"] as? String }
                        == studio.images(out: "batch").map { $0["latent_sha256"] as? String })
            }
        }
    }
}
