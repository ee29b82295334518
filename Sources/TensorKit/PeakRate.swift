// SPDX-License-Identifier: Apache-2.0

import CKernels

/// The measured peak of the cores: multiply-adds on registers alone.
package enum PeakRate {
    /// FLOP/s of all lanes at once, each on one thread; a multiply-add counts as two.
    ///
    /// - Parameter type: type of the factors; sums are f32.
    package static func measure(_ type: ElementType, lanes: ComputeLanes) -> Double {
        let laneCount = lanes.lanes.count
        let rates = UnsafeMutableBufferPointer<Double>.allocate(capacity: laneCount)
        defer { rates.deallocate() }
        lanes.run { lane, index in
            rates[index] = measure(type, kernels: lane.kernels) * Double(lane.team.threadCount)
        }
        return rates.reduce(0, +)
    }

    /// The best of a few runs of some milliseconds, to exclude other work on the core.
    private static func measure(_ type: ElementType, kernels: UnsafePointer<rt_kernels>) -> Double {
        let clock = ContinuousClock()
        var best = 0.0
        for _ in 0..<20 {
            var result: Float = 0
            var operationCount: Int64 = 0
            withUnsafeMutablePointer(to: &result) { result in
                withUnsafeMutablePointer(to: &operationCount) { operationCount in
                    var arguments = rt_peak(
                        element: type.kernelElement, result: result,
                        operation_count: operationCount)
                    let start = clock.now
                    kernels.pointee.peak(&arguments, 0, 1_000_000)
                    let seconds = (clock.now - start) / .seconds(1)
                    best = max(best, Double(operationCount.pointee) / seconds)
                }
            }
        }
        return best
    }
}
