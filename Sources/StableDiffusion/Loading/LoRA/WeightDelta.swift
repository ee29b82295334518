// SPDX-License-Identifier: Apache-2.0

import SafeTensors

/// A change of a weight, as a LoRA's tensors describe it; its values are made row by row when the
/// weight is read.
///
/// Rows are those of the weight as a matrix `[outputs, inputs · kernel²]`.
indirect enum WeightDelta: Sendable {
    /// The change itself, in the weight's order.
    case full(StoredTensor)
    /// A product of thin matrices.
    case product(FactorProduct)
    /// Two products, multiplied value by value (LoHa).
    case hadamard(FactorProduct, FactorProduct)
    /// Every value of a small matrix times a larger one (LoKr).
    case kronecker(KroneckerFactor, KroneckerFactor)

    /// One of the two matrices of a Kronecker product.
    enum KroneckerFactor: Sendable {
        case full(StoredTensor)
        case product(FactorProduct)
    }
}

/// `up · down`, or with a core (Tucker) `Σᵢⱼ up[·, i] · core[i, j, kernel] · down[j, ·]`.
struct FactorProduct: Sendable {
    /// `[outputs, rank]`; beside a core LyCORIS also stores `[rank, outputs]`.
    let up: StoredTensor
    /// Whether `up` is `[rank, outputs]`.
    let isUpTransposed: Bool
    /// `[rank, rank, kernel, kernel]`.
    let core: StoredTensor?
    /// `[rank, inputs · kernel²]`; beside a core `[rank, inputs]`.
    let down: StoredTensor

    init(up: StoredTensor, isUpTransposed: Bool = false, core: StoredTensor?, down: StoredTensor) {
        self.up = up
        self.isUpTransposed = isUpTransposed
        self.core = core
        self.down = down
    }

    /// Rank, by which α is divided.
    var rank: Int { down.shape.first ?? 0 }
    /// Rows of the product.
    var rowCount: Int { isUpTransposed ? up.shape.dropFirst().first ?? 0 : up.shape.first ?? 0 }
    /// Values of one kernel position's plane: the core's kernel².
    var kernelCount: Int { core.map { $0.shape.dropFirst(2).reduce(1, *) } ?? 1 }
    /// Values of one row of the product.
    var columnCount: Int { down.shape.dropFirst().reduce(1, *) * kernelCount }

    /// What is wrong with the shapes; `nil` where they can be multiplied.
    var problem: String? {
        guard up.shape.count >= 2, down.shape.count >= 2 else {
            return "\(up.name) \(up.shape) and \(down.name) \(down.shape) are no matrices"
        }
        guard rank > 0, rowCount > 0, columnCount > 0 else {
            return "\(down.name) \(down.shape) is empty"
        }
        let upRank = isUpTransposed ? up.shape[0] : up.shape[1]
        // Of `up` nothing but the matrix, so that no kernel is left out.
        guard up.elementCount == upRank * rowCount else {
            return "\(up.name) \(up.shape) is no matrix of \(rowCount) rows"
        }
        guard let core else {
            return upRank == rank
                ? nil
                : "\(up.name) \(up.shape) and \(down.name) \(down.shape) have different ranks"
        }
        guard core.shape.count >= 2, core.shape[0] == upRank, core.shape[1] == rank,
            down.elementCount == rank * down.shape[1]
        else {
            return """
                \(core.name) \(core.shape) doesn't fit between \(up.name) \(up.shape) and \
                \(down.name) \(down.shape)
                """
        }
        return nil
    }
}

extension WeightDelta.KroneckerFactor {
    var rowCount: Int {
        switch self {
        case .full(let tensor): tensor.shape.first ?? 0
        case .product(let product): product.rowCount
        }
    }

    var columnCount: Int {
        switch self {
        case .full(let tensor): tensor.shape.dropFirst().reduce(1, *)
        case .product(let product): product.columnCount
        }
    }

    var rank: Int? {
        if case .product(let product) = self { product.rank } else { nil }
    }

    var problem: String? {
        switch self {
        case .full(let tensor):
            tensor.shape.count >= 2 && tensor.elementCount > 0
                ? nil : "\(tensor.name) \(tensor.shape) is no matrix"
        case .product(let product): product.problem
        }
    }
}

extension WeightDelta {
    /// Rows of the change.
    var rowCount: Int {
        switch self {
        case .full(let tensor): tensor.shape.first ?? 0
        case .product(let product), .hadamard(let product, _): product.rowCount
        case .kronecker(let left, let right): left.rowCount * right.rowCount
        }
    }

    /// Values of one row.
    var columnCount: Int {
        switch self {
        case .full(let tensor): tensor.shape.dropFirst().reduce(1, *)
        case .product(let product), .hadamard(let product, _): product.columnCount
        case .kronecker(let left, let right): left.columnCount * right.columnCount
        }
    }

    /// What α is divided by; `nil` where α has no effect, as LyCORIS and A1111 have it.
    var rank: Int? {
        switch self {
        case .full: nil
        case .product(let product), .hadamard(let product, _): product.rank
        case .kronecker(let left, let right): right.rank ?? left.rank
        }
    }

    /// What is wrong with its own tensors' shapes; `nil` where nothing is.
    var problem: String? {
        switch self {
        case .full: return nil
        case .product(let product): return product.problem
        case .hadamard(let first, let second):
            if let problem = first.problem ?? second.problem { return problem }
            let isSame =
                first.rowCount == second.rowCount && first.columnCount == second.columnCount
            return isSame
                ? nil
                : "\(first.down.name) and \(second.down.name) make matrices of different shapes"
        case .kronecker(let left, let right): return left.problem ?? right.problem
        }
    }
}
