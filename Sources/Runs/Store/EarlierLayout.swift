// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import GRDB
import GenerationTypes
import Requests

/// Layouts that earlier versions wrote: read as they are, and rewritten when a session begins.
///
/// - Layout 2 (version 0.1.0) has no seal and no decode class.
/// - Layouts 2 and 3 name the settings of a request, and what merging did, after properties of that
///   version's types.
enum EarlierLayout {
    /// Layouts that can be read besides the current one.
    static let known = 2...3

    /// Reads a request of layout 2 or 3.
    static func request(_ json: String) throws -> GenerationRequest {
        try JSONDecoder().decode(Request.self, from: Data(json.utf8)).request
    }

    /// Reads what merging did, of layout 2 or 3.
    static func tokenMerging(_ json: String) throws -> TokenMergeStatistics {
        try JSONDecoder().decode(TokenMerging.self, from: Data(json.utf8)).statistics
    }

    private struct Request: Decodable {
        var prompt: String
        var negativePrompt: String
        var seed: UInt64
        var width: Int
        var height: Int
        var inferenceStepCount: Int
        var guidanceScale: Float
        var samplingMethod: SamplingMethod
        var sigmaSchedule: SigmaSchedule
        var eta: Float
        var clipSkip: Int?
        var tokenMerging: TokenMergeConfiguration

        var request: GenerationRequest {
            GenerationRequest(
                prompt: prompt, negativePrompt: negativePrompt, seed: seed, width: width,
                height: height, inferenceStepCount: inferenceStepCount,
                guidanceScale: guidanceScale, samplingMethod: samplingMethod,
                sigmaSchedule: sigmaSchedule, eta: eta, clipSkip: clipSkip,
                tokenMerging: tokenMerging)
        }
    }

    private struct TokenMerging: Decodable {
        var computedPlanCount: Int
        var reusedPlanCount: Int
        var tokenCountBefore: Int
        var tokenCountAfter: Int
        var byteCount: Int
        var scratchByteCount: Int

        var statistics: TokenMergeStatistics {
            var statistics = TokenMergeStatistics()
            statistics.computedPlanCount = computedPlanCount
            statistics.reusedPlanCount = reusedPlanCount
            statistics.tokenCountBefore = tokenCountBefore
            statistics.tokenCountAfter = tokenCountAfter
            statistics.byteCount = byteCount
            statistics.scratchByteCount = scratchByteCount
            return statistics
        }
    }
}

extension Database {
    /// Rewrites the tables of an earlier layout.
    func migrate(from layout: Int) throws {
        if layout == 2 {
            try execute(
                sql: """
                    ALTER TABLE picture ADD COLUMN decode_class TEXT;
                    CREATE TABLE seal (sha256 BLOB NOT NULL);
                    """)
        } else {
            // What was changed since it was accepted must not be sealed again.
            try checkSeal()
        }
        // They name their request by a digest of its old JSON: no worker would resume from them.
        try execute(sql: "DELETE FROM checkpoint")
        try rewrite("image", "request") { try EarlierLayout.request($0).json }
        try rewrite("result", "token_merging") {
            try JSONText.line(EarlierLayout.tokenMerging($0))
        }
        try seal()
    }

    private func rewrite(
        _ table: String, _ column: String, _ change: (String) throws -> String
    ) throws {
        let update = try makeStatement(sql: "UPDATE \(table) SET \(column) = ? WHERE item = ?")
        for row in try Row.fetchAll(self, sql: "SELECT item, \(column) FROM \(table)") {
            let (item, text): (Int, String) = (try row.value("item"), try row.value(column))
            let changed: String
            do {
                changed = try change(text)
            } catch {
                throw row.damage(column)
            }
            try update.execute(arguments: [changed, item])
        }
    }
}
