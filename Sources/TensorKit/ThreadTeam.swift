// SPDX-License-Identifier: Apache-2.0

import CThreadTeam

/// The threads of one lane; a value that holds their number.
package struct ThreadTeam: Sendable, Hashable {
    /// Threads that share each loop.
    package let threadCount: Int

    package init(threadCount: Int) {
        precondition(threadCount > 0, "a team of \(threadCount)")
        self.threadCount = threadCount
    }

    /// Makes this team the compute library's team on the calling thread.
    package func adopt() { rt_team_set_size(Int32(threadCount)) }

    /// Splits `0..<count` into one contiguous range per thread and runs `body` on all of them.
    ///
    /// Every range is a multiple of `grain` long except the last. The split depends only on the
    /// arguments, so results do not depend on timing.
    package func split(_ count: Int, grain: Int = 1, _ body: (Range<Int>) -> Void) {
        splitParts(count, grain: grain) { _, range in body(range) }
    }

    /// `split` that passes the index of the part (below `threadCount`), for separate scratch
    /// memory.
    package func splitParts(
        _ count: Int, grain: Int = 1, _ body: (_ part: Int, _ range: Range<Int>) -> Void
    ) {
        let units = (count + grain - 1) / grain
        let parts = min(threadCount, units)
        guard parts > 1 else {
            if count > 0 { body(0, 0..<count) }
            return
        }
        withoutActuallyEscaping(body) { escapable in
            var call = SplitCall(body: escapable, count: count, grain: grain, parts: parts)
            withUnsafeMutablePointer(to: &call) { pointer in
                rt_team_run(
                    Int32(parts),
                    { context, index in
                        guard let context else { return }
                        context.assumingMemoryBound(to: SplitCall.self).pointee.run(
                            part: Int(index))
                    }, pointer)
            }
        }
    }
}

/// One call of `splitParts`, as the C callback sees it.
private struct SplitCall {
    let body: (Int, Range<Int>) -> Void
    let count: Int
    let grain: Int
    let parts: Int

    func run(part: Int) {
        let units = (count + grain - 1) / grain
        let lower = units * part / parts * grain
        let upper = min(units * (part + 1) / parts * grain, count)
        if lower < upper { body(part, lower..<upper) }
    }
}
