// SPDX-License-Identifier: Apache-2.0

import ClusterTransport
import Coordinator
import FakeGenerator
import GenerationTypes
import Glibc
import Synchronization
import TestSupport
import Testing
import WireProtocol
import Worker

/// One worker and the odd company it keeps.
@Suite(.timeLimit(.minutes(5))) struct WorkerServerTests {
    @Test func portInUseIsATypedError() async throws {
        try await withWorkers([TestWorker()]) { addresses in
            var configuration = TestCluster.workerConfiguration()
            configuration.port = addresses[0].port
            let second = WorkerServer(
                configuration: configuration, generator: HashChainGenerator(),
                group: TestCluster.group, logger: TestCluster.logger)
            let expected = TransportError.portInUse(host: "127.0.0.1", port: addresses[0].port)
            await #expect(throws: expected) { try await second.run { _ in } }
        }
    }

    @Test func connectionsWaitUntilTheWorkerIsReady() async throws {
        let listener = try await ClusterListener.bind(
            host: "127.0.0.1", port: 0, group: TestCluster.group)
        let peer = try #require(
            RawPeer(WorkerAddress(host: "127.0.0.1", port: listener.port)))
        peer.say(.hello(coordinatorNode()))
        let server = WorkerServer(
            configuration: TestCluster.workerConfiguration(), generator: HashChainGenerator(),
            group: TestCluster.group, logger: TestCluster.logger)
        let events = Recorder<WorkerEvent>()
        let running = Task { try await server.run(on: listener) { events.record($0) } }
        #expect(try await peer.hear()?.type == .welcome)
        #expect(events.all.first == .listening(host: "127.0.0.1", port: listener.port))
        running.cancel()
        _ = await running.result
    }

    @Test func anAbandonedPortIsFree() async throws {
        func isFreeAfterwards() async throws -> Bool {
            let listener = try await ClusterListener.bind(
                host: "127.0.0.1", port: 0, group: TestCluster.group)
            let peer = try #require(
                RawPeer(WorkerAddress(host: "127.0.0.1", port: listener.port)))
            await listener.abandon()
            #expect(try await peer.hear() == nil)
            let again = try? await ClusterListener.bind(
                host: "127.0.0.1", port: listener.port, group: TestCluster.group)
            await again?.abandon()
            return again != nil
        }
        // Another test may get a free port first, but not every time.
        for _ in 0..<5 where try await isFreeAfterwards() { return }
        Issue.record("abandoned ports stay in use")
    }

    @Test func foreignAddressIsATypedError() async throws {
        var configuration = TestCluster.workerConfiguration()
        configuration.host = "192.0.2.1"
        let server = WorkerServer(
            configuration: configuration, generator: HashChainGenerator(),
            group: TestCluster.group, logger: TestCluster.logger)
        await #expect(throws: TransportError.self) { try await server.run { _ in } }
    }

    @Test func browsersGetAnAnswerTheyUnderstand() async throws {
        let worker = TestWorker()
        try await withWorkers([worker]) { addresses in
            let browser = try #require(RawPeer(addresses[0]))
            browser.say(Array("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".utf8))
            let answer = String(decoding: try await browser.readToEnd(), as: UTF8.self)
            #expect(answer.hasPrefix("HTTP/1.1 400 Bad Request\r\n"))
            let body = try #require(answer.split(separator: "\r\n\r\n").last)
            #expect(answer.contains("Content-Length: \(body.utf8.count)\r\n"))
            let reason = await worker.events.first { event -> String? in
                if case .strangerRejected(_, let reason) = event { reason } else { nil }
            }
            #expect(reason.contains("speaks HTTP"))
        }
    }

    @Test func strangersAreClosedAndTheWorkerWorksOn() async throws {
        let worker = TestWorker()
        try await withWorkers([worker]) { addresses in
            var tooLong = Message.assign(
                Lease(item: 0, attempt: 1, token: 1), TestCluster.requests(1)[0]
            ).frame().header
            tooLong.payloadByteCount = 1 << 30
            tooLong.contentByteCount = 1 << 30
            var foreign = Message.hello(coordinatorNode()).frame().header
            foreign.version.major = 9
            let speeches: [[UInt8]] = [
                [0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01], Array("SSH-2.0-x\r\n".utf8),
                [UInt8](repeating: 0xA5, count: 5000), tooLong.encoded(), foreign.encoded(),
                Message.cancel(Lease(item: 1, attempt: 1, token: 1)).frame().encoded(),
            ]
            for speech in speeches {
                let stranger = try #require(RawPeer(addresses[0]))
                stranger.say(speech)
                _ = try await stranger.readToEnd()
            }
            let record = try await TestCluster.coordinator(addresses)
                .record(TestCluster.requests(2))
            #expect(record.summary.completedCount == 2)
        }
        let reasons = worker.events.all.compactMap { event -> String? in
            if case .strangerRejected(_, let reason) = event { reason } else { nil }
        }
        #expect(reasons.count == 6)
        for word in ["TLS", "SSH", "does not speak", "at most", "protocol 9.", "no meaning"] {
            #expect(reasons.contains { $0.contains(word) }, "\(word)")
        }
    }

    @Test func otherProtocolVersionsAreRefusedByName() async throws {
        try await withWorkers([TestWorker()]) { addresses in
            var hello = Message.hello(coordinatorNode()).frame().header
            hello.version.major = 9
            let peer = try #require(RawPeer(addresses[0]))
            peer.say(hello.encoded())
            guard case .refuse(let reason) = try await peer.hear() else {
                Issue.record("no refusal")
                return
            }
            #expect(reason.code == .protocolMismatch)
            #expect(reason.text.contains("protocol 9."))
        }
    }

    /// It asks and asks, and never takes an answer.
    @Test func aPeerThatDoesNotReadIsDropped() async throws {
        let worker = TestWorker()
        try await withWorkers([worker]) { addresses in
            let peer = try #require(RawPeer(addresses[0], receiveByteCount: 4096))
            peer.say(.hello(coordinatorNode()))
            let pings = Array(repeating: Message.ping(1).frame().encoded(), count: 1000)
            let bytes = pings.flatMap(\.self)
            var count = 0
            while count < 3000, peer.say(bytes) { count += 1 }
            #expect(count < 3000, "three million answers do not wait in memory")
            let reason = await worker.events.first { event -> String? in
                if case .coordinatorLeft(_, let reason) = event { reason } else { nil }
            }
            #expect(reason == "it does not read what is sent to it")
            let record = try await TestCluster.coordinator(addresses)
                .record(TestCluster.requests(2))
            #expect(record.summary.completedCount == 2)
        }
    }

    @Test func silentHandshakesEnd() async throws {
        let worker = TestWorker { $0.timeouts.handshake = .milliseconds(20) }
        try await withWorkers([worker]) { addresses in
            let peer = try #require(RawPeer(addresses[0]))
            guard case .refuse(let reason) = try await peer.hear() else {
                Issue.record("no refusal")
                return
            }
            #expect(reason.code == .handshakeTimeout)
            #expect(try await peer.hear() == nil)
        }
    }

    @Test func connectionsBeyondTheLimitAreTurnedAway() async throws {
        try await withWorkers([TestWorker { $0.connectionCountMax = 1 }]) { addresses in
            let first = try #require(RawPeer(addresses[0]))
            first.say(.hello(coordinatorNode()))
            #expect(try await first.hear()?.type == .welcome)
            let second = try #require(RawPeer(addresses[0]))
            guard case .refuse(let reason) = try await second.hear() else {
                Issue.record("no refusal")
                return
            }
            #expect(reason.code == .tooManyConnections)
        }
    }

    @Test func pingsAreAnsweredWhileAnImageIsSampled() async throws {
        let gate = Gate()
        let worker = TestWorker(HashChainGenerator(beforeStep: { _, _ in gate.wait() }))
        try await withWorkers([worker]) { addresses in
            let peer = try #require(RawPeer(addresses[0]))
            peer.say(.hello(coordinatorNode()))
            let lease = Lease(item: 0, attempt: 1, token: 1)
            peer.say(.assign(lease, TestCluster.requests(1)[0]))
            _ = try await peer.hear { $0.type == .progress }
            peer.say(.ping(77))
            #expect(try await peer.hear { $0.type == .pong } == .pong(77))
            gate.open()
            guard case .result(let result) = try await peer.hear(until: { $0.type == .result })
            else {
                Issue.record("no result")
                return
            }
            #expect(result.lease == lease)
            peer.say(.resultAck(lease))
            #expect(try await peer.hear() == .ackConfirm(lease))
        }
    }

    @Test func resultSurvivesALostConnection() async throws {
        try await withWorkers([TestWorker()]) { addresses in
            let lease = Lease(item: 0, attempt: 1, token: 1)
            do {
                let peer = try #require(RawPeer(addresses[0]))
                peer.say(.hello(coordinatorNode()))
                peer.say(.assign(lease, TestCluster.requests(1)[0]))
                #expect(try await peer.hear { $0.type == .result } != nil)
            }
            let again = try #require(RawPeer(addresses[0]))
            again.say(.hello(coordinatorNode()))
            let result = try await again.hear { $0.type == .result }
            #expect(result?.lease == lease)
        }
    }

    @Test func coordinatorsAreServedOneAfterAnother() async throws {
        let worker = TestWorker(HashChainGenerator(beforeStep: { _, _ in usleep(300) }))
        try await withWorkers([worker]) { addresses in
            async let first = TestCluster.coordinator(addresses).record(TestCluster.requests(6))
            async let second = TestCluster.coordinator(addresses).record(TestCluster.requests(6))
            let records = try await [first, second]
            #expect(records.allSatisfy { $0.summary.completedCount == 6 })
            #expect(records[0].latentsByItem == records[1].latentsByItem)
            let busy = records.flatMap(\.events).filter { event in
                if case .workerBusy = event { true } else { false }
            }
            #expect(busy.count <= 1)
        }
    }

    @Test func drainedWorkerFinishesItsImageAndGivesTheRestBack() async throws {
        let gate = Gate()
        // Until the one has begun an image the other finishes none.
        let generator = HashChainGenerator(beforeStep: { _, _ in gate.wait() })
        let (leaving, staying) = (TestWorker(generator), TestWorker(generator))
        let record = try await withWorkers([leaving, staying]) { addresses in
            let name = addresses[0].description
            let record = try await TestCluster.coordinator(addresses)
                .record(TestCluster.requests(8)) { event in
                    if case .progress(_, name, 0, _, _, _) = event {
                        leaving.server.drain()
                        gate.open()
                    }
                }
            await leaving.ended()
            return record
        }
        #expect(record.summary.completedCount == 8)
        #expect(leaving.events.all.last == .drained)
        let finished = leaving.events.all.filter { event in
            if case .imageFinished = event { true } else { false }
        }
        #expect(finished.count == 1)
        #expect(!record.events.contains { if case .retried = $0 { true } else { false } })
    }

    /// A rolling restart: stopped in the middle of a run, started again at its address.
    @Test func aRestartedWorkerIsFoundAgain() async throws {
        let first = TestWorker()
        let address = await first.start()
        let second = TestWorker { $0.port = address.port }
        let restart = Mutex<Task<WorkerAddress, Never>?>(nil)
        let record = try await TestCluster.coordinator([address]) {
            // The machine may be busy with other tests.
            $0.tolerance.reconnectWindow = .seconds(300)
        }.record(TestCluster.requests(6)) { event in
            guard case .completed(let result) = event, result.image == ImageNumber(1) else {
                return
            }
            first.server.drain()
            restart.withLock {
                $0 = Task {
                    await first.ended()
                    return await second.start()
                }
            }
        }
        #expect(await restart.withLock { $0 }?.value == address)
        await second.stop()
        #expect(record.summary.completedCount == 6 && record.summary.failures.isEmpty)
        #expect(first.events.all.last == .drained)
        let joins = record.events.count { if case .workerJoined = $0 { true } else { false } }
        #expect(joins == 2)
        #expect(!record.events.contains { if case .retried = $0 { true } else { false } })
    }

    @Test func idleWorkerDrainsAtOnce() async throws {
        let worker = TestWorker()
        _ = await worker.start()
        worker.server.drain()
        await worker.ended()
        #expect(worker.events.all.last == .drained)
    }
}
