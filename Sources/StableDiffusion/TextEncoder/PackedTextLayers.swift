// SPDX-License-Identifier: Apache-2.0

/// When the layers of a text encoder stay packed after a prompt.
///
/// Packing those of Stable Diffusion 1.5 takes as long as a U-Net call, those of 2.1 longer. A run of
/// one prompt and many steps hardly notices, and has the memory for its U-Net.
package enum PackedTextLayers {
    /// U-Net calls up to which packing is a good part of an image.
    package static let fewCallsMax = 10

    /// Decides it for a prompt.
    ///
    /// - Parameters:
    ///   - earlierEncodings: how often this process encoded other prompts: after one there will be
    ///     more.
    ///   - callCount: U-Net calls that the prompt is encoded for.
    ///   - byteCount: what the layers take.
    ///   - available: bytes that the machine has left; `nil` where it does not tell. An image's
    ///     scratch memory may still come out of them.
    package static func stay(
        earlierEncodings: Int, callCount: Int, byteCount: Int, available: Int?
    ) -> Bool {
        guard earlierEncodings > 0 || callCount <= fewCallsMax else { return false }
        return available.map { byteCount <= $0 / 4 } ?? true
    }
}
