// SPDX-License-Identifier: Apache-2.0

import Coordinator
import GenerationTypes
package import Requests
package import Runs
import StableDiffusion

/// A run that is to begin or to be resumed.
package struct RunJob: Sendable {
    /// Where the run's state is.
    package enum Record: Sendable {
        /// It is stored once the model is known; this is what it will say besides.
        case new(batchCount: Int, settings: [String: String], savesLatents: Bool)
        /// An earlier session stored it; what it left has to be put right.
        case stored(StoredHistory, RunRepairs)
    }

    /// The images.
    package let plan: RequestPlan
    /// Where the files go.
    package let directory: RunDirectory
    /// The files of the run that a new one replaces; `nil` if there is none.
    let earlier: RunFiles?
    /// Where the run's state is.
    package let record: Record
    /// The model, and how it was chosen.
    package let model: ChosenModel

    /// Joins a run with its directory and its model.
    ///
    /// - Parameter earlier: the files of the run that a new one replaces; `nil` if there is none.
    package init(
        plan: RequestPlan, directory: RunDirectory, earlier: RunFiles? = nil, record: Record,
        model: ChosenModel
    ) {
        self.plan = plan
        self.directory = directory
        self.earlier = earlier
        self.record = record
        self.model = model
    }

    /// What earlier sessions stored; `nil` for a run that is to begin.
    package var history: StoredHistory? {
        if case .stored(let history, _) = record { history } else { nil }
    }

    /// How earlier sessions computed.
    package var settings: [String: String]? { history?.run.settings }

    /// Whether anything is left to be sampled.
    package var hasOpenImages: Bool { history?.openImages.isEmpty != true }

    /// Reports that work begins, and the outcomes of earlier sessions.
    package func announce(to report: (RunEvent) -> Void) {
        report(
            .runStarted(
                stepCounts: plan.requests.map(\.modelCallCount), baseSeed: plan.baseSeed))
        guard let history else { return }
        for image in history.images {
            if let outcome = history.outcome(of: image) {
                report(.imageKept(image: image, outcome))
            }
        }
    }

    /// Begins this session: from here on nothing that was asked for is lost.
    ///
    /// - Parameters:
    ///   - samples: whether images without an outcome are about to be sampled.
    ///   - decodes: whether pictures are made; without, latents are enough to replace a run.
    ///   - clock: dates the session.
    /// - Throws: `RunError`, `OtherModelError`.
    package func begin(
        with prepared: PreparedModel, samples: Bool = true, decodes: Bool = true,
        clock: WallClock = .system, report: @escaping @Sendable (RunEvent) -> Void
    ) throws -> RunSession {
        let fingerprint = prepared.fingerprint
        let warn: @Sendable (String) -> Void = { report(.warning($0)) }
        let store = try openedStore(fingerprint, onWait: warn)
        var place = RunSession.Place(directory: directory, earlier: earlier, decodes: decodes)
        if case .stored(_, let repairs) = record {
            place.earlier = Self.earlierFiles(of: store, warn: warn)
            place.damagedImages = repairs.damagedImages
        }
        let session = try RunSession(
            store, place: place, model: try ModelRecord(of: model.source, name: model.name),
            decodeClass: prepared.decoder.kernelClass, encoding: .standard, clock: clock,
            report: report)
        if samples {
            report(
                .runAccepted(
                    imageCount: plan.requests.count, openCount: session.history.openImages.count))
        }
        return session
    }

    private func openedStore(
        _ fingerprint: ModelFingerprint, onWait: @escaping @Sendable (String) -> Void
    ) throws -> RunStore {
        switch record {
        case .new(let batchCount, let settings, let savesLatents):
            return try RunStore.begin(
                StoredRun(
                    instance: Coordinator.makeInstance(), leaseKey: LeaseMint.makeKey(),
                    modelDirectory: model.path, model: fingerprint, baseSeed: plan.baseSeed,
                    isBaseSeedRandom: plan.isBaseSeedRandom, batchCount: batchCount,
                    settings: settings, savesLatents: savesLatents),
                requests: plan.requests, directory: directory.path, isSuccessor: earlier != nil,
                onWait: onWait)
        case .stored(let history, let repairs):
            guard history.run.model == fingerprint else {
                throw OtherModelError(
                    path: directory.path, model: model.source.path,
                    difference: fingerprint.difference(from: history.run.model))
            }
            // Left by a coordinator that was killed.
            directory.removeNow(RunFileName.status)
            let store = try RunStore.open(
                directory: directory.path, prefersSuccessor: repairs.isForSampling,
                onWait: onWait)
            try repairs.apply(to: store)
            return store
        }
    }
}

extension StoredHistory {
    /// The image's outcome; `nil` while pending.
    fileprivate func outcome(of image: ImageNumber) -> KeptOutcome? {
        if pictures[image] != nil { return .written }
        if results[image] != nil { return .sampled }
        return hasFailed(image) ? .failed : nil
    }
}

/// A run can't be resumed with a different model from the one it began with.
package struct OtherModelError: Error, CustomStringConvertible {
    let path: String
    let model: String
    let difference: String

    /// Names both, and how they differ.
    package var description: String {
        """
        the run in \(path) was started with a different model from \(model) (\(difference)); \
        pass the original with --model, and its LoRAs and embeddings with --lora, \
        --lora-model-dir and --embd-dir
        """
    }
}
