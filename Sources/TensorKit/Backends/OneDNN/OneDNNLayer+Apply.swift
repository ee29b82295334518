// SPDX-License-Identifier: Apache-2.0

extension OneDNNLayer {
    /// Computes `output = activation(convolution(input) + bias) + residual`; see `Epilogue`.
    ///
    /// The library's fast code requires dense tensors and adds only in place; other cases go
    /// through scratch memory:
    /// - an input with gaps between its rows is copied first;
    /// - a residual of the output's type is copied into the output first, and accumulated on;
    /// - into an output with gaps, or with a residual of another type, or with a residual after an
    ///   activation where the library can't do both, a scratch tensor is written and combined.
    func apply(
        _ input: Tensor, into output: Tensor, epilogue: Epilogue, lane: ComputeLane
    ) {
        let residual = epilogue.residual
        let hasOtherType = residual.map { $0.elementType != output.elementType } ?? false
        let isSplit =
            residual != nil && epilogue.productActivation != nil && !accumulatesAfterActivation
        let goesThroughScratch = !output.isContiguous || hasOtherType || isSplit
        lane.workspace.scope {
            var source = input
            if !input.isContiguous {
                source = lane.workspace.tensor(input.shape, input.elementType)
                lane.copy(input, into: source)
            }
            var product = output
            if goesThroughScratch {
                // Rounded to the output's type once, after the residual is added.
                let type = residual == nil ? output.elementType : .float32
                product = lane.workspace.tensor(output.shape, type)
            } else if let residual, residual.rawPointer != output.rawPointer {
                lane.copy(residual, into: output)
            }
            run(
                source, into: product, epilogue: epilogue,
                accumulates: residual != nil && !goesThroughScratch, lane: lane)
            if goesThroughScratch {
                combine(product, epilogue, into: output, lane: lane)
            }
        }
    }

    /// Runs the primitive on dense tensors; in a dry run, plans it.
    private func run(
        _ input: Tensor, into output: Tensor, epilogue: Epilogue, accumulates: Bool,
        lane: ComputeLane
    ) {
        let key = OneDNNPrimitiveKey(
            geometry: geometry, input: input.shape, inputType: inputType,
            outputType: output.elementType,
            activation: accumulates ? epilogue.activation : epilogue.productActivation,
            accumulates: accumulates,
            activatesSum: accumulates && epilogue.sumActivation != nil,
            threadCount: lane.team.threadCount)
        do {
            if lane.isMeasuring {
                _ = lane.workspace.bytes(try scratchByteCount(for: key))
                return lane.prepareLater { lane in
                    try self.primitive(key, lane: lane).prepare(laneCount: lane.index + 1)
                }
            }
            let primitive = try primitive(key, lane: lane)
            try primitive.execute(
                input: input.rawPointer, bias: epilogue.bias?.rawPointer ?? biasPointer,
                output: output.rawPointer, scratch: lane.workspace.bytes(primitive.scratchByteCount)
            )
        } catch {
            // Selection ensured that the library has this operation; only memory can be lacking,
            // and a dry run exists to detect that.
            if lane.isMeasuring { return lane.fail(error) }
            preconditionFailure("\(error)")
        }
    }

    /// `output = product + residual`, activated where the epilogue says so and rounded to the
    /// output's type once; overwrites the product.
    private func combine(
        _ product: Tensor, _ epilogue: Epilogue, into output: Tensor, lane: ComputeLane
    ) {
        if let residual = epilogue.residual {
            let isInPlace = residual.rawPointer == output.rawPointer
            if isInPlace && output.elementType == .float32 && epilogue.sumActivation == nil {
                return lane.add(product, into: output)
            }
            lane.add(residual, into: product)
        }
        if let activation = epilogue.sumActivation {
            lane.activate(activation, product, into: output)
        } else {
            lane.copy(product, into: output)
        }
    }
}
