// SPDX-License-Identifier: Apache-2.0

import CommandSupport
import GenerationTypes
import Requests
import RunService
import ServiceAPI
import ServiceEngine
import ServiceLedger
import StableDiffusion
import Synchronization
import TokenMerging

/// Turns what clients ask for into requests that the model can generate.
final class RequestPlanner: Sendable {
    /// Largest picture, in pixels.
    static let pixelCountMax = 1 << 20
    /// Most denoising steps.
    static let stepCountMax = 150

    private let defaults: GenerationSettings
    private let check: Mutex<RequestCheck>
    private let tokenizer: CLIPTokenizer
    private let loras: [LoRASelection]
    /// Sides of pictures are multiples of it, in pixels.
    private let sideStep: Int
    private let limits: LedgerLimits

    /// - Parameters:
    ///   - model: what the workers generate with.
    ///   - generation: what clients leave open.
    ///   - merging: which tokens merge unless a client says otherwise.
    ///   - forecastIfSound: the profile's steps per call of the U-Net.
    ///   - limits: how much a client may ask for.
    /// - Throws: what makes the model or the defaults unusable.
    init(
        _ model: ChosenModel, generation: GenerationOptions, merging: MergeOptions,
        forecastIfSound: Int?, limits: LedgerLimits
    ) throws {
        self.limits = limits
        let check = try RequestCheck(of: model.source)
        let description = check.description
        defaults = generation.settings(
            defaultWidth: description.defaultWidth, defaultHeight: description.defaultHeight,
            recipe: description.recipe, tokenMerging: merging.configuration,
            forecastIfSound: forecastIfSound)
        tokenizer = try model.source.tokenizer()
        loras = model.source.loras
        sideStep = description.vaeScaleFactor
        // What clients can't change must be possible.
        var request = defaults.request(prompt: "", seed: 0)
        try request.validate()
        try check.check(&request)
        self.check = Mutex(check)
    }

    /// The images of a batch, with their seeds.
    func plan(_ body: BatchBody) -> Result<PlannedBatch, APIProblem> {
        let limit = limits.imagesPerBatch
        let count = body.entries.reduce(0) { sum, entry in
            min(sum + (entry.imageCount ?? body.batchCount), limit + 1)
        }
        guard count <= limit else {
            return .failure(
                APIProblem(
                    .batchTooLarge(count: count, max: limit), batch: ""))
        }
        var random = SystemRandomNumberGenerator()
        do throws(PromptListError) {
            let plan = try check.withLock { check throws(PromptListError) in
                try RequestPlan(
                    entries: body.entries, settings: body.settings.filled(from: defaults),
                    seed: body.seed, batchCount: body.batchCount,
                    check: { [loras] request in
                        try Self.checkLimits(request)
                        try Self.checkWeights(of: loras, in: request)
                        try check.check(&request)
                    }, using: &random)
            }
            var warnings = TruncationWarnings.of(plan.requests, tokenizer: tokenizer)
            if let notice = PromptSyntaxNotice.warning(body.entries) { warnings.append(notice) }
            return .success(PlannedBatch(requests: plan.requests, warnings: warnings))
        } catch {
            return .failure(APIProblem(error))
        }
    }

    private static func checkLimits(_ request: GenerationRequest) throws(ServiceLimitError) {
        guard request.width * request.height <= pixelCountMax else {
            throw ServiceLimitError(
                description: """
                    \(request.width)×\(request.height) has more than \(pixelCountMax) pixels; \
                    ask for a smaller picture
                    """, field: "width")
        }
        guard request.inferenceStepCount <= stepCountMax else {
            throw ServiceLimitError(
                description: """
                    \(request.inferenceStepCount) steps are more than \(stepCountMax); ask for \
                    fewer
                    """, field: "steps")
        }
    }

    /// All pictures have the weights that were merged when the service began.
    private static func checkWeights(
        of loras: [LoRASelection], in request: GenerationRequest
    ) throws {
        for tag in try PromptNetworks.loras(in: request.prompt) {
            guard let merged = loras.first(where: { $0.name == tag.name }),
                (merged.textWeight, merged.unetWeight) != (tag.textWeight, tag.unetWeight)
            else { continue }
            throw ServiceLimitError(
                description: """
                    <lora:\(tag.text)>: the service has merged it with \
                    \(merged.textWeight):\(merged.unetWeight); ask for these weights, or leave it \
                    out
                    """, field: "prompt")
        }
    }

    // MARK: Capabilities

    private struct Capabilities: Encodable {
        struct Sampler: Encodable {
            var name: String
            var aliases: [String]
        }

        struct Limits: Encodable {
            var imagesPerBatch: Int
            var pixels: Int
            var steps: Int
            var promptBytes: Int
            var queuedImages: Int
            var sideMin = GenerationLimits.sideMin
            var sideMax = GenerationLimits.sideMax
            /// Sides are multiples of it.
            var sideStep: Int
            var guidanceScale = GenerationLimits.guidanceScaleMax
            var forecastInterval = GenerationLimits.forecastIntervalMax

            private enum CodingKeys: String, CodingKey {
                case pixels, steps
                case sideMin = "side_min"
                case sideMax = "side_max"
                case sideStep = "side_step"
                case guidanceScale = "cfg_scale"
                case forecastInterval = "forecast"
                case imagesPerBatch = "images_per_batch"
                case promptBytes = "prompt_bytes"
                case queuedImages = "queued_images"
            }

            init(_ limits: LedgerLimits, sideStep: Int) {
                self.sideStep = sideStep
                imagesPerBatch = limits.imagesPerBatch
                pixels = RequestPlanner.pixelCountMax
                steps = RequestPlanner.stepCountMax
                promptBytes = GenerationLimits.promptByteCountMax
                queuedImages = limits.queuedPerCaller
            }
        }

        var version: String
        var models: [ModelRecord]
        var samplers: [Sampler]
        var schedulers: [String]
        var mergeMethods: [String]
        var mergeProfiles: [String: TokenMergeConfiguration]
        var priorities: [String]
        var limits: Limits
        var defaults: GenerationRequest

        private enum CodingKeys: String, CodingKey {
            case version, models, samplers, schedulers, priorities, limits, defaults
            case mergeMethods = "merge_methods"
            case mergeProfiles = "merge_profiles"
        }
    }

    /// How tokens may merge.
    static var mergeMethods: [String] { TokenMergeRegistry.standard.names }

    /// What a request gets that leaves everything open.
    var openRequest: GenerationRequest { defaults.request(prompt: "", seed: 0) }

    /// What clients may ask for, in JSON.
    func capabilities(of model: ModelRecord) throws -> String {
        try JSONText.line(
            Capabilities(
                version: ProgramVersion.text, models: [model],
                samplers: SamplingMethod.allCases.map {
                    Capabilities.Sampler(
                        name: $0.rawValue, aliases: [$0.displayName] + $0.traits.aliases)
                },
                schedulers: SigmaSchedule.allCases.map(\.rawValue),
                mergeMethods: Self.mergeMethods,
                mergeProfiles: Dictionary(
                    uniqueKeysWithValues: TokenMergeProfile.allCases.map {
                        ($0.rawValue, $0.configuration)
                    }),
                priorities: BatchPriority.allCases.map(\.rawValue),
                limits: Capabilities.Limits(limits, sideStep: sideStep),
                defaults: defaults.request(prompt: "", seed: 0)))
    }
}

/// A request that this service does not take, though the model could generate it.
struct ServiceLimitError: RequestFieldError, CustomStringConvertible {
    let description: String
    let field: String?
}
