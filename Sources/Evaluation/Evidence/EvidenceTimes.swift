// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import Requests

/// Seconds per image, measured side by side: in every round each row generates the same picture,
/// in rotating order.
package struct EvidenceTimes: Sendable, Equatable, Codable {
    /// The model, size, steps, threads and processor, for people.
    package var facts: [String]
    /// Seconds of sampling and decoding by row, one entry per round; all rows of a round or none.
    package private(set) var rounds: [[String: Double]] = []

    package init(facts: [String]) { self.facts = facts }

    package var roundCount: Int { rounds.count }

    /// Adds a round.
    package mutating func add(_ round: [String: Double]) { rounds.append(round) }

    /// The file in a directory of measurements.
    package static func path(in directory: String) -> String { "\(directory)/times.json" }

    /// Reads the times of a directory; `nil` if none were taken.
    package static func read(in directory: String) throws -> EvidenceTimes? {
        let path = path(in: directory)
        guard let data = FileManager.default.contents(atPath: path) else { return nil }
        do {
            return try JSONText.decode(EvidenceTimes.self, from: data)
        } catch {
            throw EvidenceError.damaged(path: path, reason: "\(error)")
        }
    }

    /// Replaces the file.
    package func write(to directory: String) throws {
        try FileManager.default.createDirectory(
            atPath: directory, withIntermediateDirectories: true)
        try Data(try JSONText.file(self)).write(
            to: URL(filePath: Self.path(in: directory)), options: .atomic)
    }

    /// A row's mean, then that of each resample of the rounds; `nil` for a row without times.
    func resampled(_ row: String, replicates: Int, seed: UInt64) -> [Double]? {
        let values = rounds.compactMap { $0[row] }
        guard !values.isEmpty, values.count == rounds.count else { return nil }
        let bootstrap = resamples(of: values.count, replicates, seed)
        return ([[Int](repeating: 1, count: values.count)] + bootstrap.weights).map { weights in
            zip(weights, values).reduce(0) { $0 + Double($1.0) * $1.1 } / Double(values.count)
        }
    }

    /// Another row's time over a row's: the median over rounds, with its interval.
    func speedUp(
        of row: String, over other: String, replicates: Int, seed: UInt64
    ) -> BootstrapInterval? {
        let ratios = rounds.compactMap { round in
            round[row].flatMap { own in round[other].map { $0 / own } }
        }
        guard !ratios.isEmpty else { return nil }
        let bootstrap = resamples(of: ratios.count, replicates, seed)
        let medians = bootstrap.weights.map { weights in
            zip(weights, ratios).flatMap { Array(repeating: $1, count: $0) }.median
        }
        return BootstrapInterval(value: ratios.median, replicates: medians)
    }

    /// None of a few rounds: an interval would say more than they do.
    private func resamples(of count: Int, _ replicates: Int, _ seed: UInt64) -> Bootstrap {
        Bootstrap(
            count: count, replicates: count < MeanInterval.countMin ? 0 : replicates, seed: seed)
    }
}
