// SPDX-License-Identifier: Apache-2.0

/// Who decodes latents to pictures.
package enum DecodePlace: String, Sendable, CaseIterable {
    /// The coordinator.
    case coordinator
    /// The worker that sampled them; the coordinator where it can't.
    case workers
    /// Nobody in this session.
    case none

    /// Who decodes if nobody said: the coordinator, which gets 16 KB instead of a picture, unless
    /// its decoding would hold up the workers.
    ///
    /// The coordinator is one machine, like each of the workers.
    ///
    /// - Parameters:
    ///   - samplingFLOPs: operations of all images.
    ///   - decodingFLOPs: operations of all pictures.
    ///   - workerCount: workers that sample while it decodes.
    package static func automatic(
        samplingFLOPs: Double, decodingFLOPs: Double, workerCount: Int
    ) -> DecodePlace {
        decodingFLOPs * Double(max(workerCount, 1)) > samplingFLOPs ? .workers : .coordinator
    }
}
