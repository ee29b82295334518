// SPDX-License-Identifier: Apache-2.0

/// The contents that a client has, by its `If-None-Match`.
package struct KnownTags: Sendable {
    private let tags: [Substring]

    /// Reads the field; without one nothing is known.
    package init(_ field: String?) {
        tags = field?.split(separator: ",").map { $0.trimmingPrefix(" ") } ?? []
    }

    /// Whether the client has the content of a tag.
    package func contains(_ tag: String) -> Bool {
        tags.contains { $0 == tag || $0 == "*" || $0 == "W/\(tag)" }
    }
}
