// SPDX-License-Identifier: Apache-2.0

import TestSupport
import Testing

extension EndToEndTests {
    /// The real programs with a bad network between them.
    @Suite struct FaultyNetworkTests {
        /// Corrupts the first connections to each worker: cut or damaged in mid-frame, slow after.
        private func plan(_ connection: Int) -> FaultyProxy.Plan {
            var plan = FaultyProxy.Plan()
            switch connection {
            case 0: plan.back.cutAt = 3000
            case 1: plan.back.flippedAt = 2000
            case 2: plan.forth.cutAt = 700
            default:
                (plan.forth.delayMilliseconds, plan.back.delayMilliseconds) = (2, 2)
                plan.back.bytesPerSecond = 200_000
            }
            return plan
        }

        @Test func badNetworksChangeNoByte() async throws {
            let studio = try Studio()
            let workers = [try await studio.worker(), try await studio.worker()]
            // A worker ends with its last reference.
            defer { withExtendedLifetime(workers) {} }
            let proxies = try workers.map { try FaultyProxy(to: $0.port, plan: plan) }
            defer { for proxy in proxies { proxy.stop() } }
            let arguments = ["-p", "a red house", "-b", "8", "--steps", "8", "--save-latents"]
            let hosts = try studio.hosts(
                "127.0.0.1:\(proxies[0].port)", "127.0.0.1:\(proxies[1].port)")
            let ending = try await studio.start(arguments + ["--workers", hosts]).ending()
            #expect(ending.code == 0, "\(ending)")
            #expect(count("is lost", in: ending.errorOutput) >= 2, "\(ending)")

            let calm = try studio.hosts(workers[0].address, name: "calm.txt")
            let quiet = try await studio.start(arguments + ["--workers", calm], out: "quiet")
                .ending()
            #expect(quiet.code == 0, "\(quiet)")
            // Pictures record worker, attempt and times; latents do not.
            for index in 0..<8 {
                let name = "0000\(index)-\(100 + index).safetensors"
                #expect(try studio.bytes(name) == studio.bytes(name, out: "quiet"), "\(name)")
            }
        }
    }
}
