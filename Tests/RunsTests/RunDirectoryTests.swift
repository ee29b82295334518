// SPDX-License-Identifier: Apache-2.0

import DiskFaults
import Glibc
import Runs
import TestSupport
import Testing

@Suite struct RunDirectoryTests {
    private let temporary: TemporaryDirectory
    private var path: String { temporary.path + "/out" }

    init() throws { temporary = try TemporaryDirectory() }

    @Test func theDirectoryIsMadeAndNothingIsLeftInIt() throws {
        let directory = try RunDirectory(preparing: temporary.path + "/a/b/out/")
        #expect(directory.path == temporary.path + "/a/b/out")
        #expect(try directory.existingRunFiles().isEmpty)
        #expect(temporary.contents == ["a"])
    }

    @Test func filesAppearWholeUnderTheirNames() throws {
        let directory = try RunDirectory(preparing: path)
        try directory.writeNew(RunFileName.picture(0, seed: 42), bytes: [1, 2, 3])
        try directory.replace(RunFileName.report, bytes: [4])
        try directory.replace(RunFileName.report, bytes: [5])
        try directory.replace(RunFileName.sheet(page: 0)) { append in
            try append([6])
            try append([7])
        }
        #expect(
            try directory.existingRunFiles() == ["00000-42.png", "grid-0000.png", "report.json"])
        #expect(try directory.read("00000-42.png") == [1, 2, 3])
        #expect(try directory.read("report.json") == [5])
        #expect(try directory.read("grid-0000.png") == [6, 7])
    }

    @Test func aPictureIsNeverOverwritten() throws {
        let directory = try RunDirectory(preparing: path)
        try temporary.write("mine", to: "out/00000-42.png")
        #expect(throws: RunError.fileExists(path: path + "/00000-42.png")) {
            try directory.writeNew("00000-42.png", bytes: [1])
        }
        #expect(temporary.text(of: "out/00000-42.png") == "mine")
        #expect(try directory.existingRunFiles() == ["00000-42.png"])
    }

    @Test func aFailingBodyLeavesNothing() throws {
        struct Trouble: Error {}
        let directory = try RunDirectory(preparing: path)
        #expect(throws: Trouble.self) {
            try directory.replace("grid-0000.png") { append in
                try append([1])
                throw Trouble()
            }
        }
        #expect(try directory.existingRunFiles().isEmpty)
    }

    @Test func otherFilesDoNotMakeARun() throws {
        _ = try RunDirectory(preparing: path)
        try temporary.write("mine", to: "out/holiday.png")
        _ = try RunDirectory(preparing: path)
    }

    @Test func aFileInTheWayIsNamed() throws {
        try temporary.write("x", to: "file")
        let inside = temporary.path + "/file/out"
        #expect(throws: RunError.notADirectory(path: temporary.path + "/file")) {
            try RunDirectory(preparing: inside)
        }
    }

    /// `/proc` refuses new directories and `/sys` new files even to root.
    @Test func unwritablePlacesAreFoundBeforeAnyWork() {
        #expect(throws: RunError.self) { try RunDirectory(preparing: "/proc/retom") }
        do {
            _ = try RunDirectory(preparing: "/proc")
            Issue.record("/proc was accepted")
        } catch .disk(let error) {
            #expect(error.path == "/proc")
            if case .notWritable = error.cause {} else { Issue.record("\(error)") }
        } catch {
            Issue.record("\(error)")
        }
    }

    /// The kernel's own full disk.
    @Test func aFullDiskIsNamed() {
        let descriptor = open("/dev/full", O_WRONLY)
        defer { close(descriptor) }
        let code = [1, 2, 3].withUnsafeBytes { DurableWrite.write($0, to: descriptor) }
        #expect(RunError(errno: code, path: "x") == .disk(DiskError(path: "x", .full)))
    }

    @Test(arguments: [
        (ENOSPC, RunError.disk(DiskError(path: "p", .full))),
        (EDQUOT, .disk(DiskError(path: "p", .full))), (EEXIST, .fileExists(path: "p")),
        (EROFS, .disk(DiskError(path: "p", .notWritable(reason: "Read-only file system")))),
        (EACCES, .disk(DiskError(path: "p", .notWritable(reason: "Permission denied")))),
        (EIO, .disk(DiskError(path: "p", .failed(reason: "Input/output error")))),
    ])
    func errorNumbersHaveMeanings(code: Int32, error: RunError) {
        #expect(RunError(errno: code, path: "p") == error)
    }

    /// The same error says what helps: another directory before the run, `--resume` within it.
    @Test(arguments: [DiskError.Cause.full, .notWritable(reason: "no"), .failed(reason: "no")])
    func aDiskErrorSaysWhatHelps(_ cause: DiskError.Cause) {
        let error = RunError.disk(DiskError(path: "p", cause))
        #expect("\(error)".contains("with -o") && !"\(error)".contains("--resume"))
        #expect("\(error.in(.accepting))".contains("no image was accepted"))
        #expect("\(error.in(.running))".contains("--resume"))
        #expect(RunError.noRun(path: "p").in(.running) == .noRun(path: "p"))
    }

    /// Every write, synchronisation and naming fails once: whoever was told that a file is there
    /// has it after a loss of power, and whoever was told that it is not finds all of it or
    /// nothing.
    @Test func aFileIsThereOrTheErrorSaysSo() throws {
        var failureCount = 0
        for ordinal in 0... {
            let temporary = try TemporaryDirectory()
            let disk = FaultyDisk(temporary.path)
            let directory = try RunDirectory(preparing: temporary.path)
            disk.fail(.once(ordinal), code: EIO)
            var written: [String: [UInt8]] = [:]
            for (name, bytes) in [
                ("00000-1.png", [1, 2]), ("report.json", [3]), ("report.json", [4]),
            ]
                as [(String, [UInt8])]
            {
                do {
                    if name == "report.json" {
                        try directory.replace(name, bytes: bytes)
                    } else {
                        try directory.writeNew(name, bytes: bytes)
                    }
                    written[name] = bytes
                } catch {
                    #expect("\(error)".contains("Input/output error"))
                    failureCount += 1
                }
            }
            disk.release()
            let left = try TemporaryDirectory()
            try disk.image.write(to: left.path) { false }
            for (name, bytes) in written {
                #expect(try RunDirectory(preparing: left.path).read(name) == bytes)
                #expect(try directory.read(name).isEmpty == false)
            }
            if ordinal > disk.operationCount { break }
        }
        #expect(failureCount > 10)
    }

    @Test func namesAreTheContract() {
        #expect(RunFileName.picture(7, seed: 42) == "00007-42.png")
        #expect(
            RunFileName.latents(123_456, seed: .max) == "123456-\(UInt64.max).safetensors")
        #expect(RunFileName.sheet(page: 12) == "grid-0012.png")
        for name in [
            "00000-42.png", "123456-0.safetensors", "grid-0000.png", "report.json", "index.html",
            "run.sqlite", "run-new.sqlite", "run-new.sqlite-wal",
        ] { #expect(RunFileName.belongsToARun(name), "\(name)") }
        for name in [
            "holiday.png", "0-42.png", "00000-42.jpg", "00000.png", "00000-a.png", "grid-x.png",
            "report.json.bak", ".hidden", "..", "00000-42.png.tmp", "a-00000-42.png", ".x.1.tmp",
        ] { #expect(!RunFileName.belongsToARun(name), "\(name)") }
        for name in [".00000-42.png.991.tmp", ".report.json.1.tmp", ".status.json.7.tmp"] {
            #expect(RunFileName.isUnfinished(name) && !RunFileName.belongsToARun(name), "\(name)")
        }
        #expect(RunFileName.isUnfinished(".00000-42.png.00ff00ff00ff00ff.tmp"))
        for name in [
            ".x.1.tmp", ".report.json.tmp", "report.json", "00000-42.png.1.tmp",
            ".report.json.00FF00ff00ff00ff.tmp", ".report.json.0ff.tmp", ".report.json..tmp",
        ] {
            #expect(!RunFileName.isUnfinished(name), "\(name)")
        }
    }
}
