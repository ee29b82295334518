// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import GenerationTypes
import Requests

/// A run's report, from its stored history.
extension StoredHistory {
    /// The outcome of every image, over all sessions.
    package var imageRecords: [ImageRecord] {
        images.map { image in
            var record = ImageRecord(number: image, request: request(of: image))
            let attempts = failures[image] ?? []
            record.attempts = attempts.count
            record.reasons = attempts.map(\.sentence)
            if hasFailed(image) { record.fail(record.reasons) }
            guard let result = results[image] else { return record }
            let picture = pictures[image]
            record.status = picture == nil ? .sampled : .written
            record.file = picture?.file
            record.latentsFile = picture?.latentsFile
            let facts = result.facts
            record.worker = result.worker
            record.attempts = max(result.attempt, attempts.count + 1)
            record.resumedFromStep = facts.resumedStep > 0 ? facts.resumedStep : nil
            record.timings = ImageTimings(
                worker: facts.timings, decodingSeconds: picture?.decodeSeconds ?? 0)
            record.workerDecodeClass = picture?.workerDecodeClass
            record.latentSHA256 = Hexadecimal.text(facts.sha256)
            record.kernelClass = result.kernelClass
            record.decodeClass = picture?.decodeClass
            record.tokenMerging =
                facts.tokenMerging == TokenMergeStatistics() ? nil : facts.tokenMerging
            if hasFailedToDecode(image) { record.fail(record.reasons) }
            return record
        }
    }

    /// Every worker that joined or returned a result.
    ///
    /// - Parameter met: those that this session met, in that order.
    fileprivate func workerRecords(met: [WorkerRecord]) -> [WorkerRecord] {
        var records = met
        for image in results.keys.sorted() {
            guard let result = results[image] else { continue }
            var index = records.firstIndex { $0.name == result.worker }
            if index == nil {
                index = records.count
                records.append(WorkerRecord(name: result.worker, kernelClass: result.kernelClass))
            }
            guard let index else { continue }
            records[index].imageCount += 1
            records[index].busySeconds += result.facts.timings.totalSeconds
        }
        return records
    }
}

extension RunRecord {
    /// The run as a whole, over all sessions.
    ///
    /// - Parameters:
    ///   - met: workers that this session met, in that order.
    ///   - finishedAt: when it ended.
    init(
        _ history: StoredHistory, model: ModelRecord, met: [WorkerRecord], finishedAt: Date,
        sheets: [String]
    ) {
        let sessions = history.sessions
        let wire = sessions.reduce(into: ByteCounts()) { $0 += $1.traffic }
        self.init(
            version: ProgramVersion.text, model: model, baseSeed: history.run.baseSeed,
            batchCount: history.run.batchCount, settings: history.run.settings,
            startedAt: sessions.first.map { Date(timeIntervalSince1970: $0.startedAt) }
                ?? finishedAt,
            finishedAt: finishedAt, workers: history.workerRecords(met: met), wire: wire,
            sheets: sheets)
        sessionCount = sessions.count
    }
}

extension ImageRecord {
    /// Marks the image as failed.
    mutating func fail(_ reasons: [String]) {
        status = .failed
        attempts = reasons.count
        self.reasons = reasons
    }
}
