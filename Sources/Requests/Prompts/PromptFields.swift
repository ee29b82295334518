// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import GenerationTypes

/// Collects the fields of one prompt, by the names of A1111's txt2img request, and everything that
/// is wrong with them.
package struct PromptFields {
    private let dialect: PromptDialect
    package private(set) var entry: PromptEntry
    package private(set) var problems: [PromptProblem] = []
    /// Keys that ask for something and are ignored.
    package private(set) var ignored: [String] = []
    private var hasPrompt = false
    private var batchSize: Int?
    private var iterationCount: Int?
    /// The field that is being set.
    private var field: String?

    package init(origin: String, dialect: PromptDialect) {
        self.dialect = dialect
        entry = PromptEntry(prompt: "", origin: origin)
    }

    /// Notes a problem with this prompt.
    package mutating func report(_ message: String, isOfType: Bool = false) {
        problems.append(
            PromptProblem(
                origin: entry.origin, message: message, field: field, isOfType: isOfType))
    }

    /// Sets all fields of a prompt; one that is missing is a problem.
    package mutating func set(_ object: [String: JSONValue]) {
        for (key, value) in object.sorted(by: { $0.key < $1.key }) {
            guard problems.count < PromptListError.readProblemCountMax else { break }
            set(key, to: value)
        }
        _ = finish()
    }

    /// Whether a word is an option of a prompt line.
    static func isOption(_ word: String) -> Bool {
        word.hasPrefix("--") && table[key(of: word.dropFirst(2))] != nil
    }

    /// Whether a key decides something about a picture.
    package static func acts(_ key: String) -> Bool { table[key] != nil }

    private static func key(of name: some StringProtocol) -> String {
        name.split(separator: "-").joined(separator: "_")
    }

    /// The finished entry; a missing prompt is a problem.
    mutating func finish() -> PromptEntry {
        field = "prompt"
        defer { field = nil }
        if !hasPrompt { report("no prompt; add \"prompt\": \"…\" (or --prompt \"…\")") }
        if batchSize != nil || iterationCount != nil {
            let (count, overflow) = (batchSize ?? 1).multipliedReportingOverflow(
                by: iterationCount ?? 1)
            if overflow || count > GenerationLimits.imageCountMax {
                field = batchSize == nil ? "n_iter" : "batch_size"
                report("too many images; at most \(GenerationLimits.imageCountMax) in a run")
            } else {
                entry.imageCount = count
            }
        }
        return entry
    }

    /// Sets one field; spelling errors and values out of range are noted.
    mutating func set(_ name: String, to value: JSONValue) {
        field = name
        defer { field = nil }
        let key = PromptFields.key(of: name)
        // A1111 writes null for what the caller left open.
        if value == .null, PromptFields.table[key] != nil { return }
        if let field = PromptFields.table[key] {
            field(&self, key, value)
        } else {
            setOther(name, key, value)
        }
    }

    /// Keys that decide how a picture looks.
    static var known: some Sequence<String> { table.keys }

    private typealias Field = @Sendable (inout PromptFields, _ key: String, JSONValue) -> Void

    private static let table: [String: Field] = [
        "prompt": { fields, key, value in
            fields.hasPrompt = true
            if let text = fields.text(key, value) { fields.entry.prompt = text }
        },
        "negative_prompt": { $0.entry.settings.negativePrompt = $0.text($1, $2) },
        "seed": { fields, _, value in fields.setSeed(value) },
        "steps": { $0.entry.settings.inferenceStepCount = $0.integer($1, $2) },
        "num_inference_steps": { $0.entry.settings.inferenceStepCount = $0.integer($1, $2) },
        "cfg_scale": { $0.entry.settings.guidanceScale = $0.number($1, $2) },
        "guidance_scale": { $0.entry.settings.guidanceScale = $0.number($1, $2) },
        "guidance_rescale": { $0.entry.settings.guidanceRescale = $0.number($1, $2) },
        "width": { $0.entry.settings.width = $0.integer($1, $2) },
        "height": { $0.entry.settings.height = $0.integer($1, $2) },
        "sampler_name": { $0.setSampler($1, $2) },
        "sampler_index": { $0.setSampler($1, $2) },
        "sampling_method": { $0.setSampler($1, $2) },
        "scheduler": { fields, _, value in fields.setSchedule(value) },
        "batch_size": { $0.batchSize = $0.integer($1, $2, from: 1) },
        "n_iter": { $0.iterationCount = $0.integer($1, $2, from: 1) },
        "batch_count": { $0.iterationCount = $0.integer($1, $2, from: 1) },
        "clip_skip": { $0.entry.settings.clipSkip = $0.integer($1, $2) },
        // As `override_settings` has it.
        "CLIP_stop_at_last_layers": { $0.entry.settings.clipSkip = $0.integer($1, $2) },
        "forecast": { $0.entry.settings.forecastInterval = $0.integer($1, $2) },
        "eta": { $0.entry.settings.eta = $0.number($1, $2) },
        "token_merging_ratio": {
            $0.entry.settings.tokenMergingRatio = $0.number($1, $2).map(Double.init)
        },
        "token_merging": { fields, _, value in fields.setTokenMerging(value) },
        "override_settings": { fields, _, value in fields.setOverrides(value) },
    ]

    private mutating func setSeed(_ value: JSONValue) {
        if let text = value.scalarText, let seed = SeedChoice(text) {
            entry.seed = seed
        } else {
            report(
                "seed must be a whole number up to \(UInt64.max), or -1 for a random one",
                isOfType: value.scalarText == nil)
        }
    }

    private mutating func setSampler(_ key: String, _ value: JSONValue) {
        guard let name = text(key, value) else { return }
        guard let sampler = SamplerName(name) else {
            report("no sampler '\(name)'; choose from \(SamplerName.samplerChoices)")
            return
        }
        entry.settings.samplingMethod = sampler.samplingMethod
        // An explicit scheduler, before or after, says more than the sampler's old name.
        entry.settings.sigmaSchedule = entry.settings.sigmaSchedule ?? sampler.sigmaSchedule
    }

    private mutating func setSchedule(_ value: JSONValue) {
        guard let name = text("scheduler", value) else { return }
        guard let schedule = SamplerName.sigmaSchedule(name) else {
            report("no scheduler '\(name)'; choose from \(SamplerName.scheduleChoices)")
            return
        }
        entry.settings.sigmaSchedule = schedule
    }

    private mutating func setOverrides(_ value: JSONValue) {
        guard case .object(let settings) = value else {
            report("override_settings must be an object", isOfType: true)
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
            entry.settings.tokenMerging = try JSONDecoder().decode(
                TokenMergeConfiguration.self, from: data)
        } catch let error as TokenMergeConfigurationError {
            report("token_merging: \(error)")
        } catch {
            report("token_merging must be an object as in report.json", isOfType: true)
        }
    }

    /// Fields of txt2img that retom lacks are fine as long as they ask for nothing.
    private mutating func setOther(_ name: String, _ key: String, _ value: JSONValue) {
        switch dialect.verdict(on: key, value) {
        case .neutral: break
        case .ignored: ignored.append(name)
        case .refused: report("'\(name)' is not supported; leave it out")
        case .unknown: reportUnknown(name, key, among: PromptFields.known)
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
            report("\(key) must be text", isOfType: true)
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
            report("\(key) must be a whole number", isOfType: true)
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
        report("\(key) must be a number", isOfType: true)
        return nil
    }
}
