/* The vector half of the ear: from 20 ms of sixteen channels to two spectra with their strongest peaks.
 *
 * One window is 256 samples (32 ms, Hann, bins of 31.25 Hz), one hop is 80 samples (10 ms), so a frame gives two spectra. A lane is a
 * channel. Each instruction set has its own build of the same text (kernels_body.h); no lane ever meets another one, no multiply is
 * fused with an add, and so all builds give the same bits. */
#ifndef OH_KERNELS_H
#define OH_KERNELS_H

#include <stddef.h>
#include <stdint.h>

#define OH_LANES   16
#define OH_HOP     80
#define OH_WINDOW  256
#define OH_BINS    129
#define OH_HISTORY (OH_WINDOW - OH_HOP) /* samples of the frame before that the first window needs */

#define OH_BIN_HZ  31.25f
#define OH_BIN_LOW 4   /* 125 Hz: what lies below is DC and hum, kept out of the total */
#define OH_BIN_TOP 111 /* 3469 Hz */

/* Bands whose strongest peak is kept, by bin: below DTMF, DTMF rows, between, DTMF columns, above. */
enum { OH_BAND_LOW, OH_BAND_ROW, OH_BAND_MID, OH_BAND_COL, OH_BAND_HIGH, OH_BANDS };

/* One spectrum of sixteen channels. Powers are relative to 0 dBm0; a steady sine puts all of its power into the five bins around it. */
struct oh_spectrum {
    _Alignas(64) float p[OH_BINS][OH_LANES];
    float total[OH_LANES];              /* bins OH_BIN_LOW to OH_BIN_TOP */
    float low[OH_LANES];                /* bins below: DC and hum */
    float band[OH_BANDS][OH_LANES];     /* largest sum of three neighbouring bins in the band */
    int32_t band_k[OH_BANDS][OH_LANES]; /* its middle bin */
    float s1[OH_LANES], s2[OH_LANES];   /* strongest such sum of all, and strongest at least three bins away from it */
    int32_t k1[OH_LANES], k2[OH_LANES];
};

#define OH_AHEAD 3

/* The transform runs so many times higher than its powers come out. Digital silence leaves rounding errors whose squares would fall below
 * the normal range of a float, where x86 takes a hundred times as long: a silent line would cost twice as much as one that talks. */
#define OH_TALL 0x1p32f

/* rows: where the samples of the group lie, lane by lane (16 to a row), law as enum oh_law: OH_HISTORY rows in two pieces and the frame. */
struct oh_kernel_in {
    const void *older; /* OH_HISTORY - 160 = 16 rows */
    const void *old;   /* 160 rows */
    const void *now;   /* 160 rows */
    int law;
    const uint8_t *ahead[OH_AHEAD]; /* frames that will be read next, NULL = none: brought nearer while the sums go on */
};

typedef void oh_kernel_fn(const struct oh_kernel_in *in, struct oh_spectrum *two);

/* 16 channels of 160 samples of 1 or 2 octets, stride octets apart, into 160 rows of 16 lanes. */
typedef void oh_transpose_fn(const uint8_t *from, size_t stride, uint8_t *to, int sample_bytes);

oh_kernel_fn oh_kernel_base, oh_kernel_avx2, oh_kernel_avx512;
oh_transpose_fn oh_transpose_base, oh_transpose_avx2, oh_transpose_avx512;

/* Constants shared by all builds, filled by oh_kernel_init(); sines come from plain arithmetic, so they are alike on every machine. */
struct oh_kernel_tables {
    float alaw[256], ulaw[256];   /* octet to sample, for single lanes */
    float window[OH_WINDOW];      /* scaled so that powers come out relative to 0 dBm0, times OH_TALL */
    float tall_window[OH_WINDOW]; /* the same times 2^22, for samples that come as half-precision floats */
    float cos256[9][16];          /* twiddles of bin residue 0 to 8 and column 0 to 15 */
    float sin256[9][16];
};
extern struct oh_kernel_tables oh_kernel_tables;
void oh_kernel_init(void);

/* Those in use, see oh_isa(). */
oh_kernel_fn *oh_kernel_chosen(void);
oh_transpose_fn *oh_transpose_chosen(void);

#endif
