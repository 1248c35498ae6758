#include "agree.h"

#include <errno.h>
#include <stdlib.h>

#include "dsp.h"
#include "library.h"

enum {
    MIN_BITS = 240,   /* bits that are weighed at least */
    MIN_HEARD = 20,   /* and so many frames, 0.4 s */
    PART = 32,        /* frames of a part that is looked at by itself */
    FULL_FRAMES = 64, /* more of them do not make surer */
};

static float from_chance(struct oh_tally t) {
    return 10.0f * (float)((int32_t)t.bits - 2 * (int32_t)t.wrong) / (float)t.bits;
}

static float length(struct oh_tally t) {
    return oh_sqrtf((float)(t.frames < FULL_FRAMES ? t.frames : FULL_FRAMES) * (1.0f / FULL_FRAMES));
}

float oh_agreement_of_few(struct oh_tally t, uint32_t bits) {
    if (t.bits < bits)
        return 0;
    float root = length(t);
    return from_chance(t) * root * oh_sqrtf(root);
}

float oh_agreement(struct oh_tally t) {
    return t.frames < MIN_HEARD || t.bits < MIN_BITS ? 0 : from_chance(t) * length(t);
}

int oh_fingerprint_make(const int16_t *audio, int samples, uint32_t *bits, uint32_t *sure, int room) {
    if (!audio || samples < 0 || !bits || !sure || room < oh_print_frames(samples))
        return -EINVAL;
    int frames = oh_print_frames(samples);
    struct oh_print *prints = malloc(((size_t)frames + 1) * sizeof *prints);
    if (!prints)
        return -ENOMEM;
    oh_print_clip(audio, samples, prints);
    for (int f = 0; f < frames; f++) {
        bits[f] = prints[f].bits;
        sure[f] = prints[f].clip;
    }
    free(prints);
    return frames;
}

/* Where two fingerprints lie over each other when the first one begins at frame shift of the second one. */
struct overlap {
    const uint32_t *bits, *sure, *other_bits, *other_sure;
    int frames;
};

static struct overlap overlap(const oh_fingerprint *one, const oh_fingerprint *other, int shift) {
    int from = shift < 0 ? -shift : 0, to = other->frames - shift < one->frames ? other->frames - shift : one->frames;
    return (struct overlap){one->bits + from, one->sure + from, other->bits + from + shift, other->sure + from + shift, to - from};
}

int oh_fingerprint_compare(const oh_fingerprint *one, const oh_fingerprint *other, int *offset, int *worst) {
    if (!one || !other || one->frames < 0 || other->frames < 0)
        return -EINVAL;
    float best = 0;
    int best_shift = 0;
    for (int shift = OH_CLIP_LEAST - one->frames; shift <= other->frames - OH_CLIP_LEAST; shift++) {
        struct overlap o = overlap(one, other, shift);
        float agree =
            o.frames < OH_CLIP_LEAST ? 0 : oh_agreement(oh_agree_count(o.bits, o.sure, o.other_bits, o.other_sure, (uint32_t)o.frames));
        if (agree > best) {
            best = agree;
            best_shift = shift;
        }
    }
    if (offset)
        *offset = best_shift;
    if (worst) { /* a part that differs stands out in a window of its own */
        *worst = 0;
        struct overlap o = overlap(one, other, best_shift);
        for (int from = 0; from + OH_CLIP_LEAST <= o.frames; from += OH_CLIP_LEAST / 2) {
            int n = o.frames - from < PART ? o.frames - from : PART;
            struct oh_tally t = oh_agree_count(o.bits + from, o.sure + from, o.other_bits + from, o.other_sure + from, (uint32_t)n);
            if (t.bits >= MIN_BITS / 2 && (int)(t.wrong * 100 / t.bits) > *worst)
                *worst = (int)(t.wrong * 100 / t.bits);
        }
    }
    return (int)(best * 100);
}
