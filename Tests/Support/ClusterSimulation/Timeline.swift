// SPDX-License-Identifier: Apache-2.0

/// Events in virtual time: a binary heap, first by time, then by order of insertion.
struct Timeline<Event> {
    private struct Entry {
        var time: Duration
        var order: Int
        var slot: Int

        static func < (a: Entry, b: Entry) -> Bool {
            a.time == b.time ? a.order < b.order : a.time < b.time
        }
    }

    private var heap: [Entry] = []
    /// The events themselves stay where they are while the heap moves their entries about.
    private var events: [Event?] = []
    private var freeSlots: [Int] = []
    private var inserted = 0
    private(set) var now = Duration.zero

    mutating func schedule(_ event: Event, at time: Duration) {
        let slot: Int
        if let free = freeSlots.popLast() {
            slot = free
            events[slot] = event
        } else {
            slot = events.count
            events.append(event)
        }
        heap.append(Entry(time: max(time, now), order: inserted, slot: slot))
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
                var child = 2 * parent + 1
                guard child < heap.count else { break }
                if child + 1 < heap.count, heap[child + 1] < heap[child] { child += 1 }
                guard heap[child] < heap[parent] else { break }
                heap.swapAt(child, parent)
                parent = child
            }
        }
        now = first.time
        let event = events[first.slot]
        events[first.slot] = nil
        freeSlots.append(first.slot)
        return event
    }
}
