// SPDX-License-Identifier: Apache-2.0

/// Version of the wire protocol; it moves independently of the program's version.
///
/// Peers of one major version understand each other. A newer minor version may append fields to
/// payloads and use optional message types; an older peer skips both, except anything a picture
/// depends on: fields of ASSIGN, PREPARE and CHECKPOINT, which it refuses.
package struct ProtocolVersion: Sendable, Equatable, CustomStringConvertible {
    /// Incremented when old peers can no longer understand the bytes.
    package var major: UInt8
    /// Incremented when something is added.
    package var minor: UInt8

    /// The version of this build.
    package static let current = ProtocolVersion(major: 1, minor: 3)

    /// The first minor version whose nodes say how many images they sample at the same time.
    static let firstMinorWithPictures: UInt8 = 3

    /// Creates a version.
    package init(major: UInt8, minor: UInt8) {
        self.major = major
        self.minor = minor
    }

    /// In the usual notation, "1.3".
    package var description: String { "\(major).\(minor)" }
}
