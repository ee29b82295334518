// SPDX-License-Identifier: Apache-2.0

import ClusterTransport
import Coordinator
import FakeGenerator
import GenerationTypes
import Glibc
import Synchronization
import Testing
import WireProtocol
import Worker

/// Two hundred real connections that come and go at the same moment.
@Suite(.timeLimit(.minutes(5))) struct StormTests {
    private static let connectionCount = 200

    /// A switch loses power, twice: all workers are lost and found again at once.
    ///
    /// The last images wait until the second storm was felt, so that there is something to lose.
    @Test func twoHundredWorkersThatComeBackAtOnceLoseNothing() async throws {
        let requests = TestCluster.requests(3 * Self.connectionCount)
        let gate = Gate()
        let generator = HashChainGenerator(beforeStep: { request, step in
            if request.seed + 8 >= requests.count, step == 2 { gate.wait() }
        })
        let workers = (0..<Self.connectionCount).map { _ in TestWorker(generator) }
        let record = try await withWorkers(workers) { addresses in
            var relays: [CuttableRelay] = []
            for address in addresses { relays.append(try await CuttableRelay(to: address)) }
            let joins = Atomic(0)
            let losses = Atomic(0)
            let record = try await TestCluster.coordinator(relays.map(\.address)) {
                // Long for a busy machine that has 200 handshakes to make.
                $0.timeouts.connect = .seconds(30)
                $0.tolerance.reconnectWindow = .seconds(30)
                $0.tolerance.connectCountMax = 20
            }.record(requests) { [relays] event in
                if case .workerJoined = event {
                    let count = joins.wrappingAdd(1, ordering: .relaxed).newValue
                    guard [1, 2].contains(Double(count) / Double(Self.connectionCount)) else {
                        return
                    }
                    for relay in relays { relay.cut() }
                } else if case .workerLost = event {
                    let count = losses.wrappingAdd(1, ordering: .relaxed).newValue
                    if count == 2 * Self.connectionCount { gate.open() }
                }
            }
            for relay in relays { await relay.stop() }
            return record
        }
        #expect(record.summary.completedCount == requests.count)
        #expect(record.summary.failures.isEmpty)
        for image in record.images {
            #expect(
                try image.latents
                    == HashChainGenerator.latents(for: requests[image.result.image.rawValue]))
        }
        let losses = record.events.count { if case .workerLost = $0 { true } else { false } }
        #expect(losses >= 2 * Self.connectionCount, "both storms were felt by all")
    }

    /// Peers that say nothing: 64 are held for a while, all others are refused at once.
    @Test func twoHundredStrangersAreTurnedAwayByName() async throws {
        try await withWorkers([TestWorker { $0.timeouts.handshake = .seconds(2) }]) { addresses in
            let limit = TestCluster.workerConfiguration().connectionCountMax
            do {
                let peers = (0..<Self.connectionCount).compactMap { _ in RawPeer(addresses[0]) }
                var counts: [WireErrorCode: Int] = [:]
                for peer in peers {
                    guard case .refuse(let reason) = try await peer.hear() else {
                        Issue.record("no refusal")
                        return
                    }
                    counts[reason.code, default: 0] += 1
                    #expect(try await peer.hear() == nil)
                }
                let borne = try #require(counts[.handshakeTimeout])
                let refused = try #require(counts[.tooManyConnections])
                #expect(borne >= limit && borne + refused == Self.connectionCount)
                #expect(refused > limit, "nearly all of the others are refused: \(counts)")
            }
            // They are gone, and so is what was held for them.
            let record = try await TestCluster.coordinator(addresses)
                .record(TestCluster.requests(2))
            #expect(record.summary.completedCount == 2)
        }
    }
}
