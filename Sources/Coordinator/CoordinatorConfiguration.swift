// SPDX-License-Identifier: Apache-2.0

package import ClusterTransport
package import GenerationTypes

/// What a coordinator is and how patient it is.
package struct CoordinatorConfiguration: Sendable {
    /// Name shown to people at the workers.
    package var name: String
    /// Version and build of the program.
    package var build: String
    /// What the VAE decode runs on; shown to workers, never compared.
    package var kernelClass: String
    /// Cores of this machine.
    package var coreCount: Int
    /// Physical memory in bytes.
    package var memoryByteCount: UInt64
    /// The weights every worker must hold.
    package var model: ModelFingerprint
    /// Attempts that may fail before an image does.
    package var attemptCountMax = 3
    /// No new image is given out while this many results wait for the decoder or its consumer.
    package var decodeBacklogMax = 4
    /// Threads of the decode stage.
    package var decodeThreadCount = 1
    /// How long it waits for what.
    package var timeouts = ClusterTimeouts()
    /// Lost connections and failed images in a row after which a worker is given up.
    package var workerFailureCountMax = 3

    /// Makes a configuration with defaults for all patience.
    package init(
        name: String, build: String, kernelClass: String, coreCount: Int, memoryByteCount: UInt64,
        model: ModelFingerprint
    ) {
        self.name = name
        self.build = build
        self.kernelClass = kernelClass
        self.coreCount = coreCount
        self.memoryByteCount = memoryByteCount
        self.model = model
    }
}
