// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import ClusterTransport
import CommandSupport
import Coordinator
import Foundation
import GenerationTypes
import Logging
import NIOCore
import NIOPosix
import NodeSupport
import ProcessSupport
import StableDiffusion
import Synchronization

/// Generates a batch with the real coordinator except for the decoder, and reports its cost.
struct DrawCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "draw",
        abstract: "Generate a batch on the workers of a hosts file, without decoding.")

    @Option(help: "The list of workers.")
    var hosts: String
    @Option(help: "Number of images.")
    var images = 10
    @Option(help: "Steps of each image.")
    var steps = 4
    @Option(help: "Width and height in pixels.")
    var size = 256
    @OptionGroup var model: ModelOptions
    @OptionGroup var security: SecurityOptions

    func run() async throws {
        let stop = StopRequest()
        let source = try model.open().source
        let workers = try HostsFile.parse(
            Array(Data(contentsOf: URL(fileURLWithPath: hosts))), name: hosts)
        let configuration = CoordinatorConfiguration(
            name: "scaling", build: ProgramVersion.text, kernelClass: "none", coreCount: 1,
            memoryByteCount: SystemInfo.memoryByteCount,
            model: try ModelFingerprint(of: source),
            latents: LatentFormat(channelCount: 4, scale: 8))
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        // A line per image would distort the measurement.
        var logger = Logger(label: "draw") { StreamLogHandler.standardError(label: $0) }
        logger.logLevel = .warning
        let coordinator = Coordinator(
            configuration: configuration, workers: workers, security: try security.load(),
            group: group, logger: logger)
        stop.onRequest { coordinator.cancel() }
        let meter = DrawMeter(imageCount: images, workerCount: workers.count)
        let requests = (0..<images).map { index in
            GenerationRequest(
                prompt: "image \(index)", seed: UInt64(index), width: size, height: size,
                inferenceStepCount: steps)
        }
        let cpuBefore = ProcessStatus.cpuSeconds
        let summary = try await coordinator.run(
            requests, decoder: NoDecoder(), onEvent: meter.note, consume: { _ in meter.finished() })
        let cpu = ProcessStatus.cpuSeconds - cpuBefore
        try await group.shutdownGracefully()
        print(meter.report(summary, cpuSeconds: cpu))
        if !summary.failures.isEmpty { throw ExitCode(1) }
    }
}

/// Checks that latents arrived; a picture of one pixel replaces the real one.
private struct NoDecoder: LatentDecoding {
    func decode(_ latents: GeneratedLatents) -> RGBImage {
        RGBImage(width: 1, height: 1, bytes: [0, 0, 0])
    }
}
