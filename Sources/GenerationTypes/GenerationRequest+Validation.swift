// SPDX-License-Identifier: Apache-2.0

/// Why no model can carry out a request.
public enum GenerationRequestError: Error, Equatable, CustomStringConvertible {
    case promptTooLong(byteCount: Int)
    case sizeOutOfRange(width: Int, height: Int)
    case stepCountOutOfRange(Int)
    case guidanceScaleOutOfRange(Float)
    case guidanceRescaleOutOfRange(Float)
    case etaOutOfRange(Float)
    case forecastIntervalOutOfRange(Int)
    case forecastOfFewSteps(Int)
    case forecastOfSampler(SamplingMethod)
    case forecastOfSchedule(SigmaSchedule)
    case forecastWithEta(Float)
    case clipSkipOutOfRange(Int)
    case tokenMerging(TokenMergeConfigurationError)

    /// What is wrong, and which option mends it.
    public var description: String {
        switch self {
        case .promptTooLong(let byteCount):
            """
            the prompt has \(byteCount) bytes; at most \(GenerationLimits.promptByteCountMax) \
            are allowed
            """
        case .sizeOutOfRange(let width, let height):
            """
            \(width)×\(height) pixels is out of range; each side must be from \
            \(GenerationLimits.sideMin) to \(GenerationLimits.sideMax)
            """
        case .stepCountOutOfRange(let count):
            "\(count) steps: choose from 1 to \(GenerationLimits.inferenceStepCountMax) with --steps"
        case .guidanceScaleOutOfRange(let scale):
            """
            a guidance scale of \(scale): choose from 0 to \(GenerationLimits.guidanceScaleMax) \
            with --cfg-scale
            """
        case .guidanceRescaleOutOfRange(let rescale):
            "a guidance rescale of \(rescale): choose from 0 to 1 with --guidance-rescale"
        case .etaOutOfRange(let eta): "an eta of \(eta): choose from 0 to 1 with --eta"
        case .forecastIntervalOutOfRange(let interval):
            """
            a forecast of \(interval): choose from 1 (off) to \
            \(GenerationLimits.forecastIntervalMax) with --forecast
            """
        case .forecastOfFewSteps(let count):
            """
            of \(count) steps none can be forecast well; leave --forecast out, or give at least \
            \(ForecastSchedule.stepCountMin) with --steps
            """
        case .forecastOfSampler(let method):
            """
            the outputs of \(method.rawValue) can't be forecast; leave --forecast out, or choose \
            \(SamplingMethod.forecastable) with --sampling-method
            """
        case .forecastOfSchedule(let schedule):
            """
            with noise levels spaced as \(schedule.rawValue) forecasts are worse than fewer steps; \
            leave --forecast out, or choose --scheduler default
            """
        case .forecastWithEta(let eta):
            """
            fresh noise in every step (eta \(eta)) can't be forecast; leave --forecast out, or give \
            --eta 0
            """
        case .clipSkipOutOfRange(let skip):
            "a clip skip of \(skip): choose from 1 to 12 with --clip-skip"
        case .tokenMerging(let error): error.description
        }
    }
}

extension GenerationRequest {
    /// Checks everything that can be said without a model.
    public func validate() throws(GenerationRequestError) {
        let byteCount = max(prompt.utf8.count, negativePrompt.utf8.count)
        guard byteCount <= GenerationLimits.promptByteCountMax else {
            throw .promptTooLong(byteCount: byteCount)
        }
        let sides = GenerationLimits.sideMin...GenerationLimits.sideMax
        guard sides.contains(width), sides.contains(height) else {
            throw .sizeOutOfRange(width: width, height: height)
        }
        guard (1...GenerationLimits.inferenceStepCountMax).contains(inferenceStepCount) else {
            throw .stepCountOutOfRange(inferenceStepCount)
        }
        guard guidanceScale >= 0, guidanceScale <= GenerationLimits.guidanceScaleMax else {
            throw .guidanceScaleOutOfRange(guidanceScale)
        }
        guard guidanceRescale >= 0, guidanceRescale <= 1 else {
            throw .guidanceRescaleOutOfRange(guidanceRescale)
        }
        guard eta >= 0, eta <= 1 else { throw .etaOutOfRange(eta) }
        try validateForecast()
        if let clipSkip, !(1...12).contains(clipSkip) { throw .clipSkipOutOfRange(clipSkip) }
        do {
            try tokenMerging.validateRanges()
        } catch {
            throw .tokenMerging(error)
        }
    }
    private func validateForecast() throws(GenerationRequestError) {
        guard (1...GenerationLimits.forecastIntervalMax).contains(forecastInterval) else {
            throw .forecastIntervalOutOfRange(forecastInterval)
        }
        guard forecastInterval > 1 else { return }
        guard samplingMethod.traits.canForecast else { throw .forecastOfSampler(samplingMethod) }
        guard sigmaSchedule == .modelDefault || sigmaSchedule == .sgmUniform else {
            throw .forecastOfSchedule(sigmaSchedule)
        }
        guard inferenceStepCount >= ForecastSchedule.stepCountMin else {
            throw .forecastOfFewSteps(inferenceStepCount)
        }
        guard eta == 0 || samplingMethod.traits.eta == nil else { throw .forecastWithEta(eta) }
    }
}

extension SamplingMethod {
    /// Samplers whose steps may be forecast, for people.
    fileprivate static var forecastable: String {
        allCases.filter(\.traits.canForecast).map(\.rawValue).joined(separator: ", ")
    }
}
