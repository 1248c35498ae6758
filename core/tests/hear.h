/* Signals for the tests of the detectors, and an ear that listens to them.
 *
 * A signal is built piece by piece in a struct tape (16 bit, 8 kHz; a sine of peak 22827 is 0 dBm0), then hear() plays it to one channel
 * and keeps the events. */
#ifndef OH_HEAR_H
#define OH_HEAR_H

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ear.h"
#include "harness.h"

#define TAPE_MAX 800000 /* 100 s */

struct tape {
    int16_t *audio;
    int samples;
    uint32_t seed;
    int answered_ms; /* the call is answered there; 0 = never */
};

static inline struct tape tape_new(void) {
    struct tape t = {.audio = calloc(TAPE_MAX, sizeof(int16_t)), .seed = 1};
    CHECK(t.audio != NULL);
    return t;
}

/* ms of up to two sines (0 = none) of level dBm0 each. */
static inline void tape_pair(struct tape *t, double hz1, double hz2, int ms, double dbm0) {
    int n = ms * 8;
    CHECK(t->samples + n <= TAPE_MAX);
    double a = 22827 * pow(10, dbm0 / 20);
    for (int i = 0; i < n; i++) {
        double x = (hz1 > 0 ? a * sin(2 * M_PI * hz1 * i / 8000) : 0) + (hz2 > 0 ? a * sin(2 * M_PI * hz2 * i / 8000) : 0);
        t->audio[t->samples + i] = (int16_t)(x > 32767 ? 32767 : x < -32768 ? -32768 : lrint(x));
    }
    t->samples += n;
}

static inline void tape_tone(struct tape *t, double hz, int ms, double dbm0) {
    tape_pair(t, hz, 0, ms, dbm0);
}

static inline void tape_quiet(struct tape *t, int ms) {
    tape_pair(t, 0, 0, ms, 0);
}

static inline double tape_random(struct tape *t) /* -1 to 1 */
{
    t->seed = t->seed * 1664525u + 1013904223u;
    return (double)(t->seed >> 8) / 8388608.0 - 1;
}

/* White noise of this level over all that is on the tape. */
static inline void tape_noise(struct tape *t, double dbm0) {
    double a = 16141 * pow(10, dbm0 / 20) * sqrt(3);
    for (int i = 0; i < t->samples; i++) {
        double x = t->audio[i] + a * tape_random(t);
        t->audio[i] = (int16_t)(x > 32767 ? 32767 : x < -32768 ? -32768 : lrint(x));
    }
}

/* A voice: pulses of a gliding pitch through two resonances, in syllables with pauses. */
static inline void tape_voice(struct tape *t, int ms, double pitch_hz, double dbm0) {
    int n = ms * 8, from = t->samples;
    CHECK(from + n <= TAPE_MAX);
    double phase = 0, a1 = 0, a2 = 0, b1 = 0, b2 = 0, sum = 0, last = 0;
    double *y = calloc((size_t)n, sizeof *y);
    CHECK(y != NULL);
    double f1 = 500, f2 = 1500, f0 = pitch_hz;
    for (int i = 0; i < n; i++) {
        if (i % 1600 == 0) {
            f1 = 450 + 250 * tape_random(t);
            f2 = 1500 + 600 * tape_random(t);
        }
        double syllable = sin(M_PI * (i % 1600) / 1600.0);
        f0 += 0.02 * tape_random(t) * pitch_hz - (f0 - pitch_hz) * 0.001 + 0.01 * sin(i / 900.0);
        phase += f0 / 8000;
        double pulse = 0;
        if (phase >= 1) {
            phase -= 1;
            pulse = 1;
        }
        double r1 = 0.97, r2 = 0.95;
        double u = pulse + 2 * r1 * cos(2 * M_PI * f1 / 8000) * a1 - r1 * r1 * a2;
        a2 = a1;
        a1 = u;
        double v = u + 2 * r2 * cos(2 * M_PI * f2 / 8000) * b1 - r2 * r2 * b2;
        b2 = b1;
        b1 = v;
        y[i] = (v - last) * (i % 6400 < 4800 ? syllable : 0); /* the difference: lips radiate no DC */
        last = v;
        sum += y[i] * y[i];
    }
    double gain = 16141 * pow(10, dbm0 / 20) / sqrt(sum / n + 1e-9);
    for (int i = 0; i < n; i++) {
        double x = y[i] * gain;
        t->audio[from + i] = (int16_t)(x > 32767 ? 32767 : x < -32768 ? -32768 : lrint(x));
    }
    t->samples += n;
    free(y);
}

#define HEARD_MAX 2000

struct heard {
    oh_event events[HEARD_MAX];
    int count;
};

static inline void heard_raise(void *owner, oh_event *event) {
    struct heard *h = owner;
    CHECK(h->count < HEARD_MAX);
    h->events[h->count++] = *event;
}

/* Play the tape and 300 ms of quiet to one channel. valid: one mark per 20 ms of tape, NULL = all good. */
static inline struct heard *hear_marked(const struct tape *t, const char *plan, uint32_t detectors, const uint8_t *valid) {
    static struct heard h;
    h.count = 0;
    struct oh_ear *ear = oh_ear_new(1, OH_LAW_LINEAR, OH_LAYOUT_CHANNEL);
    CHECK(ear != NULL);
    oh_ear_reset(ear, 0, oh_plan_find(plan), detectors);
    struct oh_sink sink = {heard_raise, &h};
    int frames = (t->samples + OH_FRAME_SAMPLES - 1) / OH_FRAME_SAMPLES;
    for (int i = 0; i < frames + 15; i++) {
        int16_t frame[OH_FRAME_SAMPLES] = {0};
        int left = t->samples - i * OH_FRAME_SAMPLES;
        if (left > 0)
            memcpy(frame, t->audio + i * OH_FRAME_SAMPLES, sizeof(int16_t) * (size_t)(left < OH_FRAME_SAMPLES ? left : OH_FRAME_SAMPLES));
        if (t->answered_ms && i == t->answered_ms / 20)
            oh_ear_answered(ear, 0, &sink);
        uint8_t mark = valid && i < frames ? valid[i] : OH_VALID_GOOD;
        oh_ear_frame(ear, frame, &mark, &sink);
    }
    oh_ear_free(ear);
    return &h;
}

static inline struct heard *hear(const struct tape *t, const char *plan, uint32_t detectors) {
    return hear_marked(t, plan, detectors, NULL);
}

/* The n-th final event of this kind and tone (tone -1: any), NULL when there are fewer. */
static inline const oh_event *heard_at(const struct heard *h, int kind, int tone, int n) {
    for (int i = 0; i < h->count; i++)
        if (h->events[i].kind == kind && (tone < 0 || h->events[i].tone == tone) && !(h->events[i].flags & OH_FLAG_PROVISIONAL) && n-- == 0)
            return &h->events[i];
    return NULL;
}

/* How many final events of this kind and tone there are. */
static inline int heard_count(const struct heard *h, int kind, int tone) {
    int n = 0;
    while (heard_at(h, kind, tone, n))
        n++;
    return n;
}

#endif
