// SPDX-License-Identifier: Apache-2.0

import CJPEG
package import GenerationTypes

/// JPEG files, which pictures of others are: read, never written.
package enum JPEG {
    /// Whether bytes begin as a JPEG does.
    package static func isJPEG(_ bytes: [UInt8]) -> Bool { bytes.starts(with: [0xFF, 0xD8, 0xFF]) }

    /// Decodes any JPEG that libjpeg reads (grey, colour, four inks, progressive) as 8-bit RGB, with
    /// the same bytes as Pillow's `convert("RGB")`; an orientation in its metadata is ignored, as
    /// there.
    ///
    /// Hostile bytes end in a typed error: sizes are checked against `ImageLimits` before anything
    /// is allocated.
    package static func decode(_ bytes: [UInt8]) throws(ImageCodecError) -> RGBImage {
        guard isJPEG(bytes) else { throw .notJPEG }
        return try bytes.withUnsafeBufferPointer {
            (buffer) throws(ImageCodecError) in try decode(buffer)
        }
    }

    private static func decode(
        _ buffer: UnsafeBufferPointer<UInt8>
    ) throws(ImageCodecError) -> RGBImage {
        guard let base = buffer.baseAddress, let reader = cjpeg_reader_create(base, buffer.count)
        else { throw .outOfMemory }
        defer { cjpeg_reader_destroy(reader) }
        var width: UInt32 = 0
        var height: UInt32 = 0
        let status = cjpeg_reader_begin(
            reader, UInt32(ImageLimits.sideMax), UInt64(ImageLimits.pixelCountMax), &width, &height)
        guard status != CJPEG_TOO_LARGE else {
            throw .tooLarge(width: Int(width), height: Int(height))
        }
        try check(status, reader)
        var image = RGBImage(width: Int(width), height: Int(height))
        try check(cjpeg_reader_pixels(reader, &image.bytes), reader)
        return image
    }

    private static func check(
        _ status: cjpeg_status, _ reader: OpaquePointer
    ) throws(ImageCodecError) {
        switch status {
        case CJPEG_OK: return
        case CJPEG_NOT_JPEG: throw .notJPEG
        case CJPEG_TRUNCATED: throw .truncated
        case CJPEG_OUT_OF_MEMORY: throw .outOfMemory
        default: throw .corrupt(String(cString: cjpeg_reader_message(reader)))
        }
    }
}

/// A picture in either format.
package enum PictureFile {
    /// Decodes PNG or JPEG, whichever the bytes are.
    package static func decode(_ bytes: [UInt8]) throws(ImageCodecError) -> RGBImage {
        JPEG.isJPEG(bytes) ? try JPEG.decode(bytes) : try PNG.decode(bytes).image
    }
}
