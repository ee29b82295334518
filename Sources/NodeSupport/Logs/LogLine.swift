// SPDX-License-Identifier: Apache-2.0

package import Logging
import Requests

/// One log record, and its format.
package struct LogLine: Sendable {
    /// The format of log lines.
    package enum Format: String, Sendable {
        /// `TIME LEVEL LABEL MESSAGE key=value …`
        case text
        /// An object with `time`, `level`, `label`, `message` and the metadata's keys.
        case json
    }

    /// The time, as ISO 8601.
    package var time: String
    /// The severity.
    package var level: Logger.Level
    /// The program.
    package var label: String
    /// The message.
    package var message: String
    /// The image, lease, worker and so on.
    package var metadata: Logger.Metadata

    /// Creates a record.
    package init(
        time: String, level: Logger.Level, label: String, message: String,
        metadata: Logger.Metadata
    ) {
        self.time = time
        self.level = level
        self.label = label
        self.message = message
        self.metadata = metadata
    }

    /// The line, without its end; metadata sorted by key.
    package func text(as format: Format) -> String {
        let pairs = metadata.sorted { $0.key < $1.key }
        switch format {
        case .text:
            let words = pairs.map { "\($0.key)=\(Self.word("\($0.value)"))" }
            return ([time, level.rawValue, label, Self.oneLine(message)] + words)
                .joined(separator: " ")
        case .json:
            let fixed = [
                ("time", time), ("level", level.rawValue), ("label", label), ("message", message),
            ]
            let fields = (fixed + pairs.map { ($0.key, "\($0.value)") }).map { key, value in
                "\(JSONText.quoted(key)):\(JSONText.quoted(value))"
            }
            return "{\(fields.joined(separator: ","))}"
        }
    }

    /// A value in a form that separates it from the next one.
    private static func word(_ value: String) -> String {
        let isPlain =
            !value.isEmpty && value.utf8.allSatisfy { $0 > 0x20 && $0 != 0x22 && $0 < 0x7F }
        return isPlain ? value : JSONText.quoted(value)
    }

    /// Text from a peer never starts its own line or moves the cursor.
    private static func oneLine(_ text: String) -> String {
        text.unicodeScalars.contains(where: \.isHidden) ? JSONText.quoted(text) : text
    }
}
