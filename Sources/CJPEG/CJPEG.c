// SPDX-License-Identifier: Apache-2.0
#include "CJPEG.h"

#include <stdbool.h>  // defines: bool
#include <stdio.h>    // defines: FILE, which jpeglib.h needs
#include <setjmp.h>   // defines: setjmp
#include <stdlib.h>   // defines: calloc, free

#include <jpeglib.h>  // defines: jpeg_*
#include <jerror.h>   // defines: JWRN_JPEG_EOF, JERR_*

struct cjpeg_reader {
    struct jpeg_decompress_struct jpeg;
    struct jpeg_error_mgr errors;
    jmp_buf escape;
    const uint8_t *bytes;
    size_t length;
    bool truncated;
    bool out_of_memory;
    char message[JMSG_LENGTH_MAX];
};

static void failed(j_common_ptr jpeg) {
    cjpeg_reader *reader = jpeg->client_data;
    reader->out_of_memory = jpeg->err->msg_code == JERR_OUT_OF_MEMORY;
    jpeg->err->format_message(jpeg, reader->message);
    longjmp(reader->escape, 1);
}

// libjpeg warns of damaged data and fills in grey pixels: no picture to measure.
static void warned(j_common_ptr jpeg, int level) {
    if (level >= 0) return;
    cjpeg_reader *reader = jpeg->client_data;
    // Bytes between markers harm nothing.
    if (jpeg->err->msg_code == JWRN_EXTRANEOUS_DATA) return;
    reader->truncated = jpeg->err->msg_code == JWRN_JPEG_EOF;
    failed(jpeg);
}

static void say_nothing(j_common_ptr jpeg) { (void)jpeg; }

static cjpeg_status failure(const cjpeg_reader *reader) {
    if (reader->truncated) return CJPEG_TRUNCATED;
    return reader->out_of_memory ? CJPEG_OUT_OF_MEMORY : CJPEG_CORRUPT;
}

cjpeg_reader *cjpeg_reader_create(const uint8_t *bytes, size_t length) {
    cjpeg_reader *reader = calloc(1, sizeof *reader);
    if (!reader) return NULL;
    reader->bytes = bytes;
    reader->length = length;
    reader->jpeg.err = jpeg_std_error(&reader->errors);
    reader->errors.error_exit = failed;
    reader->errors.emit_message = warned;
    reader->errors.output_message = say_nothing;
    reader->jpeg.client_data = reader;
    if (setjmp(reader->escape)) {
        free(reader);
        return NULL;
    }
    jpeg_create_decompress(&reader->jpeg);
    return reader;
}

cjpeg_status cjpeg_reader_begin(
    cjpeg_reader *reader, uint32_t side_max, uint64_t pixel_count_max, uint32_t *width,
    uint32_t *height) {
    if (reader->length < 3 || reader->bytes[0] != 0xFF || reader->bytes[1] != 0xD8 ||
        reader->bytes[2] != 0xFF) {
        return CJPEG_NOT_JPEG;
    }
    if (setjmp(reader->escape)) return failure(reader);
    jpeg_mem_src(&reader->jpeg, reader->bytes, reader->length);
    jpeg_read_header(&reader->jpeg, TRUE);
    *width = reader->jpeg.image_width;
    *height = reader->jpeg.image_height;
    const uint64_t pixel_count = (uint64_t)*width * *height;
    if (*width > side_max || *height > side_max || pixel_count > pixel_count_max) {
        return CJPEG_TOO_LARGE;
    }
    return CJPEG_OK;
}

// Four inks, inverted as Adobe writes them, which Pillow assumes too: what light they leave.
static void rgb_of_inks(const uint8_t *inks, uint8_t *pixels, size_t count) {
    for (size_t i = 0; i < count; i++) {
        const unsigned black = inks[4 * i + 3];
        for (size_t c = 0; c < 3; c++) {
            const unsigned product = (255 - inks[4 * i + c]) * black + 128;
            const unsigned taken = ((product >> 8) + product) >> 8;
            pixels[3 * i + c] = taken < black ? (uint8_t)(black - taken) : 0;
        }
    }
}

cjpeg_status cjpeg_reader_pixels(cjpeg_reader *reader, uint8_t *pixels) {
    struct jpeg_decompress_struct *jpeg = &reader->jpeg;
    uint8_t *volatile inks = NULL;
    if (setjmp(reader->escape)) {
        free(inks);
        return failure(reader);
    }
    const bool has_inks = jpeg->num_components == 4;
    jpeg->out_color_space = has_inks ? JCS_CMYK : JCS_RGB;
    jpeg_start_decompress(jpeg);
    const size_t width = jpeg->output_width;
    if (has_inks) {
        inks = malloc(4 * width);
        if (!inks) return CJPEG_OUT_OF_MEMORY;
    }
    while (jpeg->output_scanline < jpeg->output_height) {
        uint8_t *target = pixels + 3 * width * jpeg->output_scanline;
        JSAMPROW row = has_inks ? inks : target;
        jpeg_read_scanlines(jpeg, &row, 1);
        if (has_inks) rgb_of_inks(inks, target, width);
    }
    jpeg_finish_decompress(jpeg);
    free(inks);
    return CJPEG_OK;
}

const char *cjpeg_reader_message(const cjpeg_reader *reader) { return reader->message; }

void cjpeg_reader_destroy(cjpeg_reader *reader) {
    if (!reader) return;
    jpeg_destroy_decompress(&reader->jpeg);
    free(reader);
}
