// SPDX-License-Identifier: Apache-2.0

import SafeTensors
import TensorKit

/// The names and shapes that the layers of a component ask for while they are built.
final class WeightInventory {
    private var shapes: [String: [Int]] = [:]
    /// What was asked for, in order.
    private(set) var requests: [WeightRequest] = []

    /// Notes a request and the tensors that it needs.
    func note(_ request: WeightRequest) {
        requests.append(request)
        switch request {
        case .linear(let weights, let biases, let extraBias, let inputs, let outputs, _):
            let count = outputs / weights.count
            for weight in weights { expect(weight, [count, inputs]) }
            for bias in biases { expect(bias, [count]) }
            if let extraBias { expect(extraBias, [count]) }
        case .convolution(let weight, let bias, let geometry, _, _, _):
            expect(weight, geometry.weightShape)
            if let bias { expect(bias, [geometry.outputChannels]) }
        case .norm(let scale, let shift, let channels):
            expect(scale, [channels])
            expect(shift, [channels])
        }
    }

    /// Notes that a layer needs a tensor; two layers may need the same one.
    func expect(_ name: String, _ shape: [Int]) {
        let previous = shapes.updateValue(shape, forKey: name)
        precondition(previous == nil || previous == shape, "\(name) in two shapes")
    }

    /// Notes that a part needs the tensors that it has noted by itself.
    func expect(_ part: WeightInventory) {
        for (name, shape) in part.shapes { expect(name, shape) }
    }

    /// Compares with the weights that there are.
    ///
    /// - Returns: All differences, or nothing.
    func mismatch(with weights: ComponentWeights) -> CheckpointMismatchError? {
        var error = CheckpointMismatchError(path: weights.path, shape: weights.description)
        for (name, shape) in shapes.sorted(by: { $0.key < $1.key }) {
            guard let source = weights.sources[name] else {
                error.missing.append(name)
                continue
            }
            if !Self.fits(source.shape, shape) {
                error.misshapen.append(
                    CheckpointMismatchError.Misshapen(
                        name: source.name, expected: shape, found: source.shape))
            }
            if !source.scalarType.isReadableAsFloat {
                error.unreadable.append("\(source.name) (\(source.scalarType.rawValue))")
            }
        }
        let unexpected = weights.sources.filter { shapes[$0.key] == nil }.map(\.value.name)
        error.unexpected = (unexpected + weights.duplicates).sorted()
        return error.isEmpty ? nil : error
    }

    /// A product's weights may be written as those of a 1×1 convolution and the other way round:
    /// the values are the same.
    private static func fits(_ found: [Int], _ expected: [Int]) -> Bool {
        if found == expected { return true }
        let ones = [1, 1]
        return expected.count == 2 && found == expected + ones
            || found.count == 2 && expected == found + ones
    }
}

extension ConvolutionGeometry {
    /// The shape `[outputs, inputs, size, size]` of the weights in a checkpoint.
    fileprivate var weightShape: [Int] { [outputChannels, inputChannels, kernelSize, kernelSize] }
}
