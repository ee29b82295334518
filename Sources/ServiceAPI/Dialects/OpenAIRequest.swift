// SPDX-License-Identifier: Apache-2.0

package import Requests

/// A body of OpenAI's `images/generations`; fields of A1111's txt2img may stand beside OpenAI's.
package struct OpenAIRequest: Sendable {
    /// Images of one request, at most.
    package static let imageCountMax = 64

    /// What it asks for.
    package private(set) var batch: BatchBody
    /// What it asked for in vain.
    package private(set) var ignored: IgnoredFields
    /// Whether each picture is wanted as soon as it is there.
    package private(set) var streams = false
    /// How many pictures a stream shows before its first one is finished, at most.
    package private(set) var partialImageCount = 0
    private static let partialImageCountMax = 3

    /// Fields of OpenAI's that say nothing about a picture here.
    private static let ignoredFields: Set<String> = [
        "quality", "style", "user", "moderation", "output_compression",
    ]
    /// Fields that have one value here.
    private static let choices: [(key: String, values: [String])] = [
        ("response_format", ["b64_json"]), ("output_format", ["png"]),
        ("background", ["auto", "opaque"]),
    ]

    /// OpenAI's names of fields that are A1111's here, where the body had them.
    private var names: [String: String] = [:]

    /// Reads a body.
    ///
    /// - Throws: 400, named by its field; 404 for a model that there isn't.
    package init(_ bytes: [UInt8], model: ModelRecord) throws(APIProblem) {
        var object = try JSONObject.reading(bytes)
        guard case .string? = object["prompt"] else {
            throw .field("prompt", "prompt must be text; say what the picture shows")
        }
        if let name = try Self.text("model", &object), !Self.isOpenAIs(name) {
            try model.requireName(name)
        }
        for (key, values) in Self.choices {
            guard let value = try Self.text(key, &object), !values.contains(value) else { continue }
            throw .field(
                key,
                "\(key) \(value.prefix(40)) is not there; choose \(values.joined(separator: " or "))"
            )
        }
        if let value = object.removeValue(forKey: "stream"), value != .null {
            guard case .bool(let streams) = value else {
                throw .field("stream", "stream must be true or false")
            }
            self.streams = streams
        }
        if let value = object.removeValue(forKey: "partial_images"), value != .null {
            guard case .integer(let count) = value,
                (0...Int64(Self.partialImageCountMax)).contains(count)
            else {
                throw .field(
                    "partial_images",
                    "partial_images must be a whole number from 0 to \(Self.partialImageCountMax)")
            }
            partialImageCount = Int(count)
        }
        // No field is wrong before it is read.
        batch = BatchBody(PromptEntry(prompt: "", origin: "body"))
        ignored = IgnoredFields([])
        if try Self.resolveSize(&object) { (names["width"], names["height"]) = ("size", "size") }
        if let count = object.removeValue(forKey: "n"), count != .null {
            guard case .integer(let number) = count,
                (1...Int64(Self.imageCountMax)).contains(number)
            else { throw .field("n", "n must be a whole number from 1 to \(Self.imageCountMax)") }
            object["batch_size"] = count
            names["batch_size"] = "n"
            object["n_iter"] = nil
        }
        var unused = Self.ignoredFields.filter {
            ![nil, .null, .string("auto")].contains(object[$0])
        }.sorted()
        for key in Self.ignoredFields { object[key] = nil }
        var fields = PromptFields(origin: "body", dialect: .client)
        fields.set(object)
        unused += fields.ignored
        ignored = IgnoredFields(unused)
        if let problem = fields.problems.first {
            throw named(
                APIProblem(
                    422, "invalid", problem.message, problems: fields.problems.map(\.message),
                    param: problem.field))
        }
        guard fields.entry.imageCount ?? 1 <= Self.imageCountMax else {
            throw .field("n", "more than \(Self.imageCountMax) images; ask several times")
        }
        batch = BatchBody(fields.entry)
        batch.priority = "interactive"
    }

    /// A problem with the name that this body has for its field.
    package func named(_ problem: APIProblem) -> APIProblem {
        var problem = problem
        problem.param = problem.param.map { names[$0] ?? $0 }
        return problem
    }

    /// OpenAI's own models mean the one that there is: clients name them when nobody named one.
    private static func isOpenAIs(_ name: String) -> Bool {
        ["dall-e-", "gpt-image-", "chatgpt-image-"].contains { name.hasPrefix($0) }
    }

    private static func text(
        _ key: String, _ object: inout [String: JSONValue]
    ) throws(APIProblem) -> String? {
        switch object.removeValue(forKey: key) {
        case nil, .null?: return nil
        case .string(let text)?: return text.isEmpty ? nil : text
        default: throw .field(key, "\(key) must be text")
        }
    }

    /// - Returns: whether there is a size.
    private static func resolveSize(
        _ object: inout [String: JSONValue]
    ) throws(APIProblem) -> Bool {
        guard let text = try text("size", &object), text != "auto" else { return false }
        let sides = text.split(separator: "x", omittingEmptySubsequences: false).map { Int64($0) }
        guard sides.count == 2, let width = sides[0], let height = sides[1], width > 0, height > 0
        else { throw .field("size", "size \(text.prefix(40)) is none; write it as 512x512") }
        object["width"] = .integer(width)
        object["height"] = .integer(height)
        return true
    }
}

extension APIProblem {
    /// A field is wrong.
    fileprivate static func field(_ param: String, _ detail: String) -> APIProblem {
        APIProblem(422, "invalid", detail, param: param)
    }
}
