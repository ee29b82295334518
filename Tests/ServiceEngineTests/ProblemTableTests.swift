// SPDX-License-Identifier: Apache-2.0

import Foundation
import HTTPService
import Runs
import ServiceEngine
import ServiceLedger
import TestSupport
import Testing

/// The problems of each family of clients: a status, a shape, a sentence.
@Suite(.timeLimit(.minutes(5))) struct ProblemTableTests {
    private func expect(
        _ answer: HTTPClient.Answer, _ status: Int, _ family: Family, _ what: String
    ) {
        #expect(answer.status == status, "\(what), \(family): \(answer)")
        #expect(family.sentence(answer)?.isEmpty == false, "\(what), \(family): \(answer)")
    }

    @Test(arguments: Family.allCases) func bodiesThatCantBeRead(_ family: Family) async throws {
        try await TestService.with { service in
            let unreadable = family == .sdapi ? 422 : 400
            for body in ["{", "[]", ""] {
                expect(try await service.submit(family, body), unreadable, family, "no JSON")
            }
            var types = [family == .native ? "{\"prompts\": 3}" : "{\"prompt\": 3}"]
            for field in ["\"steps\": []", "\"cfg_scale\": {}", "\"steps\": true, \"width\": 1"] {
                types.append(family.body(more: ", \(field)"))
            }
            for body in types {
                expect(try await service.submit(family, body), unreadable, family, body)
            }
            let long = String(repeating: " ", count: 1 << 20) + family.body()
            expect(try await service.submit(family, long), 413, family, "too long")
            let form = try await service.submit(
                family, "prompt=a", headers: ["Content-Type": "application/x-www-form-urlencoded"])
            expect(form, 415, family, "a form")
        }
    }

    @Test(arguments: Family.allCases) func settingsThatAreImpossible(_ family: Family) async throws
    {
        try await TestService.with { service in
            let steps = try await service.submit(family, family.body(more: ", \"steps\": 0"))
            expect(steps, family == .openai ? 400 : 422, family, "steps")
            let sampler = try await service.submit(
                family, family.body(more: ", \"sampler_name\": \"no such\""))
            let status: [Family: Int] = [.native: 422, .sdapi: 404, .openai: 400]
            expect(sampler, status[family] ?? 0, family, "a sampler")
            let model =
                switch family {
                case .native: "{\"prompts\": [\"a\"], \"model\": \"no such\"}"
                case .openai: "{\"prompt\": \"a\", \"model\": \"no such\"}"
                case .sdapi:
                    """
                    {"prompt": "a", "override_settings": {"sd_model_checkpoint": "no such"}}
                    """
                }
            expect(
                try await service.submit(family, model), family == .native ? 422 : 404, family,
                "a model")
            if family == .openai {
                let error = steps.json["error"] as? [String: Any]
                #expect(error?["param"] as? String == "steps", "\(steps)")
                let size = try await service.submit(
                    family, "{\"prompt\": \"a\", \"size\": \"4x64\"}")
                expect(size, 400, family, "a size")
                let sizeError = size.json["error"] as? [String: Any]
                #expect(sizeError?["param"] as? String == "size", "\(size)")
            }
            if family == .native {
                let both = try await service.submit(
                    family, "{\"prompts\": [{\"prompt\": \"a\", \"steps\": \"x\"}, 3]}")
                #expect((both.json["problems"] as? [String])?.count == 2, "\(both)")
            }
        }
    }

    @Test(arguments: Family.allCases) func whoMayNotAsk(_ family: Family) async throws {
        try await TestService.with {
            $0.callers = ["ann"]
        } _: { service in
            let body = family.body()
            for headers in [[:], ["Authorization": "Bearer rtm_00000000_0"]] {
                let answer = try await service.submit(family, body, headers: headers)
                expect(answer, 401, family, "a key")
                // Browsers ask for a password where they see Basic, which A1111's clients use.
                let scheme = family == .sdapi ? "Basic" : "Bearer"
                #expect(answer.headers["www-authenticate"]?.hasPrefix(scheme) == true)
            }
            let ann = service.authorization("ann")
            for (name, value, status) in [
                ("Host", "evil.example.org", 421), ("Origin", "https://evil.example.org", 403),
            ] {
                let answer = try await service.submit(
                    family, body, headers: ann.merging([name: value]) { $1 })
                expect(answer, status, family, name)
            }
        }
    }

    @Test(arguments: Family.allCases)
    func aKeyStandsForOneBody(_ family: Family) async throws {
        try await TestService.with { service in
            let key = ["Idempotency-Key": "k"]
            let first = try await service.submit(family, family.body(), headers: key)
            #expect(first.status == (family == .native ? 202 : 200), "\(first)")
            let other = try await service.submit(family, family.body(seed: 2), headers: key)
            expect(other, 422, family, "another body")
            if family != .sdapi {
                #expect(other.text.contains("\"idempotency_key_reused\""), "\(other)")
            }
        }
    }

    @Test(arguments: Family.allCases)
    func aKeyOutlivesItsBatch(_ family: Family) async throws {
        try await TestService.with { service in
            let key = ["Idempotency-Key": "k"]
            _ = try await service.submit(family, family.body(), headers: key)
            let list = try await service.client.send("GET", "/retom/v1/batches")
            let batches = try #require(list.json["batches"] as? [[String: Any]])
            let id = try #require(batches.first?["id"] as? String)
            let erased = try await service.client.send("DELETE", "/retom/v1/batches/\(id)")
            #expect(erased.status == 204, "\(erased)")
            let again = try await service.submit(family, family.body(), headers: key)
            expect(again, 410, family, "a deleted batch's key")
            #expect(family.sentence(again)?.contains("send a new key") == true, "\(again)")
        }
    }

    @Test(arguments: Family.allCases) func tooMuch(_ family: Family) async throws {
        try await TestService.with {
            $0.gate = Gate(upTo: 0)
            $0.times.silenceMax = .milliseconds(5)
            ($0.limits.queuedPerCaller, $0.limits.waitingPerCaller) = (3, 1)
            ($0.limits.submissionsPerSecond, $0.limits.submissionBurst) = (0.001, 4)
        } _: { service in
            func expect429(_ answer: HTTPClient.Answer, _ word: String) throws {
                expect(answer, 429, family, word)
                #expect(family.sentence(answer)?.contains(word) == true, "\(answer)")
                let seconds = try #require(answer.headers["retry-after"].flatMap { Int($0) })
                #expect((1...120).contains(seconds), "\(answer)")
            }
            try expect429(
                try await service.submit(family, family.body(4)), "images in the queue")
            if family == .native {
                #expect(try await service.submit(family, family.body()).status == 202)
                #expect(try await service.submit(family, family.body()).status == 202)
            } else {
                async let waiting = service.submit(family, family.body())
                try await service.wait("it waits") {
                    !service.awaited(family == .sdapi ? .sdapi : .openai).isEmpty
                }
                try expect429(
                    try await service.submit(family, family.body(seed: 9)), "of your requests")
                service.gate.open()
                #expect(try await waiting.status == 200)
            }
            _ = try await service.submit(family, family.body(seed: 7))
            try expect429(try await service.submit(family, family.body(seed: 8)), "too fast")
        }
    }

    /// A body that is one too many costs no reading, whatever is in it.
    @Test(arguments: Family.allCases) func tooMuchToRead(_ family: Family) async throws {
        try await TestService.with {
            ($0.limits.submissionsPerSecond, $0.limits.submissionBurst) = (0.001, 2)
        } _: { service in
            for status in [family == .sdapi ? 422 : 400, family == .sdapi ? 422 : 400, 429] {
                let answer = try await service.submit(family, "{\"prompt\": ")
                #expect(answer.status == status, "\(answer)")
            }
        }
    }

    @Test(arguments: Family.allCases) func noWorker(_ family: Family) async throws {
        try await TestService.with {
            $0.hasWorker = false
        } _: { service in
            let answer = try await service.submit(family, family.body())
            if family == .native {
                #expect(answer.status == 202, "\(answer)")
                try await service.wait("nobody is there") {
                    let batch = try await service.batch(answer.json["id"] as? String ?? "")
                    return batch["is_possible"] as? Bool == false && batch["reason"] is String
                }
            } else {
                expect(answer, 503, family, "no worker")
                #expect(answer.headers["retry-after"] == "30", "\(answer)")
            }
        }
    }

    @Test(arguments: Family.allCases) func stoppingOrFull(_ family: Family) async throws {
        try await TestService.with {
            $0.freeByteCountMin = .max
        } _: { service in
            let full = try await service.submit(family, family.body())
            expect(full, 503, family, "the disk")
            #expect(full.headers["retry-after"] == "60", "\(full)")
            service.images.drain()
            let draining = try await service.submit(family, family.body())
            expect(draining, 503, family, "draining")
            #expect(draining.headers["retry-after"] == "10", "\(draining)")
            #expect(try await service.client.send("GET", "/readyz").status == 503)
        }
    }

    @Test(arguments: Family.allCases) func nothingButFailures(_ family: Family) async throws {
        try await TestService.with { service in
            let body = family.body(seed: Gate.failingSeed)
            if family == .native {
                let id = try await service.finish(body)
                let batch = try await service.batch(id)
                #expect(batch["status"] as? String == "failed", "\(batch)")
                #expect(batch["faulted"] as? Int == 1, "\(batch)")
            } else {
                let answer = try await service.submit(family, body)
                expect(answer, 500, family, "failed")
                #expect(family.sentence(answer)?.contains("width of 3") == true, "\(answer)")
                #expect(answer.headers["x-should-retry"] == "false", "\(answer)")
            }
        }
    }
}
