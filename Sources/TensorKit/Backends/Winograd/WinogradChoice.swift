// SPDX-License-Identifier: Apache-2.0

/// Which convolutions use Winograd's algorithm.
///
/// It depends only on the layer and the processor, never on the picture, so that an image's bits do
/// not depend on earlier sizes.
struct WinogradChoice: Sendable {
    private let type: ElementType
    private let isAllowed: Bool
    private let isFast: Bool

    /// - Parameters:
    ///   - type: type of inputs and products.
    ///   - isAllowed: false to force the direct algorithm, for comparison.
    init(type: ElementType, cpu: CPUInfo, isAllowed: Bool) {
        self.type = type
        self.isAllowed = isAllowed
        isFast =
            switch type {
            case _ where !isAllowed: false
            case .float32: cpu.instructionSet != .scalar
            // Matrix units multiply several times as fast as our vectors.
            case .bfloat16: cpu.instructionSet == .avx512BFloat16 && !cpu.hasAMXBF16
            }
    }

    /// Fewest pixels for which twice the speed justifies weights of 16/9 the size.
    ///
    /// The deep levels of a large model hold most of its weights and do little of its work; bf16
    /// weights are half as large, so more of them may grow.
    private var pixelCountMin: Int { type == .bfloat16 ? 256 : 1024 }

    /// A layer with at most this many weights may always grow.
    private static let smallWeightCount = 9 * 512 * 512

    /// Whether it pays off for a layer.
    func pays(_ parameters: ConvolutionParameters) -> Bool {
        guard isFast, fits(parameters.geometry) else { return false }
        return parameters.weight.count <= Self.smallWeightCount
            || (parameters.usualPixelCount ?? 0) >= pixelCountMin
    }

    /// Whether a layer is computed in bytes, which only Winograd's algorithm does.
    ///
    /// Its weights are always smaller than those of a direct convolution in bf16.
    func paysInInt8(_ parameters: ConvolutionParameters) -> Bool {
        isAllowed && parameters.allowsInt8 && fits(parameters.geometry)
    }

    private func fits(_ geometry: ConvolutionGeometry) -> Bool {
        geometry.kernelSize == 3 && geometry.stride == 1 && geometry.padding == 1
            && geometry.verticalPadding <= 1
            // Whole vectors; with fewer outputs most of a tile's width would be idle.
            && geometry.inputChannels.isMultiple(of: 16) && geometry.outputChannels >= 32
    }
}
