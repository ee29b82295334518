// SPDX-License-Identifier: Apache-2.0

package import GenerationTypes

/// How to generate an image, apart from what determines its bytes.
package struct Preparation: Sendable, Equatable {
    /// Steps from one CHECKPOINT to the next; 0 for none.
    package var checkpointInterval: Int
    /// The checkpoint to resume from; `nil` to start from step 0.
    package var checkpoint: SamplingCheckpoint?
    /// Whether the picture is requested too.
    package var wantsPicture: Bool

    /// The default is to start from step 0 and to save nothing.
    package init(
        checkpointInterval: Int = 0, checkpoint: SamplingCheckpoint? = nil,
        wantsPicture: Bool = false
    ) {
        self.checkpointInterval = checkpointInterval
        self.checkpoint = checkpoint
        self.wantsPicture = wantsPicture
    }

    /// Whether it differs from the default.
    package var isPlain: Bool { self == Preparation() }
}
