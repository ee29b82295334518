// SPDX-License-Identifier: Apache-2.0

internal import CommandSupport
internal import GenerationTypes
internal import Glibc
internal import RunStore
internal import StableDiffusion
internal import WireProtocol

extension RunJob {
    /// Takes a directory for a new run.
    ///
    /// - Parameter replaces: whether a run that is there is to give way.
    /// - Returns: the directory, and the files of the run that gives way.
    /// - Throws: `RunDirectoryError`, `RunStoreError`; nothing is changed then.
    static func claim(
        _ path: String, for plan: RequestPlan, savesLatents: Bool, replaces: Bool
    ) throws -> (RunDirectory, earlier: RunFiles?) {
        let directory = try RunDirectory(preparing: path)
        do {
            let earlier = try account(in: directory, isRead: replaces)
            try directory.claim(
                for: RunFiles(requests: plan.requests, savesLatents: savesLatents),
                earlier: earlier, replaces: replaces)
            return (directory, earlier)
        } catch {
            directory.withdraw()
            throw error
        }
    }

    /// The files that the account of a directory names.
    ///
    /// - Parameter isRead: whether it has to be readable; whoever refuses it need not know more.
    private static func account(in directory: RunDirectory, isRead: Bool) throws -> RunFiles? {
        do {
            return try RunStore.peek(directory: directory.path).map(RunFiles.init)
        } catch {
            if isRead { throw error }
            return RunFiles.unknown
        }
    }

    /// Opens a run that was broken off, or one whose latents are to be decoded.
    ///
    /// Pictures that are gone or damaged count as not written.
    ///
    /// - Parameters:
    ///   - model: another place of the model than the run was begun with.
    ///   - isForSampling: whether workers will draw. Then a run that was to replace the one in the
    ///     directory goes on rather than that one, and results whose latents are gone or damaged are
    ///     forgotten: their images are open again.
    ///   - retriesFailures: whether failed images are opened again.
    ///   - warn: is told what was found damaged.
    ///   - check: looks at the run before anything is changed.
    /// - Throws: `RunDirectoryError`, `RunStoreError`, and what `check` throws.
    static func opening(
        _ path: String, model: ModelOptions, isForSampling: Bool,
        retriesFailures: Bool = false, warn: (String) -> Void = { _ in },
        check: (StoredHistory) throws -> Void = { _ in }
    ) throws -> RunJob {
        guard access(path, F_OK) == 0 else { throw RunStoreError.noRun(path: path) }
        let directory = try RunDirectory(preparing: path)
        let store: RunStore
        do {
            store = try RunStore.open(
                directory: directory.path, prefersSuccessor: isForSampling,
                onWait: { ConsoleStreams.standard.writeError($0 + "\n") })
        } catch {
            directory.withdraw()
            throw error
        }
        var history = try store.history()
        try check(history)
        // A coordinator that was killed left it.
        directory.removeNow(RunFileName.status)
        let damagedItems = try forgetPictures(of: &history, in: directory, store, warn: warn)
        // On the disk only when it is known that this command goes on with the run.
        if retriesFailures { history.reopenFailures() }
        if isForSampling {
            try forgetResults(of: &history, store, warn: warn)
            // A process that was killed may have left some that nobody will ask for.
            try? store.removeUnnamedLatents()
        }
        var model = model
        model.follow(path: history.run.modelDirectory, history.run.settings)
        let (source, modelName) = try model.open()
        let chosen = try model.withAbsolutePaths()
        return RunJob(
            plan: RequestPlan(
                baseSeed: history.run.baseSeed, isBaseSeedRandom: history.run.isBaseSeedRandom,
                requests: history.requests),
            directory: directory, earlier: earlierFiles(of: store, warn: warn),
            damagedItems: damagedItems, account: .stored(store, history),
            model: source, modelName: modelName, modelOptions: chosen,
            reopensFailures: retriesFailures)
    }

    /// The files of the run that a successor replaces.
    private static func earlierFiles(of store: RunStore, warn: (String) -> Void) -> RunFiles? {
        guard store.isSuccessor else { return nil }
        do {
            return try store.peekAtEarlier().map(RunFiles.init) ?? .unknown
        } catch {
            warn("\(error); the pictures of that run stay")
            return .unknown
        }
    }

    /// Forgets pictures that are not there as they were written.
    ///
    /// - Returns: images of which something is there and damaged.
    private static func forgetPictures(
        of history: inout StoredHistory, in directory: RunDirectory, _ store: RunStore,
        warn: (String) -> Void
    ) throws -> Set<Int> {
        var damaged: Set<Int> = []
        for item in history.pictures.keys.sorted() {
            let condition = history.condition(ofPicture: item, in: directory)
            guard condition != .whole else { continue }
            if condition == .damaged {
                damaged.insert(item)
                warn("the picture of image \(item), or what is beside it, is damaged")
            }
            history.pictures[item] = nil
            try store.forgetPicture(of: item)
        }
        return damaged
    }

    /// Forgets results without a picture whose latents are not there as they were written.
    private static func forgetResults(
        of history: inout StoredHistory, _ store: RunStore, warn: (String) -> Void
    ) throws {
        for item in history.undecodedItems {
            guard let result = history.results[item],
                store.archive.read(result.facts, digest: \.sha256) == nil
            else { continue }
            warn("the latents of image \(item) are gone or damaged: it is sampled again")
            history.results[item] = nil
            try store.forgetResult(of: item)
        }
    }
}

extension StoredHistory {
    /// How the files of a picture are: the worst of them counts.
    fileprivate func condition(
        ofPicture item: Int, in directory: RunDirectory
    ) -> RunDirectory.Condition {
        guard let picture = pictures[item], let result = results[item] else { return .gone }
        let picked = directory.condition(ofPicture: picture.file)
        guard picked == .whole, let latentsFile = picture.latentsFile else { return picked }
        return directory.condition(
            ofLatents: latentsFile, valueCount: result.facts.valueCount, sha256: result.facts.sha256
        )
    }
}

extension RunFiles {
    /// The files of a stored run.
    fileprivate init(_ history: StoredHistory) {
        self.init(requests: history.requests, savesLatents: history.run.savesLatents)
    }

    /// Those of a run whose account can't be read.
    fileprivate static var unknown: RunFiles { RunFiles(requests: [], savesLatents: false) }
}
