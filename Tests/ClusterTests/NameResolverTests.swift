// SPDX-License-Identifier: Apache-2.0

import ClusterTransport
import Coordinator
import FakeGenerator
import Glibc
import NIOCore
import Synchronization
import Testing

/// Names that are looked up, and those that nobody answers for.
@Suite(.timeLimit(.minutes(5))) struct NameResolverTests {
    /// Answers for all names but those that begin with "silent", for which it waits.
    private final class NameServer: Sendable {
        let gate = Gate()
        let asked = Recorder<String>()
        private let answer: [SocketAddress]

        init(_ addresses: [String] = ["127.0.0.1"]) throws {
            answer = try addresses.map { try SocketAddress(ipAddress: $0, port: 0) }
        }

        static func loopback(
            _ name: String
        ) throws(NameResolutionError) -> [SocketAddress] {
            guard let address = try? SocketAddress(ipAddress: "127.0.0.1", port: 0) else {
                throw NameResolutionError(reason: name)
            }
            return [address]
        }

        func resolver(
            placeCount: Int = 2, lateAfter: Duration = .milliseconds(1)
        ) -> NameResolver {
            NameResolver(placeCount: placeCount, lateAfter: lateAfter) {
                name throws(NameResolutionError) in
                self.asked.record(name)
                if name.hasPrefix("silent") { self.gate.wait() }
                if name.hasPrefix("dead") {
                    throw NameResolutionError(reason: "Name or service not known")
                }
                return self.answer
            }
        }
    }

    private let long = Duration.seconds(50)

    @Test func aFewAreLookedUpAtATimeAndNoneTwice() {
        var queue = LookupQueue(placeCount: 2)
        #expect(queue.add("a") == ["a"])
        #expect(queue.add("a") == [])
        #expect(queue.add("b") == ["b"])
        #expect(queue.add("c") == [] && queue.add("c") == [] && queue.add("d") == [])
        #expect(queue.isLate("a") == ["c"])
        #expect(queue.isLate("a") == [] && queue.isLate("d") == [])
        #expect(queue.add("a") == [], "it is being looked up still")
        #expect(queue.ended("a") == [], "its place was taken already")
        #expect(queue.ended("b") == ["d"])
        #expect(queue.ended("c") == [] && queue.ended("d") == [])
        #expect(queue.add("a") == ["a"])
    }

    @Test(arguments: ["127.0.0.1", "10.1", "::1", "fe80::1%lo"])
    func addressesAskNobody(_ text: String) async throws {
        let server = try NameServer()
        let found = try await server.resolver().addresses(of: text, within: .zero)
        #expect(found.count == 1 && server.asked.all.isEmpty)
        let address = try #require(found.first)
        if text.contains("%") {
            let scope = address.withSockAddr { pointer, _ in
                // Behind family, port, flow and address.
                UnsafeRawPointer(pointer).load(fromByteOffset: 24, as: UInt32.self)
            }
            #expect(scope == 1, "the loopback interface is the first")
        } else {
            #expect(address.ipAddress == (text == "10.1" ? "10.0.0.1" : text))
        }
    }

    @Test func theSystemKnowsThisMachine() async throws {
        let found = try await NameResolver.system.addresses(of: "localhost", within: long)
        #expect(found.allSatisfy { ["127.0.0.1", "::1"].contains($0.ipAddress) && $0.port == 0 })
    }

    @Test func silentNamesHoldUpNoOther() async throws {
        let server = try NameServer()
        let resolver = server.resolver()
        try await withThrowingTaskGroup { tasks in
            for number in 0..<100 {
                tasks.addTask {
                    _ = try await resolver.addresses(of: "silent-\(number)", within: long)
                }
            }
            // All of them have gone first.
            for number in 0..<100 { _ = await server.asked.first { $0 == "silent-\(number)" } }
            let found = try await resolver.addresses(of: "worker", within: long)
            #expect(found.map(\.ipAddress) == ["127.0.0.1"])
            server.gate.open()
            try await tasks.waitForAll()
        }
    }

    @Test func callersShareTheLookupOfAName() async throws {
        let server = try NameServer()
        let resolver = server.resolver()
        // A caller that gives up does not end the lookup.
        let error = await #expect(throws: NameResolutionError.self) {
            _ = try await resolver.addresses(of: "silent", within: .milliseconds(1))
        }
        #expect(error?.description == "the name can't be resolved: no answer within 0.001 s")
        async let second = resolver.addresses(of: "silent", within: long)
        async let third = resolver.addresses(of: "silent", within: long)
        server.gate.open()
        // One of them at least shares the lookup that runs, or takes its answer.
        #expect(try await second.count == 1)
        #expect(try await third.count == 1)
        #expect(server.asked.all.count <= 2)
    }

    @Test func anAnswerThatCameTooLateServesTheNextCaller() async throws {
        let server = try NameServer()
        let resolver = server.resolver(placeCount: 1, lateAfter: long)
        await #expect(throws: NameResolutionError.self) {
            _ = try await resolver.addresses(of: "silent", within: .milliseconds(1))
        }
        server.gate.open()
        // There is one place: the first lookup has ended when another name has its answer.
        _ = try await resolver.addresses(of: "other", within: long)
        #expect(try await resolver.addresses(of: "silent", within: .zero).count == 1)
        #expect(server.asked.all == ["silent", "other"])
    }

    @Test func errorsAreTheSystemsWords() async throws {
        let server = try NameServer()
        let error = await #expect(throws: NameResolutionError.self) {
            _ = try await server.resolver().addresses(of: "dead", within: long)
        }
        #expect(error?.description == "the name can't be resolved: Name or service not known")
    }

    @Test func cancellationEndsTheWait() async throws {
        let server = try NameServer()
        let resolver = server.resolver()
        let task = Task { try await resolver.addresses(of: "silent", within: long) }
        _ = await server.asked.first { $0 }
        task.cancel()
        await #expect(throws: CancellationError.self) { _ = try await task.value }
        server.gate.open()
    }

    /// Every address of a name is tried; only one of these has a worker behind it.
    @Test func allAddressesOfANameAreTried() async throws {
        let server = try NameServer(["::1", "127.0.0.2", "127.0.0.1"])
        try await withWorkers([TestWorker()]) { addresses in
            let worker = WorkerAddress(host: "worker", port: addresses[0].port)
            let record = try await coordinator([worker], server.resolver())
                .record(TestCluster.requests(2))
            #expect(record.summary.completedCount == 2)
        }
    }

    /// The run does not wait for names, neither while it samples nor when it is done.
    @Test(arguments: ["127.0.0.1", "worker"])
    func aRunBesideDeadAndSilentNamesGeneratesEverything(_ host: String) async throws {
        let server = try NameServer()
        defer { server.gate.open() }
        let told = Gate()
        let worker = TestWorker(HashChainGenerator(beforeStep: { _, _ in told.wait() }))
        try await withWorkers([worker]) { addresses in
            let silent = (0..<20).map { WorkerAddress(host: "silent-\($0)") }
            let workers =
                silent + [
                    WorkerAddress(host: "dead"),
                    WorkerAddress(host: host, port: addresses[0].port),
                ]
            let reasons = Recorder<String>()
            let record = try await coordinator(workers, server.resolver())
                .record(TestCluster.requests(4)) { event in
                    guard case .workerLost("dead:7400", let reason, _) = event else { return }
                    reasons.record(reason)
                    told.open()
                }
            #expect(record.summary.completedCount == 4)
            #expect(
                reasons.all.first == "the name can't be resolved: Name or service not known")
        }
    }

    /// A name that takes longer than a connection may take is no reason to give up.
    @Test func theTimeToConnectBeginsAtTheAddress() async throws {
        let resolver = NameResolver { name throws(NameResolutionError) in
            sleep(4)
            return try NameServer.loopback(name)
        }
        try await withWorkers([TestWorker()]) { addresses in
            let worker = WorkerAddress(host: "slow", port: addresses[0].port)
            let record = try await coordinator([worker], resolver) {
                $0.timeouts.connect = .seconds(3)
                $0.tolerance.connectCountMax = 1
            }.record(TestCluster.requests(1))
            #expect(record.summary.completedCount == 1)
        }
    }

    private func coordinator(
        _ workers: [WorkerAddress], _ resolver: NameResolver,
        _ configure: (inout CoordinatorConfiguration) -> Void = { _ in }
    ) -> Coordinator {
        var configuration = TestCluster.coordinatorConfiguration()
        configure(&configuration)
        return Coordinator(
            configuration: configuration, workers: workers, resolver: resolver,
            group: TestCluster.group, logger: TestCluster.logger)
    }
}
