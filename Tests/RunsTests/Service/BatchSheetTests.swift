// SPDX-License-Identifier: Apache-2.0

import GenerationTypes
import ImageCodec
import Runs
import ServiceLedger
import TestSupport
import Testing

/// Sheets of a service's batches.
@Suite struct BatchSheetTests {
    let service: SampleService
    private let temporary: TemporaryDirectory

    init() throws {
        temporary = try TemporaryDirectory()
        service = try SampleService(temporary.path)
    }

    private func file(_ name: String, of batch: String) -> [UInt8]? {
        ServiceStore.file("\(service.store.pictureFolder(of: BatchID(batch)))/\(name)")
    }

    private func png(_ sheet: StoredSheet) throws -> PNG.Contents {
        try PNG.decode(
            BatchSheet(sheet, version: "retom 1").png { file($0, of: sheet.batch.id.text) })
    }

    private func finish(
        _ image: Int, of batch: String, first: Int, width: Int = 64, height: Int = 64
    ) throws {
        try service.finish(image)
        try service.picture(
            image, of: batch, index: image - first, seed: UInt64(image),
            bytes: PNG.encode(
                RGBImage(width: width, height: height, filledWith: .gray(UInt8(100 + image)))))
    }

    @Test func aSheetHoldsWhatIsFinishedInOrder() throws {
        let batch = SampleService.batch("b1", first: 10, count: 4)
        try service.commit(.accept(SampleService.batch("b0", count: 10)), .accept(batch))
        let store = service.store
        #expect(try store.sheet(of: BatchID("b9"), page: 1) == nil)
        let empty = try #require(try store.sheet(of: batch.id, page: 1))
        #expect(empty.pictures.isEmpty && empty.pageCount == 0 && empty.pageCountMax == 1)
        for image in [13, 10] { try finish(image, of: "b1", first: 10) }
        let some = try #require(try store.sheet(of: batch.id, page: 1))
        #expect(some.pictures.map(\.index) == [0, 3] && !some.isFinal)
        #expect(some.pictures.map(\.request) == [0, 3].map(batch.request(at:)))
        let tag = BatchSheet(some, version: "retom 1").tag
        #expect(tag == BatchSheet(some, version: "retom 1").tag)
        #expect(tag != BatchSheet(some, version: "retom 2").tag)
        let contents = try png(some)
        #expect(contents.text("Software") == "retom 1")
        // A picture of 64 × 64 in a cell of 64 × 128, beside one in the middle of its cell.
        #expect(contents.image.width == 8 + 2 * (64 + 8))
        #expect(contents.image[8 + 32, 8 + 64] == .gray(110))
        #expect(contents.image[8 + 64 + 8 + 32, 8 + 64] == .gray(113))
        #expect(contents.image[8 + 32, 8 + 8] == .black)
        try finish(11, of: "b1", first: 10)
        let more = try #require(try store.sheet(of: batch.id, page: 1))
        #expect(more.pictures.map(\.index) == [0, 1, 3])
        #expect(BatchSheet(more, version: "retom 1").tag != tag)
    }

    @Test func aSheetIsFinalUnlessPicturesMayFollow() throws {
        for (status, isFinal) in [
            (BatchStatus.completed, true), (.failed, true), (.cancelled, false),
        ] {
            let id = BatchID(status.rawValue)
            let first = 10 * (BatchStatus.allCases.firstIndex(of: status) ?? 0)
            try service.commit(
                .accept(SampleService.batch(id.text, first: first)),
                .end(id, BatchEnd(status: status, startedAt: 1, endedAt: 2)))
            #expect(try service.store.sheet(of: id, page: 1)?.isFinal == isFinal, "\(status)")
        }
    }

    @Test func largePicturesAreReducedAndMissingOnesLeaveTheirCellBlack() throws {
        let spans = (0..<2).map { index in
            ImageSpan(
                first: GenerationRequest(
                    prompt: String(repeating: "long ", count: 1000), seed: UInt64(100 * index),
                    width: 1024, height: 512), count: 1)
        }
        let batch = AcceptedBatch(
            Submission(id: BatchID("b1"), caller: CallerID("a"), spans: spans),
            firstImage: ImageNumber(0), acceptedAt: 1)
        try service.commit(.accept(batch))
        try finish(0, of: "b1", first: 0, width: 1024, height: 512)
        try service.finish(1)
        try service.picture(1, of: "b1", index: 1, bytes: [1, 2, 3])
        let image = try png(try #require(try service.store.sheet(of: batch.id, page: 1))).image
        #expect(image.width == 8 + 2 * (256 + 8))
        #expect(image[8, 8] == .gray(100) && image[8 + 255, 8 + 127] == .gray(100))
        #expect(image[8 + 256 + 8 + 128, 8 + 64] == .black)
    }

    @Test func pagesHave64Pictures() throws {
        let batch = SampleService.batch("b1", count: 70)
        try service.commit(.accept(batch))
        for image in 0..<70 where image != 5 {
            try finish(image, of: "b1", first: 0, width: 8, height: 8)
        }
        let pages = try (1...3).map {
            try #require(try service.store.sheet(of: batch.id, page: $0))
        }
        #expect(pages.map(\.pictures.count) == [64, 5, 0])
        #expect(pages[0].pictures.map(\.index) == Array(0..<5) + Array(6..<65))
        #expect(pages[1].pictures.map(\.index) == Array(65..<70))
        #expect(pages[0].pageCount == 2 && pages[0].pageCountMax == 2)
        #expect(try png(pages[0]).image.width == 8 + 8 * (64 + 8))
    }
}
