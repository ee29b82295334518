// SPDX-License-Identifier: Apache-2.0

import Dispatch
import GRDB
import Synchronization

/// Puts everything that waits into one transaction, so that a hundred submissions cost one
/// synchronisation of the disk.
///
/// Changes are made in the order in which they were given. A disk error is final.
final class GroupCommitter: Sendable {
    typealias Change = @Sendable (Database) throws -> Void

    private struct Entry: Sendable {
        var change: Change
        var completion: @Sendable ((any Error)?) -> Void
    }

    private struct Queue {
        var entries: [Entry] = []
        var isScheduled = false
        /// Why nothing is written any more.
        var problem: (any Error)?
    }

    /// Entries of one transaction: others wait meanwhile.
    private static let entryCountMax = 1024

    private let pool: DatabasePool
    private let schedule: @Sendable (@escaping @Sendable () -> Void) -> Void
    private let queue = Mutex(Queue())

    /// - Parameter schedule: runs work on the committer's thread, in order.
    init(
        pool: DatabasePool,
        schedule: @escaping @Sendable (@escaping @Sendable () -> Void) -> Void
    ) {
        self.pool = pool
        self.schedule = schedule
    }

    /// Adds a change.
    ///
    /// - Parameter completion: called on the committer's thread when the change is on the disk, in
    ///   the order of the changes, or with what went wrong.
    func submit(_ change: @escaping Change, completion: @escaping @Sendable ((any Error)?) -> Void)
    {
        let isFirst = queue.withLock { queue in
            queue.entries.append(Entry(change: change, completion: completion))
            defer { queue.isScheduled = true }
            return !queue.isScheduled
        }
        if isFirst { schedule { self.drain() } }
    }

    /// Adds a change and waits until it is on the disk; not to be called on the committer's thread.
    func perform(_ change: @escaping Change) throws {
        let done = DispatchSemaphore(value: 0)
        let problem = Mutex<(any Error)?>(nil)
        submit(change) { error in
            problem.withLock { $0 = error }
            done.signal()
        }
        done.wait()
        if let error = problem.withLock({ $0 }) { throw error }
    }

    /// Writes something beside the database; an error of it is final, too.
    func guarded(_ body: () throws -> Void) throws {
        if let problem = queue.withLock({ $0.problem }) { throw problem }
        do {
            try body()
        } catch {
            queue.withLock { $0.problem = $0.problem ?? error }
            throw error
        }
    }

    private func drain() {
        let (entries, known) = queue.withLock { queue in
            let entries = Array(queue.entries.prefix(Self.entryCountMax))
            queue.entries.removeFirst(entries.count)
            return (entries, queue.problem)
        }
        var problem = known
        if problem == nil {
            do {
                try pool.write { database in
                    for entry in entries { try entry.change(database) }
                }
            } catch {
                problem = error
                queue.withLock { $0.problem = error }
            }
        }
        for entry in entries { entry.completion(problem) }
        // What came meanwhile was not scheduled: this one was still at work.
        let hasMore = queue.withLock { queue in
            queue.isScheduled = !queue.entries.isEmpty
            return queue.isScheduled
        }
        if hasMore { schedule { self.drain() } }
    }
}
