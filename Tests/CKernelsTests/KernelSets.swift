// SPDX-License-Identifier: Apache-2.0

import CKernels
import CTileModel
import Testing

/// The kernels of one instruction set, printable as a test argument.
struct KernelSet: CustomTestStringConvertible, Sendable {
    let isa: rt_isa
    /// Whether AMX's tiles are those of the model.
    var isOnTileModel = false

    /// Every set that this machine can run, the scalar one first.
    static let available: [KernelSet] =
        [RT_ISA_SCALAR, RT_ISA_AVX2, RT_ISA_AVX512, RT_ISA_AVX512_BF16, RT_ISA_AMX_BF16]
        .filter { rt_kernels_for($0) != nil }.map { KernelSet(isa: $0) }

    /// The kernels for AMX on the model of tiles, where the rest of them runs.
    static let onTileModel: KernelSet? =
        rt_kernels_for(RT_ISA_AVX512_BF16) == nil
        ? nil : KernelSet(isa: RT_ISA_AMX_BF16, isOnTileModel: true)

    /// The function table.
    var kernels: rt_kernels {
        if isOnTileModel { return rt_tile_model_kernels() }
        guard let table = rt_kernels_for(isa) else { preconditionFailure("filtered above") }
        return table.pointee
    }

    /// Whether it multiplies bf16 numbers as such, with rounded weights.
    var multipliesBFloat16: Bool { isa.rawValue >= RT_ISA_AVX512_BF16.rawValue }

    var testDescription: String { String(cString: kernels.name) }
}
