// SPDX-License-Identifier: Apache-2.0

import ClusterTransport
import GenerationTypes
import Logging
import NIOCore
import WireProtocol

/// Performs what the state machine decides: the only place where a coordinator touches the world.
actor CoordinatorEngine {
    typealias Machine = CoordinatorStateMachine

    /// A deadline that comes nearer is noticed this much late at most.
    private static let lookInterval = Duration.milliseconds(5)

    private var machine: Machine
    private var connections: [ConnectionID: PeerConnection] = [:]
    private var attempts: [ConnectionID: ConnectionAttempt] = [:]
    /// Dismissed between the decision to dial and the dialling.
    private var dismissed: Set<ConnectionID> = []
    private var completedCount = 0
    /// Images that failed, with their reasons; `nil` where they are only reported.
    private var failures: [ImageNumber: [FailedAttempt]]?
    private var timer: Scheduled<Void>?
    private var timerDeadline: Duration?
    private var lastLook = Duration.zero
    private let stages: CoordinatorStages
    private let loop: any EventLoop
    private let logger: Logger
    private let origin = ContinuousClock.now

    /// - Parameter failures: images that failed in earlier sessions; `nil` if failures are not
    ///   kept.
    init(
        machine: Machine, stages: CoordinatorStages, loop: any EventLoop,
        failures: [ImageNumber: [FailedAttempt]]?, logger: Logger
    ) {
        self.machine = machine
        self.stages = stages
        self.loop = loop
        self.failures = failures
        self.logger = logger
    }

    /// What was done so far; times and bytes are the caller's.
    var summary: CoordinatorSummary {
        var summary = CoordinatorSummary()
        summary.completedCount = completedCount
        summary.failures = failures ?? [:]
        return summary
    }

    /// The summary, or the error of a coordinator that ended early.
    func verdict(
        _ summary: CoordinatorSummary
    ) -> Result<CoordinatorSummary, CoordinatorError> {
        if machine.wasCancelled { return .failure(.cancelled(summary)) }
        // Without a record of failures, each was reported and is its submitter's concern.
        guard machine.ranOutOfWorkers, failures != nil else { return .success(summary) }
        return .failure(.noUsableWorker(reasons: machine.lostWorkers, summary: summary))
    }

    /// Feeds one event and performs the answers; nothing in here waits.
    func handle(_ event: Machine.Event) {
        if case .received(let id, let message) = event {
            logger.debug("received", message, connection: id.rawValue)
        }
        if case .tick = event { timer = nil }
        for action in machine.handle(event, now: ContinuousClock.now - origin) {
            perform(action)
        }
        scheduleTick()
    }

    /// Serves one connection from dialling to its end.
    nonisolated func serve(
        _ id: ConnectionID,
        connect: (ConnectionAttempt) async throws -> PeerConnection
    ) async {
        let connection: PeerConnection
        do {
            connection = try await connect(await makeAttempt(id))
        } catch {
            let isFinal = (error as? TransportError)?.isFinal ?? false
            await failed(id, reason: "\(error)", isFinal: isFinal)
            return
        }
        await open(connection)
        let end = await connection.run { inbound in
            switch inbound {
            case .success(let message): await self.handle(.received(id, message))
            case .failure(let error): await self.handle(.malformed(id, error))
            }
        }
        await close(connection, end)
    }

    /// Cuts whatever is still open.
    func abandon() {
        timer?.cancel()
        for attempt in attempts.values { attempt.giveUp() }
        for connection in connections.values { connection.abort("the run is over") }
    }

    /// Gives an image's place in the backlog free.
    func consumed(_ image: ImageNumber) {
        completedCount += 1
        handle(.consumed(image: image))
    }

    private func makeAttempt(_ id: ConnectionID) -> ConnectionAttempt {
        let attempt = ConnectionAttempt()
        if dismissed.remove(id) != nil {
            attempt.giveUp()
        } else {
            attempts[id] = attempt
        }
        return attempt
    }

    private func failed(_ id: ConnectionID, reason: String, isFinal: Bool) {
        attempts[id] = nil
        handle(.connectFailed(id, reason: reason, isFinal: isFinal))
    }

    private func open(_ connection: PeerConnection) {
        let id = ConnectionID(connection.id)
        let attempt = attempts.removeValue(forKey: id)
        if attempt?.isGivenUp ?? true {
            connection.abort("the run is over")
            return
        }
        connections[id] = connection
        handle(.connected(id))
    }

    private func close(_ connection: PeerConnection, _ end: PeerConnection.End) {
        let id = ConnectionID(connection.id)
        connections[id] = nil
        if end.isFinal {
            handle(.connectFailed(id, reason: end.reason, isFinal: true))
        } else {
            handle(.disconnected(id, reason: end.reason))
        }
    }

    private func perform(_ action: Machine.Action) {
        switch action {
        case .connect(let id, let address): stages.dial(id, address)
        case .send(let id, let message):
            logger.debug("sent", message, connection: id.rawValue)
            connections[id]?.send(message)
        case .finish(let id): end(id) { $0.finish() }
        case .abort(let id, let reason): end(id) { $0.abort(reason) }
        case .store(let image, let result, let worker, let kernelClass):
            stages.store.submit(image, result, worker: worker, kernelClass: kernelClass)
        case .forget(let image): stages.store.forget(image)
        case .keep(let image, let checkpoint): stages.store.keep(image, checkpoint)
        case .decode(let stored): stages.decode(stored)
        case .report(let event):
            logger.log(level: event.logLevel, event.logMessage, metadata: event.logMetadata)
            if case .failed(let image, let reasons) = event { failures?[image] = reasons }
            stages.store.submit(event)
        case .end: stages.end()
        }
    }

    private func end(_ id: ConnectionID, _ body: (PeerConnection) -> Void) {
        if let connection = connections[id] {
            body(connection)
        } else if let attempt = attempts[id] {
            attempt.giveUp()
        } else {
            dismissed.insert(id)
        }
    }

    /// Asks for the next deadline, but not after each of many events: that looks at all workers.
    private func scheduleTick() {
        let now = ContinuousClock.now - origin
        guard !machine.hasEnded else { return setTimer(nil) }
        if let timerDeadline, timer != nil, now < lastLook + Self.lookInterval {
            setTimer(min(timerDeadline, lastLook + Self.lookInterval))
        } else {
            lastLook = now
            setTimer(machine.nextDeadline)
        }
    }

    private func setTimer(_ deadline: Duration?) {
        // One that is due too early only looks again; moving it would wake the loop for each event.
        if timer != nil, let timerDeadline, let deadline, timerDeadline <= deadline { return }
        timer?.cancel()
        timer = nil
        timerDeadline = deadline
        guard let deadline else { return }
        let delay = max(.zero, deadline - (ContinuousClock.now - origin))
        timer = loop.scheduleTask(in: TimeAmount(delay)) { [stages] in stages.emit(.tick) }
    }
}
