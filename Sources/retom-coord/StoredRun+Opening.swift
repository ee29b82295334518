// SPDX-License-Identifier: Apache-2.0

internal import CommandSupport
internal import Glibc
internal import RunStore
internal import StableDiffusion
internal import WireProtocol

extension RunJob {
    /// Opens a run that was broken off, or one whose latents are to be decoded.
    ///
    /// Pictures that are gone count as not written.
    ///
    /// - Parameters:
    ///   - model: another place of the model than the run was begun with.
    ///   - isForSampling: whether workers will draw. Then a run that was to replace the one in the
    ///     directory goes on rather than that one, and results whose latents are gone or damaged are
    ///     forgotten: their images are open again.
    ///   - retriesFailures: whether failed images are opened again.
    ///   - warn: is told what was found damaged.
    /// - Throws: `RunDirectoryError`, `RunStoreError`.
    static func opening(
        _ path: String, model: ModelOptions, isForSampling: Bool,
        retriesFailures: Bool = false, warn: (String) -> Void = { _ in }
    ) throws -> RunJob {
        guard access(path, F_OK) == 0 else { throw RunStoreError.noRun(path: path) }
        let directory = try RunDirectory(preparing: path, policy: .replace)
        // A coordinator that was killed left it.
        directory.removeNow(RunFileName.status)
        let store = try RunStore.open(
            directory: directory.path, prefersSuccessor: isForSampling)
        var history = try store.history()
        // On the disk only when it is known that this command goes on with the run.
        if retriesFailures { history.reopenFailures() }
        for (item, picture) in history.pictures
        where access(directory.path(of: picture.file), F_OK) != 0 {
            history.pictures[item] = nil
            try store.forgetPicture(of: item)
        }
        for item in isForSampling ? history.undecodedItems : [] {
            guard let result = history.results[item],
                store.archive.read(result, digest: \.sha256) == nil
            else { continue }
            warn("the latents of image \(item) are gone or damaged: it is sampled again")
            history.results[item] = nil
            try store.forgetResult(of: item)
        }
        var model = model
        if model.model == nil { model.model = history.run.modelDirectory }
        let (modelPath, modelName) = try model.resolve()
        return RunJob(
            plan: RequestPlan(
                baseSeed: history.run.baseSeed, isBaseSeedRandom: history.run.isBaseSeedRandom,
                requests: history.requests),
            directory: directory, account: .stored(store, history),
            model: try ModelDirectory(path: modelPath), modelName: modelName,
            modelDirectory: model.model, reopensFailures: retriesFailures)
    }
}
