// SPDX-License-Identifier: Apache-2.0
//
// Powers of two for weights: t <= 0 up to rounding; 0 if 2^t underflows, NaN for NaN.
// 2^t = 2^floor(t) * p(fraction); the polynomials are minimax in relative error on [0, 1].
#ifndef RETOM_ATTENTION_EXP2_H
#define RETOM_ATTENTION_EXP2_H

/// Relative error 1e-7, rounding included.
RT_INLINE vf exp2_precise(vf t) {
    const vf r = vf_fraction(t);
    vf p = vf_fma(vf_set(1.877576675e-03f), r, vf_set(8.989340091e-03f));
    p = vf_fma(p, r, vf_set(5.582631805e-02f));
    p = vf_fma(p, r, vf_set(2.401536170e-01f));
    p = vf_fma(p, r, vf_set(6.931530732e-01f));
    p = vf_fma(p, r, vf_set(9.999999251e-01f));
    return vf_scale_by_floor(p, t);
}

/// Relative error 7.5e-5: a twenty-sixth of the error of the later rounding to bf16.
RT_INLINE vf exp2_for_bf16(vf t) {
    const vf r = vf_fraction(t);
    vf p = vf_fma(vf_set(7.802452264e-02f), r, vf_set(2.260671554e-01f));
    p = vf_fma(p, r, vf_set(6.958335405e-01f));
    p = vf_fma(p, r, vf_set(9.999252186e-01f));
    return vf_scale_by_floor(p, t);
}

#endif
