// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import GenerationTypes

/// Collects the fields of one prompt, by the names of A1111's txt2img request, and everything that
/// is wrong with them.
struct PromptFields {
    private let dialect: PromptDialect
    private(set) var entry: PromptEntry
    private(set) var problems: [PromptProblem] = []
    private var hasPrompt = false
    private var batchSize: Int?
    private var iterationCount: Int?

    init(origin: String, dialect: PromptDialect) {
        self.dialect = dialect
        entry = PromptEntry(prompt: "", origin: origin)
    }

    /// Notes a problem with this prompt.
    mutating func report(_ message: String) {
        problems.append(PromptProblem(origin: entry.origin, message: message))
    }

    /// Sets all fields of a prompt; one that is missing is a problem.
    mutating func set(_ object: [String: JSONValue]) {
        for (key, value) in object.sorted(by: { $0.key < $1.key }) { set(key, to: value) }
        _ = finish()
    }

    /// Whether a word is an option of a prompt line.
    static func isOption(_ word: String) -> Bool {
        word.hasPrefix("--") && PromptDialect.known.contains(key(of: word.dropFirst(2)))
    }

    private static func key(of name: some StringProtocol) -> String {
        name.split(separator: "-").joined(separator: "_")
    }

    /// The finished entry; a missing prompt is a problem.
    mutating func finish() -> PromptEntry {
        if !hasPrompt { report("no prompt; add \"prompt\": \"…\" (or --prompt \"…\")") }
        if batchSize != nil || iterationCount != nil {
            let (count, overflow) = (batchSize ?? 1).multipliedReportingOverflow(
                by: iterationCount ?? 1)
            if overflow || count > GenerationLimits.imageCountMax {
                report("too many images; at most \(GenerationLimits.imageCountMax) in a run")
            } else {
                entry.imageCount = count
            }
        }
        return entry
    }

    /// Sets one field; spelling errors and values out of range are noted.
    mutating func set(_ name: String, to value: JSONValue) {
        let key = PromptFields.key(of: name)
        // A1111 writes null for what the caller left open.
        if value == .null, PromptDialect.known.contains(key) { return }
        switch key {
        case "prompt":
            hasPrompt = true
            if let text = text(key, value) { entry.prompt = text }
        case "negative_prompt": entry.negativePrompt = text(key, value)
        case "seed": setSeed(value)
        case "steps", "num_inference_steps": entry.inferenceStepCount = integer(key, value)
        case "cfg_scale", "guidance_scale": entry.guidanceScale = number(key, value)
        case "width": entry.width = integer(key, value)
        case "height": entry.height = integer(key, value)
        case "sampler_name", "sampler_index", "sampling_method": setSampler(key, value)
        case "scheduler": setSchedule(value)
        case "batch_size": batchSize = integer(key, value, from: 1)
        case "n_iter", "batch_count": iterationCount = integer(key, value, from: 1)
        case "clip_skip", "CLIP_stop_at_last_layers": entry.clipSkip = integer(key, value)
        case "eta": entry.eta = number(key, value)
        case "token_merging_ratio": entry.tokenMergingRatio = number(key, value).map(Double.init)
        case "token_merging": setTokenMerging(value)
        case "override_settings": setOverrides(value)
        default: setOther(name, key, value)
        }
    }

    private mutating func setSeed(_ value: JSONValue) {
        if let text = value.scalarText, let seed = SeedChoice(text) {
            entry.seed = seed
        } else {
            report("seed must be a whole number up to \(UInt64.max), or -1 for a random one")
        }
    }

    private mutating func setSampler(_ key: String, _ value: JSONValue) {
        guard let name = text(key, value) else { return }
        guard let sampler = SamplerName(name) else {
            report("no sampler '\(name)'; choose from \(SamplerName.samplerChoices)")
            return
        }
        entry.samplingMethod = sampler.samplingMethod
        // An explicit scheduler, before or after, says more than the sampler's old name.
        entry.sigmaSchedule = entry.sigmaSchedule ?? sampler.sigmaSchedule
    }

    private mutating func setSchedule(_ value: JSONValue) {
        guard let name = text("scheduler", value) else { return }
        guard let schedule = SamplerName.sigmaSchedule(name) else {
            report("no scheduler '\(name)'; choose from \(SamplerName.scheduleChoices)")
            return
        }
        entry.sigmaSchedule = schedule
    }

    private mutating func setOverrides(_ value: JSONValue) {
        guard case .object(let settings) = value else {
            report("override_settings must be an object")
            return
        }
        for (key, value) in settings.sorted(by: { $0.key < $1.key }) {
            if key == "CLIP_stop_at_last_layers" || key == "token_merging_ratio" {
                set(key, to: value)
            } else if !value.isNeutral {
                report("override_settings.\(key) is not supported; leave it out")
            }
        }
    }

    /// The object that a report writes.
    private mutating func setTokenMerging(_ value: JSONValue) {
        if case .object(let settings) = value {
            let known = TokenMergeConfiguration.keys
            for key in settings.keys.sorted() where !known.contains(key) {
                reportUnknown("token_merging.\(key)", key, among: known)
            }
        }
        do {
            let data = try JSONEncoder().encode(value)
            entry.tokenMerging = try JSONDecoder().decode(TokenMergeConfiguration.self, from: data)
        } catch let error as TokenMergeConfigurationError {
            report("token_merging: \(error)")
        } catch {
            report("token_merging must be an object as in report.json")
        }
    }

    /// Fields of txt2img that retom lacks are fine as long as they ask for nothing.
    private mutating func setOther(_ name: String, _ key: String, _ value: JSONValue) {
        switch dialect.verdict(on: key, value) {
        case .ignored: break
        case .refused: report("'\(name)' is not supported; leave it out")
        case .unknown: reportUnknown(name, key, among: PromptDialect.known)
        }
    }

    /// Notes a setting that there isn't, with the nearest one that there is.
    private mutating func reportUnknown(
        _ name: String, _ key: String, among known: some Sequence<String>
    ) {
        let suggestion = known.min {
            (EditDistance.between(key, $0), $0) < (EditDistance.between(key, $1), $1)
        }
        if let suggestion, EditDistance.between(key, suggestion) <= 2 {
            report("unknown setting '\(name)'; did you mean '\(suggestion)'?")
        } else {
            report("unknown setting '\(name)'")
        }
    }

    private mutating func text(_ key: String, _ value: JSONValue) -> String? {
        guard case .string(let text) = value else {
            report("\(key) must be text")
            return nil
        }
        if text.utf8.contains(0) { report("\(key) holds a NUL character; take it out") }
        return text
    }

    private mutating func integer(_ key: String, _ value: JSONValue, from minimum: Int? = nil)
        -> Int?
    {
        guard let text = value.scalarText, let double = Double(text),
            let number = Int(exactly: double)
        else {
            report("\(key) must be a whole number")
            return nil
        }
        if let minimum, number < minimum {
            report("\(key) must be at least \(minimum)")
            return nil
        }
        return number
    }

    private mutating func number(_ key: String, _ value: JSONValue) -> Float? {
        if let text = value.scalarText, let number = Float(text), number.isFinite { return number }
        report("\(key) must be a number")
        return nil
    }
}
