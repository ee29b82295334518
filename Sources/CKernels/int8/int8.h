// SPDX-License-Identifier: Apache-2.0
//
// Products of bytes: fully connected layers, Winograd's convolution and attention.
#ifndef RETOM_INT8_H
#define RETOM_INT8_H

#include "CKernels.h"

#define RT_INT8_DECLARE(isa)                                                                \
    rt_linear_int8_plan rt_linear_int8_plan_##isa(const rt_linear_int8 *_Nonnull a);        \
    rt_kernel rt_linear_int8_pack_##isa;                                                    \
    rt_kernel rt_linear_int8_round_##isa;                                                   \
    rt_kernel rt_linear_int8_run_##isa;                                                     \
    rt_winograd_plan rt_winograd_int8_plan_##isa(const rt_winograd *_Nonnull a);            \
    rt_kernel rt_winograd_int8_pack_##isa;                                                  \
    rt_kernel rt_winograd_int8_run_##isa;                                                   \
    rt_attention_plan rt_attention_int8_plan_##isa(const rt_attention *_Nonnull a);         \
    rt_kernel rt_attention_int8_pack_##isa;                                                 \
    rt_kernel rt_attention_int8_run_##isa;

RT_INT8_DECLARE(scalar)
RT_INT8_DECLARE(avx2_vnni)
RT_INT8_DECLARE(avx512_vnni)

#endif
