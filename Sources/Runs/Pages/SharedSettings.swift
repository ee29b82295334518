// SPDX-License-Identifier: Apache-2.0

import GenerationTypes
import Requests

/// What all requests of a run have in common is said once, what differs is said per picture.
struct SharedSettings: Sendable {
    /// By setting: what all requests say, or `nil` when they differ.
    private let common: [String??]
    /// Whether all requests have the same negative prompt.
    let hasOneNegativePrompt: Bool
    private let negativePrompt: String

    init(_ requests: [GenerationRequest]) {
        common = RequestSetting.all.map { setting in
            guard let first = requests.first else { return .some(nil) }
            let text = setting.phrase(first)
            return requests.allSatisfy { setting.phrase($0) == text } ? .some(text) : .none
        }
        negativePrompt = requests.first?.negativePrompt ?? ""
        hasOneNegativePrompt = requests.allSatisfy { [negativePrompt] in
            $0.negativePrompt == negativePrompt
        }
    }

    /// What all requests have in common, in words.
    var descriptions: [String] {
        let isShown = hasOneNegativePrompt && !negativePrompt.isEmpty
        return common.compactMap { $0 ?? nil } + (isShown ? ["not: \(negativePrompt)"] : [])
    }

    /// What is a request's own, in words.
    func differences(of request: GenerationRequest) -> [String] {
        zip(common, RequestSetting.all).compactMap { common, setting in
            if case .none = common { return setting.phrase(request) }
            return nil
        }
    }
}
