// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport

private let files = GoldenFiles(of: .module)

/// Files written by the scripts in `scripts/goldens`.
enum Goldens {
    /// Decodes a golden; a missing one fails the test.
    static func decode<Value: Decodable>(_ type: Value.Type, from name: String) throws -> Value {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        return try files.decode(type, from: name, by: decoder)
    }

    /// The path of a golden folder.
    static func folder(_ name: String) throws -> URL { URL(filePath: try files.path(name)) }
}
