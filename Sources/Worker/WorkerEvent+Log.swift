// SPDX-License-Identifier: Apache-2.0

import Logging

/// Events as log records: one per change, without prompt text.
extension WorkerEvent {
    var logLevel: Logger.Level {
        switch self {
        case .coordinatorRefused, .strangerRejected, .imageFailed, .checkpointIgnored,
            .imageNotDecoded:
            .warning
        case .listening, .coordinatorJoined, .coordinatorLeft, .imageBegan, .imageResumed,
            .imageFinished, .imageCancelled, .drained:
            .info
        }
    }

    var logMessage: Logger.Message {
        switch self {
        case .listening: "listening"
        case .coordinatorJoined: "coordinator joined"
        case .coordinatorRefused: "coordinator refused"
        case .coordinatorLeft: "coordinator left"
        case .strangerRejected: "stranger rejected"
        case .imageBegan: "image began"
        case .imageResumed: "image resumed"
        case .checkpointIgnored: "checkpoint ignored"
        case .imageFinished: "image finished"
        case .imageNotDecoded: "image not decoded"
        case .imageCancelled: "image cancelled"
        case .imageFailed: "image failed"
        case .drained: "drained"
        }
    }

    var logMetadata: Logger.Metadata {
        switch self {
        case .listening(let host, let port): ["host": "\(host)", "port": "\(port)"]
        case .coordinatorJoined(let name, let peer): ["coordinator": "\(name)", "peer": "\(peer)"]
        case .coordinatorRefused(let name, let peer, let reason):
            ["coordinator": "\(name)", "peer": "\(peer)", "reason": "\(reason)"]
        case .coordinatorLeft(let name, let reason):
            ["coordinator": "\(name)", "reason": "\(reason)"]
        case .strangerRejected(let peer, let reason): ["peer": "\(peer)", "reason": "\(reason)"]
        case .imageBegan(let item, let attempt), .imageCancelled(let item, let attempt):
            ["image": "\(item)", "attempt": "\(attempt)"]
        case .imageResumed(let item, let attempt, let step):
            ["image": "\(item)", "attempt": "\(attempt)", "step": "\(step)"]
        case .checkpointIgnored(let item, let attempt, let reason),
            .imageNotDecoded(let item, let attempt, let reason):
            ["image": "\(item)", "attempt": "\(attempt)", "reason": "\(reason)"]
        case .imageFinished(let item, let attempt, let seconds):
            ["image": "\(item)", "attempt": "\(attempt)", "seconds": "\(seconds)"]
        case .imageFailed(let item, let attempt, let reason):
            ["image": "\(item)", "attempt": "\(attempt)", "reason": "\(reason)"]
        case .drained: [:]
        }
    }
}
