// SPDX-License-Identifier: Apache-2.0

import CKernels

/// Which convolutions use Winograd's algorithm, and with which tile.
///
/// It depends only on the layer and the machine, never on the picture, so that an image's bits do
/// not depend on earlier sizes.
package struct WinogradChoice: Sendable {
    private let type: ElementType
    private let isAllowed: Bool
    private let isFast: Bool
    /// Whether F(4×4) is chosen at all.
    private let hasLargeTiles: Bool

    /// - Parameters:
    ///   - type: type of inputs and products.
    ///   - isAllowed: false to force the direct algorithm, for comparison.
    ///   - memoryByteCount: the memory that this process may ever use; `nil` for no limit.
    package init(type: ElementType, cpu: CPUInfo, isAllowed: Bool, memoryByteCount: Int?) {
        self.type = type
        self.isAllowed = isAllowed
        isFast =
            switch type {
            case _ where !isAllowed: false
            case .float32: cpu.instructionSet != .scalar
            // Matrix units multiply several times as fast as our vectors.
            case .bfloat16: cpu.instructionSet == .avx512BFloat16 && !cpu.hasAMXBF16
            }
        hasLargeTiles = isFast && (memoryByteCount ?? .max) >= Self.largeTileMemory
    }

    /// What a kernel class adds for it: bits depend on the tiles.
    package var classSuffix: String { hasLargeTiles ? "/winograd4x4" : "" }

    /// The memory of a machine on which weights may take 4 times the space instead of 16/9: 0.7 GB
    /// more for a U-Net of Stable Diffusion 1.5's size in f32, which takes 4 GB without.
    package static let largeTileMemory = 7 << 30

    /// Fewest pixels for which twice the speed justifies weights of 16/9 the size.
    ///
    /// The deep levels of a large model hold most of its weights and do little of its work; bf16
    /// weights are half as large, so more of them may grow.
    private var pixelCountMin: Int { type == .bfloat16 ? 256 : 1024 }

    /// A layer with at most this many weights may always grow.
    private static let smallWeightCount = 9 * 512 * 512

    /// The tile for a layer; `nil` where a direct convolution is as good.
    package func tile(_ parameters: ConvolutionParameters) -> WinogradTile? {
        guard isFast, fits(parameters.geometry) else { return nil }
        let isSmall = parameters.weight.count <= Self.smallWeightCount
        guard let pixels = parameters.usualPixelCount else {
            return isSmall ? .greatestOfUnknownSize : nil
        }
        if hasLargeTiles, let least = largeTilePixelCountMin(parameters.use), pixels >= least {
            return .greatest
        }
        return isSmall || pixels >= pixelCountMin ? .two : nil
    }

    /// Whether a layer is computed in bytes, which only Winograd's algorithm does.
    ///
    /// Its weights take less than those of a direct convolution in bf16 from 32 inputs on.
    func paysInInt8(_ parameters: ConvolutionParameters) -> Bool {
        isAllowed && parameters.allowsInt8 && fits(parameters.geometry)
    }

    private func fits(_ geometry: ConvolutionGeometry) -> Bool {
        geometry.kernelSize == 3 && geometry.stride == 1 && geometry.padding == 1
            && geometry.verticalPadding <= 1
            // Whole vectors; with fewer outputs most of a tile's width would be idle.
            && geometry.inputChannels.isMultiple(of: 16) && geometry.outputChannels >= 32
    }

    /// Fewest pixels for which F(4×4) is worth its memory; `nil` where it is not exact enough.
    private func largeTilePixelCountMin(_ use: ConvolutionUse) -> Int? {
        switch (use, type) {
        // Its error in f32 is at most 2.3 times that of F(2×2), and hardly larger in wide layers.
        case (.everyStep, .float32): 1024
        // Rounding transformed pixels to bf16 costs three times as much as with F(2×2).
        case (.everyStep, .bfloat16): nil
        // The coarsest level has half of a decoder's weights and a twelfth of its work.
        case (.oncePerPicture, _): 128 * 128
        }
    }
}

/// The outputs that Winograd's algorithm computes together, along each side.
package enum WinogradTile: Int, Sendable, Hashable, CaseIterable {
    /// F(2×2, 3×3): 16 products instead of 36, weights of 16/9 the size.
    case two = 2
    /// F(4×4, 3×3): 36 products instead of 144, weights of 4 times the size.
    case four = 4

    /// No layer has a greater one.
    package static let greatest = WinogradTile.four
    /// Nor a layer that does not say how many pixels its output usually has.
    package static let greatestOfUnknownSize = WinogradTile.two

    /// Lines computed together.
    package var lineCount: Int { rawValue }

    /// For the kernels.
    var kernelTile: rt_winograd_tile {
        switch self {
        case .two: RT_WINOGRAD_2X2
        case .four: RT_WINOGRAD_4X4
        }
    }
}
