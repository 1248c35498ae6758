#include "match.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agree.h"
#include "dsp.h"

enum {
    LOOK_UPS = 32,     /* in a frame */
    CHUNK = 64,        /* listed frames that are searched at once */
    FOUND = 256,       /* frames that agree at first sight; more are not looked at */
    LEAST_LIKELY = 18, /* bits of the three frames that are looked up */
    MOST_WRONG = 28,   /* per cent of the bits at the first two looks */
    NEAR_WRONG = 26,   /* and at the last one */
    NEAR = 24,         /* frames of the last look before one is a candidate */
    NEAR_BITS = 80,    /* that count in them at least */
    OWN_BITS = 150,    /* and in what a clip alone has */
    ENDED_FRAMES = 40, /* so long a clip with twins may still turn out to be another one */
    BEGUN = 100,       /* frames of a clip that may be its beginning: 0.5 s are cut off, 1.5 s are heard */
    PATIENCE = 6,      /* weighings without agreement until a candidate is given up */
};

#define ENOUGH      6.7f /* agreement that names a clip that has begun just now */
#define ENOUGH_LATE 6.8f /* and later in it: recordings are rarely heard from their middle, and most false likenesses lie there */
#define OWN_ENOUGH  3.0f /* agreement of what it alone has, where others begin or end alike: that need only tell it from these */
#define MARGIN      1.5f /* over the next best of another number */
#define HOPE        2.0f /* stays a candidate */

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
    c->all = oh_agreement(oh_agree_count(bits, likely, l->bits + from, l->sure + from, n));
    c->own = c->sort = c->all;
    if (!clip->twins)
        return;
    c->own = oh_agreement_of_few(oh_agree_count(bits, likely, l->bits + from, l->own + from, n), OWN_BITS);
    struct oh_tally t = {0, 0, 0};
    for (uint32_t i = 0; i < n; i++) {
        uint32_t both = l->twin[from + i] & OH_TWIN_SORT ? 0 : likely[i] & l->sure[from + i];
        t.frames += both != 0;
        t.bits += oh_count_bits(both);
        t.wrong += oh_count_bits((bits[i] ^ l->bits[from + i]) & both);
    }
    c->sort = oh_agreement_of_few(t, OWN_BITS);
}

/* The last n frames heard beside those of the library that end at place. */
static struct oh_tally lately(const struct oh_match *m, const struct oh_library *l, uint32_t place, uint32_t n) {
    uint32_t heard = m->at + (uint32_t)OH_HEARD - n, known = place + 1 - n;
    return oh_agree_count(m->bits + heard, m->likely + heard, l->bits + known, l->sure + known, n);
}

/* A frame of the library may be the newest one heard: look at what came before, and make it a candidate when that agrees too. It is weighed
 * later. */
static void consider(struct oh_match *m, const struct oh_library *l, uint32_t frame) {
    const struct oh_library_clip *clip = &l->clip[l->owner[frame]];
    uint32_t heard = frame - clip->first + 1, n = heard < NEAR ? heard : NEAR;
    struct oh_tally t = lately(m, l, frame, n);
    if (t.bits < NEAR_BITS || t.wrong * 100 > t.bits * NEAR_WRONG)
        return;
    struct oh_candidate new = {.clip = l->owner[frame], .place = frame, .since = frame - (n - 1), .all = oh_agreement_of_few(t, NEAR_BITS)};
    struct oh_candidate *worst = &m->candidates[0];
    for (int i = 0; i < OH_CANDIDATES; i++) {
        struct oh_candidate *c = &m->candidates[i];
        uint32_t apart = c->place > frame ? c->place - frame : frame - c->place;
        if (c->clip == new.clip && apart <= 2) { /* known; the better of two places stays */
            bool inside = c->place + 1 >= clip->first + n && c->place <= last_frame(clip);
            if (inside && oh_agreement_of_few(lately(m, l, c->place, n), NEAR_BITS) < new.all)
                c->place = frame;
            return;
        }
        if (worst->clip != OH_NO_CLIP && (c->clip == OH_NO_CLIP || c->all < worst->all))
            worst = c;
    }
    if (worst->clip == OH_NO_CLIP || worst->all < new.all)
        *worst = new;
}

/* Does a frame of the library agree half a step further back, too? */
static inline bool agrees_before(const struct oh_match *m, const struct oh_library *l, uint32_t frame) {
    uint32_t now = m->at + OH_HEARD - 1u, wrong = 0, bits = 0;
    for (uint32_t ago = OH_PRINT_PAST / 2; ago <= 3 * OH_PRINT_PAST / 2; ago += OH_PRINT_PAST) {
        uint32_t mask = m->likely[now - ago];
        bits += oh_count_bits(mask);
        wrong += oh_count_bits((m->bits[now - ago] ^ l->bits[frame - ago]) & mask);
    }
    return wrong * 100 <= bits * MOST_WRONG;
}

static bool is_tracked(const struct oh_match *m, uint32_t frame) {
    for (int i = 0; i < OH_CANDIDATES; i++)
        if (m->candidates[i].place == frame && m->candidates[i].clip != OH_NO_CLIP)
            return true;
    return false;
}

/* A stretch of the lists that is to be searched. */
struct stretch {
    const struct oh_listed *from;
    uint32_t n;
};

static void search(struct oh_match *m, const struct oh_library *l, const struct oh_look *look, const struct stretch *stretch,
                   uint32_t count) {
    uint32_t found[FOUND + CHUNK], all = 0;
    for (uint32_t i = 0; i < count; i++)
        for (uint32_t from = 0; from < stretch[i].n && all <= FOUND; from += CHUNK) {
            uint32_t n = stretch[i].n - from < CHUNK ? stretch[i].n - from : CHUNK;
            uint32_t more = l->scan(look, stretch[i].from + from, n, found + all);
            for (uint32_t a = all; a < all + more; a++)
                __builtin_prefetch(l->bits + found[a] - OH_PRINT_PAST);
            all += more;
        }
    for (uint32_t i = 0; i < all; i++)
        if (agrees_before(m, l, found[i]) && !is_tracked(m, found[i]))
            consider(m, l, found[i]);
}

/* Look the newest frame up under every value that its unsure bits allow, the surest keys first. */
static void find_candidates(struct oh_match *m, const struct oh_library *l, const struct oh_print *print) {
    struct oh_look look;
    uint32_t all = 0;
    for (uint32_t i = 0; i < 3; i++) {
        uint32_t at = m->at + OH_HEARD - 1u - i * OH_PRINT_PAST;
        look.bits[i] = m->bits[at];
        look.likely[i] = m->likely[at];
        all += oh_count_bits(look.likely[i]);
    }
    if (all < LEAST_LIKELY)
        return;
    look.limit = all * MOST_WRONG / 100;
    uint32_t unsure[OH_KEYS], width[OH_KEYS], count = 0;
    struct stretch stretch[LOOK_UPS];
    for (int k = 0; k < OH_KEYS; k++) {
        unsure[k] = ~(print->likely >> oh_key_shift(k)) & OH_KEY_MASK;
        width[k] = oh_count_bits(unsure[k]);
    }
    for (uint32_t w = 0; 1u << w <= LOOK_UPS; w++)
        for (int k = 0; k < OH_KEYS; k++) {
            if (width[k] != w || count + (1u << w) > LOOK_UPS)
                continue;
            uint32_t value = (print->bits >> oh_key_shift(k)) & OH_KEY_MASK, flip = unsure[k];
            for (bool more = true; more; more = flip != unsure[k]) {
                const uint32_t *start = l->start[k] + (value ^ flip);
                const struct oh_listed *from = l->listed[k] + start[0];
                for (uint32_t line = 0; line < start[1] - start[0]; line += 4)
                    __builtin_prefetch(from + line);
                stretch[count++] = (struct stretch){from, start[1] - start[0]};
                flip = (flip - 1) & unsure[k];
            }
        }
    search(m, l, &look, stretch, count);
}

static bool was_said(const struct oh_match *m, uint32_t number) {
    for (int i = 0; i < m->said_count; i++)
        if (m->said[i] == number)
            return true;
    return false;
}

static uint16_t hundredths(float x) {
    return (uint16_t)(oh_minf(oh_maxf(x, 0), 300) * 100);
}

/* What is told of a candidate, and what speaks against it. */
struct finding {
    const struct oh_candidate *who, *rival; /* rival: best of another number, or of another sort; NULL = there is none */
    float score, rival_score;               /* of what only they have */
    bool named;
};

static bool tell(struct oh_match *m, const struct oh_library *l, const struct finding *f, struct oh_verdict *out) {
    const struct oh_library_clip *clip = &l->clip[f->who->clip];
    float over = oh_maxf(f->who->all - ENOUGH, 0);
    *out = (struct oh_verdict){
        .named = f->named,
        .number = clip->number,
        .sort = clip->sort,
        .confidence = (uint8_t)oh_minf(90 + 2.5f * over, 99),
        .margin = hundredths(f->rival ? f->score - f->rival_score : f->who->all - ENOUGH),
        .score = hundredths(f->who->all),
        .rival = f->rival ? l->clip[f->rival->clip].number : 0,
        .rival_score = hundredths(f->rival ? f->rival->all : 0),
        .heard = f->who->place - clip->first + 1,
    };
    if (f->named) {
        m->named = true;
        m->said[m->said_count % OH_SAID] = clip->number;
        m->said_count = (uint8_t)(m->said_count < OH_SAID ? m->said_count + 1 : OH_SAID);
        m->ended = OH_NO_CLIP;
    }
    m->sort_said = true;
    return true;
}

static float enough(const struct oh_library *l, const struct oh_candidate *c) {
    return c->place - l->clip[c->clip].first < BEGUN ? ENOUGH : ENOUGH_LATE;
}

/* All of it agrees well enough, and what only it has is heard more than what only others have. */
static bool is_sure(const struct oh_library *l, const struct finding *f) {
    float all = enough(l, f->who), least = l->clip[f->who->clip].twins ? OWN_ENOUGH : all;
    return f->who->all >= all && f->score >= least && f->score - f->rival_score >= MARGIN;
}

/* Is one of the candidates sure enough to be told? */
static bool decide(struct oh_match *m, const struct oh_library *l, struct oh_verdict *out) {
    struct finding name = {.named = true}, sort = {.named = false};
    for (int i = 0; i < OH_CANDIDATES; i++) {
        const struct oh_candidate *c = &m->candidates[i];
        if (c->clip == OH_NO_CLIP)
            continue;
        if (!name.who || c->own > name.score) {
            name.who = c;
            name.score = c->own;
        }
        if (!sort.who || c->sort > sort.score) {
            sort.who = c;
            sort.score = c->sort;
        }
    }
    if (!name.who)
        return false;
    bool alone = true;
    for (int i = 0; i < OH_CANDIDATES; i++) {
        const struct oh_candidate *c = &m->candidates[i];
        if (c->clip == OH_NO_CLIP)
            continue;
        if (l->clip[c->clip].number != l->clip[name.who->clip].number) {
            alone &= c->all <= name.who->all; /* a likeness does not name what another clip explains better */
            name.rival_score = oh_maxf(name.rival_score, c->own);
            name.rival = !name.rival || c->all > name.rival->all ? c : name.rival;
        }
        if (l->clip[c->clip].sort != l->clip[sort.who->clip].sort) {
            sort.rival_score = oh_maxf(sort.rival_score, c->sort);
            sort.rival = !sort.rival || c->all > sort.rival->all ? c : sort.rival;
        }
    }
    if (alone && is_sure(l, &name))
        return !was_said(m, l->clip[name.who->clip].number) && tell(m, l, &name, out);
    return !m->sort_said && is_sure(l, &sort) && tell(m, l, &sort, out);
}

/* The clip was heard to its end, and most of it. */
static bool is_over(const struct oh_candidate *c, const struct oh_library_clip *clip) {
    return c->place == last_frame(clip) && c->all >= ENOUGH_LATE && (c->place - c->since) * 10 >= clip->frames * 6;
}

/* Half a second and more of it was heard just now. */
static bool goes_on(const struct oh_match *m, const struct oh_library *l, const struct oh_candidate *c) {
    if (c->clip == OH_NO_CLIP || c->place > last_frame(&l->clip[c->clip]) || c->place + 1 < l->clip[c->clip].first + NEAR)
        return false;
    struct oh_tally t = lately(m, l, c->place, NEAR);
    return t.bits >= NEAR_BITS && t.wrong * 100 <= t.bits * NEAR_WRONG;
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
    for (int i = 0; i < OH_CANDIDATES; i++)
        if (m->candidates[i].clip != over.clip && goes_on(m, l, &m->candidates[i]))
            return false;
    return tell(m, l, &(struct finding){.who = &over, .score = ENOUGH, .named = true}, out);
}

bool oh_match_frame(struct oh_match *m, const struct oh_library *l, const struct oh_print *print, struct oh_verdict *out) {
    uint8_t at = m->at;
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
        find_candidates(m, l, print);
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
                                              .margin = v.margin,
                                              .score = v.score,
                                              .rival_score = v.rival_score,
                                              .rival = v.rival,
                                              .place = v.heard};
        }
    }
    free(prints);
    free(match);
    return count;
}
