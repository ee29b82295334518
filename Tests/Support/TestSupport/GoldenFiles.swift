// SPDX-License-Identifier: Apache-2.0

package import Foundation
package import SafeTensors

/// The goldens of a test target: files in its folder `Goldens`, which `scripts/export_goldens.py`
/// writes from the reference implementations.
package struct GoldenFiles: Sendable {
    private let folder: String

    /// The goldens among a target's resources.
    package init(of bundle: Bundle) {
        folder = "\(bundle.resourcePath ?? bundle.bundlePath)/Goldens"
    }

    /// The path of a file or folder.
    ///
    /// - Throws: `MissingGoldenError`: a test without its golden fails.
    package func path(_ name: String) throws -> String {
        let path = "\(folder)/\(name)"
        guard FileManager.default.fileExists(atPath: path) else {
            throw MissingGoldenError(path: path)
        }
        return path
    }

    /// The tensors of a `.safetensors` file.
    package func tensors(_ name: String) throws -> SafeTensorsFile {
        try SafeTensorsFile(path: try path(name))
    }

    /// The value of a JSON file.
    package func decode<Value: Decodable>(
        _ type: Value.Type, from name: String, by decoder: JSONDecoder = JSONDecoder()
    ) throws -> Value {
        try decoder.decode(type, from: Data(contentsOf: URL(filePath: try path(name))))
    }

    /// A text in UTF-8.
    package func text(_ name: String) throws -> String {
        try String(contentsOf: URL(filePath: try path(name)), encoding: .utf8)
    }
}

/// A golden is not there.
package struct MissingGoldenError: Error, CustomStringConvertible {
    let path: String

    package var description: String { "missing \(path): run scripts/export_goldens.py" }
}
