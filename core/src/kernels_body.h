/* Text of the vector kernel; each kernels_<isa>.c sets OH_VEC (floats in a vector) and OH_KERNEL (the name), and includes this.
 *
 * The real 256-point transform is 16 columns of 16: a real 16-point transform down each column (stride 16), a twiddle, then a complex
 * 16-point transform along each of the residues 0 to 8. Both halves live in registers, so the samples pass through the cache twice only. */
#include <string.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "kernels.h"
#include "offhook.h"

typedef float vf __attribute__((vector_size(OH_VEC * 4)));
typedef int32_t vi __attribute__((vector_size(OH_VEC * 4)));
typedef uint32_t vu __attribute__((vector_size(OH_VEC * 4)));
typedef int16_t vs __attribute__((vector_size(OH_VEC * 2)));

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
#if OH_VEC == 8 && defined(__x86_64__)
INLINE vf pick(vm mask, vf a, vf b) {
    return (vf)_mm256_blendv_ps((__m256)b, (__m256)a, (__m256)mask);
}
#else
INLINE vf pick(vm mask, vf a, vf b) {
    return (vf)(((vi)a & mask) | ((vi)b & ~mask));
}
INLINE vu widen(const uint8_t *octets) {
    typedef uint8_t v16 __attribute__((vector_size(16)));
    uint32_t four;
    memcpy(&four, octets, sizeof four);
    v16 sixteen = (v16)(vu){four};
    typedef uint16_t v8 __attribute__((vector_size(16)));
    v16 pairs = __builtin_shufflevector(sixteen, (v16){0}, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
    return (vu)__builtin_shufflevector((v8)pairs, (v8){0}, 0, 8, 1, 9, 2, 10, 3, 11);
}
#endif
INLINE vi pick_int(vm mask, vi a, vi b) {
    return (vi)pick(mask, (vf)a, (vf)b);
}
#endif

/* G.711 is a float of 3 bits of exponent and 4 of mantissa. In A-law the lowest segment is linear, which is just what a number below
 * the normal range is: with its bits put in place an octet is a half-precision float of the sample times OH_TINY, exactly. u-law is
 * shifted by 132 and has no linear segment. Where the processor cannot read half floats the bits of whole ones are built. */
#if OH_VEC == 16 && defined(__x86_64__)
#define OH_HALF 1
typedef __m256i halves;
INLINE halves place(const uint8_t *octets, short flip) {
    __m256i x = _mm256_slli_epi16(_mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i *)(const void *)octets)), 6);
    return _mm256_ternarylogic_epi32(x, _mm256_set1_epi16(flip), _mm256_set1_epi16((short)0x9fe0), 0x28); /* (x ^ flip) & mask */
}
INLINE vf from_halves(halves h) {
    return (vf)_mm512_cvtph_ps(h);
}
INLINE halves next_segment(halves h) {
    return _mm256_add_epi16(h, _mm256_set1_epi16(0x400));
}
#elif OH_VEC == 8 && defined(__x86_64__)
#define OH_HALF 1
typedef __m128i halves;
INLINE halves place(const uint8_t *octets, short flip) {
    __m128i x = _mm_slli_epi16(_mm_cvtepi8_epi16(_mm_loadl_epi64((const __m128i *)(const void *)octets)), 6);
    return _mm_and_si128(_mm_xor_si128(x, _mm_set1_epi16(flip)), _mm_set1_epi16((short)0x9fe0));
}
INLINE vf from_halves(halves h) {
    return (vf)_mm256_cvtph_ps(h);
}
INLINE halves next_segment(halves h) {
    return _mm_add_epi16(h, _mm_set1_epi16(0x400));
}
#else
#define OH_HALF 0
#endif

#if OH_HALF
#define OH_TINY (1.0f / (1 << 22))
INLINE vf decode_alaw(const uint8_t *octets) {
    return from_halves(place(octets, (short)0x9560)); /* flips every other bit and the sign, sets the half step */
}

INLINE vf decode_ulaw(const uint8_t *octets) {
    vf x = from_halves(next_segment(place(octets, (short)0x9fe0))) * 0.5f;
    vu shift = ((vu)x & (vu)all_int(INT32_MIN)) | (vu)all(132.0f * OH_TINY);
    return x - (vf)shift;
}
#else
#define OH_TINY 1.0f
INLINE vf decode_alaw(const uint8_t *octets) {
    vu t = widen(octets) ^ (vu)all_int(0x55);
    vu u = t & (vu)all_int(0x7f);
    vi flat = (vi)u < all_int(16);
    u |= (vu)(flat & all_int(16));
    vf x = (vf)((u << 19) + (vu)all_int((134 << 23) + (1 << 18)));
    x -= (vf)(flat & (vi)all(256.0f));
    return (vf)((vu)x ^ ((~t & (vu)all_int(0x80)) << 24));
}

INLINE vf decode_ulaw(const uint8_t *octets) {
    vu t = widen(octets) ^ (vu)all_int(0xff);
    vf x = (vf)(((t & (vu)all_int(0x7f)) << 19) + (vu)all_int((134 << 23) + (1 << 18)));
    x -= all(132.0f);
    return (vf)((vu)x ^ ((t & (vu)all_int(0x80)) << 24));
}
#endif

INLINE vf decode_linear(const int16_t *samples) {
    vs s;
    memcpy(&s, samples, sizeof s);
    return __builtin_convertvector(__builtin_convertvector(s, vi), vf) * OH_TINY;
}

/* Row n * 16 + c of the hop's window, where it lies: samples are decoded as they are needed, for octets are a quarter of the cache. */
INLINE vf sample(const struct oh_kernel_in *in, int law, int hop, int n, int c, int lane) {
    int block = n + hop * (OH_HOP / 16);
    const void *piece = block == 0 ? in->older : block < 11 ? in->old : in->now;
    size_t at = (size_t)((block == 0 ? 0 : block < 11 ? block - 1 : block - 11) * 16 + c) * OH_LANES + (size_t)lane;
    if (law == OH_LAW_ALAW)
        return decode_alaw((const uint8_t *)piece + at);
    if (law == OH_LAW_ULAW)
        return decode_ulaw((const uint8_t *)piece + at);
    return decode_linear((const int16_t *)piece + at);
}

#define C1 0.92387953251128674f /* cos(pi/8) */
#define S1 0.38268343236508977f /* sin(pi/8) */
#define H2 0.70710678118654752f

/* Real 16-point transform: x[0..15] to bins 0..8. im[0] and im[8] are 0. */
INLINE void real16(const vf x[16], vf re[9], vf im[9]) {
    vf a0[4], a1r[4], a1i[4], a2[4]; /* 4-point transforms of every fourth sample: bins 0, 1, 2 */
#pragma GCC unroll 4
    for (int b = 0; b < 4; b++) {
        vf p = x[b] + x[b + 8], q = x[b + 4] + x[b + 12];
        a0[b] = p + q;
        a2[b] = p - q;
        a1r[b] = x[b] - x[b + 8];
        a1i[b] = x[b + 12] - x[b + 4];
    }
    /* bins 0, 4, 8 */
    vf p = a0[0] + a0[2], q = a0[1] + a0[3];
    re[0] = p + q;
    re[8] = p - q;
    im[0] = im[8] = (vf){0};
    re[4] = a0[0] - a0[2];
    im[4] = a0[3] - a0[1];
    /* bins 2, 6: twiddles w8^b on real values */
    vf s = (a2[1] - a2[3]) * H2, t = (a2[1] + a2[3]) * H2;
    re[2] = a2[0] + s;
    im[2] = -(a2[2] + t);
    re[6] = a2[0] - s;
    im[6] = a2[2] - t;
    /* bins 1, 5, 9 = conj 7, 13 = conj 3: twiddles w16^b */
    vf b1r = a1r[1] * C1 + a1i[1] * S1, b1i = a1i[1] * C1 - a1r[1] * S1;
    vf b2r = (a1r[2] + a1i[2]) * H2, b2i = (a1i[2] - a1r[2]) * H2;
    vf b3r = a1r[3] * S1 + a1i[3] * C1, b3i = a1i[3] * S1 - a1r[3] * C1;
    vf ur = a1r[0] + b2r, ui = a1i[0] + b2i, vr = a1r[0] - b2r, vi_ = a1i[0] - b2i;
    vf wr = b1r + b3r, wi = b1i + b3i, zr = b1r - b3r, zi = b1i - b3i;
    re[1] = ur + wr;
    im[1] = ui + wi;
    re[7] = ur - wr;
    im[7] = wi - ui;
    re[5] = vr + zi;
    im[5] = vi_ - zr;
    re[3] = vr - zi;
    im[3] = -(vi_ + zr);
}

/* Complex 4-point transform in place. */
INLINE void complex4(vf *ar, vf *ai, vf *br, vf *bi, vf *cr, vf *ci, vf *dr, vf *di) {
    vf pr = *ar + *cr, pi = *ai + *ci, qr = *ar - *cr, qi = *ai - *ci;
    vf rr = *br + *dr, ri = *bi + *di, sr = *br - *dr, si = *bi - *di;
    *ar = pr + rr;
    *ai = pi + ri;
    *cr = pr - rr;
    *ci = pi - ri;
    *br = qr + si;
    *bi = qi - sr;
    *dr = qr - si;
    *di = qi + sr;
}

INLINE void turn(vf *r, vf *i, float c, float s) /* times c - js */
{
    vf t = *r * c + *i * s;
    *i = *i * c - *r * s;
    *r = t;
}

INLINE void turn45(vf *r, vf *i) /* times (1 - j) / sqrt 2 */
{
    vf t = (*r + *i) * H2;
    *i = (*i - *r) * H2;
    *r = t;
}

/* Complex 16-point transform in place; bin q + 4p comes out at index 4q + p. */
INLINE void complex16(vf r[16], vf i[16]) {
#pragma GCC unroll 4
    for (int b = 0; b < 4; b++)
        complex4(&r[b], &i[b], &r[b + 4], &i[b + 4], &r[b + 8], &i[b + 8], &r[b + 12], &i[b + 12]);
    turn(&r[5], &i[5], C1, S1); /* row q = 1: w16^b */
    turn45(&r[6], &i[6]);
    turn(&r[7], &i[7], S1, C1);
    turn45(&r[9], &i[9]); /* row q = 2: w16^2b */
    vf t = r[10];
    r[10] = i[10];
    i[10] = -t;
    turn(&r[11], &i[11], -H2, H2);
    turn(&r[13], &i[13], S1, C1); /* row q = 3: w16^3b */
    turn(&r[14], &i[14], -H2, H2);
    turn(&r[15], &i[15], -C1, -S1);
#pragma GCC unroll 4
    for (int q = 0; q < 16; q += 4)
        complex4(&r[q], &i[q], &r[q + 1], &i[q + 1], &r[q + 2], &i[q + 2], &r[q + 3], &i[q + 3]);
}

/* Power spectrum of one hop's window. law and hop are constants where this is called. */
INLINE void transform(const struct oh_kernel_in *in, int law, int hop, int lane, float p[OH_BINS][OH_LANES]) {
    float re[9][16][OH_VEC], im[9][16][OH_VEC]; /* residue, column */
    const struct oh_kernel_tables *tab = &oh_kernel_tables;
    const float *window = OH_HALF ? tab->tall_window : tab->window;
    for (int c = 0; c < 16; c++) {
        vf x[16], outr[9], outi[9];
#pragma GCC unroll 16
        for (int n = 0; n < 16; n++)
            x[n] = sample(in, law, hop, n, c, lane) * window[n * 16 + c];
        real16(x, outr, outi);
#pragma GCC unroll 9
        for (int k = 0; k < 9; k++) {
            store(re[k][c], outr[k]);
            store(im[k][c], outi[k]);
        }
    }
    {
        vf x[16], outr[9], outi[9];
#pragma GCC unroll 16
        for (int n = 0; n < 16; n++)
            x[n] = load(re[0][n]);
        real16(x, outr, outi);
#pragma GCC unroll 9
        for (int k = 0; k < 9; k++)
            store(p[16 * k] + lane, outr[k] * outr[k] + outi[k] * outi[k]);
    }
    for (int k = 1; k < 9; k++) {
        vf r[16], i[16];
#pragma GCC unroll 16
        for (int n = 0; n < 16; n++) {
            r[n] = load(re[k][n]);
            i[n] = load(im[k][n]);
            if (n)
                turn(&r[n], &i[n], tab->cos256[k][n], tab->sin256[k][n]);
        }
        complex16(r, i);
#pragma GCC unroll 16
        for (int n = 0; n < 16; n++) {
            int bin = k + 16 * (n / 4 + 4 * (n % 4));
            if (bin > 128)
                bin = 256 - bin;
            if (k == 8 && n / 4 + 4 * (n % 4) > 7)
                continue; /* the mirror of a bin that is there already */
            store(p[bin] + lane, r[n] * r[n] + i[n] * i[n]);
        }
    }
}

/* A candidate and its bin in one number, so that the larger of two is one instruction: the bin takes the place of the last seven bits of
 * the power (a 65,000th of it). Of equal ones the lower bin is the larger. */
enum { TAG = 127 };

INLINE vf tagged(vf power, vi tag) {
#if OH_VEC == 16 && defined(__x86_64__)
    return (vf)_mm512_ternarylogic_epi32((__m512i)power, _mm512_set1_epi32(~TAG), (__m512i)tag, 0xea); /* power & ~TAG | tag */
#else
    return (vf)(((vi)power & all_int(~TAG)) | tag);
#endif
}

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

/* top, or x where it is larger and away is 3 or more, either way */
INLINE vf larger_far(vf x, vi away, vf top) {
#if OH_VEC == 16 && defined(__x86_64__)
    __mmask16 far = _mm512_cmpgt_epi32_mask(_mm512_abs_epi32((__m512i)away), _mm512_set1_epi32(2));
    return (vf)_mm512_mask_max_ps((__m512)top, far, (__m512)x, (__m512)top);
#else
    vi far = (away > all_int(2)) | (away < all_int(-2));
    return larger((vf)((vi)x & far), top);
#endif
}

INLINE void store_tagged(vf x, float *power, int32_t *bin) {
    store(power, (vf)((vi)x & all_int(~TAG)));
    store_int(bin, all_int(TAG) - ((vi)x & all_int(TAG)));
}

/* Strongest peaks and sums. Odd and even bins are followed apart: a comparison waits for the one before it, and two chains hide that. */
static void scan(struct oh_spectrum *s, int lane) {
    static const int edge[OH_BANDS + 1] = {5, 21, 33, 37, 55, OH_BIN_TOP};
    const float *p = s->p[0] + lane;
    float sums[OH_BINS][OH_VEC]; /* of three neighbours, tagged */
    vf low = {0};
    for (int k = 0; k < OH_BIN_LOW; k++)
        low += load(p + k * OH_LANES);
    store(s->low + lane, low);

    vf before = load(p + 4 * OH_LANES), here = load(p + 5 * OH_LANES), odd = before, even = {0};
    vf best = (vf)all_int(TAG - edge[0]);
    vi tag = all_int(TAG - edge[0]);
    for (int band = 0; band < OH_BANDS; band++) {
        vf top = (vf)tag, other = (vf)tag;
        int k = edge[band];
        for (; k + 1 < edge[band + 1]; k += 2) {
            vf after = load(p + (k + 1) * OH_LANES), last = load(p + (k + 2) * OH_LANES);
            vf middle = here + after;
            vf sum = tagged(before + middle, tag), next = tagged(middle + last, tag - 1);
            tag -= 2;
            store(sums[k], sum);
            store(sums[k + 1], next);
            top = larger(sum, top);
            other = larger(next, other);
            odd += here;
            even += after;
            before = after;
            here = last;
        }
        if (k < edge[band + 1]) {
            vf after = load(p + (k + 1) * OH_LANES);
            vf sum = tagged(before + here + after, tag);
            tag -= 1;
            store(sums[k], sum);
            top = larger(sum, top);
            odd += here;
            before = here;
            here = after;
        }
        top = larger(other, top);
        store_tagged(top, s->band[band] + lane, s->band_k[band] + lane);
        best = larger(top, best);
    }
    store(s->total + lane, odd + even + here);
    store_tagged(best, s->s1 + lane, s->k1 + lane);

    vf second = (vf)all_int(TAG - edge[0]), other = second;
    vi away = all_int(5) - load_int(s->k1 + lane), next = away + 1;
    for (int k = 5; k < OH_BIN_TOP; k += 2) {
        second = larger_far(load(sums[k]), away, second);
        other = larger_far(load(sums[k + 1]), next, other);
        away += 2;
        next += 2;
    }
    store_tagged(larger(other, second), s->s2 + lane, s->k2 + lane);
}

/* Its own function for each law and hop, so that both are constants. */
#define HOP(name, law, hop)                                                                                                                \
    static __attribute__((noinline)) void name(const struct oh_kernel_in *in, struct oh_spectrum *s) {                                     \
        for (int lane = 0; lane < OH_LANES; lane += OH_VEC) {                                                                              \
            transform(in, law, hop, lane, s->p);                                                                                           \
            scan(s, lane);                                                                                                                 \
        }                                                                                                                                  \
    }
HOP(alaw_first, OH_LAW_ALAW, 0)
HOP(alaw_second, OH_LAW_ALAW, 1)
HOP(ulaw_first, OH_LAW_ULAW, 0)
HOP(ulaw_second, OH_LAW_ULAW, 1)
HOP(linear_first, OH_LAW_LINEAR, 0)
HOP(linear_second, OH_LAW_LINEAR, 1)
#undef HOP

void OH_KERNEL(const struct oh_kernel_in *in, struct oh_spectrum *two) {
    (in->law == OH_LAW_ALAW ? alaw_first : in->law == OH_LAW_ULAW ? ulaw_first : linear_first)(in, &two[0]);
    (in->law == OH_LAW_ALAW ? alaw_second : in->law == OH_LAW_ULAW ? ulaw_second : linear_second)(in, &two[1]);
}

typedef uint8_t octets __attribute__((vector_size(16)));

INLINE octets low_halves(octets a, octets b) {
    return __builtin_shufflevector(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
}

INLINE octets high_halves(octets a, octets b) {
    return __builtin_shufflevector(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
}

/* 16 channels of 160 octets, stride octets apart, into 160 rows of 16 lanes: four rounds of perfect shuffles for each 16 x 16. */
void OH_TRANSPOSE(const uint8_t *from, size_t stride, uint8_t *to) {
    for (int at = 0; at < OH_FRAME_SAMPLES; at += 16) {
        octets a[16], b[16];
#pragma GCC unroll 16
        for (int i = 0; i < 16; i++)
            memcpy(&a[i], from + (size_t)i * stride + at, 16);
#pragma GCC unroll 4
        for (int round = 0; round < 4; round++) {
#pragma GCC unroll 8
            for (int i = 0; i < 8; i++) {
                b[2 * i] = low_halves(a[i], a[i + 8]);
                b[2 * i + 1] = high_halves(a[i], a[i + 8]);
            }
#pragma GCC unroll 16
            for (int i = 0; i < 16; i++)
                a[i] = b[i];
        }
#pragma GCC unroll 16
        for (int i = 0; i < 16; i++)
            memcpy(to + (at + i) * OH_LANES, &a[i], 16);
    }
}
