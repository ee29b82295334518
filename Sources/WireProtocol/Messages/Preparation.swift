// SPDX-License-Identifier: Apache-2.0

package import GenerationTypes

/// How an image is to be drawn, besides what decides its bytes.
package struct Preparation: Sendable, Equatable {
    /// Steps from one CHECKPOINT to the next; 0 for none.
    package var checkpointInterval: Int
    /// Where to go on; `nil` for the beginning.
    package var checkpoint: SamplingCheckpoint?
    /// Whether the picture is wanted too.
    package var wantsPicture: Bool

    /// The default is to draw from the beginning and to save nothing.
    package init(
        checkpointInterval: Int = 0, checkpoint: SamplingCheckpoint? = nil,
        wantsPicture: Bool = false
    ) {
        self.checkpointInterval = checkpointInterval
        self.checkpoint = checkpoint
        self.wantsPicture = wantsPicture
    }

    /// Whether it asks for anything.
    package var isPlain: Bool { self == Preparation() }
}
