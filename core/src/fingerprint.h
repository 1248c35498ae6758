/* Acoustic fingerprint: every 20 ms one word of 32 bits that says how the spectrum has changed.
 *
 * The band from 312 to 3187 Hz is cut into 33 bands, equally wide on the mel scale. Bit b is set when the level of band b over that of band
 * b + 1 has risen between two stretches of 80 ms that follow one another. Neither the level of the line nor its frequency response comes
 * into that, and a bit that stood close to zero is marked as unsure. One recording played twice gives the same sure bits; two recordings
 * agree in half of theirs.
 *
 * Noise is measured and added: the least power that a band had in the last 0.4 to 0.8 s, one and a half times, lies under both stretches.
 * What noise alone does to a band then comes close to zero and is unsure, so that noise costs bits instead of making wrong ones.
 *
 * A clip of the library has no noise, and the lines on which it will be heard have: what stands far below the speech around it is what noise
 * and other voices spoil first. So a power 18 dB below that speech lies under a known clip, and only what stands out of it is sure. */
#ifndef OH_FINGERPRINT_H
#define OH_FINGERPRINT_H

#include <stdbool.h>

#include "kernels.h"

#define OH_PRINT_BANDS 33
#define OH_PRINT_SPAN  4                   /* frames in each of the two stretches */
#define OH_PRINT_FRESH (2 * OH_PRINT_SPAN) /* frames of good audio before the first bit is sure */
#define OH_PRINT_QUIET 20                  /* frames of a stretch in which the least power of a band is sought */

/* One frame of one channel. */
struct oh_print {
    uint32_t bits;
    uint32_t likely; /* bits more than 2 dB from zero */
    uint32_t clip;   /* bits more than 3 dB from zero: what a library keeps */
};

/* What sixteen channels need to be printed. */
struct oh_print_group {
    float power[OH_PRINT_SPAN][OH_PRINT_BANDS][OH_LANES]; /* of the last frames, relative to 0 dBm0 */
    float sum[OH_PRINT_SPAN][OH_PRINT_BANDS][OH_LANES];   /* of the power over OH_PRINT_SPAN frames */
    float least[2][OH_PRINT_BANDS][OH_LANES];             /* of these sums, in the present stretch of OH_PRINT_QUIET and in the last one */
    float under[OH_PRINT_BANDS];                          /* power laid under all lanes: 0 while lines are heard */
    uint8_t good[OH_LANES];                               /* frames in a row without loss, stops at OH_PRINT_FRESH */
    uint8_t slot, quiet;                                  /* frames of the present stretch */
};

/* Forget one channel; needed once before its first frame. */
void oh_print_forget(struct oh_print_group *group, int lane);
/* Print one frame of all lanes. lost: bit of each lane whose frame held no good audio. */
void oh_print_frame(struct oh_print_group *group, const struct oh_spectrum two[2], uint32_t lost, struct oh_print out[OH_LANES]);

/* Frames in a clip of so many samples. */
int oh_print_frames(int samples);
/* Print a whole clip of 16 bit PCM as if silence stood before it. out: room for oh_print_frames(samples). */
void oh_print_clip(const int16_t *audio, int samples, struct oh_print *out);

/* The same for a clip of a library, its own speech laid under it. false without memory. */
bool oh_print_known(const int16_t *audio, int samples, struct oh_print *out);

/* Bits set. In plain arithmetic, which compilers turn into vector code. */
static inline uint32_t oh_count_bits(uint32_t x) {
    x -= (x >> 1) & 0x55555555u;
    x = (x & 0x33333333u) + ((x >> 2) & 0x33333333u);
    x = (x + (x >> 4)) & 0x0f0f0f0fu;
    x += x >> 8;
    x += x >> 16;
    return x & 0x3fu;
}

#endif
