// SPDX-License-Identifier: Apache-2.0

import Digests
import FoundationEssentials
import GRDB

/// Sessions of browsers: each stands for a key, for some hours, and ends with it.
///
/// A session's text is 64 hexadecimal digits of 256 random bits, of which the directory keeps the
/// SHA-256: who reads it must not be able to be somebody.
extension ServiceStore {
    /// How long a session lasts, in seconds.
    package static let sessionSeconds = 12 * 3600
    /// Sessions of one key: the one that ends first goes when there are more.
    package static let sessionCountMax = 16

    /// Opens a session of a key.
    ///
    /// - Parameter now: seconds since 1970.
    /// - Returns: its text.
    /// - Throws: `ServiceStateError`.
    package func openSession(of key: StoredKey, at now: Double) throws(ServiceStateError) -> String
    {
        var random = SystemRandomNumberGenerator()
        let text = (0..<64).map { _ in String(UInt8.random(in: 0..<16, using: &random), radix: 16) }
            .joined()
        try write { database in
            try database.execute(
                sql: """
                    DELETE FROM browser_session
                        WHERE ends_at <= :now OR key NOT IN (SELECT id FROM key);
                    INSERT INTO browser_session (sha256, key, ends_at)
                        VALUES (:sha256, :key, :now + :seconds);
                    DELETE FROM browser_session WHERE rowid IN (
                        SELECT rowid FROM browser_session WHERE key = :key
                        ORDER BY ends_at DESC, rowid DESC LIMIT -1 OFFSET :max);
                    """,
                arguments: [
                    "now": now, "sha256": Self.digest(ofSession: text), "key": key.id,
                    "seconds": Self.sessionSeconds, "max": Self.sessionCountMax,
                ])
        }
        return text
    }

    /// The key of a session; `nil` if it has ended, or its key was taken back.
    ///
    /// - Parameter now: seconds since 1970.
    /// - Throws: `ServiceStateError`.
    package func key(
        ofSession text: String, at now: Double
    ) throws(ServiceStateError) -> StoredKey? {
        guard text.utf8.count == 64 else { return nil }
        return try read { database in
            try Row.fetchOne(
                database.cachedStatement(
                    sql: """
                        SELECT * FROM key WHERE id =
                            (SELECT key FROM browser_session WHERE sha256 = ? AND ends_at > ?)
                        """), arguments: [Self.digest(ofSession: text), now]
            ).map(StoredKey.init)
        }
    }

    /// Ends a session, however often it is asked.
    ///
    /// - Throws: `ServiceStateError`.
    package func endSession(_ text: String) throws(ServiceStateError) {
        try write { database in
            try database.execute(
                sql: "DELETE FROM browser_session WHERE sha256 = ?",
                arguments: [Self.digest(ofSession: text)])
        }
    }

    private static func digest(ofSession text: String) -> Data {
        Data(SHA256.hash(data: Array(text.utf8)))
    }
}
