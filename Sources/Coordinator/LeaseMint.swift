// SPDX-License-Identifier: Apache-2.0

import Digests
package import WireProtocol

/// Makes leases, and recognises its own without a list of them.
///
/// A fencing token ends in a tag: the first bits of an HMAC over the rest of the token, the image,
/// the attempt and the process that got the lease. So no worker can name a lease that it was not
/// given, in this session of the run or an earlier one, and nothing is kept per lease.
package struct LeaseMint: Sendable {
    /// Bytes of the key, which all sessions of a run share and no worker learns.
    package static let keyByteCount = 32

    /// One guess in 16 million is right, and each wrong one ends the connection.
    private static let tagBitCount: UInt64 = 24
    /// Leases of a session before their numbers wrap; only one of the same image and attempt
    /// could then be taken for another.
    private static let numberBitCount: UInt64 = 20
    private static let label = Array("retom-lease-1".utf8)

    private let key: [UInt8]
    /// The upper bits of every token of this session.
    private let sessionBits: UInt64
    /// Leases made in this session.
    private var count: UInt64 = 0

    /// - Parameters:
    ///   - key: `keyByteCount` random bytes.
    ///   - session: which session of the run this is; tokens of two sessions differ.
    package init(key: [UInt8], session: Int) {
        precondition(key.count == Self.keyByteCount, "a key of leases has 32 bytes")
        self.key = key
        sessionBits = UInt64(truncatingIfNeeded: session) << Self.numberBitCount
    }

    /// A key for a new run.
    package static func makeKey() -> [UInt8] {
        var random = SystemRandomNumberGenerator()
        return (0..<keyByteCount).map { _ in UInt8.random(in: 0...255, using: &random) }
    }

    /// Makes a lease that differs from all before it.
    ///
    /// - Parameter instance: the worker's process, as its WELCOME names it.
    package mutating func makeLease(
        item: UInt32, attempt: Int, for instance: [UInt8]
    ) -> Lease {
        count += 1
        let number = sessionBits | count & (1 << Self.numberBitCount - 1)
        let body = number & (1 << (64 - Self.tagBitCount) - 1)
        return Lease(
            item: item, attempt: attempt,
            token: body << Self.tagBitCount | tag(body, item, attempt, instance))
    }

    /// Whether a session of this run gave such a lease to this process.
    package func isGenuine(_ lease: Lease, of instance: [UInt8]) -> Bool {
        let body = lease.token >> Self.tagBitCount
        let found = lease.token & (1 << Self.tagBitCount - 1)
        return found == tag(body, lease.item, lease.attempt, instance)
    }

    private func tag(
        _ body: UInt64, _ item: UInt32, _ attempt: Int, _ instance: [UInt8]
    ) -> UInt64 {
        // All parts but the last have fixed lengths.
        var statement = Self.label
        for value in [body, UInt64(item), UInt64(attempt)] {
            withUnsafeBytes(of: value.littleEndian) { statement += $0 }
        }
        let code = HMACSHA256.code(of: statement + instance, key: key)
        let word = code.prefix(8).reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        return word >> (64 - Self.tagBitCount)
    }
}
