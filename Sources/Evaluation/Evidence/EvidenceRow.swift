// SPDX-License-Identifier: Apache-2.0

package import GenerationTypes
import TokenMerging

/// One row of a table: a way to merge, with which the same prompts and seeds are generated as in
/// every other row.
package struct EvidenceRow: Sendable, Hashable {
    /// What the paper reports for it.
    package struct Published: Sendable, Hashable {
        package var fid: Double?
        package var clip: Double?
        package var secondsPerImage: Double?
        package var ssim: Double?

        package init(
            fid: Double? = nil, clip: Double? = nil, secondsPerImage: Double? = nil,
            ssim: Double? = nil
        ) {
            self.fid = fid
            self.clip = clip
            self.secondsPerImage = secondsPerImage
            self.ssim = ssim
        }
    }

    /// A short name in ASCII, also of its data file.
    package let id: String
    /// The paper's columns: model, window size, destination token.
    package let model: String
    package let window: String
    package let destination: String
    /// How tokens merge, with the ratio in force.
    package let merging: TokenMergeConfiguration
    /// Added to every seed: not 0 for the row that shows the noise of other seeds.
    package let seedOffset: UInt64
    /// `nil` for a control that the paper does not have.
    package let published: Published?

    package init(
        _ id: String, model: String, window: String = "", destination: String = "",
        merging: TokenMergeConfiguration, seedOffset: UInt64 = 0, published: Published? = nil
    ) {
        self.id = id
        self.model = model
        self.window = window
        self.destination = destination
        self.merging = merging.withRatioInForce
        self.seedOffset = seedOffset
        self.published = published
    }

    /// The row in one phrase: `ReToM, adaptive, random`.
    package var title: String {
        [model, window, destination].filter { !$0.isEmpty }.joined(separator: ", ")
    }
}

/// Which rows belong together.
package enum EvidenceStudy: String, Sendable, CaseIterable {
    case table1, table2, figure2

    /// The rows, the unmerged pictures first.
    package var rows: [EvidenceRow] {
        switch self {
        case .table1: EvidenceRow.table1 + EvidenceRow.controls
        case .table2: [.unmerged, .mostRepresentative, .leastRepresentative]
        case .figure2: [.unmerged, .tomeSD, .mostRepresentative]
        }
    }

    /// For people.
    package var title: String {
        switch self {
        case .table1: "Table I: ways to merge tokens"
        case .table2: "Table II: the most and the least representative token"
        case .figure2: "Figure 2: ToMeSD and ReToM"
        }
    }

    /// The paper's statements that these rows can confirm or contradict.
    package var claims: [EvidenceClaim] {
        switch self {
        case .table1: EvidenceClaim.table1
        case .table2: EvidenceClaim.table2
        case .figure2: []
        }
    }
}
