// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
package import GenerationTypes

/// A request's JSON as text: the same bytes wherever they are kept, hashed or compared.
extension GenerationRequest {
    /// Reads what `json` wrote.
    ///
    /// - Throws: `DecodingError`, `TokenMergeConfigurationError`, and `UnknownRequestKeyError` for a
    ///   request that a newer version wrote and that this one would sample wrongly.
    package init(json: String) throws {
        let decoder = JSONDecoder()
        decoder.userInfo[.refusesUnknownKeys] = true
        self = try decoder.decode(Self.self, from: Data(json.utf8))
    }

    /// One line, keys sorted.
    package var json: String {
        do {
            return try JSONText.line(self)
        } catch {
            // Its values are texts and numbers, and numbers that JSON has not are spelled.
            preconditionFailure("a request that JSON can't hold: \(error)")
        }
    }

    /// Tells requests apart, in every process of every version with these keys.
    package var digest: UInt64 { WordDigest.of(json.utf8.lazy.map { UInt32($0) }) }
}
