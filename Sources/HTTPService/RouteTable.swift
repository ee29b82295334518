// SPDX-License-Identifier: Apache-2.0

import HTTPTypes
import Hummingbird

/// Which methods a path has, for requests with others.
struct RouteTable: Sendable {
    private struct Entry: Sendable {
        var pattern: [Substring]
        var methods: [HTTPRequest.Method]
    }

    private let entries: [Entry]

    /// No paths.
    init() { entries = [] }

    /// The paths of a router.
    init(_ router: Router<ServiceContext>) {
        entries = Dictionary(grouping: router.routes, by: \.path.description).map { path, routes in
            var methods = routes.map(\.method)
            if methods.contains(.get), !methods.contains(.head) { methods.append(.head) }
            return Entry(
                pattern: Self.parts(path), methods: methods.sorted { $0.rawValue < $1.rawValue })
        }
    }

    /// The methods of a path; `nil` if there is nothing.
    func methods(at path: String) -> [HTTPRequest.Method]? {
        let parts = Self.parts(path)
        return entries.first { entry in
            entry.pattern.count == parts.count
                && zip(entry.pattern, parts).allSatisfy { $0 == $1 || $0.hasPrefix("{") }
        }?.methods
    }

    private static func parts(_ path: String) -> [Substring] { path.split(separator: "/") }
}
