// SPDX-License-Identifier: Apache-2.0
//
// Vectors of 16 floats on AVX-512 (F, BW, DQ, VL). Same names as vector_avx2.h; kernels are written
// once on top of either. Include this first: it turns the instruction set on for the whole file.
// With RT_HAS_BF16 defined, AVX512-BF16 too, with RT_HAS_AMX AMX-BF16 besides; with RT_HAS_VNNI,
// AVX512-VNNI. A kernel compiled against a model of AMX's tiles defines RT_TILE_MODEL, too.
#ifndef RETOM_VECTOR_AVX512_H
#define RETOM_VECTOR_AVX512_H

#include <immintrin.h>
#include <stdint.h>

#define RT_INLINE static inline __attribute__((always_inline, unused))

#ifdef RT_TILE_MODEL
#define RT_NAME(base) base##_tile_model
#define RT_TARGET "avx512f,avx512bw,avx512dq,avx512vl,avx512bf16,avx2,fma,f16c"
#elif defined(RT_HAS_AMX)
#define RT_NAME(base) base##_amx
#define RT_TARGET                                                                             \
    "amx-tile,amx-bf16,avx512f,avx512bw,avx512dq,avx512vl,avx512bf16,avx2,fma,f16c"
#elif defined(RT_HAS_BF16)
#define RT_NAME(base) base##_avx512_bf16
#define RT_TARGET "avx512f,avx512bw,avx512dq,avx512vl,avx512bf16,avx2,fma,f16c"
#elif defined(RT_HAS_VNNI)
#define RT_NAME(base) base##_avx512_vnni
#define RT_TARGET "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c"
#else
#define RT_NAME(base) base##_avx512
#define RT_TARGET "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,f16c"
#endif
#pragma clang attribute push(__attribute__((target(RT_TARGET))), apply_to = function)

/// Lanes of a vector.
enum { VL = 16 };
typedef __m512 vf;
typedef __m512i vi;

RT_INLINE __mmask16 vf_mask(int64_t n) { return (__mmask16)((1u << n) - 1u); }

RT_INLINE vf vf_set(float value) { return _mm512_set1_ps(value); }
RT_INLINE vf vf_load(const float *p) { return _mm512_loadu_ps(p); }
/// The first n lanes; zero in the others.
RT_INLINE vf vf_load_n(const float *p, int64_t n) { return _mm512_maskz_loadu_ps(vf_mask(n), p); }
RT_INLINE void vf_store(float *p, vf v) { _mm512_storeu_ps(p, v); }
RT_INLINE void vf_store_n(float *p, vf v, int64_t n) { _mm512_mask_storeu_ps(p, vf_mask(n), v); }

RT_INLINE vf vf_from_bf16(__m256i bits) {
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(bits), 16));
}
RT_INLINE vf vf_load_bf16(const uint16_t *p) {
    return vf_from_bf16(_mm256_loadu_si256((const __m256i *)p));
}
RT_INLINE vf vf_load_bf16_n(const uint16_t *p, int64_t n) {
    return vf_from_bf16(_mm256_maskz_loadu_epi16(vf_mask(n), p));
}
#ifdef RT_HAS_BF16
/// Rounds to nearest even; a NaN stays one and becomes quiet; subnormals become zero.
RT_INLINE __m256i vf_to_bf16(vf v) { return (__m256i)_mm512_cvtneps_pbh(v); }
#else
/// Rounds to nearest even; a NaN stays one and becomes quiet.
RT_INLINE __m256i vf_to_bf16(vf v) {
    const __m512i bits = _mm512_castps_si512(v);
    const __m512i odd = _mm512_and_si512(_mm512_srli_epi32(bits, 16), _mm512_set1_epi32(1));
    const __m512i bias = _mm512_add_epi32(odd, _mm512_set1_epi32(0x7fff));
    const __m512i rounded = _mm512_add_epi32(bits, bias);
    const __m512i quiet = _mm512_or_si512(bits, _mm512_set1_epi32(0x400000));
    const __mmask16 is_nan = _mm512_cmp_ps_mask(v, v, _CMP_UNORD_Q);
    const __m512i chosen = _mm512_mask_mov_epi32(rounded, is_nan, quiet);
    return _mm512_cvtepi32_epi16(_mm512_srli_epi32(chosen, 16));
}
#endif
RT_INLINE void vf_store_bf16(uint16_t *p, vf v) {
    _mm256_storeu_si256((__m256i *)p, vf_to_bf16(v));
}
RT_INLINE void vf_store_bf16_n(uint16_t *p, vf v, int64_t n) {
    _mm256_mask_storeu_epi16(p, vf_mask(n), vf_to_bf16(v));
}
RT_INLINE vf vf_load_f16(const uint16_t *p) {
    return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)p));
}
RT_INLINE vf vf_load_f16_n(const uint16_t *p, int64_t n) {
    return _mm512_cvtph_ps(_mm256_maskz_loadu_epi16(vf_mask(n), p));
}

/// a * b + c, rounded once.
RT_INLINE vf vf_fma(vf a, vf b, vf c) { return _mm512_fmadd_ps(a, b, c); }
/// c - a * b, rounded once.
RT_INLINE vf vf_fnma(vf a, vf b, vf c) { return _mm512_fnmadd_ps(a, b, c); }
/// The greater of the two; b where either is NaN.
RT_INLINE vf vf_max(vf a, vf b) { return _mm512_max_ps(a, b); }
/// The lesser of the two; b where either is NaN.
RT_INLINE vf vf_min(vf a, vf b) { return _mm512_min_ps(a, b); }
RT_INLINE vf vf_abs(vf v) { return _mm512_abs_ps(v); }
RT_INLINE float vf_sum(vf v) { return _mm512_reduce_add_ps(v); }
RT_INLINE vf vf_round(vf v) {
    return _mm512_roundscale_ps(v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
/// v * 2^n for whole n, with gradual underflow and overflow.
RT_INLINE vf vf_scale_by_power(vf v, vf n) { return _mm512_scalef_ps(v, n); }
/// Zero in the lanes from n on.
RT_INLINE vf vf_keep(vf v, int64_t n) { return _mm512_maskz_mov_ps(vf_mask(n), v); }

/// t = floor(t) + fraction; returns the fraction and leaves t. NaN gives NaN.
RT_INLINE vf vf_fraction(vf t) {
    return _mm512_reduce_ps(t, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC);
}
/// v * 2^floor(t) for t <= 1 and v in [1, 512]; 0 where that underflows.
RT_INLINE vf vf_scale_by_floor(vf v, vf t) { return _mm512_scalef_ps(v, t); }
/// v where key <= the lane's limit, else minus infinity.
RT_INLINE vf vf_mask_keys(vf v, vi limits, int64_t key) {
    const __mmask16 seen = _mm512_cmpge_epi32_mask(limits, _mm512_set1_epi32((int32_t)key));
    return _mm512_mask_mov_ps(vf_set(-__builtin_inff()), seen, v);
}
/// start, start + 1, ...
RT_INLINE vi vi_count_up(int64_t start) {
    const __m512i steps =
        _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
    return _mm512_add_epi32(_mm512_set1_epi32((int32_t)start), steps);
}

RT_INLINE vi vi_set(int32_t value) { return _mm512_set1_epi32(value); }
RT_INLINE vi vi_add(vi a, vi b) { return _mm512_add_epi32(a, b); }
RT_INLINE vi vi_and(vi a, vi b) { return _mm512_and_si512(a, b); }
RT_INLINE vi vi_or(vi a, vi b) { return _mm512_or_si512(a, b); }
RT_INLINE vi vi_xor(vi a, vi b) { return _mm512_xor_si512(a, b); }
RT_INLINE vi vi_max(vi a, vi b) { return _mm512_max_epi32(a, b); }
RT_INLINE int32_t vi_sum(vi v) { return _mm512_reduce_add_epi32(v); }
RT_INLINE int32_t vi_greatest(vi v) { return _mm512_reduce_max_epi32(v); }
/// The bits of |v|: as integers they are in the order of the values, NaN last.
RT_INLINE vi vi_magnitude_bits(vf v) { return _mm512_castps_si512(vf_abs(v)); }
/// v * 2^bits
RT_INLINE vi vi_shift(vi v, int bits) { return _mm512_slli_epi32(v, (unsigned)bits); }
/// Rounds to the nearest integer, halves to the even one.
RT_INLINE vi vi_round(vf v) { return _mm512_cvtps_epi32(v); }
RT_INLINE vf vf_from_integers(vi v) { return _mm512_cvtepi32_ps(v); }
/// The same bits.
RT_INLINE vi vi_bits(vf v) { return _mm512_castps_si512(v); }
RT_INLINE vf vf_bits(vi v) { return _mm512_castsi512_ps(v); }
#ifdef RT_HAS_VNNI
/// sums + products of unsigned and signed bytes, four to a lane.
RT_INLINE vi vi_dot_bytes(vi sums, vi bytes, vi signed_bytes) {
    return _mm512_dpbusd_epi32(sums, bytes, signed_bytes);
}
#endif
/// Each lane's values as its four bytes, the first one lowest; values of 0 ... 32,767, which saturate to 255.
RT_INLINE vi vi_pack_bytes(vi first, vi second, vi third, vi fourth) {
    const vi low = _mm512_packus_epi32(first, second);
    const vi high = _mm512_packus_epi32(third, fourth);
    const __m128i order = _mm_setr_epi8(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
    return _mm512_shuffle_epi8(_mm512_packus_epi16(low, high), _mm512_broadcast_i32x4(order));
}
/// Stores the lowest byte of the first n lanes.
RT_INLINE void vi_store_bytes_n(int8_t *p, vi v, int64_t n) {
    const __m128i bytes = _mm512_cvtepi32_epi8(v);
    if (n == VL) _mm_storeu_si128((__m128i *)p, bytes);
    else _mm_mask_storeu_epi8(p, vf_mask(n), bytes);
}

/// Transposes a VL x VL block held as VL rows.
RT_INLINE void vf_transpose(vf r[16]) {
    vf t[16];
    for (int i = 0; i < 16; i += 2) {
        t[i] = _mm512_unpacklo_ps(r[i], r[i + 1]);
        t[i + 1] = _mm512_unpackhi_ps(r[i], r[i + 1]);
    }
    for (int i = 0; i < 16; i += 4) {
        const __m512d a = _mm512_castps_pd(t[i]), b = _mm512_castps_pd(t[i + 1]);
        const __m512d c = _mm512_castps_pd(t[i + 2]), d = _mm512_castps_pd(t[i + 3]);
        r[i] = _mm512_castpd_ps(_mm512_unpacklo_pd(a, c));
        r[i + 1] = _mm512_castpd_ps(_mm512_unpackhi_pd(a, c));
        r[i + 2] = _mm512_castpd_ps(_mm512_unpacklo_pd(b, d));
        r[i + 3] = _mm512_castpd_ps(_mm512_unpackhi_pd(b, d));
    }
    for (int i = 0; i < 4; i++) {
        t[i] = _mm512_shuffle_f32x4(r[i], r[i + 4], 0x88);
        t[i + 4] = _mm512_shuffle_f32x4(r[i], r[i + 4], 0xdd);
        t[i + 8] = _mm512_shuffle_f32x4(r[i + 8], r[i + 12], 0x88);
        t[i + 12] = _mm512_shuffle_f32x4(r[i + 8], r[i + 12], 0xdd);
    }
    for (int i = 0; i < 4; i++) {
        r[i] = _mm512_shuffle_f32x4(t[i], t[i + 8], 0x88);
        r[i + 8] = _mm512_shuffle_f32x4(t[i], t[i + 8], 0xdd);
        r[i + 4] = _mm512_shuffle_f32x4(t[i + 4], t[i + 12], 0x88);
        r[i + 12] = _mm512_shuffle_f32x4(t[i + 4], t[i + 12], 0xdd);
    }
}

#endif
