// SPDX-License-Identifier: Apache-2.0

import ClusterSimulation
import ClusterTransport
import Coordinator
import FakeGenerator
import GenerationTypes
import Glibc
import TestSupport
import Testing
import Worker

/// Real coordinators and workers with a bad network between them: the bytes are those of a quiet
/// run with one worker.
@Suite(.timeLimit(.minutes(5))) struct FaultyNetworkTests {
    typealias Plan = FaultyProxy.Plan

    /// What a network can do, as plans for the connections of a run.
    enum Fault: String, CaseIterable, Sendable {
        case delay, throttle, drip
        case cutForth, cutBack, corruptForth, corruptBack
        case halfOpen, deafForth, deafBack

        /// Bad from somewhere in the middle of the first few connections; good in the end.
        ///
        /// - Parameter offset: bytes that come before the first frame.
        func plan(_ connection: Int, offset: Int = 0) -> Plan {
            var plan = Plan()
            // Within HELLO, ASSIGN or the first results, never at the end of a frame.
            let place = offset + [60, 333, 1501, 2777, 150, 700][connection % 6]
            let isBad = connection < 5
            switch self {
            case .delay: (plan.forth.delayMilliseconds, plan.back.delayMilliseconds) = (5, 5)
            // 100 kbit/s.
            case .throttle: (plan.forth.bytesPerSecond, plan.back.bytesPerSecond) = (12500, 12500)
            case .drip: (plan.forth.chunkByteCount, plan.back.chunkByteCount) = (1, 1)
            case .cutForth: plan.forth.cutAt = isBad ? place : nil
            case .cutBack: plan.back.cutAt = isBad ? place : nil
            case .corruptForth: plan.forth.flippedAt = isBad ? place : nil
            case .corruptBack: plan.back.flippedAt = isBad ? place : nil
            case .halfOpen:
                (plan.forth.holeAt, plan.back.holeAt) = connection < 2 ? (place, place) : (nil, nil)
            case .deafForth: plan.forth.holeAt = connection < 2 ? place : nil
            case .deafBack: plan.back.holeAt = connection < 2 ? place : nil
            }
            return plan
        }
    }

    private static let requests = TestCluster.requests(10)
    private static let generator = HashChainGenerator(beforeStep: { _, _ in usleep(500) })

    /// Draws everything on two workers, each behind a proxy.
    private func draw(
        security: ClusterSecurity = .none, _ plan: @escaping @Sendable (Int) -> Plan
    ) async throws -> RunRecord {
        let workers = (0..<2).map { _ in
            TestWorker(Self.generator, security: security) { Self.hurry(&$0.timeouts) }
        }
        return try await withWorkers(workers) { addresses in
            let proxies = try addresses.map { try FaultyProxy(to: $0.port, plan: plan) }
            defer { for proxy in proxies { proxy.stop() } }
            let places = proxies.map { WorkerAddress(host: "127.0.0.1", port: $0.port) }
            return try await TestCluster.coordinator(places, security: security) {
                Self.hurry(&$0.timeouts)
                // Five bad connections to each worker are many; none may cost an image.
                $0.tolerance.attemptCountMax = 20
                $0.tolerance.connectCountMax = 20
                $0.tolerance.probeCountMax = 20
            }.record(Self.requests)
        }
    }

    /// Silence is noticed in a second; long for a busy machine, short for a test.
    private static func hurry(_ timeouts: inout ClusterTimeouts) {
        timeouts.pingInterval = .milliseconds(200)
        timeouts.idle = .seconds(1)
        timeouts.handshake = .seconds(1)
    }

    private func quietRun() async throws -> [Int: GeneratedLatents] {
        try await withWorkers([TestWorker()]) { addresses in
            try await TestCluster.coordinator(addresses).record(Self.requests).latentsByItem
        }
    }

    @Test(arguments: Fault.allCases)
    func badNetworksChangeNoByte(_ fault: Fault) async throws {
        let record = try await draw { fault.plan($0) }
        #expect(record.summary.failures.isEmpty)
        #expect(try await record.latentsByItem == quietRun())
        guard ![.delay, .throttle, .drip].contains(fault) else { return }
        let losses = record.events.count {
            if case .workerLost = $0 { true } else { false }
        }
        #expect(losses > 0, "the fault must be felt")
    }

    /// What breaks behind the handshake of a key; damage within it is reported as another key.
    @Test(arguments: Fault.allCases)
    func badNetworksBetweenKeysChangeNoByte(_ fault: Fault) async throws {
        let security = ClusterSecurity(key: ClusterKey.random().key)
        let record = try await draw(security: security) { fault.plan($0, offset: 700) }
        #expect(record.summary.failures.isEmpty)
        #expect(try await record.latentsByItem == quietRun())
    }

    /// Everything at once, differently for each seed.
    @Test(arguments: 1...8)
    func anyMixOfFaultsChangesNoByte(_ seed: Int) async throws {
        let faults = Fault.allCases
        let record = try await draw { connection in
            var random = SplitMix64(seed: UInt64(seed * 100 + connection))
            guard connection < 4 else { return Plan() }
            var plan = faults[random.below(faults.count)].plan(random.below(5))
            if plan.forth.holeAt != nil || plan.back.holeAt != nil, connection > 1 { plan = Plan() }
            plan.forth.delayMilliseconds = random.below(4)
            return plan
        }
        #expect(record.summary.failures.isEmpty)
        #expect(try await record.latentsByItem == quietRun())
    }
}
