// SPDX-License-Identifier: Apache-2.0

import SafeTensors

/// A LoRA's file: its tensors by layer.
///
/// No values are read but those of α.
struct LoRAFile {
    /// The file.
    let path: String
    private let layers: [String: [LoRARole: StoredTensor]]
    private let metadata: [String: String]
    /// Keys that are no part of a LoRA.
    private let strangers: [String]
    private let tensorCount: Int

    /// Tensors in a file at most, and bytes of its header: LoRAs for every layer of the largest
    /// models have a tenth of these.
    private static let tensorCountMax = 50_000
    private static let headerByteCountMax = 32 << 20

    /// Opens a file and sorts its keys.
    ///
    /// - Throws: `LoRAError`, `SingleFileError`, `SafeTensorsError`, `ConfigurationError`.
    init(path: String, noting files: ModelFileLedger) throws {
        let file = try SingleFileModel.open(
            path, files, headerByteCountMax: Self.headerByteCountMax)
        func failure(_ problem: LoRAProblem) -> LoRAError {
            LoRAError(path: path, problem: problem)
        }
        guard file.tensorCount <= Self.tensorCountMax else {
            throw failure(.tensorCount(file.tensorCount, maximum: Self.tensorCountMax))
        }
        var layers: [String: [LoRARole: StoredTensor]] = [:]
        var strangers: [String] = []
        for (key, tensor) in file.tensors {
            if let kind = LoRARole.refusedKind(of: key) {
                throw failure(.otherKind(kind, key: key))
            }
            guard let (stem, role) = LoRARole.split(key) else {
                strangers.append(key)
                continue
            }
            if let other = layers[stem, default: [:]].updateValue(tensor, forKey: role) {
                throw failure(.duplicate(other.name, key))
            }
            guard tensor.scalarType.isReadableAsFloat || role == .alpha || role == .scale else {
                throw SafeTensorsError.unsupportedType(
                    file: path, tensor: key, type: tensor.scalarType.rawValue)
            }
        }
        guard !layers.isEmpty else { throw failure(.noLoRA(keys: strangers.sorted())) }
        self.path = path
        self.layers = layers
        self.strangers = strangers
        tensorCount = file.tensorCount
        metadata = file.metadata
    }

    /// What the file adds to a model's weights, by component and name.
    ///
    /// - Parameters:
    ///   - names: the model's layers.
    ///   - shapes: of its weights, by component and name.
    ///   - weights: the user's, by component.
    /// - Throws: `LoRAError` where anything in the file fits no layer of the model.
    func terms(
        for names: LoRANames, shapes: [ModelComponent: [String: [Int]]],
        weights: [ModelComponent: Float]
    ) throws(LoRAError) -> [ModelComponent: [String: WeightPatch.Term]] {
        do throws(LoRAProblem) {
            return try matched(names, shapes, weights)
        } catch {
            throw LoRAError(path: path, problem: error)
        }
    }

    private func matched(
        _ names: LoRANames, _ shapes: [ModelComponent: [String: [Int]]],
        _ weights: [ModelComponent: Float]
    ) throws(LoRAProblem) -> [ModelComponent: [String: WeightPatch.Term]] {
        var configurations: [ModelComponent: PEFTConfiguration] = [:]
        for component in weights.keys {
            configurations[component] = try PEFTConfiguration(
                metadata: metadata, component: component)
        }
        var result: [ModelComponent: [String: WeightPatch.Term]] = [:]
        var stems: [LoRANames.Layer: String] = [:]
        var unmatched = strangers
        var misshapen: [String] = []
        for (stem, tensors) in layers.sorted(by: { $0.key < $1.key }) {
            guard let layer = names[stem], let weight = weights[layer.component],
                let shape = shapes[layer.component]?["\(layer.name).weight"]
            else {
                unmatched += tensors.values.map(\.name)
                continue
            }
            if let other = stems.updateValue(stem, forKey: layer) { throw .duplicate(other, stem) }
            let parts = LoRALayer(
                stem: stem, tensors: tensors, configuration: configurations[layer.component])
            do throws(LoRAProblem) {
                result[layer.component, default: [:]]["\(layer.name).weight"] = try parts.term(
                    ofLayer: layer.name, weightShape: shape, weight: weight)
                result[layer.component, default: [:]]["\(layer.name).bias"] = try parts.biasTerm(
                    biasShape: shapes[layer.component]?["\(layer.name).bias"], weight: weight)
            } catch {
                guard case .misshapen(let layers, _, _) = error else { throw error }
                misshapen += layers
            }
        }
        guard unmatched.isEmpty else {
            throw .unmatched(unmatched.sorted(), of: tensorCount, base: statedBase)
        }
        guard misshapen.isEmpty else {
            throw .misshapen(misshapen, of: layers.count, base: statedBase)
        }
        return result
    }

    /// What the header says of the model that it was trained for.
    private var statedBase: String? {
        let said = metadata["modelspec.architecture"] ?? metadata["ss_base_model_version"]
        let text = said?.filter {
            $0.isASCII && ($0.isLetter || $0.isNumber || "._-/ ".contains($0))
        }
        return text.flatMap { $0.isEmpty ? nil : String($0.prefix(40)) }
    }
}
