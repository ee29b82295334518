// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
package import GenerationTypes
package import Requests

/// Answers in OpenAI's words.
package enum OpenAIAnswer {
    /// The answer to `images/generations`.
    package static func pictures(_ finished: FinishedBatch) throws -> String {
        var answer = facts(of: finished.images.first?.request)
        answer["created"] = .integer(Int64(finished.batch.created))
        answer["data"] = .array(
            finished.images.map { .object(["b64_json": encoded($0.picture)]) })
        answer["usage"] = usage
        if !finished.failures.isEmpty {
            answer["warnings"] = .array(finished.failures.map(JSONValue.string))
        }
        return try JSONText.line(JSONValue.object(answer))
    }

    /// The event of one picture in a stream.
    package static func completed(
        _ picture: [UInt8], of request: GenerationRequest, created: Double
    ) throws -> String {
        var event = facts(of: request)
        event["type"] = .string("image_generation.completed")
        event["b64_json"] = encoded(picture)
        event["created_at"] = .integer(Int64(created))
        event["usage"] = usage
        return try text(of: "image_generation.completed", .object(event))
    }

    /// The event of what the first picture of a stream may become, at that picture's size.
    package static func partial(
        _ preview: ImagePreview, _ number: Int, created: Double
    ) throws -> String {
        var event = facts(width: preview.width, height: preview.height)
        event["type"] = .string("image_generation.partial_image")
        event["b64_json"] = encoded(preview.picture)
        event["partial_image_index"] = .integer(Int64(number))
        event["created_at"] = .integer(Int64(created))
        return try text(of: "image_generation.partial_image", .object(event))
    }

    /// The last event of a stream without its pictures.
    package static func failed(_ problem: APIProblem) -> String {
        "event: error\ndata: \(problem.json(in: .openai))\n\n"
    }

    /// The answer to `models`.
    package static func models(_ model: ModelRecord) throws -> String {
        try JSONText.line(
            JSONValue.object(["object": .string("list"), "data": .array([record(of: model)])]))
    }

    /// The answer to `models/NAME`.
    package static func model(_ model: ModelRecord) throws -> String {
        try JSONText.line(record(of: model))
    }

    private static func record(of model: ModelRecord) -> JSONValue {
        .object([
            "id": .string(model.name), "object": .string("model"), "created": .integer(0),
            "owned_by": .string("retom"),
        ])
    }

    private static func facts(of request: GenerationRequest?) -> [String: JSONValue] {
        facts(width: request?.width, height: request?.height)
    }

    private static func facts(width: Int?, height: Int?) -> [String: JSONValue] {
        [
            "output_format": .string("png"), "quality": .string("auto"),
            "background": .string("opaque"),
            "size": .string(width.flatMap { width in height.map { "\(width)x\($0)" } } ?? "auto"),
        ]
    }

    private static func encoded(_ picture: [UInt8]) -> JSONValue {
        .string(Data(picture).base64EncodedString())
    }

    /// Nothing is counted in tokens here; clients insist on the fields.
    private static let usage = JSONValue.object([
        "input_tokens": .integer(0), "output_tokens": .integer(0), "total_tokens": .integer(0),
        "input_tokens_details": .object(["image_tokens": .integer(0), "text_tokens": .integer(0)]),
    ])

    private static func text(of type: String, _ data: JSONValue) throws -> String {
        "event: \(type)\ndata: \(try JSONText.line(data))\n\n"
    }
}
