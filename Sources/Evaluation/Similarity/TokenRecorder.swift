// SPDX-License-Identifier: Apache-2.0

import StableDiffusion
import Synchronization
package import TensorKit
package import TokenMerging

/// Keeps the features of the last U-Net call, of both halves, by block.
package final class TokenRecorder: TokenObserver {
    /// One block's features.
    package struct Recording {
        package let site: TokenMergeSite
        /// `[halves, height, width, channels]`, f32.
        package let features: Tensor
    }

    private let halves: Int
    private let isWanted: @Sendable (TokenMergeSite) -> Bool
    /// Lanes call concurrently, each with its half.
    private let recordings = Mutex<[Int: Recording]>([:])

    /// - Parameters:
    ///   - halves: 2 with classifier-free guidance.
    ///   - isWanted: the blocks to record.
    package init(halves: Int, isWanted: @escaping @Sendable (TokenMergeSite) -> Bool) {
        self.halves = halves
        self.isWanted = isWanted
    }

    /// By block, in the network's order.
    package var all: [Recording] {
        recordings.withLock { $0.values.sorted { $0.site.index < $1.site.index } }
    }

    /// Copies one pass's features.
    package func observe(_ features: Tensor, at site: TokenMergeSite, firstHalf: Int) {
        guard isWanted(site) else { return }
        recordings.withLock { recordings in
            if recordings[site.index] == nil {
                guard let memory = Self.memory(for: features.shape, halves: halves) else { return }
                recordings[site.index] = Recording(site: site, features: memory)
            }
            guard let target = recordings[site.index]?.features else { return }
            for sample in 0..<features.shape.batch {
                Self.copy(
                    features.batch(sample..<sample + 1),
                    into: target.batch(firstHalf + sample..<firstHalf + sample + 1))
            }
        }
    }

    private static func memory(for shape: TensorShape, halves: Int) -> Tensor? {
        var shape = shape
        shape.batch = halves
        return try? Tensor(allocating: shape)
    }

    private static func copy(_ source: Tensor, into target: Tensor) {
        let channels = source.shape.channels
        for token in 0..<source.shape.tokenCount {
            let row = target.floats + token * target.rowStride
            switch source.elementType {
            case .float32:
                row.update(from: source.floats + token * source.rowStride, count: channels)
            case .bfloat16:
                let base = UnsafeRawPointer(source.rawPointer)
                for channel in 0..<channels {
                    let bits = base.loadUnaligned(
                        fromByteOffset: 2 * (token * source.rowStride + channel), as: UInt16.self)
                    row[channel] = Float(bitPattern: UInt32(bits) << 16)
                }
            }
        }
    }
}
