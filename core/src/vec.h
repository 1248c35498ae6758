/* Vectors of OH_VEC floats or integers, one lane a channel, for the texts that are built once for each instruction set.
 *
 * Every operation gives the same bits on all of them: larger() and smaller() are their second operand when the first is not more or not
 * less, as the processors' own instructions are. */
#ifndef OH_VEC_H
#define OH_VEC_H

#include <stdint.h>
#include <string.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

typedef float vf __attribute__((vector_size(OH_VEC * 4)));
typedef int32_t vi __attribute__((vector_size(OH_VEC * 4)));

#define INLINE static inline __attribute__((always_inline))

INLINE vf load(const float *from) {
    vf v;
    memcpy(&v, from, sizeof v);
    return v;
}

INLINE void store(float *to, vf v) {
    memcpy(to, &v, sizeof v);
}

INLINE vi load_int(const int32_t *from) {
    vi v;
    memcpy(&v, from, sizeof v);
    return v;
}

INLINE void store_int(int32_t *to, vi v) {
    memcpy(to, &v, sizeof v);
}

INLINE vf all(float x) {
    return x - (vf){0};
}

INLINE vi all_int(int32_t x) {
    return x - (vi){0};
}

#if OH_VEC == 16 && defined(__x86_64__)
typedef __mmask16 vm;
INLINE vm more(vf a, vf b) {
    return _mm512_cmp_ps_mask((__m512)a, (__m512)b, _CMP_GT_OQ);
}
INLINE vm above(vi a, vi b) {
    return _mm512_cmpgt_epi32_mask((__m512i)a, (__m512i)b);
}
INLINE vf pick(vm mask, vf a, vf b) {
    return (vf)_mm512_mask_blend_ps(mask, (__m512)b, (__m512)a);
}
INLINE vi pick_int(vm mask, vi a, vi b) {
    return (vi)_mm512_mask_blend_epi32(mask, (__m512i)b, (__m512i)a);
}
#else
typedef vi vm;
INLINE vm more(vf a, vf b) {
    return a > b;
}
INLINE vm above(vi a, vi b) {
    return a > b;
}
#if OH_VEC == 8 && defined(__x86_64__)
INLINE vf pick(vm mask, vf a, vf b) {
    return (vf)_mm256_blendv_ps((__m256)b, (__m256)a, (__m256)mask);
}
#else
INLINE vf pick(vm mask, vf a, vf b) {
    return (vf)(((vi)a & mask) | ((vi)b & ~mask));
}
#endif
INLINE vi pick_int(vm mask, vi a, vi b) {
    return (vi)pick(mask, (vf)a, (vf)b);
}
#endif

INLINE vf larger(vf a, vf b) {
#if OH_VEC == 16 && defined(__x86_64__)
    return (vf)_mm512_max_ps((__m512)a, (__m512)b);
#elif OH_VEC == 8 && defined(__x86_64__)
    return (vf)_mm256_max_ps((__m256)a, (__m256)b);
#elif defined(__x86_64__)
    return (vf)_mm_max_ps((__m128)a, (__m128)b);
#else
    return pick(more(a, b), a, b);
#endif
}

INLINE vf smaller(vf a, vf b) {
#if OH_VEC == 16 && defined(__x86_64__)
    return (vf)_mm512_min_ps((__m512)a, (__m512)b);
#elif OH_VEC == 8 && defined(__x86_64__)
    return (vf)_mm256_min_ps((__m256)a, (__m256)b);
#elif defined(__x86_64__)
    return (vf)_mm_min_ps((__m128)a, (__m128)b);
#else
    return pick(more(b, a), a, b);
#endif
}

INLINE vf root(vf x) {
#if OH_VEC == 16 && defined(__x86_64__)
    return (vf)_mm512_sqrt_ps((__m512)x);
#elif OH_VEC == 8 && defined(__x86_64__)
    return (vf)_mm256_sqrt_ps((__m256)x);
#elif defined(__x86_64__)
    return (vf)_mm_sqrt_ps((__m128)x);
#else
    for (int i = 0; i < OH_VEC; i++)
        x[i] = __builtin_sqrtf(x[i]);
    return x;
#endif
}

#endif
