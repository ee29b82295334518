// SPDX-License-Identifier: Apache-2.0
//
// Exponential, normal distribution and activations, on top of one of the vector headers.
#ifndef RETOM_VECTOR_FUNCTIONS_H
#define RETOM_VECTOR_FUNCTIONS_H

#include "KernelArguments.h"

/// exp(x) to about one unit in the last place on all floats: 0 and infinity where due,
/// subnormal results, NaN for NaN. exp(x) = 2^n exp(r), |r| <= ln(2) / 2; the polynomial is
/// Cephes' expf.
RT_INLINE vf vf_exp(vf x) {
    const vf clamped = vf_min(vf_set(89.0f), vf_max(vf_set(-104.5f), x));
    const vf n = vf_round(clamped * vf_set(1.44269504088896341f));
    const vf high = vf_fma(n, vf_set(-0.693359375f), clamped);
    const vf r = vf_fma(n, vf_set(2.12194440e-4f), high);
    vf p = vf_fma(vf_set(1.9875691500e-4f), r, vf_set(1.3981999507e-3f));
    p = vf_fma(p, r, vf_set(8.3334519073e-3f));
    p = vf_fma(p, r, vf_set(4.1665795894e-2f));
    p = vf_fma(p, r, vf_set(1.6666665459e-1f));
    p = vf_fma(p, r, vf_set(5.0000001201e-1f));
    p = vf_fma(p, r * r, r) + vf_set(1.0f);
    return vf_scale_by_power(p, n);
}

/// x * Phi(x), Phi the normal distribution function, to 1e-7 absolute and with small relative
/// error in the lower tail. Phi(-a) = exp(-a^2 / 2) * Q((a - 3) / (a + 3)) / (a + 3) for a >= 0;
/// Q is a least-squares fit of degree 8, relative error 6e-8.
RT_INLINE vf vf_gelu(vf x) {
    const vf a = vf_abs(x);
    const vf inverse = vf_set(1.0f) / (a + vf_set(3.0f));
    const vf t = (a - vf_set(3.0f)) * inverse;
    vf q = vf_fma(vf_set(-2.748435440e-04f), t, vf_set(-9.114493823e-04f));
    q = vf_fma(q, t, vf_set(1.083199025e-03f));
    q = vf_fma(q, t, vf_set(6.930691385e-03f));
    q = vf_fma(q, t, vf_set(-1.048227283e-02f));
    q = vf_fma(q, t, vf_set(-4.725767694e-02f));
    q = vf_fma(q, t, vf_set(2.300196533e-01f));
    q = vf_fma(q, t, vf_set(-5.093321997e-01f));
    q = vf_fma(q, t, vf_set(7.290836620e-01f));
    const vf tail = vf_exp(a * a * vf_set(-0.5f)) * q * inverse;
    return vf_max(vf_set(0.0f), x) - a * tail;
}

/// x / (1 + exp(-factor * x))
RT_INLINE vf vf_swish(vf x, float factor) {
    return x / (vf_set(1.0f) + vf_exp(x * vf_set(-factor)));
}

/// The activation is a constant at every call site.
RT_INLINE vf vf_activation(vf x, rt_activation activation) {
    switch (activation) {
    case RT_ACTIVATION_NONE: return x;
    case RT_ACTIVATION_SILU: return vf_swish(x, 1.0f);
    case RT_ACTIVATION_GELU: return vf_gelu(x);
    case RT_ACTIVATION_QUICK_GELU: return vf_swish(x, 1.702f);
    // In this order NaN stays NaN.
    case RT_ACTIVATION_RELU: return vf_max(vf_set(0.0f), x);
    }
    return x;
}

#endif
