// SPDX-License-Identifier: Apache-2.0

import Digests
import GenerationTypes
import Logging
import NIOPosix
import ProcessSupport
import Requests
import RunService
import Runs
package import ServiceAPI
package import ServiceLedger
import Synchronization

extension ImageService: ImageServing {
    /// Prompts of all images of a batch, in bytes.
    private static let textByteCountMax = 64 << 20
    /// Those of this machine who need no key.
    static let localCaller = CallerID("local")

    package func visitor(
        _ credentials: String?, isLocal: Bool
    ) async throws(APIProblem) -> ServedCaller {
        let local = ServedCaller(visitor: Visitor(Self.localCaller))
        guard let credentials else {
            guard isLocal else { throw .unauthorized }
            return local
        }
        return try await read { [store, now] () throws(ServiceStateError) -> ServedCaller? in
            if let key = try store.key(credentials) {
                store.noteUse(of: key, at: now)
                return ServedCaller(key)
            }
            // Clients send what they have, also where nothing is asked for.
            guard isLocal else { return nil }
            return try store.hasKeys ? nil : local
        }.orThrow(APIProblem.unauthorized)
    }

    package func submit(
        _ request: SubmissionRequest, by caller: ServedCaller
    ) async throws(APIProblem) -> (batch: BatchAnswer, isReplay: Bool) {
        let watch = ContinuousClock()
        let begin = watch.now
        let admission = try await perform { () throws(APIProblem) -> AdmissionRequest in
            AdmissionRequest(
                caller: caller.visitor.caller, key: request.key,
                bodyDigest: Self.digest(of: request), origin: request.origin,
                isRepeat: request.isRepeat)
        }
        // Neither repetitions nor floods cost a plan.
        var answer = await ask { .admit(admission, ticket: $0) }
        if case .admitted = answer {
            try requireRoom()
            if request.origin.isSync, let reason = state.withLock(\.fleet.reason) {
                throw .noWorker(reason)
            }
            let submission = try await perform { [self] () throws(APIProblem) -> Submission in
                try self.makeSubmission(request, admission, weight: caller.weight)
            }
            answer = await ask { .submit(submission, ticket: $0) }
        }
        state.withLock { $0.acceptSeconds.add((watch.now - begin).seconds) }
        switch answer {
        case .accepted(let id, let isReplay):
            do throws(APIProblem) {
                return (try await batch(id, for: caller, images: nil), isReplay)
            } catch {
                // It was deleted, or can't be read: nobody waits for it.
                if request.origin.isSync { left(id, isAnswered: true) }
                throw isReplay && request.key != nil && error.status == 410
                    ? .erasedReplay(id.text) : error
            }
        case .refused(let refusal): throw APIProblem(refusal, batch: "")
        case .done, .admitted: throw .broken
        }
    }

    private func makeSubmission(
        _ request: SubmissionRequest, _ admission: AdmissionRequest, weight: Double
    ) throws(APIProblem) -> Submission {
        var random = SystemRandomNumberGenerator()
        var (body, ignored) = try read(request)
        if let priority = request.priority { body.priority = priority.rawValue }
        if let name = body.model, name != model.name {
            throw APIProblem(
                422, "unknown_model",
                "there is no model \(name); this service has \(model.name)")
        }
        guard let priority = BatchPriority(rawValue: body.priority ?? "normal") else {
            let names = BatchPriority.allCases.map(\.rawValue).joined(separator: ", ")
            throw APIProblem(
                422, "invalid", "there is no priority \(body.priority ?? ""); choose \(names)")
        }
        let plan: PlannedBatch
        do throws(APIProblem) {
            plan = try served.plan(body).get()
        } catch {
            guard case .openai(let asked) = request.content else { throw error }
            throw try asked.value.named(error)
        }
        let spans = ImageSpan.spans(of: plan.requests)
        try Self.checkText(of: spans)
        return Submission(
            id: .random(using: &random), caller: admission.caller, weight: weight,
            key: admission.key,
            bodyDigest: admission.bodyDigest, priority: priority, origin: admission.origin,
            spans: spans,
            details: BatchDetails(note: body.note, warnings: ignored.warnings + plan.warnings))
    }

    /// Of two requests that wait at different paths none is a repetition of the other.
    private static func digest(of request: SubmissionRequest) -> [UInt8] {
        let origin = request.origin
        return origin.isSync
            ? SHA256.hash(data: Array("\(origin.rawValue)\n".utf8) + request.body)
            : SHA256.hash(data: request.body)
    }

    private func read(
        _ request: SubmissionRequest
    ) throws(APIProblem) -> (body: BatchBody, ignored: IgnoredFields) {
        func described(
            _ read: () throws(PromptListError) -> BatchBody
        ) throws(APIProblem) -> (BatchBody, IgnoredFields) {
            do throws(PromptListError) {
                return (try read(), IgnoredFields([]))
            } catch {
                throw APIProblem(error)
            }
        }
        switch request.content {
        case .json:
            return try described { () throws(PromptListError) in try BatchBody(json: request.body) }
        case .lines:
            return try described { [limits] () throws(PromptListError) in
                try BatchBody(lines: request.body, countMax: limits.imagesPerBatch)
            }
        case .sdapi(let unread):
            let asked = try unread.value
            return (asked.batch, asked.ignored)
        case .openai(let unread):
            let asked = try unread.value
            return (asked.batch, asked.ignored)
        }
    }

    /// What a batch says is repeated in its requests and its report, once for each image.
    private static func checkText(of spans: [ImageSpan]) throws(APIProblem) {
        let byteCount = spans.reduce(0) { sum, span in
            let text = span.first.prompt.utf8.count + span.first.negativePrompt.utf8.count
            return sum + text * span.count
        }
        guard byteCount <= textByteCountMax else {
            throw APIProblem(
                422, "batch_too_large",
                """
                the prompts of all its images have more than \(textByteCountMax >> 20) MiB; divide \
                the batch
                """)
        }
    }

    package func cancel(
        _ id: BatchID, by caller: ServedCaller
    ) async throws(APIProblem) -> BatchAnswer {
        let answer = await ask { .cancel(id, by: caller.visitor, ticket: $0) }
        if case .refused(let refusal) = answer { throw APIProblem(refusal, batch: id.text) }
        return try await batch(id, for: caller, images: nil)
    }

    package func erase(_ id: BatchID, by caller: ServedCaller) async throws(APIProblem) {
        let answer = await ask { .erase(id, by: caller.visitor, ticket: $0) }
        if case .refused(let refusal) = answer { throw APIProblem(refusal, batch: id.text) }
    }

    package func pin(
        _ id: BatchID, _ isPinned: Bool, by caller: ServedCaller
    ) async throws(APIProblem) -> BatchAnswer {
        let answer = await ask {
            .pin(id, isPinned: isPinned, by: caller.visitor, ticket: $0)
        }
        if case .refused(let refusal) = answer { throw APIProblem(refusal, batch: id.text) }
        return try await batch(id, for: caller, images: nil)
    }

    package func watch(
        _ id: BatchID?, for caller: ServedCaller, isStream: Bool, previews: Bool
    ) async throws(APIProblem) -> EventQueue {
        if let id { try requireVisible(id, to: caller) }
        let queue = state.withLock {
            $0.hub.watch(id, for: caller.visitor, isStream: isStream, previews: previews)
        }
        guard let queue else {
            throw APIProblem(
                429, "too_many_streams",
                "you have \(EventHub.streamCountMax) event streams; close one",
                retryAfterSeconds: 5)
        }
        if previews { beginPreviews(for: caller.visitor) }
        return queue
    }

    package var capabilities: String { served.capabilities }

    package var unreadiness: String? {
        if failure != nil { return "the state can't be written" }
        if state.withLock(\.ledger.isDraining) { return "the service is about to stop" }
        do throws(APIProblem) {
            try requireRoom()
            return nil
        } catch {
            return error.detail
        }
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
