// SPDX-License-Identifier: Apache-2.0
#if defined(__x86_64__)

#define RT_TARGET "avx512f,avx512bw,avx512dq,avx512vl,avx512bf16,avx2,fma,f16c"
#include "../vector/vector_avx512.h"

/// 6 x 4 accumulators, 4 vectors of queries and a broadcast fit into 32 registers.
enum { QUERY_VECTORS = 4, QUERY_BLOCK = QUERY_VECTORS * VL };
#define VARIANT(base) base##_avx512_bf16

#include "attention_words_bf16.h"
#include "attention_vector.h"

#pragma clang attribute pop

#endif
