// SPDX-License-Identifier: Apache-2.0

import SafeTensors
import TestSupport
import Testing

/// Reading what the format allows and refusing what it does not.
@Suite struct SafeTensorsFileTests {
    let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    @Test func readsEveryWeightType() throws {
        let data: [UInt8] =
            [0, 0, 0xC0, 0x3F, 0, 0, 0, 0xC0]  // 1.5, -2 as f32
            + [0, 0x3E, 1, 0, 0xFF, 0x7B]  // 1.5, 2⁻²⁴, 65504 as f16
            + [0xC0, 0x3F, 0, 0xC0]  // 1.5, -2 as bf16
        let path = try write(
            """
            {"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},
            "b":{"dtype":"F16","shape":[3,1],"data_offsets":[8,14]},
            "c":{"dtype":"BF16","shape":[1,2],"data_offsets":[14,18]},
            "__metadata__":{"format":"pt"}}
            """, data)
        let file = try SafeTensorsFile(path: path)
        #expect(file.names == ["a", "b", "c"])
        #expect(file.metadata == ["format": "pt"])
        #expect(try file.tensor("a").floats() == [1.5, -2])
        #expect(try file.tensor("b").floats() == [1.5, 0x1p-24, 65504])
        #expect(try file.tensor("c").floats() == [1.5, -2])
        #expect(try file.tensor("b").shape == [3, 1])
        #expect(file["d"] == nil)
        #expect(throws: SafeTensorsError.tensorNotFound(file: path, tensor: "d")) {
            try file.tensor("d")
        }
    }

    /// A header of odd length puts values on odd addresses.
    @Test func readsUnalignedData() throws {
        let values = (0..<1300).map { Float($0) / 8 }
        let halves = values.flatMap { value in
            let bits = Float16(value).bitPattern
            return [UInt8(bits & 255), UInt8(bits >> 8)]
        }
        for padding in 0..<4 {
            let header =
                "{\"a\":{\"dtype\":\"F16\",\"shape\":[1300],\"data_offsets\":[0,2600]}}"
                + String(repeating: " ", count: padding)
            let file = try SafeTensorsFile(path: try write(header, halves, name: "\(padding)"))
            #expect(try file.tensor("a").floats() == values)
            var row = [Float](repeating: 0, count: 3)
            try row.withUnsafeMutableBufferPointer { try file.tensor("a").read(from: 7, into: $0) }
            #expect(row == Array(values[7..<10]))
        }
    }

    /// Larger than the pieces in which files are read.
    @Test func largeTensorsAreReadWhole() throws {
        let values = (0..<200_001).map { Float(Float16($0 % 2000)) }
        var writer = SafeTensorsWriter()
        let halves = values.map { Float16($0).bitPattern }
        halves.withUnsafeBytes { writer.add("a", .float16, shape: [halves.count], bytes: $0) }
        try writer.write(to: directory.file("x.safetensors"))
        let tensor = try SafeTensorsFile(path: directory.file("x.safetensors")).tensor("a")
        #expect(try tensor.floats() == values)
        var part = [Float](repeating: 0, count: 150_000)
        try part.withUnsafeMutableBufferPointer { try tensor.read(from: 33, into: $0) }
        #expect(part == Array(values[33..<150_033]))
    }

    /// Written without metadata by some tools; the reference takes it.
    @Test func metadataMayBeNull() throws {
        let path = try write(
            "{\"__metadata__\":null,\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}",
            [0, 0, 0x80, 0x3F])
        let file = try SafeTensorsFile(path: path)
        #expect(file.metadata == [:])
        #expect(try file.tensor("a").floats() == [1])
    }

    @Test(arguments: ["git-lfs.github.com", "hawser.github.com"])
    func gitLFSPointersAreNamed(_ host: String) throws {
        let pointer = """
            version https://\(host)/spec/v1
            oid sha256:c150f632d0c2338a50224504fa238f716cf50fb680897b0330563d2ff7bbf0e7
            size 1719125304

            """
        let path = try directory.write(Array(pointer.utf8), to: "pointer")
        let error = #expect(throws: SafeTensorsError.gitLFSPointer(file: path)) {
            try SafeTensorsFile(path: path)
        }
        #expect("\(try #require(error))".contains("git lfs pull"))
    }

    @Test func otherTypesAreRawOnly() throws {
        let path = try write(
            "{\"ids\":{\"dtype\":\"I64\",\"shape\":[1],\"data_offsets\":[0,8]}}",
            [7, 0, 0, 0, 0, 0, 0, 0])
        let tensor = try SafeTensorsFile(path: path).tensor("ids")
        #expect(try tensor.bytes() == [7, 0, 0, 0, 0, 0, 0, 0])
        #expect(throws: SafeTensorsError.unsupportedType(file: path, tensor: "ids", type: "I64")) {
            try tensor.floats()
        }
    }

    @Test func emptyTensorsAndNoTensors() throws {
        let path = try write(
            "{\"e\":{\"dtype\":\"F32\",\"shape\":[0,4],\"data_offsets\":[0,0]}}", [])
        #expect(try SafeTensorsFile(path: path).tensor("e").floats() == [])
        #expect(try SafeTensorsFile(path: write("{}", [], name: "none")).names == [])
    }

    @Test func damagedFilesAreRefused() throws {
        let header = "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}"
        let data = [UInt8](repeating: 0, count: 8)
        #expect(throws: SafeTensorsError.self) {
            try SafeTensorsFile(path: directory.file("absent"))
        }
        #expect(throws: SafeTensorsError.self) { try SafeTensorsFile(path: directory.path) }
        let short = try directory.write([1, 2, 3], to: "short")
        #expect(throws: SafeTensorsError.tooShort(file: short, byteCount: 3)) {
            try SafeTensorsFile(path: short)
        }
        let empty = try directory.write([], to: "empty")
        #expect(throws: SafeTensorsError.tooShort(file: empty, byteCount: 0)) {
            try SafeTensorsFile(path: empty)
        }
        let claiming = try write(header, data, claimedHeader: 5000, name: "claiming")
        #expect(
            throws: SafeTensorsError.headerExceedsFile(
                file: claiming, headerByteCount: 5000, fileByteCount: 8 + header.utf8.count + 8)
        ) { try SafeTensorsFile(path: claiming) }
        let huge = try write(header, data, claimedHeader: .max, name: "huge")
        #expect(throws: SafeTensorsError.headerTooLong(file: huge, byteCount: .max)) {
            try SafeTensorsFile(path: huge)
        }
        // A kind of file may have shorter headers than the format.
        let plain = try write(header, data, name: "plain")
        _ = try SafeTensorsFile(path: plain, headerByteCountMax: header.utf8.count)
        let maximum = header.utf8.count - 1
        #expect(
            throws: SafeTensorsError.headerTooLong(
                file: plain, byteCount: UInt64(header.utf8.count), maximum: maximum)
        ) { try SafeTensorsFile(path: plain, headerByteCountMax: maximum) }
        let truncated = try write(header, Array(data.prefix(7)), name: "truncated")
        #expect(
            throws: SafeTensorsError.truncated(
                file: truncated, expectedByteCount: 16 + header.utf8.count,
                fileByteCount: 15 + header.utf8.count)
        ) { try SafeTensorsFile(path: truncated) }
        let longer = try write(header, data + [0], name: "longer")
        #expect(throws: SafeTensorsError.trailingBytes(file: longer, byteCount: 1)) {
            try SafeTensorsFile(path: longer)
        }
    }

    /// Headers that can't be true, each with what the error must say.
    static let lies: [(header: String, reason: String)] = [
        ("[]", "not a header|wrong type"),
        ("{\"a\":3}", "wrong type"),
        ("{\"a\":{\"shape\":[2],\"data_offsets\":[0,8]}}", "'dtype' is missing"),
        ("not json", "not JSON"),
        (lie("\"F31\",\"shape\":[2],\"data_offsets\":[0,8]"), "unknown type 'F31'"),
        (lie("\"F32\",\"shape\":[3],\"data_offsets\":[0,8]"), "12 bytes, not 8"),
        (lie("\"F32\",\"shape\":[-2],\"data_offsets\":[0,8]"), "shape [-2]"),
        (lie("\"F32\",\"shape\":[4611686018427387904,4],\"data_offsets\":[0,8]"), "overflows"),
        (lie("\"F32\",\"shape\":[2],\"data_offsets\":[8,0]"), "offsets"),
        (lie("\"F32\",\"shape\":[2],\"data_offsets\":[-8,0]"), "offsets"),
        (
            lie("\"F32\",\"shape\":[0],\"data_offsets\":[9223372036854775800,9223372036854775800]"),
            "offsets"
        ),
        (lie("\"F32\",\"shape\":[1],\"data_offsets\":[4,8]"), "gap"),
        (
            "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]},"
                + "\"b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]}}", "overlaps"
        ),
        (lie("\"F32\",\"shape\":[25],\"data_offsets\":[0,100]"), "truncated"),
    ]

    static func lie(_ body: String) -> String { "{\"a\":{\"dtype\":\(body)}}" }

    @Test(arguments: lies.indices)
    func lyingHeadersAreRefused(_ index: Int) throws {
        let (header, reason) = Self.lies[index]
        let path = try write(header, [UInt8](repeating: 0, count: 8))
        let error = #expect(throws: SafeTensorsError.self) { try SafeTensorsFile(path: path) }
        let text = "\(try #require(error))"
        #expect(reason.split(separator: "|").contains { text.contains($0) }, "\(text)")
        #expect(text.contains(path))
        #expect(text.contains("copy or download it again"))
    }

    /// Whatever bit of a header flips, the file is refused or every tensor still lies inside it.
    @Test func flippedBitsNeverReachOutside() throws {
        var writer = SafeTensorsWriter(metadata: ["format": "pt"])
        writer.add("first.weight", shape: [2, 3], values: [1, 2, 3, 4, 5, 6])
        writer.add("second.bias", shape: [4], values: [7, 8, 9, 10])
        try writer.write(to: directory.file("good"))
        let good = try SteadyFile(path: directory.file("good")).allBytes()
        let headerEnd = good.count - 40
        var refused = 0
        for bit in 0..<headerEnd * 8 {
            var bytes = good
            bytes[bit / 8] ^= UInt8(1 << (bit % 8))
            let result = Result { () throws(SafeTensorsError) in
                try SafeTensorsHeader(fileByteCount: bytes.count, file: "flipped") {
                    Array(bytes[$0])
                }
            }
            switch result {
            case .failure: refused += 1
            case .success(let header):
                for entry in header.entries.values {
                    #expect(entry.byteRange.lowerBound >= headerEnd)
                    #expect(entry.byteRange.upperBound <= good.count)
                    #expect(
                        entry.shape.reduce(entry.scalarType.byteCount, *) == entry.byteRange.count)
                }
            }
        }
        // Names and metadata can change unseen; lengths, types and offsets can not.
        #expect(refused > headerEnd * 4)
    }

    /// Every shorter version of a file is refused.
    @Test func everyTruncationIsRefused() throws {
        var writer = SafeTensorsWriter()
        writer.add("a", shape: [3], values: [1, 2, 3])
        try writer.write(to: directory.file("good"))
        let good = try SteadyFile(path: directory.file("good")).allBytes()
        for count in 0..<good.count {
            #expect(throws: SafeTensorsError.self) {
                try SafeTensorsHeader(fileByteCount: count, file: "part") { Array(good[$0]) }
            }
        }
    }

    private func write(
        _ header: String, _ data: [UInt8], claimedHeader: UInt64? = nil, name: String = "x"
    ) throws -> String {
        let length = claimedHeader ?? UInt64(header.utf8.count)
        let prefix = (0..<8).map { UInt8(truncatingIfNeeded: length >> (8 * $0)) }
        return try directory.write(prefix + Array(header.utf8) + data, to: name)
    }
}

extension SteadyFile {
    fileprivate func allBytes() throws -> [UInt8] { try bytes(0..<byteCount) }
}
