// SPDX-License-Identifier: Apache-2.0
#include "COneDNN.h"

#include <stdlib.h>

#if DNNL_VERSION_MAJOR == 2

// A description is a struct owned by its user.
struct rt_dnnl_description {
    dnnl_memory_desc_t value;
};

static rt_dnnl_description_t copy_of(const dnnl_memory_desc_t *value) {
    rt_dnnl_description_t description = malloc(sizeof *description);
    if (description) description->value = *value;
    return description;
}

dnnl_status_t rt_dnnl_description_create(
    rt_dnnl_description_t *description, int count, const int64_t *dimensions,
    dnnl_data_type_t type, dnnl_format_tag_t tag) {
    dnnl_memory_desc_t value;
    dnnl_status_t status = dnnl_memory_desc_init_by_tag(&value, count, dimensions, type, tag);
    *description = status == dnnl_success ? copy_of(&value) : NULL;
    return status == dnnl_success && !*description ? dnnl_out_of_memory : status;
}

dnnl_status_t rt_dnnl_description_of(
    rt_dnnl_description_t *description, const_dnnl_primitive_desc_t plan, dnnl_query_t tensor,
    int index) {
    const dnnl_memory_desc_t *value = dnnl_primitive_desc_query_md(plan, tensor, index);
    // "No such tensor" is an empty description.
    dnnl_memory_desc_t none = {0};
    *description = copy_of(value ? value : &none);
    return *description ? dnnl_success : dnnl_out_of_memory;
}

void rt_dnnl_description_destroy(rt_dnnl_description_t description) { free(description); }

size_t rt_dnnl_description_byte_count(rt_dnnl_description_t description) {
    return dnnl_memory_desc_get_size(&description->value);
}

int rt_dnnl_description_equal(rt_dnnl_description_t left, rt_dnnl_description_t right) {
    return dnnl_memory_desc_equal(&left->value, &right->value);
}

dnnl_status_t rt_dnnl_memory_create(
    dnnl_memory_t *memory, rt_dnnl_description_t description, dnnl_engine_t engine,
    void *address) {
    return dnnl_memory_create(memory, &description->value, engine, address);
}

dnnl_status_t rt_dnnl_convolution_plan(
    dnnl_primitive_desc_t *plan, dnnl_engine_t engine, rt_dnnl_description_t source,
    rt_dnnl_description_t weights, rt_dnnl_description_t bias, rt_dnnl_description_t target,
    int64_t stride, int64_t vertical_padding, int64_t padding,
    const_dnnl_primitive_attr_t attributes) {
    const dnnl_dims_t strides = {stride, stride}, paddings = {vertical_padding, padding};
    dnnl_convolution_desc_t operation;
    dnnl_status_t status = dnnl_convolution_forward_desc_init(
        &operation, dnnl_forward_inference, dnnl_convolution_direct, &source->value,
        &weights->value, &bias->value, &target->value, strides, paddings, paddings);
    if (status != dnnl_success) return status;
    return dnnl_primitive_desc_create(plan, &operation, attributes, engine, NULL);
}

dnnl_status_t rt_dnnl_reorder_plan(
    dnnl_primitive_desc_t *plan, rt_dnnl_description_t source, rt_dnnl_description_t target,
    dnnl_engine_t engine) {
    return dnnl_reorder_primitive_desc_create(
        plan, &source->value, engine, &target->value, engine, NULL);
}

dnnl_status_t rt_dnnl_append_activation(
    dnnl_post_ops_t operations, dnnl_alg_kind_t algorithm, float alpha) {
    return dnnl_post_ops_append_eltwise(operations, 1, algorithm, alpha, 0);
}

dnnl_status_t rt_dnnl_append_sum(dnnl_post_ops_t operations) {
    return dnnl_post_ops_append_sum(operations, 1);
}

#else

// A description is a handle from the library.
static dnnl_memory_desc_t value_of(rt_dnnl_description_t description) {
    return (dnnl_memory_desc_t)description;
}

dnnl_status_t rt_dnnl_description_create(
    rt_dnnl_description_t *description, int count, const int64_t *dimensions,
    dnnl_data_type_t type, dnnl_format_tag_t tag) {
    dnnl_memory_desc_t value = NULL;
    dnnl_status_t status = dnnl_memory_desc_create_with_tag(&value, count, dimensions, type, tag);
    *description = (rt_dnnl_description_t)value;
    return status;
}

dnnl_status_t rt_dnnl_description_of(
    rt_dnnl_description_t *description, const_dnnl_primitive_desc_t plan, dnnl_query_t tensor,
    int index) {
    dnnl_memory_desc_t value = NULL;
    const_dnnl_memory_desc_t given = dnnl_primitive_desc_query_md(plan, tensor, index);
    // "No such tensor" is an empty description.
    dnnl_status_t status = given
        ? dnnl_memory_desc_clone(&value, given)
        : dnnl_memory_desc_create_with_tag(
              &value, 0, (const dnnl_dims_t){0}, dnnl_data_type_undef, dnnl_format_tag_undef);
    *description = (rt_dnnl_description_t)value;
    return status;
}

void rt_dnnl_description_destroy(rt_dnnl_description_t description) {
    if (description) dnnl_memory_desc_destroy(value_of(description));
}

size_t rt_dnnl_description_byte_count(rt_dnnl_description_t description) {
    return dnnl_memory_desc_get_size(value_of(description));
}

int rt_dnnl_description_equal(rt_dnnl_description_t left, rt_dnnl_description_t right) {
    return dnnl_memory_desc_equal(value_of(left), value_of(right));
}

dnnl_status_t rt_dnnl_memory_create(
    dnnl_memory_t *memory, rt_dnnl_description_t description, dnnl_engine_t engine,
    void *address) {
    return dnnl_memory_create(memory, value_of(description), engine, address);
}

dnnl_status_t rt_dnnl_convolution_plan(
    dnnl_primitive_desc_t *plan, dnnl_engine_t engine, rt_dnnl_description_t source,
    rt_dnnl_description_t weights, rt_dnnl_description_t bias, rt_dnnl_description_t target,
    int64_t stride, int64_t vertical_padding, int64_t padding,
    const_dnnl_primitive_attr_t attributes) {
    const dnnl_dims_t strides = {stride, stride}, paddings = {vertical_padding, padding};
    // Dilations count the pixels skipped between two kernel taps.
    const dnnl_dims_t dilations = {0, 0};
    return dnnl_convolution_forward_primitive_desc_create(
        plan, engine, dnnl_forward_inference, dnnl_convolution_direct, value_of(source),
        value_of(weights), value_of(bias), value_of(target), strides, dilations, paddings,
        paddings, attributes);
}

dnnl_status_t rt_dnnl_reorder_plan(
    dnnl_primitive_desc_t *plan, rt_dnnl_description_t source, rt_dnnl_description_t target,
    dnnl_engine_t engine) {
    return dnnl_reorder_primitive_desc_create(
        plan, value_of(source), engine, value_of(target), engine, NULL);
}

dnnl_status_t rt_dnnl_append_activation(
    dnnl_post_ops_t operations, dnnl_alg_kind_t algorithm, float alpha) {
    return dnnl_post_ops_append_eltwise(operations, algorithm, alpha, 0);
}

dnnl_status_t rt_dnnl_append_sum(dnnl_post_ops_t operations) {
    return dnnl_post_ops_append_sum(operations, 1, 0, dnnl_data_type_undef);
}

#endif
