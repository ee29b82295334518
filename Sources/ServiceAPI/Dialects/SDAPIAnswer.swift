// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import GenerationTypes
package import Requests

/// Answers in A1111's words.
package enum SDAPIAnswer {
    /// The answer to `txt2img`.
    ///
    /// Its `info` is a text that holds JSON with every key that A1111 has: clients insist on them.
    package static func pictures(
        _ finished: FinishedBatch, to request: SDAPIRequest, model: ModelRecord, version: String
    ) throws -> String {
        let info = try JSONText.line(info(of: finished, model: model, version: version))
        let pictures =
            request.sendsImages
            ? finished.images.map { JSONValue.string(Data($0.picture).base64EncodedString()) } : []
        return try JSONText.line(
            JSONValue.object([
                "images": .array(pictures), "parameters": request.parameters,
                "info": .string(info),
            ]))
    }

    private static func info(
        of finished: FinishedBatch, model: ModelRecord, version: String
    ) -> JSONValue {
        let requests = finished.images.map(\.request)
        let first = requests.first
        let seeds = requests.map { JSONValue.unsigned($0.seed) }
        func text(_ text: String?) -> JSONValue { text.map(JSONValue.string) ?? .null }
        func list(_ value: (GenerationRequest) -> String) -> JSONValue {
            .array(requests.map { .string(value($0)) })
        }
        return .object([
            "prompt": .string(first?.prompt ?? ""), "all_prompts": list(\.prompt),
            "negative_prompt": .string(first?.negativePrompt ?? ""),
            "all_negative_prompts": list(\.negativePrompt),
            "seed": seeds.first ?? .integer(-1), "all_seeds": .array(seeds),
            // Variations have none of their own here.
            "subseed": seeds.first ?? .integer(-1), "all_subseeds": .array(seeds),
            "subseed_strength": .integer(0),
            "width": .integer(Int64(first?.width ?? 0)),
            "height": .integer(Int64(first?.height ?? 0)),
            "sampler_name": .string(first?.samplingMethod.displayName ?? ""),
            "cfg_scale": .number(Double(first?.guidanceScale ?? 0)),
            "steps": .integer(Int64(first?.inferenceStepCount ?? 0)),
            "batch_size": .integer(Int64(requests.count)), "restore_faces": .bool(false),
            "face_restoration_model": .null, "sd_model_name": .string(model.name),
            "sd_model_hash": .string(model.shortHash), "sd_vae_name": .null,
            "sd_vae_hash": text(model.shortVAEHash), "seed_resize_from_w": .integer(-1),
            "seed_resize_from_h": .integer(-1), "denoising_strength": .null,
            "extra_generation_params": .object([:]), "index_of_first_image": .integer(0),
            "infotexts": .array(finished.images.map { .string($0.infotext) }),
            "styles": .array([]), "job_timestamp": .string(timestamp(finished.batch.created)),
            "clip_skip": .integer(Int64(first?.clipSkip ?? 1)),
            "is_using_inpainting_conditioning": .bool(false), "version": .string(version),
            // A1111 knows no picture that fails alone.
            "warnings": .array(finished.failures.map(JSONValue.string)),
        ])
    }

    /// A time as A1111 writes it, in UTC: `20261201003000`.
    static func timestamp(_ seconds: Double) -> String {
        let text = Date(timeIntervalSince1970: seconds.rounded(.down)).ISO8601Format()
        return String(text.filter(\.isNumber).prefix(14))
    }

    /// The answer to `progress`: of one caller's requests that wait, never the machine's.
    package static func progress(_ awaited: [AwaitedBatch]) throws -> String {
        let count = awaited.reduce(0) { $0 + $1.imageCount }
        let settled = awaited.reduce(0) { $0 + $1.settledCount }
        let steps = awaited.flatMap(\.steps)
        let done = steps.reduce(Double(settled)) { sum, image in
            // The last bit is the picture itself.
            sum + min(0.99, Double(image.done) / Double(max(1, image.all)))
        }
        let current = steps.first
        return try JSONText.line(
            JSONValue.object([
                "progress": .number(count > 0 ? done / Double(count) : 0),
                "eta_relative": .number(awaited.compactMap(\.etaSeconds).max() ?? 0),
                "current_image": .null, "textinfo": .null,
                "state": .object([
                    "skipped": .bool(false), "interrupted": .bool(false),
                    "stopping_generation": .bool(false),
                    "job": .string(awaited.first?.id ?? ""),
                    "job_count": .integer(Int64(count)),
                    "job_timestamp": .string(awaited.first.map { timestamp($0.created) } ?? "0"),
                    "job_no": .integer(Int64(settled)),
                    "sampling_step": .integer(Int64(current?.done ?? 0)),
                    "sampling_steps": .integer(Int64(current?.all ?? 0)),
                ]),
            ]))
    }

    /// The answer to `png-info`.
    ///
    /// - Parameter texts: a picture's text chunks, in order.
    package static func pictureInfo(_ texts: [(keyword: String, text: String)]) throws -> String {
        let parameters = texts.first { $0.keyword == "parameters" }?.text ?? ""
        let parsed = GenerationParametersText(parsing: parameters)
        var fields: [String: JSONValue] = [:]
        for field in parsed.fields where fields[field.key] == nil {
            fields[field.key] = .string(field.value)
        }
        if !parameters.isEmpty {
            fields["Prompt"] = .string(parsed.prompt)
            fields["Negative prompt"] = .string(parsed.negativePrompt)
        }
        var items: [String: JSONValue] = [:]
        for (keyword, text) in texts where items[keyword] == nil { items[keyword] = .string(text) }
        return try JSONText.line(
            JSONValue.object([
                "info": .string(parameters), "items": .object(items), "parameters": .object(fields),
            ]))
    }

    /// The picture in a body of `png-info`, in base64, with or without what a URL has before it.
    ///
    /// - Throws: 422.
    package static func picture(inBody bytes: [UInt8]) throws(APIProblem) -> [UInt8] {
        let object = try JSONObject.reading(bytes)
        guard case .string(let text)? = object["image"] else {
            throw APIProblem(422, "invalid", "image is missing; send a PNG in base64")
        }
        let start = text.hasPrefix("data:") ? text.firstRange(of: ",")?.upperBound : nil
        guard let data = Data(base64Encoded: String(text[(start ?? text.startIndex)...])) else {
            throw APIProblem(422, "invalid", "image is no base64; send a PNG in base64")
        }
        return Array(data)
    }
}
