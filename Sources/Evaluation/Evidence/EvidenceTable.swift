// SPDX-License-Identifier: Apache-2.0

/// The numbers of a table: every row on the same pictures, with 95 % bootstrap intervals.
package struct EvidenceTable: Sendable {
    /// One row's values.
    package struct Line: Sendable {
        package let row: EvidenceRow
        /// Measured in this row, more than the table uses where other rows have fewer.
        package let measuredCount: Int
        package let values: [EvidenceMetric: BootstrapInterval]
        /// This row minus the first one, paired.
        package let differences: [EvidenceMetric: BootstrapInterval]
        /// Fréchet distance to the first row's pictures; `nil` for that row.
        package let distanceToFirst: Double?
        /// Time of the first row over this row's: the median of pairs with its interval.
        package let speedUp: BootstrapInterval?
    }

    /// A claim with the difference that decides it.
    package struct Finding: Sendable {
        package let claim: EvidenceClaim
        /// The better row minus the worse one, paired.
        package let difference: BootstrapInterval?
        /// The same in the paper.
        package let published: Double?
        package let verdict: EvidenceVerdict
    }

    package let study: EvidenceStudy
    package let conditions: EvidenceConditions
    /// Pictures of each row that the table uses: those measured in all rows.
    package let pictureCount: Int
    /// Pictures that distances are measured to.
    package let referenceCount: Int
    package let replicateCount: Int
    /// Whether there are more pictures than features, so that Fréchet distances mean something.
    package let hasEnoughForDistances: Bool
    /// Rounds of the times; 0 without.
    package let roundCount: Int
    package let lines: [Line]
    package let findings: [Finding]
    /// Rows without any picture.
    package let missing: [EvidenceRow]

    /// Works out a table.
    ///
    /// - Parameters:
    ///   - rows: of the study; `nil` for all.
    ///   - data: of rows of the study, the first one's among them.
    ///   - times: `nil` if none were taken.
    ///   - replicates: resamples, 0 for no intervals.
    /// - Throws: `EvidenceError`.
    package init(
        _ study: EvidenceStudy, rows: [EvidenceRow]? = nil, data: [EvidenceData],
        reference: PictureStatistics,
        times: EvidenceTimes? = nil, replicates: Int, seed: UInt64 = 0
    ) throws(EvidenceError) {
        self.study = study
        let rows = rows ?? study.rows
        let present = rows.compactMap { row in
            data.first { $0.row == row.id }.map { (row: row, data: $0) }
        }
        guard let first = present.first else { throw .nothing(path: "the directory") }
        conditions = first.data.conditions
        for entry in present {
            if let difference = entry.data.conditions.difference(from: conditions) {
                throw .otherConditions(row: entry.row.id, difference: difference)
            }
        }
        let common = present.dropFirst().reduce(into: Set(first.data.pictures.map(\.index))) {
            $0.formIntersection($1.data.pictures.map(\.index))
        }
        guard common.count > 1 else { throw .fewPictures(count: common.count) }
        pictureCount = common.count
        referenceCount = reference.count
        // Of a few pictures an interval would say more than they do.
        let replicates = common.count < MeanInterval.countMin ? 0 : replicates
        replicateCount = replicates
        let isEnough = common.count > reference.mean.count
        hasEnoughForDistances = isEnough
        roundCount = times?.roundCount ?? 0
        missing = rows.filter { row in !present.contains { $0.row == row } }

        let bootstrap = Bootstrap(count: common.count, replicates: replicates, seed: seed)
        let distances = FrechetReference(reference)
        let samples = present.map { entry in
            RowSamples(
                pictures: entry.data.pictures.filter { common.contains($0.index) },
                bootstrap: bootstrap, reference: distances,
                seconds: times?.resampled(entry.row.id, replicates: replicates, seed: seed))
        }
        let toFirst = FrechetReference(PictureStatistics(samples[0].features))
        lines = zip(present, samples).enumerated().map { place, pair in
            let (entry, sample) = pair
            return Line(
                row: entry.row, measuredCount: entry.data.pictures.count,
                values: sample.intervals,
                differences: place == 0 ? [:] : sample.differences(from: samples[0]),
                distanceToFirst: place == 0
                    ? nil : max(0, toFirst.distance(of: sample.features)),
                speedUp: times?.speedUp(
                    of: entry.row.id, over: present[0].row.id, replicates: replicates, seed: seed))
        }
        let byRow = Dictionary(uniqueKeysWithValues: zip(present.map(\.row.id), samples))
        findings = study.claims.map { claim in
            Self.finding(claim, samples: byRow, rows: study.rows, isEnough: isEnough)
        }
    }

    private static func finding(
        _ claim: EvidenceClaim, samples: [String: RowSamples], rows: [EvidenceRow], isEnough: Bool
    ) -> Finding {
        func published(_ id: String) -> Double? {
            claim.metric.value(of: rows.first { $0.id == id }?.published)
        }
        let difference = samples[claim.worse].flatMap { worse in
            samples[claim.better]?.differences(from: worse)[claim.metric]
        }
        let paper = published(claim.better).flatMap { better in
            published(claim.worse).map { better - $0 }
        }
        let isTooFew = claim.metric == .frechet && !isEnough && difference != nil
        return Finding(
            claim: claim, difference: difference, published: paper,
            verdict: isTooFew
                ? .tooFew : EvidenceVerdict(difference, isCost: claim.metric.isCost))
    }
}

/// A row's metrics, of all pictures and of each resample.
private struct RowSamples {
    /// The value, then one per resample.
    private var samples: [EvidenceMetric: [Double]] = [:]
    let features: [[Float]]

    init(
        pictures: [EvidencePicture], bootstrap: Bootstrap, reference: FrechetReference,
        seconds: [Double]?
    ) {
        features = pictures.map(\.features)
        let all = [[Int](repeating: 1, count: pictures.count)] + bootstrap.weights
        samples[.frechet] = reference.distances(of: features, weights: all).map { max(0, $0) }
        for (metric, value) in Self.means {
            let values = pictures.map(value)
            // Of a row that is not measured, and of pictures that equal the unmerged ones.
            guard values.allSatisfy(\.isFinite) else { continue }
            samples[metric] = all.map { weights in
                zip(weights, values).reduce(0) { $0 + Double($1.0) * $1.1 } / Double(values.count)
            }
        }
        let answers = pictures.map(\.allAnswers)
        if answers.contains(where: { $0.asked > 0 }) {
            samples[.judge] = all.map { weights in
                let sums = zip(weights, answers).reduce(into: (hits: 0, asked: 0)) { sums, pair in
                    sums.hits += pair.0 * pair.1.hits
                    sums.asked += pair.0 * pair.1.asked
                }
                return 100 * Double(sums.hits) / Double(max(sums.asked, 1))
            }
        }
        samples[.seconds] = seconds
    }

    private static let means: [(EvidenceMetric, @Sendable (EvidencePicture) -> Double)] = [
        (.clip, { $0.clip }), (.psnr, { $0.psnr }), (.ssim, { $0.ssim }), (.lpips, { $0.lpips }),
    ]

    var intervals: [EvidenceMetric: BootstrapInterval] {
        samples.mapValues { BootstrapInterval(value: $0[0], replicates: Array($0.dropFirst())) }
    }

    /// This row minus another, on the same resamples.
    func differences(from other: RowSamples) -> [EvidenceMetric: BootstrapInterval] {
        var result: [EvidenceMetric: BootstrapInterval] = [:]
        for (metric, own) in samples {
            guard let others = other.samples[metric] else { continue }
            let values = zip(own, others).map { $0 - $1 }
            result[metric] = BootstrapInterval(
                value: values[0], replicates: Array(values.dropFirst()))
        }
        return result
    }
}
