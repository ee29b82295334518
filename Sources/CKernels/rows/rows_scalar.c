// SPDX-License-Identifier: Apache-2.0
#include "../scalar.h"
#include "rows.h"

void rt_convert_scalar(const void *arguments, int64_t begin, int64_t end) {
    const rt_convert *a = arguments;
    for (int64_t i = begin; i < end; i++)
        rt_put(a->target, a->target_element, i, rt_get(a->source, a->source_element, i));
}

void rt_copy_rows_scalar(const void *arguments, int64_t begin, int64_t end) {
    const rt_copy_rows *a = arguments;
    for (int64_t row = begin; row < end; row++) {
        const int64_t from = a->index ? a->index[row] : row;
        for (int64_t c = 0; c < a->channels; c++)
            rt_set(&a->target, row, c, rt_at(&a->source, from, c));
    }
}

void rt_add_rows_scalar(const void *arguments, int64_t begin, int64_t end) {
    const rt_add_rows *a = arguments;
    const rt_target *target = &a->target;
    for (int64_t row = begin; row < end; row++)
        for (int64_t c = 0; c < a->channels; c++) {
            const float old =
                rt_get(target->data, target->element, row * target->row_stride + c);
            rt_set(target, row, c, old + rt_at(&a->source, a->index ? a->index[row] : row, c));
        }
}

void rt_merge_rows_scalar(const void *arguments, int64_t begin, int64_t end) {
    const rt_merge_rows *a = arguments;
    for (int64_t row = begin; row < end; row++) {
        const int32_t *members = a->members + a->offsets[row];
        const int64_t count = a->offsets[row + 1] - a->offsets[row];
        const float weight = rt_merge_weight(a->first_share, count);
        for (int64_t c = 0; c < a->channels; c++) {
            const float first = rt_at(&a->source, members[0], c);
            float sum = 0;
            for (int64_t m = 1; m < count; m++) sum += rt_at(&a->source, members[m], c) - first;
            // Pruned rows do not count, even if they are infinite.
            rt_set(&a->target, row, c, weight == 0 ? first : first + sum * weight);
        }
    }
}

void rt_resize_nearest_scalar(const void *arguments, int64_t begin, int64_t end) {
    const rt_resize *a = arguments;
    for (int64_t line = begin; line < end; line++) {
        const int64_t item = line / a->target_height;
        const int64_t y =
            rt_nearest_index(line % a->target_height, a->source_height, a->target_height);
        for (int64_t x = 0; x < a->target_width; x++) {
            const int64_t from = rt_nearest_index(x, a->source_width, a->target_width);
            const int64_t source_row = (item * a->source_height + y) * a->source_width + from;
            for (int64_t c = 0; c < a->channels; c++)
                rt_set(&a->target, line * a->target_width + x, c,
                       rt_at(&a->source, source_row, c));
        }
    }
}
