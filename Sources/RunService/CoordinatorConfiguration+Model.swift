// SPDX-License-Identifier: Apache-2.0

package import Coordinator
import GenerationTypes
import ProcessSupport
import TensorKit

extension CoordinatorConfiguration {
    /// A coordinator of this machine for a model.
    package init(
        for prepared: PreparedModel, checkpoints: CheckpointPolicy, wantsPictures: Bool
    ) {
        self.init(
            name: SystemInfo.hostName, build: ProgramVersion.text,
            kernelClass: prepared.decoder.kernelClass, coreCount: CPUInfo.detect().coreCount,
            memoryByteCount: SystemInfo.memoryByteCount, model: prepared.fingerprint,
            latents: prepared.decoder.format)
        self.checkpoints = checkpoints
        self.wantsPictures = wantsPictures
    }
}
