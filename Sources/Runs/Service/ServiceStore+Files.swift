// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import GRDB
import GenerationTypes
import Glibc
package import Requests
package import ServiceLedger

/// Files of a service.
extension ServiceStore {
    /// Writes a picture; it appears whole or not at all.
    ///
    /// Not at all where its batch is erased meanwhile. May be called on several threads at once: the
    /// disk synchronises many pictures in the time of one. An error is final.
    ///
    /// - Throws: `RunError`.
    package func writePicture(
        _ bytes: [UInt8], _ name: String, of batch: BatchID
    ) throws(RunError) {
        let folder = pictureFolder(of: batch)
        do {
            try committer.guarded {
                try pictureFolders.make(batch.text)
                do {
                    let file = try AtomicFile(name: name, directory: folder)
                    try file.append(bytes)
                    try file.commit(replacing: true)
                } catch {
                    // The folder goes only with its batch.
                    guard access(folder, F_OK) != 0, errno == ENOENT else { throw error }
                }
            }
        } catch {
            throw RunError(error, path: directory)
        }
    }

    /// The bytes of a file; `nil` if it can't be read.
    package static func file(_ path: String) -> [UInt8]? {
        (try? Data(contentsOf: URL(filePath: path))).map(Array.init)
    }

    /// Room on the disk, in bytes.
    ///
    /// - Throws: `ServiceStateError` where the directory is gone or can't be looked at.
    package var freeByteCount: Int {
        get throws(ServiceStateError) {
            var status = statvfs()
            guard statvfs(directory, &status) == 0 else {
                throw .unusable(path: directory, reason: String(cString: strerror(errno)))
            }
            return Int(status.f_bavail) * Int(status.f_frsize)
        }
    }

    /// What `report.json` of a run says, of a batch.
    ///
    /// - Parameters:
    ///   - model: of batches of which no model was kept.
    ///   - now: seconds since 1970, the end of a batch that has none yet.
    /// - Returns: `nil` if the batch is not kept.
    /// - Throws: `ServiceStateError`.
    package func report(
        of id: BatchID, model: ModelRecord, at now: Double
    ) throws(ServiceStateError) -> [UInt8]? {
        // In one look: it may be erased meanwhile.
        let found = try read { database in
            try database.row(of: id, Database.batchColumns).map { row in
                let accepted = try database.acceptedBatch(row)
                return (
                    try database.storedBatch(row), accepted,
                    try database.storedImages(accepted.images),
                    try database.model(ofBatchAt: accepted.firstImage.rawValue)
                )
            }
        }
        guard let (batch, accepted, images, kept) = found else { return nil }
        let model = kept?.record ?? model
        let history = StoredHistory(batch, accepted, images, model: model)
        let record = RunRecord(
            history, model: model, met: [],
            finishedAt: Date(timeIntervalSince1970: batch.end?.endedAt ?? now),
            sheets: [])
        do {
            return try JSONText.file(RunReport(run: record, images: history.imageRecords))
        } catch {
            throw ServiceStateError(error, directory: directory)
        }
    }
}

extension StoredHistory {
    /// A batch as a run of its own: its images are numbered from 0.
    init(
        _ batch: StoredBatch, _ accepted: AcceptedBatch, _ images: [Int: StoredImage],
        model: ModelRecord
    ) {
        let requests = (0..<accepted.imageCount).map(accepted.request(at:))
        let session = StoredSession(
            number: 1, startedAt: batch.end?.startedAt ?? accepted.acceptedAt)
        self.init(
            run: StoredRun(
                instance: [], leaseKey: nil, modelDirectory: nil,
                model: ModelFingerprint.none, baseSeed: requests[0].seed, isBaseSeedRandom: false,
                batchCount: 1, settings: [:], savesLatents: false),
            requests: requests, sessions: [session], results: [:], pictures: [:], failures: [:],
            finalFailures: [])
        for (index, image) in images {
            let number = ImageNumber(index)
            results[number] = image.result
            pictures[number] = image.picture
            if !image.failures.isEmpty { failures[number] = image.failures }
            if image.hasFailed { finalFailures.insert(number) }
        }
    }
}

extension ModelFingerprint {
    /// Of a history that is only reported.
    fileprivate static let none = ModelFingerprint(
        unet: Array(repeating: 0, count: 32), textEncoder: Array(repeating: 0, count: 32),
        vae: Array(repeating: 0, count: 32))
}
