// SPDX-License-Identifier: Apache-2.0
#ifndef RETOM_TILE_CONFIGURATION_H
#define RETOM_TILE_CONFIGURATION_H

#include <stdint.h>

/// The operand of LDTILECFG. Palette 1: eight tiles of at most 16 rows of 64 bytes.
typedef struct rt_tile_configuration {
    uint8_t palette;
    uint8_t start_row;
    uint8_t reserved[14];
    /// Bytes of a row, and rows; both zero for tiles that are not used.
    uint16_t row_bytes[16];
    uint8_t rows[16];
} rt_tile_configuration;

#endif
