// SPDX-License-Identifier: Apache-2.0

import Foundation
import Requests
import Runs
import Testing

/// Events as lines of JSON for programs.
@Suite struct RunEventJSONTests {
    /// A terminal may show the line, whatever strangers put into it.
    @Test func eventsHideNothing() throws {
        let hostile = "a\u{0}\u{1B}[2J\u{9B}31m\u{202E}gnp.\u{2028}\u{FEFF}\u{E0041}\n\"\\ é 雪 🏠"
        let line = RunEvent.workerLost(worker: hostile, reason: hostile).jsonLine(time: 0)
        let hidden = line.unicodeScalars.filter(\.isHidden)
        #expect(hidden.isEmpty, "\(line)")
        let object = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
        #expect(object?["reason"] as? String == hostile)
    }
}
