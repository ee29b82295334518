// SPDX-License-Identifier: Apache-2.0

/// A worker's reports to its owner, for logs and for the process that started it.
package enum WorkerEvent: Sendable, Equatable {
    /// The port is open. A worker started by a coordinator prints this as its first line.
    case listening(host: String, port: Int)
    /// A coordinator was welcomed; images will follow.
    case coordinatorJoined(name: String, peer: String)
    /// A coordinator was refused.
    case coordinatorRefused(name: String, peer: String, reason: String)
    /// The coordinator said goodbye or was lost.
    case coordinatorLeft(name: String, reason: String)
    /// A connection that was not a coordinator's: HTTP, TLS, garbage, silence.
    case strangerRejected(peer: String, reason: String)
    /// Sampling of an image begins.
    case imageBegan(item: Int, attempt: Int)
    /// Sampling of an image resumes from a checkpoint.
    case imageResumed(item: Int, attempt: Int, step: Int)
    /// A checkpoint was unusable here; the image restarts from step 0.
    case checkpointIgnored(item: Int, attempt: Int, reason: String)
    /// An image could not be decoded here; the coordinator will decode it.
    case imageNotDecoded(item: Int, attempt: Int, reason: String)
    /// An image was sampled; its result is on its way.
    case imageFinished(item: Int, attempt: Int, seconds: Double)
    /// An image is no longer needed: another worker sampled it, or the run is over.
    case imageCancelled(item: Int, attempt: Int)
    /// An image failed here and was returned.
    case imageFailed(item: Int, attempt: Int, reason: String)
    /// The worker finished its work after `drain()` and closes.
    case drained
}

extension WorkerEvent: CustomStringConvertible {
    package var description: String {
        switch self {
        case .listening(let host, let port):
            // The process that starts a worker waits for exactly this line; keep it.
            "listening on \(host.contains(":") ? "[\(host)]" : host):\(port)"
        case .coordinatorJoined(let name, let peer): "working for \(name) (\(peer))"
        case .coordinatorRefused(let name, let peer, let reason):
            "refused \(name) (\(peer)): \(reason)"
        case .coordinatorLeft(let name, let reason): "\(name) left: \(reason)"
        case .strangerRejected(let peer, let reason): "closed a connection from \(peer): \(reason)"
        case .imageBegan(let item, let attempt): "image \(item) began (attempt \(attempt))"
        case .imageResumed(let item, _, let step): "image \(item) resumed from step \(step)"
        case .checkpointIgnored(let item, _, let reason):
            "image \(item) restarts from step 0: \(reason)"
        case .imageNotDecoded(let item, _, let reason):
            "image \(item) is not decoded here: \(reason)"
        case .imageFinished(let item, _, let seconds):
            "image \(item) took \((seconds * 1000).rounded() / 1000) s"
        case .imageCancelled(let item, _): "image \(item) is no longer needed"
        case .imageFailed(let item, _, let reason): "image \(item) failed: \(reason)"
        case .drained: "drained"
        }
    }
}
