// SPDX-License-Identifier: Apache-2.0

import Foundation
import GenerationTypes
import ImageCodec
import Testing

@Suite struct ReducedPictureTests {
    @Test(arguments: ReducedPictures.all.indices) func picturesAreReducedAsByPillow(
        index: Int
    ) throws {
        let (old, new, text) = ReducedPictures.all[index]
        let pixels = try #require(Data(base64Encoded: text))
        let reduced = Patterns.waves(width: old[0], height: old[1]).reduced(
            width: new[0], height: new[1])
        #expect(reduced.width == new[0] && reduced.height == new[1])
        #expect(reduced.bytes == [UInt8](pixels), "\(old) to \(new)")
    }

    @Test func onlyWhatChangesIsTouched() {
        let image = Patterns.waves(width: 13, height: 8)
        #expect(image.reduced(width: 13, height: 8) == image)
        let white = RGBImage(width: 50, height: 40, filledWith: .gray(255))
        #expect(white.reduced(width: 7, height: 3).bytes.allSatisfy { $0 == 255 })
    }
}
