// SPDX-License-Identifier: Apache-2.0

import Foundation
package import SafeTensors

/// The content of a `.safetensors` file, to be changed and written again.
package struct TensorFile: Sendable {
    /// One tensor.
    package struct Content: Sendable, Equatable {
        package var type: ScalarType
        package var shape: [Int]
        /// Little-endian values.
        package var bytes: [UInt8]

        package init(_ type: ScalarType, _ shape: [Int], _ bytes: [UInt8]) {
            self.type = type
            self.shape = shape
            self.bytes = bytes
        }

        /// An f32 tensor.
        package init(_ shape: [Int], _ values: [Float]) {
            self.init(.float32, shape, values.withUnsafeBytes { Array($0) })
        }
    }

    /// Tensors by name.
    package var tensors: [String: Content] = [:]
    /// Free text by key.
    package var metadata: [String: String] = [:]

    /// An empty file.
    package init() {}

    /// All `.safetensors` files of a folder together: one, or shards.
    package init(folder: String) throws {
        for name in try FileManager.default.contentsOfDirectory(atPath: folder)
        where name.hasSuffix(".safetensors") {
            let file = try SafeTensorsFile(path: "\(folder)/\(name)")
            for (name, tensor) in file.tensors {
                tensors[name] = Content(tensor.scalarType, tensor.shape, try tensor.bytes())
            }
        }
    }

    package subscript(name: String) -> Content? {
        get { tensors[name] }
        set { tensors[name] = newValue }
    }

    /// Adds all tensors of another file under a prefix.
    package mutating func add(_ other: TensorFile, prefix: String = "") {
        for (name, content) in other.tensors { tensors[prefix + name] = content }
    }

    /// Writes the file and returns its path.
    @discardableResult
    package func write(to path: String) throws -> String {
        var writer = SafeTensorsWriter(metadata: metadata)
        for (name, content) in tensors {
            content.bytes.withUnsafeBytes {
                writer.add(name, content.type, shape: content.shape, bytes: $0)
            }
        }
        try writer.write(to: path)
        return path
    }
}
