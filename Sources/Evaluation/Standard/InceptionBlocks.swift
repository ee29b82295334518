// SPDX-License-Identifier: Apache-2.0

import StableDiffusion
import TensorKit

/// A part of Inception v3 whose branches see the same map; their results stand side by side.
///
/// Matches `InceptionA` … `InceptionE` of torchvision with the pooling of pytorch-fid's `FID…`
/// classes, which is that of the TensorFlow graph of 2015.
struct InceptionBlock: Sendable {
    /// What a branch does, one step after the other.
    enum Step: Sendable {
        case convolution(PatchConvolution)
        case pool(Pooling, stride: Int, padding: Int)
        /// Both see the same map; the end of a branch.
        case fork(PatchConvolution, PatchConvolution)
    }

    private let branches: [[Step]]

    init(_ branches: [[Step]]) { self.branches = branches }

    func outputShape(for input: TensorShape) -> TensorShape {
        let shapes = branches.map { Self.shape(of: $0, for: input) }
        return shapes[0].with(channels: shapes.reduce(0) { $0 + $1.channels })
    }

    func forward(_ input: Tensor, into output: Tensor, lane: ComputeLane) {
        var first = 0
        for branch in branches {
            let width = Self.shape(of: branch, for: input.shape).channels
            run(branch, input, into: output.channels(first..<first + width), lane: lane)
            first += width
        }
    }

    private func run(_ branch: [Step], _ input: Tensor, into output: Tensor, lane: ComputeLane) {
        lane.workspace.scope {
            var hidden = input
            for (index, step) in branch.enumerated() {
                let isLast = index == branch.count - 1
                let result =
                    isLast
                    ? output
                    : lane.workspace.tensor(Self.shape(of: [step], for: hidden.shape), .float32)
                switch step {
                case .convolution(let convolution):
                    convolution.forward(hidden, into: result, lane: lane)
                case .pool(let pooling, let stride, let padding):
                    pooling.apply(
                        hidden, stride: stride, padding: padding, into: result, lane: lane)
                case .fork(let one, let other):
                    let middle = one.outputChannels
                    one.forward(hidden, into: result.channels(0..<middle), lane: lane)
                    other.forward(
                        hidden,
                        into: result.channels(middle..<middle + other.outputChannels), lane: lane)
                }
                hidden = result
            }
        }
    }

    private static func shape(of steps: [Step], for input: TensorShape) -> TensorShape {
        steps.reduce(input) { shape, step in
            switch step {
            case .convolution(let convolution): convolution.outputShape(for: shape)
            case .pool(_, let stride, let padding):
                Pooling.outputShape(for: shape, stride: stride, padding: padding)
            case .fork(let one, let other):
                one.outputShape(for: shape)
                    .with(channels: one.outputChannels + other.outputChannels)
            }
        }
    }
}

/// Builds blocks by the names of torchvision.
struct InceptionBuilder {
    let loader: WeightLoader

    private typealias Step = InceptionBlock.Step

    /// A convolution `block.name`; kernels other than 1×1 keep the size unless they have a stride.
    private func layer(
        _ name: String, _ inputs: Int, _ outputs: Int, height: Int = 1, width: Int = 1,
        stride: Int = 1, in block: String
    ) throws -> PatchConvolution {
        let keeps = stride == 1
        return try PatchConvolution(
            "\(block).\(name)", inputChannels: inputs, outputChannels: outputs,
            PatchConvolution.Geometry(
                height: height, width: width, stride: stride,
                verticalPadding: keeps ? height / 2 : 0, padding: keeps ? width / 2 : 0),
            loader: loader)
    }

    func blockA(_ block: String, _ inputs: Int, pooled: Int) throws -> InceptionBlock {
        func step(
            _ name: String, _ inputs: Int, _ outputs: Int, _ side: Int = 1
        ) throws -> Step {
            .convolution(
                try layer(name, inputs, outputs, height: side, width: side, in: block))
        }
        return InceptionBlock([
            [try step("branch1x1", inputs, 64)],
            [try step("branch5x5_1", inputs, 48), try step("branch5x5_2", 48, 64, 5)],
            [
                try step("branch3x3dbl_1", inputs, 64), try step("branch3x3dbl_2", 64, 96, 3),
                try step("branch3x3dbl_3", 96, 96, 3),
            ],
            [.pool(.mean, stride: 1, padding: 1), try step("branch_pool", inputs, pooled)],
        ])
    }

    func blockB(_ block: String, _ inputs: Int) throws -> InceptionBlock {
        InceptionBlock([
            [
                .convolution(
                    try layer("branch3x3", inputs, 384, height: 3, width: 3, stride: 2, in: block))
            ],
            [
                .convolution(try layer("branch3x3dbl_1", inputs, 64, in: block)),
                .convolution(
                    try layer("branch3x3dbl_2", 64, 96, height: 3, width: 3, in: block)),
                .convolution(
                    try layer("branch3x3dbl_3", 96, 96, height: 3, width: 3, stride: 2, in: block)),
            ],
            [.pool(.largest, stride: 2, padding: 0)],
        ])
    }

    /// - Parameter middle: channels of the 7×7 branches.
    func blockC(_ block: String, middle: Int) throws -> InceptionBlock {
        func step(
            _ name: String, _ inputs: Int, _ outputs: Int, _ height: Int = 1, _ width: Int = 1
        ) throws -> Step {
            .convolution(
                try layer(name, inputs, outputs, height: height, width: width, in: block))
        }
        return InceptionBlock([
            [try step("branch1x1", 768, 192)],
            [
                try step("branch7x7_1", 768, middle), try step("branch7x7_2", middle, middle, 1, 7),
                try step("branch7x7_3", middle, 192, 7, 1),
            ],
            [
                try step("branch7x7dbl_1", 768, middle),
                try step("branch7x7dbl_2", middle, middle, 7, 1),
                try step("branch7x7dbl_3", middle, middle, 1, 7),
                try step("branch7x7dbl_4", middle, middle, 7, 1),
                try step("branch7x7dbl_5", middle, 192, 1, 7),
            ],
            [.pool(.mean, stride: 1, padding: 1), try step("branch_pool", 768, 192)],
        ])
    }

    func blockD(_ block: String) throws -> InceptionBlock {
        InceptionBlock([
            [
                .convolution(try layer("branch3x3_1", 768, 192, in: block)),
                .convolution(
                    try layer("branch3x3_2", 192, 320, height: 3, width: 3, stride: 2, in: block)),
            ],
            [
                .convolution(try layer("branch7x7x3_1", 768, 192, in: block)),
                .convolution(try layer("branch7x7x3_2", 192, 192, width: 7, in: block)),
                .convolution(try layer("branch7x7x3_3", 192, 192, height: 7, in: block)),
                .convolution(
                    try layer("branch7x7x3_4", 192, 192, height: 3, width: 3, stride: 2, in: block)),
            ],
            [.pool(.largest, stride: 2, padding: 0)],
        ])
    }

    /// - Parameter pooling: the mean in the first of the two, the largest in the second.
    func blockE(_ block: String, _ inputs: Int, pooling: Pooling) throws -> InceptionBlock {
        func fork(_ name: String) throws -> Step {
            .fork(
                try layer("\(name)a", 384, 384, width: 3, in: block),
                try layer("\(name)b", 384, 384, height: 3, in: block))
        }
        return InceptionBlock([
            [.convolution(try layer("branch1x1", inputs, 320, in: block))],
            [
                .convolution(try layer("branch3x3_1", inputs, 384, in: block)),
                try fork("branch3x3_2"),
            ],
            [
                .convolution(try layer("branch3x3dbl_1", inputs, 448, in: block)),
                .convolution(
                    try layer("branch3x3dbl_2", 448, 384, height: 3, width: 3, in: block)),
                try fork("branch3x3dbl_3"),
            ],
            [
                .pool(pooling, stride: 1, padding: 1),
                .convolution(try layer("branch_pool", inputs, 192, in: block)),
            ],
        ])
    }
}
