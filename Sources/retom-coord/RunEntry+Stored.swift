// SPDX-License-Identifier: Apache-2.0

internal import ClusterTransport
internal import Coordinator
internal import RunStore

/// From the coordinator's words to the store's and back.
extension RunEntry {
    /// The result as the store keeps it.
    var storedResult: StoredResult? {
        guard case .result(let entry) = self else { return nil }
        return StoredResult(
            item: entry.item, worker: entry.worker, kernelClass: entry.kernelClass,
            attempt: entry.attempt, resumedStep: entry.resumedStep, timings: entry.timings,
            tokenMerging: entry.tokenMerging,
            latents: entry.latents, sha256: entry.sha256)
    }

    /// The image whose result is worth nothing, if it says that of one.
    var forgottenItem: Int? {
        if case .forgotten(let item) = self { item } else { nil }
    }

    /// The failed attempt as the store keeps it.
    var storedFailure: StoredFailure? {
        guard case .failure(let item, let failure, let isFinal) = self else { return nil }
        return StoredFailure(
            item: item, worker: failure.worker, attempt: failure.attempt, reason: failure.reason,
            isFinal: isFinal)
    }
}

extension StoredHistory {
    /// The failed attempts of an image, over all lives.
    func attemptFailures(of item: Int) -> [AttemptFailure] {
        (failures[item] ?? []).map {
            AttemptFailure(worker: $0.worker, attempt: $0.attempt, reason: $0.reason)
        }
    }
}

extension CoordinatorSummary {
    /// The bytes on the wire as the store keeps them.
    var storedTraffic: StoredTraffic {
        var stored = StoredTraffic()
        stored.sent = traffic.sentByteCount
        stored.received = traffic.receivedByteCount
        stored.latents = traffic.resultRawByteCount
        stored.compressedLatents = traffic.resultByteCount
        return stored
    }
}
