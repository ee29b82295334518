// SPDX-License-Identifier: Apache-2.0

import ClusterTransport
import NIOCore
import TestSupport
import Testing
import WireFuzzing
import WireProtocol

/// The handshake that proves a shared key, without sockets.
@Suite struct AuthenticationTests {
    static let key = key("0123456789abcdef0123456789ABCDEF")
    static let otherKey = key("0123456789abcdef0123456789ABCDEG")

    private static func key(_ text: String) -> AuthenticationKey {
        guard let key = try? AuthenticationKey(fileContent: Array(text.utf8)) else {
            preconditionFailure("the test's key is none")
        }
        return key
    }

    private static func end(
        _ role: PeerRole, _ key: AuthenticationKey = key, nonce: UInt8
    ) -> Authentication {
        Authentication(role: role, key: key, nonce: [UInt8](repeating: nonce, count: 32))
    }

    /// A conversation of two ends: who succeeded, who failed how, and all that was said.
    private struct Conversation {
        var succeeded: [PeerRole] = []
        var failures: [PeerRole: WireReason] = [:]
        var said: [(from: PeerRole, message: Message)] = []

        init(_ coordinator: Authentication, _ worker: Authentication) {
            var ends: [PeerRole: Authentication] = [.coordinator: coordinator, .worker: worker]
            var pending = coordinator.opening().map { (PeerRole.coordinator, $0) }
            pending += worker.opening().map { (PeerRole.worker, $0) }
            while !pending.isEmpty {
                let (role, action) = pending.removeFirst()
                switch action {
                case .succeed: succeeded.append(role)
                case .fail(let reason): failures[role] = reason
                case .send(let message):
                    said.append((role, message))
                    let other: PeerRole = role == .worker ? .coordinator : .worker
                    pending += (ends[other]?.received(message) ?? []).map { (other, $0) }
                }
            }
        }

        func messages(from role: PeerRole) -> [Message] {
            said.filter { $0.from == role }.map(\.message)
        }
    }

    @Test func oneKeyLetsBothIn() {
        let talk = Conversation(Self.end(.coordinator, nonce: 1), Self.end(.worker, nonce: 2))
        #expect(talk.succeeded == [.worker, .coordinator])
        #expect(talk.failures.isEmpty)
        #expect(talk.said.map(\.message.type) == [.challenge, .challenge, .proof, .proof])
    }

    @Test func anotherKeyIsRefusedByNameAtBothEnds() {
        let talk = Conversation(
            Self.end(.coordinator, Self.otherKey, nonce: 1), Self.end(.worker, nonce: 2))
        #expect(talk.succeeded.isEmpty)
        for role in PeerRole.allCases {
            #expect(talk.failures[role]?.code == .authenticationRequired, "\(role)")
            #expect(talk.failures[role]?.text.contains("the keys differ") == true, "\(role)")
        }
        // Nothing made with the worker's key was shown.
        #expect(talk.messages(from: .worker).map(\.type) == [.challenge, .refuse])
    }

    @Test func aFalseWorkerIsRefused() {
        var coordinator = Self.end(.coordinator, nonce: 1)
        _ = coordinator.received(.challenge([UInt8](repeating: 2, count: 32)))
        let actions = coordinator.received(.proof([UInt8](repeating: 0, count: 32)))
        guard case .fail(let reason)? = actions.last else {
            Issue.record("not refused")
            return
        }
        #expect(reason.code == .authenticationRequired)
        #expect(!actions.contains(.succeed))
    }

    /// Whoever knows nothing can only send back what it hears.
    @Test func mirrorsProveNothing() {
        for role in PeerRole.allCases {
            var end = Self.end(role, nonce: 7)
            var heard = end.opening()
            if role == .worker {
                heard += end.received(.challenge([UInt8](repeating: 7, count: 32)))
            }
            var rounds = 0
            while let action = heard.first, rounds < 10 {
                heard.removeFirst()
                rounds += 1
                #expect(action != .succeed, "\(role)")
                if case .send(let message) = action { heard += end.received(message) }
            }
            #expect(rounds > 1)
        }
    }

    @Test func whatWasSaidOnceIsOfNoUseLater() {
        let recorded = Conversation(Self.end(.coordinator, nonce: 1), Self.end(.worker, nonce: 2))
        // To a worker, and to a coordinator, whose numbers are fresh.
        var worker = Self.end(.worker, nonce: 3)
        let answers = recorded.messages(from: .coordinator).flatMap { worker.received($0) }
        #expect(!answers.contains(.succeed))
        #expect(answers.contains { if case .fail = $0 { true } else { false } })
        var coordinator = Self.end(.coordinator, nonce: 4)
        let replies = recorded.messages(from: .worker).flatMap { coordinator.received($0) }
        #expect(!replies.contains(.succeed))
    }

    @Test func everyBitOfAProofCounts() throws {
        let talk = Conversation(Self.end(.coordinator, nonce: 1), Self.end(.worker, nonce: 2))
        guard case .proof(let proof)? = talk.messages(from: .coordinator).last else {
            Issue.record("no proof")
            return
        }
        for bit in 0..<256 {
            var wrong = proof
            wrong[bit / 8] ^= 1 << UInt8(bit % 8)
            var worker = Self.end(.worker, nonce: 2)
            _ = worker.received(.challenge([UInt8](repeating: 1, count: 32)))
            let actions = worker.received(.proof(wrong))
            #expect(!actions.contains(.succeed), "bit \(bit)")
        }
    }

    @Test func withoutProofNothingElseIsTaken() {
        for (message, code) in [
            (Message.hello(Samples.node(.coordinator)), WireErrorCode.authenticationRequired),
            (.proof([UInt8](repeating: 0, count: 32)), .unexpectedMessage),
            (.ping(1), .unexpectedMessage),
        ] {
            var worker = Self.end(.worker, nonce: 2)
            let actions = worker.received(message)
            guard case .send(.refuse(let reason))? = actions.first else {
                Issue.record("\(message.type) is not refused")
                continue
            }
            #expect(reason.code == code, "\(message.type)")
            #expect(actions.last == .fail(reason))
            // It is over: not even the right words help now.
            let later = worker.received(.challenge([UInt8](repeating: 1, count: 32)))
            let latest = worker.expired(after: 10)
            #expect(later.isEmpty && latest.isEmpty)
        }
    }

    @Test func anEndWithoutAKeySaysSo() {
        let error = WireError.outOfOrder(.challenge)
        #expect(error.code == .authenticationRequired)
        #expect(error.description.contains("--auth-key-file"))
    }

    /// Bytes of any kind, whole frames and halves of them, end in a refusal and never in a success.
    @Test func garbageNeverSucceeds() {
        var random = SplitMix64(state: 11)
        let frames = Samples.messages.map { $0.frame(compressionLevel: nil).encoded() }
        var ends = 0
        for round in 0..<20_000 {
            let role: PeerRole = round.isMultiple(of: 2) ? .worker : .coordinator
            var end = Self.end(role, nonce: UInt8(truncatingIfNeeded: round))
            var decoder = FrameChannelDecoder(receiver: role, types: Authentication.types)
            var buffer = ByteBuffer()
            for _ in 0..<Int.random(in: 1...5, using: &random) {
                var bytes = frames[Int.random(in: 0..<frames.count, using: &random)]
                if Bool.random(using: &random) {
                    bytes[Int.random(in: 0..<bytes.count, using: &random)] &+= 1
                }
                buffer.writeBytes(bytes.prefix(Int.random(in: 0...bytes.count, using: &random)))
            }
            var actions: [Authentication.Action] = []
            do {
                while let frame = try decoder.decode(buffer: &buffer) {
                    if let message = try Message(frame) { actions += end.received(message) }
                }
            } catch {
                actions += end.malformed(error)
            }
            #expect(!actions.contains(.succeed))
            if actions.contains(where: { if case .fail = $0 { true } else { false } }) { ends += 1 }
        }
        #expect(ends > 10_000)
    }

    @Test func keysAreReadFromOneGoodLine() throws {
        let hex = "00112233445566778899aabbccddeeff"
        for good in [hex, hex + "\n", hex + "\r\n", "\n" + hex + "\n\n"] {
            #expect(throws: Never.self) { try AuthenticationKey(fileContent: Array(good.utf8)) }
        }
        let bad: [(String, AuthenticationKeyError)] = [
            ("", .empty), ("\n \n", .empty), (String(hex.dropLast()), .tooShort(31)),
            (hex + "\n" + hex, .severalLines), (hex + " x", .strangeCharacters),
            (hex + "é", .strangeCharacters), (String(repeating: "ab", count: 32), .repetitive),
            (String(repeating: hex, count: 200), .tooLong),
        ]
        for (text, error) in bad {
            #expect(throws: error) { try AuthenticationKey(fileContent: Array(text.utf8)) }
            #expect(error.description.contains("openssl rand -hex 32"))
        }
    }

    @Test func keysAreNeverPrinted() throws {
        let (key, text) = AuthenticationKey.random()
        #expect(text.count == 64 && text != AuthenticationKey.random().text)
        var dumped = ""
        dump(ClusterSecurity(key: key), to: &dumped)
        for shown in ["\(key)", String(reflecting: key), "\(ClusterSecurity(key: key))", dumped] {
            #expect(!shown.contains(text) && !shown.contains("bytes"), "\(shown)")
        }
        let again = try AuthenticationKey(fileContent: Array("\(text)\n".utf8))
        let talk = Conversation(
            Self.end(.coordinator, key, nonce: 1), Self.end(.worker, again, nonce: 2))
        #expect(talk.succeeded.count == 2)
    }
}
