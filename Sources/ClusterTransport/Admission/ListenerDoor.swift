// SPDX-License-Identifier: Apache-2.0

import NIOCore
import Synchronization
import WireProtocol

/// Who may come in through a port.
package struct ListenerRules: Sendable {
    /// Admitted connections at a time; more are refused with a reason.
    package var connectionCountMax: Int
    /// What the other end must show.
    package var security: ClusterSecurity
    /// How long that may take.
    package var handshake: Duration

    /// Makes rules.
    package init(connectionCountMax: Int, security: ClusterSecurity, handshake: Duration) {
        self.connectionCountMax = connectionCountMax
        self.security = security
        self.handshake = handshake
    }
}

/// Lets connections in that show what the rules ask for, a few strangers at a time.
final class ListenerDoor: Sendable {
    private let rules: ListenerRules
    private let counter: TrafficCounter
    private let reject: @Sendable (_ peer: String, _ reason: String) -> Void
    private let ledger = Mutex(AdmissionLedger())
    private let origin = ContinuousClock.now

    init(
        rules: ListenerRules, counter: TrafficCounter,
        reject: @escaping @Sendable (_ peer: String, _ reason: String) -> Void
    ) {
        self.rules = rules
        self.counter = counter
        self.reject = reject
    }

    /// Asks an accepted connection for what the rules want; `nil` when it was closed.
    func admit(_ channel: any Channel, id: UInt64) async -> PeerConnection? {
        // A closed socket tells its address no more.
        let (peer, source) = (channel.peerName, channel.sourceName)
        // Where nothing is asked, nobody is a stranger.
        let isGuarded = rules.security.admitsOtherMachines
        guard !isGuarded || ledger.withLock({ $0.enter(source, now: now) }) else {
            await turnAway(channel)
            return nil
        }
        do {
            let candidate = try await configure(channel)
            let connection = PeerConnection(
                id: id, channel: try await candidate.admitted.get(), counter: counter)
            if isGuarded { ledger.withLock { $0.leave(source) } }
            return connection
        } catch {
            if isGuarded { ledger.withLock { $0.fail(source, now: now) } }
            if let error = error as? AdmissionError { reject(peer, error.reason) }
            channel.close(promise: nil)
            return nil
        }
    }

    private var now: Duration { ContinuousClock.now - origin }

    private func configure(_ channel: any Channel) async throws -> ClusterChannels.Candidate {
        let (rules, counter) = (rules, counter)
        return try await channel.eventLoop.submit {
            // On a closed channel the handlers would wait for an end that was there before.
            guard channel.isActive else { throw ChannelError.ioOnClosedChannel }
            let candidate = try ClusterChannels.configure(
                channel, role: .worker, host: nil, security: rules.security,
                timeout: rules.handshake, counter: counter)
            channel.setOption(.autoRead, value: true).whenComplete { _ in channel.read() }
            return candidate
        }.get()
    }

    /// Says a word, for it may be a friend behind whom strangers crowd, and closes.
    private func turnAway(_ channel: any Channel) async {
        if rules.security.tls == nil {
            let word = Message.refuse(
                WireReason(
                    .tooManyConnections, "too many connections wait to be let in",
                    retryAfterMilliseconds: 2000))
            try? await channel.writeAndFlush(ByteBuffer(bytes: word.frame().encoded()))
        }
        try? await channel.close()
    }
}
