// SPDX-License-Identifier: Apache-2.0
//
// The kernels of each instruction set, and the instruction sets of each processor.
#include "CKernels.h"

#include "activations/activations.h"
#include "amx/amx.h"
#include "attention/attention.h"
#include "norms/norms.h"
#include "peak/peak.h"
#include "rows/rows.h"
#include "winograd/winograd.h"

#define ROWS(isa)                           \
    .convert = rt_convert_##isa,            \
    .copy_rows = rt_copy_rows_##isa,        \
    .add_rows = rt_add_rows_##isa,          \
    .merge_rows = rt_merge_rows_##isa,      \
    .resize_nearest = rt_resize_nearest_##isa

#define ACTIVATIONS_AND_NORMS(isa)                      \
    .activate = rt_activate_##isa,                      \
    .geglu = rt_geglu_##isa,                            \
    .layer_norm = rt_layer_norm_##isa,                  \
    .group_norm_sums = rt_group_norm_sums_##isa,        \
    .group_norm_combine = rt_group_norm_combine,        \
    .group_norm_apply = rt_group_norm_apply_##isa

#define ATTENTION(isa)                            \
    .attention_plan = rt_attention_plan_##isa,    \
    .attention_pack = rt_attention_pack_##isa,    \
    .attention_run = rt_attention_run_##isa

#define WINOGRAD(isa)                          \
    .winograd_plan = rt_winograd_plan_##isa,   \
    .winograd_pack = rt_winograd_pack_##isa,   \
    .winograd_run = rt_winograd_run_##isa

static const rt_kernels scalar_kernels = {
    .isa = RT_ISA_SCALAR,
    .name = "scalar",
    ROWS(scalar),
    ACTIVATIONS_AND_NORMS(scalar),
    ATTENTION(scalar),
    WINOGRAD(scalar),
    .peak = rt_peak_scalar,
};

#if defined(__x86_64__)

static int has_bf16_inputs(const rt_attention *a) {
    return a->queries.element == RT_ELEMENT_BF16 && a->keys.element == RT_ELEMENT_BF16 &&
           a->values.element == RT_ELEMENT_BF16;
}

/// Attention for inputs in bf16 by one set of kernels, for others by AVX-512's.
#define ATTENTION_BY_INPUTS(isa)                                                              \
    static rt_attention_plan plan_##isa##_or_avx512(const rt_attention *a) {                  \
        return has_bf16_inputs(a) ? rt_attention_plan_##isa(a) : rt_attention_plan_avx512(a); \
    }                                                                                         \
    static void pack_##isa##_or_avx512(const void *arguments, int64_t begin, int64_t end) {   \
        if (has_bf16_inputs(arguments)) rt_attention_pack_##isa(arguments, begin, end);       \
        else rt_attention_pack_avx512(arguments, begin, end);                                 \
    }                                                                                         \
    static void run_##isa##_or_avx512(const void *arguments, int64_t begin, int64_t end) {    \
        if (has_bf16_inputs(arguments)) rt_attention_run_##isa(arguments, begin, end);        \
        else rt_attention_run_avx512(arguments, begin, end);                                  \
    }

ATTENTION_BY_INPUTS(avx512_bf16)
ATTENTION_BY_INPUTS(amx)

/// Kernels for either tile from those for each.
#define WINOGRAD_TILES(isa)                                                                \
    static rt_winograd_plan rt_winograd_plan_##isa(const rt_winograd *a) {                 \
        return a->tile == RT_WINOGRAD_4X4 ? rt_winograd_plan_4x4_##isa(a)                  \
                                          : rt_winograd_plan_2x2_##isa(a);                 \
    }                                                                                      \
    static void rt_winograd_pack_##isa(const void *arguments, int64_t begin, int64_t end) { \
        const rt_winograd_pack *a = arguments;                                             \
        if (a->tile == RT_WINOGRAD_4X4) rt_winograd_pack_4x4_##isa(a, begin, end);         \
        else rt_winograd_pack_2x2_##isa(a, begin, end);                                    \
    }                                                                                      \
    static void rt_winograd_run_##isa(const void *arguments, int64_t begin, int64_t end) { \
        const rt_winograd *a = arguments;                                                  \
        if (a->tile == RT_WINOGRAD_4X4) rt_winograd_run_4x4_##isa(a, begin, end);          \
        else rt_winograd_run_2x2_##isa(a, begin, end);                                     \
    }

WINOGRAD_TILES(avx2)
WINOGRAD_TILES(avx512)
WINOGRAD_TILES(avx512_bf16)

static rt_winograd_plan winograd_plan_by_element(const rt_winograd *a) {
    return a->input.element == RT_ELEMENT_BF16 ? rt_winograd_plan_avx512_bf16(a)
                                               : rt_winograd_plan_avx512(a);
}

static void winograd_pack_by_element(const void *arguments, int64_t begin, int64_t end) {
    const rt_winograd_pack *a = arguments;
    if (a->element == RT_ELEMENT_BF16) rt_winograd_pack_avx512_bf16(a, begin, end);
    else rt_winograd_pack_avx512(a, begin, end);
}

static void winograd_run_by_element(const void *arguments, int64_t begin, int64_t end) {
    const rt_winograd *a = arguments;
    if (a->input.element == RT_ELEMENT_BF16) rt_winograd_run_avx512_bf16(a, begin, end);
    else rt_winograd_run_avx512(a, begin, end);
}

static void peak_avx512_bf16(const void *arguments, int64_t begin, int64_t end) {
    const rt_peak *a = arguments;
    if (a->element == RT_ELEMENT_BF16) rt_peak_avx512_bf16(a, begin, end);
    else rt_peak_avx512(a, begin, end);
}

static const rt_kernels avx2_kernels = {
    .isa = RT_ISA_AVX2,
    .name = "avx2",
    ROWS(avx2),
    ACTIVATIONS_AND_NORMS(avx2),
    ATTENTION(avx2),
    WINOGRAD(avx2),
    .peak = rt_peak_avx2,
};

static const rt_kernels avx512_kernels = {
    .isa = RT_ISA_AVX512,
    .name = "avx512",
    ROWS(avx512),
    ACTIVATIONS_AND_NORMS(avx512),
    ATTENTION(avx512),
    WINOGRAD(avx512),
    .peak = rt_peak_avx512,
};

/// What both sets for bf16 have; rows are exact on subnormals, which the instruction is not, and bound
/// by memory anyway.
#define BF16_KERNELS(attention)                          \
    ROWS(avx512),                                        \
    ACTIVATIONS_AND_NORMS(avx512_bf16),                  \
    .attention_plan = plan_##attention##_or_avx512,      \
    .attention_pack = pack_##attention##_or_avx512,      \
    .attention_run = run_##attention##_or_avx512,        \
    .winograd_plan = winograd_plan_by_element,           \
    .winograd_pack = winograd_pack_by_element,           \
    .winograd_run = winograd_run_by_element,             \
    .peak = peak_avx512_bf16

static const rt_kernels avx512_bf16_kernels = {
    .isa = RT_ISA_AVX512_BF16,
    .name = "avx512_bf16",
    BF16_KERNELS(avx512_bf16),
};

static const rt_kernels amx_bf16_kernels = {
    .isa = RT_ISA_AMX_BF16,
    .name = "amx_bf16",
    BF16_KERNELS(amx),
};

// __builtin_cpu_supports checks both the processor (cpuid) and whether the system saves the
// registers (xgetbv): compiler-rt and libgcc clear the AVX and AVX-512 bits if it does not.
rt_isa rt_isa_detect(void) {
    __builtin_cpu_init();
    const int avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
                     __builtin_cpu_supports("f16c");
    if (!avx2) return RT_ISA_SCALAR;
    const int avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                       __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
    if (!avx512) return RT_ISA_AVX2;
    return __builtin_cpu_supports("avx512bf16") ? RT_ISA_AVX512_BF16 : RT_ISA_AVX512;
}

const rt_kernels *rt_kernels_for(rt_isa isa) {
    const rt_isa best = rt_isa_detect();
    if (isa == RT_ISA_AMX_BF16)
        return best == RT_ISA_AVX512_BF16 && rt_amx_request() ? &amx_bf16_kernels : 0;
    if (isa > best) return 0;
    switch (isa) {
    case RT_ISA_SCALAR: return &scalar_kernels;
    case RT_ISA_AVX2: return &avx2_kernels;
    case RT_ISA_AVX512: return &avx512_kernels;
    case RT_ISA_AVX512_BF16: return &avx512_bf16_kernels;
    case RT_ISA_AMX_BF16: break;
    }
    return 0;
}

#else

rt_isa rt_isa_detect(void) { return RT_ISA_SCALAR; }

const rt_kernels *rt_kernels_for(rt_isa isa) { return isa == RT_ISA_SCALAR ? &scalar_kernels : 0; }

#endif
