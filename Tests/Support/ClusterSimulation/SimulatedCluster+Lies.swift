// SPDX-License-Identifier: Apache-2.0

import Coordinator
import GenerationTypes
import WireProtocol

/// What liars make of the words of the sound worker that they hide behind.
extension SimulatedCluster {
    /// No decoder makes a picture of such values.
    static let undecodable: Float = 3e38

    /// Sends a message of a worker, or what a liar says instead.
    mutating func tell(_ link: Int, _ message: Message, by index: Int) {
        let lies = scenario.machines[index].lies
        guard !lies.isEmpty else { return send(link, message, toWorker: false) }
        for word in words(for: message, lies, by: index) { send(link, word, toWorker: false) }
    }

    private mutating func words(
        for message: Message, _ lies: [Lie], by index: Int
    ) -> [Message] {
        guard let lease = message.lease else {
            let isBusy = lies.contains(.busy) && random.oneIn(2)
            guard case .welcome = message, isBusy else { return [message] }
            observed.lieCount += 1
            return [.refuse(WireReason(.busy, "busy", retryAfterMilliseconds: 0))]
        }
        let said = words(about: lease, message, lies[Int(lease.token % UInt64(lies.count))], index)
        if said != [message] { observed.lieCount += 1 }
        return said
    }

    private mutating func words(
        about lease: Lease, _ message: Message, _ lie: Lie, _ index: Int
    ) -> [Message] {
        switch (lie, message) {
        case (.silence, _): return []
        case (.quitting, .progress(let report)):
            return report.step > 0
                ? [] : [message, .nak(lease, WireReason(.cancelled, "cancelled"))]
        case (.quitting, _): return []
        case (.shape, .result(var result)):
            let latents =
                [
                    GeneratedLatents(channels: 1, height: 1, width: 1, values: [1]),
                    GeneratedLatents(
                        channels: 4, height: 2, width: 2, values: [Float](repeating: 1, count: 16)),
                    GeneratedLatents(
                        channels: 4, height: 8, width: 8, values: [Float](repeating: 1, count: 256)),
                ][random.below(3)]
            result.sampled = SampledImage(latents: latents, sha256: result.sha256)
            return [.result(result)]
        case (.value, .result(var result)):
            var latents = result.latents
            latents.values[random.below(4)] = [.nan, .infinity, -.infinity][random.below(3)]
            result.sampled = SampledImage(latents: latents, sha256: result.sha256)
            return [.result(result)]
        case (.undecodable, .result(var result)):
            var latents = result.latents
            latents.values = (0..<4).map { _ in Self.undecodable }
            // Not always the same.
            latents.values[3] -= Float(random.below(1 << 20)) * 1e32
            result.sampled = SampledImage(latents: latents, sha256: latents.sha256)
            return [.result(result)]
        case (.undecodable, .picture): return []
        case (.pictureSize, .picture(_, var picture)):
            picture.image = RGBImage(width: 1, height: 1, bytes: [1, 2, 3])
            return [.picture(lease, picture)]
        case (.pictureLease, .picture):
            let foreign = GeneratedLatents(channels: 1, height: 1, width: 1, values: [7])
            let old = nodes[index].firstLease ?? lease
            return old == lease
                ? [message] : [.picture(old, SimulatedSampling.picture(of: foreign))]
        case (.token, .progress(let report)) where report.step == 0:
            let item = UInt32(random.below(scenario.requests.count))
            return [message, junk(Lease(item: item, attempt: 1, token: random.next()))]
        case (.othersLease, .progress(let report)) where report.step == 0:
            let others = observed.granted.filter { $0.worker != index }
            guard !others.isEmpty else { return [message] }
            return [message, junk(others[random.below(others.count)].lease)]
        default: return [message]
        }
    }

    private func junk(_ lease: Lease) -> Message {
        let latents = GeneratedLatents(channels: 4, height: 1, width: 1, values: [9, 9, 9, 9])
        return .result(
            LatentResult(
                lease: lease, sampled: SampledImage(latents: latents, sha256: latents.sha256)))
    }

    // MARK: What must be true of a run among liars

    /// The machine behind the name of a worker.
    func machine(named worker: String) -> Int {
        scenario.addresses[max(0, (Int(worker.dropFirst(2)) ?? 1) - 1)]
    }

    /// No honest worker suffers for a liar.
    mutating func checkHonest(_ worker: String, _ what: String) {
        guard scenario.weather == .lies, scenario.machines[machine(named: worker)].lies.isEmpty
        else { return }
        note("\(worker), which is honest, \(what)")
    }

    /// No honest worker speaks of a lease that it was not given, in whatever weather.
    mutating func checkLease(_ worker: String, _ reason: String) {
        let isStale = scenario.faults.staleResult > 0 || scenario.faults.staleCheckpoint > 0
        guard reason.hasSuffix("a lease that it was not given"), !isStale,
            scenario.machines[machine(named: worker)].lies.isEmpty
        else { return }
        note("\(worker): \(reason)")
    }

    /// No busy worker is asked again and again.
    mutating func checkDial(_ address: Int) {
        if let last = observed.lastDials[address], timeline.now - last < .milliseconds(250) {
            note("w:\(address) is dialled again after \(timeline.now - last)")
        }
        observed.lastDials[address] = timeline.now
    }
}
