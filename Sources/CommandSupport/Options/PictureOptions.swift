// SPDX-License-Identifier: Apache-2.0

package import ArgumentParser
import TensorKit

/// How many pictures a worker generates at the same time.
package struct PictureOptions: ParsableArguments {
    @Option(
        name: .customLong("pictures"),
        help: ArgumentHelp(
            """
            Pictures that a worker generates at the same time, on one copy of the weights; they \
            share --threads (default: one for every eight threads, as memory allows).
            """, valueName: "count"))
    package var count: Int?

    package init() {}

    package func validate() throws {
        let most = PictureSplit.pictureCountMax
        if let count, !(1...most).contains(count) {
            throw ValidationError("--pictures \(count): choose from 1 to \(most)")
        }
    }

    /// The same choice for a worker that will have so many images in all, where they are fewer than
    /// it would generate at the same time.
    package func suited(threadCount: Int, imageCount: Int?) -> PictureOptions {
        guard count == nil, let imageCount,
            imageCount < PictureSplit.suitedCount(threadCount: threadCount)
        else { return self }
        var options = self
        options.count = max(1, imageCount)
        return options
    }

    /// The same choice as command-line words, for a worker process.
    package var arguments: [String] { count.map { ["--pictures", "\($0)"] } ?? [] }
}
