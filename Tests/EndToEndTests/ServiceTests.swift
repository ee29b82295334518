// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc
import ImageCodec
import TestSupport
import Testing

extension EndToEndTests {
    /// The promises of `retom-serve`.
    @Suite struct ServiceTests {
        /// Six images that take long enough to be interrupted.
        private static let slow = """
            {"prompts": ["a red house", "a boat"],
             "settings": {"steps": 60, "batch_size": 3, "seed": 100}}
            """

        @Test func imagesAreThoseOfTheBatchCommand() async throws {
            let studio = try Studio()
            let drawn = try await studio.draw(
                "-p", "a red house", "-p", "a boat", "-b", "2", "--save-latents")
            #expect(drawn.code == 0, "\(drawn)")
            let service = try await studio.serve()
            let id = try await service.submit(
                """
                {"prompts": ["a red house", {"prompt": "a boat"}], "note": "for me",
                 "settings": {"n_iter": 2, "seed": 100}}
                """)
            let batch = try await service.end(of: id)
            #expect(batch["status"] as? String == "completed", "\(batch)")
            #expect(batch["finished"] as? Int == 4 && batch["note"] as? String == "for me")
            let images = try #require(batch["images"] as? [[String: Any]])
            #expect(
                images.map { $0["status"] as? String } == Array(repeating: "completed", count: 4))
            for index in 0..<4 {
                let stem = "0000\(index)-\(100 + index)"
                let latents = try await service.client.send(
                    "GET", "/retom/v1/batches/\(id)/latents/\(index)")
                #expect(try latents.body == studio.bytes("\(stem).safetensors"), "\(stem)")
                let picture = try await service.client.send(
                    "GET", "/retom/v1/batches/\(id)/images/\(index)")
                let decoded = try PNG.decode(picture.body)
                #expect(try decoded.image == studio.pixels("\(stem).png"), "\(stem)")
                let parameters = decoded.texts.first { $0.keyword == "parameters" }
                #expect(parameters?.text.contains("Seed: \(100 + index)") == true)
            }
            let report = try await service.client.send("GET", "/retom/v1/batches/\(id)/report")
            let run = try #require(report.json["run"] as? [String: Any], "\(report)")
            #expect(run["images_written"] as? Int == 4)
            let missing = try await service.client.send(
                "GET", "/retom/v1/batches/\(id)/images/4")
            #expect(missing.status == 404 && missing.text.contains("0 to 3"), "\(missing)")
        }

        /// Whatever was accepted is finished once, whenever the service is killed.
        @Test func aKilledServiceGoesOn() async throws {
            let studio = try Studio()
            let clean = try await studio.start(
                ["-p", "a red house", "-p", "a boat", "-b", "3", "--steps", "60", "--save-latents"]
            ).ending()
            #expect(clean.code == 0, "\(clean)")
            var service = try await studio.serve()
            let id = try await service.submit(Self.slow, key: "one")
            for finished in [1, 3] {
                _ = try await service.wait(for: id) { $0["finished"] as? Int ?? 0 >= finished }
                service.program.send(SIGKILL)
                #expect(try await service.program.ending().code == 128 + SIGKILL)
                service = try await studio.serve()
                #expect(try await service.submit(Self.slow, key: "one") == id)
            }
            let batch = try await service.end(of: id)
            #expect(batch["status"] as? String == "completed", "\(batch)")
            for index in 0..<6 {
                let latents = try await service.client.send(
                    "GET", "/retom/v1/batches/\(id)/latents/\(index)")
                let name = "0000\(index)-\(100 + index).safetensors"
                #expect(try latents.body == studio.bytes(name), "\(name)")
            }
            let list = try await service.client.send("GET", "/retom/v1/batches")
            #expect((list.json["batches"] as? [Any])?.count == 1)
            let pictures = studio.names(out: "state/pictures/\(id)")
            #expect(pictures == (0..<6).map { "0000\($0)-\(100 + $0).png" })
            let other = try await service.client.post(
                "/retom/v1/batches", "{\"prompts\": [\"another\"]}",
                headers: ["Idempotency-Key": "one"])
            #expect(other.status == 422, "\(other)")
            #expect(other.json["code"] as? String == "idempotency_key_reused")
        }

        @Test func aKilledWorkerIsStartedAgain() async throws {
            let studio = try Studio()
            let service = try await studio.serve()
            let id = try await service.submit(Self.slow)
            _ = try await service.wait(for: id) { $0["finished"] as? Int ?? 0 >= 1 }
            kill(try #require(service.program.children.first), SIGKILL)
            let batch = try await service.end(of: id)
            #expect(batch["status"] as? String == "completed", "\(batch)")
        }

        @Test func cancellingFreesTheWorkerForOthers() async throws {
            let studio = try Studio()
            let service = try await studio.serve()
            let large = try await service.submit(
                "{\"prompts\": [\"a\"], \"settings\": {\"steps\": 150, \"batch_size\": 5000}}")
            _ = try await service.wait(for: large) { $0["status"] as? String == "generating" }
            let single = try await service.submit("{\"prompts\": [\"a boat\"]}")
            // A single picture waits for the rest of one image, not for 5,000.
            let drawn = try await service.end(of: single)
            #expect(drawn["status"] as? String == "completed", "\(drawn)")
            for _ in 0..<2 {
                let answer = try await service.client.post(
                    "/retom/v1/batches/\(large)/cancel", "")
                #expect(answer.status == 200, "\(answer)")
                #expect(answer.json["status"] as? String == "cancelled", "\(answer)")
            }
            let erased = try await service.client.send("DELETE", "/retom/v1/batches/\(large)")
            #expect(erased.status == 204, "\(erased)")
            let gone = try await service.client.send("GET", "/retom/v1/batches/\(large)")
            #expect(gone.status == 410, "\(gone)")
        }

        @Test func eventsTellOfEveryOutcome() async throws {
            let studio = try Studio()
            let service = try await studio.serve()
            let id = try await service.submit(Self.slow)
            let stream = try await service.client.send(
                "GET", "/retom/v1/batches/\(id)/events",
                until: "\"status\":\"completed\",\"waiting\"")
            let types = stream.text.split(separator: "\n").filter { $0.hasPrefix("event: ") }
            #expect(types.first == "event: snapshot")
            #expect(types.contains("event: progress") && types.last == "event: batch", "\(types)")
            for index in 0..<6 {
                let isDone = stream.text.components(separatedBy: "\n").contains {
                    $0.contains("\"index\":\(index),") && $0.contains("\"status\":\"completed\"")
                }
                #expect(isDone, "image \(index): \(stream)")
            }
        }

        @Test func keysOpenTheDoor() async throws {
            let studio = try Studio()
            let made = try await RunningProgram(
                "retom-serve", ["keys", "add", "ann", "--state", "state"], in: studio.directory
            ).ending()
            #expect(made.code == 0, "\(made)")
            let key = made.output.trimmingCharacters(in: .whitespacesAndNewlines)
            let service = try await studio.serve("--public-url", "https://draw.example.org")
            let path = "/retom/v1/batches"
            #expect(try await service.client.send("GET", path).status == 401)
            let headers = ["Authorization": "Bearer \(key)"]
            let answer = try await service.client.post(
                path, "{\"prompts\": [\"a\"]}", headers: headers)
            #expect(answer.status == 202, "\(answer)")
            let revoked = try await RunningProgram(
                "retom-serve", ["keys", "revoke", "ann", "--state", "state"], in: studio.directory
            ).ending()
            #expect(revoked.code == 0, "\(revoked)")
            #expect(try await service.client.send("GET", path, headers: headers).status == 401)
        }

        @Test func wrongUseIsOneSentence() async throws {
            let studio = try Studio()
            let cases: [([String], String)] = [
                (["--host", "0.0.0.0"], "retom-serve keys add"),
                (["--public-url", "https://a.org"], "retom-serve keys add"),
                (["--keep", "soon"], "--keep soon"),
                (["--keep-bytes", "much"], "--keep-bytes much"), (["--keep-bytes", "5ß"], "5ß"),
                (["--port", "99999"], "--port 99999"),
                (["-m", "absent"], "absent"), (["--seed", "3"], "--seed"),
                (["--steps", "0"], "0 steps"), (["--decode-on", "none"], "--decode-on none"),
            ]
            for (arguments, part) in cases {
                let ending = try await RunningProgram(
                    "retom-serve", ["--state", "s", "--port", "0"] + arguments,
                    in: studio.directory
                ).ending()
                #expect(ending.code == 2 && ending.errorOutput.contains(part), "\(ending)")
            }
        }

        @Test func oneServiceUsesADirectoryAndStopsWhenAsked() async throws {
            let studio = try Studio()
            let service = try await studio.serve()
            let second = try await RunningProgram(
                "retom-serve", ["--state", "state", "--port", "0"], in: studio.directory
            ).ending()
            #expect(second.code == 2 && second.errorOutput.contains("another service"), "\(second)")
            let third = try await RunningProgram(
                "retom-serve",
                ["--state", "other", "--port", "\(service.client.port)"] + Studio.quick,
                in: studio.directory
            ).ending()
            #expect(
                third.code == 2 && third.errorOutput.contains("port \(service.client.port)"),
                "\(third)")
            let id = try await service.submit(Self.slow)
            let health = try await service.client.send("GET", "/readyz")
            #expect(health.status == 200 && health.text == "ok\n")
            let metrics = try PrometheusPage(try await service.client.send("GET", "/metrics").text)
            #expect(metrics.values["retom_live_batches"] == 1)
            let worker = try #require(service.program.children.first)
            service.program.send(SIGTERM)
            let ending = try await service.program.ending(within: .seconds(20))
            #expect(ending.code == 0, "\(ending)")
            #expect(kill(worker, 0) != 0)
            let next = try await studio.serve()
            #expect(try await next.end(of: id)["status"] as? String == "completed")
        }
    }
}
