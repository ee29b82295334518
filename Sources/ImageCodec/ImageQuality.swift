// SPDX-License-Identifier: Apache-2.0

package import GenerationTypes
import Glibc

/// How much two pictures of the same size differ.
package enum ImageQuality {
    /// Peak signal-to-noise ratio in dB over all three channels, with a peak of 255.
    ///
    /// - Returns: `infinity` for equal pictures. Equals `skimage.metrics.peak_signal_noise_ratio`.
    package static func psnr(
        _ image: RGBImage, _ other: RGBImage
    ) throws(ImageCodecError) -> Double {
        try requireSameSize(image, other)
        var sum = 0
        for index in image.bytes.indices {
            let difference = Int(image.bytes[index]) - Int(other.bytes[index])
            sum += difference * difference
        }
        guard sum > 0 else { return .infinity }
        let meanSquareError = Double(sum) / Double(image.bytes.count)
        return 10 * log10(255 * 255 / meanSquareError)
    }

    /// Structural similarity, averaged over pixels and channels: 1 for equal pictures.
    ///
    /// Wang, Bovik, Sheikh, Simoncelli 2004, with an 11×11 Gaussian window of σ 1.5, K₁ 0.01,
    /// K₂ 0.03 and a range of 255. Equals `skimage.metrics.structural_similarity` with
    /// `gaussian_weights=True, sigma=1.5, use_sample_covariance=False, channel_axis=2`.
    package static func ssim(
        _ image: RGBImage, _ other: RGBImage
    ) throws(ImageCodecError) -> Double {
        try requireSameSize(image, other)
        guard image.width >= window.count, image.height >= window.count else {
            throw .smallerThanWindow(width: image.width, height: image.height)
        }
        var total = 0.0
        for channel in 0..<3 { total += ssim(image, other, channel: channel) }
        return total / 3
    }

    /// The normalised Gaussian of σ 1.5 on 11 taps; the window is its outer product with itself.
    private static let window: [Double] = {
        let weights = (-5...5).map { (tap: Int) in exp(-Double(tap * tap) / (2 * 1.5 * 1.5)) }
        let sum = weights.reduce(0, +)
        return weights.map { $0 / sum }
    }()

    private static func ssim(_ image: RGBImage, _ other: RGBImage, channel: Int) -> Double {
        let x = plane(image, channel)
        let y = plane(other, channel)
        let width = image.width
        let meanX = blurred(x, width: width)
        let meanY = blurred(y, width: width)
        let squareX = blurred(zip(x, x).map { $0 * $1 }, width: width)
        let squareY = blurred(zip(y, y).map { $0 * $1 }, width: width)
        let product = blurred(zip(x, y).map { $0 * $1 }, width: width)
        let c1 = (0.01 * 255) * (0.01 * 255)
        let c2 = (0.03 * 255) * (0.03 * 255)
        var sum = 0.0
        for index in meanX.indices {
            let (ux, uy) = (meanX[index], meanY[index])
            let varianceX = squareX[index] - ux * ux
            let varianceY = squareY[index] - uy * uy
            let covariance = product[index] - ux * uy
            sum +=
                (2 * ux * uy + c1) * (2 * covariance + c2)
                / ((ux * ux + uy * uy + c1) * (varianceX + varianceY + c2))
        }
        return sum / Double(meanX.count)
    }

    private static func plane(_ image: RGBImage, _ channel: Int) -> [Double] {
        stride(from: channel, to: image.bytes.count, by: 3).map { Double(image.bytes[$0]) }
    }

    /// Weighted means over every window that is completely inside, `[height − 10, width − 10]`.
    private static func blurred(_ values: [Double], width: Int) -> [Double] {
        let height = values.count / width
        let innerWidth = width - window.count + 1
        let innerHeight = height - window.count + 1
        var rows = [Double](repeating: 0, count: height * innerWidth)
        for row in 0..<height {
            for column in 0..<innerWidth {
                var sum = 0.0
                let start = row * width + column
                for tap in window.indices { sum += window[tap] * values[start + tap] }
                rows[row * innerWidth + column] = sum
            }
        }
        var result = [Double](repeating: 0, count: innerHeight * innerWidth)
        for row in 0..<innerHeight {
            for tap in window.indices {
                let source = (row + tap) * innerWidth
                for column in 0..<innerWidth {
                    result[row * innerWidth + column] += window[tap] * rows[source + column]
                }
            }
        }
        return result
    }

    private static func requireSameSize(
        _ image: RGBImage, _ other: RGBImage
    ) throws(ImageCodecError) {
        guard image.width == other.width, image.height == other.height else {
            throw .sizeMismatch(
                width: image.width, height: image.height, otherWidth: other.width,
                otherHeight: other.height)
        }
    }
}
