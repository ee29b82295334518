// SPDX-License-Identifier: Apache-2.0

/// The user's choice of `--backend`, `--precision`, `--threads` and `--instruction-set`.
///
/// `nil` means automatic.
package struct ComputeConfiguration: Sendable, Hashable {
    package var backend: BackendKind?
    package var precision: Precision?
    /// Total threads; `nil` means one per usable core.
    package var threadCount: Int?
    /// The best instruction set allowed; `nil` means the best available.
    package var instructionSetMax: InstructionSet?

    package init(
        backend: BackendKind? = nil, precision: Precision? = nil, threadCount: Int? = nil,
        instructionSetMax: InstructionSet? = nil
    ) {
        self.backend = backend
        self.precision = precision
        self.threadCount = threadCount
        self.instructionSetMax = instructionSetMax
    }

    /// Maximum number of threads.
    package static let threadCountMax = 1024

    /// Decides what runs on a machine, from its properties alone.
    ///
    /// - Parameters:
    ///   - cpu: the machine's processor, within `instructionSetMax`.
    ///   - oneDNNHasBFloat16: whether oneDNN has fast bf16 code for it.
    ///   - memoryByteCount: the memory that this process may ever use; `nil` for no limit.
    /// - Throws: `ComputeConfigurationError` for an unsupported combination.
    package func resolve(
        cpu: CPUInfo, oneDNNHasBFloat16: Bool, memoryByteCount: Int?
    ) throws(ComputeConfigurationError) -> ResolvedComputeConfiguration {
        let threads = threadCount ?? cpu.coreCount
        guard (1...Self.threadCountMax).contains(threads) else { throw .threadCount(threads) }
        if instructionSetMax == .amxBFloat16, cpu.instructionSet != .amxBFloat16 {
            throw .noAMXOnThisMachine
        }
        let backend = backend ?? .onednn
        switch (backend, precision) {
        case (.openblas, .bfloat16): throw .noBFloat16InOpenBLAS
        case (.openblas, .int8): throw .noInt8InOpenBLAS
        case (.onednn, .int8) where cpu.int8InstructionSet == nil: throw .noInt8OnThisProcessor
        case (.onednn, .bfloat16) where !oneDNNHasBFloat16: throw .noBFloat16OnThisProcessor
        default: break
        }
        // Without such instructions bf16 is slower than f32, so it is used only on request.
        let isFast = oneDNNHasBFloat16 && cpu.hasFastBFloat16
        let automatic = backend == .onednn && isFast ? Precision.bfloat16 : .float32
        return ResolvedComputeConfiguration(
            backend: backend, precision: precision ?? automatic, threadCount: threads, cpu: cpu,
            memoryByteCount: memoryByteCount)
    }

    /// Decides for this machine.
    ///
    /// A limit on instructions applies to the whole process; the first one counts.
    package func resolve() throws(ComputeConfigurationError) -> ResolvedComputeConfiguration {
        // The processor's tiles need the system's permission, for oneDNN's threads, too.
        if instructionSetMax == .amxBFloat16, !KernelTable.exists(.amxBFloat16) {
            throw .noAMXOnThisMachine
        }
        if let instructionSetMax { OneDNNLibrary.limit(to: instructionSetMax) }
        return try resolve(
            cpu: CPUInfo.detect().limited(to: instructionSetMax),
            oneDNNHasBFloat16: OneDNNLibrary.supportsBFloat16,
            memoryByteCount: AvailableMemory.limit)
    }
}

/// The resulting choice.
package struct ResolvedComputeConfiguration: Sendable, Hashable {
    package let backend: BackendKind
    package let precision: Precision
    package let threadCount: Int
    /// The processor, without disallowed instructions.
    package let cpu: CPUInfo
    /// The memory that this process may ever use; `nil` for no limit.
    package let memoryByteCount: Int?

    /// Starts the backend.
    ///
    /// Call it once, before other threads read the environment.
    /// - Throws: `OpenBLASError` or `OneDNNError`.
    package func makeBackend() throws -> any ComputeBackend {
        switch backend {
        case .openblas:
            return OpenBLASBackend(
                library: try OpenBLASLibrary(cpu: cpu), cpu: cpu, memoryByteCount: memoryByteCount)
        case .onednn:
            return try OneDNNBackend(
                precision: precision, library: OneDNNLibrary(), cpu: cpu,
                memoryByteCount: memoryByteCount)
        }
    }
}

/// A choice that cannot run here.
package enum ComputeConfigurationError: Error, Hashable, CustomStringConvertible {
    case noAMXOnThisMachine
    case noBFloat16InOpenBLAS
    case noBFloat16OnThisProcessor
    case noInt8InOpenBLAS
    case noInt8OnThisProcessor
    case threadCount(Int)

    package var description: String {
        switch self {
        case .noAMXOnThisMachine:
            """
            --instruction-set amx-bf16 needs a processor with AMX-BF16, and Linux 5.16 or newer that \
            lets this process use it; use --instruction-set auto
            """
        case .noBFloat16InOpenBLAS:
            "OpenBLAS computes in f32 only; use --backend onednn, or --precision f32"
        case .noBFloat16OnThisProcessor:
            "bf16 needs a processor with AVX-512; use --precision f32"
        case .noInt8InOpenBLAS:
            "OpenBLAS computes in f32 only; use --backend onednn, or --precision f32"
        case .noInt8OnThisProcessor:
            """
            int8 needs a processor with AVX512-VNNI or AVX-VNNI, and an --instruction-set that \
            includes it; use --precision auto
            """
        case .threadCount(let count):
            "\(count) threads; use 1 to \(ComputeConfiguration.threadCountMax)"
        }
    }
}
