// SPDX-License-Identifier: Apache-2.0

import Foundation
import GRDB
import GenerationTypes
import Runs
import TestSupport
import Testing

/// Databases that SQLite reads and that make no sense.
@Suite struct DamagedRowTests {
    let temporary: TemporaryDirectory
    var path: String { temporary.path }

    init() throws {
        temporary = try TemporaryDirectory()
        let store = try Samples.begin(3, in: path)
        _ = try store.beginSession(at: Samples.date)
        try Samples.store(item: 1, in: store)
        try store.record(
            StoredPicture(image: 1, file: "00001-1.png", latentsFile: nil, decodeSeconds: 1))
        let failure = FailedAttempt(worker: "w", attempt: 1, reason: "r")
        try store.commit([.failure(ImageNumber(2), failure, isFinal: true)])
        try store.keep(
            SamplingCheckpoint(step: 5, kernelClass: "a", bytes: [1]), of: ImageNumber(0))
    }

    /// Tables whose columns take anything, with one value spoilt.
    private func spoil(_ table: String, _ column: String, with value: String) throws {
        var configuration = Configuration()
        configuration.foreignKeysEnabled = false
        let queue = try DatabaseQueue(
            path: "\(path)/\(RunFileName.database)", configuration: configuration)
        try queue.write { database in
            try database.execute(
                sql: """
                    CREATE TABLE loose AS SELECT * FROM \(table);
                    DROP TABLE \(table);
                    ALTER TABLE loose RENAME TO \(table);
                    UPDATE \(table) SET \(column) = \(value);
                    """)
        }
        try queue.close()
    }

    static let columns: [(table: String, names: [String])] = [
        ("run", ["facts"]), ("image", ["item", "request"]),
        ("life", ["number", "started_at", "sent", "received", "latents", "compressed_latents"]),
        (
            "result",
            [
                "item", "worker", "kernel_class", "attempt", "resumed_step", "text_seconds",
                "sampling_seconds", "token_merging", "channels", "height", "width", "sha256",
            ]
        ),
        ("picture", ["item", "file", "decode_seconds"]),
        ("failure", ["item", "worker", "attempt", "reason", "is_final"]),
    ]

    /// A letter of a prompt, a setting: SQLite reads them without complaint.
    @Test(arguments: [
        ("image", "request", "replace(request, '家', '猫')"),
        ("image", "request", "replace(request, '\"width\":64', '\"width\":65')"),
        ("run", "facts", "replace(facts, 'f32', 'f16')"),
        ("seal", "sha256", "zeroblob(32)"), ("seal", "sha256", "NULL"),
    ])
    func whatWasAcceptedIsNotChangedInSilence(
        _ table: String, _ column: String, _ value: String
    ) throws {
        try spoil(table, column, with: value)
        for read in [
            { try RunStore.open(directory: path).history() },
            { try RunStore.peek(directory: path) },
        ] as [() throws -> StoredHistory?] {
            #expect {
                try read()
            } throws: { error in
                guard case .damaged = error as? RunError else { return false }
                return table == "seal" || "\(error)".contains("not those that were accepted")
            }
        }
    }

    /// One bit of the layout's number: an account with tables is never taken for an empty file.
    @Test func aDatabaseWithoutALayoutIsDamagedAndStays() throws {
        let queue = try DatabaseQueue(path: "\(path)/\(RunFileName.database)")
        try queue.write { try $0.execute(sql: "PRAGMA user_version = 0") }
        try queue.close()
        #expect {
            try RunStore.open(directory: path)
        } throws: { error in
            guard case .damaged = error as? RunError else { return false }
            return true
        }
        #expect(FileManager.default.fileExists(atPath: "\(path)/\(RunFileName.database)"))
    }

    @Test(
        arguments: columns.flatMap { table in table.names.map { "\(table.table).\($0)" } },
        ["NULL", "x'FF00FE'", "-7", "9e999", "9223372036854775807"])
    func whatAColumnCannotHoldIsNamed(_ column: String, _ value: String) throws {
        let parts = column.split(separator: ".").map(String.init)
        // Some of these are as good as any other text, number or truth.
        let texts = ["worker", "kernel_class", "file", "reason"]
        let counts = ["sent", "received", "latents", "compressed_latents", "attempt"]
        let times = ["started_at", "text_seconds", "sampling_seconds", "decode_seconds"]
        let isLarge = value.hasPrefix("9223")
        let isNumber = value == "-7" || isLarge
        if texts.contains(parts[1]), value != "NULL" { return }
        if isLarge, (counts + times + ["resumed_step"]).contains(parts[1]) { return }
        if parts[1] == "is_final", isNumber || value == "9e999" { return }
        try spoil(parts[0], parts[1], with: value)
        #expect {
            try RunStore.open(directory: path).history()
        } throws: { error in
            guard case .damaged(_, let reason) = error as? RunError else { return false }
            return reason.hasPrefix(parts[1]) && "\(error)".contains("new directory")
        }
    }

    @Test func aColumnOrATableThatIsGoneIsNamed() throws {
        try spoil("result", "attempt", with: "1; ALTER TABLE result DROP COLUMN attempt")
        #expect(throws: RunError.self) { try RunStore.open(directory: path).history() }
        try spoil("failure", "attempt", with: "1; DROP TABLE failure")
        #expect(throws: RunError.self) { try RunStore.open(directory: path).history() }
    }

    /// They cost steps and no image: nothing is refused for their sake.
    @Test(arguments: [
        ("step", "NULL"), ("step", "-1"), ("kernel_class", "NULL"), ("bytes", "NULL"),
        ("item", "77"), ("item", "'x'"),
    ])
    func damagedCheckpointsAreLeftOut(_ column: String, _ value: String) throws {
        #expect(try RunStore.open(directory: path).checkpoints().count == 1)
        try spoil("checkpoint", column, with: value)
        let store = try RunStore.open(directory: path)
        #expect(try store.checkpoints().isEmpty)
        #expect(try store.history().results.count == 1)
    }
}
