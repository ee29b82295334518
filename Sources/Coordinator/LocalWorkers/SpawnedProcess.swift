// SPDX-License-Identifier: Apache-2.0

import CProcess
import Glibc
import Synchronization

/// A child process whose standard streams are pipes of ours.
///
/// Its standard input holds a few bytes and stays open while this process runs: the kernel closes
/// it however this process ends, and the child takes that as its signal to exit. It gets a process
/// group of its own, so that a Ctrl-C at the terminal reaches only this process, which can stop it
/// gracefully.
final class SpawnedProcess: Sendable {
    private struct State {
        var input: Int32?
        var isReaped = false
    }

    /// What every pipe has room for.
    private static let inputByteCountMax = 4096

    let processIdentifier: pid_t
    /// Read ends of standard output and standard error; the reader closes them.
    let output: Int32
    let errorOutput: Int32
    private let state: Mutex<State>

    /// Starts a program.
    ///
    /// - Parameters:
    ///   - executable: a path.
    ///   - input: what it finds on its standard input; must fit into the smallest pipe.
    ///   - environment: `KEY=value` strings.
    init(
        executable: String, arguments: [String], input: [UInt8], environment: [String]
    ) throws(LocalWorkersError) {
        precondition(input.count <= Self.inputByteCountMax, "a pipe may not hold so much")
        var pipes: [(read: Int32, write: Int32)] = []
        func failure(_ code: Int32) -> LocalWorkersError {
            for pipe in pipes {
                close(pipe.read)
                close(pipe.write)
            }
            return .cannotStart(executable: executable, reason: String(cString: strerror(code)))
        }
        for _ in 0..<3 {
            var ends: [Int32] = [0, 0]
            guard pipe(&ends) == 0 else { throw failure(errno) }
            pipes.append((ends[0], ends[1]))
            // No other child may inherit these, or the end of one would go unnoticed.
            for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        }
        // While both ends are ours the write can neither block nor fail.
        _ = write(pipes[0].write, input, input.count)
        var identifier: pid_t = 0
        let code = Self.spawn(
            &identifier, executable, arguments, environment,
            streams: [pipes[0].read, pipes[1].write, pipes[2].write])
        guard code == 0 else { throw failure(code) }
        for end in [pipes[0].read, pipes[1].write, pipes[2].write] { close(end) }
        processIdentifier = identifier
        output = pipes[1].read
        errorOutput = pipes[2].read
        state = Mutex(State(input: pipes[0].write))
    }

    /// Closes its standard input: a polite request to end.
    func closeInput() {
        state.withLock { state in
            if let input = state.input { close(input) }
            state.input = nil
        }
    }

    /// Sends a signal unless the process is gone, in which case its number may be another's.
    func signal(_ number: Int32) {
        state.withLock { state in
            if !state.isReaped { kill(processIdentifier, number) }
        }
    }

    /// Waits for the end; call it once, on a thread that may block.
    ///
    /// - Returns: how it ended, as in "exited with status 2".
    func waitForExit() -> String {
        var info = siginfo_t()
        // Looks without reaping, so that `signal` never hits a number that was given away.
        while waitid(P_PID, id_t(processIdentifier), &info, WEXITED | WNOWAIT) != 0, errno == EINTR
        {}
        var status: Int32 = 0
        state.withLock { state in
            while waitpid(processIdentifier, &status, 0) < 0, errno == EINTR {}
            state.isReaped = true
        }
        closeInput()
        let signal = status & 0x7F
        return signal == 0
            ? "exited with status \((status >> 8) & 0xFF)" : "was ended by signal \(signal)"
    }

    private static func spawn(
        _ identifier: inout pid_t, _ executable: String, _ arguments: [String],
        _ environment: [String], streams: [Int32]
    ) -> Int32 {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        for (target, source) in streams.enumerated() {
            posix_spawn_file_actions_adddup2(&actions, source, Int32(target))
        }
        // SwiftNIO's sockets would be inherited: ports would stay in use, and connections open, for
        // as long as the process lives.
        retom_spawn_close_from(&actions, Int32(streams.count))
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var signals = sigset_t()
        sigemptyset(&signals)
        posix_spawnattr_setsigmask(&attributes, &signals)
        sigfillset(&signals)
        posix_spawnattr_setsigdefault(&attributes, &signals)
        posix_spawnattr_setpgroup(&attributes, 0)
        posix_spawnattr_setflags(
            &attributes,
            Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP))
        let argumentPointers = ([executable] + arguments).map { strdup($0) } + [nil]
        let environmentPointers = environment.map { strdup($0) } + [nil]
        defer { for pointer in argumentPointers + environmentPointers { free(pointer) } }
        return posix_spawn(
            &identifier, executable, &actions, &attributes, argumentPointers, environmentPointers)
    }
}
