// SPDX-License-Identifier: Apache-2.0

package import TensorKit

/// diffusers' `FeedForward` with `GEGLU`.
///
/// Many tokens are processed in several parts, one after the other: the values between the two
/// products are twelve times as wide as the tokens.
package final class FeedForward: Sendable {
    private let gatedProjection: any PackedLinear
    private let output: any PackedLinear
    private let activationType: ElementType
    private let partByteCount: Int
    /// With fewer rows, reading the weights once more would cost time.
    private static let partRowCountMin = 256

    /// - Parameter partByteCount: limit of a part's values between the products; a call of SD 1.5's
    ///   shape is 4 % faster with it than with all tokens at once (f32, AVX2).
    package init(channels: Int, loader: WeightLoader, partByteCount: Int = 8 << 20) throws {
        self.partByteCount = partByteCount
        activationType = loader.activationType
        gatedProjection = try loader.linear(
            "net.0.proj", inputChannels: channels, outputChannels: 8 * channels)
        output = try loader.linear(
            "net.2", inputChannels: 4 * channels, outputChannels: channels)
    }

    /// - Parameters:
    ///   - tokens: `[batch, tokens, channels]`, normalised, the activation type.
    ///   - output: likewise, f32.
    ///   - residual: added to the result; it may be the output itself.
    package func forward(
        _ tokens: Tensor, into output: Tensor, residual: Tensor?, lane: ComputeLane
    ) {
        let rowCount = tokens.shape.rowCount
        let partSize = partSize(rowCount: rowCount)
        lane.inParts(ofTokens: tokens.shape.tokenCount) {
            for start in stride(from: 0, to: rowCount, by: partSize) {
                let rows = start..<min(start + partSize, rowCount)
                forwardPart(
                    tokens.rows(rows), into: output.rows(rows), residual: residual?.rows(rows),
                    lane: lane)
            }
        }
    }

    private func forwardPart(
        _ tokens: Tensor, into output: Tensor, residual: Tensor?, lane: ComputeLane
    ) {
        lane.workspace.scope {
            let gated = lane.workspace.tensor(
                tokens.shape.with(channels: self.output.inputChannels), activationType)
            lane.workspace.scope {
                let projected = lane.workspace.tensor(
                    tokens.shape.with(channels: gatedProjection.outputChannels), activationType)
                lane.linear(gatedProjection, tokens, into: projected)
                lane.geglu(projected, into: gated)
            }
            lane.linear(
                self.output, gated, into: output, epilogue: Epilogue(residual: residual))
        }
    }

    /// Rows per part: parts are as equal as possible, so that a layer sees few shapes.
    private func partSize(rowCount: Int) -> Int {
        let width = gatedProjection.outputChannels + output.inputChannels
        let fitting = partByteCount / (width * activationType.byteCount)
        let partCount = (rowCount - 1) / max(fitting, Self.partRowCountMin) + 1
        return (rowCount - 1) / partCount + 1
    }
}
