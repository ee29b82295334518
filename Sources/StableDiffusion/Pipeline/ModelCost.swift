// SPDX-License-Identifier: Apache-2.0

package import GenerationTypes
import TensorKit

/// What sampling and decoding amount to, in floating point operations: counted by dry runs of
/// networks without weights, so that it is known before a model is loaded.
package final class ModelCost {
    private let description: ModelDescription
    private let unet: UNet2DConditionModel
    private let autoencoder: any AutoencoderDecoding
    private let textShape: TensorShape
    private let lane: ComputeLane
    /// Long prompt files repeat a few sizes.
    private var perCall: [TensorShape: Int] = [:]
    private var perPicture: [TensorShape: Int] = [:]

    /// Reads the configurations.
    ///
    /// - Throws: `ConfigurationError`, and what a file of another kind throws.
    package init(of model: any ModelSource) throws {
        description = try ModelDescription(of: model)
        let unetConfiguration = try model.unetConfiguration()
        let text = try model.textEncoderConfiguration()
        let autoencoder = try model.autoencoderConfiguration()
        unet = try WeightLoader.withoutWeights(activationType: .float32) {
            try UNet2DConditionModel(unetConfiguration, loader: $0)
        }
        self.autoencoder = try WeightLoader.withoutWeights(activationType: .float32) {
            loader -> any AutoencoderDecoding in
            switch autoencoder {
            case .kl(let configuration):
                return try AutoencoderKL(configuration, loader: loader)
            case .tiny(let configuration):
                return try AutoencoderTiny(configuration, loader: loader)
            }
        }
        textShape = TensorShape(
            tokens: text.positionCountMax, channels: text.hiddenSize)
        lane = ComputeLane(
            kernels: KernelTable.of(.scalar), team: ThreadTeam(threadCount: 1))
    }

    /// All U-Net calls of an image; merged tokens count as if they were not.
    ///
    /// - Throws: `PreparationError`, `TensorStorageError`.
    package func samplingFLOPs(of request: GenerationRequest) throws -> Int {
        let shape = description.latentsShape(of: request)
        let call = try perCall[shape] ?? callFLOPs(shape)
        perCall[shape] = call
        return request.modelCallCount * description.halves(of: request) * call
    }

    /// Decoding of an image.
    ///
    /// - Throws: `PreparationError`.
    package func decodingFLOPs(of request: GenerationRequest) throws -> Int {
        let shape = description.latentsShape(of: request)
        if let known = perPicture[shape] { return known }
        let count = try counted {
            autoencoder.decode(
                tensor(shape), into: tensor(autoencoder.outputShape(for: shape)),
                plan: DecodingPlan(threadCount: 1), lane: lane, observer: nil)
        }
        perPicture[shape] = count
        return count
    }

    /// One half's call.
    private func callFLOPs(_ shape: TensorShape) throws -> Int {
        try counted {
            let channels = unet.configuration.timeConditionProjectionDimension
            let conditioning = try unet.prepare(
                text: tensor(textShape),
                guidance: channels.map { tensor(TensorShape(tokens: 1, channels: $0)) },
                lane: lane)
            // What is done once per prompt is no part of a call.
            lane.work = WorkCount()
            unet.forward(
                tensor(shape), timestep: 0, conditioning: conditioning,
                into: tensor(shape), lane: lane)
        }
    }

    private func counted(_ body: () throws -> Void) throws -> Int {
        lane.work = WorkCount()
        try lane.measure(body)
        return lane.work.totalFLOPs
    }

    private func tensor(_ shape: TensorShape) -> Tensor {
        Tensor(storage: .unbacked, shape: shape, elementType: .float32)
    }
}
