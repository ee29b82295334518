// SPDX-License-Identifier: Apache-2.0

import CKernels

/// What a convolution by Winograd's algorithm multiplies, and with which kernels.
enum WinogradProducts: Sendable {
    /// Values of the inputs' type.
    case inputType(WinogradTile, InstructionSet)
    /// Bytes, with F(2×2).
    case bytes(Int8InstructionSet)

    /// The outputs computed together.
    var tile: WinogradTile {
        switch self {
        case .inputType(let tile, _): tile
        case .bytes: .two
        }
    }

    /// Its three kernels.
    var kernels: WinogradKernels {
        switch self {
        case .inputType(_, let instructionSet):
            let kernels = KernelTable.of(instructionSet).pointee
            return WinogradKernels(
                plan: kernels.winograd_plan, pack: kernels.winograd_pack,
                run: kernels.winograd_run)
        case .bytes(let instructionSet):
            let kernels = KernelTable.of(instructionSet).pointee
            return WinogradKernels(
                plan: kernels.winograd_plan, pack: kernels.winograd_pack,
                run: kernels.winograd_run)
        }
    }
}

/// The three kernels of Winograd's convolution.
struct WinogradKernels {
    let plan: @convention(c) (UnsafePointer<rt_winograd>) -> rt_winograd_plan
    let pack: Kernel
    let run: Kernel
}
