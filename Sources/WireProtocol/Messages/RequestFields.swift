// SPDX-License-Identifier: Apache-2.0

import GenerationTypes

// A request as a part of ASSIGN.

extension ByteWriter {
    mutating func write(_ request: GenerationRequest) {
        write(request.seed)
        write(UInt32(request.width))
        write(UInt32(request.height))
        write(UInt32(request.inferenceStepCount))
        write(request.guidanceScale)
        write(request.eta)
        write(request.samplingMethod.traits.wireNumber)
        write(request.sigmaSchedule.traits.wireNumber)
        write(UInt8(request.clipSkip ?? 0))
        let layout = request.wireLayout
        write(layout)
        writeText(request.prompt)
        writeText(request.negativePrompt)
        write(request.tokenMerging)
        if layout >= 1 { write(request.guidanceRescale) }
        if layout >= 2 { write(UInt8(request.forecastInterval)) }
    }
}

extension ByteReader {
    mutating func readRequest() throws(WireError) -> GenerationRequest {
        let seed = try read(UInt64.self, "seed")
        let width = Int(try read(UInt32.self, "width"))
        let height = Int(try read(UInt32.self, "height"))
        let stepCount = Int(try read(UInt32.self, "steps"))
        let guidanceScale = try readFloat("guidance scale")
        let eta = try readFloat("eta")
        let methodByte = try read(UInt8.self, "sampling method")
        guard let method = SamplingMethod(wireNumber: methodByte) else {
            throw unknown("sampling method", "\(methodByte)")
        }
        let scheduleByte = try read(UInt8.self, "sigma schedule")
        guard let schedule = SigmaSchedule(wireNumber: scheduleByte) else {
            throw unknown("sigma schedule", "\(scheduleByte)")
        }
        let clipSkip = Int(try read(UInt8.self, "clip skip"))
        let layout = try read(UInt8.self, "request layout")
        guard layout <= 2 else { throw unknown("request layout", "\(layout)") }
        let promptMax = GenerationLimits.promptByteCountMax
        // Sizes and counts are not validated here: the worker answers a bad request with TERM and a
        // reason, which is better than dropping the connection with everything that runs on it.
        var request = GenerationRequest(
            prompt: try readText("prompt", max: promptMax),
            negativePrompt: try readText("negative prompt", max: promptMax), seed: seed,
            width: width, height: height, inferenceStepCount: stepCount,
            guidanceScale: guidanceScale, samplingMethod: method, sigmaSchedule: schedule,
            eta: eta, clipSkip: clipSkip == 0 ? nil : clipSkip,
            tokenMerging: try readTokenMerging())
        if layout >= 1 { request.guidanceRescale = try readFloat("guidance rescale") }
        if layout >= 2 {
            request.forecastInterval = try read(UInt8.self, "forecast", in: 0...Int(UInt8.max))
        }
        return request
    }
}

extension GenerationRequest {
    /// The lowest layout that can represent the whole request, so that older workers generate what
    /// they can.
    fileprivate var wireLayout: UInt8 {
        forecastInterval != 1 ? 2 : guidanceRescale != 0 ? 1 : 0
    }
}
