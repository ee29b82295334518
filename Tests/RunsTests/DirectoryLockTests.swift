// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc
import ProcessSupport
import Runs
import TestSupport
import Testing

/// One process at a time writes to an output directory.
@Suite struct DirectoryLockTests {
    private let temporary: TemporaryDirectory
    private var path: String { temporary.file("out") }
    private var host: String { SystemInfo.hostName }

    init() throws { temporary = try TemporaryDirectory() }

    @Test func twoRunsCannotShareADirectory() throws {
        let first = try RunDirectory(preparing: path)
        let error = RunError.inUse(path: path, by: "process \(getpid()) on \(host)")
        #expect(throws: error) { try RunDirectory(preparing: path) }
        #expect(StatusReport(directory: path, now: Samples.date).state == .running)
        withExtendedLifetime(first) {}
    }

    @Test func theLockEndsWithTheRunAndItsFileMeansNothingThen() throws {
        do { _ = try RunDirectory(preparing: path) }
        #expect(temporary.text(of: "out/run.lock") == "\(getpid()) \(host)\n")
        _ = try RunDirectory(preparing: path)
        for text in ["", "x", "-1 \(host)", "1 2 3", "\u{1B}[2J"] {
            try temporary.write(text, to: "out/run.lock")
            _ = try RunDirectory(preparing: path)
        }
    }

    /// Nobody else may hold it, and readers of the directory can't.
    @Test func onlyItsOwnerCanOpenTheFile() throws {
        let directory = try RunDirectory(preparing: path)
        var status = stat()
        let found = lstat(directory.path(of: "run.lock"), &status)
        #expect(found == 0 && status.st_mode & 0o777 == 0o600)
        // What other users can lock is not looked at.
        let descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        defer { close(descriptor) }
        let locked = flock(descriptor, LOCK_SH | LOCK_NB)
        #expect(locked == 0)
    }

    @Test func aLockOfTheDirectoryItselfDisturbsNoRun() throws {
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        let descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        defer { close(descriptor) }
        let locked = flock(descriptor, LOCK_EX | LOCK_NB)
        #expect(locked == 0)
        _ = try RunDirectory(preparing: path)
    }

    @Test func whatIsNoFileOfOursIsNotLocked() throws {
        try temporary.write("precious", to: "victim")
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        try FileManager.default.createSymbolicLink(
            atPath: "\(path)/run.lock", withDestinationPath: temporary.file("victim"))
        #expect(
            throws: RunError.foreignLock(
                path: "\(path)/run.lock", reason: "it is not a regular file")
        ) { try RunDirectory(preparing: path) }
        #expect(temporary.text(of: "victim") == "precious")
    }

    @Test func aRefusedProcessLeavesNothing() throws {
        let first = try RunDirectory(preparing: path)
        first.withdraw()
        #expect(temporary.contents == ["out"])
        #expect(try FileManager.default.contentsOfDirectory(atPath: path).isEmpty)
        // The next one locks a file of its own, and does not wait for the other's.
        let second = try RunDirectory(preparing: path)
        second.withdraw()
        withExtendedLifetime((first, second)) {}
        do { _ = try RunDirectory(preparing: path) }
        try RunDirectory(preparing: path).withdraw()
        #expect(temporary.text(of: "out/run.lock") != nil)
    }

    /// A machine that shares the file system and not its locks, or a version that locked otherwise.
    @Test(arguments: ["7 elsewhere\n", nil])
    func aStatusThatChangesBelongsToARunningCoordinator(_ holder: String?) throws {
        if let holder { try temporary.write(holder, to: "out/run.lock") }
        try temporary.write("0", to: "out/status.json")
        let isOver = DispatchSemaphore(value: 0)
        let hasEnded = DispatchSemaphore(value: 0)
        Thread.detachNewThread { [temporary] in
            for number in 1... {
                _ = try? temporary.write("\(number)", to: "out/status.json")
                if isOver.wait(timeout: .now() + .milliseconds(20)) == .success { break }
            }
            hasEnded.signal()
        }
        #expect {
            try RunDirectory(preparing: path)
        } throws: { error in
            guard case .inUse(path, let by) = error as? RunError else { return false }
            return by == (holder == nil ? nil : "process 7 on elsewhere")
        }
        isOver.signal()
        hasEnded.wait()
        // One that was killed there is waited for no longer than that.
        _ = try RunDirectory(preparing: path)
    }
}
