// SPDX-License-Identifier: Apache-2.0
//
// rows_scalar.c on vectors; included once per instruction set, after its vector header.
#include <string.h>

#include "../vector/elements.h"
#include "rows.h"

RT_INLINE void convert_run(rt_element from, rt_element to, const void *source, void *target,
                           int64_t count) {
    RT_FOR_VECTORS(count, vf_put(target, to, i, n, vf_get(source, from, i, n)));
}

/// Equal elements are moved as bytes, so that a NaN keeps its payload.
static void copy_run(rt_element from, rt_element to, const void *source, void *target,
                     int64_t count) {
    if (from == to && from != RT_ELEMENT_F16) {
        memcpy(target, source, (size_t)(count * rt_byte_count(from)));
    } else if (from == RT_ELEMENT_F16) {
        if (to == RT_ELEMENT_F32)
            convert_run(RT_ELEMENT_F16, RT_ELEMENT_F32, source, target, count);
        else
            convert_run(RT_ELEMENT_F16, RT_ELEMENT_BF16, source, target, count);
    } else if (to == RT_ELEMENT_F32) {
        convert_run(RT_ELEMENT_BF16, RT_ELEMENT_F32, source, target, count);
    } else {
        convert_run(RT_ELEMENT_F32, RT_ELEMENT_BF16, source, target, count);
    }
}

void RT_NAME(rt_convert)(const void *arguments, int64_t begin, int64_t end) {
    const rt_convert *a = arguments;
    const char *source = (const char *)a->source + begin * rt_byte_count(a->source_element);
    char *target = (char *)a->target + begin * rt_byte_count(a->target_element);
    copy_run(a->source_element, a->target_element, source, target, end - begin);
}

void RT_NAME(rt_copy_rows)(const void *arguments, int64_t begin, int64_t end) {
    const rt_copy_rows *a = arguments;
    rt_runs runs = rt_runs_of(&a->source, &a->target, a->channels, end - begin);
    if (a->index) runs = (rt_runs){end - begin, a->channels};
    for (int64_t row = begin; row < begin + runs.count; row++) {
        const int64_t from = a->index ? a->index[row] : row;
        copy_run(a->source.element, a->target.element, rt_row(&a->source, from),
                 rt_target_row(&a->target, row), runs.length);
    }
}

RT_INLINE void add_run(rt_element from, rt_element to, const void *source, void *target,
                       int64_t count) {
    RT_FOR_VECTORS(count, vf_put(target, to, i, n,
                                 vf_get(target, to, i, n) + vf_get(source, from, i, n)));
}

void RT_NAME(rt_add_rows)(const void *arguments, int64_t begin, int64_t end) {
    const rt_add_rows *a = arguments;
    rt_runs runs = rt_runs_of(&a->source, &a->target, a->channels, end - begin);
    if (a->index) runs = (rt_runs){end - begin, a->channels};
    for (int64_t row = begin; row < begin + runs.count; row++) {
        const int64_t from = a->index ? a->index[row] : row;
        RT_BY_ELEMENTS(a->source.element, a->target.element, add_run, rt_row(&a->source, from),
                       rt_target_row(&a->target, row), runs.length);
    }
}

RT_INLINE void merge_group(rt_element element, const rt_merge_rows *a, const int32_t *members,
                           int64_t count, float weight, void *target) {
    const void *first = rt_row(&a->source, members[0]);
    RT_FOR_VECTORS(a->channels, {
        const vf own = vf_get(first, element, i, n);
        vf sum = vf_set(0.0f);
        for (int64_t m = 1; m < count; m++)
            sum += vf_get(rt_row(&a->source, members[m]), element, i, n) - own;
        vf_put(target, element, i, n, vf_fma(sum, vf_set(weight), own));
    });
}

void RT_NAME(rt_merge_rows)(const void *arguments, int64_t begin, int64_t end) {
    const rt_merge_rows *a = arguments;
    const rt_element element = a->source.element;
    for (int64_t row = begin; row < end; row++) {
        const int32_t *members = a->members + a->offsets[row];
        const int64_t count = a->offsets[row + 1] - a->offsets[row];
        const float weight = rt_merge_weight(a->first_share, count);
        void *target = rt_target_row(&a->target, row);
        if (weight == 0)
            copy_run(element, element, rt_row(&a->source, members[0]), target, a->channels);
        else if (element == RT_ELEMENT_F32)
            merge_group(RT_ELEMENT_F32, a, members, count, weight, target);
        else
            merge_group(RT_ELEMENT_BF16, a, members, count, weight, target);
    }
}

void RT_NAME(rt_resize_nearest)(const void *arguments, int64_t begin, int64_t end) {
    const rt_resize *a = arguments;
    for (int64_t line = begin; line < end; line++) {
        const int64_t item = line / a->target_height;
        const int64_t y =
            rt_nearest_index(line % a->target_height, a->source_height, a->target_height);
        const int64_t source_line = (item * a->source_height + y) * a->source_width;
        for (int64_t x = 0; x < a->target_width; x++) {
            const int64_t from = rt_nearest_index(x, a->source_width, a->target_width);
            copy_run(a->source.element, a->target.element, rt_row(&a->source, source_line + from),
                     rt_target_row(&a->target, line * a->target_width + x), a->channels);
        }
    }
}
