// SPDX-License-Identifier: Apache-2.0

/// A submission by what is known of it before it is planned: enough to say whether there is a batch
/// of it already, or whether it comes too often.
package struct AdmissionRequest: Sendable, Equatable {
    /// Who asks.
    package var caller: CallerID
    /// The caller's `Idempotency-Key`.
    package var key: String?
    /// SHA-256 of the body, and of the path where a request waits.
    package var bodyDigest: [UInt8]
    /// Whether a request waits.
    package var origin: BatchOrigin
    /// Whether the client says that it asks again.
    package var isRepeat: Bool

    /// Describes a submission.
    package init(
        caller: CallerID, key: String? = nil, bodyDigest: [UInt8], origin: BatchOrigin = .batch,
        isRepeat: Bool = false
    ) {
        self.caller = caller
        self.key = key
        self.bodyDigest = bodyDigest
        self.origin = origin
        self.isRepeat = isRepeat
    }
}
