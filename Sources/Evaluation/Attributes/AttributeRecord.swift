// SPDX-License-Identifier: Apache-2.0

package import GenerationTypes

/// `attributes.json`: every answer of the judge, and the resulting shares.
package struct AttributeRecord: Sendable, Encodable {
    /// How often one attribute is right under one setting.
    package struct Score: Sendable, Encodable {
        let attribute: String
        let hits: Int
        let asked: Int
        /// 0…1; `nil` if nothing was asked.
        let share: Double?
        /// 95 %, Wilson.
        let interval: [Double]
        let difference: Difference?
    }

    /// The change of a setting relative to the first one, paired.
    package struct Difference: Sendable, Encodable {
        /// 100 × the difference of the shares.
        let points: Double
        /// Half the width of the 95 % interval; `nil` for a single picture.
        let pointsHalfWidth: Double?
        let lost: Int
        let won: Int

        private enum CodingKeys: String, CodingKey {
            case points, lost, won
            case pointsHalfWidth = "points_ci95"
        }
    }

    /// One picture.
    package struct Picture: Sendable, Encodable {
        let index: Int
        let prompt: String
        let file: String
        let seed: UInt64?
        let asked: SceneAttributes
        let shown: SceneAttributes
        /// By attribute, one per question; null if an object that was not found leaves it open.
        let answers: [String: [Bool?]]
        let misses: [String]
    }

    /// The pictures of one setting.
    package struct Setting: Sendable, Encodable {
        let name: String
        /// `nil` for pictures of an earlier run.
        let merging: TokenMergeConfiguration?
        let attributes: [Score]
        let pictures: [Picture]
    }

    /// The origin of a setting's pictures.
    package struct Source: Sendable {
        /// How they were generated; `nil` for pictures of an earlier run.
        package var merging: TokenMergeConfiguration?
        /// The pictures' names, and their seeds if known.
        package var files: [(name: String, seed: UInt64?)] = []

        package init(merging: TokenMergeConfiguration?) { self.merging = merging }
    }

    let version: String
    /// `nil` for pictures of an earlier run.
    let model: String?
    /// The facts shared by all pictures, for people.
    let facts: [String]
    let settings: [Setting]

    /// - Parameter sources: one per setting of the table.
    package init(
        _ table: AttributeTable, sources: [Source], version: String, model: String?,
        facts: [String]
    ) {
        precondition(sources.count == table.names.count, "\(sources.count) sources")
        self.version = version
        self.model = model
        self.facts = facts
        settings = sources.enumerated().map { setting, source in
            let pictures = zip(table.pictures[setting], source.files).map { picture, file in
                Picture(
                    index: picture.prompt.index, prompt: picture.prompt.prompt, file: file.name,
                    seed: file.seed, asked: picture.prompt.attributes, shown: picture.shown,
                    answers: Dictionary(
                        uniqueKeysWithValues: picture.answers.map { ($0.key.rawValue, $0.value) }),
                    misses: picture.misses)
            }
            return Setting(
                name: table.names[setting], merging: source.merging,
                attributes: AttributeKind.allCases.map { Self.score(table, setting, $0) },
                pictures: pictures)
        }
    }

    private static func score(
        _ table: AttributeTable, _ setting: Int, _ kind: AttributeKind
    ) -> Score {
        let score = table.score(setting, kind)
        let difference = table.difference(setting, kind).map { difference in
            let halfWidth = difference.points.halfWidth
            return Difference(
                points: difference.points.mean,
                pointsHalfWidth: halfWidth.isFinite ? halfWidth : nil, lost: difference.lost,
                won: difference.won)
        }
        return Score(
            attribute: kind.rawValue, hits: score.hits, asked: score.asked, share: score.share,
            interval: [score.interval.low, score.interval.high], difference: difference)
    }
}
