// SPDX-License-Identifier: Apache-2.0

package import GenerationTypes
import Requests

/// What to generate for a study: every row with the same prompts and seeds.
///
/// Picture i has prompt i modulo the number of prompts and seed `base + i`, so that a plan can be
/// continued at any index, on any day.
package struct EvidencePlan: Sendable {
    package let rows: [EvidenceRow]
    package let seed: UInt64

    package init(rows: [EvidenceRow], seed: UInt64) {
        self.rows = rows
        self.seed = seed
    }

    /// The requests of some pictures, all rows of a picture together: what is finished when a run
    /// is stopped can be used.
    ///
    /// - Parameter requests: one per prompt; their seeds and merging are replaced.
    package func requests(
        _ range: Range<Int>, of requests: [GenerationRequest]
    ) -> [GenerationRequest] {
        range.flatMap { index in
            rows.map { row in
                var request = requests[index % requests.count]
                request.seed = seed + UInt64(index) + row.seedOffset
                request.tokenMerging = row.merging
                return request
            }
        }
    }

    /// A prompt file for `retom-coord`: one request per line.
    package static func promptFile(_ requests: [GenerationRequest]) -> String {
        requests.map { $0.json + "\n" }.joined()
    }

    /// The row and index of a request that this plan made; `nil` for another one.
    package func place(of request: GenerationRequest) -> (row: EvidenceRow, index: Int)? {
        for row in rows where row.merging == request.tokenMerging {
            let first = seed + row.seedOffset
            // Seeds of the rows with another offset are a million apart.
            guard request.seed >= first, request.seed - first < EvidenceRow.seedSpan else {
                continue
            }
            return (row, Int(request.seed - first))
        }
        return nil
    }
}

extension EvidenceRow {
    /// Most pictures of a row, and the distance of the seeds of the row with other ones.
    package static let seedSpan: UInt64 = 1_000_000
}
