// SPDX-License-Identifier: Apache-2.0

import CThreadTeam

/// The facts about this machine that determine kernels and threads.
package struct CPUInfo: Sendable, Hashable {
    /// The vendor as reported by the processor, such as `GenuineIntel`.
    package var vendor: String
    package var family: Int
    package var model: Int
    /// AVX2, FMA and F16C.
    package var hasAVX2: Bool
    /// AVX-512 F, DQ, BW and VL.
    package var hasAVX512: Bool
    /// bf16 dot products on vectors.
    package var hasAVX512BF16: Bool
    /// bf16 products on tiles.
    package var hasAMXBF16: Bool
    /// Whether our attention uses them: only on request (`limited(to:)`).
    package internal(set) var attendsOnTiles = false
    /// Products of bytes on AVX2's vectors (AVX-VNNI).
    package var hasAVXVNNI: Bool
    /// Products of bytes on AVX-512's vectors.
    package var hasAVX512VNNI: Bool
    /// Cores that this process may use.
    package var coreCount: Int

    package init(
        vendor: String, family: Int, model: Int, hasAVX2: Bool, hasAVX512: Bool,
        hasAVX512BF16: Bool, hasAMXBF16: Bool, hasAVXVNNI: Bool, hasAVX512VNNI: Bool,
        coreCount: Int
    ) {
        self.vendor = vendor
        self.family = family
        self.model = model
        self.hasAVX2 = hasAVX2
        self.hasAVX512 = hasAVX512
        self.hasAVX512BF16 = hasAVX512BF16
        self.hasAMXBF16 = hasAMXBF16
        self.hasAVXVNNI = hasAVXVNNI
        self.hasAVX512VNNI = hasAVX512VNNI
        self.coreCount = coreCount
    }

    /// Queries the processor and the system.
    package static func detect() -> CPUInfo {
        let cpu = rt_cpu_detect()
        let vendor = withUnsafeBytes(of: cpu.vendor) {
            String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
        }
        return CPUInfo(
            vendor: vendor, family: Int(cpu.family), model: Int(cpu.model), hasAVX2: cpu.avx2,
            hasAVX512: cpu.avx512, hasAVX512BF16: cpu.avx512_bf16, hasAMXBF16: cpu.amx_bf16,
            hasAVXVNNI: cpu.avx_vnni, hasAVX512VNNI: cpu.avx512_vnni,
            coreCount: UsableCores.count())
    }

    /// Vendor, family and model: libraries block their loops by cache sizes, so two processors with
    /// the same instructions may still sum in different orders.
    package var signature: String { "\(vendor.isEmpty ? "cpu" : vendor).\(family).\(model)" }
}

extension CPUInfo {
    /// Processors of the affinity mask; none where the system does not say.
    static func allowedProcessors() -> [Int] {
        var processors = [Int32](repeating: 0, count: 4096)
        let found = Int(rt_cpu_allowed(&processors, Int32(processors.count)))
        return processors.prefix(max(0, found)).map(Int.init)
    }
}

/// Counts the cores that this process may keep busy.
private enum UsableCores {
    /// The processors of the affinity mask, counting hyperthreads of one core once (a second thread
    /// on a core finds its multipliers busy), limited by the quota of a control group, as in
    /// containers.
    static func count() -> Int {
        let processors = CPUInfo.allowedProcessors()
        guard !processors.isEmpty else { return 1 }
        let siblings = processors.map { processor in
            let folder = "/sys/devices/system/cpu/cpu\(processor)/topology"
            return SystemFile.firstLine("\(folder)/thread_siblings_list") ?? "\(processor)"
        }
        let cores = Set(siblings).count
        return max(1, min(cores, ResourceLimits.ofProcess().processorCount ?? cores))
    }
}
