// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
package import Logging

/// Writes each record as one line.
package struct LineLogHandler: LogHandler {
    package var metadata: Logger.Metadata = [:]
    package var metadataProvider: Logger.MetadataProvider?
    package var logLevel: Logger.Level = .info

    private let label: String
    private let format: LogLine.Format
    private let write: @Sendable (String) -> Void

    /// Creates a handler.
    ///
    /// - Parameter write: receives a line without its end; called from any thread.
    package init(
        label: String, format: LogLine.Format, write: @escaping @Sendable (String) -> Void
    ) {
        self.label = label
        self.format = format
        self.write = write
    }

    package subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    package func log(event: LogEvent) {
        var all = metadata
        if let more = metadataProvider?.get() { all.merge(more) { $1 } }
        if let more = event.metadata { all.merge(more) { $1 } }
        let line = LogLine(
            time: Date().ISO8601Format(.iso8601(timeZone: .gmt, includingFractionalSeconds: true))
                + "Z",
            level: event.level, label: label, message: event.message.description, metadata: all)
        write(line.text(as: format))
    }
}
