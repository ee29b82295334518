// SPDX-License-Identifier: Apache-2.0

package import GenerationTypes

/// The images of a run, in order.
///
/// Every prompt becomes `-b` images (or its own number of images). Image *i* of the run, counted
/// over all prompts, has the seed `base + i`, so `-s 42 -p A -p B -b 2` samples A with 42 and 43 and
/// B with 44 and 45: no two images of a run share noise. A prompt with a seed of its own numbers
/// its images from that one instead, as A1111 and stable-diffusion.cpp number a batch; the other
/// prompts keep the seeds they would have had anyway.
package struct RequestPlan: Sendable, Equatable {
    /// Seed of image 0.
    package let baseSeed: UInt64
    /// Whether the base seed was chosen at random.
    package let isBaseSeedRandom: Bool
    /// One request per image.
    package let requests: [GenerationRequest]

    /// Expands prompts into requests.
    ///
    /// - Parameters:
    ///   - entries: The prompts.
    ///   - settings: What prompts leave open.
    ///   - seed: Seed of image 0; random ones come from [0, 4294967294), as A1111's do.
    ///   - batchCount: Images per prompt.
    ///   - check: Refuses what the model can't do, and settles what it leaves to the merge method.
    ///   - generator: Where random seeds come from.
    /// - Throws: `settings` when what a prompt leaves to them is impossible, `problems` with everything
    ///   that is wrong with single prompts.
    package init(
        entries: [PromptEntry], settings: GenerationSettings, seed: SeedChoice, batchCount: Int,
        check: (inout GenerationRequest) throws -> Void = { _ in },
        using generator: inout some RandomNumberGenerator
    ) throws(PromptListError) {
        precondition(batchCount > 0, "\(batchCount) images per prompt")
        var shared = PromptEntry(prompt: "", origin: "").request(settings: settings, seed: 0)
        let sharedProblem = RequestPlan.problem(of: &shared, check)?.0
        isBaseSeedRandom = seed == .random
        baseSeed = RequestPlan.resolve(seed, using: &generator)
        var requests: [GenerationRequest] = []
        var problems: [PromptProblem] = []
        for entry in entries {
            let count = entry.imageCount ?? batchCount
            guard requests.count + count <= GenerationLimits.imageCountMax else {
                let message = "more than \(GenerationLimits.imageCountMax) images in one run"
                throw .problems(problems + [PromptProblem(origin: entry.origin, message: message)])
            }
            var first = baseSeed.addingReportingOverflow(UInt64(requests.count))
            if let own = entry.seed {
                first = (RequestPlan.resolve(own, using: &generator), false)
            }
            let last = first.partialValue.addingReportingOverflow(UInt64(count - 1))
            if first.overflow || last.overflow {
                problems.append(
                    PromptProblem(
                        origin: entry.origin,
                        message: "the last image's seed is above \(UInt64.max); begin lower",
                        field: "seed"))
            }
            var request = entry.request(settings: settings, seed: first.partialValue)
            if let (problem, field) = RequestPlan.problem(of: &request, check) {
                // Said once, not once per prompt, and not where every prompt says otherwise.
                if problem == sharedProblem { throw .settings(problem) }
                problems.append(
                    PromptProblem(origin: entry.origin, message: problem, field: field))
            }
            for offset in 0..<count {
                requests.append(request)
                requests[requests.count - 1].seed = first.partialValue &+ UInt64(offset)
            }
        }
        guard problems.isEmpty else { throw .problems(problems) }
        self.requests = requests
    }

    /// The images of a run that was planned before.
    package init(baseSeed: UInt64, isBaseSeedRandom: Bool, requests: [GenerationRequest]) {
        self.baseSeed = baseSeed
        self.isBaseSeedRandom = isBaseSeedRandom
        self.requests = requests
    }

    /// Why a request is refused, and its field that is wrong; `nil` if it is not.
    private static func problem(
        of request: inout GenerationRequest, _ check: (inout GenerationRequest) throws -> Void
    ) -> (problem: String, field: String?)? {
        for (text, isNegative) in [(request.prompt, false), (request.negativePrompt, true)] {
            // Of a longer one its length is the problem; looking at it would take a second.
            guard text.utf8.count <= GenerationLimits.promptByteCountMax else { continue }
            let problem = PromptSyntaxNotice.problem(of: text, isNegative: isNegative)
            if let problem { return (problem, isNegative ? "negative_prompt" : "prompt") }
        }
        do {
            try request.validate()
            try check(&request)
            return nil
        } catch {
            return ("\(error)", (error as? any RequestFieldError)?.field)
        }
    }

    private static func resolve(
        _ seed: SeedChoice, using generator: inout some RandomNumberGenerator
    ) -> UInt64 {
        switch seed {
        case .fixed(let seed): seed
        case .random: UInt64.random(in: 0..<4_294_967_294, using: &generator)
        }
    }
}
