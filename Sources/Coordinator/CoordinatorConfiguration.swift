// SPDX-License-Identifier: Apache-2.0

package import ClusterTransport
package import GenerationTypes

/// What a coordinator is, its limits and its patience.
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
    /// What workers' latents must look like to be of that model.
    package var latents: LatentFormat
    /// No new image is leased while this many results wait for the decoder or its consumer.
    package var decodeBacklogMax = 4
    /// Pictures that the consumer has at once, at most.
    package var consumerCount = 1
    /// Delivered images whose result's digest is remembered, so that a late result can be compared
    /// with the first.
    package var rememberedImageCount = 4096
    /// Threads of the decode stage.
    package var decodeThreadCount = 1
    /// How often workers save what another one needs to resume an image.
    package var checkpoints = CheckpointPolicy.automatic
    /// Whether workers make the pictures of their latents, where they can.
    package var wantsPictures = false
    /// How long it waits for what.
    package var timeouts = ClusterTimeouts()
    /// A deliberate mistake, for tests of the tests; `nil` everywhere else.
    package var plantedBug: CoordinatorBug?
    /// How many failures of images and workers are tolerated.
    package var tolerance = FaultTolerance()

    /// Makes a configuration with defaults for all limits.
    package init(
        name: String, build: String, kernelClass: String, coreCount: Int, memoryByteCount: UInt64,
        model: ModelFingerprint, latents: LatentFormat
    ) {
        self.name = name
        self.build = build
        self.kernelClass = kernelClass
        self.coreCount = coreCount
        self.memoryByteCount = memoryByteCount
        self.model = model
        self.latents = latents
    }
}
