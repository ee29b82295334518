// SPDX-License-Identifier: Apache-2.0

internal import ClusterTransport
internal import CommandSupport
internal import Coordinator
internal import FoundationEssentials
internal import GenerationTypes
internal import ImageCodec
internal import RunStore
internal import SafeTensors
internal import Synchronization

/// One life of a run: books what happens, shows it, and writes the files.
final class RunSession: Sendable {
    fileprivate struct State {
        /// Workers as this life met them.
        var workers: [WorkerRecord] = []
        /// A worker was ready to draw: the run has begun.
        var hadWorker = false
        /// The directory holds nothing of an earlier run any more.
        var isDirectoryOurs = false
        /// Pictures that this life wrote.
        var writtenCount = 0
    }

    let store: RunStore
    /// What was known when this life began.
    let history: StoredHistory
    private let directory: RunDirectory
    private let life: StoredLife
    private let progress: ProgressFeed
    private let model: ModelRecord
    private let state = Mutex(State())

    /// Begins a life of a run whose images are accepted.
    ///
    /// - Throws: `RunStoreError`.
    init(
        _ store: RunStore, directory: RunDirectory, model: ModelRecord, progress: ProgressFeed
    ) throws {
        self.store = store
        self.directory = directory
        self.model = model
        self.progress = progress
        life = try store.beginLife()
        history = try store.history()
    }

    /// What the coordinator has to know of earlier lives.
    ///
    /// - Throws: `RunStoreError`.
    var resumed: ResumedRun {
        get throws {
            let given = history.requests.indices.filter(history.hasFailed)
            return ResumedRun(
                completed: history.results.mapValues(\.sha256),
                failed: Dictionary(
                    uniqueKeysWithValues: given.map { ($0, history.attemptFailures(of: $0)) }),
                session: life.number, leaseKey: history.run.leaseKey,
                instance: history.run.instance,
                checkpoints: try store.checkpoints())
        }
    }

    /// Writes a picture (and its latents), then books it.
    ///
    /// - Parameter replacing: whether a picture that is there is replaced.
    func write(_ finished: FinishedImage, replacing: Bool = false) throws {
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
        if history.run.savesLatents {
            let name = RunFileName.latents(index: finished.item, seed: finished.request.seed)
            try put(name, latentsBytes(finished.latents), replacing)
            latentsFile = name
        }
        try put(file, try PNG.encode(picture, texts: metadata.pngTexts()), replacing)
        try store.record(
            StoredPicture(
                item: finished.item, file: file, latentsFile: latentsFile,
                decodeSeconds: finished.decodeSeconds,
                workerDecodeClass: finished.workerDecodeClass))
        state.withLock { $0.writtenCount += 1 }
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

    /// Writes contact sheets, report and gallery of whatever was drawn.
    ///
    /// - Parameters:
    ///   - summary: what this life came to; `nil` when it only decoded.
    ///   - isInterrupted: whether the run was broken off.
    ///   - hasDiskFailed: whether the disk did that; then only the account is tried.
    func finish(
        _ summary: CoordinatorSummary?, isInterrupted: Bool = false, hasDiskFailed: Bool = false
    ) throws {
        if leavesEarlierRun(isInterrupted: isInterrupted) {
            progress.report(
                .warning("\(directory.path): the earlier run stays, for nothing new was drawn"))
            store.abandonSuccession()
            return
        }
        try takeDirectory()
        let traffic = summary?.storedTraffic ?? StoredTraffic()
        if hasDiskFailed {
            // Its error is told already; a life without an end is like one that was killed.
            try? store.end(life, traffic: traffic)
        } else {
            try store.end(life, traffic: traffic)
        }
        let now = try store.history()
        var images = now.imageRecords
        for (item, failures) in summary?.failures ?? [:] where images[item].status != .written {
            images[item].fail(failures.map(\.sentence))
        }
        let report = RunReport(
            run: RunRecord(
                now, model: model, met: state.withLock(\.workers),
                sheets: hasDiskFailed ? [] : writeSheets(of: images)),
            images: images)
        try put(RunFileName.report, try JSONText.file(report), true)
        try put(RunFileName.gallery, Array(GalleryPage(report: report).html.utf8), true)
        let written = images.count { $0.status == .written }
        progress.report(
            .runFinished(
                written: written, failed: images.count { $0.status == .failed },
                kept: written - state.withLock(\.writtenCount),
                seconds: Date().timeIntervalSince1970 - life.startedAt))
    }

    private func writeSheets(of images: [ImageRecord]) -> [String] {
        guard images.contains(where: { $0.status == .written }) else { return [] }
        do {
            // What an interrupted run never came to would only be black.
            return try RunSheets.write(
                images.filter { $0.status == .written || $0.status == .failed }, to: directory,
                version: ProgramVersion.text)
        } catch {
            // Sheets can be made again from the pictures; the report can't.
            progress.report(.warning("no contact sheet: \(error)"))
            return []
        }
    }

    /// Removes an earlier run's files, if that is wanted, when there is something to replace them.
    private func takeDirectory() throws {
        try state.withLock { state in
            guard !state.isDirectoryOurs else { return }
            if store.isSuccessor {
                try directory.removeExistingRun()
                try store.takePlace()
            }
            state.isDirectoryOurs = true
        }
    }

    /// Whether an earlier run stays, because this one did not begin or was broken off too early.
    private func leavesEarlierRun(isInterrupted: Bool) -> Bool {
        let (isOurs, hadWorker) = state.withLock { ($0.isDirectoryOurs, $0.hadWorker) }
        return !isOurs && (isInterrupted || !hadWorker) && store.isSuccessor
    }

    /// A picture that an earlier life wrote and did not come to book is replaced by itself.
    private func put(_ name: String, _ bytes: [UInt8], _ replacing: Bool) throws {
        do {
            if replacing || life.number > 1 {
                try directory.replace(name, bytes: bytes)
            } else {
                try directory.writeNew(name, bytes: bytes)
            }
        } catch {
            throw error.inARun
        }
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

extension RunDirectoryError {
    /// A run that has begun goes on where it is, and not in another directory.
    fileprivate var inARun: any Error {
        switch self {
        case .diskFull(let path): RunStoreError.diskFull(path: path)
        case .notWritable(let path, let reason), .writeFailed(let path, let reason):
            RunStoreError.writeFailed(path: path, reason: reason)
        default: self
        }
    }
}

extension RunSession: RunStoring {
    func write(_ latents: GeneratedLatents, sha256: [UInt8]) throws {
        // An earlier run gives way to the first result, before the archive holds any of ours.
        try takeDirectory()
        try store.write(latents, sha256: sha256)
    }

    func commit(_ entries: [RunEntry]) throws {
        try store.commit(
            results: entries.compactMap(\.storedResult),
            failures: entries.compactMap(\.storedFailure),
            forgotten: entries.compactMap(\.forgottenItem))
    }

    func keep(_ checkpoint: SamplingCheckpoint, of item: Int) throws {
        try store.keep(checkpoint, of: item)
    }
}

extension RunSession.State {
    fileprivate mutating func apply(_ event: CoordinatorEvent) {
        switch event {
        case .workerJoined(let worker, let description):
            hadWorker = true
            update(worker) {
                $0.kernelClass = description.kernelClass
                $0.lostReason = nil
            }
        case .workerLost(let worker, let reason, willRetry: _),
            .workerRefused(let worker, let reason):
            update(worker) { $0.lostReason = reason }
        default: break
        }
    }

    private mutating func update(_ worker: String, _ change: (inout WorkerRecord) -> Void) {
        if let index = workers.firstIndex(where: { $0.name == worker }) {
            change(&workers[index])
        } else {
            var record = WorkerRecord(name: worker, kernelClass: "")
            change(&record)
            workers.append(record)
        }
    }
}
