// SPDX-License-Identifier: Apache-2.0
//
// The reference: one query at a time, all its scores in memory, double precision.
#include "../scalar.h"
#include "attention.h"

#include <math.h>

rt_attention_plan rt_attention_plan_scalar(const rt_attention *a) {
    return (rt_attention_plan){
        .packed_byte_count = 0,
        .scratch_byte_count = (a->key_count + 7) / 8 * 64,
        .pack_unit_count = 0,
        .query_block_count = a->batch * a->head_count * a->query_count,
    };
}

void rt_attention_pack_scalar(const void *arguments, int64_t begin, int64_t end) {
    (void)arguments, (void)begin, (void)end;
}

/// exp(score - greatest score) of the keys visible to the query, and their sum.
static double weights_of_query(const rt_attention *a, int64_t query_row, int64_t key_row,
                               int64_t key_count, int64_t channel, double *weights) {
    double greatest = -HUGE_VAL, sum = 0;
    for (int64_t j = 0; j < key_count; j++) {
        double score = a->key_bias ? (double)a->key_bias[j] : 0;
        for (int64_t c = channel; c < channel + a->head_dimension; c++)
            score += (double)rt_at(&a->queries, query_row, c) *
                     (double)rt_at(&a->keys, key_row + j, c);
        weights[j] = score * (double)a->scale;
        if (weights[j] > greatest) greatest = weights[j];
    }
    for (int64_t j = 0; j < key_count; j++) {
        weights[j] = exp(weights[j] - greatest);
        sum += weights[j];
    }
    return sum;
}

static void attend(const rt_attention *a, int64_t unit, double *weights) {
    const int64_t query = unit % a->query_count;
    const int64_t head = unit / a->query_count % a->head_count;
    const int64_t item = unit / (a->query_count * a->head_count);
    const int64_t row = item * a->query_count + query;
    const int64_t first_key = item * a->key_count;
    const int64_t channel = head * a->head_dimension;
    const int64_t seen = a->is_causal && query + 1 < a->key_count ? query + 1 : a->key_count;
    const double sum = weights_of_query(a, row, first_key, seen, channel, weights);
    for (int64_t c = channel; c < channel + a->head_dimension; c++) {
        double value = 0;
        for (int64_t j = 0; j < seen; j++)
            value += weights[j] * (double)rt_at(&a->values, first_key + j, c);
        rt_set(&a->output, row, c, (float)(value / sum));
    }
}

void rt_attention_run_scalar(const void *arguments, int64_t begin, int64_t end) {
    const rt_attention *a = arguments;
    const rt_attention_plan plan = rt_attention_plan_scalar(a);
    for (int64_t share = begin; share < end; share++) {
        char *scratch = (char *)a->scratch + share * plan.scratch_byte_count;
        const int64_t last = plan.query_block_count * (share + 1) / a->share_count;
        for (int64_t i = plan.query_block_count * share / a->share_count; i < last; i++)
            attend(a, i, (double *)scratch);
    }
}
