#include "library.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agree.h"

enum {
    LISTED_UNSURE = 6,               /* a frame with more unsure bits in a key is not listed under it */
    LISTED_FROM = 2 * OH_PRINT_PAST, /* frames of a clip that are not listed: too little came before them */
    TWIN = 24,                       /* frames that must sound the same, 0.48 s */
};

void oh_library_hold(struct oh_library *library) {
    if (library)
        atomic_fetch_add_explicit(&library->users, 1, memory_order_relaxed);
}

void oh_library_destroy(struct oh_library *l) {
    free(l->clip);
    free(l->bits);
    free(l->sure);
    free(l->own);
    free(l->twin);
    free(l->owner);
    for (int k = 0; k < OH_KEYS; k++) {
        free(l->start[k]);
        free(l->listed[k]);
    }
    free(l);
}

void oh_library_release(struct oh_library *library) {
    if (library && atomic_fetch_sub_explicit(&library->users, 1, memory_order_acq_rel) == 1)
        oh_library_destroy(library);
}

/* Room for so many clips and frames, all zero. NULL with ENOMEM. */
struct oh_library *oh_library_empty(uint32_t clips, uint32_t frames) {
    struct oh_library *l = calloc(1, sizeof *l);
    if (!l)
        return NULL;
    atomic_init(&l->users, 1);
    l->scan = oh_scan_chosen();
    l->clips = clips;
    l->frames = frames;
    l->clip = calloc(clips, sizeof *l->clip);
    l->bits = calloc(frames, sizeof *l->bits);
    l->sure = calloc(frames, sizeof *l->sure);
    l->own = calloc(frames, sizeof *l->own);
    l->twin = calloc(frames, sizeof *l->twin);
    l->owner = calloc(frames, sizeof *l->owner);
    if (l->clip && l->bits && l->sure && l->own && l->twin && l->owner)
        return l;
    oh_library_destroy(l);
    errno = ENOMEM;
    return NULL;
}

static uint32_t unsure_in_key(const struct oh_library *l, uint32_t frame, int key) {
    return ~(l->sure[frame] >> oh_key_shift(key)) & OH_KEY_MASK;
}

static bool is_listed(const struct oh_library *l, uint32_t frame, int key) {
    return frame - l->clip[l->owner[frame]].first >= LISTED_FROM && oh_count_bits(unsure_in_key(l, frame, key)) <= LISTED_UNSURE;
}

/* List all frames by key. false without memory. */
bool oh_library_index(struct oh_library *l) {
    for (int k = 0; k < OH_KEYS; k++) {
        uint32_t *start = calloc(OH_KEY_VALUES + 1, sizeof *start);
        l->start[k] = start;
        if (!start)
            return false;
        for (uint32_t f = 0; f < l->frames; f++)
            if (is_listed(l, f, k))
                start[((l->bits[f] >> oh_key_shift(k)) & OH_KEY_MASK) + 1]++;
        for (int v = 0; v < OH_KEY_VALUES; v++)
            start[v + 1] += start[v];
        uint32_t total = start[OH_KEY_VALUES];
        struct oh_listed *listed = l->listed[k] = malloc((total + 1) * sizeof *listed);
        if (!listed)
            return false;
        for (uint32_t f = l->frames; f-- > 0;) /* downwards: each value's end moves to its start */
            if (is_listed(l, f, k)) {
                uint32_t at = --start[((l->bits[f] >> oh_key_shift(k)) & OH_KEY_MASK) + 1];
                listed[at] = (struct oh_listed){{l->bits[f], l->bits[f - OH_PRINT_PAST], l->bits[f - 2 * OH_PRINT_PAST]}, f};
            }
        for (int v = 0; v < OH_KEY_VALUES; v++)
            start[v] = start[v + 1];
        start[OH_KEY_VALUES] = total;
    }
    return true;
}

void oh_library_own(struct oh_library *l) {
    for (uint32_t f = 0; f < l->frames; f++) {
        l->own[f] = l->twin[f] & OH_TWIN_NUMBER ? 0 : l->sure[f];
        l->clip[l->owner[f]].twins |= l->twin[f] != 0;
    }
}

/* Mark the TWIN frames that end at a and b when they sound the same. */
static void mark_twins(struct oh_library *l, uint32_t a, uint32_t b) {
    const struct oh_library_clip *ca = &l->clip[l->owner[a]], *cb = &l->clip[l->owner[b]];
    if (ca->number == cb->number || b - cb->first + 1 < TWIN)
        return;
    uint32_t from_a = a + 1 - TWIN, from_b = b + 1 - TWIN;
    struct oh_tally t = oh_agree_count(l->bits + from_a, l->sure + from_a, l->bits + from_b, l->sure + from_b, TWIN);
    if (t.bits < 120 || t.wrong * 10 > t.bits)
        return;
    uint8_t mark = (uint8_t)(OH_TWIN_NUMBER | (ca->sort == cb->sort ? 0 : OH_TWIN_SORT));
    for (uint32_t i = 0; i < TWIN; i++) {
        l->twin[from_a + i] |= mark;
        l->twin[from_b + i] |= mark;
    }
}

/* Find what sounds the same in clips of different numbers. */
static void find_twins(struct oh_library *l) {
    for (uint32_t f = 0; f < l->frames; f += 3) {
        if (f - l->clip[l->owner[f]].first + 1 < TWIN)
            continue;
        for (int k = 0; k < OH_KEYS; k += 2) { /* half of the keys will do: twins are long */
            uint32_t unsure = unsure_in_key(l, f, k);
            if (oh_count_bits(unsure) > 3)
                continue;
            uint32_t value = (l->bits[f] >> oh_key_shift(k)) & OH_KEY_MASK, flip = unsure;
            for (bool more = true; more; more = flip != unsure) {
                uint32_t v = value ^ flip;
                for (uint32_t i = l->start[k][v]; i < l->start[k][v + 1]; i++) {
                    uint32_t g = l->listed[k][i].frame, both = l->sure[f] & l->sure[g];
                    if (l->owner[g] != l->owner[f] && oh_count_bits((l->bits[f] ^ l->bits[g]) & both) * 6 <= oh_count_bits(both))
                        mark_twins(l, f, g);
                }
                flip = (flip - 1) & unsure;
            }
        }
    }
}

/* Print all clips, as lines are heard or as a library keeps them. false without memory. */
static bool print_all(struct oh_library *l, const oh_clip *clips, bool known) {
    uint32_t first = 0;
    for (uint32_t c = 0; c < l->clips; c++) {
        uint32_t n = (uint32_t)oh_print_frames(clips[c].samples);
        struct oh_print *prints = malloc(n * sizeof *prints);
        if (!prints)
            return false;
        bool printed = true;
        if (known)
            printed = oh_print_known(clips[c].audio, clips[c].samples, prints);
        else
            oh_print_clip(clips[c].audio, clips[c].samples, prints);
        l->clip[c] = (struct oh_library_clip){clips[c].number, first, n, clips[c].sort, false};
        for (uint32_t i = 0; i < n && printed; i++) {
            l->bits[first + i] = prints[i].bits;
            /* what stood before the clip is not known: the first frames hold nothing but its beginning */
            l->sure[first + i] = i < OH_PRINT_FRESH ? 0 : prints[i].clip;
            l->owner[first + i] = (uint16_t)c;
        }
        first += n;
        free(prints);
        if (!printed)
            return false;
    }
    return true;
}

static void forget_index(struct oh_library *l) {
    for (int k = 0; k < OH_KEYS; k++) {
        free(l->start[k]);
        free(l->listed[k]);
        l->start[k] = NULL;
        l->listed[k] = NULL;
    }
}

/* Twins are sought with all bits that the clips have; then they are printed as they are kept. */
static bool fill(struct oh_library *l, const oh_clip *clips) {
    if (!print_all(l, clips, false) || !oh_library_index(l))
        return false;
    find_twins(l);
    forget_index(l);
    return print_all(l, clips, true) && oh_library_index(l);
}

oh_library *oh_library_new(const oh_clip *clips, int count) {
    if (!clips || count < 1 || count > OH_LIBRARY_CLIPS) {
        errno = EINVAL;
        return NULL;
    }
    uint64_t frames = 0;
    for (int c = 0; c < count; c++) {
        if (!clips[c].audio || clips[c].samples < OH_CLIP_LEAST * OH_FRAME_SAMPLES) {
            errno = EINVAL;
            return NULL;
        }
        frames += (uint64_t)oh_print_frames(clips[c].samples);
    }
    if (frames > OH_LIBRARY_FRAMES) {
        errno = EFBIG;
        return NULL;
    }
    struct oh_library *l = oh_library_empty((uint32_t)count, (uint32_t)frames);
    if (!l)
        return NULL;
    if (!fill(l, clips)) {
        oh_library_destroy(l);
        errno = ENOMEM;
        return NULL;
    }
    oh_library_own(l);
    return l;
}

void oh_library_free(oh_library *library) {
    oh_library_release(library);
}

int oh_library_count(const oh_library *library) {
    return library ? (int)library->clips : 0;
}

int oh_library_shared(const oh_library *library, int clip) {
    if (!library || clip < 0 || (uint32_t)clip >= library->clips)
        return -EINVAL;
    const struct oh_library_clip *c = &library->clip[clip];
    uint64_t shared = 0;
    for (uint32_t f = c->first; f < c->first + c->frames; f++)
        shared += library->twin[f] & OH_TWIN_NUMBER;
    return (int)(shared * 100 / c->frames);
}
