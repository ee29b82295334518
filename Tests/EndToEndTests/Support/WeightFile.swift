// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

/// A safetensors file to be damaged byte by byte.
struct WeightFile {
    private let url: URL
    var bytes: [UInt8]

    init(_ path: String) throws {
        url = URL(filePath: path)
        bytes = Array(try Data(contentsOf: url))
    }

    func save() throws { try Data(bytes).write(to: url) }

    /// Where a tensor's values are in `bytes`.
    func range(of tensor: String) throws -> Range<Int> {
        let headerCount = bytes[..<8].reversed().reduce(0) { $0 << 8 | Int($1) }
        let header = try JSONSerialization.jsonObject(with: Data(bytes[8..<8 + headerCount]))
        let entry = try #require((header as? [String: Any])?[tensor] as? [String: Any])
        let offsets = try #require(entry["data_offsets"] as? [Int])
        return 8 + headerCount + offsets[0]..<8 + headerCount + offsets[1]
    }

    /// Makes all values of a tensor NaN: all bits set is NaN in every format.
    mutating func ruin(_ tensor: String) throws {
        for index in try range(of: tensor) { bytes[index] = 0xFF }
    }
}

/// Replaces text in a file that must contain it.
func replace(_ old: String, with new: String, inFile path: String) throws {
    let text = try String(contentsOfFile: path, encoding: .utf8)
    try #require(text.contains(old), "\(path) lacks \(old)")
    try Data(text.replacingOccurrences(of: old, with: new).utf8).write(to: URL(filePath: path))
}
