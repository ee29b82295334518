// SPDX-License-Identifier: Apache-2.0

package import GenerationTypes

/// What callers may know of a batch.
package enum BatchVisibility: Sendable {
    /// It is going on.
    case live(LiveBatchView)
    /// It has ended; the rest is on the disk.
    case ended
    /// It was erased.
    case erased
    /// There is none, or it is another caller's.
    case unknown
}

/// A batch that has not ended, as its caller sees it.
package struct LiveBatchView: Sendable {
    /// An image that was offered and has no outcome.
    package struct Image: Sendable, Equatable {
        /// The worker that has it; `nil` while none has.
        package var worker: String?
        /// Which attempt is made, from 1.
        package var attempt: Int
        /// Steps that are done.
        package var step: Int
        /// Whether its latents are stored and its picture is being made.
        package var isSampled: Bool
    }

    /// What was asked for.
    package var accepted: AcceptedBatch
    /// Where it stands.
    package var status: BatchStatus
    /// When the first image began, in seconds since 1970.
    package var startedAt: Double?
    /// Images that nobody has.
    package var waitingCount: Int
    /// Images with their pictures.
    package var finishedCount: Int
    /// Images that have failed.
    package var failedCount: Int
    /// Attempts that were followed by another.
    package var retryCount: Int
    /// Whether it is kept whatever the limits say.
    package var isPinned: Bool
    /// Images of all callers that come before its next one; `nil` if none of its waits.
    package var place: Int?
    /// What is left for the images before and its own, in seconds; `nil` where it is not known.
    package var remainingSeconds: Double?
    /// Images without an outcome that were offered, by their places in the batch.
    package var images: [Int: Image]
}

extension Ledger {
    /// What a caller may know of a batch.
    ///
    /// - Parameter findsPlace: whether its place in the queue is looked up.
    package func visibility(
        of id: BatchID, to visitor: Visitor, findsPlace: Bool = false
    ) -> BatchVisibility {
        guard isVisible(id, to: visitor) else { return .unknown }
        if let batch = live[id] { return .live(view(of: batch, findsPlace: findsPlace)) }
        return ended[id]?.erasedAt == nil ? .ended : .erased
    }

    /// Whether a caller may see a batch: its own, or any for an administrator.
    func isVisible(_ id: BatchID, to visitor: Visitor) -> Bool {
        guard live[id]?.isCommitted != false, let owner = owner(of: id) else { return false }
        return visitor.isAdmin || owner == visitor.caller
    }

    /// Whose a batch is.
    package func owner(of id: BatchID) -> CallerID? {
        live[id]?.accepted.caller ?? ended[id]?.caller
    }

    /// The live batch of an image and the image's place in it; `nil` where it has ended.
    package func batch(of image: ImageNumber) -> (batch: AcceptedBatch, index: Int)? {
        guard let (id, index) = place(of: image), let batch = live[id] else { return nil }
        return (batch.accepted, index)
    }

    /// The images that workers have, with their batches.
    package var imagesWithWorkers: [(number: ImageNumber, batch: BatchID, owner: CallerID)] {
        live.values.flatMap { batch in
            batch.inFlight.compactMap { index, image in
                guard image.worker != nil, !image.isSampled else { return nil }
                return (
                    batch.accepted.number(at: index), batch.accepted.id, batch.accepted.caller
                )
            }
        }
    }

    /// The first images of the live batches of which an image has begun.
    package var begunBatches: [ImageNumber] {
        live.values.filter { $0.startedAt != nil }.map(\.accepted.firstImage)
    }

    /// How long a batch is kept after its end, in seconds; `nil` keeps all.
    package var keepSeconds: Double? { limits.keepSeconds }

    /// How much there is to do, for those who run the service.
    package var queue: QueueView {
        QueueView(
            liveCount: live.count, openCount: openCount, offeredCount: offeredCount,
            workerCount: workerCount, callerCount: Set(live.values.map(\.accepted.caller)).count,
            imageSeconds: imageSeconds, keptByteCount: keptByteCount)
    }

    /// What callers with live batches wait for, those with the most images first.
    package var callers: [CallerView] {
        var views: [CallerID: CallerView] = [:]
        for batch in live.values where batch.isCommitted {
            let caller = batch.accepted.caller
            var view = views[caller] ?? CallerView(caller: caller)
            view.liveCount += 1
            view.openCount += batch.openCount
            view.waitingCount += batch.waitingCount
            views[caller] = view
        }
        return views.values.sorted { ($1.openCount, $0.caller) < ($0.openCount, $1.caller) }
    }

    private func view(of batch: LiveBatch, findsPlace: Bool) -> LiveBatchView {
        let place = findsPlace ? order.place(of: batch.accepted.id) : nil
        var seconds: Double?
        if let imageSeconds, workerCount > 0 {
            let ahead = Double((place ?? 0) + batch.openCount)
            seconds = ahead * imageSeconds / Double(workerCount)
        }
        return LiveBatchView(
            accepted: batch.accepted, status: batch.status, startedAt: batch.startedAt,
            waitingCount: batch.waitingCount, finishedCount: batch.finishedCount,
            failedCount: batch.failedCount, retryCount: batch.retryCount,
            isPinned: batch.isPinned, place: place, remainingSeconds: seconds,
            images: batch.inFlight.mapValues {
                LiveBatchView.Image(
                    worker: $0.worker, attempt: $0.attempt, step: $0.step,
                    isSampled: $0.isSampled)
            })
    }
}

/// How much there is to do.
package struct QueueView: Sendable, Equatable {
    /// Batches that have not ended.
    package var liveCount: Int
    /// Images without an outcome.
    package var openCount: Int
    /// Images that were offered to workers and are not sampled.
    package var offeredCount: Int
    /// Workers that take images.
    package var workerCount: Int
    /// Callers with batches that have not ended.
    package var callerCount: Int
    /// Smoothed seconds that an image takes; `nil` before the first.
    package var imageSeconds: Double?
    /// Pictures and latents of all batches that are not erased, in bytes.
    package var keptByteCount: Int
}

/// What a caller waits for.
package struct CallerView: Sendable, Equatable {
    /// Who.
    package var caller: CallerID
    /// Batches that have not ended.
    package var liveCount = 0
    /// Their images without an outcome.
    package var openCount = 0
    /// Those of these that nobody has.
    package var waitingCount = 0
}

// MARK: For tests

extension Ledger {
    /// The first broken rule of the ledger itself, `nil` when all hold.
    ///
    /// - Complexity: O(images in flight + batches).
    package func brokenInvariant() -> String? {
        let open = live.values.reduce(0) { $0 + $1.openCount }
        if open != openCount { return "\(open) images are open, not \(openCount)" }
        let offered = live.values.reduce(0) { $0 + $1.unsampledCount }
        if offered != offeredCount { return "\(offered) images are offered, not \(offeredCount)" }
        let kept = live.values.reduce(0) { $0 + $1.byteCount }
        let keptOfEnded = ended.values.reduce(0) { $0 + $1.byteCount }
        if kept + keptOfEnded != keptByteCount {
            return "\(kept + keptOfEnded) bytes are kept, not \(keptByteCount)"
        }
        if places.map(\.id.text).sorted() != live.keys.map(\.text).sorted() {
            return "the places are not those of the live batches"
        }
        if zip(places, places.dropFirst()).contains(where: { $0.firstImage >= $1.firstImage }) {
            return "the places are not in order"
        }
        for (caller, account) in accounts where account.openCount < 0 {
            return "\(caller) has \(account.openCount) images"
        }
        return live.values.contains { $0.waitingCount < 0 }
            ? "a batch waits for less than none" : nil
    }
}
