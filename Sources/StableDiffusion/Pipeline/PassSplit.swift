// SPDX-License-Identifier: Apache-2.0

/// How the halves of a guided image are distributed over passes through the U-Net.
package struct PassSplit: Sendable, Hashable {
    /// Halves in one pass, as a batch.
    package let halvesPerPass: Int
    /// Passes per call.
    package let passCount: Int

    /// - Parameters:
    ///   - halves: 2 with classifier-free guidance, otherwise 1.
    ///   - laneCount: lanes that run passes in parallel.
    ///   - isCoupled: whether the halves need each other's features and so must run at the same
    ///     time: in lanes that meet, or in one batch.
    init(halves: Int, laneCount: Int, isCoupled: Bool) {
        halvesPerPass = isCoupled && laneCount < halves ? halves : 1
        passCount = halves / halvesPerPass
    }
}
