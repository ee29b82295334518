// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
package import GenerationTypes
import Requests
import Synchronization

/// The files of a run as a whole, and how they replace those of an earlier run.
extension RunSession {
    /// Ends the session: writes contact sheets, report and gallery of what there is.
    ///
    /// - Parameters:
    ///   - traffic: bytes on the wire in this session.
    ///   - failures: images that failed in it, with their failed attempts.
    ///   - hasDiskFailed: whether a disk error ended it; then only the report is tried.
    /// - Throws: `RunError`.
    package func finish(
        traffic: ByteCounts = ByteCounts(), failures: [ImageNumber: [FailedAttempt]] = [:],
        hasDiskFailed: Bool = false
    ) throws {
        if hasDiskFailed {
            // Its error is reported already; a session without an end is like one that was killed.
            try? store.end(stored, at: clock.now(), traffic: traffic)
        } else {
            try store.end(stored, at: clock.now(), traffic: traffic)
        }
        let history = try store.history()
        guard !leavesEarlierRun(history) else { return }
        try takeDirectory()
        if !hasDiskFailed { try? store.removeUnnamedLatents() }
        var images = history.imageRecords
        for (image, failures) in failures where images[image.rawValue].status != .written {
            images[image.rawValue].fail(failures.map(\.sentence))
        }
        let sheets = hasDiskFailed ? [] : writeSheets(of: images)
        let runReport = RunReport(
            run: RunRecord(
                history, model: model, met: state.withLock(\.workers), finishedAt: clock.now(),
                sheets: sheets),
            images: images)
        try putOwn(RunFileName.report, try JSONText.file(runReport))
        try putOwn(RunFileName.gallery, Array(GalleryPage(report: runReport).html.utf8))
        let written = images.count { $0.status == .written }
        report(
            .runFinished(
                written: written, failed: images.count { $0.status == .failed },
                kept: written - state.withLock(\.writtenCount),
                seconds: clock.now().timeIntervalSince1970 - stored.startedAt))
    }

    private func writeSheets(of images: [ImageRecord]) -> [String] {
        guard images.contains(where: { $0.status == .written }) else { return [] }
        do {
            // Images that an interrupted run did not reach would only be black.
            return try RunSheets.write(
                images.filter { $0.status == .written || $0.status == .failed }, to: directory,
                version: ProgramVersion.text)
        } catch {
            // Sheets can be made again from the pictures; the report can't.
            report(.warning("no contact sheet: \(error)"))
            return []
        }
    }

    /// Removes an earlier run's files, if that is wanted, once there is something to replace them.
    ///
    /// - Throws: `RunError`.
    func takeDirectory() throws {
        do {
            try state.withLock { state in
                guard !state.isDirectoryOurs else { return }
                if store.isSuccessor {
                    if let earlier = place.earlier { try directory.remove(earlier) }
                    try store.takePlace()
                }
                state.isDirectoryOurs = true
            }
        } catch let error as RunError {
            throw error.in(.running)
        }
    }

    /// Whether an earlier run stays, because this one has nothing yet to replace it.
    private func leavesEarlierRun(_ history: StoredHistory) -> Bool {
        guard store.isSuccessor, !state.withLock(\.isDirectoryOurs) else { return false }
        if history.results.isEmpty {
            report(
                .warning(
                    "\(directory.path): the earlier run stays, because nothing new was sampled"))
            store.abandonSuccession()
        } else {
            report(
                .warning(
                    """
                    \(directory.path): the earlier run stays until there is a picture of this one; \
                    --resume continues this one
                    """))
        }
        return true
    }

    /// Writes a file of an image; in a later session it may replace one that these programs wrote.
    func put(_ name: String, _ bytes: [UInt8], _ replacing: Bool) throws {
        do {
            if replacing {
                try takeDirectory()
                try directory.replace(name, bytes: bytes)
            } else if number > 1 || store.isSuccessor {
                try directory.replaceOwn(name, bytes: bytes) { try takeDirectory() }
            } else {
                try takeDirectory()
                try directory.writeNew(name, bytes: bytes)
            }
        } catch let error as RunError {
            throw error.in(.running)
        }
    }

    /// Writes a file about the run, unless somebody else's has that name.
    private func putOwn(_ name: String, _ bytes: [UInt8]) throws {
        do {
            try directory.replaceOwn(name, bytes: bytes)
        } catch RunError.fileExists(let path) {
            report(.warning("\(path) is not this run's and was left alone"))
        } catch let error as RunError {
            throw error.in(.running)
        }
    }
}
