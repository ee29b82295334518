// SPDX-License-Identifier: Apache-2.0

import Foundation
import GenerationTypes
import ImageCodec
import Runs
import TestSupport
import Testing

/// Whose the files of an output directory are.
@Suite struct RunFilesTests {
    private let temporary: TemporaryDirectory
    private var path: String { temporary.file("out") }
    private var files: RunFiles { Self.files(seeds: [7, 8]) }

    init() throws { temporary = try TemporaryDirectory() }

    private static func files(seeds: [UInt64]) -> RunFiles {
        RunFiles(
            requests: seeds.map { GenerationRequest(prompt: "a", seed: $0, width: 64, height: 64) },
            savesLatents: true)
    }

    private static func picture(_ text: PNGText?) throws -> [UInt8] {
        try PNG.encode(RGBImage(width: 2, height: 2), texts: text.map { [$0] } ?? [])
    }

    private static func ours() throws -> [(name: String, bytes: [UInt8])] {
        [
            ("00000-7.png", try picture(PNGText(keyword: "retom", text: "{}"))),
            ("00001-8.png", try picture(PNGText(keyword: "retom", text: "家"))),
            ("00000-7.safetensors", Array("12345678{\"latents\":{}}".utf8)),
            ("grid-0000.png", try picture(PNGText(keyword: "Software", text: "retom 0.1.0"))),
            ("report.json", Array("{\n  \"format_version\" : 1".utf8)),
            ("index.html", Array(HTMLPage.text(title: "t", style: "", body: "").utf8)),
        ]
    }

    @Test func aDatabaseNamesWhatItsRunWrites() {
        #expect(
            files.names == [
                "00000-7.png", "00000-7.safetensors", "00001-8.png", "00001-8.safetensors",
                "grid-0000.png", "index.html", "report.json",
            ])
    }

    @Test func whatTheseProgramsWriteIsRecognised() throws {
        for (name, bytes) in try Self.ours() {
            #expect(RunFiles.isOurs(name, head: bytes), "\(name)")
        }
        let automatic = PNGText(keyword: "parameters", text: "retom\nSteps: 20, Sampler: Euler a")
        for (name, bytes) in [
            ("00000-7.png", try Self.picture(automatic)), ("grid-0000.png", try Self.picture(nil)),
            ("index.html", Array("<html><body>my pictures</body></html>".utf8)),
            ("report.json", Array("{\"images\":[]}".utf8)), ("00000-7.safetensors", [1, 2]),
            ("holiday.txt", [1]),
        ] { #expect(!RunFiles.isOurs(name, head: bytes), "\(name)") }
        #expect(RunFiles.isOurs("00000-7.png", head: []))
    }

    @Test func replacingRemovesTheRunAndNothingElse() throws {
        for (name, bytes) in try Self.ours() { try temporary.write(bytes, to: "out/\(name)") }
        // Of another program, with and without a name that the account knows.
        let foreign = try Self.picture(PNGText(keyword: "parameters", text: "Steps: 20"))
        for name in ["00005-7.png", "00001-8.png", "holiday.png"] {
            try temporary.write(foreign, to: "out/\(name)")
        }
        for name in ["run.sqlite", "run.sqlite-wal", "run-new.sqlite"] {
            try temporary.write("account", to: "out/\(name)")
        }
        let directory = try RunDirectory(preparing: path)
        try directory.claim(for: Self.files(seeds: [1]), earlier: files, replaces: true)
        try directory.remove(files)
        #expect(
            try FileManager.default.contentsOfDirectory(atPath: path).sorted() == [
                "00001-8.png", "00005-7.png", "holiday.png", "run-new.sqlite", "run.lock",
            ])
    }

    @Test func anEarlierRunIsRefusedUnlessToldOtherwise() throws {
        for (name, bytes) in try Self.ours() { try temporary.write(bytes, to: "out/\(name)") }
        try temporary.write("account", to: "out/run.sqlite")
        try temporary.write([1], to: "out/00005-7.png")
        let directory = try RunDirectory(preparing: path)
        #expect(
            throws: RunError.holdsARun(path: path, fileCount: 7, example: "00000-7.png")
        ) { try directory.claim(for: files, earlier: files, replaces: false) }
        try directory.claim(for: files, earlier: files, replaces: true)
    }

    /// A1111 gives its pictures such names, and everybody has an `index.html`.
    @Test(arguments: [true, false])
    func filesWithoutADatabaseAreNotReplaced(_ replaces: Bool) throws {
        try temporary.write("mine", to: "out/index.html")
        let directory = try RunDirectory(preparing: path)
        #expect(
            throws: RunError.holdsOtherFiles(
                path: path, fileCount: 1, example: "index.html")
        ) { try directory.claim(for: files, earlier: nil, replaces: replaces) }
        #expect(temporary.text(of: "out/index.html") == "mine")
    }

    @Test func whatANewRunWouldWriteIsNotTakenFromOthers() throws {
        try temporary.write("mine", to: "out/00000-7.png")
        let directory = try RunDirectory(preparing: path)
        let error = RunError.foreignFile(path: "\(path)/00000-7.png")
        for earlier in [files, Self.files(seeds: [1])] {
            #expect(throws: error) {
                try directory.claim(for: files, earlier: earlier, replaces: true)
            }
        }
        try directory.claim(for: Self.files(seeds: [1]), earlier: files, replaces: true)
    }

    @Test func onlyOwnFilesAreReplaced() throws {
        let directory = try RunDirectory(preparing: path)
        let page = Array(HTMLPage.text(title: "t", style: "", body: "").utf8)
        try directory.replaceOwn("index.html", bytes: page)
        try directory.replaceOwn("index.html", bytes: page + [32])
        #expect(try directory.read("index.html") == page + [32])
        try temporary.write("mine", to: "out/index.html")
        #expect(throws: RunError.fileExists(path: "\(path)/index.html")) {
            try directory.replaceOwn("index.html", bytes: page)
        }
        #expect(temporary.text(of: "out/index.html") == "mine")
        struct Trouble: Error {}
        #expect(throws: Trouble.self) {
            try directory.replaceOwn("report.json", bytes: [1]) { throw Trouble() }
        }
        #expect(try directory.existingRunFiles() == ["index.html"])
    }

    /// Names that can be guessed would be links to whatever their planter likes.
    @Test func aTemporaryNameCannotBeGuessed() throws {
        let names = Set((0..<100).map { _ in TemporaryFileName.random(for: "status.json") })
        #expect(names.count == 100)
        for name in names {
            #expect(TemporaryFileName.target(of: name) == "status.json")
            #expect(RunFileName.isUnfinished(name), "\(name)")
        }
        try temporary.write("precious", to: "victim")
        let directory = try RunDirectory(preparing: path)
        // A link under the last name is replaced, not followed.
        try FileManager.default.createSymbolicLink(
            atPath: "\(path)/status.json", withDestinationPath: temporary.file("victim"))
        try directory.replace("status.json", bytes: [1])
        #expect(temporary.text(of: "victim") == "precious")
        #expect(try directory.read("status.json") == [1])
    }

    @Test func damageIsReported() throws {
        let directory = try RunDirectory(preparing: path)
        let whole = try PNG.encode(RGBImage(width: 9, height: 9), texts: [])
        func condition(_ bytes: [UInt8]) throws -> RunDirectory.Condition {
            try directory.replace("00000-7.png", bytes: bytes)
            return directory.condition(ofPicture: "00000-7.png")
        }
        #expect(directory.condition(ofPicture: "00000-7.png") == .gone)
        #expect(directory.condition(ofPicture: "../victim") == .gone)
        #expect(try condition(whole) == .whole)
        #expect(try condition(whole + [0]) == .whole)
        for length in 0..<whole.count {
            #expect(try condition(Array(whole.prefix(length))) == .damaged, "\(length)")
        }
        for index in whole.indices {
            var bytes = whole
            bytes[index] ^= 0x10
            #expect(try condition(bytes) == .damaged, "\(index)")
        }
    }
}
