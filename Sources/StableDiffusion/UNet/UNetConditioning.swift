// SPDX-License-Identifier: Apache-2.0

import TensorKit

/// What the samples of a pass are conditioned on besides their timestep: made once per image, used
/// by every step.
///
/// A pass is one half of a guided image, or both. Further inputs of a half besides its text (SDXL's
/// pooled text and sizes, a text of another length) belong here.
package struct UNetConditioning {
    /// Keys and values of the text, one text per sample.
    let text: PreparedText
    /// For distilled models (LCM) the guidance embedding, `[1, 1, 1,
    /// timeConditionProjectionDimension]`, f32; `nil` for all others.
    let guidance: Tensor?

    /// Number of samples it is for.
    var batch: Int { text.batch }
}
