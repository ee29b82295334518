// SPDX-License-Identifier: Apache-2.0

import StableDiffusion
import TensorKit

/// A VAE on one machine, and diffusers' result for the same latents.
struct VAESubject<VAE: AutoencoderDecoding> {
    let vae: VAE
    let goldens: Goldens
    private let machine: Machine

    /// - Parameters:
    ///   - model: whose goldens.
    ///   - load: loads the VAE on the machine's backend.
    init(
        goldens model: String, _ machine: Machine, load: (any ComputeBackend) throws -> VAE
    ) throws {
        self.machine = machine
        goldens = try Goldens(model)
        vae = try load(try machine.makeBackend())
    }

    /// The names of the available latents.
    var cases: [String] {
        ["plain", "odd", "large"].filter { goldens.contains("vae.\($0).image") }
    }

    func latents(_ name: String) throws -> Tensor {
        let (values, lengths) = try goldens.channelsLast("vae.\(name).latents")
        return try .make(
            TensorShape(
                batch: lengths[0], height: lengths[1], width: lengths[2], channels: lengths[3]),
            values)
    }

    /// diffusers' picture.
    func expected(_ name: String) throws -> [Float] {
        try goldens.channelsLast("vae.\(name).image").values
    }

    func decode(
        _ name: String, plan: DecodingPlan, threadCount: Int = 1,
        observer: ActivationObserver? = nil
    ) throws -> [Float] {
        let latents = try latents(name)
        let image = try Tensor.make(vae.outputShape(for: latents.shape))
        try machine.makeLane(threadCount: threadCount).run { lane in
            vae.decode(latents, into: image, plan: plan, lane: lane, observer: observer)
        }
        return image.values
    }

    /// Scratch memory for latents of a size, in bytes; no memory is accessed.
    func workspaceByteCount(height: Int, width: Int, plan: DecodingPlan) throws -> Int {
        let shape = TensorShape(height: height, width: width, channels: vae.latentChannels)
        let latents = Tensor(storage: .unbacked, shape: shape, elementType: .float32)
        let image = Tensor(
            storage: .unbacked, shape: vae.outputShape(for: shape), elementType: .float32)
        let lane = try machine.makeLane()
        try lane.measure {
            vae.decode(latents, into: image, plan: plan, lane: lane, observer: nil)
        }
        return lane.workspace.peakByteCount
    }
}

extension VAESubject where VAE == AutoencoderKL {
    init(_ model: String, _ machine: Machine) throws {
        try self.init(goldens: model, machine) { backend in
            try AutoencoderKL.load(
                from: try ModelDirectory(path: try modelPath(model)), backend: backend)
        }
    }
}

extension DecodingPlan {
    /// Every feature map of the tests in one band.
    static let inOnePiece = DecodingPlan(bandByteCount: 1 << 30)
}
