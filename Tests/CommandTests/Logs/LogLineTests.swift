// SPDX-License-Identifier: Apache-2.0

import Foundation
import Logging
import NodeSupport
import Requests
import Synchronization
import Testing

/// Lines of a log, whatever a peer makes them contain.
@Suite struct LogLineTests {
    private let line = LogLine(
        time: "2026-11-28T06:00:00.123Z", level: .warning, label: "retom-worker",
        message: "stranger rejected",
        metadata: ["reason": "it said \"x\"\n2026 error forged", "image": "7", "empty": ""])

    @Test func textStaysOnItsLine() {
        #expect(
            line.text(as: .text) == """
                2026-11-28T06:00:00.123Z warning retom-worker stranger rejected empty="" image=7 \
                reason="it said \\"x\\"\\n2026 error forged"
                """)
    }

    @Test func objectsAreObjects() throws {
        let data = Data(line.text(as: .json).utf8)
        let object = try JSONSerialization.jsonObject(with: data) as? [String: String]
        #expect(
            object == [
                "time": "2026-11-28T06:00:00.123Z", "level": "warning", "label": "retom-worker",
                "message": "stranger rejected", "image": "7", "empty": "",
                "reason": "it said \"x\"\n2026 error forged",
            ])
    }

    /// C1 codes, which terminals obey like escapes, and direction overrides.
    @Test(arguments: [LogLine.Format.text, .json])
    func strangersMoveNoCursor(_ format: LogLine.Format) throws {
        let text = "x \u{9B}2J\u{9D}0;owned\u{9C} \u{202E}gnitset\u{2028}\u{85}\u{1B}[2J\u{7F}"
        let hostile = LogLine(
            time: "t", level: .info, label: "l", message: text, metadata: ["reason": "\(text)"])
        let shown = hostile.text(as: format)
        let hidden = shown.unicodeScalars.filter(\.isHidden)
        #expect(hidden.isEmpty, "\(shown)")
        #expect(shown.contains("\\u009b2J") && shown.contains("\\u202egnitset"))
        guard format == .json else { return }
        let object = try JSONSerialization.jsonObject(with: Data(shown.utf8)) as? [String: String]
        #expect(object?["message"] == text && object?["reason"] == text)
    }

    @Test func handlersWriteWhatLoggersSay() throws {
        let lines = Mutex<[String]>([])
        var logger = Logger(label: "test") { label in
            LineLogHandler(label: label, format: .json) { line in lines.withLock { $0.append(line) }
            }
        }
        logger.logLevel = .info
        logger[metadataKey: "job.id"] = "ab"
        logger.debug("no")
        logger.info("yes", metadata: ["image": "3"])
        let text = try #require(lines.withLock { $0 }.first)
        #expect(lines.withLock { $0 }.count == 1)
        #expect(text.contains("\"message\":\"yes\"") && text.contains("\"job.id\":\"ab\""))
        #expect(text.contains("\"image\":\"3\""))
        // A time of day with fractions, in UTC.
        #expect(text.contains(#/"time":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"/#))
    }
}
