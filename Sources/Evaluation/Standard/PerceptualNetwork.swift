// SPDX-License-Identifier: Apache-2.0

package import GenerationTypes
import ImageCodec
import SafeTensors
import StableDiffusion
package import TensorKit

/// LPIPS 0.1: how different two pictures look to AlexNet or VGG-16.
///
/// Zhang, Isola, Efros, Shechtman, Wang 2018, arXiv 1801.03924. Weights are those of the package
/// `lpips`, converted by `scripts/convert_lpips.py`. It computes in f32 and belongs to one thread at
/// a time; pictures of one run have one size.
package final class PerceptualNetwork {
    /// The backbone and the first digits of its weights' SHA-256.
    package let name: String
    private let stages: [Stage]
    private let lanes: ComputeLanes
    private var shape: TensorShape?
    private var inputs: [Tensor] = []

    /// The layers up to one comparison.
    private struct Stage: Sendable {
        /// The pooling before its convolutions; `nil` for the first stage.
        var pool: (size: Int, stride: Int)?
        var convolutions: [PatchConvolution]
        /// The weight of each channel's difference.
        var weights: [Float]

        func outputShape(for input: TensorShape) -> TensorShape {
            var shape = input
            if let pool {
                shape = Pooling.outputShape(for: shape, size: pool.size, stride: pool.stride)
            }
            return convolutions.reduce(shape) { $1.outputShape(for: $0) }
        }
    }

    /// - Parameters:
    ///   - path: the file that `scripts/convert_lpips.py` wrote.
    ///   - compute: threads and backend; its precision is ignored.
    /// - Throws: `EvidenceError` for another file, `SafeTensorsError`, `CheckpointMismatchError`.
    package init(path: String, compute: ComputeConfiguration) throws {
        var compute = compute
        compute.precision = .float32
        let resolved = try compute.resolve()
        let backend = try resolved.makeBackend()
        let file = try SafeTensorsFile(path: path)
        guard let net = file.metadata["net"], let plan = Self.plans[net] else {
            throw EvidenceError.damaged(
                path: path, reason: "no network of LPIPS; convert one with scripts/convert_lpips.py"
            )
        }
        name = "LPIPS \(net) \(try StandardWeights.digest(of: path))"
        let weights = try plan.indices.map { try file.tensor("lin\($0)").floats() }
        let tensors = file.tensors.filter { !$0.key.hasPrefix("lin") }
        stages = try WeightLoader.build(
            from: ComponentWeights(
                path: path, fitting: "LPIPS",
                tensors.map { (name: $0.key, source: $0.value as any WeightSource) }),
            backend: backend, team: ThreadTeam(threadCount: resolved.threadCount)
        ) { loader in
            var (inputs, number) = (3, 0)
            return try plan.enumerated().map { index, stage in
                let convolutions = try stage.layers.map { layer in
                    defer { (inputs, number) = (layer.outputs, number + 1) }
                    return try PatchConvolution(
                        "conv\(number)", inputChannels: inputs, outputChannels: layer.outputs,
                        .square(layer.side, stride: layer.stride, padding: layer.padding),
                        loader: loader)
                }
                return Stage(
                    pool: stage.pool, convolutions: convolutions, weights: weights[index])
            }
        }
        lanes = try ComputeLanes(
            split: LaneSplit(threadCount: resolved.threadCount), kernels: backend.kernels)
    }

    private typealias Layer = (outputs: Int, side: Int, stride: Int, padding: Int)
    private typealias Plan = [(pool: (size: Int, stride: Int)?, layers: [Layer])]

    private static let plans: [String: Plan] = [
        "alex": [
            (nil, [(64, 11, 4, 2)]), ((3, 2), [(192, 5, 1, 2)]), ((3, 2), [(384, 3, 1, 1)]),
            (nil, [(256, 3, 1, 1)]), (nil, [(256, 3, 1, 1)]),
        ],
        "vgg": [
            (nil, same(64, 2)), ((2, 2), same(128, 2)), ((2, 2), same(256, 3)),
            ((2, 2), same(512, 3)), ((2, 2), same(512, 3)),
        ],
    ]

    private static func same(_ outputs: Int, _ count: Int) -> [Layer] {
        Array(repeating: (outputs, 3, 1, 1), count: count)
    }

    /// The distance of two pictures, 0 for the same one.
    ///
    /// - Throws: `ImageCodecError.sizeMismatch`; `TensorStorageError` without memory.
    package func distance(_ picture: RGBImage, _ other: RGBImage) throws -> Double {
        guard picture.width == other.width, picture.height == other.height else {
            throw ImageCodecError.sizeMismatch(
                width: picture.width, height: picture.height, otherWidth: other.width,
                otherHeight: other.height)
        }
        try prepare(TensorShape(height: picture.height, width: picture.width, channels: 3))
        for (image, input) in zip([picture, other], inputs) {
            for (index, byte) in image.bytes.enumerated() {
                let channel = index % 3
                input.floats[index] =
                    (Float(byte) / 127.5 - 1 - Self.shift[channel]) / Self.scale[channel]
            }
        }
        var sum = 0.0
        lanes.run { [stages, inputs] lane, index in
            guard index == 0 else { return }
            sum = Self.distance(stages, inputs, lane: lane)
        }
        return sum
    }

    private static let shift: [Float] = [-0.030, -0.088, -0.188]
    private static let scale: [Float] = [0.458, 0.448, 0.450]

    /// Makes room for pictures of a size.
    private func prepare(_ shape: TensorShape) throws {
        guard self.shape != shape else { return }
        inputs = [try Tensor(allocating: shape), try Tensor(allocating: shape)]
        let lane = lanes.lanes[0]
        lane.workspace.startMeasuring()
        try lane.measure { _ = Self.distance(stages, inputs, lane: lane) }
        try lanes.finishDryRuns()
        self.shape = shape
    }

    private static func distance(
        _ stages: [Stage], _ inputs: [Tensor], lane: ComputeLane
    ) -> Double {
        lane.workspace.scope {
            var (maps, sum) = (inputs, 0.0)
            for stage in stages {
                maps = maps.map { run(stage, $0, lane: lane) }
                guard !lane.isMeasuring else { continue }
                sum += difference(maps[0], maps[1], weights: stage.weights)
            }
            return sum
        }
    }

    private static func run(_ stage: Stage, _ input: Tensor, lane: ComputeLane) -> Tensor {
        var hidden = input
        if let pool = stage.pool {
            let shape = Pooling.outputShape(
                for: hidden.shape, size: pool.size, stride: pool.stride)
            let pooled = lane.workspace.tensor(shape, .float32)
            Pooling.largest.apply(
                hidden, size: pool.size, stride: pool.stride, into: pooled, lane: lane)
            hidden = pooled
        }
        for convolution in stage.convolutions {
            let result = lane.workspace.tensor(
                convolution.outputShape(for: hidden.shape), .float32)
            convolution.forward(hidden, into: result, lane: lane)
            hidden = result
        }
        return hidden
    }

    /// The mean over pixels of the weighted squared differences of unit vectors.
    private static func difference(_ one: Tensor, _ other: Tensor, weights: [Float]) -> Double {
        var sum = 0.0
        let channels = one.shape.channels
        for token in 0..<one.shape.tokenCount {
            let a = one.floats + token * one.rowStride
            let b = other.floats + token * other.rowStride
            var (lengthA, lengthB): (Float, Float) = (0, 0)
            for c in 0..<channels {
                lengthA += a[c] * a[c]
                lengthB += b[c] * b[c]
            }
            let (scaleA, scaleB) = (
                1 / (lengthA.squareRoot() + 1e-10), 1 / (lengthB.squareRoot() + 1e-10)
            )
            var pixel: Float = 0
            for c in 0..<channels {
                let difference = a[c] * scaleA - b[c] * scaleB
                pixel += weights[c] * difference * difference
            }
            sum += Double(pixel)
        }
        return sum / Double(one.shape.tokenCount)
    }
}
