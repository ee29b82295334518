// SPDX-License-Identifier: Apache-2.0

/// Where a model comes from: what it says of its parts, and their weights.
///
/// Configurations can be read without touching weights; nothing is remembered but what the files
/// were.
package protocol ModelSource: Sendable {
    /// The directory or file.
    var path: String { get }
    /// What its files were when this process first read them.
    var files: ModelFileLedger { get }
    /// Where the index of parts is, for errors.
    var indexPath: String { get }

    /// Which pipeline the model is made for; `nil` where nothing says.
    func index() throws -> ModelIndex?
    /// The U-Net's shape.
    func unetConfiguration() throws -> UNetConfiguration
    /// The text encoder's shape.
    func textEncoderConfiguration() throws -> TextEncoderConfiguration
    /// The VAE's shape.
    func vaeConfiguration() throws -> VAEConfiguration
    /// The shape of what decodes: the VAE, or an `AutoencoderTiny` in its place.
    func autoencoderConfiguration() throws -> AutoencoderConfiguration
    /// The sampling defaults beside it; `nil` where nobody wrote any.
    func defaults() throws -> ModelDefaults?
    /// How the model was trained, as diffusers' `StableDiffusionPipeline` reads it.
    func schedulerConfiguration() throws -> SchedulerConfiguration
    /// What turns prompts into tokens.
    func tokenizer() throws -> CLIPTokenizer
    /// Where a part's shape is described, for errors.
    func configurationPath(of component: ModelComponent) throws -> String
    /// A part's weights; no values are read.
    func weights(of component: ModelComponent) throws -> ComponentWeights
    /// What decides how a part computes, in the order in which it is hashed.
    func digestParts(of component: ModelComponent) throws -> [DigestPart]

    /// The model without what is added to it: what pictures name as their model.
    var checkpoint: any ModelSource { get }
    /// LoRAs in its weights.
    var loras: [LoRASelection] { get }
    /// Textual inversions that prompts may name.
    var embeddings: [EmbeddingSelection] { get }
}

extension ModelSource {
    package func autoencoderConfiguration() throws -> AutoencoderConfiguration {
        .kl(try vaeConfiguration())
    }

    package var checkpoint: any ModelSource { self }
    package var loras: [LoRASelection] { [] }
    package var embeddings: [EmbeddingSelection] { [] }
}

/// One thing that a part's digest covers.
package enum DigestPart: Sendable, Hashable {
    /// A file; one that is not there counts as empty.
    case file(String)
    /// A text that stands in no file.
    case text(String)
}
