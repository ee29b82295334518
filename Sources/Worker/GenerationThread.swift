// SPDX-License-Identifier: Apache-2.0

import ClusterTransport
import GenerationTypes
import NIOPosix
import Synchronization
import WireProtocol

/// A thread that samples one image at a time; it communicates through events.
struct GenerationThread: Sendable {
    typealias Event = WorkerStateMachine.Event
    typealias JobID = WorkerStateMachine.JobID

    /// What is wanted of a run; polled between denoising steps.
    final class Job: Sendable {
        private let isEnded = Atomic(false)
        private let previewNanoseconds = Atomic<Int64>(0)

        var isCancelled: Bool { isEnded.load(ordering: .relaxed) }

        /// Time between two previews; `nil` without.
        var previewInterval: Duration? {
            let interval = previewNanoseconds.load(ordering: .relaxed)
            return interval > 0 ? .nanoseconds(interval) : nil
        }

        /// Asks the run to end.
        func cancel() { isEnded.store(true, ordering: .relaxed) }

        /// Asks for previews; for none with an interval of 0.
        func watch(every interval: Duration) {
            let (seconds, attoseconds) = interval.components
            previewNanoseconds.store(
                seconds * 1_000_000_000 + attoseconds / 1_000_000_000, ordering: .relaxed)
        }
    }

    private let generator: any LatentGenerating
    private let pool = NIOThreadPool(numberOfThreads: 1)
    private let emit: @Sendable (Event) -> Void

    init(generator: any LatentGenerating, emit: @escaping @Sendable (Event) -> Void) {
        self.generator = generator
        self.emit = emit
        pool.start()
    }

    /// Queues an image; exactly one `finished` or `failed` follows.
    func begin(
        _ job: JobID, _ request: GenerationRequest, _ preparation: Preparation
    ) -> Job {
        let control = Job()
        pool.submit { [generator, emit] state in
            guard state == .active else { return }
            emit(Self.run(job, request, preparation, generator, control, emit))
        }
        return control
    }

    /// Waits for the current step, then ends the thread.
    func shutDown() async {
        // The only possible error is that it was shut down before.
        try? await pool.shutdownGracefully()
    }

    private static func run(
        _ job: JobID, _ request: GenerationRequest, _ preparation: Preparation,
        _ generator: any LatentGenerating, _ control: Job, _ emit: (Event) -> Void
    ) -> Event {
        let run: any LatentRun
        do {
            if control.isCancelled { return cancelled(job) }
            run = try begin(job, request, preparation.checkpoint, generator, emit)
        } catch let error as RetryableGenerationError {
            return .failed(job, WireReason(.workerFailed, error.description))
        } catch let error as NotUnderstoodError {
            return .failed(job, .notUnderstood(error.part))
        } catch {
            return .failed(job, WireReason(.requestInvalid, "\(error)"))
        }
        do {
            return try sample(job, run, preparation, generator, control, emit)
        } catch let error as NonFiniteLatentsFailure {
            return .failed(job, WireReason(.nonFiniteLatents, error.description))
        } catch {
            return .failed(job, WireReason(.workerFailed, "\(error)"))
        }
    }

    /// Resumes from a checkpoint if possible, otherwise begins.
    private static func begin(
        _ job: JobID, _ request: GenerationRequest, _ checkpoint: SamplingCheckpoint?,
        _ generator: any LatentGenerating, _ emit: (Event) -> Void
    ) throws -> any LatentRun {
        if let checkpoint {
            do {
                let run = try generator.beginRun(for: request, from: checkpoint.bytes)
                emit(.resumed(job, step: run.resumedStep, stepCount: run.stepCount))
                return run
            } catch let error as UnusableCheckpointError {
                emit(.checkpointIgnored(job, reason: error.description))
            }
        }
        return try generator.beginRun(for: request, from: nil)
    }

    private static func sample(
        _ job: JobID, _ run: any LatentRun, _ preparation: Preparation,
        _ generator: any LatentGenerating, _ control: Job, _ emit: (Event) -> Void
    ) throws -> Event {
        let interval = preparation.checkpointInterval
        let clock = ContinuousClock()
        let begin = clock.now
        var last = begin
        var previewed: ContinuousClock.Instant?
        while !control.isCancelled {
            let isPreviewDue = control.previewInterval.map { last >= (previewed ?? begin) + $0 }
            guard let step = try run.next(estimates: isPreviewDue ?? false) else { break }
            let now = clock.now
            emit(
                .stepped(
                    job, step: step, stepCount: run.stepCount, seconds: (now - last).seconds))
            last = now
            if interval > 0, step < run.stepCount,
                (step - run.resumedStep).isMultiple(of: interval)
            {
                emit(.saved(job, step: step, run.checkpoint()))
            }
            if step < run.stepCount,
                let preview = run.estimate.flatMap({ LatentPreview(of: $0, step: step) })
            {
                emit(.previewed(job, preview))
                previewed = now
            }
        }
        if control.isCancelled { return cancelled(job) }
        let latents = try run.latents()
        guard latents.values.allSatisfy(\.isFinite) else {
            return .failed(job, WireReason(.nonFiniteLatents, "the latents are not finite"))
        }
        let timings = GenerationTimings(
            textEncodingSeconds: run.textEncodingSeconds, samplingSeconds: (last - begin).seconds)
        if preparation.wantsPicture {
            do {
                emit(.decoded(job, try generator.picture(of: latents)))
            } catch {
                emit(.notDecoded(job, reason: "\(error)"))
            }
            if control.isCancelled { return cancelled(job) }
        }
        return .finished(
            job,
            SampledImage(
                latents: latents, sha256: latents.sha256, timings: timings,
                tokenMerging: run.mergeStatistics, resumedStep: run.resumedStep))
    }

    private static func cancelled(_ job: JobID) -> Event {
        .failed(job, WireReason(.cancelled, "cancelled"))
    }
}
