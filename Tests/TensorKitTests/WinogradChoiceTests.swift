// SPDX-License-Identifier: Apache-2.0

import TensorKit
import Testing

/// Which tile a layer gets: a function of the layer, the precision, its use and the machine.
@Suite struct WinogradChoiceTests {
    private static func cpu(_ set: InstructionSet, hasAMX: Bool = false) -> CPUInfo {
        CPUInfo(
            vendor: "GenuineIntel", family: 6, model: 143, hasAVX2: set != .scalar,
            hasAVX512: set == .avx512 || set == .avx512BFloat16,
            hasAVX512BF16: set == .avx512BFloat16, hasAMXBF16: hasAMX, hasAVXVNNI: false,
            hasAVX512VNNI: false, coreCount: 8)
    }

    private func tile(
        _ inputs: Int, _ outputs: Int, pixels: Int?, _ use: ConvolutionUse = .everyStep,
        type: ElementType = .float32, cpu: CPUInfo = cpu(.avx512BFloat16), memory: Int? = nil,
        isAllowed: Bool = true, stride: Int = 1, size: Int = 3
    ) -> WinogradTile? {
        let choice = WinogradChoice(
            type: type, cpu: cpu, isAllowed: isAllowed, memoryByteCount: memory)
        let weight = [Float](repeating: 0, count: inputs * outputs * size * size)
        return weight.withUnsafeBufferPointer {
            choice.tile(
                ConvolutionParameters(
                    weight: $0, bias: nil,
                    geometry: ConvolutionGeometry(
                        inputChannels: inputs, outputChannels: outputs, kernelSize: size,
                        stride: stride),
                    usualPixelCount: pixels, use: use))
        }
    }

    /// Levels of a U-Net of Stable Diffusion 1.5's shape.
    @Test func levelsOfAUNet() {
        #expect(tile(320, 320, pixels: 4096) == .four)
        #expect(tile(1280, 640, pixels: 1024) == .four)
        #expect(tile(1280, 1280, pixels: 256) == nil)
        #expect(tile(320, 320, pixels: 256) == .two)
        #expect(tile(320, 320, pixels: nil) == .two)
        #expect(tile(320, 320, pixels: 4096, type: .bfloat16) == .two)
        #expect(tile(1280, 1280, pixels: 256, type: .bfloat16) == .two)
        #expect(tile(1280, 1280, pixels: 64, type: .bfloat16) == nil)
    }

    /// Levels of a VAE's decoder.
    @Test(arguments: [ElementType.float32, .bfloat16])
    func levelsOfADecoder(_ type: ElementType) {
        #expect(tile(512, 512, pixels: 64 * 64, .oncePerPicture, type: type) == .two)
        #expect(tile(512, 512, pixels: 128 * 128, .oncePerPicture, type: type) == .four)
        #expect(tile(128, 128, pixels: 512 * 512, .oncePerPicture, type: type) == .four)
        #expect(tile(128, 3, pixels: 512 * 512, .oncePerPicture, type: type) == nil)
    }

    @Test func onlyConvolutionsThatTheKernelsCompute() {
        #expect(tile(320, 320, pixels: 4096, stride: 2) == nil)
        #expect(tile(320, 320, pixels: 4096, size: 1) == nil)
        #expect(tile(4, 320, pixels: 4096) == nil)
        #expect(tile(320, 320, pixels: 4096, isAllowed: false) == nil)
        #expect(tile(320, 320, pixels: 4096, cpu: Self.cpu(.scalar)) == nil)
        #expect(tile(320, 320, pixels: 4096, cpu: Self.cpu(.avx2)) == .four)
        // Tiles of AMX multiply several times as fast, in bf16.
        let amx = Self.cpu(.avx512BFloat16, hasAMX: true)
        #expect(tile(320, 320, pixels: 4096, .oncePerPicture, type: .bfloat16, cpu: amx) == nil)
        #expect(tile(320, 320, pixels: 4096, cpu: amx) == .four)
    }

    /// Weights of four times the size need a machine that has the memory; the class says which it
    /// is.
    @Test func memoryAndClass() {
        let enough = WinogradChoice.largeTileMemory
        #expect(tile(320, 320, pixels: 4096, memory: enough) == .four)
        #expect(tile(320, 320, pixels: 4096, memory: enough - 1) == .two)
        func suffix(_ set: InstructionSet, _ memory: Int?) -> String {
            WinogradChoice(
                type: .float32, cpu: Self.cpu(set), isAllowed: true, memoryByteCount: memory
            ).classSuffix
        }
        #expect(suffix(.avx2, nil) == "/winograd4x4")
        #expect(suffix(.avx2, enough - 1).isEmpty)
        #expect(suffix(.scalar, nil).isEmpty)
    }
}
