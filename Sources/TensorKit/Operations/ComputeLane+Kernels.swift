// SPDX-License-Identifier: Apache-2.0

import CKernels
import CThreadTeam

/// A C kernel: its arguments and a range of independent work units.
typealias Kernel = @convention(c) (UnsafeRawPointer, Int64, Int64) -> Void

extension ComputeLane {
    /// Runs all units of a kernel, one contiguous range per thread of the team.
    ///
    /// It splits like `ThreadTeam.split`, but takes a C function instead of a closure: a closure
    /// called by several threads would cost a heap allocation.
    func run(_ kernel: Kernel, _ arguments: UnsafeRawPointer, unitCount: Int) {
        let partCount = min(team.threadCount, unitCount)
        guard partCount > 1 else {
            kernel(arguments, 0, Int64(unitCount))
            return
        }
        var call = KernelCall(
            kernel: kernel, arguments: arguments, unitCount: unitCount, partCount: partCount)
        withUnsafeMutablePointer(to: &call) { pointer in
            rt_team_run(
                Int32(partCount),
                { context, part in
                    guard let context else { return }
                    context.assumingMemoryBound(to: KernelCall.self).pointee.run(part: Int(part))
                }, pointer)
        }
    }
}

/// One call of `run`, as the threads see it.
private struct KernelCall {
    let kernel: Kernel
    let arguments: UnsafeRawPointer
    let unitCount: Int
    let partCount: Int

    func run(part: Int) {
        kernel(
            arguments, Int64(unitCount * part / partCount),
            Int64(unitCount * (part + 1) / partCount))
    }
}
