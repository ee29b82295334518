// SPDX-License-Identifier: Apache-2.0

import CPNG
package import GenerationTypes

/// Writes an 8-bit RGB PNG row by row, so that a sheet of any height needs the memory of a few
/// rows.
///
/// Encoded bytes accumulate inside and are returned by `takeBytes`, as often as the caller likes.
package struct PNGWriter: ~Copyable {
    /// Collects the bytes from the C writer.
    private final class Output {
        var bytes: [UInt8] = []
    }

    /// Owns the C writer, and the output it points to.
    private final class Handle {
        let writer: OpaquePointer
        let output: Output

        init(writer: OpaquePointer, output: Output) {
            self.writer = writer
            self.output = output
        }

        deinit { cpng_writer_destroy(writer) }

        func check(_ status: cpng_status) throws(ImageCodecError) {
            switch status {
            case CPNG_OK: return
            case CPNG_OUT_OF_MEMORY: throw .outOfMemory
            default: throw .corrupt(String(cString: cpng_writer_message(writer)))
            }
        }
    }

    private let handle: Handle
    private let width: Int
    private let height: Int
    private var rowsWritten = 0

    /// Begins a picture with its text chunks.
    ///
    /// - Parameters:
    ///   - width: Pixels per row.
    ///   - height: Rows.
    ///   - texts: Text chunks, in this order before the pixels.
    ///   - compressionLevel: zlib's, 0 (fastest) to 9 (smallest).
    package init(
        width: Int, height: Int, texts: [PNGText] = [], compressionLevel: Int = 3
    ) throws(ImageCodecError) {
        precondition((0...9).contains(compressionLevel), "zlib has no level \(compressionLevel)")
        let sides = 1...ImageLimits.sideMax
        guard sides.contains(width), sides.contains(height) else {
            throw .sizeOutOfRange(width: width, height: height)
        }
        var chunks: [(name: String, bytes: [UInt8])] = []
        for text in texts { chunks.append(try text.chunk()) }
        let output = Output()
        let created = cpng_writer_create(
            { context, bytes, length in
                guard let context else { return false }
                let output = Unmanaged<Output>.fromOpaque(context).takeUnretainedValue()
                output.bytes.append(contentsOf: UnsafeBufferPointer(start: bytes, count: length))
                return true
            }, Unmanaged.passUnretained(output).toOpaque())
        guard let created else { throw .outOfMemory }
        let handle = Handle(writer: created, output: output)
        try handle.check(
            cpng_writer_begin(created, UInt32(width), UInt32(height), Int32(compressionLevel)))
        for chunk in chunks {
            try handle.check(
                cpng_writer_chunk(created, chunk.name, chunk.bytes, chunk.bytes.count))
        }
        self.handle = handle
        self.width = width
        self.height = height
    }

    /// Writes the next rows, from the top of the picture; `image` must be as wide as the file.
    package mutating func append(_ image: RGBImage) throws(ImageCodecError) {
        precondition(image.width == width, "rows of \(image.width) pixels for \(width)")
        guard rowsWritten + image.height <= height else {
            throw .rowCount(written: rowsWritten + image.height, expected: height)
        }
        try handle.check(cpng_writer_rows(handle.writer, image.bytes, image.height))
        rowsWritten += image.height
    }

    /// Writes the end; every row must have been appended.
    package mutating func finish() throws(ImageCodecError) {
        guard rowsWritten == height else {
            throw .rowCount(written: rowsWritten, expected: height)
        }
        try handle.check(cpng_writer_finish(handle.writer))
    }

    /// The bytes encoded since the last call.
    package mutating func takeBytes() -> [UInt8] {
        let bytes = handle.output.bytes
        handle.output.bytes = []
        return bytes
    }
}
