// SPDX-License-Identifier: Apache-2.0

/// Version of the wire protocol; it moves independently of the program's version.
///
/// Peers of one major version understand each other. A newer minor version may append fields to
/// payloads and use optional message types; an older peer skips both, except what a picture depends
/// on: fields of ASSIGN, PREPARE and CHECKPOINT, which it refuses.
package struct ProtocolVersion: Sendable, Equatable, CustomStringConvertible {
    /// Changes when old peers can't understand the bytes any more.
    package var major: UInt8
    /// Changes when something was added.
    package var minor: UInt8

    /// What this build speaks.
    package static let current = ProtocolVersion(major: 1, minor: 1)

    /// Makes a version.
    package init(major: UInt8, minor: UInt8) {
        self.major = major
        self.minor = minor
    }

    /// As people write it, "1.1".
    package var description: String { "\(major).\(minor)" }
}
