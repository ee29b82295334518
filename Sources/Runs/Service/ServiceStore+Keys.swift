// SPDX-License-Identifier: Apache-2.0

import Digests
import FoundationEssentials
import GRDB
import Glibc
package import ServiceLedger

/// A caller's key as it is kept: its text is not.
package struct StoredKey: Sendable, Equatable {
    /// The part of the text that finds it, 8 characters.
    package var id: String
    /// What its holder is called.
    package var name: String
    /// Its holder's share of the cluster, relative to others.
    package var weight: Double
    /// Whether its holder sees and ends everybody's batches.
    package var isAdmin: Bool
    /// When it was made, in seconds since 1970.
    package var madeAt: Double
    /// When it was used last, to the day; `nil` if it never was.
    package var usedAt: Double?
    /// SHA-256 of its text: random bits need no more.
    var digest: [UInt8]

    /// Its holder, as the ledger knows it.
    package var caller: CallerID { CallerID("\(Self.callerPrefix)\(id)") }

    private static let callerPrefix = "key:"

    /// Whether a caller is a key's holder.
    package static func isHolder(_ caller: CallerID) -> Bool {
        caller.text.hasPrefix(callerPrefix)
    }
}

/// Keys of callers.
///
/// A key is `rtm_`, 8 characters by which it is found, `_`, and 64 hexadecimal digits of 256 random
/// bits. It is shown once.
extension ServiceStore {
    /// Makes a key in a service's directory, whether or not the service runs.
    ///
    /// - Returns: its text.
    /// - Throws: `ServiceStateError`.
    package static func addKey(
        named name: String, weight: Double, isAdmin: Bool, at time: Double, in directory: String
    ) throws(ServiceStateError) -> String {
        var random = SystemRandomNumberGenerator()
        func digits(_ count: Int) -> String {
            (0..<count).map { _ in String(UInt8.random(in: 0..<16, using: &random), radix: 16) }
                .joined()
        }
        let id = digits(8)
        let text = "rtm_\(id)_\(digits(64))"
        try edit(directory, creates: true) { database in
            let isTaken = try Bool.fetchOne(
                database, sql: "SELECT EXISTS (SELECT 1 FROM key WHERE name = ?)",
                arguments: [name])
            if isTaken == true { throw ServiceStateError.keyName(name, exists: true) }
            try database.execute(
                sql: """
                    INSERT INTO key (id, name, sha256, weight, is_admin, made_at)
                    VALUES (?, ?, ?, ?, ?, ?)
                    """,
                arguments: [
                    id, name, Data(SHA256.hash(data: Array(text.utf8))), weight, isAdmin, time,
                ])
        }
        return text
    }

    /// Lists the keys of a service's directory, by name.
    ///
    /// - Throws: `ServiceStateError`.
    package static func keys(in directory: String) throws(ServiceStateError) -> [StoredKey] {
        try edit(directory) { database in
            try Row.fetchAll(database, sql: "SELECT * FROM key ORDER BY name").map(StoredKey.init)
        }
    }

    /// Takes a key back; a running service refuses it from now on.
    ///
    /// - Throws: `ServiceStateError`.
    package static func revokeKey(
        named name: String, in directory: String
    ) throws(ServiceStateError) {
        try edit(directory) { database in
            try database.execute(sql: "DELETE FROM key WHERE name = ?", arguments: [name])
            if database.changesCount == 0 { throw ServiceStateError.keyName(name, exists: false) }
        }
    }

    /// Whether any key was made.
    ///
    /// - Throws: `ServiceStateError`.
    package var hasKeys: Bool {
        get throws(ServiceStateError) {
            try read { try Bool.fetchOne($0, sql: "SELECT EXISTS (SELECT 1 FROM key)") ?? false }
        }
    }

    /// The holders of all keys.
    ///
    /// - Throws: `ServiceStateError`.
    package func keyHolders() throws(ServiceStateError) -> Set<CallerID> {
        try read { database in
            let keys = try Row.fetchAll(database, sql: "SELECT * FROM key").map(StoredKey.init)
            return Set(keys.map(\.caller))
        }
    }

    /// What the holders of all keys are called.
    ///
    /// - Throws: `ServiceStateError`.
    package func keyNames() throws(ServiceStateError) -> [CallerID: String] {
        try read { database in
            let keys = try Row.fetchAll(database, sql: "SELECT * FROM key").map(StoredKey.init)
            return Dictionary(keys.map { ($0.caller, $0.name) }) { first, _ in first }
        }
    }

    /// The key of a text; `nil` if there is none, or it was revoked.
    ///
    /// - Throws: `ServiceStateError`.
    package func key(_ text: String) throws(ServiceStateError) -> StoredKey? {
        let words = text.split(separator: "_", omittingEmptySubsequences: false)
        guard words.count == 3, words[0] == "rtm", words[1].utf8.count == 8,
            words[2].utf8.count == 64
        else { return nil }
        let id = String(words[1])
        let found = try read { database in
            try Row.fetchOne(
                database.cachedStatement(sql: "SELECT * FROM key WHERE id = ?"), arguments: [id]
            ).map(StoredKey.init)
        }
        guard let found else { return nil }
        // In constant time.
        let digest = SHA256.hash(data: Array(text.utf8))
        let difference = zip(found.digest, digest).reduce(UInt8(0)) { $0 | $1.0 ^ $1.1 }
        return difference == 0 && found.digest.count == digest.count ? found : nil
    }

    /// Notes the day on which a key was used.
    package func noteUse(of key: StoredKey, at time: Double) {
        let day = (time / 86_400).rounded(.down) * 86_400
        guard key.usedAt != day else { return }
        committer.submit { database in
            try database.execute(
                sql: "UPDATE key SET used_at = ? WHERE id = ?", arguments: [day, key.id])
        } completion: { _ in
        }
    }

    /// - Parameter creates: whether a directory without a service becomes one.
    private static func edit<Value: Sendable>(
        _ directory: String, creates: Bool = false, _ body: (Database) throws -> Value
    ) throws(ServiceStateError) -> Value {
        do {
            let path = "\(directory)/\(databaseName)"
            if creates {
                try createFolder(directory)
            } else if access(path, F_OK) != 0 {
                throw ServiceStateError.noService(path: directory)
            }
            try RunStore.refuseLinks(path)
            var configuration = Configuration()
            configuration.journalMode = .wal
            configuration.busyMode = .timeout(10)
            let queue = try DatabaseQueue(path: path, configuration: configuration)
            try queue.writeWithoutTransaction { try $0.execute(sql: "PRAGMA synchronous = FULL") }
            return try queue.write { database in
                try database.createServiceTables()
                return try body(database)
            }
        } catch {
            throw ServiceStateError(error, directory: directory)
        }
    }
}

extension StoredKey {
    init(_ row: Row) throws {
        id = try row.value("id")
        name = try row.value("name")
        weight = try row.number("weight", in: 0...Double.greatestFiniteMagnitude)
        isAdmin = try row.value("is_admin")
        madeAt = try row.value("made_at")
        usedAt = try row.optional("used_at")
        digest = try row.bytes("sha256")
    }
}
