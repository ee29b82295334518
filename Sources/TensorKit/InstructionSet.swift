// SPDX-License-Identifier: Apache-2.0

import CKernels
import COneDNN

/// Instruction sets with separate kernels, worst to best.
package enum InstructionSet: String, Sendable, Hashable, CaseIterable {
    case scalar
    /// AVX2, FMA and F16C.
    case avx2
    /// AVX-512 F, DQ, BW and VL.
    case avx512
    /// The same with bf16 dot products.
    case avx512BFloat16 = "avx512-bf16"

    /// Its rank from worst to best.
    var rank: UInt32 {
        switch self {
        case .scalar: RT_ISA_SCALAR.rawValue
        case .avx2: RT_ISA_AVX2.rawValue
        case .avx512: RT_ISA_AVX512.rawValue
        case .avx512BFloat16: RT_ISA_AVX512_BF16.rawValue
        }
    }

    /// The limit passed to oneDNN, which has no code without vectors.
    var oneDNNSet: dnnl_cpu_isa_t {
        switch self {
        case .scalar: dnnl_cpu_isa_sse41
        case .avx2: dnnl_cpu_isa_avx2
        case .avx512: dnnl_cpu_isa_avx512_core
        case .avx512BFloat16: dnnl_cpu_isa_avx512_core_bf16
        }
    }
}

extension CPUInfo {
    /// The best set available.
    package var instructionSet: InstructionSet {
        if hasAVX512BF16 { return .avx512BFloat16 }
        if hasAVX512 { return .avx512 }
        return hasAVX2 ? .avx2 : .scalar
    }

    /// The same processor restricted to an instruction set.
    ///
    /// AMX belongs to the best one: it is available only without a limit.
    package func limited(to limit: InstructionSet?) -> CPUInfo {
        guard let limit else { return self }
        var cpu = self
        cpu.hasAVX2 = hasAVX2 && limit.rank >= InstructionSet.avx2.rank
        cpu.hasAVX512 = hasAVX512 && limit.rank >= InstructionSet.avx512.rank
        cpu.hasAVX512BF16 = hasAVX512BF16 && limit == .avx512BFloat16
        cpu.hasAMXBF16 = false
        return cpu
    }
}
