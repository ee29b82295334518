// SPDX-License-Identifier: Apache-2.0

package import ArgumentParser
import CProcess
import Foundation
import Requests

/// How a program ends; the numbers are a contract with scripts.
package enum ProgramExit: Int32, Sendable {
    /// All images are written.
    case success = 0
    /// Some images failed; each is named with its reason.
    case someImagesFailed = 1
    /// Wrong usage or unusable input.
    case unusableInput = 2
    /// No worker could be used.
    case noUsableWorker = 3
    /// Ended by SIGHUP, gracefully or at once; as for the two below, `--resume` continues.
    case hungUp = 129
    /// Ended by SIGINT.
    case interrupted = 130
    /// Ended by SIGTERM.
    case terminated = 143

    /// How a program ends that a signal ended: with the number that a shell gives to one that dies
    /// of it, so that a service manager can tell it from a failure.
    package init(endedBy signal: TerminationSignal) {
        self =
            switch signal {
            case .hangUp: .hungUp
            case .interrupt: .interrupted
            case .terminate: .terminated
            }
    }

    /// The exit code as the argument parser throws it.
    package var code: ExitCode { ExitCode(rawValue) }
}

/// An error after which the exit code is not 2.
package protocol ProgramExitChoosing: Error {
    /// How the program ends.
    var programExit: ProgramExit { get }
}

extension ParsableCommand {
    /// The synchronous `main` of a program that ends gracefully when a signal asks it to.
    ///
    /// It blocks the signals while there is one thread only; the command's `run` makes a
    /// `StopRequest`. The command itself runs on the cooperative pool.
    ///
    /// - Parameter wordCount: words of the command line in front that chose this command.
    package static func runWatchingSignals(after wordCount: Int = 0) -> Never {
        keepNiceness()
        // A reader that left and a file that grew too long are errors of a write, not the end.
        signal(SIGPIPE, SIG_IGN)
        signal(SIGXFSZ, SIG_IGN)
        SignalWatcher.block()
        reserveStandardStreams()
        Task { await runAndExit(after: wordCount) }
        while true { pause() }
    }

    /// Keeps the program as nice as it was started, also as root: to be called before there is another
    /// thread.
    package static func keepNiceness() { retom_keep_niceness() }

    /// Puts the null device where a standard stream is closed: the next file to be opened would get
    /// its number, and messages would be written into pictures.
    private static func reserveStandardStreams() {
        var descriptor: Int32 = 0
        while (0...STDERR_FILENO).contains(descriptor) { descriptor = open("/dev/null", O_RDWR) }
        if descriptor > STDERR_FILENO { close(descriptor) }
    }

    /// Parses the command line, runs the command and ends the process.
    ///
    /// Where the argument parser would end with 64 for wrong usage, this ends with 2, as
    /// `ProgramExit` promises; errors that a command throws are one message and 2 as well.
    ///
    /// - Parameter wordCount: words of the command line in front that chose this command.
    package static func runAndExit(after wordCount: Int = 0) async -> Never {
        do {
            let words = Array(try ProgramWords.read().dropFirst(wordCount))
            var command = try parseAsRoot(OptionWords(of: self).joined(words))
            if var asynchronous = command as? any AsyncParsableCommand {
                try await asynchronous.run()
            } else {
                try command.run()
            }
            exit(withCode: .success)
        } catch let code as ExitCode {
            exit(withCode: ProgramExit(rawValue: code.rawValue) ?? .unusableInput)
        } catch {
            let parsed = exitCode(for: error)
            // Help and version requests arrive as errors too.
            if parsed == .success { exit(withError: error) }
            let text = fullMessage(for: error)
            let isUsage = parsed == .validationFailure
            let message = isUsage ? text : "\(_commandName): \(error)"
            // It may quote what another machine said.
            let lines = message.split(separator: "\n", omittingEmptySubsequences: false)
                .map { TerminalText.sanitized(String($0)) + "\n" }
            FileHandle.standardError.write(Data(lines.joined().utf8))
            exit(withCode: (error as? any ProgramExitChoosing)?.programExit ?? .unusableInput)
        }
    }

    private static func exit(withCode code: ProgramExit) -> Never {
        Foundation.exit(code.rawValue)
    }
}
