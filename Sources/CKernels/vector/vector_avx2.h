// SPDX-License-Identifier: Apache-2.0
//
// Vectors of 8 floats on AVX2, FMA and F16C. Same names as vector_avx512.h; kernels are written
// once on top of either. Include this first: it turns the instruction set on for the whole file.
// With RT_HAS_VNNI defined, AVX-VNNI too.
#ifndef RETOM_VECTOR_AVX2_H
#define RETOM_VECTOR_AVX2_H

#include <immintrin.h>
#include <stdint.h>
#include <string.h>

#define RT_INLINE static inline __attribute__((always_inline, unused))

#ifdef RT_HAS_VNNI
#define RT_NAME(base) base##_avx2_vnni
#define RT_TARGET "avxvnni,avx2,fma,f16c"
#else
#define RT_NAME(base) base##_avx2
#define RT_TARGET "avx2,fma,f16c"
#endif
#pragma clang attribute push(__attribute__((target(RT_TARGET))), apply_to = function)

/// Lanes of a vector.
enum { VL = 8 };
typedef __m256 vf;
typedef __m256i vi;

/// start, start + 1, ...
RT_INLINE vi vi_count_up(int64_t start) {
    const __m256i steps = _mm256_set_epi32(7, 6, 5, 4, 3, 2, 1, 0);
    return _mm256_add_epi32(_mm256_set1_epi32((int32_t)start), steps);
}
RT_INLINE __m256i vf_mask(int64_t n) {
    return _mm256_cmpgt_epi32(_mm256_set1_epi32((int32_t)n), vi_count_up(0));
}

RT_INLINE vf vf_set(float value) { return _mm256_set1_ps(value); }
RT_INLINE vf vf_load(const float *p) { return _mm256_loadu_ps(p); }
/// The first n lanes; zero in the others.
RT_INLINE vf vf_load_n(const float *p, int64_t n) { return _mm256_maskload_ps(p, vf_mask(n)); }
RT_INLINE void vf_store(float *p, vf v) { _mm256_storeu_ps(p, v); }
RT_INLINE void vf_store_n(float *p, vf v, int64_t n) { _mm256_maskstore_ps(p, vf_mask(n), v); }

/// The first n of eight halves; zero in the others.
RT_INLINE __m128i vh_load_n(const uint16_t *p, int64_t n) {
    uint16_t halves[8] = {0};
    for (int64_t i = 0; i < n; i++) halves[i] = p[i];
    return _mm_loadu_si128((const __m128i *)halves);
}
RT_INLINE vf vf_from_bf16(__m128i bits) {
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(bits), 16));
}
RT_INLINE vf vf_load_bf16(const uint16_t *p) {
    return vf_from_bf16(_mm_loadu_si128((const __m128i *)p));
}
RT_INLINE vf vf_load_bf16_n(const uint16_t *p, int64_t n) { return vf_from_bf16(vh_load_n(p, n)); }
/// Rounds to nearest even; a NaN stays one and becomes quiet.
RT_INLINE __m128i vf_to_bf16(vf v) {
    const __m256i bits = _mm256_castps_si256(v);
    const __m256i odd = _mm256_and_si256(_mm256_srli_epi32(bits, 16), _mm256_set1_epi32(1));
    const __m256i bias = _mm256_add_epi32(odd, _mm256_set1_epi32(0x7fff));
    const __m256i rounded = _mm256_add_epi32(bits, bias);
    const __m256i quiet = _mm256_or_si256(bits, _mm256_set1_epi32(0x400000));
    const __m256i is_nan = _mm256_castps_si256(_mm256_cmp_ps(v, v, _CMP_UNORD_Q));
    const __m256i chosen = _mm256_blendv_epi8(rounded, quiet, is_nan);
    const __m256i halves = _mm256_srli_epi32(chosen, 16);
    const __m256i packed = _mm256_packus_epi32(halves, halves);
    return _mm256_castsi256_si128(_mm256_permute4x64_epi64(packed, 0x08));
}
RT_INLINE void vf_store_bf16(uint16_t *p, vf v) { _mm_storeu_si128((__m128i *)p, vf_to_bf16(v)); }
RT_INLINE void vf_store_bf16_n(uint16_t *p, vf v, int64_t n) {
    uint16_t halves[8];
    _mm_storeu_si128((__m128i *)halves, vf_to_bf16(v));
    for (int64_t i = 0; i < n; i++) p[i] = halves[i];
}
RT_INLINE vf vf_load_f16(const uint16_t *p) {
    return _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)p));
}
RT_INLINE vf vf_load_f16_n(const uint16_t *p, int64_t n) {
    return _mm256_cvtph_ps(vh_load_n(p, n));
}

/// a * b + c, rounded once.
RT_INLINE vf vf_fma(vf a, vf b, vf c) { return _mm256_fmadd_ps(a, b, c); }
/// c - a * b, rounded once.
RT_INLINE vf vf_fnma(vf a, vf b, vf c) { return _mm256_fnmadd_ps(a, b, c); }
/// The greater of the two; b where either is NaN.
RT_INLINE vf vf_max(vf a, vf b) { return _mm256_max_ps(a, b); }
/// The lesser of the two; b where either is NaN.
RT_INLINE vf vf_min(vf a, vf b) { return _mm256_min_ps(a, b); }
RT_INLINE vf vf_abs(vf v) { return _mm256_andnot_ps(_mm256_set1_ps(-0.0f), v); }
RT_INLINE float vf_sum(vf v) {
    __m128 s = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    s = _mm_add_ps(s, _mm_movehl_ps(s, s));
    return _mm_cvtss_f32(_mm_add_ss(s, _mm_movehdup_ps(s)));
}
RT_INLINE vf vf_round(vf v) {
    return _mm256_round_ps(v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
/// 2^n for whole n in -127...127 (0 for -127).
RT_INLINE vf vf_power(__m256i n) {
    const __m256i biased = _mm256_add_epi32(n, _mm256_set1_epi32(127));
    return _mm256_castsi256_ps(_mm256_slli_epi32(biased, 23));
}
/// v * 2^n for whole n in -252...254, with gradual underflow and overflow.
RT_INLINE vf vf_scale_by_power(vf v, vf n) {
    const __m256i whole = _mm256_cvtps_epi32(n);
    const __m256i half = _mm256_srai_epi32(whole, 1);
    const vf first = _mm256_mul_ps(v, vf_power(half));
    return _mm256_mul_ps(first, vf_power(_mm256_sub_epi32(whole, half)));
}
/// Zero in the lanes from n on.
RT_INLINE vf vf_keep(vf v, int64_t n) {
    return _mm256_and_ps(v, _mm256_castsi256_ps(vf_mask(n)));
}

/// t = floor(t) + fraction; returns the fraction. NaN gives NaN; what underflows may give anything
/// in [0, 1].
RT_INLINE vf vf_fraction(vf t) {
    const vf clamped = _mm256_max_ps(_mm256_set1_ps(-127.0f), t);
    return _mm256_sub_ps(clamped, _mm256_floor_ps(clamped));
}
/// v * 2^floor(t) for t <= 1 and v in [1, 512]; 0 where that underflows.
RT_INLINE vf vf_scale_by_floor(vf v, vf t) {
    const vf clamped = _mm256_max_ps(_mm256_set1_ps(-127.0f), t);
    return _mm256_mul_ps(v, vf_power(_mm256_cvtps_epi32(_mm256_floor_ps(clamped))));
}
/// v where key <= the lane's limit, else minus infinity.
RT_INLINE vf vf_mask_keys(vf v, vi limits, int64_t key) {
    const __m256i hidden = _mm256_cmpgt_epi32(_mm256_set1_epi32((int32_t)key), limits);
    return _mm256_blendv_ps(v, vf_set(-__builtin_inff()), _mm256_castsi256_ps(hidden));
}

RT_INLINE vi vi_set(int32_t value) { return _mm256_set1_epi32(value); }
RT_INLINE vi vi_add(vi a, vi b) { return _mm256_add_epi32(a, b); }
RT_INLINE vi vi_and(vi a, vi b) { return _mm256_and_si256(a, b); }
RT_INLINE vi vi_or(vi a, vi b) { return _mm256_or_si256(a, b); }
RT_INLINE vi vi_xor(vi a, vi b) { return _mm256_xor_si256(a, b); }
RT_INLINE vi vi_max(vi a, vi b) { return _mm256_max_epi32(a, b); }
RT_INLINE int32_t vi_sum(vi v) {
    __m128i s = _mm_add_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
    s = _mm_add_epi32(s, _mm_shuffle_epi32(s, 0x4e));
    return _mm_cvtsi128_si32(_mm_add_epi32(s, _mm_shuffle_epi32(s, 0xb1)));
}
RT_INLINE int32_t vi_greatest(vi v) {
    __m128i m = _mm_max_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
    m = _mm_max_epi32(m, _mm_shuffle_epi32(m, 0x4e));
    return _mm_cvtsi128_si32(_mm_max_epi32(m, _mm_shuffle_epi32(m, 0xb1)));
}
/// The bits of |v|: as integers they are in the order of the values, NaN last.
RT_INLINE vi vi_magnitude_bits(vf v) { return _mm256_castps_si256(vf_abs(v)); }
/// v * 2^bits
RT_INLINE vi vi_shift(vi v, int bits) { return _mm256_slli_epi32(v, bits); }
/// Rounds to the nearest integer, halves to the even one.
RT_INLINE vi vi_round(vf v) { return _mm256_cvtps_epi32(v); }
RT_INLINE vf vf_from_integers(vi v) { return _mm256_cvtepi32_ps(v); }
/// The same bits.
RT_INLINE vi vi_bits(vf v) { return _mm256_castps_si256(v); }
RT_INLINE vf vf_bits(vi v) { return _mm256_castsi256_ps(v); }
#ifdef RT_HAS_VNNI
/// sums + products of unsigned and signed bytes, four to a lane.
RT_INLINE vi vi_dot_bytes(vi sums, vi bytes, vi signed_bytes) {
    return _mm256_dpbusd_avx_epi32(sums, bytes, signed_bytes);
}
#endif
/// Each lane's values as its four bytes, the first one lowest; values of 0 ... 32,767, which saturate to 255.
RT_INLINE vi vi_pack_bytes(vi first, vi second, vi third, vi fourth) {
    const vi low = _mm256_packus_epi32(first, second);
    const vi high = _mm256_packus_epi32(third, fourth);
    const __m128i order = _mm_setr_epi8(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
    return _mm256_shuffle_epi8(_mm256_packus_epi16(low, high), _mm256_broadcastsi128_si256(order));
}
/// Stores the lowest byte of the first n lanes.
RT_INLINE void vi_store_bytes_n(int8_t *p, vi v, int64_t n) {
    const __m256i low = _mm256_set1_epi64x(0x0c080400);
    const __m256i bytes = _mm256_shuffle_epi8(v, low);
    const int32_t first = _mm256_extract_epi32(bytes, 0);
    const int32_t second = _mm256_extract_epi32(bytes, 4);
    if (n == VL) {
        memcpy(p, &first, 4);
        memcpy(p + 4, &second, 4);
        return;
    }
    memcpy(p, &first, n < 4 ? (size_t)n : 4);
    if (n > 4) memcpy(p + 4, &second, (size_t)n - 4);
}

/// Transposes a VL x VL block held as VL rows.
RT_INLINE void vf_transpose(vf r[8]) {
    vf t[8];
    for (int i = 0; i < 8; i += 2) {
        t[i] = _mm256_unpacklo_ps(r[i], r[i + 1]);
        t[i + 1] = _mm256_unpackhi_ps(r[i], r[i + 1]);
    }
    for (int i = 0; i < 8; i += 4) {
        r[i] = _mm256_shuffle_ps(t[i], t[i + 2], 0x44);
        r[i + 1] = _mm256_shuffle_ps(t[i], t[i + 2], 0xee);
        r[i + 2] = _mm256_shuffle_ps(t[i + 1], t[i + 3], 0x44);
        r[i + 3] = _mm256_shuffle_ps(t[i + 1], t[i + 3], 0xee);
    }
    for (int i = 0; i < 4; i++) {
        t[i] = _mm256_permute2f128_ps(r[i], r[i + 4], 0x20);
        t[i + 4] = _mm256_permute2f128_ps(r[i], r[i + 4], 0x31);
    }
    for (int i = 0; i < 8; i++) r[i] = t[i];
}

#endif
