// SPDX-License-Identifier: Apache-2.0

package import GenerationTypes
package import Requests

/// What A1111's clients ask for before they draw: what there is to choose from.
package struct SDAPILists: Sendable {
    private let model: ModelRecord
    private let defaults: GenerationRequest

    /// Describes a service.
    ///
    /// - Parameter defaults: what a request gets that leaves everything open.
    package init(model: ModelRecord, defaults: GenerationRequest) {
        self.model = model
        self.defaults = defaults
    }

    /// What never changes, by the last part of its path.
    package static let constants = [
        "scripts": #"{"txt2img":[],"img2img":[]}"#,
        "memory": #"{"ram":{},"cuda":{"error":"images are drawn by CPUs"}}"#,
        "cmd-flags": "{}", "sd-vae": "[]", "upscalers": "[]", "latent-upscale-modes": "[]",
        "hypernetworks": "[]", "prompt-styles": "[]", "script-info": "[]",
        "face-restorers": "[]", "realesrgan-models": "[]",
    ]

    /// Answers `GET options`.
    package func options() throws -> String {
        try JSONText.line(
            JSONValue.object([
                "sd_model_checkpoint": .string(model.title),
                "sd_checkpoint_hash": .string(model.unetSHA256), "sd_vae": .string("Automatic"),
                "CLIP_stop_at_last_layers": .integer(Int64(defaults.clipSkip ?? 1)),
                "token_merging_ratio": .number(
                    defaults.tokenMerging.isOn ? defaults.tokenMerging.ratio : 0),
                "randn_source": .string("CPU"), "samples_format": .string("png"),
            ]))
    }

    /// `POST options`: the model may be chosen, as often as there is one.
    ///
    /// - Returns: what is ignored.
    /// - Throws: 404 for another model; 422.
    package func setOptions(_ bytes: [UInt8]) throws(APIProblem) -> IgnoredFields {
        var object = try JSONObject.reading(bytes)
        if let value = object.removeValue(forKey: "sd_model_checkpoint"), value != .null {
            guard case .string(let name) = value else {
                throw APIProblem(422, "invalid", "sd_model_checkpoint must be text")
            }
            if !name.isEmpty { try model.requireName(name) }
        }
        // Clients send back all that they got.
        let known = try? JSONObject.read(Array(options().utf8))
        return IgnoredFields(
            object.filter { key, value in !value.isNeutral && known?[key] != value }.keys.sorted())
    }

    /// Answers `GET sd-models`.
    package func models() throws -> String {
        try JSONText.line(
            JSONValue.array([
                .object([
                    "title": .string(model.title), "model_name": .string(model.name),
                    "hash": .string(model.shortHash), "sha256": .string(model.unetSHA256),
                    "filename": .string(model.name), "config": .null,
                ])
            ]))
    }

    /// Answers `GET samplers`.
    package func samplers() throws -> String {
        try JSONText.line(
            JSONValue.array(
                SamplingMethod.allCases.map { method in
                    .object([
                        "name": .string(method.displayName),
                        "aliases": .array(
                            ([method.rawValue] + method.traits.aliases).map(JSONValue.string)),
                        "options": .object([:]),
                    ])
                }))
    }

    /// Answers `GET schedulers`.
    package func schedulers() throws -> String {
        try JSONText.line(
            JSONValue.array(
                SigmaSchedule.allCases.map { schedule in
                    let isDefault = schedule == .modelDefault
                    return .object([
                        "name": .string(isDefault ? "automatic" : schedule.rawValue),
                        "label": .string(
                            isDefault ? "Automatic" : schedule.displayName ?? schedule.rawValue),
                        "aliases": .array(schedule.traits.aliases.map(JSONValue.string)),
                        "default_rho": .number(schedule == .karras ? 7 : -1),
                        "need_inner_model": .bool(false),
                    ])
                }))
    }

    /// Answers `GET loras`.
    package func loras() throws -> String {
        try JSONText.line(
            JSONValue.array(
                (model.loras ?? []).map {
                    .object([
                        "name": .string($0.name), "alias": .string($0.name),
                        "path": .string($0.name), "metadata": .object([:]),
                    ])
                }))
    }

    /// Answers `GET embeddings`.
    package func embeddings() throws -> String {
        var loaded: [String: JSONValue] = [:]
        for embedding in model.embeddings ?? [] {
            loaded[embedding.name] = .object([
                "step": .null, "sd_checkpoint": .null, "sd_checkpoint_name": .null,
            ])
        }
        return try JSONText.line(
            JSONValue.object(["loaded": .object(loaded), "skipped": .object([:])]))
    }
}
