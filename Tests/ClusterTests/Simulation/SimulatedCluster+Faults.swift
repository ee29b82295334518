// SPDX-License-Identifier: Apache-2.0

extension SimulatedCluster {
    /// Which faults happen, once in so many opportunities; 0 for never.
    struct Faults {
        var cut = 0
        var halfOpen = 0
        var stall = 0
        var crash = 0
        var freeze = 0
        var hang = 0
        var retryableFailure = 0
        var refusedConnect = 0
        /// Faults stop here.
        var until = Duration.seconds(400)

        static let none = Faults()

        static func random(_ random: inout SplitMix64) -> Faults {
            func chance(_ n: Int, _ random: inout SplitMix64) -> Int { random.oneIn(2) ? n : 0 }
            var faults = Faults()
            faults.cut = chance(40, &random)
            faults.halfOpen = chance(80, &random)
            faults.stall = chance(30, &random)
            faults.crash = chance(120, &random)
            faults.freeze = chance(100, &random)
            faults.hang = chance(100, &random)
            faults.retryableFailure = chance(60, &random)
            faults.refusedConnect = chance(3, &random)
            return faults
        }
    }
}
