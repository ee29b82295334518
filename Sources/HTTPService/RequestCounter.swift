// SPDX-License-Identifier: Apache-2.0

import ProcessSupport
import Synchronization

/// Requests by route and status.
final class RequestCounter: Sendable {
    private struct Name: Hashable {
        var route: String
        var status: Int
    }

    private let counts = Mutex<[Name: Int]>([:])

    /// Counts an answer; routes are patterns, so that there are few.
    func add(route: String, status: Int) {
        counts.withLock { $0[Name(route: route, status: status), default: 0] += 1 }
    }

    /// Adds the counts to a page.
    func add(to page: inout PrometheusText) {
        let counts = counts.withLock { $0 }.sorted {
            ($0.key.route, $0.key.status) < ($1.key.route, $1.key.status)
        }
        page.add(
            "retom_http_requests_total", .counter, "Answers, by route and status.",
            counts.map { (["route": $0.key.route, "code": "\($0.key.status)"], Double($0.value)) })
    }
}
