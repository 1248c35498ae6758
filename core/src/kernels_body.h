/* Text of the vector kernel; each kernels_<isa>.c sets OH_VEC (floats in a vector) and OH_KERNEL (the name), and includes this.
 *
 * The real 256-point transform is 16 columns of 16: a real 16-point transform down each column (stride 16), a twiddle, then a complex
 * 16-point transform along each of the residues 0 to 8. Both halves live in registers, so the samples pass through the cache twice only. */
#include "kernels.h"
#include "offhook.h"
#include "vec.h"

typedef uint32_t vu __attribute__((vector_size(OH_VEC * 4)));
typedef int16_t vs __attribute__((vector_size(OH_VEC * 2)));

/* G.711 is a float of 3 bits of exponent and 4 of mantissa. In A-law the lowest segment is linear, which is just what a number below
 * the normal range is: with its bits put in place an octet is a half-precision float of the sample times OH_TINY, exactly. u-law is
 * shifted by 132 and has no linear segment. Where the processor cannot read half floats the bits of whole ones are built. */
#if OH_VEC >= 8 && defined(__x86_64__)
#define OH_HALF 1
#define OH_TINY (1.0f / (1 << 22))

#if OH_VEC == 16
#define OCTETS 32 /* whose bits are put in place at once */
typedef __m512i halves;
INLINE halves place(const uint8_t *octets, short flip) {
    __m512i x = _mm512_slli_epi16(_mm512_cvtepi8_epi16(_mm256_loadu_si256((const __m256i *)(const void *)octets)), 6);
    return _mm512_ternarylogic_epi32(x, _mm512_set1_epi16(flip), _mm512_set1_epi16((short)0x9fe0), 0x28); /* (x ^ flip) & mask */
}
INLINE halves next_segment(halves h) {
    return _mm512_add_epi16(h, _mm512_set1_epi16(0x400));
}
INLINE vf from_halves(const uint16_t *h) {
    return (vf)_mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)(const void *)h));
}
#else
#define OCTETS 16
typedef __m256i halves;
INLINE halves place(const uint8_t *octets, short flip) {
    __m256i x = _mm256_slli_epi16(_mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i *)(const void *)octets)), 6);
    return _mm256_and_si256(_mm256_xor_si256(x, _mm256_set1_epi16(flip)), _mm256_set1_epi16((short)0x9fe0));
}
INLINE halves next_segment(halves h) {
    return _mm256_add_epi16(h, _mm256_set1_epi16(0x400));
}
INLINE vf from_halves(const uint16_t *h) {
    return (vf)_mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(const void *)h));
}
#endif

/* So many rows of all lanes; law is a constant where these are called. */
INLINE void place_rows(const uint8_t *octets, int law, int rows, uint16_t (*to)[OH_LANES]) {
    uint16_t *first = to[0];
#pragma GCC unroll 4
    for (int i = 0; i < rows * OH_LANES; i += OCTETS) {
        halves h;
        if (law == OH_LAW_ALAW)
            h = place(octets + i, (short)0x9560); /* flips every other bit and the sign, sets the half step */
        else
            h = next_segment(place(octets + i, (short)0x9fe0));
        memcpy(first + i, &h, sizeof h);
    }
}

INLINE vf decode_placed(const uint16_t *h, int law) {
    vf x = from_halves(h);
    if (law == OH_LAW_ALAW)
        return x;
    x *= 0.5f;
    vu shift = ((vu)x & (vu)all_int(INT32_MIN)) | (vu)all(132.0f * OH_TINY);
    return x - (vf)shift;
}
#else
#define OH_HALF 0
#define OH_TINY 1.0f
INLINE vu widen(const uint8_t *octets) {
    typedef uint8_t v16 __attribute__((vector_size(16)));
    uint32_t four;
    memcpy(&four, octets, sizeof four);
    v16 sixteen = (v16)(vu){four};
    typedef uint16_t v8 __attribute__((vector_size(16)));
    v16 pairs = __builtin_shufflevector(sixteen, (v16){0}, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
    return (vu)__builtin_shufflevector((v8)pairs, (v8){0}, 0, 8, 1, 9, 2, 10, 3, 11);
}

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

enum {
    BOTH = OH_WINDOW + OH_HOP,           /* rows of both windows */
    COLUMNS = 2 * 16 * OH_LANES / OH_VEC /* transformed for a group */
};

/* What the rows are kept as between the pieces they come in and the two windows that overlap: octets in half-precision's places, so that one
 * instruction makes floats of them, and samples as they are; whole floats where there is no such instruction. */
#if OH_HALF
typedef uint16_t kept;

INLINE void keep(const void *piece, int law, int rows, kept (*to)[OH_LANES]) {
    if (law == OH_LAW_LINEAR)
        memcpy(to, piece, (size_t)rows * sizeof *to);
    else
        place_rows(piece, law, rows, to);
}

INLINE vf sample(const kept *x, int law) {
    return law == OH_LAW_LINEAR ? decode_linear((const int16_t *)x) : decode_placed(x, law);
}
#else
typedef float kept;

INLINE void keep(const void *piece, int law, int rows, kept (*to)[OH_LANES]) {
    const uint8_t *octets = piece;
    const int16_t *samples = piece;
    kept *first = to[0];
#pragma GCC unroll 4
    for (int i = 0; i < rows * OH_LANES; i += OH_VEC)
        store(first + i, law == OH_LAW_ALAW   ? decode_alaw(octets + i)
                         : law == OH_LAW_ULAW ? decode_ulaw(octets + i)
                                              : decode_linear(samples + i));
}

INLINE vf sample(const kept *x, int law) {
    (void)law;
    return load(x);
}
#endif

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

INLINE vf power(vf r, vf i) {
    return (r * r + i * i) * (1 / (OH_TALL * OH_TALL));
}

/* Bins of one residue from its column transforms: k + 16 q for q below 8, and the mirrors of those above. */
INLINE void residue(int k, const float re[16][OH_VEC], const float im[16][OH_VEC], float *p) {
    const struct oh_kernel_tables *tab = &oh_kernel_tables;
    vf r[16], i[16];
#pragma GCC unroll 16
    for (int n = 0; n < 16; n++) {
        r[n] = load(re[n]);
        i[n] = load(im[n]);
        if (n)
            turn(&r[n], &i[n], tab->cos256[k][n], tab->sin256[k][n]);
    }
    complex16(r, i);
#pragma GCC unroll 16
    for (int n = 0; n < 16; n++) {
        int bin = k + 16 * (n / 4 + 4 * (n % 4));
        if (bin > 128)
            bin = 256 - bin;
        store(p + bin * OH_LANES, power(r[n], i[n]));
    }
}

/* The same of residue 8: its columns are real, and half of its bins mirror the others. */
INLINE void residue8(const float re[16][OH_VEC], float *p) {
    const struct oh_kernel_tables *tab = &oh_kernel_tables;
    vf r[16], i[16];
    r[0] = load(re[0]);
    i[0] = (vf){0};
#pragma GCC unroll 16
    for (int n = 1; n < 16; n++) {
        vf x = load(re[n]);
        r[n] = x * tab->cos256[8][n];
        i[n] = x * -tab->sin256[8][n];
    }
    complex16(r, i);
#pragma GCC unroll 16
    for (int n = 0; n < 16; n++)
        if (n % 4 < 2)
            store(p + (8 + 16 * (n / 4 + 4 * (n % 4))) * OH_LANES, power(r[n], i[n]));
}

/* Of a frame that will be read next as much as a column's share, nearer to the processor. */
#define STEP(law) ((size_t)OH_FRAME_SAMPLES * OH_LANES * (law == OH_LAW_LINEAR ? 2 : 1) / COLUMNS)
INLINE void bring(const uint8_t *at, int law) {
    for (size_t i = 0; i < STEP(law); i += 64)
        __builtin_prefetch(at + i, 0, 2);
}

/* Power spectrum of the window whose first row is x. law is a constant where this is called. */
INLINE void transform(const kept (*x)[OH_LANES], int law, const uint8_t *const ahead[OH_AHEAD], size_t done, float *p) {
    _Alignas(64) float re[9][16][OH_VEC]; /* residue, column */
    _Alignas(64) float im[9][16][OH_VEC]; /* of residues 0 and 8 it is 0 and not kept */
    const float *window = OH_HALF ? oh_kernel_tables.tall_window : oh_kernel_tables.window;
    for (int c = 0; c < 16; c++) {
        for (int i = 0; ahead[0] && i < OH_AHEAD; i++)
            bring(ahead[i] + done, law);
        done += STEP(law);
        vf w[16], outr[9], outi[9];
#pragma GCC unroll 16
        for (int n = 0; n < 16; n++)
            w[n] = sample(x[n * 16 + c], law) * window[n * 16 + c];
        real16(w, outr, outi);
#pragma GCC unroll 9
        for (int k = 0; k < 9; k++) {
            store(re[k][c], outr[k]);
            if (k % 8)
                store(im[k][c], outi[k]);
        }
    }
    vf w[16], outr[9], outi[9];
#pragma GCC unroll 16
    for (int n = 0; n < 16; n++)
        w[n] = load(re[0][n]);
    real16(w, outr, outi);
#pragma GCC unroll 9
    for (int k = 0; k < 9; k++)
        store(p + 16 * k * OH_LANES, power(outr[k], outi[k]));
    for (int k = 1; k < 8; k++)
        residue(k, (const float(*)[OH_VEC])re[k], (const float(*)[OH_VEC])im[k], p);
    residue8((const float(*)[OH_VEC])re[8], p);
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

INLINE void store_tagged(vf x, float *power, int32_t *bin) {
    store(power, (vf)((vi)x & all_int(~TAG)));
    store_int(bin, all_int(TAG) - ((vi)x & all_int(TAG)));
}

/* Strongest peaks and sums. Odd and even bins are followed apart: a comparison waits for the one before it, and two chains hide that. */
static __attribute__((noinline)) void scan(struct oh_spectrum *s, int lane) {
    static const int edge[OH_BANDS + 1] = {5, 21, 33, 37, 55, OH_BIN_TOP};
    const float *p = s->p[0] + lane;
    _Alignas(64) float sums[OH_BINS][OH_VEC]; /* of three neighbours, tagged */
    vf low = {0};
    for (int k = 0; k < OH_BIN_LOW; k++)
        low += load(p + k * OH_LANES);
    store(s->low + lane, low);

    vf before = load(p + 4 * OH_LANES), here = load(p + 5 * OH_LANES), odd = before, even = {0};
    vf best = (vf)all_int(TAG - edge[0]);
    vi tag = all_int(TAG - edge[0]);
#pragma GCC unroll 5
    for (int band = 0; band < OH_BANDS; band++) {
        vf top = (vf)tag, other = (vf)tag;
        int k = edge[band];
#pragma GCC unroll 28
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

    for (int i = 0; i < OH_VEC; i++) /* what lies too near to the strongest does not count */
        for (int k = -2; k <= 2; k++)
            sums[s->k1[lane + i] + k][i] = 0;
    vf second[4];
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++)
        second[i] = (vf)all_int(TAG - edge[0]);
    for (int k = 5; k < OH_BIN_TOP - 3; k += 4)
#pragma GCC unroll 4
        for (int i = 0; i < 4; i++)
            second[i] = larger(load(sums[k + i]), second[i]);
    second[0] = larger(load(sums[OH_BIN_TOP - 2]), second[0]);
    second[1] = larger(load(sums[OH_BIN_TOP - 1]), second[1]);
    store_tagged(larger(larger(second[0], second[1]), larger(second[2], second[3])), s->s2 + lane, s->k2 + lane);
}

/* Its own function for each law, so that it is a constant. */
#define HEAR(name, law)                                                                                                                    \
    static __attribute__((noinline)) void name##_keep(const struct oh_kernel_in *in, kept(*x)[OH_LANES]) {                                 \
        keep(in->older, law, 16, x);                                                                                                       \
        keep(in->old, law, OH_FRAME_SAMPLES, x + 16);                                                                                      \
        keep(in->now, law, OH_FRAME_SAMPLES, x + 16 + OH_FRAME_SAMPLES);                                                                   \
    }                                                                                                                                      \
    static __attribute__((noinline)) void name##_transform(const kept(*x)[OH_LANES], const uint8_t *const *ahead, size_t done, float *p) { \
        transform(x, law, ahead, done, p);                                                                                                 \
    }                                                                                                                                      \
    static __attribute__((noinline)) void name(const struct oh_kernel_in *in, struct oh_spectrum *two) {                                   \
        size_t done = 0;                                                                                                                   \
        _Alignas(64) kept x[BOTH][OH_LANES];                                                                                               \
        name##_keep(in, x);                                                                                                                \
        for (int hop = 0; hop < 2; hop++)                                                                                                  \
            for (int lane = 0; lane < OH_LANES; lane += OH_VEC) {                                                                          \
                name##_transform((const kept(*)[OH_LANES])(x[hop * OH_HOP] + lane), in->ahead, done, two[hop].p[0] + lane);                \
                done += 16 * STEP(law);                                                                                                    \
                scan(&two[hop], lane);                                                                                                     \
            }                                                                                                                              \
    }
HEAR(alaw, OH_LAW_ALAW)
HEAR(ulaw, OH_LAW_ULAW)
HEAR(linear, OH_LAW_LINEAR)
#undef HEAR

void OH_KERNEL(const struct oh_kernel_in *in, struct oh_spectrum *two) {
    (in->law == OH_LAW_ALAW ? alaw : in->law == OH_LAW_ULAW ? ulaw : linear)(in, two);
}

typedef uint8_t octets __attribute__((vector_size(16)));

INLINE octets low_halves(octets a, octets b) {
    return __builtin_shufflevector(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
}

INLINE octets high_halves(octets a, octets b) {
    return __builtin_shufflevector(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
}

typedef uint16_t words __attribute__((vector_size(16)));

INLINE words low_words(words a, words b) {
    return __builtin_shufflevector(a, b, 0, 8, 1, 9, 2, 10, 3, 11);
}

INLINE words high_words(words a, words b) {
    return __builtin_shufflevector(a, b, 4, 12, 5, 13, 6, 14, 7, 15);
}

INLINE void store_parts(uint8_t *to, octets a) {
    memcpy(to, &a, sizeof a);
}

INLINE void store_words(uint8_t *to, words a) {
    memcpy(to, &a, sizeof a);
}

/* 16 rows of one vector each: four rounds of perfect shuffles turn each square of 16 x 16 octets, and of 16 x 8 words. */
#define SQUARES(name, type, low, high, put)                                                                                                \
    INLINE void name(const uint8_t *from, size_t stride, uint8_t *to) {                                                                    \
        type a[16], b[16];                                                                                                                 \
        _Pragma("GCC unroll 16") for (size_t i = 0; i < 16; i++) memcpy(&a[i], from + i * stride, sizeof a[i]);                            \
        _Pragma("GCC unroll 4") for (int round = 0; round < 4; round++) {                                                                  \
            _Pragma("GCC unroll 8") for (int i = 0; i < 8; i++) {                                                                          \
                b[2 * i] = low(a[i], a[i + 8]);                                                                                            \
                b[2 * i + 1] = high(a[i], a[i + 8]);                                                                                       \
            }                                                                                                                              \
            _Pragma("GCC unroll 16") for (int i = 0; i < 16; i++) a[i] = b[i];                                                             \
        }                                                                                                                                  \
        _Pragma("GCC unroll 16") for (int i = 0; i < 16; i++) put(to + i * OH_LANES, a[i]);                                                \
    }

SQUARES(one_square, octets, low_halves, high_halves, store_parts)
SQUARES(one_of_words, words, low_words, high_words, store_words)
#if OH_VEC >= 8 && defined(__x86_64__)
INLINE void store_two(uint8_t *to, __m256i a) {
    _mm_storeu_si128((__m128i *)(void *)to, _mm256_castsi256_si128(a));
    _mm_storeu_si128((__m128i *)(void *)(to + 16 * OH_LANES), _mm256_extracti128_si256(a, 1));
}
SQUARES(two_squares, __m256i, _mm256_unpacklo_epi8, _mm256_unpackhi_epi8, store_two)
SQUARES(two_of_words, __m256i, _mm256_unpacklo_epi16, _mm256_unpackhi_epi16, store_two)
#else
#define two_squares  NULL
#define two_of_words NULL
#endif
#undef SQUARES

typedef void square(const uint8_t *from, size_t stride, uint8_t *to);

INLINE void turn_all(square *one, square *two, size_t octets_each, const uint8_t *from, size_t stride, uint8_t *to) {
    size_t at = 0;
    for (; two && at + 32 <= octets_each; at += 32)
        two(from + at, stride, to + at * OH_LANES);
    for (; at + 16 <= octets_each; at += 16)
        one(from + at, stride, to + at * OH_LANES);
}

void OH_TRANSPOSE(const uint8_t *from, size_t stride, uint8_t *to, int sample_bytes) {
    if (sample_bytes == 1)
        turn_all(one_square, two_squares, OH_FRAME_SAMPLES, from, stride, to);
    else
        turn_all(one_of_words, two_of_words, 2 * OH_FRAME_SAMPLES, from, stride, to);
}
