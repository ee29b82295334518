// SPDX-License-Identifier: Apache-2.0

package import WireProtocol

/// Many damaged frames, one after the other, from one seed.
package enum FrameFuzzer {
    /// The results for frames of one kind.
    package struct Tally: Sendable, Equatable {
        /// Frames fed.
        package var frameCount = 0
        /// Frames that were still valid messages.
        package var messageCount = 0
        /// Frames that wait for more bytes.
        package var waitingCount = 0
        /// Frames that end a connection or fail an image, by the code sent to the peer.
        package var refusedCounts: [WireErrorCode: Int] = [:]
        /// Largest number of bytes buffered.
        package var bufferedByteCountMax = 0

        /// Frames that end a connection or fail an image.
        package var refusedCount: Int { refusedCounts.values.reduce(0, +) }
    }

    /// Feeds frames of all kinds in turn, one byte at a time or in larger pieces.
    ///
    /// - Throws: the first broken rule, with the frame that broke it.
    package static func run(
        count: Int, seed: UInt64
    ) throws(FrameCheck.Finding) -> [FrameMutator.Kind: Tally] {
        let kinds = FrameMutator.Kind.allCases
        var mutator = FrameMutator(seed: seed)
        var tallies: [FrameMutator.Kind: Tally] = [:]
        for index in 0..<count {
            let kind = kinds[index % kinds.count]
            let bytes = mutator.frame(kind)
            let receiver = mutator.receiver(of: bytes)
            let sizes = [1, 7, 4096]
            let size = sizes[mutator.number(below: sizes.count)]
            let outcome: FrameCheck.Outcome
            do {
                outcome = try FrameCheck.feed(bytes, receiver: receiver, pieceByteCount: size)
            } catch {
                let context = "frame \(index) of seed \(seed), \(kind), read by the \(receiver)"
                throw FrameCheck.Finding(description: "\(context): \(error)")
            }
            tallies[kind, default: Tally()].add(outcome)
        }
        return tallies
    }
}

extension FrameFuzzer.Tally {
    fileprivate mutating func add(_ outcome: FrameCheck.Outcome) {
        frameCount += 1
        messageCount += outcome.messageCount
        if let error = outcome.error {
            refusedCounts[error.code, default: 0] += 1
        } else if outcome.messageCount == 0 {
            waitingCount += 1
        }
        bufferedByteCountMax = max(bufferedByteCountMax, outcome.bufferedByteCountMax)
    }
}
