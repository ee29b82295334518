// SPDX-License-Identifier: Apache-2.0

import ClusterTransport
import Coordinator
import Synchronization
import Testing
import WireProtocol
import Worker

/// What somebody between two ends that hold one key can do: nothing but cut them off.
@Suite(.timeLimit(.minutes(5))) struct KeyedNetworkTests {
    private static let applicationData: UInt8 = 0x17

    /// All that passed a relay.
    private final class Recording: Sendable {
        private let bytes = Mutex<(forth: [UInt8], back: [UInt8])>(([], []))

        var forth: [UInt8] { bytes.withLock { $0.forth } }
        var back: [UInt8] { bytes.withLock { $0.back } }

        func note(_ direction: CuttableRelay.Direction, _ chunk: [UInt8]) {
            bytes.withLock {
                switch direction {
                case .forth: $0.forth += chunk
                case .back: $0.back += chunk
                }
            }
        }
    }

    /// Draws three images through a relay; both ends hold the key.
    private func draw(
        _ alter: @escaping @Sendable (CuttableRelay.Direction, [UInt8]) -> [UInt8],
        then body: (TestWorker, WorkerAddress) async throws -> Void = { _, _ in }
    ) async throws -> RunRecord {
        let security = ClusterSecurity(key: ClusterKey.random().key)
        let worker = TestWorker(security: security)
        return try await withWorkers([worker]) { addresses in
            let relay = try await CuttableRelay(to: addresses[0], alter: alter)
            let record = try await TestCluster.coordinator([relay.address], security: security)
                .record(TestCluster.requests(3))
            await relay.stop()
            try await body(worker, addresses[0])
            return record
        }
    }

    @Test func whoListensBetweenReadsNothing() async throws {
        let recording = Recording()
        let record = try await draw { direction, chunk in
            recording.note(direction, chunk)
            return chunk
        }
        #expect(record.summary.completedCount == 3)
        for bytes in [recording.forth, recording.back] {
            #expect(bytes.count > 500)
            // Neither the prompt nor a frame's first bytes.
            #expect(!bytes.contains("picture".utf8))
            #expect(!bytes.contains(FrameHeader.magic))
        }
        #expect(suites(offeredBy: recording.forth) == [0xCCAC], "ECDHE-PSK, ChaCha20-Poly1305")
    }

    /// The frames that a relay adds, as if it were an end itself, and single bits that it changes.
    @Test(arguments: [CuttableRelay.Direction.forth, .back], [true, false])
    func whatIsAddedOrChangedEndsTheConnection(
        _ direction: CuttableRelay.Direction, _ adds: Bool
    ) async throws {
        let isDone = Atomic(false)
        let noticed = Mutex("")
        let record = try await draw { way, chunk in
            // The first bytes that are encrypted, of the first connection.
            guard way == direction, chunk.first == Self.applicationData,
                !isDone.exchange(true, ordering: .relaxed)
            else { return chunk }
            if adds { return chunk + Message.ping(1).frame().encoded() }
            return chunk.dropLast() + [(chunk.last ?? 0) ^ 1]
        } then: { worker, _ in
            noticed.withLock { $0 = Self.farewells(worker.events.all).first ?? "" }
        }
        #expect(record.summary.completedCount == 3)
        let reasons = record.events.compactMap { event -> String? in
            if case .workerLost(_, let reason, willRetry: true) = event { reason } else { nil }
        }
        #expect(reasons.count == 1)
        // The end that reads them says so; the other one sees the connection end.
        let said = direction == .back ? reasons.first : noticed.withLock { $0 }
        #expect(said == "bytes were changed on the way")
    }

    /// Why connections ended, as the worker says it.
    private static func farewells(_ events: [WorkerEvent]) -> [String] {
        events.compactMap { event in
            switch event {
            case .strangerRejected(_, let reason), .coordinatorLeft(_, let reason): reason
            default: nil
            }
        }
    }

    @Test func whatWasRecordedOpensNoDoor() async throws {
        let recording = Recording()
        _ = try await draw { direction, chunk in
            recording.note(direction, chunk)
            return chunk
        } then: { worker, address in
            let thief = try #require(RawPeer(address))
            thief.say(recording.forth)
            _ = try await thief.readToEnd()
            let reason = await worker.events.first { event -> String? in
                if case .strangerRejected(_, let reason) = event { reason } else { nil }
            }
            #expect(reason.contains("the keys differ"), "its part of the handshake is of no use")
            let joined = worker.events.all.count {
                if case .coordinatorJoined = $0 { true } else { false }
            }
            #expect(joined == 1)
        }
    }

    /// The cipher suites of a ClientHello, without the one that is only a signal.
    private func suites(offeredBy bytes: [UInt8]) -> [Int] {
        func word(_ place: Int) -> Int { Int(bytes[place]) << 8 | Int(bytes[place + 1]) }
        // Record, handshake header, version and random number come first.
        let sessionPlace = 5 + 4 + 2 + 32
        let place = sessionPlace + 1 + Int(bytes[sessionPlace])
        return stride(from: place + 2, to: place + 2 + word(place), by: 2).map(word)
            .filter { $0 != 0x00FF }
    }
}
