// SPDX-License-Identifier: Apache-2.0

import CPNG
package import GenerationTypes

/// PNG files in memory: whole pictures to bytes and back.
package enum PNG {
    /// A picture read from a file, with its text chunks in file order.
    package struct Contents: Sendable, Equatable {
        /// The pixels; transparency, if any, is dropped like Pillow's `convert("RGB")` does.
        package var image: RGBImage
        /// `tEXt`, `zTXt` and `iTXt` chunks.
        package var texts: [PNGText]

        /// A picture with the texts that came with it; none from other formats.
        package init(image: RGBImage, texts: [PNGText]) {
            self.image = image
            self.texts = texts
        }

        /// The text under a keyword, the first one if it occurs more than once.
        package func text(_ keyword: String) -> String? {
            texts.first { $0.keyword == keyword }?.text
        }
    }

    /// Encodes a picture as 8-bit RGB.
    ///
    /// - Parameters:
    ///   - image: The pixels.
    ///   - texts: Text chunks, written before the pixels.
    ///   - compressionLevel: zlib's, 0 (fastest) to 9 (smallest). The default writes 512×512 pixels
    ///     in 45 ms, while 6 takes 160 ms for files 6 % smaller; the coordinator writes for all
    ///     workers.
    /// - Returns: The bytes of the file.
    package static func encode(
        _ image: RGBImage, texts: [PNGText] = [], compressionLevel: Int = 3
    ) throws(ImageCodecError) -> [UInt8] {
        var writer = try PNGWriter(
            width: image.width, height: image.height, texts: texts,
            compressionLevel: compressionLevel)
        try writer.append(image)
        try writer.finish()
        return writer.takeBytes()
    }

    /// Decodes any PNG (grey, palette, alpha, 1 to 16 bits, interlaced) as 8-bit RGB.
    ///
    /// Hostile bytes end in a typed error: sizes are checked against `ImageLimits`, and against the
    /// most that so many bytes can hold, before anything is allocated.
    package static func decode(_ bytes: [UInt8]) throws(ImageCodecError) -> Contents {
        // An empty array may have no address to pass to C.
        guard !bytes.isEmpty else { throw .notPNG }
        return try bytes.withUnsafeBufferPointer {
            (buffer) throws(ImageCodecError) in try decode(buffer)
        }
    }

    private static func decode(
        _ buffer: UnsafeBufferPointer<UInt8>
    ) throws(ImageCodecError) -> Contents {
        guard let base = buffer.baseAddress, let reader = cpng_reader_create(base, buffer.count)
        else { throw .outOfMemory }
        defer { cpng_reader_destroy(reader) }
        var width: UInt32 = 0
        var height: UInt32 = 0
        let status = cpng_reader_begin(
            reader, UInt32(ImageLimits.sideMax), UInt64(ImageLimits.pixelCountMax), &width, &height)
        guard status != CPNG_TOO_LARGE else {
            throw .tooLarge(width: Int(width), height: Int(height))
        }
        try check(status, reader)
        var image = RGBImage(width: Int(width), height: Int(height))
        try check(cpng_reader_pixels(reader, &image.bytes), reader)
        return Contents(image: image, texts: texts(of: reader))
    }

    private static func texts(of reader: OpaquePointer) -> [PNGText] {
        (0..<cpng_reader_text_count(reader)).map { index in
            let text = cpng_reader_text(reader, index)
            let bytes = UnsafeBufferPointer(start: text.bytes, count: text.length)
            return PNGText(
                keyword: latin1(text.keyword),
                text: text.is_utf8
                    ? String(decoding: bytes, as: UTF8.self) : PNGText.string(latin1: bytes))
        }
    }

    /// The string represented by a NUL-terminated Latin-1 C string.
    private static func latin1(_ start: UnsafePointer<CChar>) -> String {
        var bytes: [UInt8] = []
        var next = start
        while next.pointee != 0 {
            bytes.append(UInt8(bitPattern: next.pointee))
            next += 1
        }
        return PNGText.string(latin1: bytes)
    }

    private static func check(
        _ status: cpng_status, _ reader: OpaquePointer
    ) throws(ImageCodecError) {
        switch status {
        case CPNG_OK: return
        case CPNG_NOT_PNG: throw .notPNG
        case CPNG_TRUNCATED: throw .truncated
        case CPNG_OUT_OF_MEMORY: throw .outOfMemory
        default: throw .corrupt(String(cString: cpng_reader_message(reader)))
        }
    }
}
