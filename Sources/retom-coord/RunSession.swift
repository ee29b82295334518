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
        /// The directory holds nothing of an earlier run any more.
        var isDirectoryOurs = false
        /// Pictures that this life wrote.
        var writtenCount = 0
        /// Kernel classes whose difference from those of earlier lives was told.
        var toldClasses: Set<String> = []
    }

    /// Where the files go.
    struct Place: Sendable {
        let directory: RunDirectory
        /// The files of the run that gives way to this one; `nil` if there is none.
        let earlier: RunFiles?
        /// Images of which a file is there and damaged.
        let damagedItems: Set<Int>
        /// Whether pictures are made; otherwise an earlier run gives way to latents.
        let decodes: Bool
    }

    let store: RunStore
    /// What was known when this life began.
    let history: StoredHistory
    private let place: Place
    private let decodeClass: String
    private let life: StoredLife
    /// What sampled and what decoded the images of earlier lives.
    private let classesBefore: (sampling: Set<String>, decoding: Set<String>)
    private let progress: ProgressFeed
    private let model: ModelRecord
    private let state = Mutex(State())
    private var directory: RunDirectory { place.directory }

    /// Begins a life of a run whose images are accepted.
    ///
    /// - Throws: `RunStoreError`.
    init(
        _ store: RunStore, place: Place, model: ModelRecord, decodeClass: String,
        progress: ProgressFeed
    ) throws {
        self.store = store
        self.place = place
        self.model = model
        self.decodeClass = decodeClass
        self.progress = progress
        life = try store.beginLife()
        history = try store.history()
        classesBefore = (
            Set(history.results.values.map(\.kernelClass)),
            Set(history.pictures.values.compactMap(\.decodeClass).map(Self.withoutThreads))
        )
    }

    /// What the coordinator has to know of earlier lives.
    ///
    /// - Throws: `RunStoreError`.
    var resumed: ResumedRun {
        get throws {
            let given = history.requests.indices.filter(history.hasFailed)
            return ResumedRun(
                completed: history.results.mapValues(\.facts.sha256),
                failed: Dictionary(
                    uniqueKeysWithValues: given.map { ($0, history.failures[$0] ?? []) }),
                session: life.number, leaseKey: history.run.leaseKey,
                instance: history.run.instance,
                checkpoints: try store.checkpoints())
        }
    }

    /// Writes a picture (and its latents), then books it.
    ///
    /// - Parameter replacing: whether a picture that is there is replaced.
    func write(_ finished: FinishedImage, replacing: Bool = false) throws {
        let (result, item) = (finished.result, finished.result.image.rawValue)
        let metadata = ImageMetadata(
            version: ProgramVersion.text, request: finished.request, model: model, result: result,
            decodingSeconds: finished.decodeSeconds)
        let replacing = replacing || place.damagedItems.contains(item)
        let decodeClass = finished.workerDecodeClass ?? decodeClass
        tellOtherDecoding(decodeClass, replacing: replacing)
        let file = RunFileName.picture(index: item, seed: finished.request.seed)
        try put(file, try PNG.encode(finished.image, texts: metadata.pngTexts()), replacing)
        var latentsFile: String?
        if history.run.savesLatents {
            let name = RunFileName.latents(index: item, seed: finished.request.seed)
            try put(name, latentsBytes(finished.latents), replacing)
            latentsFile = name
        }
        try store.record(
            StoredPicture(
                item: item, file: file, latentsFile: latentsFile,
                decodeSeconds: finished.decodeSeconds, decodeClass: decodeClass,
                workerDecodeClass: finished.workerDecodeClass))
        state.withLock { $0.writtenCount += 1 }
        progress.report(
            .imageWritten(
                index: item, worker: result.worker, file: file,
                seconds: metadata.timings.totalSeconds))
    }

    /// Takes an event of the cluster into the account and shows it.
    func note(_ event: CoordinatorEvent) {
        state.withLock { $0.apply(event) }
        if case .workerJoined(let worker, let description) = event {
            tellOtherKernels(description.kernelClass, of: worker)
        }
        for shown in RunEvent.events(for: event) { progress.report(shown) }
    }

    /// Writes contact sheets, report and gallery of whatever was drawn.
    ///
    /// - Parameters:
    ///   - summary: what this life came to; `nil` when it only decoded.
    ///   - hasDiskFailed: whether the disk did that; then only the account is tried.
    func finish(
        _ summary: CoordinatorSummary?, hasDiskFailed: Bool = false
    ) throws {
        let traffic = summary?.traffic ?? ByteCounts()
        if hasDiskFailed {
            // Its error is told already; a life without an end is like one that was killed.
            try? store.end(life, traffic: traffic)
        } else {
            try store.end(life, traffic: traffic)
        }
        let now = try store.history()
        guard !leavesEarlierRun(now) else { return }
        try takeDirectory()
        if !hasDiskFailed { try? store.removeUnnamedLatents() }
        var images = now.imageRecords
        for (item, failures) in summary?.failures ?? [:] where images[item].status != .written {
            images[item].fail(failures.map(\.sentence))
        }
        let report = RunReport(
            run: RunRecord(
                now, model: model, met: state.withLock(\.workers),
                sheets: hasDiskFailed ? [] : writeSheets(of: images)),
            images: images)
        try putOwn(RunFileName.report, try JSONText.file(report))
        try putOwn(RunFileName.gallery, Array(GalleryPage(report: report).html.utf8))
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
                if let earlier = place.earlier { try directory.remove(earlier) }
                try store.takePlace()
            }
            state.isDirectoryOurs = true
        }
    }

    /// Whether an earlier run stays, because this one has nothing yet to take its place.
    private func leavesEarlierRun(_ now: StoredHistory) -> Bool {
        guard store.isSuccessor, !state.withLock(\.isDirectoryOurs) else { return false }
        if now.results.isEmpty {
            progress.report(
                .warning("\(directory.path): the earlier run stays, for nothing new was drawn"))
            store.abandonSuccession()
        } else {
            progress.report(
                .warning(
                    """
                    \(directory.path): the earlier run stays until there is a picture of this one; \
                    --resume goes on with this one
                    """))
        }
        return true
    }

    /// A file that these programs wrote is replaced: in a later life that is this one's own.
    private func put(_ name: String, _ bytes: [UInt8], _ replacing: Bool) throws {
        do {
            if replacing {
                try takeDirectory()
                try directory.replace(name, bytes: bytes)
            } else if life.number > 1 || store.isSuccessor {
                try directory.replaceOwn(name, bytes: bytes) { try takeDirectory() }
            } else {
                try takeDirectory()
                try directory.writeNew(name, bytes: bytes)
            }
        } catch let error as RunDirectoryError {
            throw error.inARun
        }
    }

    /// What tells of the run leaves alone what somebody else put there.
    private func putOwn(_ name: String, _ bytes: [UInt8]) throws {
        do {
            try directory.replaceOwn(name, bytes: bytes)
        } catch RunDirectoryError.fileExists(let path) {
            progress.report(.warning("\(path) is not this run's and was left alone"))
        } catch let error as RunDirectoryError {
            throw error.inARun
        }
    }

    /// Says that a worker computes otherwise than those that drew the rest of the run.
    private func tellOtherKernels(_ kernelClass: String, of worker: String) {
        let before = classesBefore.sampling
        guard !before.isEmpty, !before.contains(kernelClass),
            state.withLock({ $0.toldClasses.insert(kernelClass).inserted })
        else { return }
        progress.report(
            .warning(
                """
                \(worker) computes with \(kernelClass), the images so far were drawn with \
                \(before.sorted().joined(separator: ", ")): other bytes for the same request; \
                report.json has the class of each
                """))
    }

    /// Says that pictures are decoded otherwise than those that are there.
    private func tellOtherDecoding(_ decodeClass: String, replacing: Bool) {
        let before = classesBefore.decoding
        let decodeClass = Self.withoutThreads(decodeClass)
        guard !replacing, !before.isEmpty, !before.contains(decodeClass),
            state.withLock({ $0.toldClasses.insert("decode \(decodeClass)").inserted })
        else { return }
        progress.report(
            .warning(
                """
                pictures are decoded with \(decodeClass) now, before with \
                \(before.sorted().joined(separator: ", ")); report.json has the class of each
                """))
    }

    /// A kernel class without its number of threads: who decodes has as many as are free.
    private static func withoutThreads(_ kernelClass: String) -> String {
        guard let dash = kernelClass.lastIndex(of: "-"),
            kernelClass[dash...].hasPrefix("-t"), Int(kernelClass[dash...].dropFirst(2)) != nil
        else { return kernelClass }
        return String(kernelClass[..<dash])
    }

    /// Books that no picture can be made of an image's latents.
    func noteUndecodable(_ item: Int, reason: String) throws {
        let failure = FailedAttempt(reason: "decoding failed: \(reason)")
        try store.commit([.failure(ImageNumber(item), failure, isFinal: true)])
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
        try store.write(latents, sha256: sha256)
    }

    func commit(_ entries: [RunEntry]) throws {
        try store.commit(entries)
        let hasResult = entries.contains { if case .result = $0 { true } else { false } }
        if hasResult, !place.decodes { try takeDirectory() }
    }

    func keep(_ checkpoint: SamplingCheckpoint, of image: ImageNumber) throws {
        try store.keep(checkpoint, of: image)
    }
}

extension RunSession.State {
    fileprivate mutating func apply(_ event: CoordinatorEvent) {
        switch event {
        case .workerJoined(let worker, let description):
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
