// SPDX-License-Identifier: Apache-2.0
//
// AMX's tile instructions. Registers are numbers, known to the compiler; strides are in bytes.
// Tests compile the same kernels against a model of them (Tests/Support/CTileModel).
#ifndef RETOM_TILES_H
#define RETOM_TILES_H

#include <immintrin.h>

#include "tile_configuration.h"

/// Loads a configuration, and zeros all tiles.
#define tile_configure(configuration) _tile_loadconfig(configuration)
/// Back to no tiles, so that the system does not save them.
#define tile_release() _tile_release()
#define tile_zero(target) _tile_zero(target)
#define tile_load(target, base, stride) _tile_loadd(target, base, stride)
#define tile_store(source, base, stride) _tile_stored(source, base, stride)
/// sums += left * right: rows of `left` are pairs of bf16, one pair per row of `right`.
#define tile_dot_bf16(sums, left, right) _tile_dpbf16ps(sums, left, right)

#endif
