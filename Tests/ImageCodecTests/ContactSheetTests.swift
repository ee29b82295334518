// SPDX-License-Identifier: Apache-2.0

import GenerationTypes
import ImageCodec
import Testing

@Suite struct ContactSheetTests {
    private let plain = ContactSheetStyle(padding: 2, titleLineCount: 0)

    /// Rows and columns as A1111's `image_grid`.
    @Test(arguments: [
        (1, 1, 1), (2, 1, 2), (3, 2, 2), (4, 2, 2), (5, 2, 3), (7, 3, 3), (8, 3, 3), (10, 3, 4),
        (30, 5, 6),
    ])
    func rowsAndColumnsFollowA1111(count: Int, rows: Int, columns: Int) throws {
        let layout = try ContactSheetLayout(
            count: count, cellWidth: 8, cellHeight: 8, style: plain)
        #expect(layout.rowCount == rows)
        #expect(layout.columnCount == columns)
    }

    @Test func aGivenNumberOfRowsIsKept() throws {
        let style = ContactSheetStyle(rowCount: 4, titleLineCount: 0)
        let layout = try ContactSheetLayout(count: 8, cellWidth: 8, cellHeight: 8, style: style)
        #expect(layout.rowCount == 4)
        #expect(layout.columnCount == 2)
    }

    @Test func picturesAreInRowOrderAndMissingOnesAreBlack() throws {
        let sheet = try ContactSheet(count: 3, cellWidth: 4, cellHeight: 4, style: plain)
        let bytes = try sheet.encoded { index in
            index == 1
                ? nil : RGBImage(width: 4, height: 4, filledWith: .gray(UInt8(100 + index)))
        }
        let image = try PNG.decode(bytes).image
        #expect(image.width == 14)
        #expect(image.height == 14)
        #expect(image[2, 2] == .gray(100))
        #expect(image[5, 5] == .gray(100))
        #expect(image[8, 2] == .black)
        #expect(image[2, 8] == .gray(102))
        for (x, y) in [(0, 0), (13, 13), (6, 3), (3, 6), (8, 8)] {
            #expect(image[x, y] == plain.background)
        }
    }

    @Test func smallerPicturesAreCentredAndLargerOnesCut() throws {
        let sheet = try ContactSheet(count: 2, cellWidth: 6, cellHeight: 6, style: plain)
        let bytes = try sheet.encoded { index in
            index == 0
                ? RGBImage(width: 2, height: 4, filledWith: .gray(200))
                : Patterns.waves(width: 8, height: 8)
        }
        let image = try PNG.decode(bytes).image
        #expect(image[2 + 2, 2 + 1] == .gray(200))
        #expect(image[2 + 3, 2 + 4] == .gray(200))
        #expect(image[2 + 1, 2 + 1] == .black)
        #expect(image[2 + 2, 2 + 5] == .black)
        #expect(image[10, 2] == Patterns.waves(width: 8, height: 8)[1, 1])
    }

    @Test func aSheetBeyondTheLimitIsRefusedBeforeAnyPictureIsRequested() {
        let style = ContactSheetStyle(megapixelsMax: 1)
        #expect(
            throws: ImageCodecError.sheetTooLarge(width: 3128, height: 3128, megapixelsMax: 1)
        ) {
            try ContactSheet(count: 36, cellWidth: 512, cellHeight: 512, style: style)
        }
    }

    @Test func aLargeBatchMakesSeveralSheets() throws {
        let style = ContactSheetStyle(megapixelsMax: 10)
        let pages = try ContactSheetLayout.pages(
            count: 1000, cellWidth: 256, cellHeight: 256, style: style)
        #expect(pages.count > 1)
        #expect(pages.flatMap { Array($0) } == Array(0..<1000))
        for page in pages {
            let layout = try ContactSheetLayout(
                count: page.count, cellWidth: 256, cellHeight: 256, style: style)
            #expect(Double(layout.width * layout.height) <= 10e6)
        }
        let sizes = pages.map(\.count)
        #expect((sizes.max() ?? 0) - (sizes.min() ?? 0) <= 1)
        #expect(throws: ImageCodecError.self) {
            try ContactSheetLayout.pages(
                count: 3, cellWidth: 4096, cellHeight: 4096, style: style)
        }
    }

    @Test func captionsAppearBelowThePictures() throws {
        let captions = ["a red house", "a blue boat"].map {
            ContactSheet.Caption(title: $0, detail: "seed 42")
        }
        let sheet = try ContactSheet(
            count: 2, cellWidth: 128, cellHeight: 64, captions: captions)
        let image = try PNG.decode(
            sheet.encoded { _ in RGBImage(width: 128, height: 64, filledWith: .gray(255)) }
        ).image
        let below = (sheet.layout.padding + 64)..<sheet.layout.height
        func brightPixels(_ columns: Range<Int>) -> Int {
            below.reduce(0) { sum, y in sum + columns.count { x in image[x, y].red > 120 } }
        }
        #expect(brightPixels(8..<136) > 100)
        #expect(brightPixels(144..<272) > 100)
        #expect(brightPixels(0..<8) == 0)
    }
}
