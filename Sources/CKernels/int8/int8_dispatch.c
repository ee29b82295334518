// SPDX-License-Identifier: Apache-2.0
//
// The kernels for products of bytes of each instruction set.
#include "int8.h"

#define INT8(isa)                                   \
    .linear_plan = rt_linear_int8_plan_##isa,       \
    .linear_pack = rt_linear_int8_pack_##isa,       \
    .linear_round = rt_linear_int8_round_##isa,     \
    .linear_run = rt_linear_int8_run_##isa,         \
    .winograd_plan = rt_winograd_int8_plan_##isa,   \
    .winograd_pack = rt_winograd_int8_pack_##isa,   \
    .winograd_run = rt_winograd_int8_run_##isa,     \
    .attention_plan = rt_attention_int8_plan_##isa, \
    .attention_pack = rt_attention_int8_pack_##isa, \
    .attention_run = rt_attention_int8_run_##isa

static const rt_int8_kernels scalar_kernels = {
    .isa = RT_INT8_ISA_SCALAR, .name = "scalar", INT8(scalar)};

#if defined(__x86_64__)

static const rt_int8_kernels avx2_vnni_kernels = {
    .isa = RT_INT8_ISA_AVX2_VNNI, .name = "avx2_vnni", INT8(avx2_vnni)};
static const rt_int8_kernels avx512_vnni_kernels = {
    .isa = RT_INT8_ISA_AVX512_VNNI, .name = "avx512_vnni", INT8(avx512_vnni)};

const rt_int8_kernels *rt_int8_kernels_for(rt_int8_isa isa) {
    const rt_isa best = rt_isa_detect();
    __builtin_cpu_init();
    switch (isa) {
    case RT_INT8_ISA_SCALAR: return &scalar_kernels;
    case RT_INT8_ISA_AVX2_VNNI:
        return best >= RT_ISA_AVX2 && __builtin_cpu_supports("avxvnni") ? &avx2_vnni_kernels : 0;
    case RT_INT8_ISA_AVX512_VNNI:
        return best >= RT_ISA_AVX512 && __builtin_cpu_supports("avx512vnni")
                   ? &avx512_vnni_kernels
                   : 0;
    }
    return 0;
}

#else

const rt_int8_kernels *rt_int8_kernels_for(rt_int8_isa isa) {
    return isa == RT_INT8_ISA_SCALAR ? &scalar_kernels : 0;
}

#endif
