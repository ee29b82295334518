// SPDX-License-Identifier: Apache-2.0

/// `[batch, height, width, channels]`, channels innermost.
///
/// A feature map and the token matrix of a transformer block are the same memory in this layout:
/// token `y · width + x` is the row of pixel (x, y). A sequence (text) has width 1.
package struct TensorShape: Hashable, Sendable {
    package var batch: Int
    package var height: Int
    package var width: Int
    package var channels: Int

    package init(batch: Int = 1, height: Int, width: Int, channels: Int) {
        precondition(batch > 0 && height > 0 && width > 0 && channels > 0, "an empty shape")
        self.batch = batch
        self.height = height
        self.width = width
        self.channels = channels
    }

    /// A sequence `[batch, tokens, channels]`.
    package init(batch: Int = 1, tokens: Int, channels: Int) {
        self.init(batch: batch, height: tokens, width: 1, channels: channels)
    }

    /// Tokens (pixels) per batch item.
    package var tokenCount: Int { height * width }
    /// Rows of the tensor's `[rows, channels]` matrix.
    package var rowCount: Int { batch * height * width }
    /// Total values.
    package var elementCount: Int { rowCount * channels }

    /// The same grid with a different number of channels.
    package func with(channels: Int) -> TensorShape {
        TensorShape(batch: batch, height: height, width: width, channels: channels)
    }

    /// The same batch and channels on another grid.
    package func with(height: Int, width: Int) -> TensorShape {
        TensorShape(batch: batch, height: height, width: width, channels: channels)
    }
}
