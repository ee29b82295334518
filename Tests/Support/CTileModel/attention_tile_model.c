// SPDX-License-Identifier: Apache-2.0
//
// The attention kernel for AMX, on the model of its tiles.
#include "CTileModel.h"

#if defined(__x86_64__)

#define RT_HAS_BF16
#define RT_HAS_AMX
#define RT_TILE_MODEL
#include "vector/vector_avx512.h"

#include "amx/tile_configuration.h"

#define tile_configure(configuration) rt_tile_model_configure(configuration)
#define tile_release() rt_tile_model_release()
#define tile_zero(target) rt_tile_model_zero(target)
#define tile_load(target, base, stride) rt_tile_model_load(target, base, stride)
#define tile_store(source, base, stride) rt_tile_model_store(source, base, stride)
#define tile_dot_bf16(sums, left, right) rt_tile_model_dot_bf16(sums, left, right)

rt_attention_plan rt_attention_plan_tile_model(const rt_attention *a);
rt_kernel rt_attention_pack_tile_model;
rt_kernel rt_attention_run_tile_model;

#include "tile/words_bf16.h"
#include "attention/attention_words_bf16.h"
#include "attention/attention_vector.h"

#pragma clang attribute pop

static int has_bf16_inputs(const rt_attention *a) {
    return a->queries.element == RT_ELEMENT_BF16 && a->keys.element == RT_ELEMENT_BF16 &&
           a->values.element == RT_ELEMENT_BF16;
}

static rt_attention_plan plan(const rt_attention *a) {
    return has_bf16_inputs(a) ? rt_attention_plan_tile_model(a)
                              : rt_kernels_for(RT_ISA_AVX512)->attention_plan(a);
}

static void pack(const void *arguments, int64_t begin, int64_t end) {
    if (has_bf16_inputs(arguments)) rt_attention_pack_tile_model(arguments, begin, end);
    else rt_kernels_for(RT_ISA_AVX512)->attention_pack(arguments, begin, end);
}

static void run(const void *arguments, int64_t begin, int64_t end) {
    if (has_bf16_inputs(arguments)) rt_attention_run_tile_model(arguments, begin, end);
    else rt_kernels_for(RT_ISA_AVX512)->attention_run(arguments, begin, end);
}

rt_kernels rt_tile_model_kernels(void) {
    rt_kernels kernels = *rt_kernels_for(RT_ISA_AVX512_BF16);
    kernels.isa = RT_ISA_AMX_BF16;
    kernels.name = "tile_model";
    kernels.attention_plan = plan;
    kernels.attention_pack = pack;
    kernels.attention_run = run;
    return kernels;
}

#else

rt_kernels rt_tile_model_kernels(void) { return *rt_kernels_for(RT_ISA_SCALAR); }

#endif
