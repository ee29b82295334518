// SPDX-License-Identifier: Apache-2.0
//
// Convolutions of 3 x 3 pixels by Winograd's minimal filtering.
#ifndef RETOM_WINOGRAD_H
#define RETOM_WINOGRAD_H

#include "CKernels.h"

#define RT_WINOGRAD_DECLARE(variant)                                           \
    rt_winograd_plan rt_winograd_plan_##variant(const rt_winograd *_Nonnull a); \
    rt_kernel rt_winograd_pack_##variant;                                      \
    rt_kernel rt_winograd_run_##variant;

/// Any tile.
RT_WINOGRAD_DECLARE(scalar)
RT_WINOGRAD_DECLARE(2x2_avx2)
RT_WINOGRAD_DECLARE(4x4_avx2)
RT_WINOGRAD_DECLARE(2x2_avx512)
RT_WINOGRAD_DECLARE(4x4_avx512)
/// Products of bf16 pairs; the input must be bf16.
RT_WINOGRAD_DECLARE(2x2_avx512_bf16)
RT_WINOGRAD_DECLARE(4x4_avx512_bf16)

#endif
