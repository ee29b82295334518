// SPDX-License-Identifier: Apache-2.0

import TensorKit
import Testing

@Suite struct WorkspaceTests {
    private static let shape = TensorShape(height: 5, width: 3, channels: 7)

    @Test func measuresTheDeepestUse() throws {
        let workspace = Workspace()
        #expect(workspace.isMeasuring)
        func pass() {
            workspace.scope {
                _ = workspace.tensor(Self.shape, .float32)
                workspace.scope { _ = workspace.bytes(10_000) }
                workspace.scope { _ = workspace.bytes(20_000) }
            }
            workspace.scope { _ = workspace.bytes(5_000) }
        }
        pass()
        let needed = 5 * 3 * 7 * 4 + 20_000
        #expect(workspace.peakByteCount >= needed && workspace.peakByteCount < needed + 1024)
        try workspace.allocate()
        #expect(!workspace.isMeasuring)
        pass()
    }

    @Test func tensorsDoNotOverlapAndStartOnCacheLines() throws {
        let workspace = Workspace()
        func pass(_ use: (Tensor, Tensor) -> Void) {
            workspace.scope {
                use(
                    workspace.tensor(Self.shape, .bfloat16), workspace.tensor(Self.shape, .float32))
            }
        }
        pass { _, _ in }
        try workspace.allocate()
        pass { first, second in
            for tensor in [first, second] {
                #expect(UInt(bitPattern: tensor.rawPointer).isMultiple(of: 64))
            }
            let end = first.rawPointer + Self.shape.elementCount * 2
            // Room for a whole vector past the end.
            #expect(end + 64 <= second.rawPointer)
        }
    }

    @Test func scopesReleaseTheirMemory() throws {
        let workspace = Workspace()
        workspace.scope { _ = workspace.bytes(1000) }
        try workspace.allocate()
        var addresses: Set<UnsafeMutableRawPointer> = []
        for _ in 0..<3 { workspace.scope { _ = addresses.insert(workspace.bytes(1000)) } }
        #expect(addresses.count == 1)
    }

    @Test func anotherShapeIsMeasuredAgain() throws {
        let workspace = Workspace()
        workspace.scope { _ = workspace.bytes(1000) }
        try workspace.allocate()
        workspace.startMeasuring()
        #expect(workspace.peakByteCount == 0)
        workspace.scope { _ = workspace.bytes(100_000) }
        try workspace.allocate()
        workspace.scope { workspace.bytes(100_000).storeBytes(of: 1, as: UInt8.self) }
    }

    @Test func usingMoreThanMeasuredStops() async {
        await #expect(processExitsWith: .failure) {
            let workspace = Workspace()
            workspace.scope { _ = workspace.bytes(1000) }
            try workspace.allocate()
            workspace.scope { _ = workspace.bytes(100_000) }
        }
    }

    @Test func tensorViews() throws {
        let tensor = try Tensor.make(
            TensorShape(batch: 2, height: 2, width: 1, channels: 3),
            values: (0..<12).map { Float($0) })
        #expect(tensor.channels(1..<3).values == [1, 2, 4, 5, 7, 8, 10, 11])
        #expect(tensor.batch(1..<2).values == [6, 7, 8, 9, 10, 11])
        #expect(tensor.batch(1..<2).channels(2..<3).values == [8, 11])
        #expect(tensor.reshaped(height: 1, width: 2).values == tensor.values)
        #expect(!tensor.channels(0..<2).isContiguous)
    }
}
