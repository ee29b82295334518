// SPDX-License-Identifier: Apache-2.0

internal import ClusterTransport
internal import CommandSupport
internal import Coordinator
internal import FoundationEssentials
internal import GenerationTypes
internal import ImageCodec
internal import SafeTensors
internal import Synchronization

/// Keeps the account of a run and writes its files.
final class RunSession: Sendable {
    fileprivate struct State {
        var images: [ImageRecord]
        var workers: [WorkerRecord] = []
        /// A worker was ready to draw: the run has begun.
        var hadWorker = false
        /// The directory holds nothing of an earlier run any more.
        var isDirectoryOurs = false
    }

    private let directory: RunDirectory
    private let plan: RequestPlan
    private let progress: ProgressFeed
    private let model: ModelRecord
    private let settings: [String: String]
    private let batchCount: Int
    private let savesLatents: Bool
    private let startedAt = Date()
    private let state: Mutex<State>

    init(
        directory: RunDirectory, plan: RequestPlan, progress: ProgressFeed, model: ModelRecord,
        settings: [String: String], batchCount: Int, savesLatents: Bool
    ) {
        self.directory = directory
        self.plan = plan
        self.progress = progress
        self.model = model
        self.settings = settings
        self.batchCount = batchCount
        self.savesLatents = savesLatents
        state = Mutex(
            State(
                images: plan.requests.enumerated().map {
                    ImageRecord(index: $0.offset, request: $0.element)
                }))
    }

    /// Writes a picture (and its latents), then takes it into the account.
    func write(_ finished: FinishedImage) throws {
        let timings = ImageTimings(
            worker: finished.timings, decodingSeconds: finished.decodeSeconds)
        let metadata = ImageMetadata(
            version: ProgramVersion.text, index: finished.item, request: finished.request,
            model: model, latentSHA256: finished.sha256, worker: finished.worker,
            attempt: finished.attempt, kernelClass: finished.kernelClass, timings: timings)
        let picture = RGBImage(
            width: finished.image.width, height: finished.image.height,
            bytes: finished.image.pixels)
        try takeDirectory()
        let file = RunFileName.picture(index: finished.item, seed: finished.request.seed)
        var latentsFile: String?
        if savesLatents {
            let name = RunFileName.latents(index: finished.item, seed: finished.request.seed)
            try directory.writeNew(name, bytes: latentsBytes(finished.latents))
            latentsFile = name
        }
        try directory.writeNew(file, bytes: try PNG.encode(picture, texts: metadata.pngTexts()))
        state.withLock { state in
            state.images[finished.item].status = .written
            state.images[finished.item].file = file
            state.images[finished.item].latentsFile = latentsFile
            state.images[finished.item].worker = finished.worker
            state.images[finished.item].attempts = finished.attempt
            state.images[finished.item].resumedFromStep =
                finished.resumedStep > 0 ? finished.resumedStep : nil
            state.images[finished.item].timings = timings
            state.images[finished.item].latentSHA256 = finished.sha256
            state.images[finished.item].tokenMerging = TokenMergeRecord(finished.tokenMerging)
            state.update(worker: finished.worker, kernelClass: finished.kernelClass) {
                $0.imageCount += 1
                $0.busySeconds += timings.textSeconds + timings.samplingSeconds
            }
        }
        progress.report(
            .imageWritten(
                index: finished.item, worker: finished.worker, file: file,
                seconds: timings.totalSeconds))
    }

    /// Takes an event of the cluster into the account and shows it.
    func note(_ event: CoordinatorEvent) {
        state.withLock { $0.apply(event) }
        for shown in RunEvent.events(for: event) { progress.report(shown) }
    }

    /// Removes an earlier run's files, if that is wanted, when there is something to replace them.
    private func takeDirectory() throws {
        let isFirst = state.withLock { state in
            defer { state.isDirectoryOurs = true }
            return !state.isDirectoryOurs
        }
        if isFirst { try directory.removeExistingRun() }
    }

    /// Whether an earlier run stays, because this one did not begin or was broken off too early.
    private func leavesEarlierRun(isInterrupted: Bool) throws -> Bool {
        let (isOurs, hadWorker) = state.withLock { ($0.isDirectoryOurs, $0.hadWorker) }
        guard !isOurs, isInterrupted || !hadWorker else { return false }
        return try !directory.existingRunFiles().isEmpty
    }

    /// Writes contact sheets, report and gallery of whatever was drawn.
    ///
    /// - Parameter isInterrupted: whether the run was broken off.
    func finish(_ summary: CoordinatorSummary, isInterrupted: Bool = false) throws {
        if try leavesEarlierRun(isInterrupted: isInterrupted) {
            progress.report(
                .warning("\(directory.path): the earlier run stays, for nothing new was drawn"))
            return
        }
        try takeDirectory()
        let (images, workers) = state.withLock { state in
            for (item, failures) in summary.failures where state.images[item].status == .pending {
                state.images[item].fail(failures)
            }
            return (state.images, state.workers)
        }
        let written = images.count { $0.status == .written }
        let finishedAt = Date()
        var sheets: [String] = []
        if written > 0 {
            do {
                // What an interrupted run never came to would only be black.
                sheets = try RunSheets.write(
                    images.filter { $0.status != .pending }, to: directory,
                    version: ProgramVersion.text)
            } catch {
                // Sheets can be made again from the pictures; the report can't.
                progress.report(.warning("no contact sheet: \(error)"))
            }
        }
        let traffic = summary.traffic
        let record = RunRecord(
            version: ProgramVersion.text, model: model, baseSeed: plan.baseSeed,
            batchCount: batchCount, settings: settings, startedAt: startedAt,
            finishedAt: finishedAt, workers: workers,
            wire: WireRecord(
                sentByteCount: traffic.sentByteCount, receivedByteCount: traffic.receivedByteCount,
                latentByteCount: traffic.resultRawByteCount,
                compressedLatentByteCount: traffic.resultByteCount),
            sheets: sheets)
        let report = RunReport(run: record, images: images)
        try directory.replace(RunFileName.report, bytes: try JSONText.file(report))
        try directory.replace(
            RunFileName.gallery, bytes: Array(GalleryPage(report: report).html.utf8))
        progress.report(
            .runFinished(
                written: written, failed: images.count { $0.status == .failed },
                seconds: finishedAt.timeIntervalSince(startedAt)))
    }

    /// The latents as diffusers would save them: `latents`, f32, `[1, channels, height, width]`.
    private func latentsBytes(_ latents: GeneratedLatents) -> [UInt8] {
        var writer = SafeTensorsWriter(metadata: ["format": "pt"])
        writer.add(
            "latents", shape: [1, latents.channels, latents.height, latents.width],
            values: latents.values)
        return writer.serialized()
    }
}

extension RunSession.State {
    fileprivate mutating func apply(_ event: CoordinatorEvent) {
        switch event {
        case .workerJoined(let worker, let description):
            hadWorker = true
            update(worker: worker, kernelClass: description.kernelClass) { $0.lostReason = nil }
        case .workerLost(let worker, let reason, willRetry: false),
            .workerRefused(let worker, let reason):
            update(worker: worker, kernelClass: "") { $0.lostReason = reason }
        case .retried(let item, let failure):
            images[item].attempts += 1
            images[item].reasons.append(failure.sentence)
        case .failed(let item, let failures): images[item].fail(failures)
        default: break
        }
    }

    fileprivate mutating func update(
        worker: String, kernelClass: String, _ change: (inout WorkerRecord) -> Void
    ) {
        if let index = workers.firstIndex(where: { $0.name == worker }) {
            if !kernelClass.isEmpty { workers[index].kernelClass = kernelClass }
            change(&workers[index])
        } else {
            var record = WorkerRecord(name: worker, kernelClass: kernelClass)
            change(&record)
            workers.append(record)
        }
    }
}

extension ImageRecord {
    fileprivate mutating func fail(_ failures: [AttemptFailure]) {
        status = .failed
        attempts = failures.count
        reasons = failures.map(\.sentence)
    }
}
