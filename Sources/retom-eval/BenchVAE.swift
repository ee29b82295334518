// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import CommandSupport
import GenerationTypes
import StableDiffusion
import TensorKit

/// Times the decoding of one image.
struct BenchVAE: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "vae", abstract: "Times the decoding of one image.")

    @OptionGroup var options: BenchOptions

    @Option(
        help: """
            Scratch memory limit for decoding in MiB; less memory takes more time \
            (default: most of the memory left on the machine).
            """)
    var memory: Int?

    func run() throws {
        let model = try options.model.open().source
        let resolved = try options.compute.configuration.resolve()
        let decoder = try LatentDecoder(
            model: model, compute: options.compute.configuration,
            byteCountMax: memory.map { $0 << 20 })
        let description = try ModelDescription(of: model)
        let side = (options.size ?? description.defaultWidth) / description.vaeScaleFactor
        var noise = ImageNoise(seed: 0)
        let latents = GeneratedLatents(
            channels: description.latentChannels, height: side, width: side,
            values: noise.initialLatents(
                channels: description.latentChannels, height: side, width: side, scale: 1))
        let times = try options.time { _ = try decoder.decode(latents) }
        try BenchRecord(
            command: "vae", precision: resolved.precision.rawValue,
            backend: resolved.backend.rawValue, kernelClass: decoder.kernelClass,
            size: side * description.vaeScaleFactor, threads: resolved.threadCount, seconds: times,
            work: decoder.workPerPicture, workspaceByteCount: decoder.workspaceByteCount
        ).printLine()
    }
}
