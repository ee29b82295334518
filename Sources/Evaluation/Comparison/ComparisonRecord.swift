// SPDX-License-Identifier: Apache-2.0

package import GenerationTypes

/// One picture of a comparison, measured.
package struct ComparisonRecord: Sendable {
    /// Seconds of all U-Net calls.
    package var samplingSeconds: Double
    /// Seconds of the VAE.
    package var decodingSeconds: Double
    /// Relative to the unmerged picture, in dB; infinite for the same picture.
    package var psnr: Double
    /// Relative to the unmerged picture; 1 for the same picture.
    package var ssim: Double
    package var statistics: TokenMergeStatistics

    package init(
        samplingSeconds: Double, decodingSeconds: Double, psnr: Double, ssim: Double,
        statistics: TokenMergeStatistics = TokenMergeStatistics()
    ) {
        self.samplingSeconds = samplingSeconds
        self.decodingSeconds = decodingSeconds
        self.psnr = psnr
        self.ssim = ssim
        self.statistics = statistics
    }

    /// Seconds for the whole picture, without its text.
    package var seconds: Double { samplingSeconds + decodingSeconds }

    /// Tokens left, as a share of those of merged blocks, 0…1.
    package var tokensLeft: Double {
        guard statistics.tokenCountBefore > 0 else { return 1 }
        return Double(statistics.tokenCountAfter) / Double(statistics.tokenCountBefore)
    }
}

/// Summary of one setting's pictures.
package struct ComparisonSummary: Sendable {
    package let name: String
    package let seconds: MeanInterval
    /// Speed-up over generation without merging: the median over consecutive pairs of pictures.
    package let speedUp: Double
    package let psnr: MeanInterval
    package let ssim: MeanInterval
    package let tokensLeft: Double
    /// Plans made per picture.
    package let computedPlanCount: Double
    /// Calls of blocks that used an earlier plan, per picture.
    package let reusedPlanCount: Double
    /// PSNR minus that of the baseline's picture of the same prompt.
    package let psnrGain: MeanInterval
    /// SSIM minus that of the baseline's picture of the same prompt.
    package let ssimGain: MeanInterval

    /// - Parameters:
    ///   - records: the setting's pictures, by prompt.
    ///   - unmerged: the pictures without merging, likewise.
    ///   - baseline: the pictures of the setting for comparing fidelity, likewise.
    package init(
        name: String, records: [ComparisonRecord], unmerged: [ComparisonRecord],
        baseline: [ComparisonRecord]
    ) {
        precondition(
            records.count == unmerged.count && records.count == baseline.count,
            "different prompts")
        func mean(_ value: (ComparisonRecord) -> Double) -> MeanInterval {
            MeanInterval(records.map(value))
        }
        func gain(_ value: (ComparisonRecord) -> Double) -> MeanInterval {
            MeanInterval(zip(records, baseline).map { value($0) - value($1) })
        }
        self.name = name
        seconds = mean(\.seconds)
        speedUp = zip(unmerged, records).map { $0.seconds / $1.seconds }.median
        psnr = mean(\.psnr)
        ssim = mean(\.ssim)
        tokensLeft = mean(\.tokensLeft).mean
        computedPlanCount = mean { Double($0.statistics.computedPlanCount) }.mean
        reusedPlanCount = mean { Double($0.statistics.reusedPlanCount) }.mean
        psnrGain = gain(\.psnr)
        ssimGain = gain(\.ssim)
    }
}
