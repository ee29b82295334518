// SPDX-License-Identifier: Apache-2.0

import Foundation
import SafeTensors
import TestSupport
import Testing

/// Files that are written to while they are open: an error, never a signal or other values.
@Suite struct SteadyFileTests {
    let directory: TemporaryDirectory
    let path: String
    let tensor: StoredTensor
    private let values = (0..<40_000).map { Float($0) }

    init() throws {
        directory = try TemporaryDirectory()
        path = directory.file("x.safetensors")
        var writer = SafeTensorsWriter()
        writer.add("a", shape: [values.count], values: values)
        try writer.write(to: path)
        tensor = try SafeTensorsFile(path: path).tensor("a")
    }

    private func expectChanged() {
        #expect(throws: SafeTensorsError.changed(file: path)) { try tensor.floats() }
        #expect(throws: SafeTensorsError.changed(file: path)) { try tensor.bytes() }
    }

    /// A mapped file would end the process here.
    @Test func cutShort() throws {
        try FileHandle(forWritingTo: URL(filePath: path)).truncate(atOffset: 5000)
        expectChanged()
    }

    @Test func longer() throws {
        let handle = try FileHandle(forWritingTo: URL(filePath: path))
        try handle.seekToEnd()
        try handle.write(contentsOf: Data([0]))
        expectChanged()
    }

    /// The same length and other values, at another time of writing.
    @Test func overwrittenInPlace() throws {
        let handle = try FileHandle(forWritingTo: URL(filePath: path))
        try handle.seek(toOffset: 70_000)
        try handle.write(contentsOf: Data([1]))
        // Writing in the same tick of the file system's clock would not show.
        try FileManager.default.setAttributes(
            [.modificationDate: Date(timeIntervalSince1970: 1_000_000_000)], ofItemAtPath: path)
        expectChanged()
    }

    /// What takes its name leaves the open file alone.
    @Test func replacedByAnother() throws {
        try FileManager.default.moveItem(atPath: path, toPath: directory.file("old"))
        try Data([1, 2, 3]).write(to: URL(filePath: path))
        #expect(try tensor.floats() == values)
    }

    @Test func identitiesTellFilesApart() throws {
        let before = try #require(FileIdentity(path: path))
        #expect(FileIdentity(path: path) == before)
        try FileManager.default.copyItem(atPath: path, toPath: directory.file("copy"))
        #expect(FileIdentity(path: directory.file("copy")) != before)
        #expect(FileIdentity(path: directory.file("none")) == nil)
    }
}
