// SPDX-License-Identifier: Apache-2.0

/// The map of the tokens: token `y · width + x` is at (x, y).
package struct TokenGrid: Sendable, Hashable {
    package let height: Int
    package let width: Int

    package init(height: Int, width: Int) {
        precondition(height > 0 && width > 0, "a grid of \(height)×\(width) tokens")
        self.height = height
        self.width = width
    }

    /// N, tokens of one sample.
    package var tokenCount: Int { height * width }
}

/// A part of a U-Net.
package enum TokenMergeStage: Sendable, Hashable {
    case down
    /// Between the down and the up blocks: the bottleneck.
    case mid
    case up
}

/// One site of a network where tokens are merged: a transformer block.
package struct TokenMergeSite: Sendable, Hashable {
    /// The block's index in the network, from 0; plans and random numbers depend on it.
    package let index: Int
    /// The block's map.
    package let grid: TokenGrid
    /// C, values of a token.
    package let channels: Int
    /// How much smaller the map is than the network's input, at least 1.
    package let downsample: Int
    /// The block's position in the network.
    package let stage: TokenMergeStage

    package init(
        index: Int, grid: TokenGrid, channels: Int, downsample: Int, stage: TokenMergeStage = .down
    ) {
        precondition(
            index >= 0 && channels > 0 && downsample >= 1,
            "site \(index) of \(channels) channels at downsample \(downsample)")
        self.index = index
        self.grid = grid
        self.channels = channels
        self.downsample = downsample
        self.stage = stage
    }

    /// A block with map `grid` in a network with input `input`; downsample by ToMeSD's rule,
    /// ⌈√⌊HW / N⌋⌉.
    package init(
        index: Int, grid: TokenGrid, channels: Int, input: TokenGrid, stage: TokenMergeStage = .down
    ) {
        let quotient = max(input.tokenCount / grid.tokenCount, 1)
        let downsample = Int(Double(quotient).squareRoot().rounded(.up))
        self.init(
            index: index, grid: grid, channels: channels, downsample: downsample,
            stage: stage)
    }

    /// Halvings between the network's input and this map.
    package var level: Int { downsample.bitWidth - 1 - downsample.leadingZeroBitCount }
}

extension [TokenMergeSite] {
    /// Downsampling of the finest transformers; 1 if there are none.
    ///
    /// Stable Diffusion has transformers at the network's full resolution, SDXL only below it.
    package var finestDownsample: Int { map(\.downsample).min() ?? 1 }
}

/// One call of the network during sampling.
package struct TokenMergeCall: Sendable, Hashable {
    /// t of Algorithm 1: number of earlier calls of the network for this image.
    ///
    /// Neither a timestep nor a step: PNDM makes 51 calls in 50 steps.
    package let index: Int
    /// Whether unconditional and conditional halves run together.
    package let isGuided: Bool

    package init(index: Int, isGuided: Bool) {
        precondition(index >= 0, "call \(index)")
        self.index = index
        self.isGuided = isGuided
    }
}
