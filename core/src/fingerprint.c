#include "fingerprint.h"

#include <stdlib.h>
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

enum {
    AROUND = 64,    /* frames before and after one that make the speech around it, 1.28 s each */
    NEIGHBOURS = 4, /* bands on either side over which the speech is smoothed */
    ROWS = 16 + 2 * OH_FRAME_SAMPLES,
};
#define UNDER_SPEECH 0.0158f /* -18 dB */
#define SPEAKING     1e-3f   /* of the loudest frame: quieter ones are pauses */

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
            float floor = group->under[b] + (least < NOT_HEARD ? NOISE * least + FLOOR : FLOOR);
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

/* Where a clip is read frame by frame; silence stands before it. */
struct reader {
    oh_kernel_fn *kernel;
    const int16_t *audio;
    int frame; /* next one */
    int16_t rows[ROWS][OH_LANES];
};

static void begin(struct reader *r, const int16_t *audio) {
    memset(r, 0, sizeof *r);
    oh_kernel_init();
    r->kernel = oh_kernel_chosen();
    r->audio = audio;
    r->frame = -OH_PRINT_FRESH;
}

static void read_frame(struct reader *r, struct oh_spectrum two[2]) {
    memmove(r->rows[0], r->rows[OH_FRAME_SAMPLES], sizeof r->rows[0] * (ROWS - OH_FRAME_SAMPLES));
    for (int i = 0; i < OH_FRAME_SAMPLES; i++)
        r->rows[ROWS - OH_FRAME_SAMPLES + i][0] = r->frame < 0 ? 0 : r->audio[r->frame * OH_FRAME_SAMPLES + i];
    struct oh_kernel_in in = {.older = r->rows[0], .old = r->rows[16], .now = r->rows[16 + OH_FRAME_SAMPLES], .law = OH_LAW_LINEAR};
    r->kernel(&in, two);
    r->frame++;
}

/* under: a power for each band of each frame that is laid under it, NULL = none. */
static void print_clip(const int16_t *audio, int frames, const float (*under)[OH_PRINT_BANDS], struct oh_print *out) {
    struct reader r;
    struct oh_print_group group;
    struct oh_spectrum two[2];
    struct oh_print prints[OH_LANES];
    memset(&group, 0, sizeof group);
    oh_print_forget(&group, 0);
    begin(&r, audio);
    for (int frame = -OH_PRINT_FRESH; frame < frames; frame++) {
        if (under)
            memcpy(group.under, under[frame < 0 ? 0 : frame], sizeof group.under);
        read_frame(&r, two);
        oh_print_frame(&group, two, 0, prints);
        if (frame >= 0)
            out[frame] = prints[0];
    }
}

void oh_print_clip(const int16_t *audio, int samples, struct oh_print *out) {
    print_clip(audio, oh_print_frames(samples), NULL, out);
}

/* Two to the power of x, to 0.3 %; in plain arithmetic, so that it is the same on every machine. */
static float two_to(float x) {
    int whole = (int)(x + 200.0f) - 200;
    float rest = x - (float)whole;
    uint32_t bits = (uint32_t)(whole + 127) << 23;
    float scale;
    memcpy(&scale, &bits, sizeof scale);
    return scale * (1.0f + rest * (0.6565f + 0.3435f * rest));
}

/* The powers of a clip's bands; power[f] is of OH_PRINT_SPAN frames like f. Returns the loudest frame's sum. */
static float read_powers(const int16_t *audio, int frames, float (*power)[OH_PRINT_BANDS], float *all) {
    struct reader r;
    struct oh_spectrum two[2];
    float lanes[OH_PRINT_BANDS][OH_LANES], top = 0;
    begin(&r, audio);
    for (int frame = -OH_PRINT_FRESH; frame < frames; frame++) {
        read_frame(&r, two);
        if (frame < 0)
            continue;
        band_powers(two, lanes);
        all[frame] = 0;
        for (int b = 0; b < OH_PRINT_BANDS; b++) {
            power[frame][b] = lanes[b][0] * OH_PRINT_SPAN;
            all[frame] += power[frame][b];
        }
        top = all[frame] > top ? all[frame] : top;
    }
    return top;
}

/* What lies under each frame: the speech around it, smoothed over the bands, by UNDER_SPEECH. */
static void lay_under(const float (*power)[OH_PRINT_BANDS], const float *all, float top, int frames, float (*under)[OH_PRINT_BANDS]) {
    double sum[OH_PRINT_BANDS] = {0};
    int speaking = 0;
    for (int f = -AROUND; f < frames; f++) {
        int in = f + AROUND, out = f - AROUND - 1;
        bool comes = in < frames && all[in] > top * SPEAKING, goes = out >= 0 && all[out] > top * SPEAKING;
        speaking += comes - goes;
        for (int b = 0; b < OH_PRINT_BANDS; b++)
            sum[b] += (comes ? (double)power[in][b] : 0) - (goes ? (double)power[out][b] : 0);
        if (f < 0)
            continue;
        float level[OH_PRINT_BANDS];
        for (int b = 0; b < OH_PRINT_BANDS; b++) {
            float mean = (float)(sum[b] / (speaking ? speaking : 1));
            level[b] = lg2(mean > FLOOR ? mean : FLOOR);
        }
        for (int b = 0; b < OH_PRINT_BANDS; b++) {
            float smooth = 0;
            for (int k = b - NEIGHBOURS; k <= b + NEIGHBOURS; k++)
                smooth += level[k < 0 ? 0 : k < OH_PRINT_BANDS ? k : OH_PRINT_BANDS - 1];
            under[f][b] = UNDER_SPEECH * two_to(smooth * (1.0f / (2 * NEIGHBOURS + 1)));
        }
    }
}

bool oh_print_known(const int16_t *audio, int samples, struct oh_print *out) {
    int frames = oh_print_frames(samples);
    float(*power)[OH_PRINT_BANDS] = malloc(((size_t)frames + 1) * sizeof *power);
    float(*under)[OH_PRINT_BANDS] = malloc(((size_t)frames + 1) * sizeof *under);
    float *all = malloc(((size_t)frames + 1) * sizeof *all);
    bool room = power && under && all;
    if (room) {
        float top = read_powers(audio, frames, power, all);
        lay_under((const float(*)[OH_PRINT_BANDS])power, all, top, frames, under);
        print_clip(audio, frames, (const float(*)[OH_PRINT_BANDS])under, out);
    }
    free(power);
    free(under);
    free(all);
    return room;
}
