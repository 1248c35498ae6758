#include "fingerprint.h"

#include <string.h>

#include "offhook.h"

/* First bin of each band, and where the last one ends. */
static const uint8_t edge[OH_PRINT_BANDS + 1] = {10, 11, 12, 14, 15, 17, 19, 20, 22, 24, 26, 28, 30, 32, 35, 37, 40,
                                                 42, 45, 48, 51, 54, 57, 60, 64, 67, 71, 75, 79, 83, 88, 93, 97, 102};

#define FLOOR     1e-7f   /* -70 dBm0 in 8 bins: quieter sounds make no bits */
#define HUSH      3e-6f   /* a line quieter than that in all bands is switched off, not noisy */
#define NOISE     1.5f    /* times the least power of a band */
#define NOT_HEARD 1e9f    /* power of what was not heard yet */
#define PER_LG2   3.0103f /* dB */
#define DB(x)     ((x) / PER_LG2)
#define CLIP_DB   3.0f
#define LIKELY_DB 2.0f

void oh_print_forget(struct oh_print_group *group, int lane) {
    group->good[lane] = 0;
    for (int b = 0; b < OH_PRINT_BANDS; b++)
        group->least[0][b][lane] = group->least[1][b][lane] = NOT_HEARD;
}

/* lg2 of a positive number to 0.001. */
static inline float lg2(float x) {
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    float whole = (float)((int32_t)(bits >> 23) - 127);
    bits = (bits & 0x7fffffu) | 0x3f800000u;
    float m;
    memcpy(&m, &bits, sizeof m);
    return whole - 2.5128546f + m * (4.0700908f + m * (-2.1207600f + m * (0.6451524f - 0.0816166f * m)));
}

static void band_powers(const struct oh_spectrum two[2], float (*power)[OH_LANES]) {
    for (int b = 0; b < OH_PRINT_BANDS; b++) {
        float sum[OH_LANES] = {0};
        for (int k = edge[b]; k < edge[b + 1]; k++)
            for (int i = 0; i < OH_LANES; i++)
                sum[i] += two[0].p[k][i] + two[1].p[k][i];
        float scale = 8.0f / (float)(2 * OH_PRINT_SPAN * (edge[b + 1] - edge[b]));
        for (int i = 0; i < OH_LANES; i++)
            power[b][i] = sum[i] * scale;
    }
}

/* Note the least power of each band. Frames of lanes in aside say nothing of the noise. */
static void follow_noise(struct oh_print_group *group, const float (*now)[OH_LANES], const float *aside) {
    if (++group->quiet >= OH_PRINT_QUIET) {
        group->quiet = 0;
        memcpy(group->least[1], group->least[0], sizeof group->least[0]);
        for (int b = 0; b < OH_PRINT_BANDS; b++)
            for (int i = 0; i < OH_LANES; i++)
                group->least[0][b][i] = NOT_HEARD;
    }
    for (int b = 0; b < OH_PRINT_BANDS; b++)
        for (int i = 0; i < OH_LANES; i++) {
            float here = now[b][i] + aside[i], least = group->least[0][b][i];
            group->least[0][b][i] = here < least ? here : least;
        }
}

void oh_print_frame(struct oh_print_group *group, const struct oh_spectrum two[2], uint32_t lost, struct oh_print out[OH_LANES]) {
    float now[OH_PRINT_BANDS][OH_LANES], change[OH_PRINT_BANDS][OH_LANES], all[OH_LANES] = {0}, aside[OH_LANES];
    int slot = group->slot;
    group->slot = (uint8_t)((slot + 1) % OH_PRINT_SPAN);
    band_powers(two, group->power[slot]);
    for (int b = 0; b < OH_PRINT_BANDS; b++)
        for (int i = 0; i < OH_LANES; i++) {
            float sum = 0;
            for (int s = 0; s < OH_PRINT_SPAN; s++)
                sum += group->power[s][b][i];
            now[b][i] = sum;
            all[i] += sum;
        }
    for (int i = 0; i < OH_LANES; i++)
        aside[i] = all[i] < HUSH || (lost >> i & 1) || group->good[i] < OH_PRINT_SPAN - 1 ? NOT_HEARD : 0;
    follow_noise(group, (const float(*)[OH_LANES])now, aside);
    for (int b = 0; b < OH_PRINT_BANDS; b++)
        for (int i = 0; i < OH_LANES; i++) {
            float here = group->least[0][b][i], last = group->least[1][b][i], least = here < last ? here : last;
            float floor = least < NOT_HEARD ? NOISE * least + FLOOR : FLOOR;
            change[b][i] = lg2((now[b][i] + floor) / (group->sum[slot][b][i] + floor));
        }
    memcpy(group->sum[slot], now, sizeof now);

    uint32_t bits[OH_LANES] = {0}, likely[OH_LANES] = {0}, clip[OH_LANES] = {0};
    for (int b = 0; b < OH_PRINT_BANDS - 1; b++)
        for (int i = 0; i < OH_LANES; i++) {
            float d = change[b][i] - change[b + 1][i];
            float size = d < 0 ? -d : d;
            bits[i] |= (uint32_t)(d > 0) << b;
            likely[i] |= (uint32_t)(size > DB(LIKELY_DB)) << b;
            clip[i] |= (uint32_t)(size > DB(CLIP_DB)) << b;
        }
    for (int i = 0; i < OH_LANES; i++) {
        bool gone = lost >> i & 1;
        group->good[i] = (uint8_t)(gone ? 0 : group->good[i] < OH_PRINT_FRESH ? group->good[i] + 1 : OH_PRINT_FRESH);
        bool fresh = group->good[i] < OH_PRINT_FRESH;
        out[i] = fresh ? (struct oh_print){0} : (struct oh_print){bits[i], likely[i], clip[i]};
    }
}

int oh_print_frames(int samples) {
    return samples / OH_FRAME_SAMPLES;
}

void oh_print_clip(const int16_t *audio, int samples, struct oh_print *out) {
    enum { ROWS = 16 + 2 * OH_FRAME_SAMPLES };
    int16_t rows[ROWS][OH_LANES] = {{0}};
    struct oh_print_group group;
    struct oh_spectrum two[2];
    struct oh_print prints[OH_LANES];
    memset(&group, 0, sizeof group);
    oh_print_forget(&group, 0);
    oh_kernel_init();
    oh_kernel_fn *kernel = oh_kernel_chosen();
    int frames = oh_print_frames(samples);
    struct oh_kernel_in in = {.older = rows[0], .old = rows[16], .now = rows[16 + OH_FRAME_SAMPLES], .law = OH_LAW_LINEAR};
    for (int frame = -OH_PRINT_FRESH; frame < frames; frame++) {
        memmove(rows[0], rows[OH_FRAME_SAMPLES], sizeof rows[0] * (ROWS - OH_FRAME_SAMPLES));
        for (int i = 0; i < OH_FRAME_SAMPLES; i++)
            rows[ROWS - OH_FRAME_SAMPLES + i][0] = frame < 0 ? 0 : audio[frame * OH_FRAME_SAMPLES + i];
        kernel(&in, two);
        oh_print_frame(&group, two, 0, prints);
        if (frame >= 0)
            out[frame] = prints[0];
    }
}
