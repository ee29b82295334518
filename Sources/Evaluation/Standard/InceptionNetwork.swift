// SPDX-License-Identifier: Apache-2.0

import Digests
package import GenerationTypes
import SafeTensors
import StableDiffusion
package import TensorKit

/// The Inception v3 network of FID: 2,048 features of a picture.
///
/// Weights are those of pytorch-fid and clean-fid, which both took from TensorFlow's graph of
/// 2015-12-05, converted by `scripts/convert_inception.py`. It computes in f32 and belongs to one
/// thread at a time.
package final class InceptionNetwork {
    /// Number of features.
    package static let featureCount = 2048
    /// Side of the pictures that it sees, in pixels.
    static let side = 299

    /// What happens to a picture before the network sees it.
    package let preparation: Preparation
    /// The first digits of the SHA-256 of the weights' file.
    package let digest: String
    private let stem: [InceptionBlock.Step]
    private let blocks: [InceptionBlock]
    private let lanes: ComputeLanes
    private let input: Tensor
    private let output: Tensor

    /// Ways to scale a picture to 299×299.
    package enum Preparation: String, Sendable, CaseIterable {
        /// clean-fid's: bicubic with antialiasing, which does not depend on a library's bugs.
        case clean
        /// pytorch-fid's: bilinear without antialiasing.
        case legacy
    }

    /// Loads the weights.
    ///
    /// - Parameters:
    ///   - path: the file that `scripts/convert_inception.py` wrote.
    ///   - compute: threads and backend; its precision is ignored.
    /// - Throws: `SafeTensorsError`, `CheckpointMismatchError`, `ComputeConfigurationError`.
    package init(
        path: String, preparation: Preparation, compute: ComputeConfiguration
    ) throws {
        var compute = compute
        compute.precision = .float32
        let resolved = try compute.resolve()
        let backend = try resolved.makeBackend()
        self.preparation = preparation
        digest = try StandardWeights.digest(of: path)
        (stem, blocks) = try WeightLoader.build(
            from: ComponentWeights(file: path), backend: backend,
            team: ThreadTeam(threadCount: resolved.threadCount)
        ) { loader in (try Self.stem(loader), try Self.blocks(loader)) }
        input = try Tensor(
            allocating: TensorShape(height: Self.side, width: Self.side, channels: 3))
        output = try Tensor(
            allocating: TensorShape(tokens: 1, channels: Self.featureCount))
        lanes = try ComputeLanes(
            split: LaneSplit(threadCount: resolved.threadCount), kernels: backend.kernels)
        let lane = lanes.lanes[0]
        try lane.measure { Self.forward(stem, blocks, input, into: output, lane: lane) }
        try lanes.finishDryRuns()
    }

    private static func stem(_ loader: WeightLoader) throws -> [InceptionBlock.Step] {
        func layer(
            _ name: String, _ inputs: Int, _ outputs: Int, _ geometry: PatchConvolution.Geometry
        ) throws -> InceptionBlock.Step {
            .convolution(
                try PatchConvolution(
                    name, inputChannels: inputs, outputChannels: outputs, geometry, loader: loader))
        }
        return [
            try layer("Conv2d_1a_3x3", 3, 32, .square(3, stride: 2)),
            try layer("Conv2d_2a_3x3", 32, 32, .square(3)),
            try layer("Conv2d_2b_3x3", 32, 64, .square(3, padding: 1)),
            .pool(.largest, stride: 2, padding: 0),
            try layer("Conv2d_3b_1x1", 64, 80, .square(1)),
            try layer("Conv2d_4a_3x3", 80, 192, .square(3)),
            .pool(.largest, stride: 2, padding: 0),
        ]
    }

    private static func blocks(_ loader: WeightLoader) throws -> [InceptionBlock] {
        let builder = InceptionBuilder(loader: loader)
        return [
            try builder.blockA("Mixed_5b", 192, pooled: 32),
            try builder.blockA("Mixed_5c", 256, pooled: 64),
            try builder.blockA("Mixed_5d", 288, pooled: 64),
            try builder.blockB("Mixed_6a", 288),
            try builder.blockC("Mixed_6b", middle: 128),
            try builder.blockC("Mixed_6c", middle: 160),
            try builder.blockC("Mixed_6d", middle: 160),
            try builder.blockC("Mixed_6e", middle: 192),
            try builder.blockD("Mixed_7a"),
            try builder.blockE("Mixed_7b", 1280, pooling: .mean),
            try builder.blockE("Mixed_7c", 2048, pooling: .largest),
        ]
    }

    private static func forward(
        _ stem: [InceptionBlock.Step], _ blocks: [InceptionBlock], _ input: Tensor,
        into output: Tensor, lane: ComputeLane
    ) {
        lane.workspace.scope {
            var hidden = input
            for block in stem.map({ InceptionBlock([[$0]]) }) + blocks {
                let result = lane.workspace.tensor(block.outputShape(for: hidden.shape), .float32)
                block.forward(hidden, into: result, lane: lane)
                hidden = result
            }
            guard !lane.isMeasuring else { return }
            // The mean over the map.
            let count = hidden.shape.tokenCount
            for channel in 0..<featureCount {
                var sum: Float = 0
                for token in 0..<count { sum += hidden.floats[token * hidden.rowStride + channel] }
                output.floats[channel] = sum / Float(count)
            }
        }
    }

    /// A picture's features.
    package func features(of picture: RGBImage) -> [Float] {
        let pixels: [Float]
        switch preparation {
        case .clean:
            let scaled = PictureScaling.bicubic.scaled(
                picture, width: Self.side, height: Self.side)
            pixels = scaled.map { (min(max($0, 0), 255) - 128) / 128 }
        case .legacy:
            let scaled = PictureScaling.bilinearWithoutAntialias(
                picture, width: Self.side, height: Self.side)
            pixels = scaled.map { 2 * $0 / 255 - 1 }
        }
        for (index, value) in pixels.enumerated() { input.floats[index] = value }
        lanes.run { [stem, blocks, input, output] lane, index in
            guard index == 0 else { return }
            Self.forward(stem, blocks, input, into: output, lane: lane)
        }
        return Array(UnsafeBufferPointer(start: output.floats, count: Self.featureCount))
    }
}
