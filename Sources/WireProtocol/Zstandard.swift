// SPDX-License-Identifier: Apache-2.0

import CZstd

/// One zstd frame in memory, with bounds on the memory the other side can make us allocate.
package enum Zstandard {
    /// Why compressed bytes were not accepted.
    package enum Failure: Error, Equatable {
        /// The library's message.
        case library(String)
        /// The content's length differs from the declared one.
        case sizeMismatch
    }

    /// Compresses into one frame; `nil` if zstd fails, in which case callers send it raw.
    ///
    /// - Parameters:
    ///   - level: 1…19.
    ///   - boundaries: offsets at which the statistics of the content change, ascending. A block
    ///     ends at each, so that noise on one side does not worsen the code tables of the other.
    package static func compress(
        _ bytes: [UInt8], level: Int, boundaries: [Int] = []
    ) -> [UInt8]? {
        guard let context = ZSTD_createCCtx() else { return nil }
        defer { ZSTD_freeCCtx(context) }
        ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, Int32(level))
        ZSTD_CCtx_setPledgedSrcSize(context, UInt64(bytes.count))
        // Every flushed block may add a header of three bytes.
        let bound = ZSTD_compressBound(bytes.count) + 16 * (boundaries.count + 1)
        var failed = false
        let compressed = [UInt8](unsafeUninitializedCapacity: bound) { target, written in
            bytes.withUnsafeBytes { source in
                var input = ZSTD_inBuffer(src: source.baseAddress, size: 0, pos: 0)
                var output = ZSTD_outBuffer(dst: target.baseAddress, size: bound, pos: 0)
                for end in boundaries + [bytes.count] {
                    input.size = end
                    let mode = end == bytes.count ? ZSTD_e_end : ZSTD_e_flush
                    // The output has room for everything, so one call finishes its block.
                    let left = ZSTD_compressStream2(context, &output, &input, mode)
                    failed = failed || left != 0
                }
                written = failed ? 0 : output.pos
            }
        }
        return failed ? nil : compressed
    }

    /// Decompresses one frame of exactly `byteCount` bytes.
    ///
    /// `byteCount` must already be within its limit. It is the most that is ever written: a frame
    /// that holds more or less, needs a larger window than `WireLimits.zstdWindowLogMax` or has
    /// bytes after its end is an error.
    package static func decompress(
        _ bytes: [UInt8], byteCount: Int
    ) throws(Failure) -> [UInt8] {
        guard let context = ZSTD_createDStream() else { throw .library("out of memory") }
        defer { ZSTD_freeDStream(context) }
        let limited = ZSTD_DCtx_setParameter(
            context, ZSTD_d_windowLogMax, Int32(WireLimits.zstdWindowLogMax))
        guard ZSTD_isError(limited) == 0 else { throw .library(name(of: limited)) }

        var failure: Failure?
        let content = [UInt8](unsafeUninitializedCapacity: byteCount) { target, written in
            written = 0
            bytes.withUnsafeBytes { source in
                var input = ZSTD_inBuffer(src: source.baseAddress, size: source.count, pos: 0)
                var output = ZSTD_outBuffer(dst: target.baseAddress, size: byteCount, pos: 0)
                failure = drain(context, &input, &output)
                written = output.pos
            }
        }
        if let failure { throw failure }
        return content
    }

    private static func drain(
        _ context: OpaquePointer, _ input: inout ZSTD_inBuffer, _ output: inout ZSTD_outBuffer
    ) -> Failure? {
        while true {
            let (consumed, produced) = (input.pos, output.pos)
            let hint = ZSTD_decompressStream(context, &output, &input)
            if ZSTD_isError(hint) != 0 { return .library(name(of: hint)) }
            if hint == 0 {
                return output.pos == output.size && input.pos == input.size ? nil : .sizeMismatch
            }
            // No progress: the input ended early, or the content exceeds the declared size.
            if input.pos == consumed, output.pos == produced { return .sizeMismatch }
        }
    }

    private static func name(of code: Int) -> String {
        ZSTD_getErrorName(code).map { String(cString: $0) } ?? "error \(code)"
    }
}
