// SPDX-License-Identifier: Apache-2.0

import NIOCore
import Synchronization
package import WireProtocol

/// One connection to a peer: messages in, messages out.
///
/// Parsing and compression happen in the tasks of `run`. Outgoing messages wait in a bounded
/// outbox; a peer that does not read what it requested is dropped instead of filling memory.
package final class PeerConnection: Sendable {
    /// Maximum messages waiting to be written.
    static let outboxCountMax = 1024
    /// Time for the other end to close after the final message.
    private static let lingerTime = Duration.seconds(1)

    /// An arrival from the peer.
    package typealias Inbound = Result<Message, WireError>

    /// How a connection ended, in one sentence.
    package struct End: Sendable, Equatable {
        /// For people.
        package var reason: String
        /// Whether the other end refuses us permanently: with TLS 1.3 a worker checks our
        /// certificate when the connection is already established.
        package var isFinal = false
    }

    /// Chosen by the listener or by the connecting side; unique there.
    package let id: UInt64
    /// Address of the other end, for people.
    package let peer: String

    private let channel: NIOAsyncChannel<Frame, ByteBuffer>
    private let counter: TrafficCounter
    private let outbox: AsyncStream<Message>
    private let outboxInput: AsyncStream<Message>.Continuation
    private let abortReason = Mutex<String?>(nil)

    init(id: UInt64, channel: NIOAsyncChannel<Frame, ByteBuffer>, counter: TrafficCounter) {
        self.id = id
        self.channel = channel
        self.counter = counter
        peer = channel.channel.peerName
        (outbox, outboxInput) = AsyncStream.makeStream(
            bufferingPolicy: .bufferingOldest(Self.outboxCountMax))
    }

    /// Queues a message; never blocks.
    ///
    /// A full outbox ends the connection.
    package func send(_ message: Message) {
        if case .dropped = outboxInput.yield(message) {
            abort("it does not read what is sent to it")
        }
    }

    /// Closes after everything queued was written and the other end had time to read it.
    package func finish() {
        outboxInput.finish()
    }

    /// Closes now; queued messages are lost.
    package func abort(_ reason: String) {
        abortReason.withLock { $0 = $0 ?? reason }
        outboxInput.finish()
        channel.channel.close(promise: nil)
    }

    /// Transfers messages until the connection ends.
    ///
    /// - Parameter receive: called for each message in order, and awaited before the next is read.
    ///   After a `WireError` without a lease nothing more is read; the receiver answers and calls
    ///   `finish`.
    package func run(_ receive: @escaping @Sendable (Inbound) async -> Void) async -> End {
        let end: End
        do {
            end = try await withTaskCancellationHandler {
                try await channel.executeThenClose { inbound, _ in
                    try await self.pump(inbound, receive)
                }
            } onCancel: {
                abort("the task was cancelled")
            }
        } catch {
            let problem = error as? AdmissionError ?? TLSProblem(late: error)?.admissionError
            end = End(
                reason: TransportError.reason(of: error), isFinal: problem?.isFinal ?? false)
        }
        outboxInput.finish()
        return abortReason.withLock { $0 }.map { End(reason: $0) } ?? end
    }

    private func pump(
        _ inbound: NIOAsyncChannelInboundStream<Frame>,
        _ receive: @escaping @Sendable (Inbound) async -> Void
    ) async throws -> End {
        try await withThrowingTaskGroup(of: End?.self) { tasks in
            tasks.addTask { try await self.read(inbound, receive) }
            tasks.addTask {
                try await self.write()
                // Closing now could destroy the final message: data arriving at a closed socket
                // makes the system reset the connection, and the other end lose what it has not
                // read.
                let channel = self.channel.channel
                try await channel.close(mode: .output)
                let end = channel.eventLoop.scheduleTask(in: TimeAmount(Self.lingerTime)) {
                    channel.close(promise: nil)
                }
                try await channel.closeFuture.get()
                end.cancel()
                return End(reason: "closed")
            }
            defer { tasks.cancelAll() }
            while let end = try await tasks.next() {
                if let end { return end }
            }
            return End(reason: "closed")
        }
    }

    /// - Returns: `nil` after a protocol error, in which case the writer determines the end.
    private func read(
        _ inbound: NIOAsyncChannelInboundStream<Frame>, _ receive: @Sendable (Inbound) async -> Void
    ) async throws -> End? {
        do {
            for try await frame in inbound {
                counter.received(frame.header)
                do throws(WireError) {
                    if let message = try Message(frame) { await receive(.success(message)) }
                } catch {
                    guard error.lease != nil else { throw error }
                    await receive(.failure(error))
                }
            }
        } catch let error as WireError {
            await receive(.failure(error))
            return nil
        }
        return End(reason: "the connection was closed by the other end")
    }

    private func write() async throws {
        for await message in outbox {
            let frame = message.frame()
            // Awaiting the flush keeps one message in the socket's buffer and the rest in ours,
            // and makes sure that a final GOODBYE has been sent before the channel closes.
            try await channel.channel.writeAndFlush(ByteBuffer(bytes: frame.encoded()))
        }
    }
}
