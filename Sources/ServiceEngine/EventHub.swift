// SPDX-License-Identifier: Apache-2.0

import ServiceAPI
import ServiceLedger

/// Who watches what.
struct EventHub: Sendable {
    private struct Watcher {
        var visitor: Visitor
        /// `nil` for all batches that the visitor may see.
        var batch: BatchID?
        /// Whether it counts among the visitor's streams.
        var isStream: Bool
        /// Whether it wants to see what images may become.
        var previews: Bool
        weak var queue: EventQueue?

        func sees(_ batch: BatchID, of owner: CallerID) -> Bool {
            self.batch == batch
                || self.batch == nil && (visitor.isAdmin || visitor.caller == owner)
        }
    }

    /// Streams of one caller at once.
    static let streamCountMax = 16

    private var watchers: [Watcher] = []
    private var hasEnded = false

    /// Clients that watch.
    var count: Int { watchers.count { $0.isStream && $0.queue != nil } }

    /// Adds a watcher, for as long as somebody holds its queue.
    ///
    /// - Returns: `nil` if the caller has too many.
    mutating func watch(
        _ batch: BatchID?, for visitor: Visitor, isStream: Bool, previews: Bool = false
    ) -> EventQueue? {
        watchers.removeAll { $0.queue == nil }
        let count = watchers.count { $0.isStream && $0.visitor.caller == visitor.caller }
        guard !isStream || count < Self.streamCountMax else { return nil }
        let queue = EventQueue()
        watchers.append(
            Watcher(
                visitor: visitor, batch: batch, isStream: isStream, previews: previews,
                queue: queue))
        // It was accepted right before the service began to stop.
        if hasEnded { queue.end() }
        return queue
    }

    /// Passes a change on to those who may see it.
    func publish(_ change: EventQueue.Change, of batch: BatchID, owner: CallerID) {
        let isPreview = if case .preview = change { true } else { false }
        for watcher in watchers
        where watcher.sees(batch, of: owner) && (watcher.isStream || !change.isProgress)
            && (watcher.previews || !isPreview)
        {
            watcher.queue?.add(change)
        }
    }

    /// Whether somebody wants to see what images of a batch may become.
    func wantsPreviews(of batch: BatchID, owner: CallerID) -> Bool {
        watchers.contains { $0.previews && $0.queue != nil && $0.sees(batch, of: owner) }
    }

    /// Lets all look, though nothing may have changed.
    mutating func wakeAll() {
        watchers.removeAll { $0.queue == nil }
        for watcher in watchers { watcher.queue?.wake() }
    }

    /// Those who watch, or wait.
    var callers: Set<CallerID> {
        Set(watchers.filter { $0.queue != nil }.map(\.visitor.caller))
    }

    /// Ends what a caller watches, and its requests that wait.
    func end(_ caller: CallerID) {
        for watcher in watchers where watcher.visitor.caller == caller { watcher.queue?.end() }
    }

    /// Ends all streams, and those that begin later.
    mutating func endAll() {
        hasEnded = true
        for watcher in watchers { watcher.queue?.end() }
    }
}
