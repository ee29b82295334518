// SPDX-License-Identifier: Apache-2.0

package import ArgumentParser
import CommandSupport
package import Logging

/// Logging to standard error, for operators; the same options for both programs.
package struct LogOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Log events to standard error at this level and above (default: no log).",
            valueName: Logger.Level.allCases.map(\.rawValue).joined(separator: "|")))
    package var logLevel: String?

    @Option(
        help: ArgumentHelp(
            "Log format: text for people, or one JSON object per line (default: text).",
            valueName: "text|json"))
    package var logFormat: String?

    package init() {}

    package func validate() throws {
        if let logLevel, Logger.Level(rawValue: logLevel) == nil {
            let levels = Logger.Level.allCases.map(\.rawValue).joined(separator: ", ")
            throw ValidationError("--log-level \(logLevel): choose \(levels)")
        }
        guard let logFormat else { return }
        guard LogLine.Format(rawValue: logFormat) != nil else {
            throw ValidationError("--log-format \(logFormat): choose text or json")
        }
        guard logLevel != nil else {
            throw ValidationError(
                "--log-format needs --log-level; without it nothing is logged")
        }
    }

    /// A logger configured by these options.
    package func logger(label: String) -> Logger {
        guard let level = logLevel.flatMap(Logger.Level.init(rawValue:)) else {
            return Logger(label: label) { _ in SwiftLogNoOpLogHandler() }
        }
        let format = logFormat.flatMap(LogLine.Format.init(rawValue:)) ?? .text
        var logger = Logger(label: label) { label in
            LineLogHandler(label: label, format: format) {
                ConsoleStreams.standard.writeError($0 + "\n")
            }
        }
        logger.logLevel = level
        return logger
    }
}
