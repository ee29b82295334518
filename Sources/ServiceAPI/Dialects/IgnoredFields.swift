// SPDX-License-Identifier: Apache-2.0

/// Fields of a request that asked for something and were ignored.
package struct IgnoredFields: Sendable, Equatable {
    private static let countMax = 32
    private static let lengthMax = 64

    /// Their names; a client's own words, so only what a header may hold is kept of them.
    package let names: [String]

    /// Names fields.
    package init(_ names: [String]) {
        self.names = Array(
            names.map { name in
                String(name.prefix(Self.lengthMax).filter(Self.mayBeShown))
            }.filter { !$0.isEmpty }.prefix(Self.countMax))
    }

    private static func mayBeShown(_ character: Character) -> Bool {
        character.isASCII
            && (character.isLetter || character.isNumber || "_.-[] ".contains(character))
    }

    /// The header field that names them.
    package static let headerName = "X-Retom-Ignored"

    /// Its value; `nil` for none.
    package var header: String? { names.isEmpty ? nil : names.joined(separator: ", ") }

    /// What their batch says of them.
    package var warnings: [String] {
        names.isEmpty ? [] : ["ignored: \(names.joined(separator: ", "))"]
    }
}
