// SPDX-License-Identifier: Apache-2.0

import ProcessSupport
import Synchronization

/// Requests by route and status, and how long their answers took.
final class RequestCounter: Sendable {
    private struct Name: Hashable {
        var route: String
        var status: Int
    }

    private struct State {
        var counts: [Name: Int] = [:]
        var seconds = Histogram.seconds
    }

    private let state = Mutex(State())

    /// Counts an answer; routes are patterns, so that there are few.
    ///
    /// - Parameter seconds: from the request's head to the answer's.
    func add(route: String, status: Int, seconds: Double) {
        state.withLock {
            $0.counts[Name(route: route, status: status), default: 0] += 1
            $0.seconds.add(seconds)
        }
    }

    /// Adds the counts to a page.
    func add(to page: inout PrometheusText) {
        let state = state.withLock { $0 }
        let counts = state.counts.sorted {
            ($0.key.route, $0.key.status) < ($1.key.route, $1.key.status)
        }
        page.add(
            "retom_http_requests_total", .counter, "Answers, by route and status.",
            counts.map { (["route": $0.key.route, "code": "\($0.key.status)"], Double($0.value)) })
        page.add("retom_http_seconds", "Time until an answer began.", state.seconds)
    }
}
