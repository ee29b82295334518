// SPDX-License-Identifier: Apache-2.0

import BodyFuzzing
import GenerationTypes
import Requests
import ServiceAPI
import ServiceLedger
import Testing

/// Damaged bodies; `scripts/fuzz bodies` takes a million, with the model's own planner.
@Suite struct BodyFuzzTests {
    private func check() throws -> BodyCheck {
        let digest = [UInt8](repeating: 1, count: 32)
        let model = ModelRecord(
            name: "postcards",
            fingerprint: ModelFingerprint(unet: digest, textEncoder: digest, vae: digest))
        let defaults = GenerationSettings(width: 64, height: 64)
        return try BodyCheck(model: model) { body in
            let count = body.entries.reduce(0) {
                $0 + min($1.imageCount ?? body.batchCount, 10_001)
            }
            guard count <= 10_000 else {
                return .failure(APIProblem(.batchTooLarge(count: count, max: 10_000), batch: ""))
            }
            var random = SystemRandomNumberGenerator()
            do throws(PromptListError) {
                let plan = try RequestPlan(
                    entries: body.entries, settings: body.settings.filled(from: defaults),
                    seed: body.seed, batchCount: body.batchCount, using: &random)
                return .success(plan.requests)
            } catch {
                return .failure(APIProblem(error))
            }
        }
    }

    @Test func everyBodyIsABatchOrRefusedAsDescribed() throws {
        let tallies = try BodyFuzzer.run(count: 12_000, seed: 3, check: check())
        for kind in BodyKind.allCases {
            let statuses = tallies[kind]?.statuses ?? [:]
            // What is only damaged beyond recognition would show nothing.
            #expect(statuses.count > 1, "\(kind): \(statuses)")
            #expect(statuses.values.reduce(0, +) == 2000)
        }
    }

    @Test func everyLargeBodyIsReadOrRefused() throws {
        let check = try check()
        for kind in BodyKind.allCases {
            for body in LargeBody.all(kind) {
                let status = try check.status(of: body.bytes(), kind)
                #expect([200, 202, 400, 404, 422].contains(status), "\(kind), \(body.name)")
            }
        }
    }
}
