// SPDX-License-Identifier: Apache-2.0
//
// libjpeg behind a C interface that Swift can call: libjpeg reports errors by a callback that may
// not return, so every function here leaves it by longjmp and returns a status.
//
// A reader is used by one thread at a time. After any status but CJPEG_OK it may only be destroyed
// or asked for its message.
#ifndef RETOM_CJPEG_H
#define RETOM_CJPEG_H

#include <stddef.h>  // defines: size_t
#include <stdint.h>  // defines: uint8_t, uint32_t, uint64_t

/// How a call ended.
typedef enum cjpeg_status {
    CJPEG_OK = 0,
    /// The bytes do not begin with a JPEG's marker.
    CJPEG_NOT_JPEG,
    /// The bytes end before the picture does.
    CJPEG_TRUNCATED,
    /// A marker or the entropy-coded data is malformed, or of a kind that libjpeg lacks.
    CJPEG_CORRUPT,
    /// The header asks for more pixels than the limits allow.
    CJPEG_TOO_LARGE,
    /// There is no memory for libjpeg's own state.
    CJPEG_OUT_OF_MEMORY,
} cjpeg_status;

typedef struct cjpeg_reader cjpeg_reader;

/// Creates a reader of bytes that must outlive it; returns NULL if memory is short.
cjpeg_reader *_Nullable cjpeg_reader_create(const uint8_t *_Nonnull bytes, size_t length);

/// Reads the header.
cjpeg_status cjpeg_reader_begin(
    cjpeg_reader *_Nonnull reader, uint32_t side_max, uint64_t pixel_count_max,
    uint32_t *_Nonnull width, uint32_t *_Nonnull height);

/// Decodes into `3 * width * height` bytes of RGB, as Pillow's `convert("RGB")` does.
cjpeg_status cjpeg_reader_pixels(cjpeg_reader *_Nonnull reader, uint8_t *_Nonnull pixels);

/// libjpeg's message for the last failure; empty if there was none.
const char *_Nonnull cjpeg_reader_message(const cjpeg_reader *_Nonnull reader);

void cjpeg_reader_destroy(cjpeg_reader *_Nullable reader);

#endif
