// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <oneapi/dnnl/dnnl.h>        // dnnl_*
#include <oneapi/dnnl/dnnl_debug.h>  // dnnl_status2str
#include <stddef.h>
#include <stdint.h>

// One interface to oneDNN 2.6 and newer (Debian 12) and oneDNN 3 (Debian 13, Ubuntu 24.04).
//
// Of the functions that the backend calls, these differ: version 2 describes memory by structs,
// version 3 by handles, and version 3 creates a plan of an operation in one call. All other
// functions are called directly.
#if DNNL_VERSION_MAJOR != 3 && (DNNL_VERSION_MAJOR != 2 || DNNL_VERSION_MINOR < 6)
#error "retom needs oneDNN 2.6 to 3.x (libdnnl-dev of Debian 12, Ubuntu 24.04 or newer)"
#endif

// The layout of a piece of memory; immutable. NULL is no description.
typedef struct rt_dnnl_description *rt_dnnl_description_t;

// Describes `count` dimensions of a type, in the order given by the tag.
dnnl_status_t rt_dnnl_description_create(
    rt_dnnl_description_t *description, int count, const int64_t *dimensions,
    dnnl_data_type_t type, dnnl_format_tag_t tag);

// A copy of a plan's description of one of its tensors; empty if it has none.
dnnl_status_t rt_dnnl_description_of(
    rt_dnnl_description_t *description, const_dnnl_primitive_desc_t plan, dnnl_query_t tensor,
    int index);

void rt_dnnl_description_destroy(rt_dnnl_description_t description);

// Bytes of memory with this description, including padding.
size_t rt_dnnl_description_byte_count(rt_dnnl_description_t description);

// 1 for equal layouts, else 0.
int rt_dnnl_description_equal(rt_dnnl_description_t left, rt_dnnl_description_t right);

// A memory object; a NULL address means "no memory yet".
dnnl_status_t rt_dnnl_memory_create(
    dnnl_memory_t *memory, rt_dnnl_description_t description, dnnl_engine_t engine, void *address);

// A forward convolution by the direct algorithm, the same in both directions of the picture except
// for the padding: zero rows above and below, zero columns on either side.
dnnl_status_t rt_dnnl_convolution_plan(
    dnnl_primitive_desc_t *plan, dnnl_engine_t engine, rt_dnnl_description_t source,
    rt_dnnl_description_t weights, rt_dnnl_description_t bias, rt_dnnl_description_t target,
    int64_t stride, int64_t vertical_padding, int64_t padding,
    const_dnnl_primitive_attr_t attributes);

dnnl_status_t rt_dnnl_reorder_plan(
    dnnl_primitive_desc_t *plan, rt_dnnl_description_t source, rt_dnnl_description_t target,
    dnnl_engine_t engine);

// Appends an activation without a factor to an operation.
dnnl_status_t rt_dnnl_append_activation(
    dnnl_post_ops_t operations, dnnl_alg_kind_t algorithm, float alpha);

// Appends "add the previous output" to an operation.
dnnl_status_t rt_dnnl_append_sum(dnnl_post_ops_t operations);
