// SPDX-License-Identifier: Apache-2.0

import ClusterTransport
import GenerationTypes
import Logging
import NIOCore
import WireProtocol

/// Executes the state machine's decisions: the only place where a worker performs I/O.
actor WorkerEngine {
    typealias Machine = WorkerStateMachine

    private var machine: Machine
    private var connections: [Machine.ConnectionID: PeerConnection] = [:]
    private var jobs: [Machine.JobID: (thread: Int, control: GenerationThread.Job)] = [:]
    private var timer: Scheduled<Void>?
    private var timerDeadline: Duration?
    /// One for each image that is sampled at the same time.
    private let threads: [GenerationThread]
    private let loop: any EventLoop
    private let emit: @Sendable (Machine.Event) -> Void
    private let report: @Sendable (WorkerEvent) -> Void
    private let onStop: @Sendable () -> Void
    private let logger: Logger
    private let origin = ContinuousClock.now

    init(
        machine: Machine, threads: [GenerationThread], loop: any EventLoop, logger: Logger,
        emit: @escaping @Sendable (Machine.Event) -> Void,
        report: @escaping @Sendable (WorkerEvent) -> Void, onStop: @escaping @Sendable () -> Void
    ) {
        self.machine = machine
        self.threads = threads
        self.loop = loop
        self.logger = logger
        self.emit = emit
        self.report = report
        self.onStop = onStop
    }

    /// Feeds one event and executes the resulting actions; never blocks.
    func handle(_ event: Machine.Event) {
        if case .received(let id, let message) = event {
            logger.debug("received", message, connection: id)
        }
        switch event {
        case .tick: timer = nil
        case .finished(let job, _), .failed(let job, _): jobs[job] = nil
        default: break
        }
        for action in machine.handle(event, now: ContinuousClock.now - origin) {
            perform(action)
        }
        scheduleTick()
    }

    /// Serves one connection to its end.
    nonisolated func serve(_ connection: PeerConnection) async {
        let id = connection.id
        await open(connection)
        let end = await connection.run { inbound in
            switch inbound {
            case .success(let message): await self.handle(.received(id, message))
            case .failure(let error): await self.handle(.malformed(id, error))
            }
        }
        await close(connection, reason: end.reason)
    }

    /// Closes or cancels everything open or running at once.
    func abandon() {
        timer?.cancel()
        for job in jobs.values { job.control.cancel() }
        for connection in connections.values { connection.abort("the worker is stopping") }
    }

    /// Closes everything still open once outgoing messages have been sent.
    func finishConnections() {
        for connection in connections.values { connection.finish() }
    }

    private func open(_ connection: PeerConnection) {
        connections[connection.id] = connection
        handle(.connected(connection.id, peer: connection.peer))
    }

    private func close(_ connection: PeerConnection, reason: String) {
        connections[connection.id] = nil
        handle(.disconnected(connection.id, reason: reason))
    }

    private func perform(_ action: Machine.Action) {
        switch action {
        case .send(let id, let message):
            logger.debug("sent", message, connection: id)
            connections[id]?.send(message)
        case .finish(let id): connections[id]?.finish()
        case .abort(let id, let reason): connections[id]?.abort(reason)
        case .begin(let job, let request, let preparation):
            begin(job, request, preparation)
        case .watch(let job, let interval):
            jobs[job]?.control.watch(every: .milliseconds(interval))
        case .cancel(let job): jobs[job]?.control.cancel()
        case .report(let event): report(event)
        case .stop: onStop()
        }
    }

    private func begin(
        _ job: Machine.JobID, _ request: GenerationRequest, _ preparation: Preparation
    ) {
        let busy = Set(jobs.values.map(\.thread))
        guard let free = threads.indices.first(where: { !busy.contains($0) }) else {
            preconditionFailure("more images than threads to sample them")
        }
        jobs[job] = (free, threads[free].begin(job, request, preparation))
    }

    private func scheduleTick() {
        let deadline = machine.nextDeadline
        guard deadline != timerDeadline || timer == nil else { return }
        timer?.cancel()
        timer = nil
        timerDeadline = deadline
        guard let deadline else { return }
        let delay = max(.zero, deadline - (ContinuousClock.now - origin))
        timer = loop.scheduleTask(in: TimeAmount(delay)) { [emit] in emit(.tick) }
    }
}
