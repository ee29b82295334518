// SPDX-License-Identifier: Apache-2.0
//
// libpng behind a C interface that Swift can call: libpng reports errors by longjmp, which must
// never cross a Swift frame, so every function here catches it and returns a status.
//
// Readers and writers are used by one thread at a time. After any status but CPNG_OK an object
// may only be destroyed or asked for its message.
#ifndef RETOM_CPNG_H
#define RETOM_CPNG_H

#include <stdbool.h>  // defines: bool
#include <stddef.h>   // defines: size_t
#include <stdint.h>   // defines: uint8_t, uint32_t

/// How a call ended.
typedef enum cpng_status {
    CPNG_OK = 0,
    /// The first eight bytes are not PNG's signature.
    CPNG_NOT_PNG,
    /// The bytes end before the picture does.
    CPNG_TRUNCATED,
    /// A checksum fails, a chunk is malformed or the compressed stream is broken.
    CPNG_CORRUPT,
    /// The header asks for more pixels than the limits allow.
    CPNG_TOO_LARGE,
    /// libpng could not allocate its own state.
    CPNG_OUT_OF_MEMORY,
    /// The sink refused bytes.
    CPNG_SINK_FAILED,
} cpng_status;

/// Takes `length` encoded bytes; returns false to stop the writer with CPNG_SINK_FAILED.
typedef bool (*cpng_sink)(void *_Nullable context, const uint8_t *_Nonnull bytes, size_t length);

typedef struct cpng_writer cpng_writer;

/// Creates a writer; returns NULL if memory is short.
cpng_writer *_Nullable cpng_writer_create(cpng_sink _Nonnull sink, void *_Nullable context);

/// Writes the signature and the header of an 8-bit RGB picture. `level` is zlib's, 0 to 9.
cpng_status cpng_writer_begin(
    cpng_writer *_Nonnull writer, uint32_t width, uint32_t height, int level);

/// Writes one ancillary chunk, e.g. "tEXt". Only between begin and the first row.
cpng_status cpng_writer_chunk(
    cpng_writer *_Nonnull writer, const char *_Nonnull name, const uint8_t *_Nullable bytes,
    size_t length);

/// Writes the next `row_count` rows of `3 * width` bytes each, without gaps.
cpng_status cpng_writer_rows(
    cpng_writer *_Nonnull writer, const uint8_t *_Nonnull rows, size_t row_count);

/// Writes the end; all rows must have been written.
cpng_status cpng_writer_finish(cpng_writer *_Nonnull writer);

/// libpng's message for the last failure; empty if there was none.
const char *_Nonnull cpng_writer_message(const cpng_writer *_Nonnull writer);

void cpng_writer_destroy(cpng_writer *_Nullable writer);

typedef struct cpng_reader cpng_reader;

/// One text chunk of a picture; the pointers live as long as the reader.
typedef struct cpng_text {
    /// Latin-1, ends with NUL.
    const char *_Nonnull keyword;
    const uint8_t *_Nonnull bytes;
    size_t length;
    /// True for iTXt, false for tEXt and zTXt (Latin-1).
    bool is_utf8;
} cpng_text;

/// Creates a reader of bytes that outlive it; returns NULL if memory is short.
cpng_reader *_Nullable cpng_reader_create(const uint8_t *_Nonnull bytes, size_t length);

/// Reads everything up to the pixels. Refuses sides above `side_max`, pictures above
/// `pixel_count_max`, and headers that claim more pixels than the bytes can hold.
cpng_status cpng_reader_begin(
    cpng_reader *_Nonnull reader, uint32_t side_max, uint64_t pixel_count_max,
    uint32_t *_Nonnull width, uint32_t *_Nonnull height);

/// Reads the pixels as 8-bit RGB into `pixels` (`3 * width * height` bytes), whatever the file's
/// colour type, depth or interlacing; transparency is dropped. Reads to the end of the file.
cpng_status cpng_reader_pixels(cpng_reader *_Nonnull reader, uint8_t *_Nonnull pixels);

/// Number of text chunks seen so far.
size_t cpng_reader_text_count(const cpng_reader *_Nonnull reader);

/// The text chunk at an index below the count.
cpng_text cpng_reader_text(const cpng_reader *_Nonnull reader, size_t index);

/// libpng's message for the last failure; empty if there was none.
const char *_Nonnull cpng_reader_message(const cpng_reader *_Nonnull reader);

void cpng_reader_destroy(cpng_reader *_Nullable reader);

#endif
