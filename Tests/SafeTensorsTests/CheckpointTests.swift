// SPDX-License-Identifier: Apache-2.0

import SafeTensors
import TestSupport
import Testing

/// Finding weights in a component's directory.
@Suite struct CheckpointTests {
    let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    @Test func prefersTheFileWithoutVariant() throws {
        try write("model.fp16.safetensors", ["a": 16])
        #expect(try open().files == [directory.file("model.fp16.safetensors")])
        try write("model.safetensors", ["a": 32])
        #expect(try value("a", of: open()) == 32)
        #expect(try value("a", of: open(variant: "fp16")) == 16)
    }

    @Test func missingVariantIsAnError() throws {
        try write("model.safetensors", ["a": 32])
        let error = #expect(throws: SafeTensorsError.self) { try open(variant: "fp16") }
        #expect("\(try #require(error))".contains("model.fp16.safetensors"))
    }

    /// Today's spelling of a variant's index, the one before it, and what people write.
    @Test(
        arguments: [
            ("model.safetensors.index.json", nil),
            ("model.safetensors.index.fp16.json", "fp16"),
            ("model.safetensors.fp16.index.json", "fp16"),
            ("model.fp16.safetensors.index.json", "fp16"),
        ] as [(String, String?)])
    func shards(_ index: String, _ variant: String?) throws {
        try write("model-00001-of-00002.safetensors", ["a": 1, "b": 2])
        try write("model-00002-of-00002.safetensors", ["c": 3])
        try writeIndex(
            index,
            [
                "a": "model-00001-of-00002.safetensors", "b": "model-00001-of-00002.safetensors",
                "c": "model-00002-of-00002.safetensors",
            ])
        for checkpoint in [try open(variant: variant), try open()] {
            #expect(checkpoint.names == ["a", "b", "c"])
            #expect(try value("b", of: checkpoint) == 2)
            #expect(try value("c", of: checkpoint) == 3)
            #expect(checkpoint.files.count == 2)
        }
    }

    @Test func badIndices() throws {
        try write("one.safetensors", ["a": 1])
        func reason(_ map: [String: String]) throws -> String {
            try writeIndex("model.safetensors.index.json", map)
            let error = #expect(throws: SafeTensorsError.self) { try open() }
            return "\(try #require(error))"
        }
        #expect(try reason(["a": "two.safetensors"]).contains("two.safetensors is missing"))
        #expect(try reason(["b": "one.safetensors"]).contains("no tensor 'b'"))
        #expect(try reason(["a": "../one.safetensors"]).contains("is no shard beside it"))
        #expect(try reason(["a": "/etc/passwd"]).contains("is no shard beside it"))
        try directory.write(Array("{}".utf8), to: "model.safetensors.index.json")
        #expect(throws: SafeTensorsError.self) { try open() }
    }

    @Test func nothingThere() throws {
        let error = #expect(throws: SafeTensorsError.self) { try open() }
        #expect("\(try #require(error))".contains("expected one of model.safetensors"))
        try directory.write([1], to: "pytorch_model.bin")
        #expect(
            throws: SafeTensorsError.onlyPickle(
                directory: directory.path, file: "pytorch_model.bin")
        ) { try open() }
    }

    private func open(variant: String? = nil) throws -> Checkpoint {
        try Checkpoint(directory: directory.path, baseName: "model", variant: variant)
    }

    private func value(_ name: String, of checkpoint: Checkpoint) throws -> Float {
        try #require(try checkpoint[name]?.floats().first)
    }

    private func write(_ name: String, _ values: [String: Float]) throws {
        var writer = SafeTensorsWriter()
        for (key, value) in values { writer.add(key, shape: [1], values: [value]) }
        try writer.write(to: directory.file(name))
    }

    private func writeIndex(_ name: String, _ map: [String: String]) throws {
        let entries = map.map { "\"\($0.key)\":\"\($0.value)\"" }.joined(separator: ",")
        try directory.write(Array("{\"weight_map\":{\(entries)}}".utf8), to: name)
    }
}
