// SPDX-License-Identifier: Apache-2.0

import NIOCore
import Synchronization
import WireProtocol

/// The admission rules of a port.
package struct ListenerRules: Sendable {
    /// Maximum number of admitted connections; further ones are refused with a reason.
    package var connectionCountMax: Int
    /// The credentials required of the other end.
    package var security: ClusterSecurity
    /// Time limit for admission.
    package var handshake: Duration

    /// Creates rules.
    package init(connectionCountMax: Int, security: ClusterSecurity, handshake: Duration) {
        self.connectionCountMax = connectionCountMax
        self.security = security
        self.handshake = handshake
    }
}

/// Admits connections that satisfy the rules, a few unadmitted ones at a time.
final class ListenerDoor: Sendable {
    /// Connections waiting for admission.
    private struct Crowd {
        var ledger = AdmissionLedger()
        var report = CrowdReport()
        /// The channel of each connection in the ledger.
        var channels: [UInt64: any Channel] = [:]
    }

    private let rules: ListenerRules
    private let counter: TrafficCounter
    private let reject: @Sendable (_ peer: String, _ reason: String) -> Void
    private let crowd = Mutex(Crowd())
    private let origin = ContinuousClock.now

    init(
        rules: ListenerRules, counter: TrafficCounter,
        reject: @escaping @Sendable (_ peer: String, _ reason: String) -> Void
    ) {
        self.rules = rules
        self.counter = counter
        self.reject = reject
    }

    /// Authenticates an accepted connection as the rules require; `nil` if it was closed.
    func admit(_ channel: any Channel, id: UInt64) async -> PeerConnection? {
        // A closed socket no longer knows its address.
        let peer = channel.peerName
        // If nothing is required, there are no strangers.
        let isGuarded = rules.security.admitsOtherMachines
        guard !isGuarded || enter(channel, id) else { return nil }
        do {
            let candidate = try await configure(channel)
            let connection = PeerConnection(
                id: id, channel: try await candidate.admitted.get(), counter: counter)
            crowd.withLock {
                $0.ledger.leave(id)
                $0.channels[id] = nil
            }
            return connection
        } catch {
            let wasAsked = crowd.withLock { crowd in
                crowd.ledger.fail(id, now: now)
                return crowd.channels.removeValue(forKey: id) != nil
            }
            if wasAsked || !isGuarded, let error = error as? AdmissionError {
                reject(peer, error.reason)
            }
            channel.close(promise: nil)
            return nil
        }
    }

    private var now: Duration { ContinuousClock.now - origin }

    private func configure(_ channel: any Channel) async throws -> ClusterChannels.Candidate {
        let (rules, counter) = (rules, counter)
        return try await channel.eventLoop.submit {
            // On a closed channel the handlers would wait for an end that has already happened.
            guard channel.isActive else { throw ChannelError.ioOnClosedChannel }
            let candidate = try ClusterChannels.configure(
                channel, role: .worker, host: nil, security: rules.security,
                timeout: rules.handshake, counter: counter)
            channel.setOption(.autoRead, value: true).whenComplete { _ in channel.read() }
            return candidate
        }.get()
    }

    /// Gives a connection a place among the waiting ones; `false` if it was closed.
    private func enter(_ channel: any Channel, _ id: UInt64) -> Bool {
        let (loser, reason) = crowd.withLock { crowd -> ((any Channel)?, String?) in
            let verdict = crowd.ledger.enter(id, of: channel.sourceName, now: now)
            if verdict != .turnedAway { crowd.channels[id] = channel }
            let loser: (any Channel)? =
                switch verdict {
                case .enters: nil
                case .replaces(let other): crowd.channels.removeValue(forKey: other)
                case .turnedAway: channel
                }
            return (loser, loser == nil ? nil : crowd.report.reason(now: now))
        }
        guard let loser else { return true }
        if let reason { reject(loser.peerName, reason) }
        turnAway(loser)
        return loser !== channel
    }

    /// Sends an alert that TLS clients understand, because it may be a legitimate peer behind a
    /// crowd of strangers, and closes at once: TLS, if present, would wait for the other end to
    /// close too.
    private func turnAway(_ channel: any Channel) {
        channel.eventLoop.execute {
            let pipeline = channel.pipeline.syncOperations
            guard let context = try? pipeline.context(handlerType: TrafficHandler.self) else {
                channel.writeAndFlush(StrangerAnswer.crowded, promise: nil)
                channel.close(promise: nil)
                return
            }
            context.writeAndFlush(NIOAny(StrangerAnswer.crowded), promise: nil)
            context.close(promise: nil)
        }
    }
}
