// SPDX-License-Identifier: Apache-2.0

import GenerationTypes
import ImageCodec
import Runs
import TestSupport
import Testing

@Suite struct RunSheetsTests {
    private let temporary: TemporaryDirectory

    init() throws { temporary = try TemporaryDirectory() }

    private func run() throws -> (RunDirectory, [ImageRecord]) {
        let directory = try RunDirectory(preparing: temporary.path + "/out")
        let images = SampleRun.images()
        for (index, image) in images.enumerated() {
            guard let file = image.file else { continue }
            let picture = RGBImage(
                width: 48, height: 32, filledWith: .gray(UInt8(200 + index)))
            try directory.writeNew(file, bytes: PNG.encode(picture))
        }
        return (directory, images)
    }

    @Test func aSheetShowsThePicturesThatThereAre() throws {
        let (directory, images) = try run()
        let names = try RunSheets.write(images, to: directory, version: "retom 0.1.0")
        #expect(names == ["grid-0000.png"])
        let sheet = try PNG.decode(directory.read("grid-0000.png"))
        #expect(sheet.text("Software") == "retom 0.1.0")
        #expect(sheet.image.width == 8 + 2 * (48 + 8))
        #expect(sheet.image[8 + 24, 8 + 16] == .gray(200))
        #expect(sheet.image[8 + 48 + 8 + 24, 8 + 16] == .gray(201))
        let layout = try ContactSheetLayout(
            count: 3, cellWidth: 48, cellHeight: 32, style: ContactSheetStyle(titleLineCount: 2))
        #expect(sheet.image[8 + 24, 8 + layout.bandHeight + 8] == .black)
    }

    @Test func aDamagedPictureLeavesItsCellBlack() throws {
        let (directory, images) = try run()
        try directory.replace("00000-42.png", bytes: [1, 2, 3])
        _ = try RunSheets.write(images, to: directory, version: "retom 0.1.0")
        let sheet = try PNG.decode(directory.read("grid-0000.png")).image
        #expect(sheet[8 + 24, 8 + 16] == .black)
        #expect(sheet[8 + 48 + 8 + 24, 8 + 16] == .gray(201))
    }

    @Test func aLargeRunGetsSeveralSheets() throws {
        let (directory, images) = try run()
        let style = ContactSheetStyle(megapixelsMax: 0.012)
        let names = try RunSheets.write(
            images, to: directory, version: "retom 0.1.0", style: style)
        #expect(names.count > 1)
        #expect(try directory.existingRunFiles().filter { $0.hasPrefix("grid") } == names)
    }

    @Test func aSheetThatCannotBeLeavesNothing() throws {
        let (directory, images) = try run()
        #expect(throws: ImageCodecError.self) {
            try RunSheets.write(
                images, to: directory, version: "x", style: ContactSheetStyle(megapixelsMax: 0.001))
        }
        #expect(try directory.existingRunFiles().allSatisfy { !$0.hasPrefix("grid") })
    }
}
