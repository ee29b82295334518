// SPDX-License-Identifier: Apache-2.0

package import TensorKit
package import TokenMerging

/// diffusers' `UNet2DConditionModel`: predicts the noise (or velocity) in latents.
///
/// Immutable and shared: lanes may run it concurrently.
package final class UNet2DConditionModel: Sendable {
    /// What it was built from.
    package let configuration: UNetConfiguration
    private let timeEmbedding: TimestepEmbedding
    private let stages: [UNetStage]
    private let midBlock: UNetMidBlock?
    private let crossAttentions: [CrossAttention]
    private let blocks: [TransformerShape]
    private let normOut: GroupNorm
    private let convolutionOut: any PackedConvolution
    private let activationType: ElementType

    /// Builds all layers; the configuration has been validated.
    package init(_ configuration: UNetConfiguration, loader: WeightLoader) throws {
        self.configuration = configuration
        activationType = loader.activationType
        let builder = try UNetBuilder(configuration, loader: loader.allowingInt8(true))
        timeEmbedding = try TimestepEmbedding(
            configuration, loader: loader.scoped("time_embedding"))
        stages = try builder.stages()
        midBlock = try builder.midBlock()
        crossAttentions = builder.crossAttentions
        blocks = builder.blocks
        let channels = configuration.blockOutputChannels[0]
        normOut = try GroupNorm(
            "conv_norm_out", channels: channels, groupCount: configuration.groupCount,
            epsilon: configuration.normEpsilon, loader: loader)
        // As sensitive as the first convolution and the time embedding: no int8.
        convolutionOut = try loader.convolution(
            "conv_out",
            ConvolutionGeometry(
                inputChannels: channels, outputChannels: configuration.outputChannels,
                kernelSize: configuration.outputKernelSize))
    }

    /// Loads the U-Net of a model.
    ///
    /// - Parameter team: the threads that read and pack the weights.
    /// - Throws: `ConfigurationError`, `SafeTensorsError`, `CheckpointMismatchError`.
    package static func load(
        from model: any ModelSource, backend: any ComputeBackend,
        team: ThreadTeam = ThreadTeam(threadCount: 1)
    ) throws -> UNet2DConditionModel {
        let configuration = try model.unetConfiguration()
        return try WeightLoader.build(
            from: try model.weights(of: .unet), backend: backend, team: team
        ) { loader in
            try UNet2DConditionModel(configuration, loader: loader)
        }
    }

    /// Channels of the text that the cross-attention layers attend to.
    package var textChannels: Int? {
        (try? configuration.levels())?.last?.crossAttentionDimension
    }

    /// The sites at which tokens can be merged, for latents of this size: its transformer blocks.
    ///
    /// - Parameter sample: `[batch, height, width, channels]`.
    package func mergeSites(for sample: TensorShape) -> [TokenMergeSite] {
        blocks.mergeSites(for: sample)
    }

    /// Prepares everything that depends on neither sample nor timestep, once for all steps.
    ///
    /// In a dry run the result has shapes but no memory.
    /// - Parameters:
    ///   - text: `[batch, tokens, textChannels]`, f32.
    ///   - guidance: for distilled models (LCM) the guidance embedding, `[1, 1, 1,
    ///     timeConditionProjectionDimension]`, f32.
    /// - Throws: `TensorStorageError`.
    package func prepare(
        text: Tensor, guidance: Tensor? = nil, lane: ComputeLane
    ) throws(TensorStorageError) -> UNetConditioning {
        UNetConditioning(
            text: try PreparedText(
                text, layers: crossAttentions, activationType: activationType, lane: lane),
            guidance: guidance)
    }

    /// Runs the network.
    ///
    /// - Parameters:
    ///   - sample: latents `[batch, height, width, inputChannels]`, f32, scaled by the scheduler.
    ///   - timestep: 0…999, not necessarily whole.
    ///   - conditioning: prepared for the same batch.
    ///   - merging: what merges tokens in this call; `nil` keeps them all.
    ///   - output: `[batch, height, width, outputChannels]`, f32.
    ///   - observer: receives each stage's result by name; for tests.
    package func forward(
        _ sample: Tensor, timestep: Float, conditioning: UNetConditioning,
        merging: TokenMergePass? = nil, into output: Tensor, lane: ComputeLane,
        observer: ActivationObserver? = nil
    ) {
        precondition(
            sample.shape.batch == conditioning.batch,
            "\(sample.shape.batch) samples, \(conditioning.batch) texts")
        let workspace = lane.workspace
        workspace.scope {
            let time = workspace.tensor(
                TensorShape(tokens: 1, channels: timeEmbedding.channels), activationType)
            timeEmbedding.forward(
                timestep: timestep, condition: conditioning.guidance, into: time, lane: lane)
            let pass = UNetPass(
                timeEmbedding: time, text: conditioning.text, merging: merging, lane: lane,
                observer: observer)
            let channels = configuration.blockOutputChannels[0]
            let hidden = workspace.tensor(sample.shape.with(channels: channels), .float32)
            run(stage: 0, sample, into: hidden, pass: pass)
            let normed = workspace.tensor(hidden.shape, activationType)
            normOut.forward(
                hidden, activation: configuration.activation, into: normed, lane: lane)
            lane.convolution(convolutionOut, normed, into: output)
        }
    }

    /// Runs a stage and, between its two sides, everything below it.
    private func run(stage index: Int, _ input: Tensor, into output: Tensor, pass: UNetPass) {
        let stage = stages[index]
        let workspace = pass.lane.workspace
        workspace.scope {
            let joined = workspace.tensor(stage.joinedShape(for: input.shape), .float32)
            let skip = stage.skip(joined)
            let arriving = stage.arriving(joined)
            stage.encode(input, into: skip, pass: pass)
            if index + 1 < stages.count {
                run(stage: index + 1, skip, into: arriving, pass: pass)
            } else if let midBlock {
                midBlock.forward(skip, into: arriving, pass: pass)
                pass.observer?("mid_block", arriving)
            } else {
                pass.lane.copy(skip, into: arriving)
            }
            stage.decode(joined, into: output, pass: pass)
        }
    }
}

/// Receives the result of a part of a network under diffusers' name for it.
package typealias ActivationObserver = (_ name: String, _ result: Tensor) -> Void

/// The inputs of every layer in one pass through a U-Net.
struct UNetPass {
    /// After the activation, `[1, 1, 1, channels]`, the activation type.
    var timeEmbedding: Tensor
    var text: PreparedText
    var merging: TokenMergePass?
    var lane: ComputeLane
    var observer: ActivationObserver?
}
