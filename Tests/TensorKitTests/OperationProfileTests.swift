// SPDX-License-Identifier: Apache-2.0

import TensorKit
import Testing

@Suite struct OperationProfileTests {
    @Test func operationsAreRecordedOnceWithTheirWork() throws {
        let backend = BackendUnderTest(kind: .onednn, precision: .float32)
        // With gaps and another residual the layer copies and adds by itself: that is included.
        let layer = try PreparedLayer(
            LayerCase.linear(rows: 12, 8, 24).with {
                $0.outputGap = 5
                $0.residual = .other
            }, on: backend.make())
        let linear = try #require(layer.linear)
        let lane = ComputeLane.forTests()
        lane.profile = OperationProfile()
        try lane.dryRunThenRun {
            lane.linear(linear, layer.input, into: layer.output, epilogue: layer.epilogue)
        }
        let entries = try #require(lane.profile?.entries)
        let (key, entry) = try #require(entries.first)
        #expect(entries.count == 1)
        #expect(key.kind == .linear && key.tokenCount == 12)
        #expect(entry.callCount == 1 && entry.seconds > 0)
        #expect(entry.work.linearFLOPs == 2 * 12 * 8 * 24)
    }
}
