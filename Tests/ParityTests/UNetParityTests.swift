// SPDX-License-Identifier: Apache-2.0

import StableDiffusion
import TensorKit
import TestSupport
import Testing

/// U-Net calls against diffusers in f32 on the same weights.
@Suite struct UNetParityTests {
    /// Relative L2 of the output in f32; the difference is the order of sums.
    static let bound = 1e-4
    /// Relative L2 of one call in bf16: inputs of products have 8 significant bits.
    static let bfloat16Bound = 0.03

    static let models = ["tiny", "tiny2", "mixed", "plain", "postcards"]

    @Test(arguments: models, Machine.float32)
    func float32(_ model: String, _ machine: Machine) throws {
        try check(model, machine, bound: Self.bound)
    }

    @Test(arguments: models, Machine.bfloat16)
    func bfloat16(_ model: String, _ machine: Machine) throws {
        try check(model, machine, bound: Self.bfloat16Bound)
    }

    /// Two halves of a batch in separate lanes give the same result as one batch.
    @Test func batchEqualsLanes() throws {
        let machine = Machine.standard
        let goldens = try Goldens("tiny")
        let unet = try UNet2DConditionModel.load(
            from: try directory("tiny"), backend: try machine.makeBackend())
        let call = try UNetCall(goldens, "odd", unet: unet)
        let whole = try call.run(unet, lane: try machine.makeLane())
        for item in 0..<2 {
            let half = try call.item(item).run(unet, lane: try machine.makeLane())
            let expected = Array(whole[item * half.count..<(item + 1) * half.count])
            #expect(relativeL2(half, expected) < 1e-6)
        }
    }

    /// A lane that has run one shape runs another after measuring again.
    @Test func shapesMayChange() throws {
        let machine = Machine.standard
        let goldens = try Goldens("tiny2")
        let unet = try UNet2DConditionModel.load(
            from: try directory("tiny2"), backend: try machine.makeBackend())
        let lane = try machine.makeLane()
        for name in ["t981", "odd", "t1"] {
            let call = try UNetCall(goldens, name, unet: unet)
            #expect(relativeL2(try call.run(unet, lane: lane), call.expected) < Self.bound)
        }
    }

    /// Dry runs count the work: twice the batch is twice the work.
    @Test func workIsCounted() throws {
        let machine = Machine.standard
        let unet = try UNet2DConditionModel.load(
            from: try directory("tiny"), backend: try machine.makeBackend())
        let call = try UNetCall(Goldens("tiny"), "odd", unet: unet)
        let lane = try machine.makeLane()
        _ = try call.item(0).run(unet, lane: lane)
        let single = lane.work
        _ = try call.run(unet, lane: lane)
        #expect(single.attentionFLOPs > 0 && single.convolutionFLOPs > 0)
        #expect(lane.work.convolutionFLOPs == 3 * single.convolutionFLOPs)
        #expect(lane.work.attentionFLOPs == 3 * single.attentionFLOPs)
    }

    private func directory(_ name: String) throws -> ModelDirectory {
        try ModelDirectory(path: try modelPath(name))
    }

    private func check(_ model: String, _ machine: Machine, bound: Double) throws {
        let goldens = try Goldens(model)
        let unet = try UNet2DConditionModel.load(
            from: try directory(model), backend: try machine.makeBackend())
        let lane = try machine.makeLane()
        for name in ["t981", "t1", "odd"] {
            let call = try UNetCall(goldens, name, unet: unet)
            let layers = LayerComparison(
                try goldens.layers("unet.\(name).layer."), bound: bound)
            let output = try call.run(unet, lane: lane, observer: layers.check)
            let error = relativeL2(output, call.expected)
            #expect(
                error <= bound, "\(name): \(layers.firstDifference ?? "the last layer differs")")
            #expect(layers.unseen == [])
        }
    }
}

/// One call as in the goldens.
struct UNetCall {
    private var sample: Tensor
    private var text: Tensor
    private let guidance: Tensor?
    private let timestep: Float
    private let outputChannels: Int
    let expected: [Float]

    init(_ goldens: Goldens, _ name: String, unet: UNet2DConditionModel) throws {
        let (values, shape) = try goldens.channelsLast("unet.\(name).sample")
        sample = try .make(
            TensorShape(batch: shape[0], height: shape[1], width: shape[2], channels: shape[3]),
            values)
        let textValues = try goldens.floats("unet.\(name).text")
        text = try .make(
            TensorShape(
                batch: shape[0], tokens: 77, channels: textValues.count / shape[0] / 77), textValues
        )
        guidance =
            goldens.contains("unet.\(name).guidance")
            ? try {
                let dimension = try #require(unet.configuration.timeConditionProjectionDimension)
                let values = guidanceScaleEmbedding(6.5, dimension: dimension)
                let expected = try goldens.floats("unet.\(name).guidance")
                #expect(relativeL2(values, expected) < 1e-5)
                return try Tensor.make(TensorShape(tokens: 1, channels: dimension), values)
            }() : nil
        timestep = try goldens.floats("unet.\(name).timestep")[0]
        expected = try goldens.channelsLast("unet.\(name).output").values
        outputChannels = unet.configuration.outputChannels
    }

    /// The same call with one item of the batch.
    func item(_ index: Int) -> UNetCall {
        var call = self
        call.sample = sample.batch(index..<index + 1)
        call.text = text.batch(index..<index + 1)
        return call
    }

    func run(
        _ unet: UNet2DConditionModel, lane: ComputeLane, observer: ActivationObserver? = nil
    ) throws -> [Float] {
        let output = try Tensor.make(sample.shape.with(channels: outputChannels))
        try lane.run { lane in
            let conditioning = try unet.prepare(text: text, guidance: guidance, lane: lane)
            unet.forward(
                sample, timestep: timestep, conditioning: conditioning, into: output, lane: lane,
                observer: observer)
        }
        return output.values
    }
}
