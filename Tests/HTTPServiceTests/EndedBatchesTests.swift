// SPDX-License-Identifier: Apache-2.0

import HTTPService
import ServiceLedger
import Testing

@Suite struct EndedBatchesTests {
    @Test func theLatestAreRemembered() {
        var ended = EndedBatches()
        let ids = (0..<3 * EndedBatches.countMax).map { BatchID("b\($0)") }
        for (index, id) in ids.enumerated() {
            #expect(!ended.contains(id))
            ended.insert(id)
            // Again: it must not push out another.
            ended.insert(id)
            let first = max(0, index + 1 - EndedBatches.countMax)
            #expect(ended.contains(ids[first]) && ended.contains(id))
            #expect(first == 0 || !ended.contains(ids[first - 1]))
        }
    }
}
