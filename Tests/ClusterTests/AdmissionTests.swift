// SPDX-License-Identifier: Apache-2.0

import ClusterTransport
import Coordinator
import Foundation
import TestSupport
import Testing
import WireProtocol
import Worker

/// Who gets in, over loopback sockets: keys and TLS.
@Suite(.timeLimit(.minutes(5))) struct AdmissionTests {
    private static func secured(_ text: String) throws -> ClusterSecurity {
        ClusterSecurity(key: try ClusterKey(fileContent: Array(text.utf8)))
    }

    private static let keyText = "0123456789abcdef0123456789ABCDEF"

    /// Draws two images, or tells why not, and what the worker says of it.
    private func meet(
        coordinator: ClusterSecurity, worker: ClusterSecurity, host: String = "127.0.0.1"
    ) async throws -> (completed: Int, reasons: String, rejections: [String], retries: Int) {
        let subject = TestWorker(security: worker)
        var completed = 0
        var reasons = ""
        let lost = Recorder<CoordinatorEvent>()
        try await withWorkers([subject]) { addresses in
            let places = addresses.map { WorkerAddress(host: host, port: $0.port) }
            let run = TestCluster.coordinator(places, security: coordinator)
            do {
                let record = try await run.record(TestCluster.requests(2)) { lost.record($0) }
                completed = record.summary.completedCount
            } catch CoordinatorError.noUsableWorker(let texts, _) {
                reasons = texts.joined(separator: "\n")
            }
        }
        let rejections = subject.events.all.compactMap { event -> String? in
            if case .strangerRejected(_, let reason) = event { reason } else { nil }
        }
        let retries = lost.all.count {
            if case .workerLost(_, _, willRetry: true) = $0 { true } else { false }
        }
        return (completed, reasons, rejections, retries)
    }

    @Test func oneKeyDraws() async throws {
        let key = try Self.secured(Self.keyText)
        let meeting = try await meet(coordinator: key, worker: key)
        #expect(meeting.completed == 2)
        #expect(meeting.rejections.isEmpty)
    }

    @Test func keysThatDifferAreNamedAtBothEndsAtOnce() async throws {
        let meeting = try await meet(
            coordinator: try Self.secured(Self.keyText),
            worker: try Self.secured(Self.keyText + "0"))
        #expect(meeting.reasons.contains("the keys differ"), "\(meeting)")
        #expect(meeting.rejections.count == 1 && meeting.retries == 0, "\(meeting)")
        #expect(meeting.rejections.first?.contains("the keys differ") == true)
    }

    @Test func aKeyAtOneEndIsNamedAtBoth() async throws {
        let key = try Self.secured(Self.keyText)
        for (coordinator, worker, words, logged) in [
            (
                key, ClusterSecurity.none, "the worker does not take a key",
                "and this worker does not"
            ),
            (.none, key, "the worker asks for a key", "came without a key"),
        ] {
            let meeting = try await meet(coordinator: coordinator, worker: worker)
            #expect(meeting.reasons.contains(words), "\(meeting)")
            #expect(meeting.rejections.count == 1 && meeting.retries == 0, "\(meeting)")
            #expect(meeting.rejections.first?.contains(logged) == true, "\(meeting)")
        }
    }

    @Test func certificatesOfOneAuthorityDraw() async throws {
        let directory = try TemporaryDirectory()
        let made = try Certificates(in: directory, "127.0.0.1", "localhost")
        for host in ["127.0.0.1", "localhost"] {
            let meeting = try await meet(
                coordinator: try tls(made, "coordinator"), worker: try tls(made, host), host: host)
            #expect(meeting.completed == 2, "\(meeting)")
            #expect(meeting.rejections.isEmpty, "\(meeting)")
        }
        var (coordinator, worker) = (try tls(made, "coordinator"), try tls(made, "127.0.0.1"))
        coordinator.key = try Self.secured(Self.keyText).key
        worker.key = coordinator.key
        #expect(try await meet(coordinator: coordinator, worker: worker).completed == 2)
        for (ours, theirs, words, logged) in [
            (Self.keyText, Self.keyText + "0", "the keys differ", "the keys differ"),
            (Self.keyText, nil, "the worker does not take a key", "the peer speaks TLS"),
            (nil, Self.keyText, "the worker asks for a key", "came without a key"),
        ] {
            coordinator.key = try ours.flatMap { try Self.secured($0).key }
            worker.key = try theirs.flatMap { try Self.secured($0).key }
            let meeting = try await meet(coordinator: coordinator, worker: worker)
            #expect(meeting.reasons.contains(words), "\(meeting)")
            #expect(meeting.rejections.count == 1 && meeting.retries == 0, "\(meeting)")
            #expect(meeting.rejections.first?.contains(logged) == true, "\(meeting)")
        }
    }

    @Test func badCertificatesAreNamed() async throws {
        let directory = try TemporaryDirectory()
        let ours = try Certificates(in: directory, "127.0.0.1", "localhost")
        let theirs = try Certificates(in: directory, folder: "theirs", "127.0.0.1")
        let cases: [(coordinator: ClusterSecurity, worker: ClusterSecurity, words: String)] = [
            (try tls(ours, "coordinator"), try tls(theirs, "127.0.0.1"), "not of our authority"),
            // For another host, and for the other role.
            (try tls(ours, "coordinator"), try tls(ours, "localhost"), "for another host"),
            (try tls(ours, "coordinator"), try tls(ours, "coordinator"), "for the other role"),
            (try tls(ours, "localhost"), try tls(ours, "127.0.0.1"), "refuses our certificate"),
        ]
        for (coordinator, worker, words) in cases {
            let meeting = try await meet(coordinator: coordinator, worker: worker)
            #expect(meeting.reasons.contains(words), "\(meeting)")
            #expect(meeting.rejections.count == 1 && meeting.retries == 0, "\(meeting)")
        }
    }

    @Test func tlsAtOneEndIsNamedAtBoth() async throws {
        let directory = try TemporaryDirectory()
        let made = try Certificates(in: directory, "127.0.0.1")
        let key = try Self.secured(Self.keyText)
        let (coordinator, worker) = (try tls(made, "coordinator"), try tls(made, "127.0.0.1"))
        let cases: [(coordinator: ClusterSecurity, worker: ClusterSecurity, [String])] = [
            (.none, worker, ["the worker takes TLS connections only", "without TLS"]),
            (key, worker, ["the worker does not take a key", "does not speak TLS 1.3"]),
            (coordinator, .none, ["the worker does not speak TLS 1.3", "speaks TLS"]),
            (coordinator, key, ["the worker does not speak TLS 1.3", "without a key"]),
        ]
        for (coordinator, worker, words) in cases {
            let meeting = try await meet(coordinator: coordinator, worker: worker)
            #expect(meeting.reasons.contains(words[0]), "\(meeting)")
            #expect(meeting.rejections.count == 1 && meeting.retries == 0, "\(meeting)")
            #expect(meeting.rejections.first?.contains(words[1]) == true, "\(meeting)")
        }
    }

    @Test func identitiesAreCheckedBeforeTheyAreUsed() throws {
        let directory = try TemporaryDirectory()
        let made = try Certificates(in: directory, "127.0.0.1")
        _ = try Certificates(in: directory, "-d", "0", "old")
        func identity(_ certificate: String, key: String, authority: String = "ca.pem") throws {
            _ = try TLSIdentity(
                certificatePath: made.file(certificate),
                key: Array(try Data(contentsOf: URL(filePath: made.file(key)))),
                keyPath: made.file(key), authorityPath: made.file(authority),
                now: Int(Date().timeIntervalSince1970))
        }
        #expect(throws: TLSIdentityError.expired(made.file("old.pem"))) {
            try identity("old.pem", key: "old.key")
        }
        #expect(throws: TLSIdentityError.self) {
            try identity("127.0.0.1.pem", key: "coordinator.key")
        }
        #expect(throws: TLSIdentityError.self) {
            try identity("127.0.0.1.key", key: "127.0.0.1.key")
        }
        #expect(throws: TLSIdentityError.self) {
            try identity("127.0.0.1.pem", key: "127.0.0.1.key", authority: "none.pem")
        }
    }

    @Test func strangersAtALockedDoorAreAnsweredAndClosed() async throws {
        let directory = try TemporaryDirectory()
        let made = try Certificates(in: directory, "127.0.0.1")
        for security in [try Self.secured(Self.keyText), try tls(made, "127.0.0.1")] {
            let worker = TestWorker(security: security)
            try await withWorkers([worker]) { addresses in
                let browser = try #require(RawPeer(addresses[0]))
                browser.say(Array("GET / HTTP/1.1\r\n\r\n".utf8))
                let answer = String(decoding: try await browser.readToEnd(), as: UTF8.self)
                #expect(answer.hasPrefix("HTTP/1.1 400 Bad Request\r\n"))
                let noise = try #require(RawPeer(addresses[0]))
                noise.say([UInt8](repeating: 0xA5, count: 5000))
                #expect(try await noise.readToEnd().isEmpty)
                // What only an admitted coordinator may send is refused by its first byte.
                let eager = try #require(RawPeer(addresses[0]))
                let assign = Message.assign(
                    Lease(item: 0, attempt: 1, token: 1), TestCluster.requests(1)[0])
                eager.say(Array(assign.frame().encoded().prefix(32)))
                guard case .refuse = try await eager.hear() else {
                    Issue.record("not refused")
                    return
                }
            }
            #expect(
                worker.events.all.count {
                    if case .strangerRejected = $0 { true } else { false }
                } == 3)
        }
    }

    @Test func silentStrangersAreClosed() async throws {
        let worker = TestWorker(security: try Self.secured(Self.keyText)) {
            $0.timeouts.handshake = .milliseconds(20)
        }
        try await withWorkers([worker]) { addresses in
            let peer = try #require(RawPeer(addresses[0]))
            #expect(try await peer.hear() == nil)
            let reason = await rejection(of: worker)
            #expect(reason.contains("no TLS handshake within 0.02 s"))
        }
    }

    /// Whoever waits longest makes way, so silent connections keep no coordinator out; and the log
    /// says why they were closed.
    @Test func silentStrangersKeepNobodyOut() async throws {
        let key = try Self.secured(Self.keyText)
        let worker = TestWorker(security: key)
        try await withWorkers([worker]) { addresses in
            let crowd = try (0..<AdmissionLedger.countMax).map { _ in
                try #require(RawPeer(addresses[0]))
            }
            let run = TestCluster.coordinator(addresses, security: key)
            let record = try await run.record(TestCluster.requests(2))
            #expect(record.summary.completedCount == 2)
            let reason = await rejection(of: worker)
            #expect(reason.contains("too many connections wait to be let in"))
            #expect(try await crowd[0].readToEnd().last == 0x5A, "the alert user_canceled")
            withExtendedLifetime(crowd) {}
        }
    }

    @Test func olderBuildsAreNamed() async throws {
        // As builds began that proved the key in messages of their own: CHALLENGE, type 4.
        var header = Message.ping(1).frame().header
        header.typeByte = 4
        header.payloadByteCount = 32
        header.contentByteCount = 32
        let challenge = header.encoded() + [UInt8](0..<32)
        for security in [try Self.secured(Self.keyText), .none] {
            let worker = TestWorker(security: security)
            try await withWorkers([worker]) { addresses in
                let peer = try #require(RawPeer(addresses[0]))
                // A second one, as a faulty client might send, changes nothing.
                peer.say(challenge + challenge)
                guard case .refuse(let reason) = try await peer.hear() else {
                    Issue.record("not refused")
                    return
                }
                #expect(reason.code == .authenticationRequired)
                #expect(reason.text.contains("install the same version on both machines"))
                #expect(try await peer.hear() == nil)
                #expect(await rejection(of: worker).contains("older version of retom"))
            }
        }
    }

    private func rejection(of worker: TestWorker) async -> String {
        await worker.events.first { event -> String? in
            if case .strangerRejected(_, let reason) = event { reason } else { nil }
        }
    }
}
