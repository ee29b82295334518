// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import GRDB
import GenerationTypes

extension Database {
    /// How an image's tokens merge, of a row of `span`; the index by it needs the same words.
    ///
    /// A request that says nothing of merging has the default.
    static let mergeMethod = """
        CASE WHEN json_valid(request) THEN COALESCE(
            json_extract(request, '$.token_merging.method'), '\(TokenMergeConfiguration().method)'
        ) END
        """

    /// Makes the tables of a new service; checks those of an existing one.
    func createServiceTables() throws {
        try createTables()
        // No part of the layout: earlier versions keep it up to date, too.
        try execute(
            sql: """
                CREATE INDEX IF NOT EXISTS span_by_merging
                ON span (\(Self.mergeMethod), first_image)
                """)
    }

    private func createTables() throws {
        let found = try layout()
        if found == ServiceStore.layout { return }
        if (1..<ServiceStore.layout).contains(found) {
            return try upgradeServiceTables(from: found)
        }
        guard found == 0 else {
            throw ServiceStateError.otherVersion(path: ServiceStore.databaseName, found: found)
        }
        // An image's number is that of its batch's first image plus its place in there.
        try execute(
            sql: """
                CREATE TABLE setting (name TEXT PRIMARY KEY, value BLOB NOT NULL);
                CREATE TABLE session (
                    number INTEGER PRIMARY KEY AUTOINCREMENT, started_at REAL NOT NULL);
                CREATE TABLE key (
                    id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, sha256 BLOB NOT NULL,
                    weight REAL NOT NULL, is_admin INTEGER NOT NULL, made_at REAL NOT NULL,
                    used_at REAL);
                CREATE TABLE batch (
                    first_image INTEGER PRIMARY KEY, image_count INTEGER NOT NULL,
                    id TEXT NOT NULL UNIQUE, caller TEXT NOT NULL, weight REAL NOT NULL,
                    idempotency_key TEXT, body_sha256 BLOB NOT NULL, priority TEXT NOT NULL,
                    origin TEXT NOT NULL, note TEXT, warnings TEXT NOT NULL, accepted_at REAL NOT NULL,
                    status TEXT, started_at REAL, ended_at REAL, erased_at REAL,
                    is_pinned INTEGER NOT NULL DEFAULT 0);
                CREATE INDEX batch_of_caller ON batch (caller, first_image);
                CREATE TABLE span (
                    first_image INTEGER PRIMARY KEY, image_count INTEGER NOT NULL,
                    prompt TEXT NOT NULL, request TEXT NOT NULL);
                CREATE TABLE result (
                    item INTEGER PRIMARY KEY,
                    worker TEXT NOT NULL, kernel_class TEXT NOT NULL, attempt INTEGER NOT NULL,
                    resumed_step INTEGER NOT NULL,
                    text_seconds REAL NOT NULL, sampling_seconds REAL NOT NULL,
                    token_merging TEXT NOT NULL,
                    channels INTEGER NOT NULL, height INTEGER NOT NULL, width INTEGER NOT NULL,
                    sha256 BLOB NOT NULL);
                CREATE INDEX result_by_latents ON result (sha256);
                CREATE TABLE failure (
                    number INTEGER PRIMARY KEY, item INTEGER NOT NULL,
                    worker TEXT NOT NULL, attempt INTEGER NOT NULL, reason TEXT NOT NULL,
                    is_final INTEGER NOT NULL);
                CREATE INDEX failure_of_image ON failure (item);
                CREATE TABLE picture (
                    item INTEGER PRIMARY KEY,
                    file TEXT NOT NULL, latents_file TEXT, decode_seconds REAL NOT NULL,
                    worker_decode_class TEXT, decode_class TEXT,
                    byte_count INTEGER NOT NULL DEFAULT 0);
                CREATE TABLE unneeded (sha256 BLOB PRIMARY KEY);
                \(Self.browserSessions)
                CREATE TABLE checkpoint (
                    item INTEGER PRIMARY KEY,
                    step INTEGER NOT NULL, kernel_class TEXT NOT NULL, bytes BLOB NOT NULL);
                """)
        try execute(sql: "PRAGMA user_version = \(ServiceStore.layout)")
    }

    /// Browsers that stand for a key: the digest of what they send, and when that ends, in seconds
    /// since 1970.
    private static let browserSessions = """
        CREATE TABLE browser_session (
            sha256 BLOB NOT NULL UNIQUE, key TEXT NOT NULL, ends_at REAL NOT NULL);
        """

    private func upgradeServiceTables(from layout: Int) throws {
        if layout < 2 {
            // No request waited for its batch then.
            try execute(
                sql: "ALTER TABLE batch ADD COLUMN origin TEXT NOT NULL DEFAULT 'batch'")
        }
        if layout < 3 {
            // Nothing was pinned, and the sizes of pictures were not noted: they count as much as
            // their pixels, of which latents have one value for 8 × 8.
            try execute(
                sql: """
                    ALTER TABLE batch ADD COLUMN is_pinned INTEGER NOT NULL DEFAULT 0;
                    ALTER TABLE picture ADD COLUMN byte_count INTEGER NOT NULL DEFAULT 0;
                    UPDATE picture SET byte_count = COALESCE((SELECT 3 * 64 * height * width
                        FROM result WHERE result.item = picture.item), 0);
                    """)
        }
        // Sessions were settings then; browsers ask for the key again.
        try execute(
            sql: "\(Self.browserSessions) DELETE FROM setting WHERE name GLOB 'session/*';")
        try execute(sql: "PRAGMA user_version = \(ServiceStore.layout)")
    }

    /// A setting's bytes; `nil` if it was never set.
    func setting(_ name: String) throws -> [UInt8]? {
        try Data.fetchOne(self, sql: "SELECT value FROM setting WHERE name = ?", arguments: [name])
            .map(Array.init)
    }

    /// Keeps a setting.
    func set(_ name: String, _ value: [UInt8]) throws {
        try execute(
            sql: "INSERT OR REPLACE INTO setting (name, value) VALUES (?, ?)",
            arguments: [name, Data(value)])
    }
}
