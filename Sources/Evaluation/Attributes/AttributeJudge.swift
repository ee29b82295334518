// SPDX-License-Identifier: Apache-2.0

package import GenerationTypes
import SafeTensors
import StableDiffusion
package import TensorKit

/// The judge: a small classifier that recognises what a picture of the embedded model shows.
///
/// It was trained on rendered scenes, whose attributes are known (scripts/train/judge.py), and
/// computes in f32 whatever the precision of the pictures. It belongs to one thread at a time.
package final class AttributeJudge {
    /// The meaning of its outputs.
    package let configuration: JudgeConfiguration
    private let network: JudgeNetwork
    private let lanes: ComputeLanes
    private let picture: Tensor
    private let featureRow: Tensor
    private let output: Tensor

    /// Loads `judge.json` and `judge.safetensors`.
    ///
    /// - Parameter compute: threads and backend; its precision is ignored.
    /// - Throws: `ConfigurationError`, `CheckpointMismatchError`, `SafeTensorsError`,
    ///   `ComputeConfigurationError`.
    package init(directory path: String, compute: ComputeConfiguration) throws {
        var compute = compute
        compute.precision = .float32
        let resolved = try compute.resolve()
        let backend = try resolved.makeBackend()
        let configuration = try ModelDirectory(path: path).configuration(
            JudgeConfiguration.self, component: ".", file: "judge.json")
        self.configuration = configuration
        network = try WeightLoader.build(
            from: ComponentWeights(try Checkpoint(directory: path, baseName: "judge")) { $0 },
            backend: backend, team: ThreadTeam(threadCount: resolved.threadCount)
        ) { loader in
            try JudgeNetwork(configuration, loader: loader)
        }
        lanes = try ComputeLanes(
            split: LaneSplit(threadCount: resolved.threadCount), kernels: backend.kernels)
        picture = try Tensor(allocating: network.inputShape)
        featureRow = try Tensor(allocating: network.featureShape)
        output = try Tensor(
            allocating: TensorShape(tokens: 1, channels: configuration.outputCount))
        let lane = lanes.lanes[0]
        try lane.measure {
            network.forward(picture, features: featureRow, into: output, lane: lane)
        }
        try lanes.finishDryRuns()
    }

    /// Number of values that `features` returns.
    package var featureCount: Int { network.featureShape.elementCount }

    /// The network's outputs for a picture, `configuration.outputCount` numbers.
    ///
    /// - Throws: `JudgeSizeError`: pictures are never scaled.
    package func logits(of image: RGBImage) throws(JudgeSizeError) -> [Float] {
        try outputs(for: image).logits
    }

    /// The input of the network's last layer for a picture, `featureCount` numbers.
    ///
    /// - Throws: `JudgeSizeError`.
    package func features(of image: RGBImage) throws(JudgeSizeError) -> [Float] {
        try outputs(for: image).features
    }

    /// Both, `featureCount` and `configuration.outputCount` numbers.
    ///
    /// - Throws: `JudgeSizeError`.
    package func outputs(
        for image: RGBImage
    ) throws(JudgeSizeError) -> (features: [Float], logits: [Float]) {
        try look(at: image)
        return (
            Array(UnsafeBufferPointer(start: featureRow.floats, count: featureCount)),
            Array(UnsafeBufferPointer(start: output.floats, count: configuration.outputCount))
        )
    }

    private func look(at image: RGBImage) throws(JudgeSizeError) {
        try configuration.check(width: image.width, height: image.height)
        for (index, byte) in image.bytes.enumerated() {
            picture.floats[index] = Float(byte) / 127.5 - 1
        }
        lanes.run { [network, picture, featureRow, output] lane, _ in
            network.forward(picture, features: featureRow, into: output, lane: lane)
        }
    }

    /// What a picture shows.
    ///
    /// - Throws: `JudgeSizeError`.
    package func attributes(of image: RGBImage) throws(JudgeSizeError) -> SceneAttributes {
        configuration.scene(try logits(of: image))
    }
}
