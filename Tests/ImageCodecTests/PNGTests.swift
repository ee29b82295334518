// SPDX-License-Identifier: Apache-2.0

import GenerationTypes
import ImageCodec
import Testing

@Suite struct PNGTests {
    @Test(arguments: [(1, 1), (3, 2), (64, 1), (1, 64), (257, 33)])
    func picturesSurviveTheRoundTrip(width: Int, height: Int) throws {
        let image = Patterns.waves(width: width, height: height)
        for level in [0, 1, 6, 9] {
            let bytes = try PNG.encode(image, compressionLevel: level)
            #expect(try PNG.decode(bytes).image == image)
        }
    }

    @Test func rowsWrittenInPiecesGiveTheSameFile() throws {
        let image = Patterns.waves(width: 40, height: 30)
        var writer = try PNGWriter(width: 40, height: 30)
        var bytes = writer.takeBytes()
        for start in stride(from: 0, to: 30, by: 10) {
            let rows = Array(image.bytes[3 * 40 * start..<3 * 40 * (start + 10)])
            try writer.append(RGBImage(width: 40, height: 10, bytes: rows))
            bytes += writer.takeBytes()
        }
        try writer.finish()
        bytes += writer.takeBytes()
        #expect(bytes == (try PNG.encode(image)))
    }

    @Test func tooFewAndTooManyRowsAreRefused() throws {
        #expect(throws: ImageCodecError.rowCount(written: 2, expected: 3)) {
            var writer = try PNGWriter(width: 4, height: 3)
            try writer.append(RGBImage(width: 4, height: 2))
            try writer.finish()
        }
        #expect(throws: ImageCodecError.rowCount(written: 4, expected: 3)) {
            var writer = try PNGWriter(width: 4, height: 3)
            try writer.append(RGBImage(width: 4, height: 4))
        }
    }

    @Test func textsKeepTheirCharacters() throws {
        let texts = [
            PNGText(keyword: "parameters", text: "a café\nNegative prompt: blur"),
            PNGText(keyword: "retom", text: #"{"prompt":"雪の中の赤い家 🏠"}"#),
            PNGText(keyword: "empty", text: ""),
        ]
        let bytes = try PNG.encode(RGBImage(width: 2, height: 2), texts: texts)
        let contents = try PNG.decode(bytes)
        #expect(contents.texts == texts)
        #expect(contents.text("retom") == texts[1].text)
        #expect(contents.text("missing") == nil)
    }

    @Test func latin1TextIsStoredAsTEXtAndOtherTextAsITXt() throws {
        func chunkNames(_ text: String) throws -> [String] {
            let texts = [PNGText(keyword: "parameters", text: text)]
            return chunks(of: try PNG.encode(RGBImage(width: 1, height: 1), texts: texts))
        }
        #expect(try chunkNames("a café in Köln") == ["IHDR", "tEXt", "IDAT", "IEND"])
        #expect(try chunkNames("a house – in snow") == ["IHDR", "iTXt", "IDAT", "IEND"])
    }

    @Test func nulBecomesASpace() throws {
        let texts = [
            PNGText(keyword: "a", text: "x\0y"), PNGText(keyword: "b", text: "雪\0y"),
        ]
        let read = try PNG.decode(PNG.encode(RGBImage(width: 1, height: 1), texts: texts)).texts
        #expect(read.map(\.text) == ["x y", "雪 y"])
    }

    @Test(arguments: ["", "雪", " a", "a ", "a\nb", String(repeating: "k", count: 80)])
    func badKeywordsAreRefused(keyword: String) {
        #expect(throws: ImageCodecError.badKeyword(keyword)) {
            try PNG.encode(
                RGBImage(width: 1, height: 1), texts: [PNGText(keyword: keyword, text: "")])
        }
    }

    @Test func sidesBeyondTheLimitAreRefused() {
        #expect(throws: ImageCodecError.sizeOutOfRange(width: 65_536, height: 1)) {
            _ = try PNGWriter(width: 65_536, height: 1)
        }
        #expect(throws: ImageCodecError.sizeOutOfRange(width: 1, height: 0)) {
            _ = try PNGWriter(width: 1, height: 0)
        }
    }

    /// The names of a file's chunks, with repeated ones counted once.
    private func chunks(of bytes: [UInt8]) -> [String] {
        var names: [String] = []
        var position = 8
        while position + 8 <= bytes.count {
            let length = bytes[position..<position + 4].reduce(0) { $0 << 8 | Int($1) }
            let name = String(decoding: bytes[position + 4..<position + 8], as: UTF8.self)
            if names.last != name { names.append(name) }
            position += 12 + length
        }
        return names
    }
}
