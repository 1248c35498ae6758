/* What tests of the software card share: a card with its media plane opened, scripts, and measures of what it plays. */
#ifndef OH_SIM_BENCH_H
#define OH_SIM_BENCH_H

#include "harness.h"

#include "offhook_drivers.h"

#include <errno.h>

#define FRAME OH_FRAME_SAMPLES
#define IDLE  0xD5
#define CH    60 /* two spans */

/* A card with its media plane opened, and one tick's arrays. */
struct bench {
    oh_sim *sim;
    const oh_media *media;
    oh_media_info info;
    uint8_t rx[CH * FRAME], tx[CH * FRAME], valid[CH];
    uint64_t tick;
};

static inline struct bench *open_bench(int realtime, int capture) {
    struct bench *b = calloc(1, sizeof *b);
    CHECK(b != NULL);
    b->sim = oh_sim_new(CH, 30, realtime, capture);
    CHECK(b->sim != NULL);
    b->media = (const oh_media *)oh_sim_media(b->sim);
    CHECK_EQ(b->media->ops->open(b->media->media, &b->info), 0);
    memset(b->tx, IDLE, sizeof b->tx);
    return b;
}

static inline void close_bench(struct bench *b) {
    b->media->ops->close(b->media->media);
    oh_sim_free(b->sim);
    free(b);
}

static inline const uint8_t *tick(struct bench *b) {
    CHECK(b->media->ops->wait(b->media->media, 1000) >= 1);
    CHECK_EQ(b->media->ops->rx(b->media->media, b->rx, b->valid, &b->tick), 0);
    CHECK_EQ(b->media->ops->tx(b->media->media, b->tx), 0);
    return b->rx;
}

/* A script for one call, not looping. */
static inline oh_sim_script script(uint32_t call) {
    oh_sim_script s;
    memset(&s, 0, sizeof s);
    s.call = call;
    s.seed = call;
    s.loop_from = 255;
    return s;
}

static inline void add_tone(oh_sim_script *s, float hz, float peak, uint32_t samples) {
    s->step[s->steps++] = (oh_sim_step){.kind = OH_SIM_TONE, .hz = {hz}, .gain = peak, .samples = samples};
}

static inline void add_clip(oh_sim_script *s, int clip, uint32_t samples) {
    s->step[s->steps++] = (oh_sim_step){.kind = OH_SIM_CLIP, .clip = (uint16_t)clip, .gain = 1, .samples = samples};
}

static inline void add_silence(oh_sim_script *s, uint32_t samples, int flags) {
    s->step[s->steps++] = (oh_sim_step){.kind = OH_SIM_SILENCE, .flags = (uint8_t)flags, .samples = samples};
}

/* A clip whose octets show their place: octet i is i modulo 251. */
static inline int add_counting_clip(oh_sim *sim, int samples) {
    int16_t *linear = malloc((size_t)samples * sizeof *linear);
    CHECK(linear != NULL);
    for (int i = 0; i < samples; i++)
        linear[i] = oh_alaw_decode((uint8_t)(i % 251));
    int clip = oh_sim_clip_add(sim, linear, samples);
    free(linear);
    CHECK(clip >= 0);
    return clip;
}

static inline double level_dbm0(const uint8_t *alaw, int samples) {
    double sum = 0;
    for (int i = 0; i < samples; i++)
        sum += (double)oh_alaw_decode(alaw[i]) * oh_alaw_decode(alaw[i]);
    return 10 * log10(sum / samples + 1e-9) - 20 * log10(16141.0);
}

/* Share of the power that lies at one frequency. */
static inline double share_at(const uint8_t *alaw, int samples, double hz) {
    double re = 0, im = 0, sum = 0;
    for (int i = 0; i < samples; i++) {
        double x = oh_alaw_decode(alaw[i]), w = 2 * 3.14159265358979323846 * hz * i / OH_SAMPLE_RATE;
        re += x * cos(w);
        im += x * sin(w);
        sum += x * x;
    }
    return 2 * (re * re + im * im) / samples / (sum + 1e-9);
}

static inline void give(struct bench *b, int channel, const oh_sim_script *s) {
    CHECK_EQ(oh_sim_script_set(b->sim, channel, s), 0);
}

/* Collect ticks of channel 0. */
static inline void collect(struct bench *b, uint8_t *out, int ticks) {
    for (int t = 0; t < ticks; t++)
        memcpy(out + t * FRAME, tick(b), FRAME);
}

/* White noise for the card to play. */
static inline void load_noise(struct bench *b) {
    int16_t *table = malloc(OH_SIM_NOISE_SAMPLES * sizeof *table);
    CHECK(table != NULL);
    uint32_t x = 1;
    for (int i = 0; i < OH_SIM_NOISE_SAMPLES; i++) {
        x = x * 1664525u + 1013904223u;
        table[i] = (int16_t)((double)(x >> 8) / (1 << 24) * 2 * 2796 - 2796); /* uniform, RMS 1614 */
    }
    CHECK_EQ(oh_sim_noise_set(b->sim, OH_SIM_WHITE, table), 0);
    CHECK_EQ(oh_sim_noise_set(b->sim, OH_SIM_NO_NOISE, table), -EINVAL);
    free(table);
}

#endif
