// SPDX-License-Identifier: Apache-2.0

import Foundation
import GenerationTypes
import ImageCodec
import Testing

@Suite struct PNGKindsTests {
    @Test(arguments: PNGKinds.all.indices) func everyKindIsReadAsPillowReadsIt(index: Int) throws {
        let kind = PNGKinds.all[index]
        let file = try #require(Data(base64Encoded: kind.file))
        let pixels = try #require(Data(base64Encoded: kind.pixels))
        let image = try PNG.decode([UInt8](file)).image
        #expect(image.width == PNGKinds.width)
        #expect(image.height == PNGKinds.height)
        #expect(image.bytes == [UInt8](pixels), "\(kind.name)")
    }

    @Test func compressedTextsOfOtherProgramsAreRead() throws {
        let kind = try #require(PNGKinds.all.first { $0.name == "texts" })
        let file = try #require(Data(base64Encoded: kind.file))
        let contents = try PNG.decode([UInt8](file))
        #expect(contents.text("parameters") == String(repeating: "a", count: 500))
        #expect(contents.text("retom") == String(repeating: "雪", count: 50))
        #expect(contents.text("plain") == "café")
    }
}
