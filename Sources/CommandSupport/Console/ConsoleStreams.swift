// SPDX-License-Identifier: Apache-2.0

import Glibc

/// Where a display writes, and what it knows about time and space.
package struct ConsoleStreams: Sendable {
    /// Writes text to standard output.
    package var writeOutput: @Sendable (String) -> Void
    /// Writes text to standard error.
    package var writeError: @Sendable (String) -> Void
    /// Seconds on a clock that never goes back.
    package var seconds: @Sendable () -> Double
    /// The terminal's size now.
    package var size: @Sendable () -> (columns: Int, rows: Int)

    /// Makes streams of any kind, for tests.
    package init(
        writeOutput: @escaping @Sendable (String) -> Void,
        writeError: @escaping @Sendable (String) -> Void,
        seconds: @escaping @Sendable () -> Double,
        size: @escaping @Sendable () -> (columns: Int, rows: Int)
    ) {
        self.writeOutput = writeOutput
        self.writeError = writeError
        self.seconds = seconds
        self.size = size
    }

    /// The process's own streams.
    package static let standard = ConsoleStreams(
        writeOutput: { ConsoleStreams.write($0, to: STDOUT_FILENO) },
        writeError: { ConsoleStreams.write($0, to: STDERR_FILENO) },
        seconds: {
            var time = timespec()
            clock_gettime(CLOCK_MONOTONIC, &time)
            return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
        },
        size: { ConsoleStreams.terminalSize(of: STDERR_FILENO) })

    /// Whether standard output is a terminal.
    package static var outputIsTerminal: Bool { isatty(STDOUT_FILENO) == 1 }

    /// Whether standard error is a terminal.
    package static var errorIsTerminal: Bool { isatty(STDERR_FILENO) == 1 }

    private static func terminalSize(of descriptor: Int32) -> (columns: Int, rows: Int) {
        var size = winsize()
        guard ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else {
            return (80, 24)
        }
        return (Int(size.ws_col), max(1, Int(size.ws_row)))
    }

    /// Writes all of a text; a missing reader does not stop the run.
    private static func write(_ text: String, to descriptor: Int32) {
        let bytes = Array(text.utf8)
        var position = 0
        while position < bytes.count {
            let count = bytes[position...].withUnsafeBytes {
                Glibc.write(descriptor, $0.baseAddress, $0.count)
            }
            if count < 0 && errno == EINTR { continue }
            if count < 0 && errno == EAGAIN {
                var waiting = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                poll(&waiting, 1, 1000)
                continue
            }
            guard count >= 0 else { return }
            position += count
        }
    }
}
