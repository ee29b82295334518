// SPDX-License-Identifier: Apache-2.0

/// One `.safetensors` file, mapped and checked.
package struct SafeTensorsFile: Sendable {
    private let file: MappedFile
    /// Free text by key.
    package let metadata: [String: String]
    private let entries: [String: SafeTensorsHeader.Entry]

    /// Maps a file and checks its header; tensor data is not touched.
    package init(path: String) throws(SafeTensorsError) {
        file = try MappedFile(path: path)
        let header = try file.withBytes { bytes throws(SafeTensorsError) in
            try SafeTensorsHeader(bytes: bytes, file: path)
        }
        metadata = header.metadata
        entries = header.entries
    }

    /// Names of all tensors, sorted.
    package var names: [String] { entries.keys.sorted() }

    /// A tensor by name, if the file has it.
    package subscript(name: String) -> StoredTensor? {
        entries[name].map { StoredTensor(name: name, entry: $0, file: file) }
    }

    /// A tensor by name.
    package func tensor(_ name: String) throws(SafeTensorsError) -> StoredTensor {
        guard let tensor = self[name] else {
            throw .tensorNotFound(file: file.path, tensor: name)
        }
        return tensor
    }
}
