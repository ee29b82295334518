// SPDX-License-Identifier: Apache-2.0

import Foundation
import Runs
import ServiceEngine
import ServiceLedger
import TestSupport
import Testing

/// What a service keeps, over HTTP.
@Suite(.timeLimit(.minutes(5))) struct KeepingTests {
    private func files(_ service: TestService, of id: String) -> Int {
        let folder = "\(service.store.directory)/pictures/\(id)"
        return (try? FileManager.default.contentsOfDirectory(atPath: folder).count) ?? 0
    }

    private func latentCount(_ service: TestService) throws -> Int {
        try FileManager.default.contentsOfDirectory(atPath: service.store.archive.path).count
    }

    @Test func whatEndedFirstMakesRoomUnlessItIsPinned() async throws {
        try await TestService.with {
            $0.limits.keepByteCount = 1
        } _: { service in
            let path = "/retom/v1/batches/"
            service.gate.open()
            let first = try await service.finish(Family.native.body(2))
            let pinned = try await service.client.post(path + first + "/pin", "")
            #expect(pinned.status == 200 && pinned.json["pinned"] as? Bool == true, "\(pinned)")
            #expect(pinned.json["keep_until"] == nil, "\(pinned)")
            let second = try await service.finish(Family.native.body(2, seed: 50))
            let kept = try await service.batch(second)
            #expect(kept["pinned"] as? Bool == false && kept["keep_until"] is Double, "\(kept)")
            service.pass(seconds: 1)
            try await service.wait("the second is deleted") {
                try await service.client.send("GET", path + second).status == 410
                    && files(service, of: second) == 0 && latentCount(service) == 2
            }
            for part in ["/images/0", "/latents/0", "/report", "/events"] {
                let answer = try await service.client.send("GET", path + second + part)
                #expect(answer.status == 410, "\(part): \(answer)")
                #expect(answer.json["code"] as? String == "erased", "\(answer)")
            }
            let late = try await service.client.post(path + second + "/pin", "")
            #expect(late.status == 410, "\(late)")
            #expect(files(service, of: first) == 2)
            #expect(try await service.client.send("GET", path + first + "/images/1").status == 200)
            // A week does not end what is pinned, and then 30 days of its name follow.
            service.pass(seconds: 8 * 86_400)
            #expect(try await service.batch(first)["pinned"] as? Bool == true)
            let unpinned = try await service.client.post(path + first + "/unpin", "")
            #expect(unpinned.json["keep_until"] is Double, "\(unpinned)")
            service.pass(seconds: 1)
            try await service.wait("the first is deleted") {
                try await service.client.send("GET", path + first).status == 410
                    && latentCount(service) == 0
            }
            service.pass(seconds: 29 * 86_400)
            #expect(try await service.client.send("GET", path + first).status == 410)
            service.pass(seconds: 2 * 86_400)
            try await service.wait("its name is forgotten") {
                try await service.client.send("GET", path + first).status == 404
            }
            let unknown = try await service.client.post(path + first + "/pin", "")
            #expect(unknown.status == 404, "\(unknown)")
        }
    }

    /// Readers get all of a picture, or hear that it was deleted.
    @Test func whoReadsMeanwhileGetsAllOrNothing() async throws {
        try await TestService.with { service in
            let path = "/retom/v1/batches/"
            let id = try await service.finish(Family.native.body(4))
            let whole = try await service.client.send("GET", path + id + "/images/0").body
            try await withThrowingTaskGroup(of: Void.self) { tasks in
                for reader in 0..<4 {
                    tasks.addTask {
                        var status = 200
                        while status == 200 {
                            let part = reader % 2 == 0 ? "/images/0" : "/report"
                            let answer = try await service.client.send("GET", path + id + part)
                            status = answer.status
                            if status == 200, reader % 2 == 0 { #expect(answer.body == whole) }
                            if status == 200, reader % 2 == 1 {
                                let run = answer.json["run"] as? [String: Any]
                                #expect(run?["images_written"] as? Int == 4, "\(answer)")
                            }
                        }
                        #expect(status == 410)
                    }
                }
                tasks.addTask {
                    try await Task.sleep(for: .milliseconds(20))
                    service.pass(seconds: 8 * 86_400)
                }
                try await tasks.waitForAll()
            }
        }
    }

    /// A file that somebody else removed is no deleted batch.
    @Test func aPictureThatIsGoneIsSaidToBe() async throws {
        try await TestService.with { service in
            let id = try await service.finish(Family.native.body())
            try FileManager.default.removeItem(
                atPath: "\(service.store.directory)/pictures/\(id)")
            let answer = try await service.client.send("GET", "/retom/v1/batches/\(id)/images/0")
            #expect(answer.status == 410, "\(answer)")
            #expect(answer.json["code"] as? String == "no_picture", "\(answer)")
        }
    }
}
