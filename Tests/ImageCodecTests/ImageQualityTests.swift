// SPDX-License-Identifier: Apache-2.0

import GenerationTypes
import ImageCodec
import Testing

@Suite struct ImageQualityTests {
    /// Expected values are scikit-image 0.26.0's for the same formulas (see `Patterns`).
    @Test(arguments: [
        (width: 48, height: 32, psnr: 28.710356873351, ssim: 0.899831465921),
        (width: 11, height: 11, psnr: 28.845914022796, ssim: 0.769357963435),
        (width: 37, height: 64, psnr: 28.730456417953, ssim: 0.904409663755),
    ])
    func equalsScikitImage(width: Int, height: Int, psnr: Double, ssim: Double) throws {
        let image = Patterns.waves(width: width, height: height)
        let other = Patterns.disturbed(image)
        #expect(abs(try ImageQuality.psnr(image, other) - psnr) < 1e-9)
        #expect(abs(try ImageQuality.ssim(image, other) - ssim) < 1e-9)
    }

    @Test func equalPicturesArePerfect() throws {
        let image = Patterns.waves(width: 20, height: 20)
        #expect(try ImageQuality.psnr(image, image) == .infinity)
        #expect(abs(try ImageQuality.ssim(image, image) - 1) < 1e-12)
    }

    @Test func picturesThatCannotBeComparedAreRefused() {
        let image = Patterns.waves(width: 20, height: 10)
        let other = Patterns.waves(width: 10, height: 20)
        #expect(
            throws: ImageCodecError.sizeMismatch(
                width: 20, height: 10, otherWidth: 10, otherHeight: 20)
        ) { try ImageQuality.psnr(image, other) }
        #expect(throws: ImageCodecError.smallerThanWindow(width: 20, height: 10)) {
            try ImageQuality.ssim(image, image)
        }
    }
}
