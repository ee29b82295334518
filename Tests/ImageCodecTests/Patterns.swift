// SPDX-License-Identifier: Apache-2.0

import GenerationTypes
import ImageCodec

/// Deterministic pictures, by formulas that are as easy to write in Python.
enum Patterns {
    /// Three channels of waves and ramps; every value occurs.
    static func waves(width: Int, height: Int) -> RGBImage {
        var image = RGBImage(width: width, height: height)
        for y in 0..<height {
            for x in 0..<width {
                image[x, y] = RGBImage.Color(
                    red: UInt8((x * 5 + y * 3) % 256), green: UInt8((x * x + y * 7) % 256),
                    blue: UInt8((x * y) % 256))
            }
        }
        return image
    }

    /// The same picture with a reproducible error of at most 16 per byte.
    static func disturbed(_ image: RGBImage) -> RGBImage {
        var result = image
        for index in image.bytes.indices {
            let error = (index * 7919 + 13) % 33 - 16
            result.bytes[index] = UInt8(min(max(Int(image.bytes[index]) + error, 0), 255))
        }
        return result
    }
}
