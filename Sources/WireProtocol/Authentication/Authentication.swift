// SPDX-License-Identifier: Apache-2.0

/// Both ends prove that they hold one key, before anything else is said.
///
/// Four messages: both ends send fresh random numbers (CHALLENGE), then the coordinator proves
/// first and the worker second (PROOF). A worker thus shows nothing made with its key to a stranger
/// who knocks. A proof covers a label, the prover's role and both numbers: one end's proof is none
/// from the other end, and none in another conversation.
///
/// Pure: messages in, actions out; the caller brings random numbers and minds the time.
package struct Authentication: Sendable {
    /// What to do, in this order.
    package enum Action: Sendable, Equatable {
        case send(Message)
        /// The other end holds the key: HELLO may come.
        case succeed
        /// Close once what was sent has left.
        case fail(WireReason)
    }

    private enum Phase {
        case expectsChallenge
        case expectsProof(peerNonce: [UInt8])
        case ended
    }

    /// What the proofs are about, so that they are of no use anywhere else.
    private static let label = Array("retom-authentication-1".utf8)

    /// Messages that have a meaning now, HELLO included: that it is refused for want of a proof
    /// must be said.
    package static let types: Set<MessageType> = [.challenge, .proof, .hello, .refuse]

    private let role: PeerRole
    private let key: AuthenticationKey
    private let nonce: [UInt8]
    private var phase = Phase.expectsChallenge

    /// Begins a conversation.
    ///
    /// - Parameters:
    ///   - role: the end we are.
    ///   - nonce: 32 random bytes that were never used before.
    package init(role: PeerRole, key: AuthenticationKey, nonce: [UInt8]) {
        precondition(nonce.count == WireLimits.nonceByteCount, "a nonce has 32 bytes")
        self.role = role
        self.key = key
        self.nonce = nonce
    }

    /// What to say first: the coordinator opens.
    package func opening() -> [Action] {
        role == .coordinator ? [.send(.challenge(nonce))] : []
    }

    /// Takes what the other end said.
    package mutating func received(_ message: Message) -> [Action] {
        switch (phase, message) {
        case (.ended, _): return []
        case (_, .refuse(let reason)):
            phase = .ended
            return [.fail(reason)]
        case (.expectsChallenge, .challenge(let peerNonce)):
            phase = .expectsProof(peerNonce: peerNonce)
            return role == .coordinator
                ? [.send(.proof(proof(of: .coordinator, peerNonce)))]
                : [.send(.challenge(nonce))]
        case (.expectsProof(let peerNonce), .proof(let proof)):
            return judge(proof, peerNonce)
        case (_, .hello):
            return refuse(
                .authenticationRequired,
                """
                the worker asks for a key; start retom-coord with the worker's key: \
                --auth-key-file FILE
                """)
        default: return refuse(.unexpectedMessage, WireError.outOfOrder(message.type).description)
        }
    }

    /// Takes bytes that are no message.
    package mutating func malformed(_ error: WireError) -> [Action] {
        if case .ended = phase { return [] }
        guard case .stranger = error else { return refuse(error.code, error.description) }
        // A stranger would not understand our frame.
        phase = .ended
        return [.fail(WireReason(error.code, error.description))]
    }

    /// The other end took too long.
    package mutating func expired(after seconds: Double) -> [Action] {
        if case .ended = phase { return [] }
        return refuse(.handshakeTimeout, "it did not prove its key within \(seconds) s")
    }

    private mutating func judge(_ proof: [UInt8], _ peerNonce: [UInt8]) -> [Action] {
        let peer: PeerRole = role == .coordinator ? .worker : .coordinator
        guard key.isValid(proof, for: statement(of: peer, peerNonce)) else {
            return refuse(
                .authenticationRequired,
                "the keys differ; give retom-coord and retom-worker the same --auth-key-file")
        }
        phase = .ended
        return role == .coordinator
            ? [.succeed] : [.send(.proof(self.proof(of: .worker, peerNonce))), .succeed]
    }

    private mutating func refuse(_ code: WireErrorCode, _ text: String) -> [Action] {
        phase = .ended
        let reason = WireReason(code, text)
        return [.send(.refuse(reason)), .fail(reason)]
    }

    private func proof(of prover: PeerRole, _ peerNonce: [UInt8]) -> [UInt8] {
        key.code(for: statement(of: prover, peerNonce))
    }

    /// What a proof is made of; all parts but the label have fixed lengths.
    private func statement(of prover: PeerRole, _ peerNonce: [UInt8]) -> [UInt8] {
        let (coordinator, worker) = role == .coordinator ? (nonce, peerNonce) : (peerNonce, nonce)
        return Self.label + [prover.rawValue] + coordinator + worker
    }
}
