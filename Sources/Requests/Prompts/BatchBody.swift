// SPDX-License-Identifier: Apache-2.0

/// What a client of a service asks for, in the words of its body:
/// `{"prompts": ["a red house", {"prompt": "a boat", "seed": 7}], "settings": {"steps": 30}}`.
///
/// A prompt is a text or an object with the names of A1111's txt2img; `settings` holds what the
/// prompts leave open, by the same names.
package struct BatchBody: Sendable, Equatable {
    /// The prompts; what they leave open is in `settings`.
    package var entries: [PromptEntry]
    /// What the prompts leave open.
    package var settings = GenerationSettings()
    /// Seed of image 0.
    package var seed = SeedChoice.random
    /// Images per prompt.
    package var batchCount = 1
    /// The model's name; `nil` leaves that to the service.
    package var model: String?
    /// How the caller ranks it; `nil` leaves that to the service.
    package var priority: String?
    /// The caller's own words.
    package var note: String?

    /// One prompt.
    package init(_ entry: PromptEntry) { entries = [entry] }

    /// Reads a prompt file, whose prompts leave the rest open.
    ///
    /// - Parameter countMax: how many prompts are read.
    /// - Throws: what `PromptList.parse` throws.
    package init(lines bytes: [UInt8], countMax: Int? = nil) throws(PromptListError) {
        entries = try PromptList.parse(
            bytes, source: "line", limits: .promptFile, countMax: countMax
        )
        .entries
    }

    /// Reads an object.
    ///
    /// - Throws: `json` for what is no JSON object, or one that is nested too deep or has too many
    ///   values; `problems` with everything that is wrong.
    package init(json bytes: [UInt8]) throws(PromptListError) {
        let object = try JSONObject.read(bytes)
        entries = []
        var reader = Reader(body: self)
        for (key, value) in object.sorted(by: { $0.key < $1.key }) { reader.read(key, value) }
        self = try reader.finished()
    }
}

/// Collects the parts of a body, and everything that is wrong with them.
private struct Reader {
    var body: BatchBody
    private var problems: [PromptProblem] = []
    private var hasPrompts = false

    init(body: BatchBody) { self.body = body }

    mutating func read(_ key: String, _ value: JSONValue) {
        switch key {
        case "prompts": readPrompts(value)
        case "settings": readSettings(value)
        case "model": body.model = text(key, value)
        case "priority": body.priority = text(key, value)
        case "note": body.note = text(key, value)
        default:
            report(
                key, "unknown; a batch has prompts, settings, model, priority and note")
        }
    }

    func finished() throws(PromptListError) -> BatchBody {
        var problems = problems
        if !hasPrompts {
            problems.append(
                PromptProblem(origin: "prompts", message: "missing; add \"prompts\": [\"…\"]"))
        }
        guard problems.isEmpty else { throw .problems(problems) }
        guard !body.entries.isEmpty else { throw .empty(source: "prompts") }
        return body
    }

    private mutating func readPrompts(_ value: JSONValue) {
        hasPrompts = true
        guard case .array(let prompts) = value else {
            report("prompts", "must be an array of texts and objects", isOfType: true)
            return
        }
        for (index, prompt) in prompts.enumerated() {
            guard problems.count < PromptListError.readProblemCountMax else { break }
            var fields = PromptFields(origin: "prompts[\(index)]", dialect: .strict)
            switch prompt {
            case .string: fields.set(["prompt": prompt])
            case .object(let object): fields.set(object)
            default: fields.report("must be a text or an object", isOfType: true)
            }
            problems += fields.problems
            body.entries.append(fields.entry)
        }
    }

    private mutating func readSettings(_ value: JSONValue) {
        guard case .object(var object) = value else {
            report("settings", "must be an object", isOfType: true)
            return
        }
        if object["prompt"] != nil {
            report("settings", "a prompt belongs into prompts")
        }
        // What settings are made of, and no prompt of its own.
        object["prompt"] = .string("")
        var fields = PromptFields(origin: "settings", dialect: .strict)
        fields.set(object)
        problems += fields.problems
        let entry = fields.entry
        body.settings = entry.settings
        body.seed = entry.seed ?? .random
        body.batchCount = entry.imageCount ?? 1
    }

    private mutating func text(_ key: String, _ value: JSONValue) -> String? {
        switch value {
        case .null: return nil
        case .string(let text): return text
        default:
            report(key, "must be text", isOfType: true)
            return nil
        }
    }

    private mutating func report(_ origin: String, _ message: String, isOfType: Bool = false) {
        problems.append(PromptProblem(origin: origin, message: message, isOfType: isOfType))
    }
}
