// SPDX-License-Identifier: Apache-2.0

import SafeTensors

/// The tensors of one layer in a LoRA file.
struct LoRALayer {
    /// What their keys begin with.
    let stem: String
    /// The tensors by what they are.
    let tensors: [LoRARole: StoredTensor]
    /// What the header says of α; `nil` where it has nothing.
    let configuration: PEFTConfiguration?

    /// The change of the layer's weight; `nil` where only its bias changes.
    ///
    /// - Parameter name: the layer's name in the model, by which a header knows it.
    func term(
        ofLayer name: String, weightShape: [Int], weight: Float
    ) throws(LoRAProblem) -> WeightPatch.Term? {
        guard let delta = try delta() else { return nil }
        if let problem = delta.problem { throw .layer(stem, reason: problem) }
        guard delta.rowCount == weightShape.first,
            delta.columnCount == weightShape.dropFirst().reduce(1, *)
        else {
            let found = [delta.rowCount, delta.columnCount]
            throw .misshapen(["\(stem): \(found), not \(weightShape)"], of: 1, base: nil)
        }
        return WeightPatch.Term(
            delta: delta, scale: try scale(delta.rank, ofLayer: name), weight: weight,
            magnitudes: try magnitudes(weightShape))
    }

    /// The change of the layer's bias; `nil` where it has none.
    func biasTerm(biasShape: [Int]?, weight: Float) throws(LoRAProblem) -> WeightPatch.Term? {
        guard let tensor = tensors[.biasDifference] else { return nil }
        guard let biasShape else { throw .layer(stem, reason: "the model has no bias there") }
        guard tensor.elementCount == biasShape.reduce(1, *) else {
            let found = "\(tensor.name): \(tensor.shape), not \(biasShape)"
            throw .misshapen([found], of: 1, base: nil)
        }
        return WeightPatch.Term(delta: .full(tensor), scale: 1, weight: weight)
    }

    private func delta() throws(LoRAProblem) -> WeightDelta? {
        let kinds = LoRAKind.allCases.filter { kind in kind.roles.contains { tensors[$0] != nil } }
        guard let kind = kinds.first else {
            guard tensors[.biasDifference] != nil else {
                throw .layer(stem, reason: "there is a scale and nothing that it scales")
            }
            return nil
        }
        guard kinds.count == 1 else {
            let names = kinds.map(\.rawValue).joined(separator: " and ")
            throw .layer(stem, reason: "it is \(names) at once")
        }
        switch kind {
        case .full: return tensors[.difference].map(WeightDelta.full)
        case .lowRank:
            return .product(
                FactorProduct(
                    up: try tensor(.up, "lora_up"), core: tensors[.mid],
                    down: try tensor(.down, "lora_down")))
        case .hadamard:
            let (first, second) = (tensors[.firstCore], tensors[.secondCore])
            guard (first == nil) == (second == nil) else {
                throw .layer(stem, reason: "one of hada_t1 and hada_t2 is missing")
            }
            return .hadamard(
                FactorProduct(
                    up: try tensor(.firstOuter, "hada_w1_a"), isUpTransposed: first != nil,
                    core: first, down: try tensor(.firstInner, "hada_w1_b")),
                FactorProduct(
                    up: try tensor(.secondOuter, "hada_w2_a"), isUpTransposed: second != nil,
                    core: second, down: try tensor(.secondInner, "hada_w2_b")))
        case .kronecker:
            return .kronecker(
                try kroneckerFactor(.left, .leftOuter, .leftInner, core: nil, "lokr_w1"),
                try kroneckerFactor(
                    .right, .rightOuter, .rightInner, core: .rightCore, "lokr_w2"))
        }
    }

    private func kroneckerFactor(
        _ whole: LoRARole, _ outer: LoRARole, _ inner: LoRARole, core: LoRARole?, _ name: String
    ) throws(LoRAProblem) -> WeightDelta.KroneckerFactor {
        let core = core.flatMap { tensors[$0] }
        if let tensor = tensors[whole] {
            guard tensors[outer] == nil, tensors[inner] == nil, core == nil else {
                throw .layer(stem, reason: "\(name) is there whole and in factors")
            }
            return .full(tensor)
        }
        return .product(
            FactorProduct(
                up: try tensor(outer, "\(name)_a"), isUpTransposed: core != nil, core: core,
                down: try tensor(inner, "\(name)_b")))
    }

    private func tensor(_ role: LoRARole, _ name: String) throws(LoRAProblem) -> StoredTensor {
        guard let tensor = tensors[role] else {
            throw .layer(stem, reason: "\(name) is missing")
        }
        return tensor
    }

    /// α / rank; `scale` overrides it, and without either it is 1, as in A1111.
    private func scale(_ rank: Int?, ofLayer name: String) throws(LoRAProblem) -> Float {
        let own = try tensors[.scale].map { tensor throws(LoRAProblem) in
            try Self.number(tensor)
        }
        let alpha = try tensors[.alpha].map { tensor throws(LoRAProblem) in
            try Self.number(tensor)
        }
        if let own { return Float(own) }
        guard let rank else { return 1 }
        if let alpha { return Float(alpha / Double(rank)) }
        guard let scale = configuration?.scale(ofLayer: name, rank: rank) else { return 1 }
        guard scale.isFinite, scale != 0 else {
            throw .scale(key: "lora_alpha of \(stem)", value: "\(scale * Double(rank))")
        }
        return Float(scale)
    }

    /// A tensor of one value, neither 0 nor infinite nor NaN.
    private static func number(_ tensor: StoredTensor) throws(LoRAProblem) -> Double {
        guard let value = try? tensor.number() else {
            throw .scale(key: tensor.name, value: "\(tensor.scalarType.rawValue) \(tensor.shape)")
        }
        guard value.isFinite, value != 0, Float(value).isFinite, Float(value) != 0 else {
            throw .scale(key: tensor.name, value: "\(value)")
        }
        return value
    }

    private func magnitudes(
        _ weightShape: [Int]
    ) throws(LoRAProblem) -> WeightPatch.Magnitudes? {
        guard let outputs = weightShape.first, let inputs = weightShape.dropFirst().first else {
            return nil
        }
        if let tensor = tensors[.magnitude] {
            guard tensor.elementCount == outputs else {
                throw .layer(stem, reason: "\(tensor.name) is \(tensor.shape)")
            }
            return .rows(tensor)
        }
        guard let tensor = tensors[.decomposition] else { return nil }
        let first = tensor.shape.first ?? 1
        if first == outputs, tensor.elementCount == outputs { return .rows(tensor) }
        guard first == 1, tensor.elementCount == inputs else {
            throw .layer(
                stem, reason: "\(tensor.name) is \(tensor.shape) for a weight \(weightShape)")
        }
        return .columns(tensor)
    }
}

extension StoredTensor {
    /// The value of a tensor with just one, of whatever type; `nil` for others.
    ///
    /// - Throws: `changed`.
    fileprivate func number() throws(SafeTensorsError) -> Double? {
        guard elementCount == 1 else { return nil }
        if scalarType.isReadableAsFloat { return Double(try floats()[0]) }
        let bytes = try bytes()
        return bytes.withUnsafeBytes { bytes in
            switch scalarType {
            case .int64: Double(bytes.loadUnaligned(as: Int64.self))
            case .int32: Double(bytes.loadUnaligned(as: Int32.self))
            case .int16: Double(bytes.loadUnaligned(as: Int16.self))
            case .int8: Double(bytes.loadUnaligned(as: Int8.self))
            default: nil
            }
        }
    }
}
