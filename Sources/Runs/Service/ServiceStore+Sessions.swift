// SPDX-License-Identifier: Apache-2.0

import Digests
import FoundationEssentials
import GRDB
import GenerationTypes

/// Sessions of browsers: each stands for a key, for some hours, and ends with it.
///
/// A session's text is 64 hexadecimal digits of 256 random bits, of which the directory keeps the
/// SHA-256, the key's id and when it ends.
extension ServiceStore {
    /// How long a session lasts, in seconds.
    package static let sessionSeconds = 12 * 3600
    private static let sessionPrefix = "session/"

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
        let end = Int(now) + Self.sessionSeconds
        try write { database in
            try database.endSessions(before: now)
            try database.set(Self.sessionName(text), Array("\(key.id) \(end)".utf8))
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
            guard
                let value = try database.setting(Self.sessionName(text)).flatMap(SessionValue.init),
                value.end > Int(now)
            else { return nil }
            return try Row.fetchOne(
                database, sql: "SELECT * FROM key WHERE id = ?", arguments: [value.key]
            ).map(StoredKey.init)
        }
    }

    /// Ends a session, however often it is asked.
    ///
    /// - Throws: `ServiceStateError`.
    package func endSession(_ text: String) throws(ServiceStateError) {
        try write { database in
            try database.execute(
                sql: "DELETE FROM setting WHERE name = ?", arguments: [Self.sessionName(text)])
        }
    }

    private static func sessionName(_ text: String) -> String {
        // Who reads the directory must not be able to be somebody.
        sessionPrefix + Hexadecimal.text(SHA256.hash(data: Array(text.utf8)))
    }

    fileprivate static var sessionPattern: String { sessionPrefix + "*" }
}

/// What the directory says of a session.
private struct SessionValue {
    var key: String
    /// Seconds since 1970.
    var end: Int

    init?(_ bytes: [UInt8]) {
        let words = String(decoding: bytes, as: UTF8.self).split(separator: " ")
        guard words.count == 2, let end = Int(words[1]) else { return nil }
        (key, self.end) = (String(words[0]), end)
    }
}

extension Database {
    /// Forgets sessions that have ended, and those of keys that were taken back.
    fileprivate func endSessions(before now: Double) throws {
        let keys = try String.fetchSet(self, sql: "SELECT id FROM key")
        let rows = try Row.fetchAll(
            self, sql: "SELECT name, value FROM setting WHERE name GLOB ?",
            arguments: [ServiceStore.sessionPattern])
        for row in rows {
            let value = SessionValue(try row.bytes("value"))
            if let value, value.end > Int(now), keys.contains(value.key) { continue }
            let name: String = try row.value("name")
            try execute(sql: "DELETE FROM setting WHERE name = ?", arguments: [name])
        }
    }
}
