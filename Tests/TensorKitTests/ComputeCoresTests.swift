// SPDX-License-Identifier: Apache-2.0

import Glibc
import Synchronization
import TensorKit
import Testing

/// Cores that the lanes of several pictures share.
@Suite struct ComputeCoresTests {
    /// How many lanes computed at the same time, now and at most.
    private final class Load: Sendable {
        private let counts = Mutex((now: 0, most: 0))

        var most: Int { counts.withLock { $0.most } }

        func change(by count: Int) {
            counts.withLock { counts in
                counts.now += count
                counts.most = max(counts.most, counts.now)
            }
        }

        func during(_ count: Int, _ body: () -> Void) {
            change(by: count)
            body()
            change(by: -count)
        }
    }

    /// Three pictures of two lanes on fewer cores than lanes: all come to their end, through many
    /// meetings, and no more lanes compute than there are cores.
    @Test(arguments: [1, 2, 3]) func lanesTakeTurns(coreCount: Int) async throws {
        let cores = ComputeCores(count: coreCount)
        let load = Load()
        let visits = SharedCounter()
        await withTaskGroup { group in
            for _ in 0..<3 {
                group.addTask {
                    await onThread {
                        let lanes = try? ComputeLanes(
                            split: LaneSplit(threadCount: 2, halves: 2), kernels: testKernels(),
                            cores: cores)
                        guard let lanes else { return }
                        for _ in 0..<20 {
                            lanes.run { _, _ in
                                for _ in 0..<5 {
                                    load.during(1) { usleep(20) }
                                    lanes.meet()
                                }
                                visits.increment()
                            }
                        }
                    }
                }
            }
        }
        #expect(visits.value == 3 * 20 * 2)
        #expect(load.most <= coreCount)
        #expect(load.most == coreCount, "so many lanes never computed at the same time")
    }

    /// A lane whose team needs several cores gets them although others keep asking for one.
    @Test func wideLanesAreNotStarved() async throws {
        let cores = ComputeCores(count: 2)
        let load = Load()
        let isDone = SharedCounter()
        await withTaskGroup { group in
            for _ in 0..<2 {
                group.addTask {
                    await onThread {
                        while isDone.value == 0 {
                            cores.holding(1) { load.during(1) { usleep(10) } }
                        }
                    }
                }
            }
            group.addTask {
                await onThread {
                    for _ in 0..<50 { cores.holding(2) { load.during(2) { usleep(10) } } }
                    isDone.increment()
                }
            }
        }
        #expect(load.most == 2)
    }

    /// A team larger than all cores takes all of them.
    @Test func moreThanThereAre() {
        let cores = ComputeCores(count: 2)
        #expect(cores.holding(5) { 1 } == 1)
        #expect(cores.holding(2) { 2 } == 2)
    }
}

/// Runs `body` on a thread of its own: it blocks.
private func onThread(_ body: @escaping @Sendable () -> Void) async {
    await withCheckedContinuation { continuation in
        let box = Unmanaged.passRetained(
            ThreadBody {
                body()
                continuation.resume()
            })
        var thread = pthread_t()
        pthread_create(
            &thread, nil,
            { argument in
                guard let argument else { return nil }
                Unmanaged<ThreadBody>.fromOpaque(argument).takeRetainedValue().run()
                return nil
            }, box.toOpaque())
        pthread_detach(thread)
    }
}

private final class ThreadBody: Sendable {
    let run: @Sendable () -> Void
    init(_ run: @escaping @Sendable () -> Void) { self.run = run }
}
