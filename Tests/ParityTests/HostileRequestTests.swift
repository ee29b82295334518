// SPDX-License-Identifier: Apache-2.0

import GenerationTypes
import StableDiffusion
import TestSupport
import Testing
import TokenMerging

/// Any request is refused with a reason or generated: no value crashes a worker.
@Suite(.serialized) struct HostileRequestTests {
    @Test func anyRequestIsRefusedOrGenerated() throws {
        let pipeline = try MergedImageTests.pipeline()
        var generator = SplitMix64(seed: 14)
        var (refused, drawn) = (0, 0)
        for _ in 0..<300 {
            let request = HostileRequests.request(
                TokenMergeRegistry.standard.names, sideMax: 128, using: &generator)
            do {
                let run = try pipeline.begin(request)
                // Importance is used from the third call on.
                for _ in 0..<4 { if try run.next() == nil { break } }
                _ = run.checkpoint(requestDigest: 0)
                drawn += 1
            } catch is NonFiniteLatentsError {
                drawn += 1
            } catch {
                #expect(!"\(error)".isEmpty)
                refused += 1
            }
        }
        #expect(refused > 50 && drawn > 10, "\(refused) refused, \(drawn) drawn")
    }

    /// The value that crashed workers, and the largest accepted one.
    @Test func aLargeImportancePoolIsRefusedOrGenerated() throws {
        let pipeline = try MergedImageTests.pipeline()
        var merging = TokenMergeConfiguration(method: "importance")
        merging.importanceWarmupCallCount = 0
        merging.importancePool = 1000
        let request = MergedImageTests.request(steps: 3, size: 64, merging)
        let latents = try MergedImageTests.latents(pipeline, request)
        #expect(latents.allSatisfy { $0.isFinite })
        var hostile = request
        hostile.tokenMerging.importancePool = 1e300
        #expect {
            _ = try pipeline.begin(hostile)
        } throws: {
            "\($0)".contains("choose from 1 to 1000 with --merge-importance-pool")
        }
    }
}
