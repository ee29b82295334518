// SPDX-License-Identifier: Apache-2.0
//
// Attention: softmax(scale * Q * K^T) * V per batch item and head.
#ifndef RETOM_ATTENTION_H
#define RETOM_ATTENTION_H

#include "CKernels.h"

#define RT_ATTENTION_DECLARE(isa)                                                 \
    rt_attention_plan rt_attention_plan_##isa(const rt_attention *_Nonnull a);    \
    rt_kernel rt_attention_pack_##isa;                                            \
    rt_kernel rt_attention_run_##isa;

RT_ATTENTION_DECLARE(scalar)
RT_ATTENTION_DECLARE(avx2)
RT_ATTENTION_DECLARE(avx512)
/// Products of bf16 pairs; queries, keys and values must all be bf16.
RT_ATTENTION_DECLARE(avx512_bf16)
/// The same on tiles; `rt_amx_request` must have succeeded.
RT_ATTENTION_DECLARE(amx)

#endif
