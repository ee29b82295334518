// SPDX-License-Identifier: Apache-2.0

import Synchronization
import TensorKit
import Testing

@Suite struct ThreadTeamTests {
    @Test(arguments: [1, 2, 3, 7], [0, 1, 2, 3, 5, 16, 17, 100, 1001])
    func splitCoversEveryIndexOnce(threads: Int, count: Int) {
        for grain in [1, 2, 16] {
            let visits = (0..<count).map { _ in SharedCounter() }
            let parts = Mutex<[Int: Range<Int>]>([:])
            ThreadTeam(threadCount: threads).splitParts(count, grain: grain) { part, range in
                for index in range { visits[index].increment() }
                let earlier = parts.withLock { $0.updateValue(range, forKey: part) }
                #expect(earlier == nil)
                #expect(part < threads)
            }
            #expect(visits.allSatisfy { $0.value == 1 })
            for range in parts.withLock({ $0.values }) {
                #expect(range.lowerBound.isMultiple(of: grain))
                #expect(range.upperBound.isMultiple(of: grain) || range.upperBound == count)
            }
        }
    }

    @Test func partsAreEven() {
        var lengths: [Int] = []
        for part in 0..<3 {
            let lengthsLock = Mutex<[Int: Int]>([:])
            ThreadTeam(threadCount: 3).splitParts(10) { part, range in
                lengthsLock.withLock { $0[part] = range.count }
            }
            lengths.append(lengthsLock.withLock { $0[part] ?? 0 })
        }
        #expect(lengths == [3, 3, 4])
    }

    @Test func nestedSplitsStillCoverEverything() {
        let visits = (0..<64).map { _ in SharedCounter() }
        ThreadTeam(threadCount: 2).split(8) { outer in
            for row in outer {
                ThreadTeam(threadCount: 4).split(8) { inner in
                    for column in inner { visits[row * 8 + column].increment() }
                }
            }
        }
        #expect(visits.allSatisfy { $0.value == 1 })
    }

    @Test func lanesAllRunOnThreadsOfTheirOwn() throws {
        let lanes = try ComputeLanes(
            split: LaneSplit(threadCount: 3, halves: 3), kernels: testKernels())
        // Each lane waits for all others: this ends only if the lanes really run concurrently.
        for _ in 0..<200 {
            let arrived = SharedCounter()
            lanes.run { lane, index in
                #expect(lane === lanes.lanes[index])
                arrived.increment()
                while arrived.value < 3 {}
            }
            #expect(arrived.value == 3)
        }
    }

    @Test func lanesMeet() throws {
        let lanes = try ComputeLanes(
            split: LaneSplit(threadCount: 3, halves: 3), kernels: testKernels())
        let written = (0..<3).map { _ in SharedCounter() }
        for round in 1...50 {
            lanes.run { _, index in
                for meeting in 1...20 {
                    written[index].increment()
                    lanes.meet()
                    let expected = (round - 1) * 20 + meeting
                    #expect(written.allSatisfy { $0.value == expected })
                    lanes.meet()
                }
            }
        }
        // A single lane waits for nobody.
        let alone = try ComputeLanes(split: LaneSplit(threadCount: 1), kernels: testKernels())
        alone.run { _, _ in alone.meet() }
    }

    @Test func splitOfLanes() {
        #expect(LaneSplit(threadCount: 1, halves: 2) == LaneSplit(threadCount: 1))
        #expect(LaneSplit(threadCount: 3, halves: 2) == LaneSplit(threadCount: 3))
        #expect(LaneSplit(threadCount: 8, halves: 1) == LaneSplit(threadCount: 8))
        let two = LaneSplit(threadCount: 2, halves: 2)
        #expect(two.laneCount == 2 && two.threadsPerLane == 1)
        let eight = LaneSplit(threadCount: 8, halves: 2)
        #expect(eight.laneCount == 2 && eight.threadsPerLane == 4)
    }
}

/// A counter that threads share.
final class SharedCounter: Sendable {
    private let storage = Atomic<Int>(0)
    var value: Int { storage.load(ordering: .acquiring) }
    func increment() { storage.add(1, ordering: .acquiringAndReleasing) }
}
