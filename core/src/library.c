#include "library.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dsp.h"

static const uint8_t key_shift[OH_KEYS] = {0, 10, 20};
#define KEY_MASK ((uint32_t)OH_KEY_VALUES - 1)

enum {
    MAX_CLIPS = 65535,
    MAX_FRAMES = 30000000, /* a week of announcements */
    MIN_FRAMES = 25,       /* 0.5 s: shorter clips name nothing */
    LOOK_UPS = 32,         /* in a frame */
    LEAST_SURE = 6,        /* bits of a frame that is looked up */
    LISTED_UNSURE = 4,     /* a frame with more unsure bits in a key is not listed under it */
    NEAR = 24,             /* frames of the second look */
    TWIN = 24,             /* frames that must sound the same, 0.48 s */
    MIN_BITS = 240,        /* bits that are weighed at least */
    MIN_HEARD = 20,        /* and so many frames, 0.4 s */
    FULL_BITS = 700,       /* more of them do not make surer, because neighbours hang together */
    ENDED_FRAMES = 40,     /* so long a clip with twins may still turn out to be another one */
    PATIENCE = 6,          /* weighings without agreement until a candidate is given up */
};

/* Agreement that names a clip, see agreement(): at most a fifth of the bits of 1.28 s wrong. */
#ifndef ENOUGH
#define ENOUGH 15.5f
#endif
#define MARGIN 3.0f /* over the next best of another number */
#define HOPE   7.0f /* stays a candidate */

/* -- comparing ------------------------------------------------------------------------------------------------------------- */

struct tally {
    uint32_t bits, wrong, frames; /* frames that have such bits */
};

/* n frames that lie in a row on both sides; only bits in both masks count. */
static inline struct tally compare(const uint32_t *bits, const uint32_t *mask, const uint32_t *other_bits, const uint32_t *other_mask,
                                   uint32_t n) {
    struct tally t = {0, 0, 0};
    for (uint32_t i = 0; i < n; i++) {
        uint32_t both = mask[i] & other_mask[i];
        t.frames += both != 0;
        t.bits += oh_count_bits(both);
        t.wrong += oh_count_bits((bits[i] ^ other_bits[i]) & both);
    }
    return t;
}

/* How far from chance: 1 minus twice the share of wrong bits, times the root of their number. Over 600 bits and more of two different recordings the
 * share is 0.495 with a spread of 0.031 and comes below 0.31 once in a million places; each hundredth less is three times rarer. The same
 * recording in noise of 10 dB has 0.12, seldom 0.22. */
static float agreement(struct tally t) {
    if (t.bits < MIN_BITS || t.frames < MIN_HEARD)
        return 0;
    float scale = oh_sqrtf((float)(t.bits < FULL_BITS ? t.bits : FULL_BITS));
    return (float)((int32_t)t.bits - 2 * (int32_t)t.wrong) / (float)t.bits * scale;
}

/* -- making ---------------------------------------------------------------------------------------------------------------- */

void oh_library_hold(struct oh_library *library) {
    if (library)
        atomic_fetch_add_explicit(&library->users, 1, memory_order_relaxed);
}

static void destroy(struct oh_library *l) {
    free(l->clip);
    free(l->bits);
    free(l->sure);
    free(l->own);
    free(l->twin);
    free(l->owner);
    for (int k = 0; k < OH_KEYS; k++) {
        free(l->start[k]);
        free(l->listed[k]);
        free(l->listed_bits[k]);
        free(l->listed_past[k]);
    }
    free(l);
}

void oh_library_release(struct oh_library *library) {
    if (library && atomic_fetch_sub_explicit(&library->users, 1, memory_order_acq_rel) == 1)
        destroy(library);
}

/* Room for so many clips and frames, all zero. NULL with ENOMEM. */
static struct oh_library *empty(uint32_t clips, uint32_t frames) {
    struct oh_library *l = calloc(1, sizeof *l);
    if (!l)
        return NULL;
    atomic_init(&l->users, 1);
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
    destroy(l);
    errno = ENOMEM;
    return NULL;
}

static uint32_t unsure_in_key(const struct oh_library *l, uint32_t frame, int key) {
    return ~(l->sure[frame] >> key_shift[key]) & KEY_MASK;
}

static bool is_listed(const struct oh_library *l, uint32_t frame, int key) {
    return frame - l->clip[l->owner[frame]].first >= NEAR / 2 && oh_count_bits(unsure_in_key(l, frame, key)) <= LISTED_UNSURE;
}

/* List all frames by key. false without memory. */
static bool make_index(struct oh_library *l) {
    for (int k = 0; k < OH_KEYS; k++) {
        uint32_t *start = calloc(OH_KEY_VALUES + 1, sizeof *start);
        l->start[k] = start;
        if (!start)
            return false;
        for (uint32_t f = 0; f < l->frames; f++)
            if (is_listed(l, f, k))
                start[((l->bits[f] >> key_shift[k]) & KEY_MASK) + 1]++;
        for (int v = 0; v < OH_KEY_VALUES; v++)
            start[v + 1] += start[v];
        uint32_t total = start[OH_KEY_VALUES];
        uint32_t *listed = l->listed[k] = malloc((total + 1) * sizeof *listed);
        uint32_t *bits = l->listed_bits[k] = malloc((total + 1) * sizeof *bits);
        uint32_t *past = l->listed_past[k] = malloc((total + 1) * sizeof *past);
        if (!listed || !bits || !past)
            return false;
        for (uint32_t f = l->frames; f-- > 0;) /* downwards: each value's end moves to its start */
            if (is_listed(l, f, k)) {
                uint32_t at = --start[((l->bits[f] >> key_shift[k]) & KEY_MASK) + 1];
                listed[at] = f;
                bits[at] = l->bits[f];
                past[at] = l->bits[f - OH_PRINT_PAST];
            }
        for (int v = 0; v < OH_KEY_VALUES; v++)
            start[v] = start[v + 1];
        start[OH_KEY_VALUES] = total;
    }
    return true;
}

static void make_own(struct oh_library *l) {
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
    struct tally t = compare(l->bits + from_a, l->sure + from_a, l->bits + from_b, l->sure + from_b, TWIN);
    if (t.bits < 120 || t.wrong * 8 > t.bits)
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
        for (int k = 0; k < OH_KEYS; k++) {
            uint32_t unsure = unsure_in_key(l, f, k);
            if (oh_count_bits(unsure) > 3)
                continue;
            uint32_t value = (l->bits[f] >> key_shift[k]) & KEY_MASK, flip = unsure;
            for (bool more = true; more; more = flip != unsure) {
                uint32_t v = value ^ flip;
                for (uint32_t i = l->start[k][v]; i < l->start[k][v + 1]; i++) {
                    uint32_t g = l->listed[k][i], both = l->sure[f] & l->sure[g];
                    if (l->owner[g] != l->owner[f] && oh_count_bits((l->bits[f] ^ l->bits[g]) & both) * 6 <= oh_count_bits(both))
                        mark_twins(l, f, g);
                }
                flip = (flip - 1) & unsure;
            }
        }
    }
}

oh_library *oh_library_new(const oh_clip *clips, int count) {
    if (!clips || count < 1 || count > MAX_CLIPS) {
        errno = EINVAL;
        return NULL;
    }
    uint64_t frames = 0;
    for (int c = 0; c < count; c++) {
        if (!clips[c].audio || clips[c].samples < MIN_FRAMES * OH_FRAME_SAMPLES) {
            errno = EINVAL;
            return NULL;
        }
        frames += (uint64_t)oh_print_frames(clips[c].samples);
    }
    if (frames > MAX_FRAMES) {
        errno = EFBIG;
        return NULL;
    }
    struct oh_library *l = empty((uint32_t)count, (uint32_t)frames);
    if (!l)
        return NULL;
    uint32_t first = 0;
    for (int c = 0; c < count; c++) {
        uint32_t n = (uint32_t)oh_print_frames(clips[c].samples);
        struct oh_print *prints = malloc(n * sizeof *prints);
        if (!prints) {
            destroy(l);
            errno = ENOMEM;
            return NULL;
        }
        oh_print_clip(clips[c].audio, clips[c].samples, prints);
        l->clip[c] = (struct oh_library_clip){clips[c].number, first, n, clips[c].sort, false};
        for (uint32_t i = 0; i < n; i++) {
            l->bits[first + i] = prints[i].bits;
            /* what stood before the clip is not known: the first frames hold nothing but its beginning */
            l->sure[first + i] = i < OH_PRINT_FRESH ? 0 : prints[i].clip;
            l->owner[first + i] = (uint16_t)c;
        }
        first += n;
        free(prints);
    }
    if (!make_index(l)) {
        destroy(l);
        errno = ENOMEM;
        return NULL;
    }
    find_twins(l);
    make_own(l);
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

/* -- files ----------------------------------------------------------------------------------------------------------------- */

/* Little-endian, 32 bits each unless said: "OHLIB" 13 10 26, version, clips, frames, CRC-32 of what follows; then of each clip its number, frames and
 * sort; then bits, sure bits and, in octets, marks of all frames. */
static const uint8_t magic[8] = {'O', 'H', 'L', 'I', 'B', 13, 10, 26};
enum { FILE_VERSION = 1, HEAD_BYTES = 24, CLIP_BYTES = 12, FRAME_BYTES = 9 };

static void put32(uint8_t **at, uint32_t x) {
    for (int i = 0; i < 4; i++)
        *(*at)++ = (uint8_t)(x >> (8 * i));
}

static uint32_t get32(const uint8_t **at) {
    uint32_t x = 0;
    for (int i = 0; i < 4; i++)
        x |= (uint32_t) * (*at)++ << (8 * i);
    return x;
}

static uint32_t crc32_of(const uint8_t *data, size_t size) {
    static const uint32_t nibble[16] = {0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4, 0x4db26158, 0x5005713c,
                                        0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c, 0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c};
    uint32_t crc = 0xffffffff;
    for (size_t i = 0; i < size; i++) {
        crc ^= data[i];
        crc = crc >> 4 ^ nibble[crc & 15];
        crc = crc >> 4 ^ nibble[crc & 15];
    }
    return ~crc;
}

size_t oh_library_bytes(const oh_library *library) {
    return library ? HEAD_BYTES + (size_t)library->clips * CLIP_BYTES + (size_t)library->frames * FRAME_BYTES : 0;
}

int oh_library_pack(const oh_library *library, void *data, size_t bytes) {
    if (!library || !data || bytes < oh_library_bytes(library))
        return -EINVAL;
    uint8_t *head = data, *at = head + HEAD_BYTES;
    for (uint32_t c = 0; c < library->clips; c++) {
        put32(&at, library->clip[c].number);
        put32(&at, library->clip[c].frames);
        put32(&at, library->clip[c].sort);
    }
    for (uint32_t f = 0; f < library->frames; f++)
        put32(&at, library->bits[f]);
    for (uint32_t f = 0; f < library->frames; f++)
        put32(&at, library->sure[f]);
    memcpy(at, library->twin, library->frames);
    at += library->frames;
    uint32_t crc = crc32_of(head + HEAD_BYTES, (size_t)(at - head) - HEAD_BYTES);
    memcpy(head, magic, sizeof magic);
    head += sizeof magic;
    put32(&head, FILE_VERSION);
    put32(&head, library->clips);
    put32(&head, library->frames);
    put32(&head, crc);
    return 0;
}

static oh_library *refuse(char *why, int room, int error, const char *format, ...) __attribute__((format(printf, 4, 5)));

static oh_library *refuse(char *why, int room, int error, const char *format, ...) {
    if (why && room > 0) {
        va_list more;
        va_start(more, format);
        vsnprintf(why, (size_t)room, format, more);
        va_end(more);
    }
    errno = error;
    return NULL;
}

oh_library *oh_library_unpack(const void *data, size_t bytes, char *why, int room) {
    const uint8_t *at = data;
    if (!data || bytes < HEAD_BYTES)
        return refuse(why, room, EBADMSG, "%zu octets are too few for a library", bytes);
    if (memcmp(at, magic, sizeof magic) != 0)
        return refuse(why, room, EBADMSG, "not a library of announcements: it does not begin with OHLIB");
    at += sizeof magic;
    uint32_t version = get32(&at), clips = get32(&at), frames = get32(&at), crc = get32(&at);
    if (version != FILE_VERSION)
        return refuse(why, room, EPROTONOSUPPORT, "library of version %u, and only version %d is known: make it again from its clips",
                      version, FILE_VERSION);
    if (clips < 1 || clips > MAX_CLIPS)
        return refuse(why, room, EBADMSG, "%u clips, and a library has 1 to %d", clips, MAX_CLIPS);
    if (frames < clips * (uint64_t)MIN_FRAMES || frames > MAX_FRAMES)
        return refuse(why, room, EBADMSG, "%u frames for %u clips, and there must be %u to %d", frames, clips, clips * MIN_FRAMES,
                      MAX_FRAMES);
    uint64_t wanted = HEAD_BYTES + (uint64_t)clips * CLIP_BYTES + (uint64_t)frames * FRAME_BYTES;
    if (bytes != wanted)
        return refuse(why, room, EBADMSG, "%zu octets, and %u clips with %u frames take %llu: cut short or added to", bytes, clips, frames,
                      (unsigned long long)wanted);
    if (crc32_of(at, bytes - HEAD_BYTES) != crc)
        return refuse(why, room, EBADMSG, "checksum is wrong: the file is damaged, copy it again");
    struct oh_library *l = empty(clips, frames);
    if (!l)
        return refuse(why, room, ENOMEM, "no memory for %u frames", frames);
    uint32_t first = 0;
    for (uint32_t c = 0; c < clips; c++) {
        uint32_t number = get32(&at), n = get32(&at), sort = get32(&at);
        if (n < MIN_FRAMES || n > frames - first || sort > 255) {
            destroy(l);
            return refuse(why, room, EBADMSG, "clip %u has %u frames and sort %u, which cannot be", c, n, sort);
        }
        l->clip[c] = (struct oh_library_clip){number, first, n, (uint8_t)sort, false};
        for (uint32_t i = 0; i < n; i++)
            l->owner[first + i] = (uint16_t)c;
        first += n;
    }
    if (first != frames) {
        destroy(l);
        return refuse(why, room, EBADMSG, "the clips have %u frames together, and the header says %u", first, frames);
    }
    for (uint32_t f = 0; f < frames; f++)
        l->bits[f] = get32(&at);
    for (uint32_t f = 0; f < frames; f++)
        l->sure[f] = get32(&at);
    for (uint32_t f = 0; f < frames; f++)
        l->twin[f] = *at++ & (OH_TWIN_NUMBER | OH_TWIN_SORT);
    if (!make_index(l)) {
        destroy(l);
        return refuse(why, room, ENOMEM, "no memory for the index over %u frames", frames);
    }
    make_own(l);
    return l;
}

/* -- matching -------------------------------------------------------------------------------------------------------------- */

void oh_match_reset(struct oh_match *match) {
    memset(match, 0, sizeof *match);
    match->ended = OH_NO_CLIP;
    for (int i = 0; i < OH_CANDIDATES; i++)
        match->candidates[i].clip = OH_NO_CLIP;
}

static uint32_t last_frame(const struct oh_library_clip *clip) {
    return clip->first + clip->frames - 1;
}

static void weigh(const struct oh_match *m, const struct oh_library *l, struct oh_candidate *c) {
    const struct oh_library_clip *clip = &l->clip[c->clip];
    uint32_t beyond = c->place > last_frame(clip) ? c->place - last_frame(clip) : 0;
    uint32_t n = c->place - beyond - clip->first + 1; /* frames of the clip that were heard */
    if (beyond >= OH_HEARD) {
        c->all = c->own = c->sort = 0;
        return;
    }
    n = n < OH_HEARD - beyond ? n : OH_HEARD - beyond;
    uint32_t from = c->place - beyond + 1 - n;
    const uint32_t *bits = m->bits + m->at + OH_HEARD - beyond - n, *likely = m->likely + m->at + OH_HEARD - beyond - n;
    c->all = agreement(compare(bits, likely, l->bits + from, l->sure + from, n));
    c->own = c->sort = c->all;
    if (!clip->twins)
        return;
    c->own = agreement(compare(bits, likely, l->bits + from, l->own + from, n));
    struct tally t = {0, 0, 0};
    for (uint32_t i = 0; i < n; i++) {
        uint32_t both = l->twin[from + i] & OH_TWIN_SORT ? 0 : likely[i] & l->sure[from + i];
        t.frames += both != 0;
        t.bits += oh_count_bits(both);
        t.wrong += oh_count_bits((bits[i] ^ l->bits[from + i]) & both);
    }
    c->sort = agreement(t);
}

/* A frame of the library agrees with the newest frame heard: look at what came before, and make it a candidate when that agrees too. */
static void consider(struct oh_match *m, const struct oh_library *l, uint32_t frame) {
    const struct oh_library_clip *clip = &l->clip[l->owner[frame]];
    uint32_t heard = frame - clip->first + 1, now = m->at + OH_HEARD - 1u; /* the newest frame in the row */
    uint32_t n = heard < NEAR ? heard : NEAR;
    struct tally t = compare(m->bits + now + 1 - n, m->likely + now + 1 - n, l->bits + frame + 1 - n, l->sure + frame + 1 - n, n);
    if (t.bits < 80 || t.wrong * 10 > t.bits * 3)
        return;
    struct oh_candidate new = {.clip = l->owner[frame], .place = frame, .since = frame - (n - 1)};
    weigh(m, l, &new);
    struct oh_candidate *worst = &m->candidates[0];
    for (int i = 0; i < OH_CANDIDATES; i++) {
        struct oh_candidate *c = &m->candidates[i];
        uint32_t apart = c->place > frame ? c->place - frame : frame - c->place;
        if (c->clip == new.clip && apart <= 2) { /* known; the better of two places stays */
            if (new.all > c->all) {
                new.since = c->since;
                *c = new;
            }
            return;
        }
        if (worst->clip != OH_NO_CLIP && (c->clip == OH_NO_CLIP || c->all < worst->all))
            worst = c;
    }
    if (worst->clip == OH_NO_CLIP || worst->all < new.all)
        *worst = new;
}

/* What a frame is looked up by: its bits and those of OH_PRINT_PAST frames before, and how many may be wrong. */
struct look {
    uint32_t bits, sure, limit, past, past_sure, past_limit;
};

/* Candidates under one value of a key. */
static void look_up(struct oh_match *m, const struct oh_library *l, const struct look *look, int key, uint32_t value) {
    enum { CHUNK = 64 };
    uint32_t end = l->start[key][value + 1];
    for (uint32_t from = l->start[key][value]; from < end; from += CHUNK) {
        uint32_t wrong[CHUNK], n = end - from < CHUNK ? end - from : CHUNK;
        const uint32_t *bits = l->listed_bits[key] + from, *past = l->listed_past[key] + from;
        for (uint32_t i = 0; i < n; i++) {
            uint32_t a = oh_count_bits((bits[i] ^ look->bits) & look->sure), b = oh_count_bits((past[i] ^ look->past) & look->past_sure);
            wrong[i] = (uint32_t)(a > look->limit) | (uint32_t)(b > look->past_limit);
        }
        for (uint32_t i = 0; i < n; i++)
            if (!wrong[i])
                consider(m, l, l->listed[key][from + i]);
    }
}

/* past_sure: sure bits of OH_PRINT_PAST frames before. */
static void find_candidates(struct oh_match *m, const struct oh_library *l, const struct oh_print *print, uint32_t past_sure) {
    uint32_t past = m->at + OH_HEARD - 1u - OH_PRINT_PAST;
    uint32_t sure = oh_count_bits(print->sure), before = oh_count_bits(past_sure);
    if (sure < LEAST_SURE || before < LEAST_SURE)
        return;
    struct look look = {print->bits, print->sure, sure / 5, m->bits[past], past_sure, before / 5};
    uint32_t unsure[OH_KEYS], count[OH_KEYS];
    for (int k = 0; k < OH_KEYS; k++) {
        unsure[k] = ~(print->likely >> key_shift[k]) & KEY_MASK;
        count[k] = oh_count_bits(unsure[k]);
    }
    uint32_t left = LOOK_UPS;
    for (uint32_t width = 0; width <= 5; width++) /* the surest key first */
        for (int k = 0; k < OH_KEYS; k++) {
            if (count[k] != width || 1u << width > left)
                continue;
            left -= 1u << width;
            uint32_t value = (print->bits >> key_shift[k]) & KEY_MASK, flip = unsure[k];
            for (bool more = true; more; more = flip != unsure[k]) {
                look_up(m, l, &look, k, value ^ flip);
                flip = (flip - 1) & unsure[k];
            }
        }
}

static bool was_said(const struct oh_match *m, uint32_t number) {
    for (int i = 0; i < m->said_count; i++)
        if (m->said[i] == number)
            return true;
    return false;
}

static bool tell(struct oh_match *m, const struct oh_library *l, const struct oh_candidate *c, bool named, float margin,
                 struct oh_verdict *out) {
    const struct oh_library_clip *clip = &l->clip[c->clip];
    float over = (named ? c->own > 0 ? c->own : c->all : c->sort) - ENOUGH;
    *out = (struct oh_verdict){
        .named = named,
        .number = clip->number,
        .sort = clip->sort,
        .confidence = (uint8_t)(over <= 0  ? 90
                                : over < 9 ? 90 + (int)over
                                           : 99),
        .margin = (uint16_t)(oh_minf(oh_maxf(margin, 0), 300) * 100),
        .heard = c->place - clip->first + 1,
    };
    if (named) {
        m->named = true;
        m->said[m->said_count % OH_SAID] = clip->number;
        m->said_count = (uint8_t)(m->said_count < OH_SAID ? m->said_count + 1 : OH_SAID);
        m->ended = OH_NO_CLIP;
    }
    m->sort_said = true;
    return true;
}

/* Is one of the candidates sure enough to be told? */
static bool decide(struct oh_match *m, const struct oh_library *l, struct oh_verdict *out) {
    struct oh_candidate *best = NULL, *kin = NULL;
    for (int i = 0; i < OH_CANDIDATES; i++) {
        struct oh_candidate *c = &m->candidates[i];
        if (c->clip == OH_NO_CLIP)
            continue;
        if (!best || c->own > best->own)
            best = c;
        if (!kin || c->sort > kin->sort)
            kin = c;
    }
    if (!best)
        return false;
    float second = 0, other_sort = 0;
    bool alone = true;
    for (int i = 0; i < OH_CANDIDATES; i++) {
        const struct oh_candidate *c = &m->candidates[i];
        if (c->clip == OH_NO_CLIP)
            continue;
        if (l->clip[c->clip].number != l->clip[best->clip].number) {
            second = oh_maxf(second, c->own);
            alone &= c->all <= best->all; /* a likeness does not name what another clip explains better */
        }
        if (l->clip[c->clip].sort != l->clip[kin->clip].sort)
            other_sort = oh_maxf(other_sort, c->sort);
    }
    if (alone && best->own >= ENOUGH && best->own - second >= MARGIN) {
        if (!was_said(m, l->clip[best->clip].number))
            return tell(m, l, best, true, best->own - oh_maxf(second, ENOUGH), out);
        return false;
    }
    if (!m->sort_said && kin->sort >= ENOUGH && kin->sort - other_sort >= MARGIN)
        return tell(m, l, kin, false, kin->sort - oh_maxf(other_sort, ENOUGH), out);
    return false;
}

/* The clip was heard to its end, and most of it. */
static bool is_over(const struct oh_candidate *c, const struct oh_library_clip *clip) {
    return c->place == last_frame(clip) && c->all >= ENOUGH && (c->place - c->since) * 10 >= clip->frames * 6;
}

/* A clip that others begin with can only be named once it is over and nothing else went on. */
static bool decide_ended(struct oh_match *m, const struct oh_library *l, struct oh_verdict *out) {
    for (int i = 0; i < OH_CANDIDATES; i++) {
        const struct oh_candidate *c = &m->candidates[i];
        if (c->clip != OH_NO_CLIP && m->ended == OH_NO_CLIP && !m->named && is_over(c, &l->clip[c->clip])) {
            m->ended = c->clip;
            m->ended_ago = 0;
        }
    }
    if (m->ended == OH_NO_CLIP || ++m->ended_ago < ENDED_FRAMES)
        return false;
    struct oh_candidate over = {.clip = m->ended, .place = last_frame(&l->clip[m->ended]), .all = ENOUGH};
    m->ended = OH_NO_CLIP;
    return tell(m, l, &over, true, 0, out);
}

bool oh_match_frame(struct oh_match *m, const struct oh_library *l, const struct oh_print *print, struct oh_verdict *out) {
    uint8_t at = m->at;
    uint32_t past_sure = m->sure[at % OH_PRINT_PAST];
    m->sure[at % OH_PRINT_PAST] = print->sure;
    m->bits[at] = m->bits[at + OH_HEARD] = print->bits;
    m->likely[at] = m->likely[at + OH_HEARD] = print->likely;
    m->at = (uint8_t)((at + 1) % OH_HEARD);
    m->odd ^= 1;
    bool explained = false; /* by an announcement that was told already: nothing else is looked for */
    for (int i = 0; i < OH_CANDIDATES; i++) {
        struct oh_candidate *c = &m->candidates[i];
        if (c->clip == OH_NO_CLIP)
            continue;
        c->place++;
        if (c->place % 4 == 0) {
            weigh(m, l, c);
            c->worse = (uint16_t)(c->all >= HOPE ? 0 : c->worse + 1);
            if (c->worse > PATIENCE || c->place > last_frame(&l->clip[c->clip]) + OH_HEARD)
                c->clip = OH_NO_CLIP;
        }
        explained |= c->all >= ENOUGH && c->clip != OH_NO_CLIP && was_said(m, l->clip[c->clip].number);
    }
    if (!m->odd && !explained)
        find_candidates(m, l, print, past_sure);
    if (decide_ended(m, l, out))
        return true;
    return !m->odd && decide(m, l, out);
}

int oh_library_match(const oh_library *library, const int16_t *audio, int samples, oh_match_found *found, int room) {
    if (!library || !audio || samples < 0 || !found || room < 1)
        return -EINVAL;
    int frames = oh_print_frames(samples), count = 0;
    struct oh_print *prints = malloc(((size_t)frames + 1) * sizeof *prints);
    struct oh_match *match = malloc(sizeof *match);
    if (!prints || !match) {
        free(prints);
        free(match);
        return -ENOMEM;
    }
    oh_print_clip(audio, samples, prints);
    oh_match_reset(match);
    struct oh_print quiet = {0};
    for (int f = 0; f < frames + ENDED_FRAMES + OH_HEARD && count < room; f++) {
        struct oh_verdict v;
        if (oh_match_frame(match, library, f < frames ? &prints[f] : &quiet, &v)) {
            found[count++] = (oh_match_found){.number = v.number,
                                              .at_frame = (uint32_t)f,
                                              .sort = v.sort,
                                              .provisional = !v.named,
                                              .confidence = v.confidence,
                                              .margin = v.margin};
        }
    }
    free(prints);
    free(match);
    return count;
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
    for (int shift = MIN_FRAMES - one->frames; shift <= other->frames - MIN_FRAMES; shift++) {
        struct overlap o = overlap(one, other, shift);
        float agree = o.frames < MIN_FRAMES ? 0 : agreement(compare(o.bits, o.sure, o.other_bits, o.other_sure, (uint32_t)o.frames));
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
        for (int from = 0; from + MIN_FRAMES <= o.frames; from += MIN_FRAMES / 2) {
            int n = o.frames - from < OH_HEARD / 2 ? o.frames - from : OH_HEARD / 2;
            struct tally t = compare(o.bits + from, o.sure + from, o.other_bits + from, o.other_sure + from, (uint32_t)n);
            if (t.bits >= MIN_BITS / 2 && (int)(t.wrong * 100 / t.bits) > *worst)
                *worst = (int)(t.wrong * 100 / t.bits);
        }
    }
    return (int)(best * 100);
}
