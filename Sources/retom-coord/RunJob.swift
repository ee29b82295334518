// SPDX-License-Identifier: Apache-2.0

internal import CommandSupport
internal import Coordinator
internal import GenerationTypes
internal import RunStore
internal import StableDiffusion

/// A run that is to begin, or to go on.
struct RunJob: Sendable {
    /// Where the account is.
    enum Account: Sendable {
        /// It is made when the model is known: this is what it will say besides.
        case new(batchCount: Int, settings: [String: String], savesLatents: Bool)
        /// An earlier life made it.
        case stored(RunStore, StoredHistory)
    }

    let plan: RequestPlan
    let directory: RunDirectory
    /// The files of the run that gives way to this one; `nil` if there is none.
    var earlier: RunFiles?
    /// Images whose pictures, or the latents beside them, are there and damaged.
    var damagedItems: Set<Int> = []
    let account: Account
    let model: any ModelSource
    let modelName: String
    /// How it was chosen.
    let modelOptions: ModelOptions
    /// Whether images that an earlier life gave up are drawn again.
    let reopensFailures: Bool

    /// How an earlier life computed.
    var settings: [String: String]? {
        if case .stored(_, let history) = account { history.run.settings } else { nil }
    }

    /// Whether anything is left to be sampled.
    var hasOpenImages: Bool {
        if case .stored(_, let history) = account { !history.openItems.isEmpty } else { true }
    }

    /// Says that work begins, and what earlier lives came to.
    func announce(to progress: ProgressFeed) {
        progress.report(
            .runStarted(
                stepCounts: plan.requests.map(\.inferenceStepCount), baseSeed: plan.baseSeed))
        guard case .stored(_, let history) = account else { return }
        for item in history.requests.indices {
            if let outcome = history.outcome(of: item) {
                progress.report(.imageKept(index: item, outcome))
            }
        }
    }

    /// Begins this life: from here on nothing that was asked for is lost.
    ///
    /// - Parameters:
    ///   - samples: whether images without an outcome are about to be drawn.
    ///   - decodes: whether pictures are made; otherwise an earlier run gives way to latents.
    /// - Throws: `RunStoreError`, `OtherModelError`.
    func begin(
        with prepared: PreparedModel, progress: ProgressFeed, samples: Bool = true,
        decodes: Bool = true
    ) throws -> RunSession {
        let store: RunStore
        let fingerprint = prepared.fingerprint
        let onWait: @Sendable (String) -> Void = { progress.report(.warning($0)) }
        switch account {
        case .new(let batchCount, let settings, let savesLatents):
            store = try RunStore.begin(
                StoredRun(
                    instance: Coordinator.makeInstance(), leaseKey: LeaseMint.makeKey(),
                    modelDirectory: modelOptions.model,
                    model: fingerprint, baseSeed: plan.baseSeed,
                    isBaseSeedRandom: plan.isBaseSeedRandom, batchCount: batchCount,
                    settings: settings, savesLatents: savesLatents),
                requests: plan.requests, directory: directory.path,
                isSuccessor: earlier != nil, onWait: onWait)
        case .stored(let opened, let history):
            guard history.run.model == fingerprint else {
                throw OtherModelError(
                    path: directory.path, model: model.path,
                    difference: fingerprint.difference(from: history.run.model))
            }
            if reopensFailures { try opened.reopenFailures() }
            store = opened
            store.tellWaits(onWait)
        }
        let session = try RunSession(
            store,
            place: RunSession.Place(
                directory: directory, earlier: earlier, damagedItems: damagedItems,
                decodes: decodes),
            model: ModelRecord(name: modelName, fingerprint: fingerprint),
            decodeClass: prepared.decoder.kernelClass, progress: progress)
        if samples {
            progress.report(
                .runAccepted(
                    imageCount: plan.requests.count, openCount: session.history.openItems.count))
        }
        return session
    }
}

extension StoredHistory {
    /// What an image has come to; `nil` while it is open.
    fileprivate func outcome(of item: Int) -> KeptOutcome? {
        if pictures[item] != nil { return .written }
        if results[item] != nil { return .sampled }
        return hasFailed(item) ? .failed : nil
    }
}

/// A run can't go on with another model than it began with.
struct OtherModelError: Error, CustomStringConvertible {
    let path: String
    let model: String
    let difference: String

    var description: String {
        """
        the run in \(path) was begun with another model than \(model) (\(difference)); name the \
        one it began with by --model
        """
    }
}
