// SPDX-License-Identifier: Apache-2.0
#include "CPNG.h"

#include <png.h>     // defines: png_*
#include <setjmp.h>  // defines: setjmp
#include <stdlib.h>  // defines: calloc, free
#include <string.h>  // defines: memcpy, strncpy

enum { MESSAGE_BYTE_COUNT_MAX = 160 };

// Text chunks are prompts: far below this, and a file must not make us allocate more.
enum { CHUNK_BYTE_COUNT_MAX = 8 * 1024 * 1024, CHUNK_COUNT_MAX = 1000 };

// Deflate spends at least one bit on 258 equal bytes, plus headers: no stream expands further.
enum { DEFLATE_EXPANSION_MAX = 1032 };

struct cpng_writer {
    png_structp png;
    png_infop info;
    cpng_sink sink;
    void *context;
    size_t row_byte_count;
    bool sink_failed;
    char message[MESSAGE_BYTE_COUNT_MAX];
};

struct cpng_reader {
    png_structp png;
    png_infop info;
    const uint8_t *bytes;
    size_t length;
    size_t position;
    bool truncated;
    png_textp texts;
    int text_count;
    char message[MESSAGE_BYTE_COUNT_MAX];
};

static void keep_message(char *message, const char *text) {
    strncpy(message, text, MESSAGE_BYTE_COUNT_MAX - 1);
}

static void ignore_warning(png_structp png, png_const_charp text) {
    (void)png;
    (void)text;
}

// Writing ----------------------------------------------------------------------------------

static void writer_failed(png_structp png, png_const_charp text) {
    cpng_writer *writer = png_get_error_ptr(png);
    keep_message(writer->message, text);
    png_longjmp(png, 1);
}

static void write_bytes(png_structp png, png_bytep bytes, size_t length) {
    cpng_writer *writer = png_get_io_ptr(png);
    if (writer->sink(writer->context, bytes, length)) return;
    writer->sink_failed = true;
    png_error(png, "the sink refused bytes");
}

static void flush_nothing(png_structp png) { (void)png; }

static cpng_status writer_status(const cpng_writer *writer) {
    return writer->sink_failed ? CPNG_SINK_FAILED : CPNG_CORRUPT;
}

cpng_writer *cpng_writer_create(cpng_sink sink, void *context) {
    cpng_writer *writer = calloc(1, sizeof *writer);
    if (!writer) return NULL;
    writer->sink = sink;
    writer->context = context;
    writer->png =
        png_create_write_struct(PNG_LIBPNG_VER_STRING, writer, writer_failed, ignore_warning);
    if (writer->png) writer->info = png_create_info_struct(writer->png);
    if (!writer->info) {
        cpng_writer_destroy(writer);
        return NULL;
    }
    png_set_write_fn(writer->png, writer, write_bytes, flush_nothing);
    return writer;
}

cpng_status cpng_writer_begin(cpng_writer *writer, uint32_t width, uint32_t height, int level) {
    if (setjmp(png_jmpbuf(writer->png))) return writer_status(writer);
    writer->row_byte_count = 3 * (size_t)width;
    png_set_compression_level(writer->png, level);
    png_set_IHDR(
        writer->png, writer->info, width, height, 8, PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE,
        PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    png_write_info(writer->png, writer->info);
    return CPNG_OK;
}

cpng_status cpng_writer_chunk(
    cpng_writer *writer, const char *name, const uint8_t *bytes, size_t length) {
    if (setjmp(png_jmpbuf(writer->png))) return writer_status(writer);
    png_write_chunk(writer->png, (png_const_bytep)name, bytes, length);
    return CPNG_OK;
}

cpng_status cpng_writer_rows(cpng_writer *writer, const uint8_t *rows, size_t row_count) {
    if (setjmp(png_jmpbuf(writer->png))) return writer_status(writer);
    for (size_t row = 0; row < row_count; row++) {
        png_write_row(writer->png, rows + row * writer->row_byte_count);
    }
    return CPNG_OK;
}

cpng_status cpng_writer_finish(cpng_writer *writer) {
    if (setjmp(png_jmpbuf(writer->png))) return writer_status(writer);
    png_write_end(writer->png, NULL);
    return CPNG_OK;
}

const char *cpng_writer_message(const cpng_writer *writer) { return writer->message; }

void cpng_writer_destroy(cpng_writer *writer) {
    if (!writer) return;
    png_destroy_write_struct(&writer->png, &writer->info);
    free(writer);
}

// Reading ----------------------------------------------------------------------------------

static void reader_failed(png_structp png, png_const_charp text) {
    cpng_reader *reader = png_get_error_ptr(png);
    keep_message(reader->message, text);
    png_longjmp(png, 1);
}

static void read_bytes(png_structp png, png_bytep bytes, size_t length) {
    cpng_reader *reader = png_get_io_ptr(png);
    if (length > reader->length - reader->position) {
        reader->truncated = true;
        png_error(png, "the bytes end early");
    }
    memcpy(bytes, reader->bytes + reader->position, length);
    reader->position += length;
}

static cpng_status reader_status(const cpng_reader *reader) {
    return reader->truncated ? CPNG_TRUNCATED : CPNG_CORRUPT;
}

cpng_reader *cpng_reader_create(const uint8_t *bytes, size_t length) {
    cpng_reader *reader = calloc(1, sizeof *reader);
    if (!reader) return NULL;
    reader->bytes = bytes;
    reader->length = length;
    reader->png =
        png_create_read_struct(PNG_LIBPNG_VER_STRING, reader, reader_failed, ignore_warning);
    if (reader->png) reader->info = png_create_info_struct(reader->png);
    if (!reader->info) {
        cpng_reader_destroy(reader);
        return NULL;
    }
    png_set_read_fn(reader->png, reader, read_bytes);
    return reader;
}

static uint32_t big_endian(const uint8_t *bytes) {
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

// Checks that the header is plausible before libpng allocates a row based on it.
static cpng_status check_header(
    const cpng_reader *reader, uint32_t side_max, uint64_t pixel_count_max, uint32_t *width,
    uint32_t *height) {
    enum { SIGNATURE = 8, HEADER_END = 33 };
    size_t signature_length = reader->length < SIGNATURE ? reader->length : SIGNATURE;
    if (reader->length == 0 || png_sig_cmp(reader->bytes, 0, signature_length)) return CPNG_NOT_PNG;
    if (reader->length < HEADER_END) return CPNG_TRUNCATED;
    if (memcmp(reader->bytes + 12, "IHDR", 4)) return CPNG_CORRUPT;
    *width = big_endian(reader->bytes + 16);
    *height = big_endian(reader->bytes + 20);
    if (*width == 0 || *height == 0) return CPNG_CORRUPT;
    if (*width > side_max || *height > side_max) return CPNG_TOO_LARGE;
    if ((uint64_t)*width * *height > pixel_count_max) return CPNG_TOO_LARGE;
    // At one bit per pixel, the smallest depth.
    uint64_t byte_count_min = ((uint64_t)*width + 7) / 8 * *height;
    if (byte_count_min / DEFLATE_EXPANSION_MAX > reader->length) return CPNG_TRUNCATED;
    return CPNG_OK;
}

cpng_status cpng_reader_begin(
    cpng_reader *reader, uint32_t side_max, uint64_t pixel_count_max, uint32_t *width,
    uint32_t *height) {
    cpng_status status = check_header(reader, side_max, pixel_count_max, width, height);
    if (status != CPNG_OK) return status;
    if (setjmp(png_jmpbuf(reader->png))) return reader_status(reader);
    png_set_user_limits(reader->png, side_max, side_max);
    png_set_chunk_malloc_max(reader->png, CHUNK_BYTE_COUNT_MAX);
    png_set_chunk_cache_max(reader->png, CHUNK_COUNT_MAX);
    png_set_crc_action(reader->png, PNG_CRC_ERROR_QUIT, PNG_CRC_ERROR_QUIT);
    png_read_info(reader->png, reader->info);
    uint64_t row_byte_count = png_get_rowbytes(reader->png, reader->info);
    if (row_byte_count * *height / DEFLATE_EXPANSION_MAX > reader->length) return CPNG_TRUNCATED;
    // Grey and palette become RGB, 16 bits become 8, alpha is dropped.
    png_set_expand(reader->png);
    png_set_scale_16(reader->png);
    png_set_gray_to_rgb(reader->png);
    png_set_strip_alpha(reader->png);
    return CPNG_OK;
}

cpng_status cpng_reader_pixels(cpng_reader *reader, uint8_t *pixels) {
    if (setjmp(png_jmpbuf(reader->png))) return reader_status(reader);
    int pass_count = png_set_interlace_handling(reader->png);
    png_read_update_info(reader->png, reader->info);
    uint32_t width = png_get_image_width(reader->png, reader->info);
    uint32_t height = png_get_image_height(reader->png, reader->info);
    size_t row_byte_count = 3 * (size_t)width;
    if (png_get_rowbytes(reader->png, reader->info) != row_byte_count) {
        png_error(reader->png, "a colour type that does not become RGB");
    }
    for (int pass = 0; pass < pass_count; pass++) {
        for (uint32_t row = 0; row < height; row++) {
            png_read_row(reader->png, pixels + row * row_byte_count, NULL);
        }
    }
    png_read_end(reader->png, reader->info);
    png_get_text(reader->png, reader->info, &reader->texts, &reader->text_count);
    return CPNG_OK;
}

size_t cpng_reader_text_count(const cpng_reader *reader) { return (size_t)reader->text_count; }

cpng_text cpng_reader_text(const cpng_reader *reader, size_t index) {
    const png_text *text = &reader->texts[index];
    bool is_utf8 = text->compression >= PNG_ITXT_COMPRESSION_NONE;
    cpng_text result = {
        .keyword = text->key,
        .bytes = (const uint8_t *)text->text,
        .length = is_utf8 ? text->itxt_length : text->text_length,
        .is_utf8 = is_utf8,
    };
    return result;
}

const char *cpng_reader_message(const cpng_reader *reader) { return reader->message; }

void cpng_reader_destroy(cpng_reader *reader) {
    if (!reader) return;
    png_destroy_read_struct(&reader->png, &reader->info, NULL);
    free(reader);
}
