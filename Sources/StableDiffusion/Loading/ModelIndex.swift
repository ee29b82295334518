// SPDX-License-Identifier: Apache-2.0

/// What `model_index.json` says: which of diffusers' pipelines a model is made for, and of what
/// parts.
package struct ModelIndex: Sendable, Equatable {
    /// How pictures are drawn from the same parts.
    package enum Pipeline: Sendable, Equatable {
        /// With classifier-free guidance, by any sampler.
        case stableDiffusion
        /// `LatentConsistencyModelPipeline`: few steps, the guidance scale is an input of the U-Net.
        case latentConsistency
    }

    /// The pipeline.
    package let pipeline: Pipeline
    /// The pipeline's name in the file.
    package let pipelineName: String
    /// Parts that decide nothing here, by their names in the file, sorted.
    package let leftOut: [String]
    private let parts: [String: Part]

    /// A part's library and class.
    private struct Part: Sendable, Equatable {
        var library: String
        var className: String
    }

    /// Pipelines that draw from text what these parts draw, the plain one first.
    private static let pipelines: [(name: String, pipeline: Pipeline)] = [
        ("StableDiffusionPipeline", .stableDiffusion),
        // The same parts; without a picture to begin with they are the plain one.
        ("StableDiffusionImg2ImgPipeline", .stableDiffusion),
        ("StableDiffusionInpaintPipeline", .stableDiffusion),
        ("StableDiffusionInpaintPipelineLegacy", .stableDiffusion),
        ("LatentConsistencyModelPipeline", .latentConsistency),
        ("LatentConsistencyModelImg2ImgPipeline", .latentConsistency),
    ]

    /// Classes of the parts that are read here; others would compute something else.
    private static let classes: [String: [String]] = [
        "unet": ["UNet2DConditionModel"],
        "vae": ["AutoencoderKL", AutoencoderTinyConfiguration.className],
        "text_encoder": ["CLIPTextModel"],
        "tokenizer": ["CLIPTokenizer", "CLIPTokenizerFast"],
    ]

    /// Parts that are read, or that only serve one that is left out.
    private static let unmentioned = ["scheduler", "feature_extractor"]

    /// The index of a model that has no file of it.
    ///
    /// - Parameter leftOut: parts that decide nothing here, sorted.
    init(_ pipeline: Pipeline, leftOut: [String]) {
        self.pipeline = pipeline
        pipelineName = Self.pipelines.first { $0.pipeline == pipeline }?.name ?? ""
        self.leftOut = leftOut
        parts = [:]
    }

    /// What to tell the person who draws; `nil` where nothing is left out.
    package var leftOutWarning: String? {
        guard !leftOut.isEmpty else { return nil }
        let names = leftOut.map { name in
            name == "safety_checker" ? "\(name) (nobody looks at what pictures show)" : name
        }
        return "left out of the model: \(names.joined(separator: ", "))"
    }
}

extension ModelIndex: ComponentConfiguration {
    private struct Key: CodingKey {
        var stringValue: String
        var intValue: Int? { nil }
        init(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }

    package init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: Key.self)
        var parts: [String: Part] = [:]
        for key in values.allKeys where !key.stringValue.hasPrefix("_") {
            // Options such as `requires_safety_checker` are no pairs; absent parts are two nulls.
            guard let pair = try? values.decode([String?].self, forKey: key), pair.count == 2,
                let library = pair[0], let className = pair[1]
            else { continue }
            parts[key.stringValue] = Part(library: library, className: className)
        }
        self.parts = parts
        leftOut = parts.keys.filter {
            Self.classes[$0] == nil && !Self.unmentioned.contains($0)
        }.sorted()
        let key = Key(stringValue: "_class_name")
        // Pipelines of their own code are a pair: the file and the class.
        let name =
            try (try? values.decode([String].self, forKey: key))?.last
            ?? values.decodeIfPresent(String.self, forKey: key)
        pipelineName = name ?? Self.pipelines[0].name
        pipeline =
            Self.pipelines.first { [pipelineName] in $0.name == pipelineName }?.pipeline
            ?? .stableDiffusion
    }

    package func validate() throws(ConfigurationProblem) {
        guard Self.pipelines.contains(where: { $0.name == pipelineName }) else {
            throw .unsupportedPipeline(
                name: pipelineName, supported: Self.pipelines.map(\.name))
        }
        for (name, part) in parts.sorted(by: { $0.key < $1.key }) {
            guard let classes = Self.classes[name] else { continue }
            let library = ["unet", "vae"].contains(name) ? "diffusers" : "transformers"
            guard classes.contains(part.className), part.library == library else {
                throw .unsupported(
                    key: name, value: "\"\(part.className)\" of \(part.library)",
                    supported: classes.map { "\"\($0)\" of \(library)" })
            }
        }
    }
}
