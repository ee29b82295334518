// SPDX-License-Identifier: Apache-2.0

import GenerationTypes

/// The newest checkpoint of an image.
struct KeptCheckpoint {
    var checkpoint: SamplingCheckpoint
    /// Workers of this session whose steps are in it.
    var makers: Set<WorkerNumber>
}
