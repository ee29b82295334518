// SPDX-License-Identifier: Apache-2.0

import CKernels
import TensorKit
import Testing

@Suite struct ComputeConfigurationTests {
    private static func cpu(
        avx2: Bool = true, avx512: Bool = false, bf16: Bool = false, amx: Bool = false,
        avxVNNI: Bool = false, avx512VNNI: Bool = false, vendor: String = "GenuineIntel"
    ) -> CPUInfo {
        CPUInfo(
            vendor: vendor, family: 6, model: 143, hasAVX2: avx2, hasAVX512: avx512,
            hasAVX512BF16: bf16, hasAMXBF16: amx, hasAVXVNNI: avxVNNI, hasAVX512VNNI: avx512VNNI,
            coreCount: 6)
    }

    @Test func automaticChoiceTakesTheFastestPrecision() throws {
        let automatic = ComputeConfiguration()
        let old = try automatic.resolve(
            cpu: Self.cpu(), oneDNNHasBFloat16: false, memoryByteCount: nil)
        #expect(old.backend == .onednn && old.precision == .float32 && old.threadCount == 6)
        let skylake = try automatic.resolve(
            cpu: Self.cpu(avx512: true), oneDNNHasBFloat16: true, memoryByteCount: nil)
        #expect(skylake.precision == .float32)
        for cpu in [Self.cpu(avx512: true, bf16: true), Self.cpu(avx512: true, amx: true)] {
            let new = try automatic.resolve(cpu: cpu, oneDNNHasBFloat16: true, memoryByteCount: nil)
            #expect(new.backend == .onednn && new.precision == .bfloat16)
            // The processor supports it, the library does not.
            let limited = try automatic.resolve(
                cpu: cpu, oneDNNHasBFloat16: false, memoryByteCount: nil)
            #expect(limited.precision == .float32)
        }
    }

    @Test func requestsAreHonoured() throws {
        let new = Self.cpu(avx512: true, bf16: true)
        let f32 = try ComputeConfiguration(precision: .float32, threadCount: 3)
            .resolve(cpu: new, oneDNNHasBFloat16: true, memoryByteCount: nil)
        #expect(f32.precision == .float32 && f32.backend == .onednn && f32.threadCount == 3)
        let blas = try ComputeConfiguration(backend: .openblas)
            .resolve(cpu: new, oneDNNHasBFloat16: true, memoryByteCount: nil)
        #expect(blas.precision == .float32 && blas.backend == .openblas)
        let emulated = try ComputeConfiguration(precision: .bfloat16)
            .resolve(cpu: Self.cpu(avx512: true), oneDNNHasBFloat16: true, memoryByteCount: nil)
        #expect(emulated.precision == .bfloat16)
    }

    @Test func impossibleRequestsSayWhatToDo() {
        #expect(throws: ComputeConfigurationError.noBFloat16InOpenBLAS) {
            try ComputeConfiguration(backend: .openblas, precision: .bfloat16)
                .resolve(
                    cpu: Self.cpu(avx512: true, bf16: true), oneDNNHasBFloat16: true,
                    memoryByteCount: nil)
        }
        #expect(throws: ComputeConfigurationError.noBFloat16OnThisProcessor) {
            try ComputeConfiguration(precision: .bfloat16)
                .resolve(cpu: Self.cpu(), oneDNNHasBFloat16: false, memoryByteCount: nil)
        }
        for count in [0, -1, 1025] {
            #expect(throws: ComputeConfigurationError.threadCount(count)) {
                try ComputeConfiguration(threadCount: count)
                    .resolve(cpu: Self.cpu(), oneDNNHasBFloat16: false, memoryByteCount: nil)
            }
        }
        for error in [
            ComputeConfigurationError.noBFloat16InOpenBLAS, .noBFloat16OnThisProcessor,
            .noInt8InOpenBLAS, .noInt8OnThisProcessor, .noAMXOnThisMachine, .threadCount(0),
        ] {
            #expect("\(error)".contains("use "))
        }
    }

    /// A limit removes newer features for every part that queries the processor.
    @Test(arguments: InstructionSet.allCases)
    func limitsLeaveWhatIsOlder(_ limit: InstructionSet) throws {
        let new = Self.cpu(
            avx512: true, bf16: true, amx: true, avxVNNI: true, avx512VNNI: true)
        #expect(new.limited(to: nil) == new)
        let limited = new.limited(to: limit)
        #expect(limited.instructionSet == limit)
        #expect(limited.hasAMXBF16 == (limit == .amxBFloat16))
        #expect(limited.signature == new.signature)
        let old = Self.cpu(avx2: false)
        #expect(old.limited(to: limit) == old)
        let automatic = try ComputeConfiguration().resolve(
            cpu: limited, oneDNNHasBFloat16: limited.hasAVX512, memoryByteCount: nil)
        let isBFloat16 = [InstructionSet.avx512BFloat16, .amxBFloat16].contains(limit)
        #expect((automatic.precision == .bfloat16) == isBFloat16)
        #expect(automatic.cpu == limited)
        let hasInt8 = [InstructionSet.avx2VNNI, .avx512VNNI, .avx512BFloat16, .amxBFloat16]
            .contains(limit)
        #expect((limited.int8InstructionSet != nil) == hasInt8)
        if limit == .avx2VNNI { #expect(limited.int8InstructionSet == .avx2VNNI) }
    }

    /// Attention on tiles is never chosen unasked, not even where there are tiles; asked for, it is
    /// refused where there are none.
    @Test func tilesAreForAttentionOnlyOnRequest() throws {
        let amx = Self.cpu(avx512: true, bf16: true, amx: true, avx512VNNI: true)
        let automatic = try ComputeConfiguration().resolve(
            cpu: amx, oneDNNHasBFloat16: true, memoryByteCount: nil)
        #expect(automatic.cpu.instructionSet == .avx512BFloat16 && !automatic.cpu.attendsOnTiles)
        let asking = ComputeConfiguration(instructionSetMax: .amxBFloat16)
        let asked = try asking.resolve(
            cpu: amx.limited(to: .amxBFloat16), oneDNNHasBFloat16: true, memoryByteCount: nil)
        #expect(asked.cpu.instructionSet == .amxBFloat16 && asked.precision == .bfloat16)
        for other in [Self.cpu(), Self.cpu(avx512: true, bf16: true)] {
            #expect(throws: ComputeConfigurationError.noAMXOnThisMachine) {
                try asking.resolve(
                    cpu: other.limited(to: .amxBFloat16), oneDNNHasBFloat16: other.hasAVX512,
                    memoryByteCount: nil)
            }
        }
    }

    /// Other bits than without tiles, another class; in f32 attention does not use them.
    @Test(.enabled(if: OneDNNLibrary.supportsBFloat16)) func attentionOnTilesIsAClassOfItsOwn()
        throws
    {
        let amx = Self.cpu(avx512: true, bf16: true, amx: true, avx512VNNI: true)
        func kernelClass(_ precision: Precision, _ limit: InstructionSet?) throws -> String {
            try OneDNNBackend(
                precision: precision, library: OneDNNLibrary(), cpu: amx.limited(to: limit),
                memoryByteCount: nil
            ).kernelClass
        }
        for precision in [Precision.bfloat16, .int8] {
            let tiles = try kernelClass(precision, .amxBFloat16)
            #expect(try tiles == kernelClass(precision, nil) + "/attention-amx")
        }
        #expect(try kernelClass(.float32, .amxBFloat16) == kernelClass(.float32, nil))
    }

    /// On this machine, tiles are there or refused with one clear error.
    @Test func tilesOfThisMachine() throws {
        let asking = ComputeConfiguration(instructionSetMax: .amxBFloat16)
        guard rt_kernels_for(RT_ISA_AMX_BF16) == nil else { return }
        #expect(throws: ComputeConfigurationError.noAMXOnThisMachine) { try asking.resolve() }
    }

    /// int8 is never chosen unasked, and needs dot products of bytes.
    @Test func int8NeedsItsInstructions() throws {
        let asked = ComputeConfiguration(precision: .int8)
        for cpu in [
            Self.cpu(avxVNNI: true), Self.cpu(avx512: true, avx512VNNI: true),
            Self.cpu(avx512: true, bf16: true, avx512VNNI: true),
        ] {
            let resolved = try asked.resolve(
                cpu: cpu, oneDNNHasBFloat16: cpu.hasAVX512, memoryByteCount: nil)
            #expect(resolved.precision == .int8 && resolved.backend == .onednn)
            let automatic = try ComputeConfiguration().resolve(
                cpu: cpu, oneDNNHasBFloat16: cpu.hasAVX512, memoryByteCount: nil)
            #expect(automatic.precision != .int8)
        }
        #expect(throws: ComputeConfigurationError.noInt8OnThisProcessor) {
            try asked.resolve(
                cpu: Self.cpu(avx512: true, bf16: true), oneDNNHasBFloat16: true,
                memoryByteCount: nil)
        }
        #expect(throws: ComputeConfigurationError.noInt8InOpenBLAS) {
            try ComputeConfiguration(backend: .openblas, precision: .int8)
                .resolve(
                    cpu: Self.cpu(avxVNNI: true), oneDNNHasBFloat16: false, memoryByteCount: nil)
        }
    }

    @Test func coreTypeFitsTheProcessor() {
        #expect(OpenBLASLibrary.coreType(for: Self.cpu(avx512: true)) == "SkylakeX")
        #expect(OpenBLASLibrary.coreType(for: Self.cpu()) == "Haswell")
        #expect(OpenBLASLibrary.coreType(for: Self.cpu(vendor: "AuthenticAMD")) == "Zen")
        #expect(OpenBLASLibrary.coreType(for: Self.cpu(avx2: false)) == nil)
    }

    /// Whatever the environment requests, OpenBLAS runs suitable kernels and reports them.
    @Test func libraryRunsTheKernelsThatWereAskedFor() throws {
        let cpu = CPUInfo.detect()
        let library = try OpenBLASLibrary(cpu: cpu)
        if let core = OpenBLASLibrary.coreType(for: cpu) {
            #expect(library.coreName.lowercased() == core.lowercased())
        }
        #expect(library.version.first?.isNumber == true)
        let backend = OpenBLASBackend(library: library, cpu: cpu, memoryByteCount: nil)
        #expect(backend.kernelClass.hasPrefix("openblas-\(library.version)/f32/"))
        #expect(
            backend.kernelClass.hasSuffix(cpu.signature + Self.winogradSuffix(.float32, cpu)))
    }

    /// Versions of oneDNN sum in different orders, so each is a class of its own.
    @Test(arguments: BackendUnderTest.available.filter { $0.kind == .onednn })
    func oneDNNsVersionIsPartOfTheClass(_ tested: BackendUnderTest) throws {
        let version = OneDNNLibrary.version.split(separator: ".").compactMap { Int($0) }
        try #require(version.count == 3)
        #expect(version[0] == 3 || version[0] == 2 && version[1] >= 6)
        let backend = try tested.make()
        #expect(
            backend.kernelClass
                == "onednn-\(OneDNNLibrary.version)/\(tested.precision.rawValue)/"
                + "\(OneDNNLibrary.instructionSet)/\(CPUInfo.detect().signature)"
                + Self.winogradSuffix(
                    tested.precision == .bfloat16 ? .bfloat16 : .float32, .detect()))
    }

    /// Where bits depend on it, the class says that convolutions have large tiles.
    private static func winogradSuffix(_ type: ElementType, _ cpu: CPUInfo) -> String {
        WinogradChoice(
            type: type, cpu: cpu, isAllowed: true, memoryByteCount: nil
        ).classSuffix
    }

    /// Memory is one of the values that decide, with either library; nothing asks for it later.
    @Test(.enabled(if: CPUInfo.detect().hasAVX2), arguments: [BackendKind.openblas, .onednn])
    func shortMemoryIsAnotherClass(_ kind: BackendKind) throws {
        func kernelClass(_ memoryByteCount: Int?) throws -> String {
            let cpu = CPUInfo.detect()
            let resolved = try ComputeConfiguration(backend: kind, precision: .float32).resolve(
                cpu: cpu, oneDNNHasBFloat16: false, memoryByteCount: memoryByteCount)
            #expect(resolved.memoryByteCount == memoryByteCount)
            return try resolved.makeBackend().kernelClass
        }
        let enough = WinogradChoice.largeTileMemory
        let short = try kernelClass(enough - 1)
        #expect(short.hasSuffix(CPUInfo.detect().signature))
        #expect(try kernelClass(nil) == short + "/winograd4x4")
        #expect(try kernelClass(enough) == kernelClass(nil))
    }

    @Test func missingLibraryIsOneClearError() async {
        await #expect(processExitsWith: .success) {
            do {
                _ = try OpenBLASLibrary(cpu: .detect(), path: "libno-such-blas.so.7")
                throw ComputeConfigurationError.threadCount(0)
            } catch let error as OpenBLASError {
                precondition("\(error)".contains("libno-such-blas.so.7"))
                precondition("\(error)".contains("install libopenblas0"))
            }
        }
    }

    @Test func thisMachine() throws {
        let cpu = CPUInfo.detect()
        #expect(cpu.coreCount >= 1)
        #expect(!cpu.hasAVX512BF16 || cpu.hasAVX512)
        #expect(!cpu.hasAVX512 || cpu.hasAVX2)
        let resolved = try ComputeConfiguration().resolve()
        let backend = try resolved.makeBackend()
        #expect(backend.kind == resolved.backend && backend.precision == resolved.precision)
        #expect((4...5).contains(backend.kernelClass.split(separator: "/").count))
    }
}
