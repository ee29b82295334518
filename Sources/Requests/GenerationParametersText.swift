// SPDX-License-Identifier: Apache-2.0

package import GenerationTypes

/// The text under the keyword `parameters` in a picture, as A1111 writes and reads it.
///
///     a red house in the snow
///     Negative prompt: blur
///     Steps: 20, Sampler: DPM++ 2M, Schedule type: Karras, CFG scale: 7, Seed: 42, …
///
/// Readers find the last line by its `Key: value` pairs. A prompt whose own last line looks like
/// that, or which has a line that begins with `Negative prompt:`, is not read back as it was: the
/// `retom` text beside it (`ImageMetadata`) is lossless.
package struct GenerationParametersText: Sendable, Equatable {
    /// One `Key: value` pair.
    package struct Field: Sendable, Equatable {
        /// A1111's name for it.
        package var key: String
        /// The value, not quoted.
        package var value: String

        /// Makes a pair.
        package init(_ key: String, _ value: String) {
            self.key = key
            self.value = value
        }
    }

    /// What the picture shows; may have several lines.
    package var prompt: String
    /// What it does not; empty for none.
    package var negativePrompt: String
    /// The last line's pairs, in order.
    package var fields: [Field]

    /// The first value of a key.
    package subscript(key: String) -> String? { fields.first { $0.key == key }?.value }

    /// Describes one image.
    ///
    /// - Parameters:
    ///   - request: The image's request.
    ///   - model: The model that generated it.
    ///   - version: This program's version, e.g. `retom 0.1.0`.
    ///   - mergeMethod: A merge method's name for people, by its name in requests.
    ///   - extra: More pairs, e.g. `Token merging ratio`; they take A1111's places, unknown ones
    ///     come before `Version`.
    package init(
        request: GenerationRequest, model: ModelRecord, version: String,
        mergeMethod: (String) -> String, extra: [Field] = []
    ) {
        prompt = request.prompt
        negativePrompt = request.negativePrompt
        var fields = [
            Field("Seed", String(request.seed)),
            Field("Model hash", model.shortHash),
            Field("Model", model.name),
            // Without it readers assume noise from a GPU, and cannot make the picture again.
            Field("RNG", "CPU"),
            Field("Version", version),
        ]
        if let hash = model.shortVAEHash { fields.append(Field("VAE hash", hash)) }
        if let decoder = model.decoder { fields.append(Field("VAE Decoder", decoder)) }
        if let hashes = model.loraHashes { fields.append(Field("Lora hashes", hashes)) }
        if let hashes = model.embeddingHashes(for: request) {
            fields.append(Field("TI hashes", hashes))
        }
        fields += RequestSetting.all.flatMap { $0.fields(request) }
        if request.tokenMerging.isOn {
            fields.append(Field("Token merging method", mergeMethod(request.tokenMerging.method)))
        }
        self.fields = GenerationParametersText.ordered(fields + extra)
    }

    /// The text: prompt, negative prompt if there is one, and the pairs on one line.
    package var text: String {
        var lines = prompt.isEmpty ? [] : [prompt]
        if !negativePrompt.isEmpty { lines.append("Negative prompt: \(negativePrompt)") }
        lines.append(
            fields.map { "\($0.key): \(GenerationParametersText.quoted($0.value))" }
                .joined(separator: ", "))
        return lines.joined(separator: "\n")
    }

    /// A1111's order, as its `create_infotext` has it.
    private static let order = [
        "Steps", "Sampler", "Schedule type", "CFG scale", "Seed", "Size", "Model hash", "Model",
        "VAE hash", "VAE", "Variation seed", "Variation seed strength", "Denoising strength",
        "Clip skip", "ENSD", "Token merging ratio", "Token merging ratio hr", "Init image hash",
        "RNG", "NGMS", "Tiling",
    ]

    private static func ordered(_ fields: [Field]) -> [Field] {
        func place(_ field: Field) -> Int {
            if field.key == "Version" { return order.count + 1 }
            return order.firstIndex(of: field.key) ?? order.count
        }
        return fields.enumerated().sorted { first, second in
            (place(first.element), first.offset) < (place(second.element), second.offset)
        }.map(\.element)
    }

    /// A value in JSON's quotes when it contains what separates pairs.
    private static func quoted(_ value: String) -> String {
        guard value.contains(where: { $0 == "," || $0 == ":" || $0.isNewline }) else {
            return value
        }
        return JSONText.quoted(value)
    }
}
