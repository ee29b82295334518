// SPDX-License-Identifier: Apache-2.0

/// What the account of a run, `run.sqlite`, says of its images.
package struct StoredImages: Codable, Sendable, Equatable {
    package var total: Int
    package var written: Int
    /// Latents are there, a picture is not.
    package var sampled: Int
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
        if open + sampled > 0 { return counts + "; --resume goes on with the run" }
        return failed > 0 ? counts + "; --resume --retry-failed tries those again" : counts
    }
}
