// SPDX-License-Identifier: Apache-2.0

/// Why a picture could not be read, written or assembled.
package enum ImageCodecError: Error, Equatable, CustomStringConvertible {
    /// The bytes do not begin with PNG's signature.
    case notPNG
    /// The bytes do not begin with a JPEG's marker.
    case notJPEG
    /// The bytes end before the picture does.
    case truncated
    /// A checksum fails or a chunk is malformed; the text comes from libpng or libjpeg.
    case corrupt(String)
    /// The header asks for more than `ImageLimits` allow.
    case tooLarge(width: Int, height: Int)
    /// A side is below 1 or above `ImageLimits.sideMax`.
    case sizeOutOfRange(width: Int, height: Int)
    /// A text chunk's keyword is not 1 to 79 Latin-1 characters.
    case badKeyword(String)
    /// The number of written rows differs from the picture's height.
    case rowCount(written: Int, expected: Int)
    /// A contact sheet would be larger than its limit; nothing was rendered.
    case sheetTooLarge(width: Int, height: Int, megapixelsMax: Double)
    /// Two pictures to compare differ in size.
    case sizeMismatch(width: Int, height: Int, otherWidth: Int, otherHeight: Int)
    /// A picture is too small for SSIM's 11×11 window.
    case smallerThanWindow(width: Int, height: Int)
    /// Memory ran out.
    case outOfMemory

    package var description: String {
        switch self {
        case .notPNG: "not a PNG file: the first eight bytes are not PNG's signature"
        case .notJPEG: "not a JPEG file: it does not begin with a JPEG's marker"
        case .truncated: "the picture ends early; copy or download the file again"
        case .corrupt(let text):
            "the picture is damaged (\(text)); copy or download the file again"
        case .tooLarge(let width, let height):
            """
            the picture claims \(width)×\(height) pixels; at most \(ImageLimits.pixelCountMax) pixels \
            and \(ImageLimits.sideMax) per side are read
            """
        case .sizeOutOfRange(let width, let height):
            "\(width)×\(height) pixels; each side must be from 1 to \(ImageLimits.sideMax)"
        case .badKeyword(let keyword):
            "the PNG keyword '\(keyword)' must have 1 to 79 printable Latin-1 characters"
        case .rowCount(let written, let expected):
            "\(written) rows were written to a PNG of \(expected)"
        case .sheetTooLarge(let width, let height, let megapixelsMax):
            """
            a contact sheet of \(width)×\(height) pixels is above the limit of \
            \(megapixelsMax) megapixels; choose smaller pictures or raise the limit
            """
        case .sizeMismatch(let width, let height, let otherWidth, let otherHeight):
            "\(width)×\(height) pixels cannot be compared with \(otherWidth)×\(otherHeight)"
        case .smallerThanWindow(let width, let height):
            "\(width)×\(height) pixels are too few for SSIM; each side must have at least 11"
        case .outOfMemory: "out of memory in the picture library"
        }
    }
}

/// Upper bounds on pictures read or written.
package enum ImageLimits {
    /// Longest side, in pixels.
    package static let sideMax = 65_535
    /// Most pixels of a picture to read: 100 megapixels, 300 MB in memory.
    package static let pixelCountMax = 100_000_000
}
