// SPDX-License-Identifier: Apache-2.0

import GenerationTypes
import Glibc
package import Requests
package import Runs
import WireProtocol

extension RunJob {
    /// Takes a directory for a new run.
    ///
    /// - Parameter replaces: whether the run in it is to be replaced.
    /// - Returns: the directory, and the files of the run that is replaced.
    /// - Throws: `RunError`; nothing is changed then.
    package static func claim(
        _ path: String, for plan: RequestPlan, savesLatents: Bool, replaces: Bool
    ) throws -> (RunDirectory, earlier: RunFiles?) {
        let directory = try RunDirectory(preparing: path)
        do {
            let earlier = try files(in: directory, areNeeded: replaces)
            try directory.claim(
                for: RunFiles(requests: plan.requests, savesLatents: savesLatents),
                earlier: earlier, replaces: replaces)
            return (directory, earlier)
        } catch {
            directory.withdraw()
            throw error
        }
    }

    /// The files that the database of a directory names.
    ///
    /// - Parameter areNeeded: whether it has to be readable; to refuse a run it need not be.
    private static func files(in directory: RunDirectory, areNeeded: Bool) throws -> RunFiles? {
        do {
            return try RunStore.peek(directory: directory.path).map(RunFiles.init)
        } catch {
            if areNeeded { throw error }
            return RunFiles.unknown
        }
    }

    /// Looks at a run that was interrupted, or whose latents are to be decoded.
    ///
    /// Pictures that are gone or damaged count as not written. Nothing of the run is changed before
    /// `begin`: a command that is refused leaves it as it was.
    ///
    /// - Parameters:
    ///   - isForSampling: whether workers will sample. Then a run that was to replace the one in
    ///     the directory is resumed rather than that one, and images whose latents are gone or
    ///     damaged are pending again.
    ///   - retriesFailures: whether failed images are tried again.
    ///   - model: opens the model, given what the run was begun with.
    ///   - warn: receives what was found damaged.
    ///   - check: looks at the run first.
    /// - Throws: `RunError`, and what `model` and `check` throw.
    package static func opening(
        _ path: String, isForSampling: Bool, retriesFailures: Bool = false,
        model: (StoredRun) throws -> ChosenModel, warn: (String) -> Void = { _ in },
        check: (StoredHistory) throws -> Void = { _ in }
    ) throws -> RunJob {
        guard access(path, F_OK) == 0 else { throw RunError.noRun(path: path) }
        let directory = try RunDirectory(preparing: path)
        guard
            var history = try RunStore.peek(
                directory: directory.path, prefersSuccessor: isForSampling)
        else {
            directory.withdraw()
            throw RunError.noRun(path: directory.path)
        }
        try check(history)
        var repairs = RunRepairs(isForSampling: isForSampling, reopensFailures: retriesFailures)
        repairs.forgetPictures(of: &history, in: directory, warn: warn)
        if retriesFailures { history.reopenFailures() }
        if isForSampling { repairs.forgetResults(of: &history, in: directory, warn: warn) }
        return RunJob(
            plan: RequestPlan(
                baseSeed: history.run.baseSeed, isBaseSeedRandom: history.run.isBaseSeedRandom,
                requests: history.requests),
            directory: directory, record: .stored(history, repairs),
            model: try model(history.run))
    }

    /// The files of the run that a successor replaces; `nil` if the run is no successor.
    static func earlierFiles(of store: RunStore, warn: (String) -> Void) -> RunFiles? {
        guard store.isSuccessor else { return nil }
        do {
            return try store.peekAtEarlier().map(RunFiles.init) ?? .unknown
        } catch {
            warn("\(error); the pictures of that run stay")
            return .unknown
        }
    }

}

extension RunRepairs {
    /// Forgets pictures whose files are not as they were written.
    fileprivate mutating func forgetPictures(
        of history: inout StoredHistory, in directory: RunDirectory, warn: (String) -> Void
    ) {
        for image in history.pictures.keys.sorted() {
            let condition = history.condition(ofPicture: image, in: directory)
            guard condition != .whole else { continue }
            if condition == .damaged {
                damagedImages.insert(image)
                warn("the picture of image \(image), or what is beside it, is damaged")
            }
            history.pictures[image] = nil
            lostPictures.append(image)
        }
    }

    /// Forgets results without a picture whose latents are not as they were written.
    fileprivate mutating func forgetResults(
        of history: inout StoredHistory, in directory: RunDirectory, warn: (String) -> Void
    ) {
        let archive = LatentArchive(directory: directory.path)
        for image in history.undecodedImages {
            guard let result = history.results[image],
                archive.read(result.facts, digest: \.sha256) == nil
            else { continue }
            warn("the latents of image \(image) are gone or damaged: it is sampled again")
            history.results[image] = nil
            lostResults.append(image)
        }
    }
}

extension StoredHistory {
    /// The condition of a picture's files: the worst of them counts.
    fileprivate func condition(
        ofPicture image: ImageNumber, in directory: RunDirectory
    ) -> RunDirectory.Condition {
        guard let picture = pictures[image], let result = results[image] else { return .gone }
        let condition = directory.condition(ofPicture: picture.file)
        guard condition == .whole, let latentsFile = picture.latentsFile else { return condition }
        return directory.condition(
            ofLatents: latentsFile, valueCount: result.facts.valueCount,
            sha256: result.facts.sha256)
    }
}

extension RunFiles {
    /// The files of a stored run.
    fileprivate init(_ history: StoredHistory) {
        self.init(requests: history.requests, savesLatents: history.run.savesLatents)
    }

    /// Those of a run whose database can't be read.
    fileprivate static var unknown: RunFiles { RunFiles(requests: [], savesLatents: false) }
}
