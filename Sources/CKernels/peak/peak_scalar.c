// SPDX-License-Identifier: Apache-2.0
#include "peak.h"

enum { SUMS = 8 };

void rt_peak_scalar(const void *arguments, int64_t begin, int64_t end) {
    const rt_peak *a = arguments;
    volatile float factor = 1.0f;
    const float left = factor, right = factor;
    float sums[SUMS] = {0};
    for (int64_t round = begin; round < end; round++)
        for (int i = 0; i < SUMS; i++) sums[i] += left * right;
    float total = 0;
    for (int i = 0; i < SUMS; i++) total += sums[i];
    *a->result = total;
    *a->operation_count = (end - begin) * SUMS * 2;
}
