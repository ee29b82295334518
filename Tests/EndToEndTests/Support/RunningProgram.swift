// SPDX-License-Identifier: Apache-2.0

import CProcess
import Foundation
import Glibc
import TestSupport
import Testing

/// One of the built executables as a separate process, with its output in files.
final class RunningProgram: Sendable {
    /// A program's standard input.
    enum Input {
        /// These bytes.
        case bytes([UInt8])
        /// Nothing, until this process ends.
        case open
    }

    /// How a program ended.
    struct Ending: CustomStringConvertible {
        /// Exit status, or 128 + the signal.
        var code: Int32
        var output: String
        var errorOutput: String

        var description: String { "exit \(code)\n\(output)\n\(errorOutput)" }
    }

    struct Timeout: Error { var ending: Ending }

    /// Timeout for a busy machine; nothing here takes seconds on an idle one.
    static let patience = Duration.seconds(120)

    let processIdentifier: pid_t
    private let outputPath: String
    private let errorPath: String

    /// The directory of the built executables: beside the test executable.
    static var executables: String {
        let test = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
        return URL(filePath: test ?? "").deletingLastPathComponent().path
    }

    /// Starts `retom-…` in `directory`, with a shell's preparations (`ulimit …`) if given.
    init(
        _ name: String, _ arguments: [String], in directory: TemporaryDirectory,
        input: Input = .bytes([]), preparations: String? = nil
    ) throws {
        let stem = UUID().uuidString
        outputPath = directory.file("\(stem).out")
        errorPath = directory.file("\(stem).err")
        let script = "cd \"$0\"; \(preparations ?? ":"); exec \"$@\""
        let words =
            ["/bin/sh", "-c", script, directory.path, "\(Self.executables)/\(name)"] + arguments
        let source = try Self.descriptor(of: input, in: directory, stem)
        defer { close(source) }
        processIdentifier = try Self.spawn(
            words, source, outputPath: outputPath, errorPath: errorPath)
    }

    /// A descriptor for reading the input.
    ///
    /// The writing end of an open one stays open on purpose: the kernel closes it when the tests
    /// end, in whatever way.
    private static func descriptor(
        of input: Input, in directory: TemporaryDirectory, _ stem: String
    ) throws -> Int32 {
        switch input {
        case .bytes(let bytes):
            return open(try directory.write(bytes, to: "\(stem).in"), O_RDONLY | O_CLOEXEC)
        case .open:
            var ends: [Int32] = [0, 0]
            let status = pipe(&ends)
            try #require(status == 0)
            for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
            return ends[0]
        }
    }

    private static func spawn(
        _ words: [String], _ input: Int32, outputPath: String, errorPath: String
    ) throws -> pid_t {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_adddup2(&actions, input, 0)
        for (descriptor, path) in [(Int32(1), outputPath), (2, errorPath)] {
            posix_spawn_file_actions_addopen(
                &actions, descriptor, path, O_WRONLY | O_CREAT | O_APPEND, 0o644)
        }
        // Sockets of tests that run at the same time.
        retom_spawn_close_from(&actions, 3)
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var signals = sigset_t()
        sigemptyset(&signals)
        posix_spawnattr_setsigmask(&attributes, &signals)
        sigfillset(&signals)
        posix_spawnattr_setsigdefault(&attributes, &signals)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))
        let pointers = words.map { strdup($0) } + [nil]
        defer { for pointer in pointers { free(pointer) } }
        var identifier: pid_t = 0
        let code = posix_spawn(&identifier, words[0], &actions, &attributes, pointers, environ)
        try #require(code == 0, "cannot start \(words[0]): \(String(cString: strerror(code)))")
        return identifier
    }

    deinit {
        // A reaped process no longer exists, and its number may be reused.
        var status: Int32 = 0
        guard waitpid(processIdentifier, &status, WNOHANG) == 0 else { return }
        kill(processIdentifier, SIGKILL)
        waitpid(processIdentifier, &status, 0)
    }

    /// Everything it has printed on standard output.
    var output: String { Self.text(outputPath) }

    /// Everything it has printed on standard error.
    var errorOutput: String { Self.text(errorPath) }

    func send(_ signal: Int32) { kill(processIdentifier, signal) }

    /// Waits until it has handled a signal: a second one would merge with the first.
    func takes(_ signal: Int32) async throws {
        let deadline = ContinuousClock.now + Self.patience
        while ContinuousClock.now < deadline {
            let line = Self.text("/proc/\(processIdentifier)/status").split(separator: "\n")
                .first { $0.hasPrefix("ShdPnd:") }
            let pending = line.flatMap { UInt64($0.dropFirst(8), radix: 16) } ?? 0
            if pending & (1 << UInt64(signal - 1)) == 0 { return }
            try await Task.sleep(for: .milliseconds(1))
        }
        throw Timeout(ending: Ending(code: -1, output: output, errorOutput: errorOutput))
    }

    /// Waits for its end.
    func ending(within limit: Duration = patience) async throws -> Ending {
        var status: Int32 = 0
        let deadline = ContinuousClock.now + limit
        while waitpid(processIdentifier, &status, WNOHANG) == 0 {
            if ContinuousClock.now > deadline {
                throw Timeout(
                    ending: Ending(code: -1, output: output, errorOutput: errorOutput))
            }
            try await Task.sleep(for: .milliseconds(5))
        }
        let signal = status & 0x7F
        return Ending(
            code: signal == 0 ? (status >> 8) & 0xFF : 128 + signal, output: output,
            errorOutput: errorOutput)
    }

    /// Waits for a line on standard output that satisfies `predicate`, and returns it.
    func line(where predicate: (Substring) -> Bool) async throws -> String {
        let deadline = ContinuousClock.now + Self.patience
        while true {
            // Asked first: what an ended program wrote is all there.
            let hasEnded = hasEnded
            let text = output
            let end = text.lastIndex(of: "\n") ?? text.startIndex
            if let line = text[..<end].split(separator: "\n").first(where: predicate) {
                return String(line)
            }
            if hasEnded || ContinuousClock.now > deadline {
                throw Timeout(
                    ending: Ending(code: -1, output: text, errorOutput: errorOutput))
            }
            try await Task.sleep(for: .milliseconds(5))
        }
    }

    /// Whether the process has ended, reaped or not.
    private var hasEnded: Bool {
        (try? String(contentsOfFile: "/proc/\(processIdentifier)/stat", encoding: .utf8))
            .map { $0.contains(") Z ") } ?? true
    }

    /// Its children, by process number.
    var children: [pid_t] {
        // Each thread has the children that it started.
        let tasks = "/proc/\(processIdentifier)/task"
        let threads = (try? FileManager.default.contentsOfDirectory(atPath: tasks)) ?? []
        return threads.flatMap {
            Self.text("\(tasks)/\($0)/children").split(separator: " ").compactMap { pid_t($0) }
        }
    }

    private static func text(_ path: String) -> String {
        (try? Data(contentsOf: URL(filePath: path))).map { String(decoding: $0, as: UTF8.self) }
            ?? ""
    }
}
