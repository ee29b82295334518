// SPDX-License-Identifier: Apache-2.0
//
// A model of AMX's tiles in plain C, after Intel's manual (SDM, volume 2: LDTILECFG, TILELOADD,
// TILESTORED, TILEZERO, TILERELEASE, TDPBF16PS), and the attention kernel compiled against it.
//
// What would fault on a processor, or read and write rows that overlap, is not done but noted: see
// `rt_tile_model_problem`. Each thread has tiles of its own.
#ifndef RETOM_CTILEMODEL_H
#define RETOM_CTILEMODEL_H

#include <stdint.h>

#include "CKernels.h"

/// Loads a configuration of 64 bytes, and zeros all tiles; palette 0 releases them.
void rt_tile_model_configure(const void *_Nonnull configuration);
void rt_tile_model_release(void);
void rt_tile_model_zero(int target);
/// Rows are `stride` bytes apart.
void rt_tile_model_load(int target, const void *_Nonnull base, int64_t stride);
void rt_tile_model_store(int source, void *_Nonnull base, int64_t stride);
/// sums += left * right
void rt_tile_model_dot_bf16(int sums, int left, int right);

/// The first thing that went wrong on this thread since the last call; NULL if nothing did.
const char *_Nullable rt_tile_model_problem(void);
/// Operations on this thread since the last call.
int64_t rt_tile_model_operation_count(void);

/// The kernels of `RT_ISA_AMX_BF16` on the model. The rest of them needs RT_ISA_AVX512_BF16: call it
/// only where that exists.
rt_kernels rt_tile_model_kernels(void);

#endif
