// SPDX-License-Identifier: Apache-2.0

package import GenerationTypes
package import TensorKit

/// Latents to pictures: the decoder of a VAE, or TAESD, with its own memory.
///
/// Used by one thread at a time.
package final class LatentDecoder {
    /// The backend of its products.
    package let kernelClass: String
    /// Channels of the latents it decodes.
    package var latentChannels: Int { vae.latentChannels }
    /// Picture pixels per latent and side.
    package var scaleFactor: Int { vae.scaleFactor }
    private let vae: any AutoencoderDecoding
    private let lanes: ComputeLanes
    private let byteCountMax: Int?
    private var plannedShape: TensorShape?
    private var plan: DecodingPlan
    /// The operations of decoding a picture of the last size, from the dry run.
    package private(set) var workPerPicture = WorkCount()
    /// Scratch memory for a picture of the last size.
    package var workspaceByteCount: Int { lanes.lanes[0].workspace.peakByteCount }

    /// Loads the VAE of a model, or what stands in for it.
    ///
    /// - Parameters:
    ///   - byteCountMax: limit of its scratch memory; `nil` for most of the memory left on the
    ///     machine.
    ///   - cores: shared with lanes that sample meanwhile; `nil` for no limit.
    /// - Throws: `ConfigurationError`, `CheckpointMismatchError`, `SafeTensorsError`,
    ///   `ComputeConfigurationError`.
    package init(
        model: any ModelSource, compute: ComputeConfiguration, byteCountMax: Int? = nil,
        cores: ComputeCores? = nil
    ) throws {
        let resolved = try compute.resolve()
        let backend = try resolved.makeBackend()
        self.byteCountMax = byteCountMax
        plan = DecodingPlan(threadCount: resolved.threadCount)
        kernelClass = backend.kernelClass(threadCount: resolved.threadCount)
        let team = ThreadTeam(threadCount: resolved.threadCount)
        vae = try model.autoencoder(backend: backend, team: team)
        lanes = try ComputeLanes(
            split: LaneSplit(threadCount: resolved.threadCount), kernels: backend.kernels,
            cores: cores)
    }

    /// Decodes one image, rounded to 8 bits as diffusers rounds.
    ///
    /// - Throws: `LatentShapeError`, `TensorStorageError`, `PreparationError`,
    ///   `NonFinitePictureError`.
    package func decode(_ latents: GeneratedLatents) throws -> RGBImage {
        let image = try decoded(latents)
        return RGBImage(
            width: image.shape.width, height: image.shape.height, bytes: try pictureBytes(image))
    }

    /// Decodes one image to f32: `height · width · 3` values, about −1…1, not clamped.
    ///
    /// - Throws: as `decode`, but for values that are not finite.
    package func values(of latents: GeneratedLatents) throws -> [Float] {
        let image = try decoded(latents)
        return Array(UnsafeBufferPointer(start: image.floats, count: image.shape.elementCount))
    }

    private func decoded(_ latents: GeneratedLatents) throws -> Tensor {
        guard latents.channels == latentChannels else {
            throw LatentShapeError(found: latents.channels, expected: latentChannels)
        }
        // TAESD's ReLU would make zeros of NaN.
        guard latents.values.allSatisfy(\.isFinite) else { throw NonFinitePictureError() }
        let shape = TensorShape(
            height: latents.height, width: latents.width, channels: latents.channels)
        try prepare(for: shape)
        let input = try Tensor(allocating: shape)
        fill(input, from: latents)
        let image = try Tensor(allocating: vae.outputShape(for: shape))
        lanes.run { [vae, plan] lane, _ in
            vae.decode(input, into: image, plan: plan, lane: lane, observer: nil)
        }
        return image
    }

    /// Keeps as many feature maps as memory allows; the picture is the same either way.
    private func prepare(for shape: TensorShape) throws {
        guard plannedShape != shape else { return }
        plannedShape = nil
        // For small pictures bands need more than maps, so keeping fewer may not reduce memory.
        var least = (count: 0, byteCount: Int.max)
        for count in 0..<vae.levelCount {
            try measure(shape, recomputedLevelCount: count)
            if workspaceByteCount < least.byteCount { least = (count, workspaceByteCount) }
            if lanes.hasMemory(byteCountMax: byteCountMax) { break }
        }
        if plan.recomputedLevelCount != least.count {
            try measure(shape, recomputedLevelCount: least.count)
        }
        try lanes.finishDryRuns(byteCountMax: byteCountMax)
        plannedShape = shape
    }

    private func measure(_ shape: TensorShape, recomputedLevelCount: Int) throws {
        plan.recomputedLevelCount = recomputedLevelCount
        let lane = lanes.lanes[0]
        let input = Tensor(storage: .unbacked, shape: shape, elementType: .float32)
        let image = Tensor(
            storage: .unbacked, shape: vae.outputShape(for: shape), elementType: .float32)
        try lane.measure {
            lane.work = WorkCount()
            vae.decode(input, into: image, plan: plan, lane: lane, observer: nil)
        }
        workPerPicture = lane.work
    }

    private func fill(_ input: Tensor, from latents: GeneratedLatents) {
        let pixels = latents.height * latents.width
        for channel in 0..<latents.channels {
            for pixel in 0..<pixels {
                input.floats[pixel * latents.channels + channel] =
                    latents.values[channel * pixels + pixel]
            }
        }
    }
}

/// Latents for another model.
package struct LatentShapeError: Error, Equatable, CustomStringConvertible {
    package let found: Int
    package let expected: Int

    package var description: String {
        "latents of \(found) channels, but this VAE decodes \(expected); use the model's own VAE"
    }
}
