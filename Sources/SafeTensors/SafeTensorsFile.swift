// SPDX-License-Identifier: Apache-2.0

/// One `.safetensors` file, open and checked.
package struct SafeTensorsFile: Sendable {
    private let file: SteadyFile
    /// Free text by key.
    package let metadata: [String: String]
    private let entries: [String: SafeTensorsHeader.Entry]

    /// Opens a file and checks its header; tensor data is not touched.
    ///
    /// - Parameter headerByteCountMax: longest header to read.
    package init(
        path: String, headerByteCountMax: Int = SafeTensorsHeader.byteCountMax
    ) throws(SafeTensorsError) {
        let file = try SteadyFile(path: path)
        let beginning = try file.bytes(0..<min(file.byteCount, GitLFSPointer.byteCountMax))
        guard !(beginning.count == file.byteCount && GitLFSPointer.matches(beginning)) else {
            throw .gitLFSPointer(file: path)
        }
        let header = try SafeTensorsHeader(
            fileByteCount: file.byteCount, file: path, byteCountMax: headerByteCountMax
        ) { range throws(SafeTensorsError) in try file.bytes(range) }
        self.file = file
        metadata = header.metadata
        entries = header.entries
    }

    /// What the file was when it was opened.
    package var identity: FileIdentity { file.identity }

    /// Names of all tensors, sorted.
    package var names: [String] { entries.keys.sorted() }

    /// How many tensors it has.
    package var tensorCount: Int { entries.count }

    /// All tensors by name.
    package var tensors: [String: StoredTensor] {
        var tensors: [String: StoredTensor] = [:]
        tensors.reserveCapacity(entries.count)
        for (name, entry) in entries {
            tensors[name] = StoredTensor(name: name, entry: entry, file: file)
        }
        return tensors
    }

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
