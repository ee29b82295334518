// SPDX-License-Identifier: Apache-2.0

package import GenerationTypes

/// A setting of a request as people read it: in a picture's parameters text, and on a page.
package struct RequestSetting: Sendable {
    /// Pairs of the parameters text; none where readers assume the value anyway.
    let fields: @Sendable (GenerationRequest) -> [GenerationParametersText.Field]
    /// On a page; `nil` where nothing need be said.
    package let phrase: @Sendable (GenerationRequest) -> String?

    /// All settings but prompts and seed, in a page's order; a new one is a row.
    package static let all: [RequestSetting] = [
        RequestSetting(
            fields: { [.init("Size", "\($0.width)x\($0.height)")] },
            phrase: { "\($0.width)×\($0.height)" }),
        RequestSetting(
            fields: { [.init("Steps", "\($0.inferenceStepCount)")] },
            phrase: { "\($0.inferenceStepCount) steps" }),
        RequestSetting(
            fields: { request in
                let schedule = request.sigmaSchedule.displayName
                return [.init("Sampler", request.samplingMethod.displayName)]
                    + (schedule.map { [.init("Schedule type", $0)] } ?? [])
            },
            phrase: { request in
                [request.samplingMethod.displayName, request.sigmaSchedule.displayName]
                    .compactMap(\.self).joined(separator: " ")
            }),
        RequestSetting(
            fields: { [.init("CFG scale", number($0.guidanceScale))] },
            phrase: { "CFG \(number($0.guidanceScale))" }),
        RequestSetting(
            // The key of A1111's extension for it.
            fields: {
                $0.guidanceRescale == 0 ? [] : [.init("CFG Rescale", number($0.guidanceRescale))]
            },
            phrase: {
                $0.guidanceRescale == 0 ? nil : "CFG rescale \(number($0.guidanceRescale))"
            }),
        RequestSetting(
            fields: { request in
                guard let eta = request.samplingMethod.traits.eta,
                    request.eta > 0 || eta.standard > 0
                else { return [] }
                return [.init(eta.displayName, number(request.eta))]
            },
            phrase: { $0.eta == $0.samplingMethod.standardEta ? nil : "eta \($0.eta)" }),
        RequestSetting(
            fields: {
                $0.forecastInterval == 1 ? [] : [.init("Forecast", "\($0.forecastInterval)")]
            },
            phrase: { $0.forecastInterval == 1 ? nil : "forecast \($0.forecastInterval)" }),
        RequestSetting(
            fields: { request in
                guard let clipSkip = request.clipSkip, clipSkip > 1 else { return [] }
                return [.init("Clip skip", "\(clipSkip)")]
            },
            phrase: { $0.clipSkip.map { "clip skip \($0)" } }),
        RequestSetting(
            fields: { request in
                guard request.tokenMerging.isOn else { return [] }
                return [.init("Token merging ratio", number(Float(request.tokenMerging.ratio)))]
            },
            phrase: { $0.tokenMerging.isOn ? "merge \($0.tokenMerging.summary)" : nil }),
    ]

    /// `7` rather than `7.0`, as A1111's own pictures have it.
    private static func number(_ value: Float) -> String {
        Int(exactly: value).map(String.init) ?? String(value)
    }
}
