// SPDX-License-Identifier: Apache-2.0

import CKernels
import COneDNN

/// Instruction sets with separate kernels, worst to best.
package enum InstructionSet: String, Sendable, Hashable, CaseIterable {
    case scalar
    /// AVX2, FMA and F16C.
    case avx2
    /// The same with dot products of bytes (AVX-VNNI).
    case avx2VNNI = "avx2-vnni"
    /// AVX-512 F, DQ, BW and VL.
    case avx512
    /// The same with dot products of bytes.
    case avx512VNNI = "avx512-vnni"
    /// The same with bf16 dot products.
    case avx512BFloat16 = "avx512-bf16"
    /// The same with attention in bf16 on AMX's tiles, only on request: nobody has measured it.
    case amxBFloat16 = "amx-bf16"

    /// Its kernels, but for products of bytes.
    var kernelSet: rt_isa {
        switch self {
        case .scalar: RT_ISA_SCALAR
        case .avx2, .avx2VNNI: RT_ISA_AVX2
        case .avx512, .avx512VNNI: RT_ISA_AVX512
        case .avx512BFloat16: RT_ISA_AVX512_BF16
        case .amxBFloat16: RT_ISA_AMX_BF16
        }
    }

    /// The limit passed to oneDNN, which has no code without vectors.
    var oneDNNSet: dnnl_cpu_isa_t {
        switch self {
        case .scalar: dnnl_cpu_isa_sse41
        case .avx2: dnnl_cpu_isa_avx2
        case .avx2VNNI: dnnl_cpu_isa_avx2_vnni
        case .avx512: dnnl_cpu_isa_avx512_core
        case .avx512VNNI: dnnl_cpu_isa_avx512_core_vnni
        case .avx512BFloat16: dnnl_cpu_isa_avx512_core_bf16
        case .amxBFloat16: dnnl_cpu_isa_avx512_core_amx
        }
    }
}

extension CPUInfo {
    /// The best set available; with AMX only if it was asked for.
    package var instructionSet: InstructionSet {
        if attendsOnTiles { return .amxBFloat16 }
        if hasAVX512BF16 { return .avx512BFloat16 }
        if hasAVX512 { return hasAVX512VNNI ? .avx512VNNI : .avx512 }
        if hasAVX2 { return hasAVXVNNI ? .avx2VNNI : .avx2 }
        return .scalar
    }

    /// The best set with dot products of bytes, if any.
    package var int8InstructionSet: Int8InstructionSet? {
        if hasAVX512VNNI { return .avx512VNNI }
        return hasAVXVNNI ? .avx2VNNI : nil
    }

    /// Whether bf16 products are faster than f32 ones.
    var hasFastBFloat16: Bool { hasAVX512BF16 || hasAMXBF16 }

    /// The same processor restricted to an instruction set.
    ///
    /// Without a limit AMX is oneDNN's alone; it is for attention, too, if it is the limit.
    package func limited(to limit: InstructionSet?) -> CPUInfo {
        guard let limit else { return self }
        func allows(_ set: InstructionSet) -> Bool {
            let all = InstructionSet.allCases
            return all.firstIndex(of: set)! <= all.firstIndex(of: limit)!
        }
        var cpu = self
        cpu.hasAVX2 = hasAVX2 && allows(.avx2)
        // The first processors with AVX-512 had no products of bytes.
        cpu.hasAVXVNNI = hasAVXVNNI && allows(.avx2VNNI) && limit != .avx512
        cpu.hasAVX512 = hasAVX512 && allows(.avx512)
        cpu.hasAVX512VNNI = hasAVX512VNNI && allows(.avx512VNNI)
        cpu.hasAVX512BF16 = hasAVX512BF16 && allows(.avx512BFloat16)
        cpu.hasAMXBF16 = hasAMXBF16 && limit == .amxBFloat16
        cpu.attendsOnTiles = cpu.hasAMXBF16 && cpu.hasAVX512BF16
        return cpu
    }
}

/// Instruction sets with separate kernels for products of bytes.
package enum Int8InstructionSet: Sendable, Hashable {
    /// AVX-VNNI.
    case avx2VNNI
    /// AVX512-VNNI.
    case avx512VNNI

    /// Its kernels.
    var kernelSet: rt_int8_isa {
        switch self {
        case .avx2VNNI: RT_INT8_ISA_AVX2_VNNI
        case .avx512VNNI: RT_INT8_ISA_AVX512_VNNI
        }
    }
}
