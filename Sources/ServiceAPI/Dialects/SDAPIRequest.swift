// SPDX-License-Identifier: Apache-2.0

import GenerationTypes
package import Requests

/// A body of A1111's `txt2img`.
///
/// A field acts; or it can't change such a picture here and is ignored; or it would and is refused.
package struct SDAPIRequest: Sendable {
    /// Images of one request, at most.
    package static let imageCountMax = 64

    /// What it asks for.
    package private(set) var batch: BatchBody
    /// What it asked for in vain.
    package private(set) var ignored: IgnoredFields
    /// The body as it came, without secrets.
    package private(set) var parameters: JSONValue
    /// Whether the answer has the pictures.
    package private(set) var sendsImages = true

    /// Settings that would change a picture and do nothing here, with the values that they may have.
    private static let refusedOverrides: [String: Set<String>] = [
        "sd_vae": ["automatic", "none", "auto"], "randn_source": ["cpu"],
        "eta_noise_seed_delta": [], "sd_hypernetwork": ["none"], "s_churn": [], "s_tmin": [],
        "uni_pc_order": ["3"], "tiling": [], "token_merging_ratio_hr": [],
    ]
    /// A1111's names for "as the model has it".
    private static let defaultSchedules: Set<String> = [
        "automatic", "normal", "uniform", "discrete", "default", "",
    ]
    /// Fields of a client for its own server, the second a password.
    private static let secrets = ["url", "auth"]

    /// Reads a body.
    ///
    /// - Throws: 422; 404 for another model, or a sampler that there isn't.
    package init(_ bytes: [UInt8], model: ModelRecord) throws(APIProblem) {
        var object = try JSONObject.reading(bytes)
        for key in Self.secrets { object[key] = nil }
        parameters = .object(object)
        sendsImages = object["send_images"] != .bool(false)
        var fields = PromptFields(origin: "txt2img", dialect: .client)
        var names: [String] = []
        if object["prompt"] == nil || object["prompt"] == .null { object["prompt"] = .string("") }
        if case .object(let overrides)? = object["override_settings"] {
            object["override_settings"] = nil
            names += try Self.apply(overrides, to: &object, &fields, model: model)
        }
        try Self.resolveSampler(&object)
        // Scripts and extensions without arguments do nothing.
        if case .object(let scripts)? = object["alwayson_scripts"],
            scripts.values.allSatisfy(\.asksForNothing)
        {
            object["alwayson_scripts"] = nil
        }
        // A1111 has three schedulers that read it; the others have their own use for the number.
        let sampler = object["sampler_name"]?.scalarText.flatMap(SamplerName.init)
        if let sampler, sampler.samplingMethod.traits.eta == nil,
            let eta = object.removeValue(forKey: "eta"),
            Self.asksForMore(eta, than: sampler.samplingMethod)
        {
            names.append("eta")
        }
        fields.set(object)
        ignored = IgnoredFields(names + fields.ignored)
        var problems = fields.problems
        if fields.entry.imageCount ?? 1 > Self.imageCountMax {
            problems.append(
                PromptProblem(
                    origin: "txt2img",
                    message: """
                        batch_size × n_iter is more than \(Self.imageCountMax); ask several times, \
                        or use /retom/v1/batches
                        """))
        }
        guard problems.isEmpty else { throw APIProblem(.problems(problems)) }
        batch = BatchBody(fields.entry)
        batch.priority = "interactive"
    }

    /// Whether an `eta` that a sampler does not read here asks for something.
    ///
    /// A1111's ancestral samplers read it. 1 is their default and what they do here; clients send
    /// it with every sampler.
    private static func asksForMore(_ eta: JSONValue, than method: SamplingMethod) -> Bool {
        if eta == .null || eta.scalarText.flatMap(Double.init) == 1 { return false }
        return !eta.isNeutral || method == .eulerAncestral
    }

    /// Settings of one request only: those that decide something become fields.
    ///
    /// - Returns: those that are ignored.
    private static func apply(
        _ overrides: [String: JSONValue], to object: inout [String: JSONValue],
        _ fields: inout PromptFields, model: ModelRecord
    ) throws(APIProblem) -> [String] {
        var ignored: [String] = []
        for (key, value) in overrides.sorted(by: { $0.key < $1.key }) {
            switch key {
            case "sd_model_checkpoint":
                if let name = value.scalarText, !name.isEmpty { try model.requireName(name) }
            case "CLIP_stop_at_last_layers", "token_merging_ratio", "token_merging":
                object[key] = object[key] ?? value
            case _ where refusedOverrides[key] != nil:
                let isFine = value.scalarText.map {
                    refusedOverrides[key, default: []].contains($0.lowercased())
                }
                if !value.isNeutral, isFine != true {
                    fields.report("override_settings.\(key) is not supported; leave it out")
                }
            default: if !value.isNeutral { ignored.append("override_settings.\(key)") }
            }
        }
        return ignored
    }

    /// One name for the sampler, and a schedule that is known.
    private static func resolveSampler(_ object: inout [String: JSONValue]) throws(APIProblem) {
        let names = ["sampler_name", "sampler_index"].compactMap { key -> String? in
            guard case .string(let name)? = object[key], !name.isEmpty else { return nil }
            return name
        }
        for key in ["sampler_name", "sampler_index"] where object[key]?.isText == true {
            object[key] = nil
        }
        if let name = names.first {
            // Clients know this sentence and choose another sampler.
            guard SamplerName(name) != nil else {
                throw APIProblem(
                    404, "sampler_not_found", "Sampler not found", param: "sampler_name")
            }
            object["sampler_name"] = .string(name)
        }
        guard case .string(let schedule)? = object["scheduler"],
            defaultSchedules.contains(schedule.lowercased())
        else { return }
        // A sampler's old name may hold one.
        let isNamed = names.first.flatMap(SamplerName.init)?.sigmaSchedule != nil
        object["scheduler"] = isNamed ? nil : .string("default")
    }
}

extension JSONValue {
    fileprivate var isText: Bool { if case .string = self { true } else { false } }

    /// Whether a script has no argument that asks for something.
    fileprivate var asksForNothing: Bool {
        switch self {
        case .array(let values): values.allSatisfy(\.asksForNothing)
        case .object(let values): values.values.allSatisfy(\.asksForNothing)
        default: isNeutral
        }
    }
}

extension JSONObject {
    /// Reads a client's object.
    ///
    /// - Throws: `unreadable`.
    static func reading(_ bytes: [UInt8]) throws(APIProblem) -> [String: JSONValue] {
        do {
            return try read(bytes)
        } catch {
            throw APIProblem(error)
        }
    }
}

extension ModelRecord {
    /// What A1111's clients call the model: `postcards [0123456789]`.
    package var title: String { "\(name) [\(shortHash)]" }

    /// Refuses another model's name.
    ///
    /// - Throws: 404.
    package func requireName(_ text: String) throws(APIProblem) {
        let names = [name, title, shortHash, unetSHA256].map { $0.lowercased() }
        guard names.contains(text.lowercased()) else {
            throw APIProblem(
                404, "model_not_found",
                "there is no model \(text.prefix(100)); this service has \(name)", param: "model")
        }
    }
}
