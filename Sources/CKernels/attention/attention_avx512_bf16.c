// SPDX-License-Identifier: Apache-2.0
#if defined(__x86_64__)

#define RT_HAS_BF16
#include "../vector/vector_avx512.h"

/// 6 x 4 accumulators, 4 vectors of queries and a broadcast fit into 32 registers.
enum { QUERY_VECTORS = 4, QUERY_BLOCK = QUERY_VECTORS * VL };

#include "attention_words_bf16.h"
#include "attention_vector.h"

#pragma clang attribute pop

#endif
