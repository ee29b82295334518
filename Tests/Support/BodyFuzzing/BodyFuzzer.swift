// SPDX-License-Identifier: Apache-2.0

/// Many damaged bodies, one after the other, from one seed.
package enum BodyFuzzer {
    /// The results of the bodies of one kind.
    package struct Tally: Sendable, Equatable {
        /// Bodies by the status that their client would get.
        package var statuses: [Int: Int] = [:]
        /// The longest that one took.
        package var slowest = Duration.zero
    }

    /// Checks bodies of all kinds in turn.
    ///
    /// - Throws: the first broken rule, with the body that broke it.
    package static func run(
        count: Int, seed: UInt64, check: BodyCheck
    ) throws(BodyCheck.Finding) -> [BodyKind: Tally] {
        let kinds = BodyKind.allCases
        var mutator = BodyMutator(seed: seed)
        var tallies: [BodyKind: Tally] = [:]
        let clock = ContinuousClock()
        for index in 0..<count {
            let kind = kinds[index % kinds.count]
            let bytes = mutator.body(kind)
            let begin = clock.now
            let status: Int
            do {
                status = try check.status(of: bytes, kind)
            } catch {
                let text = String(decoding: bytes.prefix(2000), as: UTF8.self)
                throw BodyCheck.Finding(
                    description: "body \(index) of seed \(seed), \(kind): \(error)\n\(text)")
            }
            var tally = tallies[kind] ?? Tally()
            tally.statuses[status, default: 0] += 1
            tally.slowest = max(tally.slowest, clock.now - begin)
            tallies[kind] = tally
        }
        return tallies
    }
}
