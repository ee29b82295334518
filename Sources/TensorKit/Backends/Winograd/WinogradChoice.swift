// SPDX-License-Identifier: Apache-2.0

/// Which convolutions are done by Winograd's algorithm.
///
/// It depends on the layer and the processor alone, never on the picture, so that an image's bits
/// don't change with the sizes drawn before it.
struct WinogradChoice: Sendable {
    private let type: ElementType
    private let isFast: Bool

    /// - Parameters:
    ///   - type: of inputs and products.
    ///   - isAllowed: false where the plain algorithm is wanted, for comparison.
    init(type: ElementType, cpu: CPUInfo, isAllowed: Bool) {
        self.type = type
        isFast =
            switch type {
            case _ where !isAllowed: false
            case .float32: cpu.instructionSet != .scalar
            // Matrix units multiply several times as fast as our vectors.
            case .bfloat16: cpu.instructionSet == .avx512BFloat16 && !cpu.hasAMXBF16
            }
    }

    /// Fewest pixels for which twice the speed is worth weights of 16/9 the size.
    ///
    /// The deep levels of a large model hold most of its weights and do little of its work; bf16
    /// weights are half as large, so that more of them may grow.
    private var pixelCountMin: Int { type == .bfloat16 ? 256 : 1024 }

    /// Weights of a layer that is small enough to grow in any case.
    private static let smallWeightCount = 9 * 512 * 512

    /// Whether it pays for a layer.
    func pays(_ parameters: ConvolutionParameters) -> Bool {
        let geometry = parameters.geometry
        guard isFast, geometry.kernelSize == 3, geometry.stride == 1, geometry.padding == 1,
            geometry.verticalPadding <= 1,
            // Whole vectors; with fewer outputs most of a tile's width would be idle.
            geometry.inputChannels.isMultiple(of: 16), geometry.outputChannels >= 32
        else { return false }
        return parameters.weight.count <= Self.smallWeightCount
            || (parameters.usualPixelCount ?? 0) >= pixelCountMin
    }
}
