// SPDX-License-Identifier: Apache-2.0

/// Events in virtual time: a binary heap, first by time, then by order of insertion.
struct Timeline<Event> {
    private struct Entry {
        var time: Duration
        var order: Int
        var event: Event

        static func < (a: Entry, b: Entry) -> Bool { (a.time, a.order) < (b.time, b.order) }
    }

    private var heap: [Entry] = []
    private var inserted = 0
    private(set) var now = Duration.zero

    mutating func schedule(_ event: Event, at time: Duration) {
        heap.append(Entry(time: max(time, now), order: inserted, event: event))
        inserted += 1
        var child = heap.count - 1
        while child > 0 {
            let parent = (child - 1) / 2
            guard heap[child] < heap[parent] else { break }
            heap.swapAt(child, parent)
            child = parent
        }
    }

    mutating func schedule(_ event: Event, in delay: Duration) {
        schedule(event, at: now + delay)
    }

    mutating func next() -> Event? {
        guard let first = heap.first else { return nil }
        let last = heap.removeLast()
        if !heap.isEmpty {
            heap[0] = last
            var parent = 0
            while true {
                let children = [2 * parent + 1, 2 * parent + 2].filter { $0 < heap.count }
                guard let child = children.min(by: { heap[$0] < heap[$1] }),
                    heap[child] < heap[parent]
                else { break }
                heap.swapAt(child, parent)
                parent = child
            }
        }
        now = first.time
        return first.event
    }
}
