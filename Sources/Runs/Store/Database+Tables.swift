// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import GRDB
import GenerationTypes
import Requests

extension Database {
    /// Makes the tables of a new run and accepts its images.
    func createTables(_ run: StoredRun, _ requests: [GenerationRequest]) throws {
        try execute(
            sql: """
                CREATE TABLE run (facts TEXT NOT NULL);
                CREATE TABLE life (
                    number INTEGER PRIMARY KEY AUTOINCREMENT,
                    started_at REAL NOT NULL, finished_at REAL,
                    sent INTEGER NOT NULL DEFAULT 0, received INTEGER NOT NULL DEFAULT 0,
                    latents INTEGER NOT NULL DEFAULT 0,
                    compressed_latents INTEGER NOT NULL DEFAULT 0);
                CREATE TABLE image (item INTEGER PRIMARY KEY, request TEXT NOT NULL);
                CREATE TABLE result (
                    item INTEGER PRIMARY KEY REFERENCES image,
                    worker TEXT NOT NULL, kernel_class TEXT NOT NULL, attempt INTEGER NOT NULL,
                    resumed_step INTEGER NOT NULL,
                    text_seconds REAL NOT NULL, sampling_seconds REAL NOT NULL,
                    token_merging TEXT NOT NULL,
                    channels INTEGER NOT NULL, height INTEGER NOT NULL, width INTEGER NOT NULL,
                    sha256 BLOB NOT NULL);
                CREATE TABLE failure (
                    number INTEGER PRIMARY KEY, item INTEGER NOT NULL REFERENCES image,
                    worker TEXT NOT NULL, attempt INTEGER NOT NULL, reason TEXT NOT NULL,
                    is_final INTEGER NOT NULL);
                CREATE TABLE picture (
                    item INTEGER PRIMARY KEY REFERENCES result,
                    file TEXT NOT NULL, latents_file TEXT, decode_seconds REAL NOT NULL,
                    worker_decode_class TEXT, decode_class TEXT);
                CREATE TABLE checkpoint (
                    item INTEGER PRIMARY KEY REFERENCES image,
                    step INTEGER NOT NULL, kernel_class TEXT NOT NULL, bytes BLOB NOT NULL);
                CREATE TABLE seal (sha256 BLOB NOT NULL);
                """)
        try execute(
            sql: "INSERT INTO run (facts) VALUES (?)",
            arguments: [String(decoding: try JSONEncoder().encode(run), as: UTF8.self)])
        let insert = try makeStatement(sql: "INSERT INTO image (item, request) VALUES (?, ?)")
        for (item, request) in requests.enumerated() {
            try insert.execute(arguments: [item, request.json])
        }
        try seal()
    }

    /// The layout of the tables: 0 where nothing was accepted yet.
    func layout() throws -> Int { try Int.fetchOne(self, sql: "PRAGMA user_version") ?? 0 }

    /// Keeps a digest over what was accepted, and with it the layout.
    func seal() throws {
        try execute(sql: "DELETE FROM seal")
        try execute(
            sql: "INSERT INTO seal (sha256) VALUES (?)", arguments: [Data(try sealDigest())])
        try execute(sql: "PRAGMA user_version = \(RunStore.layout)")
    }
}
