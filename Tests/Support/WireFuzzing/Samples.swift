// SPDX-License-Identifier: Apache-2.0

package import GenerationTypes
package import WireProtocol

/// One message of every kind, with every field different from its default.
package enum Samples {
    package static let lease = Lease(item: 7, attempt: 2, token: 0x0123_4567_89AB_CDEF)
    package static let model = ModelFingerprint(
        unet: [UInt8](0..<32), textEncoder: [UInt8](32..<64), vae: [UInt8](64..<96))
    package static let request = GenerationRequest(
        prompt: "a red house in the snow, é", negativePrompt: "blurry", seed: 42, width: 256,
        height: 192, inferenceStepCount: 30, guidanceScale: 6.5, samplingMethod: .dpmPlusPlus2M,
        sigmaSchedule: .karras, eta: 0.25, clipSkip: 2, tokenMerging: merging)
    package static let merging = {
        var merging = TokenMergeConfiguration(method: "tome")
        merging.ratio = 0.75
        merging.maximumDownsample = 2
        merging.period = 3
        merging.refreshCalls = [0, 9]
        merging.featureSource = .hiddenStates
        merging.scope = .queriesKeysValues
        merging.sharing = .perSample
        merging.usesProportionalAttention = true
        merging.mergesSelfAttention = false
        merging.mergesCrossAttention = true
        merging.mergesFeedForward = true
        merging.window = .levels([2, 4, 8])
        merging.alpha = .weight(0.5)
        merging.destination = .least
        merging.sourceRanking = .representative
        merging.slicesSources = true
        merging.shiftsWindows = false
        merging.strideX = 3
        merging.strideY = 4
        merging.usesRandomDestinations = false
        merging.linkage = .single
        merging.importancePool = 1.5
        merging.importanceWarmupCallCount = 5
        merging.downsampleFactor = 6
        return merging
    }()
    package static let reason = WireReason(.busy, "try later", retryAfterMilliseconds: 1500)

    package static func node(_ role: PeerRole) -> NodeDescription {
        NodeDescription(
            role: role, instance: [UInt8](200..<216), name: "node", build: "0.1.0",
            kernelClass: "onednn-bf16-avx512", coreCount: 2, memoryByteCount: 1 << 34,
            model: model, credits: role == .worker ? 2 : 0)
    }

    package static let statistics = {
        var statistics = TokenMergeStatistics()
        statistics.computedPlanCount = 15
        statistics.reusedPlanCount = 60
        statistics.tokenCountBefore = 1 << 33
        statistics.tokenCountAfter = 1 << 32
        statistics.byteCount = 123_456
        statistics.scratchByteCount = 654_321
        return statistics
    }()

    package static let result: LatentResult = {
        let latents = GeneratedLatents(
            channels: 4, height: 2, width: 2, values: (0..<16).map { Float($0) * 0.125 - 1 })
        return LatentResult(
            lease: lease,
            sampled: SampledImage(
                latents: latents, sha256: latents.sha256,
                timings: GenerationTimings(textEncodingSeconds: 0.5, samplingSeconds: 12.25),
                tokenMerging: statistics))
    }()

    static let checkpoint = SamplingCheckpoint(
        step: 12, kernelClass: "onednn-bf16-avx512", bytes: [UInt8](1...11))

    static let picture = WorkerPicture(
        image: RGBImage(
            width: 2, height: 2, bytes: [1, 2, 3, 11, 22, 33, 255, 0, 128, 0, 255, 7]),
        kernelClass: "onednn-bf16-avx512", seconds: 0.5)

    static let preview = LatentPreview(
        step: 12, channels: 4, height: 2, width: 1, scale: 0.125,
        values: [-127, -3, 0, 1, 2, 3, 4, 127])

    /// Latents that compress well, for frames with a zstd payload.
    package static let flatResult: LatentResult = {
        let latents = GeneratedLatents(
            channels: 4, height: 8, width: 8, values: [Float](repeating: 0.5, count: 256))
        return LatentResult(
            lease: lease, sampled: SampledImage(latents: latents, sha256: latents.sha256))
    }()

    package static let messages: [Message] = [
        .hello(node(.coordinator)), .welcome(node(.worker)), .refuse(reason),
        .assign(lease, request),
        .prepare(
            lease, Preparation(checkpointInterval: 5, checkpoint: checkpoint, wantsPicture: true)),
        .progress(ProgressReport(lease: lease, step: 3, stepCount: 30, seconds: 0.75)),

        .checkpoint(lease, checkpoint), .watch(lease, intervalMilliseconds: 1500),
        .preview(lease, preview), .picture(lease, picture), .result(result),
        .resultAck(lease), .ackConfirm(lease),
        .nak(lease, reason),
        .term(lease, WireReason(.requestInvalid, "no")), .cancel(lease),
        .drain(WireReason(.draining, "stopping")), .ping(99), .pong(99),
        .goodbye(WireReason(.finished, "bye")),
    ]

    /// The end that reads a message.
    package static func receiver(of message: Message) -> PeerRole {
        message.type.sender == .worker ? .coordinator : .worker
    }
}
