// SPDX-License-Identifier: Apache-2.0

/// Why a worker process on this machine did not start.
package enum LocalWorkersError: Error, Equatable {
    case cannotStart(executable: String, reason: String)
    case exitedEarly(exit: String, lastLines: [String])
    case silent(seconds: Double, lastLines: [String])
    case unexpectedFirstLine(String)
}

extension LocalWorkersError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .cannotStart(let executable, let reason):
            """
            cannot start the worker '\(executable)': \(reason); it belongs beside retom-coord, or \
            name running workers with --workers
            """
        case .exitedEarly(let exit, let lastLines):
            "a local worker \(exit) before it listened" + Self.quote(lastLines, as: "its output")
        case .silent(let seconds, let lastLines):
            "a local worker did not listen within \(seconds) s"
                + Self.quote(lastLines, as: "its output")
        case .unexpectedFirstLine(let line):
            "a local worker said '\(line)' where it should say which port it listens on"
        }
    }

    static func quote(_ lines: [String], as introduction: String = "its last output") -> String {
        guard !lines.isEmpty else { return "" }
        return "; \(introduction):\n" + lines.map { "  " + $0 }.joined(separator: "\n")
    }
}
