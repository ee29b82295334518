// SPDX-License-Identifier: Apache-2.0

import GenerationTypes

/// Images: offered in turn, followed, settled once.
extension Ledger {
    /// How many images may be with the workers, or wait right before them.
    var window: Int {
        let isQuick = imageSeconds.map { $0 < limits.lendAheadSeconds } ?? false
        return workerCount * (isQuick ? 2 : 1)
    }

    /// Offers images for as long as workers are free for them, and the disk has room for what they
    /// give.
    mutating func offer() {
        guard hasRoom || bug == .ignoreRoom else { return }
        while offeredCount < window, let id = order.take() {
            guard let index = live[id]?.take(), let accepted = live[id]?.accepted else { continue }
            offeredCount += 1
            actions.append(
                .offer(
                    OfferedImage(
                        number: accepted.number(at: index), firstImage: accepted.firstImage,
                        request: accepted.request(at: index))))
        }
    }

    /// The live batch of an image and its place in there; `nil` where the batch has ended.
    func place(of image: ImageNumber) -> (id: BatchID, index: Int)? {
        var (low, high) = (0, places.count)
        while low < high {
            let middle = (low + high) / 2
            if places[middle].firstImage <= image.rawValue {
                low = middle + 1
            } else {
                high = middle
            }
        }
        guard low > 0 else { return nil }
        let (first, id) = places[low - 1]
        let index = image.rawValue - first
        guard let batch = live[id], index < batch.accepted.imageCount else { return nil }
        return (id, index)
    }

    /// Changes what is known of an image that has no outcome.
    mutating func update(
        _ image: ImageNumber, reports: Bool, _ change: (inout LiveBatch, Int) -> Void
    ) {
        guard let (id, index) = place(of: image), live[id]?.inFlight[index] != nil else { return }
        let before = live[id]?.status
        change(&live[id]!, index)
        if reports { actions.append(.report(.image(id, index: index))) }
        if live[id]?.status != before { actions.append(.report(.batch(id))) }
    }

    mutating func advanced(_ image: ImageNumber, _ worker: String, _ step: Int) {
        update(image, reports: false) { $0.advanced($1, worker: worker, step: step) }
        guard let (id, index) = place(of: image), live[id]?.inFlight[index] != nil else { return }
        actions.append(.report(.progress(id, index: index, step: step)))
    }

    mutating func sampled(_ image: ImageNumber, seconds: Double, now: Double) {
        if seconds > 0, seconds.isFinite {
            imageSeconds = imageSeconds.map { $0 * 0.8 + seconds * 0.2 } ?? seconds
        }
        guard let (id, index) = place(of: image), live[id]?.sampled(index, now: now) == true
        else { return }
        offeredCount -= 1
        actions.append(.report(.image(id, index: index)))
    }

    mutating func settle(
        _ image: ImageNumber, hasFailed: Bool, byteCount: Int = 0, now: Double
    ) {
        guard let (id, index) = place(of: image),
            let known = live[id]?.settle(
                index, hasFailed: hasFailed, byteCount: byteCount, now: now)
        else { return }
        keptByteCount += byteCount
        if !known.isSampled { offeredCount -= 1 }
        openCount -= 1
        if let caller = live[id]?.accepted.caller { accounts[caller]?.openCount -= 1 }
        actions.append(.report(.image(id, index: index)))
        actions.append(.report(.batch(id)))
        endIfSettled(id, now: now)
    }

    mutating func putBack(_ image: ImageNumber) {
        guard let (id, index) = place(of: image), let known = live[id]?.inFlight[index],
            live[id]?.putBack(index) == true
        else { return }
        if !known.isSampled { offeredCount -= 1 }
        if endings[id] == nil, let accepted = live[id]?.accepted { order.add(accepted, count: 1) }
        actions.append(.report(.image(id, index: index)))
    }

    /// Ends a batch whose images all have their outcomes.
    mutating func endIfSettled(_ id: BatchID, now: Double) {
        guard endings[id] == nil, let outcome = live[id]?.outcome else { return }
        endings[id] = Ending()
        commitEnd(of: id, outcome, now: now)
    }
}
