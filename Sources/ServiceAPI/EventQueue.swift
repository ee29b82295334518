// SPDX-License-Identifier: Apache-2.0

package import ServiceLedger
import Synchronization

/// What changed for one watcher and was not sent to it yet.
///
/// It holds names, not states: a state is read when it is sent. So a slow watcher costs one entry per
/// image at most, misses no outcome, and of progress gets the newest.
package final class EventQueue: Sendable {
    /// What changed.
    package enum Change: Sendable, Hashable {
        /// A batch's status or counts.
        case batch(BatchID)
        /// An image, by its place in its batch.
        case image(BatchID, index: Int)
        /// Only how far an image got.
        case progress(BatchID, index: Int)
        /// What an image may become.
        case preview(BatchID, index: Int)
        /// A batch is not kept any more.
        case deleted(BatchID)

        /// Whether it is only how far an image got.
        package var isProgress: Bool { if case .progress = self { true } else { false } }
    }

    private struct State {
        /// In the order in which they changed first.
        var changes: [Change] = []
        var known: Set<Change> = []
        var hasEnded = false
    }

    private let state = Mutex(State())
    private let bell: AsyncStream<Void>
    private let ring: AsyncStream<Void>.Continuation

    /// Nothing has changed yet.
    package init() {
        (bell, ring) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    /// Adds a change.
    package func add(_ change: Change) {
        state.withLock { state in
            guard state.known.insert(change).inserted else { return }
            state.changes.append(change)
        }
        ring.yield()
    }

    /// Lets the watcher look, though nothing may have changed.
    package func wake() { ring.yield() }

    /// Nothing more will change.
    package func end() {
        state.withLock { $0.hasEnded = true }
        ring.finish()
    }

    /// Waits until something has changed, or until it is woken.
    ///
    /// - Returns: all that changed since the last call; `nil` after the end.
    package func next() async -> [Change]? {
        var iterator = bell.makeAsyncIterator()
        _ = await iterator.next()
        return state.withLock { state in
            defer { (state.changes, state.known) = ([], []) }
            return state.changes.isEmpty && state.hasEnded ? nil : state.changes
        }
    }
}
