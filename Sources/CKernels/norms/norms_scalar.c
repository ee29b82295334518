// SPDX-License-Identifier: Apache-2.0
#include "../scalar.h"
#include "../activations/activations.h"
#include "norms.h"

#include <math.h>

void rt_layer_norm_scalar(const void *arguments, int64_t begin, int64_t end) {
    const rt_layer_norm *a = arguments;
    const double count = (double)a->channels;
    for (int64_t row = begin; row < end; row++) {
        double sum = 0, squares = 0;
        for (int64_t c = 0; c < a->channels; c++) sum += (double)rt_at(&a->source, row, c);
        const double mean = sum / count;
        for (int64_t c = 0; c < a->channels; c++) {
            const double deviation = (double)rt_at(&a->source, row, c) - mean;
            squares += deviation * deviation;
        }
        const double factor = 1.0 / sqrt(squares / count + (double)a->epsilon);
        for (int64_t c = 0; c < a->channels; c++) {
            const double normal = ((double)rt_at(&a->source, row, c) - mean) * factor;
            rt_set(&a->target, row, c,
                   (float)(normal * (double)a->scale[c] + (double)a->shift[c]));
        }
    }
}

void rt_group_norm_sums_scalar(const void *arguments, int64_t begin, int64_t end) {
    const rt_group_norm *a = arguments;
    const int64_t width = a->channels / a->group_count;
    for (int64_t unit = begin; unit < end; unit++) {
        const rt_chunk chunk = rt_group_norm_chunk(a, unit);
        for (int64_t group = 0; group < a->group_count; group++) {
            double sum = 0, squares = 0;
            for (int64_t i = 0; i < chunk.row_count; i++)
                for (int64_t c = group * width; c < (group + 1) * width; c++) {
                    const double value = (double)rt_at(&a->source, chunk.first_row + i, c);
                    sum += value;
                    squares += value * value;
                }
            chunk.sums[group] = sum;
            chunk.sums[a->group_count + group] = squares;
        }
    }
}

void rt_group_norm_combine(const void *arguments, int64_t begin, int64_t end) {
    const rt_group_norm *a = arguments;
    const int64_t width = a->channels / a->group_count;
    const double count = (double)(a->rows_per_item * width);
    for (int64_t item = begin; item < end; item++) {
        const double *sums = a->sums + item * a->chunk_count * 2 * a->group_count;
        float *factors = a->coefficients + item * 2 * a->channels;
        float *offsets = factors + a->channels;
        for (int64_t group = 0; group < a->group_count; group++) {
            double sum = 0, squares = 0;
            for (int64_t chunk = 0; chunk < a->chunk_count; chunk++) {
                sum += sums[chunk * 2 * a->group_count + group];
                squares += sums[(chunk * 2 + 1) * a->group_count + group];
            }
            const double mean = sum / count;
            // Rounding can push the variance of a constant map below zero; NaN stays NaN.
            const double difference = squares / count - mean * mean;
            const double variance = difference < 0 ? 0 : difference;
            const double factor = 1.0 / sqrt(variance + (double)a->epsilon);
            for (int64_t c = group * width; c < (group + 1) * width; c++) {
                factors[c] = (float)((double)a->scale[c] * factor);
                offsets[c] = (float)((double)a->shift[c] - mean * (double)a->scale[c] * factor);
            }
        }
    }
}

void rt_group_norm_apply_scalar(const void *arguments, int64_t begin, int64_t end) {
    const rt_group_norm *a = arguments;
    for (int64_t row = begin; row < end; row++) {
        const float *factors = a->coefficients + row / a->rows_per_item * 2 * a->channels;
        const float *offsets = factors + a->channels;
        for (int64_t c = 0; c < a->channels; c++) {
            const float value = fmaf(rt_at(&a->source, row, c), factors[c], offsets[c]);
            rt_set(&a->target, row, c, rt_activation_scalar(value, a->activation));
        }
    }
}
