// SPDX-License-Identifier: Apache-2.0

import SafeTensors
import TestSupport
import Testing

/// What is written is read again, and half of it is never seen.
@Suite struct SafeTensorsWriterTests {
    let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    @Test func roundTrip() throws {
        let names = ["plain", "with \"quotes\" and \\", "tab\tand\u{1}", "größe 🏠"]
        var writer = SafeTensorsWriter(metadata: ["prompt": "a \"red\" house\n", "seed": "7"])
        for (index, name) in names.enumerated() {
            writer.add(name, shape: [2, 1], values: [Float(index), -0.5])
        }
        let ids: [Int64] = [1, -2, 3]
        ids.withUnsafeBytes { writer.add("ids", .int64, shape: [3], bytes: $0) }
        let bytes: [UInt8] = [1, 2, 3]
        bytes.withUnsafeBytes { writer.add("bytes", .uint8, shape: [3], bytes: $0) }
        let path = directory.file("x.safetensors")
        try writer.write(to: path)
        let file = try SafeTensorsFile(path: path)
        #expect(file.names == (names + ["ids", "bytes"]).sorted())
        #expect(file.metadata == ["prompt": "a \"red\" house\n", "seed": "7"])
        for (index, name) in names.enumerated() {
            #expect(try file.tensor(name).floats() == [Float(index), -0.5])
            #expect(try file.tensor(name).shape == [2, 1])
        }
        #expect(try file.tensor("ids").bytes() == ids.withUnsafeBytes { Array($0) })
        #expect(try file.tensor("bytes").bytes() == bytes)
        #expect(directory.contents == ["x.safetensors"])
    }

    @Test func replacesWhatWasThere() throws {
        let path = directory.file("x.safetensors")
        for value in [1, 2] as [Float] {
            var writer = SafeTensorsWriter()
            writer.add("a", shape: [1], values: [value])
            try writer.write(to: path)
            #expect(try SafeTensorsFile(path: path).tensor("a").floats() == [value])
        }
        #expect(directory.contents == ["x.safetensors"])
    }

    @Test func failuresLeaveNothing() throws {
        var writer = SafeTensorsWriter()
        writer.add("a", shape: [1], values: [1])
        let absent = directory.file("absent/x.safetensors")
        #expect(throws: SafeTensorsError.cannotWrite(file: absent, errorNumber: 2)) {
            try writer.write(to: absent)
        }
        // A directory in the place of the file: the rename fails after the data was written.
        try directory.write([], to: "taken/inside")
        #expect(throws: SafeTensorsError.self) { try writer.write(to: directory.file("taken")) }
        #expect(directory.contents == ["taken"])
    }
}
