// SPDX-License-Identifier: Apache-2.0

/// A statement of the paper: one row is better than another by a metric.
package struct EvidenceClaim: Sendable, Hashable {
    /// The statement, for people.
    package let text: String
    /// The row that is claimed to be better, by its id.
    package let better: String
    package let worse: String
    package let metric: EvidenceMetric

    private init(_ better: String, _ metric: EvidenceMetric, _ worse: String, _ text: String) {
        self.text = text
        self.better = better
        self.worse = worse
        self.metric = metric
    }

    package static let table1 = [
        EvidenceClaim("none", .frechet, "tome", "ToMeSD costs FID"),
        EvidenceClaim("none", .clip, "tome", "ToMeSD costs CLIP score"),
        EvidenceClaim("atc", .frechet, "tome", "ATC has a better FID than ToMeSD"),
        EvidenceClaim("retom", .frechet, "none", "ReToM has a better FID than no merging"),
        EvidenceClaim("retom", .clip, "none", "ReToM has a better CLIP score than no merging"),
        EvidenceClaim("retom", .frechet, "tome", "ReToM has a better FID than ToMeSD"),
        EvidenceClaim("retom", .clip, "tome", "ReToM has a better CLIP score than ToMeSD"),
        EvidenceClaim("retom", .frechet, "atc", "ReToM has a better FID than ATC"),
        EvidenceClaim("retom", .clip, "atc", "ReToM has a better CLIP score than ATC"),
        EvidenceClaim("fixed-2", .frechet, "tome", "Windows of 2 have a better FID than ToMeSD"),
        EvidenceClaim("fixed-2", .frechet, "fixed-8", "Windows of 2 have a better FID than of 8"),
        EvidenceClaim("fixed-8", .frechet, "fixed-16", "Windows of 8 have a better FID than of 16"),
        EvidenceClaim(
            "retom", .frechet, "fixed-2", "Adaptive windows have a better FID than windows of 2"),
        EvidenceClaim(
            "retom", .clip, "fixed-2", "Adaptive windows have a better CLIP score than windows of 2"
        ),
        EvidenceClaim(
            "retom", .frechet, "random", "Representative tokens have a better FID than random ones"),
        EvidenceClaim(
            "retom", .clip, "random",
            "Representative tokens have a better CLIP score than random ones"),
        EvidenceClaim("retom", .seconds, "none", "ReToM takes less time than no merging"),
        EvidenceClaim("tome", .seconds, "retom", "ToMeSD takes less time than ReToM"),
        EvidenceClaim("none", .seconds, "atc", "ATC takes more time than no merging"),
    ]

    package static let table2 = [
        EvidenceClaim(
            "retom", .frechet, "least",
            "The most representative token has a better FID than the least"),
        EvidenceClaim(
            "retom", .ssim, "least",
            "The most representative token has a better SSIM than the least"),
    ]
}

/// What is measured of a row.
package enum EvidenceMetric: String, Sendable, CaseIterable {
    /// Fréchet distance to the reference pictures.
    case frechet = "fid"
    /// 100 × cosine of picture and prompt.
    case clip
    /// Share of the judge's questions with the right answer, in percent.
    case judge
    /// Of the unmerged picture of the same seed, in dB.
    case psnr
    /// Of the unmerged picture of the same seed.
    case ssim
    /// Of the unmerged picture of the same seed.
    case lpips
    /// Seconds per image.
    case seconds

    /// For people.
    package var title: String {
        switch self {
        case .frechet: "FID"
        case .clip: "CLIP"
        case .judge: "judge, %"
        case .psnr: "PSNR, dB"
        case .ssim: "SSIM"
        case .lpips: "LPIPS"
        case .seconds: "s/im"
        }
    }

    /// Whether less is better.
    package var isCost: Bool {
        switch self {
        case .frechet, .lpips, .seconds: true
        case .clip, .judge, .psnr, .ssim: false
        }
    }

    /// Decimals of a value.
    package var digits: Int {
        switch self {
        case .frechet, .ssim, .seconds, .lpips: 3
        case .clip, .judge, .psnr: 2
        }
    }

    /// What the paper reports of it.
    package func value(of published: EvidenceRow.Published?) -> Double? {
        switch self {
        case .frechet: published?.fid
        case .clip: published?.clip
        case .ssim: published?.ssim
        case .seconds: published?.secondsPerImage
        case .judge, .psnr, .lpips: nil
        }
    }
}

/// What our numbers say of a claim.
package enum EvidenceVerdict: String, Sendable {
    case holds
    case fails
    /// The interval of the difference includes 0.
    case withinNoise = "within noise"
    case notMeasured = "not measured"
    /// A Fréchet distance of no more pictures than features is mostly that of the sample's size.
    case tooFew = "too few pictures"

    /// - Parameters:
    ///   - difference: better minus worse, with its interval.
    ///   - isCost: whether less is better.
    package init(_ difference: BootstrapInterval?, isCost: Bool) {
        guard let difference, difference.low.isFinite, difference.high.isFinite else {
            self = .notMeasured
            return
        }
        if difference.high < 0 {
            self = isCost ? .holds : .fails
        } else if difference.low > 0 {
            self = isCost ? .fails : .holds
        } else {
            self = .withinNoise
        }
    }
}
