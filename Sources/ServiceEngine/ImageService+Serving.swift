// SPDX-License-Identifier: Apache-2.0

import Digests
import GenerationTypes
import Logging
import NIOPosix
import ProcessSupport
package import Requests
import RunService
import Runs
package import ServiceAPI
package import ServiceLedger
import Synchronization

extension ImageService: ImageServing {
    /// Nothing is accepted while less than this is free, in bytes.
    private static let freeByteCountMin = 1 << 30

    package func visitor(
        _ credentials: String?, isLocal: Bool
    ) async throws(APIProblem) -> ServedCaller {
        let local = ServedCaller(visitor: Visitor(CallerID("local")))
        guard let credentials else {
            guard isLocal else { throw .unauthorized }
            return local
        }
        return try await read { [store] () throws(ServiceStateError) -> ServedCaller? in
            if let key = try store.key(credentials) {
                store.noteUse(of: key, at: ImageService.now)
                return ServedCaller(
                    visitor: Visitor(key.caller, isAdmin: key.isAdmin), weight: key.weight)
            }
            // Clients send what they have, also where nothing is asked for.
            guard isLocal else { return nil }
            return try store.hasKeys ? nil : local
        }.orThrow(APIProblem.unauthorized)
    }

    package func submit(
        _ wish: Wish, by caller: ServedCaller
    ) async throws(APIProblem) -> (batch: BatchAnswer, isReplay: Bool) {
        guard store.freeByteCount > Self.freeByteCountMin else { throw .diskFull }
        let clock = ContinuousClock()
        let begin = clock.now
        let submission = try await perform { [self] () throws(APIProblem) -> Submission in
            try self.makeSubmission(wish, by: caller)
        }
        let answer = await ask { .submit(submission, ticket: $0) }
        state.withLock { $0.acceptSeconds.add((clock.now - begin).seconds) }
        switch answer {
        case .accepted(let id, let isReplay):
            return (try await batch(id, for: caller, withImages: false), isReplay)
        case .refused(let refusal): throw APIProblem(refusal, batch: submission.id.text)
        case .done: throw .broken
        }
    }

    private func makeSubmission(
        _ wish: Wish, by caller: ServedCaller
    ) throws(APIProblem) -> Submission {
        var random = SystemRandomNumberGenerator()
        var body: BatchBody
        do {
            body =
                try wish.format == .json
                ? BatchBody(json: wish.body) : BatchBody(lines: wish.body)
        } catch {
            throw APIProblem(error)
        }
        if let priority = wish.priority { body.priority = priority.rawValue }
        if let name = body.model, name != model.record.name {
            throw APIProblem(
                422, "unknown_model",
                "there is no model \(name); this service has \(model.record.name)")
        }
        guard let priority = BatchPriority(rawValue: body.priority ?? "normal") else {
            let names = BatchPriority.allCases.map(\.rawValue).joined(separator: ", ")
            throw APIProblem(
                422, "invalid", "there is no priority \(body.priority ?? ""); choose \(names)")
        }
        let plan = try model.plan(body).get()
        return Submission(
            id: .random(using: &random), caller: caller.visitor.caller, weight: caller.weight,
            key: wish.key, bodyDigest: SHA256.hash(data: wish.body), priority: priority,
            spans: ImageSpan.spans(of: plan.requests),
            details: BatchDetails(note: body.note, warnings: plan.warnings))
    }

    package func cancel(
        _ id: BatchID, by caller: ServedCaller
    ) async throws(APIProblem) -> BatchAnswer {
        let answer = await ask { .cancel(id, by: caller.visitor, ticket: $0) }
        if case .refused(let refusal) = answer { throw APIProblem(refusal, batch: id.text) }
        return try await batch(id, for: caller, withImages: false)
    }

    package func erase(_ id: BatchID, by caller: ServedCaller) async throws(APIProblem) {
        let answer = await ask { .erase(id, by: caller.visitor, ticket: $0) }
        if case .refused(let refusal) = answer { throw APIProblem(refusal, batch: id.text) }
    }

    package func watch(
        _ id: BatchID?, for caller: ServedCaller
    ) async throws(APIProblem) -> EventQueue {
        if let id { try requireVisible(id, to: caller) }
        let queue = state.withLock { $0.hub.watch(id, for: caller.visitor) }
        guard let queue else {
            throw APIProblem(
                429, "too_many_streams",
                "you have \(EventHub.streamCountMax) event streams; close one",
                retryAfterSeconds: 5)
        }
        return queue
    }

    package var capabilities: String { model.capabilities }

    package func cluster(for caller: ServedCaller) -> ClusterAnswer {
        let (workers, queue) = state.withLock { ($0.fleet.workers, $0.ledger.queue) }
        return ClusterAnswer(
            version: ProgramVersion.text, workers: workers,
            queue: ClusterAnswer.Queue(
                batches: queue.liveCount, images: queue.openCount, callers: queue.callerCount,
                imageSeconds: queue.imageSeconds))
    }

    package var unreadiness: String? {
        if failure != nil { return "the state can't be written" }
        if state.withLock(\.ledger.isDraining) { return "the service is about to stop" }
        return store.freeByteCount > Self.freeByteCountMin ? nil : "the disk is nearly full"
    }

    // MARK: Threads

    /// Does something that may take milliseconds on a thread that may wait.
    func perform<Value: Sendable>(
        _ body: @escaping @Sendable () throws(APIProblem) -> Value
    ) async throws(APIProblem) -> Value {
        do {
            return try await readers.runIfActive(body)
        } catch let problem as APIProblem {
            throw problem
        } catch {
            // The threads are gone: the service stops.
            throw APIProblem(.draining, batch: "")
        }
    }

    /// Reads the disk.
    func read<Value: Sendable>(
        _ body: @escaping @Sendable () throws(ServiceStateError) -> Value
    ) async throws(APIProblem) -> Value {
        try await perform { [logger] () throws(APIProblem) in
            do throws(ServiceStateError) {
                return try body()
            } catch {
                logger.error("the state can't be read", metadata: ["reason": "\(error)"])
                throw .broken
            }
        }
    }
}

extension Optional {
    fileprivate func orThrow<Problem: Error>(_ problem: Problem) throws(Problem) -> Wrapped {
        guard let self else { throw problem }
        return self
    }
}

extension APIProblem {
    /// What is wrong with a body.
    package init(_ error: PromptListError) {
        switch error {
        case .problems(let problems):
            let all = problems.map(\.description)
            self.init(
                422, "invalid", all.count == 1 ? all[0] : "\(all.count) problems: \(all[0]); …",
                problems: Array(all.prefix(100)))
        case .settings(let problem): self.init(422, "invalid", problem, problems: [problem])
        case .empty: self.init(422, "invalid", "there is no prompt; add one")
        default: self.init(400, "unreadable", error.description)
        }
    }
}
