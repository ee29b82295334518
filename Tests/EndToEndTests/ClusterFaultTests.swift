// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc
import Testing

extension EndToEndTests {
    /// Misbehaving workers and strangers.
    @Suite struct ClusterFaultTests {
        /// Long enough to be interrupted in the middle.
        static let slow = ["--steps", "60", "-b", "4", "-p", "a red house", "--save-latents"]

        @Test func aKilledWorkersImagesGoToOthers() async throws {
            let studio = try Studio()
            let victim = try await studio.worker()
            let survivor = try await studio.worker()
            let hosts = try studio.hosts(victim.address, survivor.address)
            let run = try studio.start(Self.slow + ["--workers", hosts, "--json"])
            _ = try await run.line {
                $0.contains("\"image_progress\"") && $0.contains(victim.address)
            }
            victim.program.send(SIGKILL)
            let ending = try await run.ending()
            #expect(ending.code == 0, "\(ending)")
            #expect(ending.errorOutput.contains("worker \(victim.address) is lost"), "\(ending)")

            let calm = try studio.hosts(survivor.address, name: "calm.txt")
            let clean = try await studio.start(Self.slow + ["--workers", calm], out: "clean")
                .ending()
            #expect(clean.code == 0, "\(clean)")
            for index in 0..<4 {
                let name = "0000\(index)-\(100 + index).safetensors"
                #expect(try studio.bytes(name) == studio.bytes(name, out: "clean"))
            }
            let workers = try studio.images().compactMap { $0["worker"] as? String }
            #expect(workers.count == 4 && workers.contains(survivor.address))
        }

        /// Unloadable weights would be reported first if they were checked first.
        @Test func aPortInUseIsReportedBeforeTheModelIsLoaded() async throws {
            let studio = try Studio()
            let first = try await studio.worker()
            let model = try studio.model(changing: "unet")
            var weights = try WeightFile("\(model)/unet/diffusion_pytorch_model.safetensors")
            weights.bytes.removeLast()
            try weights.save()
            let second = try await RunningProgram(
                "retom-worker", ["--port", "\(first.port)", "-m", model], in: studio.directory
            ).ending()
            #expect(second.code == 2, "\(second)")
            #expect(second.errorOutput.contains("port \(first.port) on 127.0.0.1 is in use"))
        }

        @Test func localWorkersMayDieToo() async throws {
            let studio = try Studio()
            let run = try studio.start(Self.slow + ["--local-workers", "2", "-t", "2", "--json"])
            _ = try await run.line { $0.contains("\"image_progress\"") }
            let children = run.children
            try #require(children.count == 2)
            kill(try #require(children.first), SIGKILL)
            let ending = try await run.ending()
            #expect(ending.code == 0, "\(ending)")
            #expect(
                ending.errorOutput.contains("a local worker was ended by signal 9"), "\(ending)")
            #expect(studio.names()?.count { $0.hasSuffix(".safetensors") } == 4)
        }

        @Test func theRunEndsWithItsResultsWhenNoWorkerIsLeft() async throws {
            let studio = try Studio()
            let run = try studio.start(Self.slow + ["-b", "9", "--json"])
            _ = try await run.line { $0.contains("\"image_written\"") }
            for child in run.children { kill(child, SIGKILL) }
            let ending = try await run.ending()
            #expect(ending.code == 3, "\(ending)")
            #expect(ending.errorOutput.contains("no usable worker is left"), "\(ending)")
            let statuses = try studio.images().compactMap { $0["status"] as? String }
            let pictures = try #require(studio.names()).count {
                $0.hasPrefix("0000") && $0.hasSuffix(".png")
            }
            #expect(pictures >= 1 && statuses.count { $0 == "written" } == pictures)
            #expect(statuses.count { $0 == "failed" } == 9 - pictures)
        }

        @Test func unreachableAndForeignWorkersAreNamedAndLeftOut() async throws {
            let studio = try Studio()
            let model = try studio.model(changing: "unet")
            var weights = try WeightFile("\(model)/unet/diffusion_pytorch_model.safetensors")
            // One bit: no header reveals it, but the hash does.
            weights.bytes[weights.bytes.count - 1] ^= 1
            try weights.save()
            let other = try await studio.worker("-m", model)
            let good = try await studio.worker()
            let hosts = try studio.hosts("127.0.0.1:1", other.address, good.address)
            let ending = try await studio.draw("-p", "a", "-b", "2", "--workers", hosts)
            #expect(ending.code == 0, "\(ending)")
            for part in [
                "worker 127.0.0.1:1 is lost: connection refused",
                "worker \(other.address) is lost: it has another model",
            ] { #expect(ending.errorOutput.contains(part), "\(ending)") }

            let alone = try studio.hosts(other.address, name: "alone.txt")
            let refused = try await studio.draw("-p", "a", "--workers", alone, "-q", out: "none")
            #expect(refused.code == 3, "\(refused)")
            #expect(refused.errorOutput.contains("it has another model"), "\(refused)")
            #expect(
                studio.names(out: "none")
                    == ["index.html", "latents", "report.json", "run.lock", "run.sqlite"])
        }

        @Test func aPortInUse() async throws {
            let studio = try Studio()
            let first = try await studio.worker()
            let second = try RunningProgram(
                "retom-worker", ["--port", "\(first.port)"], in: studio.directory)
            let ending = try await second.ending()
            #expect(ending.code == 2, "\(ending)")
            #expect(ending.errorOutput.contains("\(first.port)"), "\(ending)")
            #expect(ending.errorOutput.contains("in use"), "\(ending)")
            #expect(ending.output.isEmpty)
        }

        @Test func strangersAtTheWorkersPort() async throws {
            let studio = try Studio()
            let worker = try await studio.worker()
            let hosts = try studio.hosts(worker.address)
            let run = try studio.start(Self.slow + ["--workers", hosts, "--json"])
            _ = try await run.line { $0.contains("\"image_progress\"") }
            let hello = Array("GET / HTTP/1.1\r\nHost: worker\r\n\r\n".utf8)
            var state: UInt64 = 1
            let noise = (0..<100_000).map { _ in
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                return UInt8(truncatingIfNeeded: state >> 56)
            }
            let strangers = try [hello, noise, [0x16, 0x03, 0x01], []].map {
                try Stranger(port: worker.port, says: $0)
            }
            #expect(try strangers[0].reply().hasPrefix("HTTP/1.1 4"))
            let ending = try await run.ending()
            #expect(ending.code == 0, "\(ending)")
            #expect(!ending.errorOutput.contains("lost"), "\(ending)")
            let again = try await studio.draw("-p", "a", "--workers", hosts, out: "again")
            #expect(again.code == 0, "\(again)")
            withExtendedLifetime(strangers) {}
        }

        @Test func damagedWeightsFailEveryImageByStep() async throws {
            let studio = try Studio()
            let model = try studio.model(changing: "unet")
            var weights = try WeightFile("\(model)/unet/diffusion_pytorch_model.safetensors")
            try weights.ruin("conv_out.bias")
            try weights.save()
            let ending = try await studio.draw("-p", "a", "-b", "5", "-m", model, "-q")
            #expect(ending.code == 1, "\(ending)")
            for index in 0..<5 {
                #expect(count("image \(index) failed", in: ending.errorOutput) == 1)
            }
            #expect(count("after step 1", in: ending.errorOutput) == 5, "\(ending)")
            #expect(
                studio.names()
                    == ["index.html", "latents", "report.json", "run.lock", "run.sqlite"])
            #expect(try studio.images().allSatisfy { $0["status"] as? String == "failed" })
        }

        @Test func twoCoordinatorsTakeTurns() async throws {
            let studio = try Studio()
            let worker = try await studio.worker()
            let hosts = try studio.hosts(worker.address)
            let first = try studio.start(Self.slow + ["--workers", hosts, "--json"])
            _ = try await first.line { $0.contains("\"image_progress\"") }
            let second = try await studio.draw("-p", "a", "--workers", hosts, out: "second")
            #expect(second.code == 0, "\(second)")
            #expect(second.errorOutput.contains("\(worker.address) is busy"), "\(second)")
            #expect(try await first.ending().code == 0)
        }
    }
}
