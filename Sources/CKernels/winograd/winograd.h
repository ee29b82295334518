// SPDX-License-Identifier: Apache-2.0
//
// Convolutions of 3 x 3 pixels by Winograd's minimal filtering.
#ifndef RETOM_WINOGRAD_H
#define RETOM_WINOGRAD_H

#include "CKernels.h"

#define RT_WINOGRAD_DECLARE(isa)                                               \
    rt_winograd_plan rt_winograd_plan_##isa(const rt_winograd *_Nonnull a);    \
    rt_kernel rt_winograd_pack_##isa;                                          \
    rt_kernel rt_winograd_run_##isa;

RT_WINOGRAD_DECLARE(scalar)
RT_WINOGRAD_DECLARE(avx2)
RT_WINOGRAD_DECLARE(avx512)
/// Products of bf16 pairs; the input must be bf16.
RT_WINOGRAD_DECLARE(avx512_bf16)

#endif
