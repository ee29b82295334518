// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
package import GenerationTypes
import ImageCodec
package import Requests
import Synchronization

/// One process's share of a run: persists results, reports progress, writes the output.
package final class RunSession: Sendable {
    struct State {
        /// Workers as this session met them.
        var workers: [WorkerRecord] = []
        /// The directory holds nothing of an earlier run any more.
        var isDirectoryOurs = false
        /// Pictures that this session wrote.
        var writtenCount = 0
        /// Kernel classes whose difference from those of earlier sessions was reported.
        var reportedClasses: Set<String> = []
    }

    /// Where the files go.
    package struct Place: Sendable {
        let directory: RunDirectory
        /// The files of the run that this one replaces; `nil` if there is none.
        package var earlier: RunFiles?
        /// Images that have a damaged file.
        package var damagedImages: Set<ImageNumber>
        let decodes: Bool

        /// Describes where the files go.
        ///
        /// - Parameters:
        ///   - earlier: the files of the run that this one replaces; `nil` if there is none.
        ///   - damagedImages: images that have a damaged file.
        ///   - decodes: whether pictures are made; without, latents are enough to replace a run.
        package init(
            directory: RunDirectory, earlier: RunFiles? = nil, damagedImages: Set<ImageNumber> = [],
            decodes: Bool = true
        ) {
            self.directory = directory
            self.earlier = earlier
            self.damagedImages = damagedImages
            self.decodes = decodes
        }
    }

    /// The run's database.
    package let store: RunStore
    /// What was known when this session began.
    package let history: StoredHistory
    let place: Place
    let decodeClass: String
    let stored: StoredSession
    /// What sampled and what decoded the images of earlier sessions.
    let classesBefore: (sampling: Set<String>, decoding: Set<String>)
    let report: @Sendable (RunEvent) -> Void
    let model: ModelRecord
    let encoding: PictureEncoding
    let clock: WallClock
    let state = Mutex(State())
    var directory: RunDirectory { place.directory }

    /// Which session of the run this is, from 1.
    package var number: Int { stored.number }

    /// Begins a session of a run whose images are accepted.
    ///
    /// - Parameters:
    ///   - decodeClass: the kernel class that decodes here.
    ///   - clock: dates the session and its report.
    ///   - report: receives what happens, on any thread.
    /// - Throws: `RunError`.
    package init(
        _ store: RunStore, place: Place, model: ModelRecord, decodeClass: String,
        encoding: PictureEncoding, clock: WallClock, report: @escaping @Sendable (RunEvent) -> Void
    ) throws {
        self.store = store
        self.place = place
        self.model = model
        self.decodeClass = decodeClass
        self.encoding = encoding
        self.clock = clock
        self.report = report
        stored = try store.beginSession(at: clock.now())
        history = try store.history()
        classesBefore = (
            Set(history.results.values.map(\.kernelClass)),
            Set(history.pictures.values.compactMap(\.decodeClass).map(Self.withoutThreads))
        )
    }

    /// Writes a picture (and its latents), then records it.
    ///
    /// - Parameter replacing: whether an existing picture is replaced.
    /// - Throws: `RunError`.
    package func write(_ finished: FinishedImage, replacing: Bool = false) throws {
        let (result, image) = (finished.result, finished.result.image)
        let metadata = ImageMetadata(
            version: ProgramVersion.text, request: finished.request, model: model, result: result,
            decodingSeconds: finished.decodeSeconds)
        let replacing = replacing || place.damagedImages.contains(image)
        let decodeClass = finished.workerDecodeClass ?? decodeClass
        reportOtherDecoding(decodeClass, replacing: replacing)
        let file = RunFileName.picture(image, seed: finished.request.seed)
        let texts = try metadata.pngTexts(mergeMethod: encoding.mergeMethod)
        try put(file, try PNG.encode(finished.image, texts: texts), replacing)
        var latentsFile: String?
        if history.run.savesLatents {
            let name = RunFileName.latents(image, seed: finished.request.seed)
            try put(name, encoding.latents(finished.latents), replacing)
            latentsFile = name
        }
        try store.record(
            StoredPicture(
                image: image, file: file, latentsFile: latentsFile,
                decodeSeconds: finished.decodeSeconds, decodeClass: decodeClass,
                workerDecodeClass: finished.workerDecodeClass))
        state.withLock { $0.writtenCount += 1 }
        report(
            .imageWritten(
                image: image, worker: result.worker, file: file,
                seconds: metadata.timings.totalSeconds))
    }

    /// Stores that no picture can be made of an image's latents.
    ///
    /// - Throws: `RunError`.
    package func markUndecodable(_ image: ImageNumber, reason: String) throws {
        let failure = FailedAttempt(reason: "decoding failed: \(reason)")
        try store.commit([.failure(image, failure, isFinal: true)])
    }

    /// A worker joined: what it computes with goes into the report.
    package func workerJoined(_ worker: String, kernelClass: String) {
        state.withLock {
            $0.update(worker) {
                $0.kernelClass = kernelClass
                $0.lostReason = nil
            }
        }
        reportOtherKernels(kernelClass, of: worker)
    }

    /// A worker was lost, or can't be used.
    package func workerLost(_ worker: String, reason: String) {
        state.withLock { $0.update(worker) { $0.lostReason = reason } }
    }

    /// Reports that a worker computes differently from those that sampled the rest of the run.
    private func reportOtherKernels(_ kernelClass: String, of worker: String) {
        let before = classesBefore.sampling
        guard !before.isEmpty, !before.contains(kernelClass),
            state.withLock({ $0.reportedClasses.insert(kernelClass).inserted })
        else { return }
        report(
            .warning(
                """
                \(worker) computes with \(kernelClass), the images so far were sampled with \
                \(before.sorted().joined(separator: ", ")): other bytes for the same request; \
                report.json has the class of each
                """))
    }

    /// Reports that pictures are decoded differently from the existing ones.
    private func reportOtherDecoding(_ decodeClass: String, replacing: Bool) {
        let before = classesBefore.decoding
        let decodeClass = Self.withoutThreads(decodeClass)
        guard !replacing, !before.isEmpty, !before.contains(decodeClass),
            state.withLock({ $0.reportedClasses.insert("decode \(decodeClass)").inserted })
        else { return }
        report(
            .warning(
                """
                pictures are decoded with \(decodeClass) now, before with \
                \(before.sorted().joined(separator: ", ")); report.json has the class of each
                """))
    }

    /// A kernel class without its number of threads: a decoder has as many as are free.
    private static func withoutThreads(_ kernelClass: String) -> String {
        guard let dash = kernelClass.lastIndex(of: "-"),
            kernelClass[dash...].hasPrefix("-t"), Int(kernelClass[dash...].dropFirst(2)) != nil
        else { return kernelClass }
        return String(kernelClass[..<dash])
    }
}

extension RunSession: RunStoring {
    package func write(_ latents: GeneratedLatents, sha256: [UInt8]) throws {
        try store.write(latents, sha256: sha256)
    }

    package func commit(_ entries: [RunEntry]) throws {
        try store.commit(entries)
        let hasResult = entries.contains { if case .result = $0 { true } else { false } }
        if hasResult, !place.decodes { try takeDirectory() }
    }

    package func keep(_ checkpoint: SamplingCheckpoint, of image: ImageNumber) throws {
        try store.keep(checkpoint, of: image)
    }
}

extension RunSession.State {
    fileprivate mutating func update(_ worker: String, _ change: (inout WorkerRecord) -> Void) {
        if let index = workers.firstIndex(where: { $0.name == worker }) {
            change(&workers[index])
        } else {
            var record = WorkerRecord(name: worker, kernelClass: "")
            change(&record)
            workers.append(record)
        }
    }
}
