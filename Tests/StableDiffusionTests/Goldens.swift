// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

/// Files written by the scripts in `scripts/goldens`.
enum Goldens {
    /// Decodes a golden; a missing one fails the test.
    static func decode<Value: Decodable>(_ type: Value.Type, from name: String) throws -> Value {
        let url = try #require(
            Bundle.module.url(forResource: name, withExtension: nil, subdirectory: "Goldens"),
            "missing golden \(name): run scripts/export_goldens.py")
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        return try decoder.decode(type, from: Data(contentsOf: url))
    }

    /// The path of a golden folder.
    static func folder(_ name: String) throws -> URL {
        try #require(
            Bundle.module.url(forResource: name, withExtension: nil, subdirectory: "Goldens"),
            "missing golden folder \(name): run scripts/export_goldens.py")
    }
}
