// SPDX-License-Identifier: Apache-2.0

internal import TensorKit

/// What the samples of a pass are conditioned on beside their timestep: made once per image, used
/// by every step.
///
/// A pass is a half of a guided image, or both. What a half brings besides its text (SDXL's pooled
/// text and sizes, a text of another length) belongs here.
package struct UNetConditioning {
    /// Keys and values of the text, one text per sample.
    let text: PreparedText
    /// For distilled models (LCM) the guidance embedding, `[1, 1, 1,
    /// timeConditionProjectionDimension]`, f32; `nil` for all others.
    let guidance: Tensor?

    /// Samples that it is for.
    var batch: Int { text.batch }
}
