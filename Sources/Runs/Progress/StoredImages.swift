// SPDX-License-Identifier: Apache-2.0

/// The images of a stored run, counted by outcome.
package struct StoredImages: Codable, Sendable, Equatable {
    /// Asked for.
    package var total: Int
    /// With a picture.
    package var written: Int
    /// Latents are there, a picture is not.
    package var sampled: Int
    /// Failed for good.
    package var failed: Int
    /// Without an outcome.
    package var open: Int

    /// Counts images.
    package init(total: Int, written: Int, sampled: Int, failed: Int, open: Int) {
        self.total = total
        self.written = written
        self.sampled = sampled
        self.failed = failed
        self.open = open
    }

    /// One line for people, and what can be done about the rest.
    package var text: String {
        let counts =
            "\(written) of \(total) images written, \(failed) failed, \(sampled) to decode, "
            + "\(open) open"
        if open + sampled > 0 { return counts + "; --resume continues the run" }
        return failed > 0 ? counts + "; --resume --retry-failed tries those again" : counts
    }

    /// Counts the images of a stored run.
    package init(_ history: StoredHistory) {
        let images = history.images
        self.init(
            total: images.count, written: history.pictures.count,
            sampled: history.undecodedImages.count { !history.hasFailedToDecode($0) },
            failed: images.count { history.hasFailed($0) || history.hasFailedToDecode($0) },
            open: history.openImages.count)
    }
}
