// SPDX-License-Identifier: Apache-2.0

import Digests
import GRDB

/// A digest over what was accepted: settings and requests, as the texts that are stored.
///
/// SQLite has no checksums of its own. A changed letter of a prompt would be another picture.
enum RunSeal {
    /// SHA-256 over the texts in order, each behind its length in bytes (64 bits, little-endian).
    static func digest(facts: String, requests: some Sequence<String>) -> [UInt8] {
        var hash = SHA256()
        func add(_ text: String) {
            withUnsafeBytes(of: UInt64(text.utf8.count).littleEndian) {
                hash.update(bufferPointer: $0)
            }
            var text = text
            text.withUTF8 { hash.update(bufferPointer: UnsafeRawBufferPointer($0)) }
        }
        add(facts)
        for request in requests { add(request) }
        return hash.finalize()
    }
}

extension Database {
    /// The digest of what is stored.
    func sealDigest() throws -> [UInt8] {
        let run = try Row.fetchOne(self, sql: "SELECT facts FROM run")
        let facts: String = try run?.value("facts") ?? ""
        let rows = try Row.fetchAll(self, sql: "SELECT request FROM image ORDER BY item")
        return RunSeal.digest(facts: facts, requests: try rows.map { try $0.value("request") })
    }

    /// - Throws: `DatabaseError` where what is stored is not what was accepted.
    func checkSeal() throws {
        let row = try Row.fetchOne(self, sql: "SELECT sha256 FROM seal")
        guard let digest = try row?.bytes("sha256"), digest == (try sealDigest()) else {
            throw DatabaseError(
                resultCode: .SQLITE_CORRUPT,
                message: "prompts or settings are not those that were accepted")
        }
    }
}
