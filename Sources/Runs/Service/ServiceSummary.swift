// SPDX-License-Identifier: Apache-2.0

import GRDB
import GenerationTypes
import Requests
import ServiceLedger

/// What another process can tell about a service's directory.
package struct ServiceSummary: Sendable, Equatable, Encodable {
    /// A batch in a line.
    package struct Batch: Sendable, Equatable, Encodable {
        /// Its name.
        package var id: String
        /// `live`, or how it ended: the disk does not know what has begun.
        package var status: String
        /// All its images.
        package var images: Int
        /// Images with their pictures.
        package var finished: Int
        /// Images that failed.
        package var failed: Int
        /// The beginning of its first image's prompt.
        package var prompt: String
        /// When it was accepted, in seconds since 1970.
        package var created: Double
    }

    /// Batches that are shown, at most.
    private static let batchCountMax = 10

    /// Whether a service has the directory open; `nil` where that can't be told.
    package var isRunning: Bool?
    /// Which process, where that is known.
    package var process: String?
    /// How many batches there are, by status.
    package var batches: [String: Int]
    /// The newest batches, the newest first; those that have not ended come before others.
    package var newest: [Batch]

    private enum CodingKeys: String, CodingKey {
        case process, batches, newest
        case isRunning = "is_running"
    }

    /// Whether batches wait for a service that is not there.
    package var isGone: Bool { isRunning == false && batches["live"] ?? 0 > 0 }

    /// Looks at a directory.
    ///
    /// - Throws: `ServiceStateError`.
    package init(_ reader: ServiceReader) throws(ServiceStateError) {
        switch DirectoryLock.state(of: reader.directory) {
        case .free: isRunning = false
        case .held(let holder): (isRunning, process) = (true, holder?.description)
        case .unknown: isRunning = nil
        }
        (batches, newest) = try reader.read { database in
            let rows = try Row.fetchAll(
                database,
                sql: """
                    SELECT COALESCE(status, 'live') AS status, COUNT(*) AS count FROM batch
                    WHERE erased_at IS NULL GROUP BY 1
                    """)
            let counts = try rows.map { row in
                (try row.value("status") as String, try row.value("count") as Int)
            }
            let newest = try Row.fetchAll(
                database,
                sql: """
                    SELECT \(Database.batchColumns) FROM batch WHERE erased_at IS NULL
                    ORDER BY status IS NOT NULL, first_image DESC LIMIT \(Self.batchCountMax)
                    """
            ).map { Batch(try database.storedBatch($0)) }
            return (Dictionary(uniqueKeysWithValues: counts), newest)
        }
    }

    /// Lines for people.
    ///
    /// - Parameter directory: as the user wrote it.
    package func text(directory: String) -> String {
        let state =
            switch isRunning {
            case true?: "it is running" + (process.map { " (\($0))" } ?? "")
            case false?: "it is not running"
            case nil: "whether it is running can't be told from here"
            }
        let order = ["live"] + BatchStatus.allCases.map(\.rawValue)
        let counts = order.compactMap { status in
            batches[status].map { "\($0) \(status)" }
        }
        var lines = ["\(directory) is the directory of a retom-serve; \(state)"]
        lines.append("batches: " + (counts.isEmpty ? "none" : counts.joined(separator: ", ")))
        lines += newest.map { batch in
            let prompt = TerminalText.sanitized(String(batch.prompt.prefix(60)))
            let failed = batch.failed > 0 ? ", \(batch.failed) failed" : ""
            return
                "  \(batch.id)  \(batch.status), \(batch.finished) of \(batch.images)\(failed)  "
                + prompt
        }
        if !newest.isEmpty {
            lines.append(
                "'retom-serve export BATCH -o NEW-DIRECTORY --state \(directory)' makes a run of one"
            )
        }
        return lines.joined(separator: "\n") + "\n"
    }
}

extension ServiceSummary.Batch {
    fileprivate init(_ stored: StoredBatch) {
        self.init(
            id: stored.id.text, status: stored.end?.status.rawValue ?? "live",
            images: stored.images.count, finished: stored.finishedCount,
            failed: stored.failedCount, prompt: stored.prompt, created: stored.acceptedAt)
    }
}
