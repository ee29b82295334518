// SPDX-License-Identifier: Apache-2.0

import Requests

/// The text of server-sent events.
package enum EventText {
    /// Its media type.
    package static let mediaType = "text/event-stream"
    /// A comment, which finds clients that vanished.
    package static let comment = ":\n\n"

    /// One event.
    ///
    /// - Parameters:
    ///   - id: what a client names when it comes back.
    ///   - data: JSON on one line.
    package static func event(_ type: String, id: String, data: String) -> String {
        "event: \(type)\nid: \(id)\ndata: \(data)\n\n"
    }

    /// The last event of a service that stops; the client comes back after so many milliseconds.
    package static func goodbye(retryMilliseconds: Int) -> String {
        "event: bye\nretry: \(retryMilliseconds)\ndata: {}\n\n"
    }
}
