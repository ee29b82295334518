// SPDX-License-Identifier: Apache-2.0

package import GenerationTypes
import Requests

/// What a run has settled about its pictures.
extension GenerationOptions {
    /// The first given option that contradicts the images of a run.
    ///
    /// - Parameters:
    ///   - requests: one per image.
    ///   - batchCount: images per prompt.
    ///   - baseSeed: of image 0; `nil` where it was chosen at random.
    package func conflict(
        with requests: [GenerationRequest], batchCount before: Int, baseSeed: UInt64?
    ) -> RunConflict? {
        if let batchCount, batchCount != before {
            return RunConflict(
                flag: "--batch-count", asked: "\(batchCount)", before: "\(before)")
        }
        if let seed, seedChoice != baseSeed.map(SeedChoice.fixed) ?? .random {
            return RunConflict(
                flag: "--seed", asked: seed, before: baseSeed.map { "\($0)" } ?? "a random seed")
        }
        return given.lazy.compactMap { flag, asked, value in
            RunConflict(flag: flag, asked: asked, requests, value: value)
        }.first
    }
}

extension MergeOptions {
    /// The first given option that contradicts the images of a run.
    package func conflict(with requests: [GenerationRequest]) -> RunConflict? {
        let asked = configuration
        if let mergeProfile, !requests.allSatisfy({ $0.tokenMerging == asked }) {
            return RunConflict(
                flag: "--merge-profile", asked: mergeProfile.rawValue, requests,
                value: \.tokenMerging.summary)
        }
        return given.lazy.compactMap { option, _ in
            func text(_ merging: TokenMergeConfiguration) -> String {
                option.value(in: merging)?.description ?? "the method's own"
            }
            return RunConflict(flag: "--\(option.flag)", asked: text(asked), requests) {
                text($0.tokenMerging)
            }
        }.first
    }
}
