// SPDX-License-Identifier: Apache-2.0

import ClusterTransport
import GenerationTypes
import Synchronization
import TestSupport
import WireProtocol

/// A worker on a real port that sends results of random shape, value, token and size, as fast as
/// they are accepted.
///
/// It never sends latents that could be right for a pending image: nobody could distinguish them
/// from an honest worker's.
final class LyingWorker: Sendable {
    private struct State {
        var random: SplitMix64
        /// The newest leases that it was given.
        var leases: [Lease] = []
        var connectionCount: UInt64 = 0
    }

    /// Messages between two PINGs; an outbox holds 1024.
    private static let batchCount = 64
    /// Leases that it keeps.
    private static let leaseCountMax = 32

    /// Results that were sent.
    let lies: LieCounter
    private let lieCount: Int
    private let requests: [GenerationRequest]
    private let state: Mutex<State>

    /// - Parameter lieCount: results after which it is silent.
    init(lieCount: Int, requests: [GenerationRequest], lies: LieCounter, seed: UInt64) {
        self.lieCount = lieCount
        self.requests = requests
        self.lies = lies
        state = Mutex(State(random: SplitMix64(seed: seed)))
    }

    /// Serves one connection to its end.
    func serve(_ connection: PeerConnection) async {
        _ = await connection.run { inbound in
            switch inbound {
            case .success(let message): self.hear(message, connection)
            case .failure: connection.finish()
            }
        }
    }

    private func hear(_ message: Message, _ connection: PeerConnection) {
        switch message {
        case .hello(let node):
            connection.send(.welcome(welcome(of: node.model)))
            tellLies(connection)
        case .assign(let lease, _): remember(lease)
        case .ping(let number): connection.send(.pong(number))
        case .pong: tellLies(connection)
        case .goodbye, .refuse: connection.finish()
        default: break
        }
    }

    private func welcome(of model: ModelFingerprint) -> NodeDescription {
        let number = state.withLock { state in
            state.connectionCount += 1
            if state.connectionCount.isMultiple(of: 8) { state.leases = [] }
            return state.connectionCount
        }
        // Now and then it claims to be another process.
        let name = number / 8
        let instance = (0..<16).map { UInt8(truncatingIfNeeded: name >> (8 * UInt64($0 % 8))) }
        return NodeDescription(
            role: .worker, instance: instance, name: "liar", build: "liar",
            kernelClass: "simulated", coreCount: 1, memoryByteCount: 1 << 30, model: model,
            credits: 4)
    }

    private func remember(_ lease: Lease) {
        state.withLock { state in
            if state.leases.count == Self.leaseCountMax { state.leases.removeFirst() }
            state.leases.append(lease)
        }
    }

    private func tellLies(_ connection: PeerConnection) {
        guard lies.count < lieCount else { return }
        let words = state.withLock { state in
            (0..<Self.batchCount).map { _ in lie(&state) }
        }
        for word in words { connection.send(word) }
        connection.send(.ping(1))
        lies.add(Self.batchCount)
    }

    // MARK: Its messages

    private func lie(_ state: inout State) -> Message {
        let own = state.leases.randomElement(using: &state.random)
        let foreign = Lease(
            item: UInt32.random(in: 0..<UInt32(requests.count + 2), using: &state.random),
            attempt: Int.random(in: 1...3, using: &state.random),
            token: Bool.random(using: &state.random)
                ? UInt64.random(in: 0...8, using: &state.random) : state.random.next())
        // Lies that end the connection are rare, so that most of the others are examined.
        switch Int.random(in: 0..<64, using: &state.random) {
        case 0: return result(under: foreign, latents(ofRandomShape: &state.random))
        case 1: return picture(under: foreign, &state.random)
        case 2: return picture(under: own ?? foreign, &state.random)
        case 3: return result(under: own ?? foreign, latents(ofRandomShape: &state.random))
        case 4, 5:
            guard let own else { break }
            return result(under: own, values(for: own, .random(in: 0...2, using: &state.random)))
        default: break
        }
        // A completed image: anything else sent about it must change nothing.
        guard let late = state.leases.last(where: { lies.isCompleted(Int($0.item)) }) else {
            return result(under: foreign, latents(ofRandomShape: &state.random))
        }
        let (height, width) = sides(of: late)
        return result(
            under: late,
            GeneratedLatents(
                channels: 4, height: height, width: width,
                values: state.random.floats(4 * height * width)))
    }

    private func result(under lease: Lease, _ latents: GeneratedLatents) -> Message {
        .result(
            LatentResult(
                lease: lease,
                sampled: SampledImage(
                    latents: latents, sha256: latents.sha256,
                    timings: GenerationTimings(samplingSeconds: WireLimits.secondsMax))))
    }

    /// NaN, infinite, or finite but out of any decoder's range.
    private func values(for lease: Lease, _ kind: Int) -> GeneratedLatents {
        let (height, width) = sides(of: lease)
        let value: Float = [.nan, -.infinity, 3e38][kind]
        return GeneratedLatents(
            channels: 4, height: height, width: width,
            values: [Float](repeating: value, count: 4 * height * width))
    }

    private func sides(of lease: Lease) -> (height: Int, width: Int) {
        let request = requests[Int(lease.item)]
        return (request.height / 8, request.width / 8)
    }

    /// Rarely as large as the protocol allows.
    private func latents(ofRandomShape random: inout SplitMix64) -> GeneratedLatents {
        let sideMax = Int.random(in: 0..<2000, using: &random) == 0 ? WireLimits.latentSideMax : 16
        let shape = [WireLimits.latentChannelCountMax, sideMax, sideMax].map {
            Int.random(in: 1...$0, using: &random)
        }
        // The requests' own shape would not be a lie.
        let channels = shape[1] == shape[2] && shape[0] == 4 ? 5 : shape[0]
        return GeneratedLatents(
            channels: channels, height: shape[1], width: shape[2],
            values: random.floats(channels * shape[1] * shape[2]))
    }

    private func picture(under lease: Lease, _ random: inout SplitMix64) -> Message {
        let sideMax = Int.random(in: 0..<200, using: &random) == 0 ? 2048 : 128
        let width = Int.random(in: 1...sideMax, using: &random)
        let height = Int.random(in: 1...sideMax, using: &random)
        return .picture(
            lease,
            WorkerPicture(
                image: RGBImage(
                    width: width, height: height,
                    bytes: [UInt8](repeating: UInt8(width & 255), count: 3 * width * height)),
                kernelClass: "liar", seconds: 1))
    }
}
