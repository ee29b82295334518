// SPDX-License-Identifier: Apache-2.0

import GenerationTypes

/// What all requests of a run have in common is said once, what differs is said per picture.
struct SharedSettings: Sendable {
    /// One setting: how to say it.
    private typealias Setting = @Sendable (GenerationRequest) -> String?

    private static let settings: [Setting] = [
        { "\($0.width)×\($0.height)" },
        { "\($0.inferenceStepCount) steps" },
        { request in
            [request.samplingMethod.displayName, request.sigmaSchedule.displayName]
                .compactMap(\.self).joined(separator: " ")
        },
        { request in
            "CFG \(Int(exactly: request.guidanceScale).map(String.init) ?? "\(request.guidanceScale)")"
        },
        { $0.eta == $0.samplingMethod.standardEta ? nil : "eta \($0.eta)" },
        { $0.clipSkip.map { "clip skip \($0)" } },
        { $0.tokenMerging.isOn ? "merge \($0.tokenMerging.summary)" : nil },
    ]

    /// By setting: what all requests say, or `nil` when they differ.
    private let common: [String??]
    /// Whether all requests have the same negative prompt.
    let hasOneNegativePrompt: Bool
    private let negativePrompt: String

    init(_ requests: [GenerationRequest]) {
        common = SharedSettings.settings.map { setting in
            guard let first = requests.first else { return .some(nil) }
            let text = setting(first)
            return requests.allSatisfy { setting($0) == text } ? .some(text) : .none
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
        zip(common, SharedSettings.settings).compactMap { common, setting in
            if case .none = common { return setting(request) }
            return nil
        }
    }
}
