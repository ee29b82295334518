// SPDX-License-Identifier: Apache-2.0

/// Why no model can carry out a request.
public enum GenerationRequestError: Error, Equatable, CustomStringConvertible {
    case promptTooLong(byteCount: Int)
    case sizeOutOfRange(width: Int, height: Int)
    case stepCountOutOfRange(Int)
    case guidanceScaleOutOfRange(Float)
    case guidanceRescaleOutOfRange(Float)
    case etaOutOfRange(Float)
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
        if let clipSkip, !(1...12).contains(clipSkip) { throw .clipSkipOutOfRange(clipSkip) }
        do {
            try tokenMerging.validateRanges()
        } catch {
            throw .tokenMerging(error)
        }
    }
}
