// SPDX-License-Identifier: Apache-2.0

import ClusterTransport
import Coordinator
import NIOPosix
import RunService
import Testing

/// What a run makes of the workers it is given.
@Suite struct WorkerPoolTests {
    private static func hosts(_ text: String) throws -> WorkerPool {
        .hosts(try HostsFile.parse(Array(text.utf8), name: "hosts.txt"), ClusterSecurity.none)
    }

    @Test func optionsWithoutEffectAreNamedOncePerKey() throws {
        let pool = try Self.hosts("a slots=2 gpu=1\nb slots=4\nc\n")
        #expect(pool.warnings.count == 2)
        #expect(pool.warnings[0].hasPrefix("hosts file: gpu= has no effect (at a:7400)"))
        #expect(pool.warnings[1].contains("slots= has no effect (at a:7400, b:7400)"))
        #expect(WorkerPool.local(count: 2, arguments: ["--port", "0"]).warnings.isEmpty)
    }

    /// Local workers need the cores more than the decoder does.
    @Test func decodingTakesTheCoresThatWorkersLeave() throws {
        #expect(WorkerPool.local(count: 1, arguments: []).decodeThreadCount(of: 8) == 1)
        #expect(try Self.hosts("a\n").decodeThreadCount(of: 8) == 8)
    }

    @Test func nobodyRestartsALocalWorker() throws {
        let standard = FaultTolerance()
        var tolerance = standard
        try Self.hosts("a\n").adapt(&tolerance)
        #expect(tolerance.reconnectWindow == standard.reconnectWindow)
        WorkerPool.local(count: 1, arguments: []).adapt(&tolerance)
        #expect(tolerance.reconnectWindow == .seconds(2) && !tolerance.triesWhileOthersWork)
    }

    @Test func hostsAreUsedAsTheyAre() async throws {
        let pool = try Self.hosts("a\nb:7401\n")
        let names = try await pool.withWorkers(
            on: MultiThreadedEventLoopGroup.singleton, onExit: { _ in }
        ) { workers, _ in workers.map(\.description) }
        #expect(names == ["a:7400", "b:7401"])
    }
}
