// SPDX-License-Identifier: Apache-2.0

/// How a process shares its threads among pictures that it generates at the same time.
///
/// Each picture is computed as by a process of `threadsPerPicture` threads that generates nothing
/// else, so it has the same bits. Where there are fewer threads than lanes want, lanes wait for each
/// other's cores (`ComputeCores`).
package struct PictureSplit: Sendable, Equatable {
    /// Threads for the pictures of a memory node.
    package struct Share: Sendable, Equatable {
        /// `nil` for any node.
        package var node: MemoryNodes.Node?
        package var threadCount: Int
    }

    /// Threads of every picture.
    package let threadsPerPicture: Int
    /// One per node, or one for all.
    package let shares: [Share]

    /// - Parameter nodes: of the machine; pictures keep to one each if there are enough for all.
    /// - Precondition: `threadCount` and `pictureCount` are positive.
    package init(threadCount: Int, pictureCount: Int, nodes: MemoryNodes) {
        precondition(threadCount > 0 && pictureCount > 0, "\(threadCount) for \(pictureCount)")
        let count = nodes.nodes.count
        if count > 1, pictureCount >= count, threadCount >= count {
            shares = nodes.nodes.enumerated().map { index, node in
                let end = threadCount * (index + 1) / count
                return Share(node: node, threadCount: end - threadCount * index / count)
            }
        } else {
            shares = [Share(node: nil, threadCount: threadCount)]
        }
        let most = shares.map(\.threadCount).min() ?? threadCount
        threadsPerPicture = min(most, Self.part(of: threadCount, pictureCount))
    }

    /// The share whose threads a picture uses, the first being 0.
    package func share(ofPicture index: Int) -> Int { index % shares.count }

    /// Threads of a picture: one where pictures can keep all threads busy so, because both halves of
    /// a guided picture then share what is read of the weights.
    ///
    /// Otherwise an even number, so that each half has a lane. It is rounded up: a lane too many
    /// waits, a thread too few is never used.
    private static func part(of threadCount: Int, _ pictureCount: Int) -> Int {
        if pictureCount == 1 { return threadCount }
        if pictureCount >= threadCount { return 1 }
        let laneCount = 2 * pictureCount
        return 2 * ((threadCount + laneCount - 1) / laneCount)
    }

    /// Pictures at a time that suit a machine, if it has the memory: eight threads for each.
    ///
    /// More threads divide the work of a picture badly. But a picture that is alone does not get
    /// more of them either, so machines below 16 cores generate one at a time.
    package static func suitedCount(threadCount: Int) -> Int {
        max(1, min(threadCount / 8, pictureCountMax))
    }

    /// Maximum number of pictures of one process at a time.
    package static let pictureCountMax = 32
}
