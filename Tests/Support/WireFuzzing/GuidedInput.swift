// SPDX-License-Identifier: Apache-2.0

import WireProtocol

/// A coverage-guided fuzzer's input: one byte that says how the rest is read, and frames.
package enum GuidedInput {
    /// Good frames to start from; the checksums are added here.
    package static var corpus: [[UInt8]] {
        (FrameMutator.goodFrames + FrameMutator.newerFrames).map { frame in
            let isForWorker = MessageType(rawValue: frame[6])?.sender != .worker
            return [isForWorker ? 2 : 3] + frame
        }
    }

    /// Reads the rest as specified by the first byte.
    ///
    /// Bit 0: the end that reads. Bit 1: lengths and checksums are repaired first, which mutations
    /// would not achieve. Bit 2: one byte at a time.
    package static func check(_ input: [UInt8]) throws(FrameCheck.Finding) {
        guard let mode = input.first else { return }
        var bytes = Array(input.dropFirst())
        if mode & 2 != 0 {
            FrameMutator.repair(&bytes, keepsContentByteCount: bytes.count > 7 && bytes[7] & 1 == 1)
        }
        _ = try FrameCheck.feed(
            bytes, receiver: mode & 1 == 0 ? .worker : .coordinator,
            pieceByteCount: mode & 4 == 0 ? 4096 : 1)
    }
}
