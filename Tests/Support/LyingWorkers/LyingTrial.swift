// SPDX-License-Identifier: Apache-2.0

import ClusterTransport
import Coordinator
import FakeGenerator
import GenerationTypes
import Logging
import NIOCore
import NIOPosix
import Synchronization
import WireProtocol
import Worker

/// One run of the real coordinator on two honest workers and a liar that is never excluded, over
/// loopback sockets.
package struct LyingTrial: Sendable {
    /// The results of the run.
    package struct Report: Sendable {
        /// Results and pictures sent by the liar.
        package var lieCount = 0
        /// Images with the bytes that honest workers return.
        package var rightCount = 0
        /// Images with other bytes, a picture of another size, or no outcome, each with the reason.
        package var problems: [String] = []
        /// How often the coordinator reported what the liar did.
        package var namedCount = 0
        /// Its reports, without numbers, and how often.
        package var reasons: [String: Int] = [:]
        /// Resident memory of this process, in bytes, after each tenth of the lies.
        package var residentByteCounts: [Int] = []
        /// Duration of the whole run.
        package var seconds = 0.0
    }

    /// Lies to be told.
    package var lieCount: Int
    /// Images to generate meanwhile.
    package var imageCount: Int
    /// The seed of the lies.
    package var seed: UInt64
    private static let model = ModelFingerprint(
        unet: [UInt8](repeating: 1, count: 32), textEncoder: [UInt8](repeating: 2, count: 32),
        vae: [UInt8](repeating: 3, count: 32))

    /// Describes a run.
    package init(lieCount: Int, imageCount: Int = 200, seed: UInt64 = 1) {
        self.lieCount = lieCount
        self.imageCount = imageCount
        self.seed = seed
    }

    /// Runs it.
    ///
    /// - Parameter residentByteCount: how much memory the process holds.
    package func run(residentByteCount: @escaping @Sendable () -> Int) async throws -> Report {
        let requests = (0..<imageCount).map { index in
            GenerationRequest(
                prompt: "image \(index)", seed: UInt64(index), width: 64, height: 64,
                inferenceStepCount: 4)
        }
        let diary = Diary()
        let lies = LieCounter(total: lieCount) {
            let count = residentByteCount()
            diary.report.withLock { $0.residentByteCounts.append(count) }
        }
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let liar = LyingWorker(lieCount: lieCount, requests: requests, lies: lies, seed: seed)
        let door = try await ClusterListener.bind(host: "127.0.0.1", port: 0, group: group)
        var honest: [(WorkerServer, ClusterListener)] = []
        for _ in 0..<2 {
            let listener = try await ClusterListener.bind(host: "127.0.0.1", port: 0, group: group)
            honest.append((honestWorker(lies, port: listener.port, group), listener))
        }
        let addresses = ([door] + honest.map(\.1)).map {
            WorkerAddress(host: "127.0.0.1", port: $0.port)
        }
        let begin = ContinuousClock.now
        try await withThrowingDiscardingTaskGroup { tasks in
            for (server, listener) in honest {
                tasks.addTask { try? await server.run(on: listener) { _ in } }
            }
            tasks.addTask {
                let rules = ListenerRules(
                    connectionCountMax: 1 << 20, security: .none, handshake: .seconds(60))
                try? await door.run(rules: rules, counter: TrafficCounter(), reject: { _, _ in }) {
                    await liar.serve($0)
                }
            }
            try await draw(requests, on: addresses, lies, diary, group)
            tasks.cancelAll()
        }
        try await group.shutdownGracefully()
        return diary.report.withLock { report in
            report.lieCount = lies.count
            report.seconds = (ContinuousClock.now - begin).seconds
            return report
        }
    }

    /// Image k is finished when the corresponding share of the lies has been told.
    private func honestWorker(
        _ lies: LieCounter, port: Int, _ group: any EventLoopGroup
    ) -> WorkerServer {
        var configuration = WorkerConfiguration(
            build: "honest", kernelClass: "simulated", coreCount: 1, memoryByteCount: 1 << 30,
            model: Self.model)
        configuration.port = port
        let (lieCount, imageCount) = (lieCount, imageCount)
        let generator = HashChainGenerator(beforeStep: { request, _ in
            lies.wait(until: lieCount / imageCount * (Int(request.seed) + 1))
        })
        return WorkerServer(
            configuration: configuration, generator: generator, group: group,
            logger: Logger(label: "worker") { _ in SwiftLogNoOpLogHandler() })
    }

    private func draw(
        _ requests: [GenerationRequest], on addresses: [WorkerAddress], _ lies: LieCounter,
        _ diary: Diary, _ group: any EventLoopGroup
    ) async throws {
        let coordinator = Coordinator(
            configuration: configuration, workers: addresses, group: group,
            logger: Logger(label: "coordinator") { _ in SwiftLogNoOpLogHandler() })
        let liar = addresses[0].description
        let summary = try await coordinator.run(
            requests, decoder: CarefulDecoder(),
            onEvent: { event in
                // What it completed itself is pending again when no picture can be made of it.
                if case .completed(let result) = event, result.worker != liar {
                    lies.note(completed: result.image.rawValue)
                }
                guard let reason = event.complaint(about: liar) else { return }
                diary.report.withLock { report in
                    report.namedCount += 1
                    report.reasons[reason.filter { !$0.isNumber }, default: 0] += 1
                }
            },
            consume: { image in
                let problem = Self.problem(of: image)
                diary.report.withLock { report in
                    if let problem { report.problems.append(problem) }
                    if problem == nil { report.rightCount += 1 }
                }
            })
        diary.report.withLock { report in
            for (item, failures) in summary.failures {
                report.problems.append("image \(item) failed: \(failures)")
            }
        }
    }

    private static func problem(of image: FinishedImage) -> String? {
        let expected = try? HashChainGenerator.latents(for: image.request)
        let result = image.result
        if image.latents != expected {
            return "image \(result.image) has \(result.worker)'s latents"
        }
        let size = (image.image.width, image.image.height)
        return size == (image.request.width, image.request.height)
            ? nil : "the picture of image \(result.image) is \(size)"
    }

    /// The coordinator's own settings, except that a liar may stay and reconnects at once.
    private var configuration: CoordinatorConfiguration {
        var configuration = CoordinatorConfiguration(
            name: "coordinator", build: "test", kernelClass: "simulated", coreCount: 1,
            memoryByteCount: 1 << 30, model: Self.model,
            latents: LatentFormat(channelCount: 4, scale: 8))
        configuration.wantsPictures = true
        configuration.tolerance.quarantine = .zero
        configuration.tolerance.probeCountMax = .max
        configuration.timeouts.reconnect = .milliseconds(1)
        configuration.timeouts.reconnectMax = .milliseconds(1)
        configuration.timeouts.firstStep = .seconds(24 * 3600)
        return configuration
    }
}

/// A picture of one colour, or none if the latents overflow.
private struct CarefulDecoder: LatentDecoding {
    func decode(_ latents: GeneratedLatents) throws -> RGBImage {
        guard latents.values.allSatisfy({ abs($0) < 1e30 }) else {
            throw NonFiniteLatentsFailure("the picture is not finite")
        }
        let (width, height) = (latents.width * 8, latents.height * 8)
        return RGBImage(
            width: width, height: height, bytes: [UInt8](repeating: 1, count: 3 * width * height))
    }
}

/// Records from several threads.
private final class Diary: Sendable {
    let report = Mutex(LyingTrial.Report())
}

extension CoordinatorEvent {
    /// The complaints about a worker.
    fileprivate func complaint(about worker: String) -> String? {
        switch self {
        case .workerLost(worker, let reason, _), .workerRefused(worker, let reason),
            .workerQuarantined(worker, let reason, _):
            reason
        case .retried(_, let failure) where failure.worker == worker: failure.reason
        case .imageOverdue(_, worker, _): "overdue"
        case .resultsDiffer(_, worker, _): "differs"
        default: nil
        }
    }
}
