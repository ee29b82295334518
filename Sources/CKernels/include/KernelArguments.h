// SPDX-License-Identifier: Apache-2.0
//
// The arguments of the kernels. Strides count values, not bytes; a row stride is at least the
// number of channels. Pointers need only the alignment of their element.
#ifndef RETOM_KERNEL_ARGUMENTS_H
#define RETOM_KERNEL_ARGUMENTS_H

#include <stdint.h>

/// How a value is stored.
typedef enum rt_element {
    /// IEEE 754 binary32
    RT_ELEMENT_F32 = 0,
    /// upper half of a binary32, rounded to nearest even, NaN kept
    RT_ELEMENT_BF16 = 1,
    /// IEEE 754 binary16; `rt_convert` only, and only as a source
    RT_ELEMENT_F16 = 2,
} rt_element;

/// Pointwise functions; see `Activation` in TensorKit.
typedef enum rt_activation {
    RT_ACTIVATION_NONE = 0,
    /// x / (1 + exp(-x))
    RT_ACTIVATION_SILU = 1,
    /// x * Phi(x), Phi the normal distribution: torch's default GELU
    RT_ACTIVATION_GELU = 2,
    /// x / (1 + exp(-1.702 x))
    RT_ACTIVATION_QUICK_GELU = 3,
    /// max(x, 0); NaN stays NaN
    RT_ACTIVATION_RELU = 4,
} rt_activation;

/// Input rows.
typedef struct rt_source {
    const void *_Nonnull data;
    int64_t row_stride;
    rt_element element;
} rt_source;

/// Output rows (also read by `add_rows`).
typedef struct rt_target {
    void *_Nonnull data;
    int64_t row_stride;
    rt_element element;
} rt_target;

/// Arguments of `convert`. Target: f32 or bf16.
typedef struct rt_convert {
    const void *_Nonnull source;
    rt_element source_element;
    void *_Nonnull target;
    rt_element target_element;
} rt_convert;

/// Arguments of `copy_rows`.
typedef struct rt_copy_rows {
    rt_source source;
    rt_target target;
    int64_t channels;
    /// Source row of every target row, or NULL for the same row.
    const int32_t *_Nullable index;
} rt_copy_rows;

/// Arguments of `add_rows`.
typedef struct rt_add_rows {
    rt_source source;
    rt_target target;
    int64_t channels;
    /// Source row of every target row, or NULL for the same row.
    const int32_t *_Nullable index;
} rt_add_rows;

/// Arguments of `merge_rows`: target row j is computed from the source rows `members[offsets[j]]`
/// up to
/// `members[offsets[j + 1] - 1]`, D and S_1 ... S_r. Source and target have the same element.
typedef struct rt_merge_rows {
    rt_source source;
    rt_target target;
    int64_t channels;
    const int32_t *_Nonnull members;
    /// One more than target rows; each row has at least one member.
    const int32_t *_Nonnull offsets;
    /// Share of D, 0 ... 1, if there are others; below 0 for 1 / (r + 1), the mean.
    float first_share;
} rt_merge_rows;

/// Arguments of `resize_nearest`. A line of the batch's target grids is batch item *
/// target_height + y.
typedef struct rt_resize {
    rt_source source;
    rt_target target;
    int64_t channels;
    int64_t source_height;
    int64_t source_width;
    int64_t target_height;
    int64_t target_width;
} rt_resize;

/// Arguments of `activate`. The target may be the source when elements and strides agree.
typedef struct rt_activate {
    rt_source source;
    rt_target target;
    int64_t channels;
    rt_activation activation;
} rt_activate;

/// Arguments of `geglu`.
typedef struct rt_geglu {
    /// `2 * channels` wide
    rt_source source;
    rt_target target;
    /// of the target
    int64_t channels;
} rt_geglu;

/// Arguments of `layer_norm`.
typedef struct rt_layer_norm {
    rt_source source;
    rt_target target;
    int64_t channels;
    const float *_Nonnull scale;
    const float *_Nonnull shift;
    float epsilon;
} rt_layer_norm;

/// Arguments of the three group norm kernels.
typedef struct rt_group_norm {
    rt_source source;
    rt_target target;
    /// Rows (pixels) of one batch item.
    int64_t rows_per_item;
    int64_t channels;
    /// Divides `channels`.
    int64_t group_count;
    /// Chunks of one batch item, and the rows of each but the last.
    int64_t chunk_count;
    int64_t rows_per_chunk;
    const float *_Nonnull scale;
    const float *_Nonnull shift;
    float epsilon;
    rt_activation activation;
    /// `[batch, chunk_count, 2, group_count]`: sums of values, sums of squares
    double *_Nonnull sums;
    /// `[batch, 2, channels]`: factors, offsets
    float *_Nonnull coefficients;
} rt_group_norm;

/// Arguments of the attention kernels. Heads are side by side in the channels.
typedef struct rt_attention {
    rt_source queries;
    rt_source keys;
    rt_source values;
    rt_target output;
    int64_t batch;
    int64_t head_count;
    int64_t head_dimension;
    int64_t query_count;
    int64_t key_count;
    /// Multiplies every score; greater than 0.
    float scale;
    /// Added to every score of a key before `scale`, `[key_count]`; NULL for nothing.
    const float *_Nullable key_bias;
    /// Not 0: query i attends only to keys 0...i.
    int32_t is_causal;
    /// `packed_byte_count` bytes on a 64-byte boundary, shared by all shares.
    void *_Nonnull packed;
    /// Number of shares of the queries, as equal as possible.
    int64_t share_count;
    /// `share_count * scratch_byte_count` bytes on a 64-byte boundary.
    void *_Nonnull scratch;
} rt_attention;

/// Arguments of `peak`.
typedef struct rt_peak {
    /// Element of the factors; sums are f32.
    rt_element element;
    /// Receives the sum, so that it is not optimised away.
    float *_Nonnull result;
    /// Receives the number of operations; a multiply-add counts as two.
    int64_t *_Nonnull operation_count;
} rt_peak;

/// Outputs computed together by Winograd's algorithm.
typedef enum rt_winograd_tile {
    /// F(2x2, 3x3): 16 products for 4 outputs.
    RT_WINOGRAD_2X2,
    /// F(4x4, 3x3): 36 products for 16 outputs, sums with three times the error.
    RT_WINOGRAD_4X4,
} rt_winograd_tile;

/// Arguments of `winograd_pack`: the filters of a convolution.
typedef struct rt_winograd_pack {
    rt_winograd_tile tile;
    /// `[3 * 3, input_channels, output_channels]`, contiguous
    const float *_Nonnull weights;
    int64_t input_channels;
    int64_t output_channels;
    /// Element of the inputs to be multiplied.
    rt_element element;
    /// `packed_byte_count` bytes on a 64-byte boundary.
    void *_Nonnull packed;
} rt_winograd_pack;

/// Arguments of `winograd_run`: output = activation(convolution + bias) + residual, or
/// activation(convolution + bias + residual), 3 x 3 pixels, stride 1, a column of zeros on either
/// side of each picture; rows are pixels.
typedef struct rt_winograd {
    rt_winograd_tile tile;
    /// `[batch, height + 2 - 2 * vertical_padding, width, input_channels]`
    rt_source input;
    /// `[batch, height, width, output_channels]`
    rt_target output;
    /// As packed by `winograd_pack` of the same kernels for the same tile and the input's element.
    const void *_Nonnull weights;
    /// `[output_channels]`
    const float *_Nonnull bias;
    /// Rows like the output's, possibly the same; NULL for none.
    const rt_source *_Nullable residual;
    rt_activation activation;
    /// Not 0: the activation follows the residual.
    int32_t activates_sum;
    int64_t batch;
    int64_t height;
    int64_t width;
    /// 1: a line of zeros above and below each picture; 0: the input has those lines.
    int64_t vertical_padding;
    /// f32 even if the input is bf16.
    int64_t input_channels;
    int64_t output_channels;
    /// Number of shares of the picture, as equal as possible.
    int64_t share_count;
    /// `share_count * scratch_byte_count` bytes on a 64-byte boundary.
    void *_Nonnull scratch;
} rt_winograd;

/// What `winograd_pack` and `winograd_run` need; a function of shapes, elements and shares.
typedef struct rt_winograd_plan {
    int64_t packed_byte_count;
    int64_t pack_unit_count;
    /// Scratch memory of one share, a multiple of 64.
    int64_t scratch_byte_count;
} rt_winograd_plan;

/// Arguments of `linear_int8_pack`: the weights of a fully connected layer.
typedef struct rt_linear_int8_pack {
    /// `[output_channels, input_channels]`, contiguous
    const float *_Nonnull weights;
    int64_t input_channels;
    int64_t output_channels;
    /// `packed_byte_count` bytes on a 64-byte boundary.
    void *_Nonnull packed;
} rt_linear_int8_pack;

/// Arguments of `linear_int8_round` and `linear_int8_run`: output = activation(input * weights^T +
/// bias) + residual, or activation(input * weights^T + bias + residual), on bytes.
typedef struct rt_linear_int8 {
    /// `[row_count, input_channels]`; only `linear_int8_round` reads it.
    rt_source input;
    /// `[row_count, output_channels]`
    rt_target output;
    /// As packed by `linear_int8_pack` of the same kernels.
    const void *_Nonnull weights;
    /// `[output_channels]`
    const float *_Nonnull bias;
    /// Rows like the output's, possibly the same; NULL for none.
    const rt_source *_Nullable residual;
    rt_activation activation;
    /// Not 0: the activation follows the residual.
    int32_t activates_sum;
    int64_t row_count;
    int64_t input_channels;
    int64_t output_channels;
    /// `rounded_byte_count` bytes on a 64-byte boundary: the input in bytes.
    void *_Nonnull rounded;
    /// Number of shares of the output, as equal as possible.
    int64_t share_count;
    /// `share_count * scratch_byte_count` bytes on a 64-byte boundary.
    void *_Nonnull scratch;
} rt_linear_int8;

/// What the kernels of `rt_linear_int8` need; a function of shapes.
typedef struct rt_linear_int8_plan {
    int64_t packed_byte_count;
    int64_t pack_unit_count;
    int64_t rounded_byte_count;
    /// Scratch memory of one share, a multiple of 64.
    int64_t scratch_byte_count;
} rt_linear_int8_plan;

/// What `attention_pack` and `attention_run` need; a function of shapes and elements.
typedef struct rt_attention_plan {
    int64_t packed_byte_count;
    /// Scratch memory of one share, a multiple of 64.
    int64_t scratch_byte_count;
    int64_t pack_unit_count;
    /// Blocks of queries: a larger number of shares has no effect.
    int64_t query_block_count;
} rt_attention_plan;

#endif
