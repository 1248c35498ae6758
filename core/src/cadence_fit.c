/* How well a row of a plan explains what was heard: pitches, lengths, patterns. Nothing here keeps state.
 *
 * Lengths are taken within 10 % and 14 ms, frequencies within 1.8 % and 27 Hz. */
#include "cadence.h"

#define LEAST_RING_GAP (1350 * OH_MS)
#define BRIEF_GAP      50 /* ms; up to this a gap and a drop-out look alike */

static float tolerance_hz(float hz) {
    return 27 + 0.018f * hz;
}

float oh_pitch_off(const struct oh_seg *seg, const oh_segment *want) {
    float f0 = seg->dhz[0] * 0.1f, f1 = seg->dhz[1] * 0.1f;
    float lo = want->hz[0], hi = want->hz[0];
    int n = 0;
    for (int i = 0; i < 4 && want->hz[i]; i++, n++) {
        lo = oh_minf(lo, want->hz[i]);
        hi = oh_maxf(hi, want->hz[i]);
    }
    if (n == 0 || n > 3)
        return 9;
    float slack = seg->flags & OH_SEG_EARLY ? 1.4f : 1;
    if (seg->flags & OH_SEG_EARLY && (n > 1 || want->am_hz)) { /* too short yet to tell two sines apart */
        float below = f0 - lo, above = (f1 > 0 ? f1 : f0) - hi, tol = tolerance_hz(hi);
        return below < -tol || above > tol ? 9 : 0.5f;
    }
    if (n == 1 && !want->am_hz) {
        float off = oh_absf(f0 - lo) / (tolerance_hz(lo) * slack);
        if (f1 > 0) /* a second sine does not belong here; sway may make one up while the tone is young */
            return seg->flags & OH_SEG_EARLY && oh_absf((f0 + f1) / 2 - lo) < tolerance_hz(lo) ? 0.9f : 9;
        return seg->am_dhz ? off + 0.3f : off;
    }
    if (n == 1) { /* modulated: carrier and side lines, or its side lines alone, or too shallow to show */
        float am = want->am_hz;
        if (seg->am_dhz)
            return oh_absf(f0 - lo) / tolerance_hz(lo) + (oh_absf(seg->am_dhz * 0.1f - am) > 0.3f * am + 3 ? 0.4f : 0);
        if (f1 > 0)
            return oh_absf(f1 - f0 - 2 * am) < 0.3f * am + 4 || oh_absf(f1 - f0 - am) < 0.3f * am + 4
                       ? oh_minf(oh_absf((f0 + f1) / 2 - lo), oh_minf(oh_absf(f0 - lo), oh_absf(f1 - lo))) / tolerance_hz(lo)
                       : 9;
        return oh_absf(f0 - lo) / tolerance_hz(lo) + (seg->flags & OH_SEG_BEAT ? 0.1f : 0.4f);
    }
    float middle = (lo + hi) / 2;
    if (seg->am_dhz) /* three lines: a triple, or a pair that beats */
        return oh_absf(f0 - middle) / tolerance_hz(middle) + (n == 3 ? 0 : 0.5f);
    if (f1 > 0)
        return oh_maxf(oh_absf(f0 - lo) / tolerance_hz(lo), oh_absf(f1 - hi) / tolerance_hz(hi)) / slack;
    if (hi - lo <= 60 && seg->flags & OH_SEG_BEAT)
        return oh_absf(f0 - middle) / tolerance_hz(middle) + 0.2f;
    if (hi - lo >= 20 && seg->hops >= 12 && seg->purity >= 90 && seg->sway <= 12 && seg->drift <= 3)
        return 9; /* these would beat */
    if (hi - lo <= 32)
        return oh_absf(f0 - middle) / tolerance_hz(middle) + 0.6f;
    return 9;
}

static uint32_t slack_of(const oh_segment *s) {
    return (uint32_t)s->duration_ms * OH_MS / 10 + 14 * OH_MS;
}

float oh_length_off(uint32_t samples, const oh_segment *want, bool fuzzy) {
    uint32_t wish = (uint32_t)want->duration_ms * OH_MS;
    float off = oh_absf((float)samples - (float)wish);
    return off / (float)(slack_of(want) + (fuzzy ? 40 * OH_MS : 0));
}

static struct oh_fit explain(const struct oh_cadence *c, const oh_tone_spec *row, int i, int p, struct oh_fit fit);

struct oh_fit oh_fit_walk(const struct oh_cadence *c, const oh_tone_spec *row, int i, int p, struct oh_fit fit) {
    int total = row->once + row->loop;
    if (i < 0)
        return fit;
    if (p == row->once && row->loop) {
        struct oh_fit around = explain(c, row, i, total - 1, fit);
        if (row->once == 0)
            return around;
        struct oh_fit entered = explain(c, row, i, row->once - 1, fit); /* the loop was just entered */
        return entered.matched > around.matched ? entered : around;
    }
    return p > 0 ? explain(c, row, i, p - 1, fit) : fit;
}

/* After the oldest tone comes a gap that only ringing has. */
static bool ringing_follows(const struct oh_cadence *c, const oh_tone_spec *row) {
    return row->tone == OH_TONE_RINGBACK && c->count >= 2 && c->segs[1].end - c->segs[1].start > LEAST_RING_GAP;
}

/* Explain complete stretch i by position p, then go on. */
static struct oh_fit explain(const struct oh_cadence *c, const oh_tone_spec *row, int i, int p, struct oh_fit fit) {
    const oh_segment *want = &row->segments[p];
    const struct oh_seg *seg = &c->segs[i];
    bool tone = seg->flags & OH_SEG_TONE;
    if (tone == oh_is_gap(want) || want->duration_ms == 0)
        return fit;
    float pitch = tone ? oh_pitch_off(seg, want) : 0;
    if (pitch > 1)
        return fit;
    uint32_t samples = seg->end - seg->start;
    float length = oh_length_off(samples, want, seg->flags & OH_SEG_FUZZY);
    if (seg->flags & OH_SEG_CUT) {
        if (samples > (uint32_t)want->duration_ms * OH_MS && length > 1)
            return fit;
        fit.matched++;
        fit.span += samples;
        fit.first = -1;
        return fit; /* nothing is known of what was before */
    }
    if (length > 1 && !(i == 0 && tone && samples < (uint32_t)want->duration_ms * OH_MS && ringing_follows(c, row)))
        return fit;
    if (length > 1) { /* ringing, of which the beginning of a burst was not switched through */
        fit.matched++;
        fit.first = -1;
        fit.off = (fit.off * (float)(fit.whole + 1) + 0.5f) / (float)(fit.whole + 2);
        fit.span += samples;
        return fit;
    }
    fit.off = (fit.off * (float)(fit.whole + 1) + length + pitch) / (float)(fit.whole + 2);
    fit.matched++;
    fit.whole++;
    fit.first = p;
    fit.span += samples;
    return oh_fit_walk(c, row, i - 1, p, fit);
}

static float known_pitch_off(struct oh_pitches *known, const struct oh_seg *last, const oh_segment *want) {
    for (int i = known->count - 1; i >= 0; i--)
        if (known->of[i]->am_hz == want->am_hz && memcmp(known->of[i]->hz, want->hz, sizeof want->hz) == 0)
            return known->off[i];
    float off = oh_pitch_off(last, want);
    if (known->count < 8) {
        known->of[known->count] = want;
        known->off[known->count++] = off;
    }
    return off;
}

struct oh_fit oh_fit_row(const struct oh_cadence *c, const oh_tone_spec *row, const struct oh_seg *last, struct oh_pitches *known) {
    struct oh_fit best = {0};
    int total = row->once + row->loop;
    bool tone = last->flags & OH_SEG_TONE;
    uint32_t lasts = last->end - last->start;
    for (int p = 0; p < total; p++) {
        const oh_segment *want = &row->segments[p];
        if (tone == oh_is_gap(want))
            continue;
        float pitch = tone ? known_pitch_off(known, last, want) : 0;
        if (pitch > 1)
            continue;
        if (want->duration_ms && lasts > (uint32_t)want->duration_ms * OH_MS + slack_of(want))
            continue;
        struct oh_fit fit = {.matched = 1, .position = p, .first = p, .off = pitch, .span = lasts};
        fit = oh_fit_walk(c, row, c->count - 1, p, fit);
        if (fit.matched > best.matched || (fit.matched == best.matched && fit.off < best.off))
            best = fit;
    }
    return best;
}

uint32_t oh_row_longest(const oh_tone_spec *row, bool gap) {
    uint32_t most = 0;
    for (int i = 0; i < row->once + row->loop; i++)
        if (oh_is_gap(&row->segments[i]) == gap) {
            uint32_t ms = row->segments[i].duration_ms ? row->segments[i].duration_ms : (gap ? 0 : 3600 * 1000u);
            most = ms > most ? ms : most;
        }
    return most * OH_MS;
}

bool oh_row_has_brief_gap(const oh_tone_spec *row) {
    for (int i = 0; i < row->once + row->loop; i++)
        if (oh_is_gap(&row->segments[i]) && row->segments[i].duration_ms <= BRIEF_GAP)
            return true;
    return false;
}

/* Nobody could tell these two segments apart by ear. */
static bool same_segment(const oh_segment *a, const oh_segment *b) {
    for (int i = 0; i < 4; i++) {
        float apart = oh_absf((float)a->hz[i] - (float)b->hz[i]);
        if (!a->hz[i] != !b->hz[i] || (apart > 10 && apart > 0.015f * a->hz[i]))
            return false;
    }
    if (!a->am_hz != !b->am_hz || !a->duration_ms != !b->duration_ms)
        return false;
    int apart = a->duration_ms > b->duration_ms ? a->duration_ms - b->duration_ms : b->duration_ms - a->duration_ms;
    return apart <= 30 || apart * 10 <= a->duration_ms;
}

static const oh_segment *at_step(const oh_tone_spec *row, int n) {
    if (n < row->once)
        return &row->segments[n];
    return row->loop ? &row->segments[row->once + (n - row->once) % row->loop] : NULL;
}

bool oh_same_pattern(const oh_tone_spec *a, const oh_tone_spec *b) {
    for (int n = 0; n < 12; n++) {
        const oh_segment *x = at_step(a, n), *y = at_step(b, n);
        if (!x || !y)
            return x == y;
        if (!same_segment(x, y))
            return false;
        if (!x->duration_ms)
            return true;
    }
    return true;
}

bool oh_plan_stutters(const oh_tone_plan *plan, const struct oh_seg *tone, uint32_t burst, uint32_t gap) {
    for (int i = 0; i < plan->count; i++) {
        const oh_tone_spec *row = &plan->tones[i];
        int total = row->once + row->loop;
        for (int p = 0; p < total; p++) {
            const oh_segment *on = &row->segments[p], *off = p + 1 < total ? on + 1 : row->loop ? &row->segments[row->once] : NULL;
            if (!oh_is_gap(on) && on->duration_ms && off && oh_is_gap(off) && off->duration_ms <= BRIEF_GAP &&
                oh_pitch_off(tone, on) <= 1 && oh_length_off(burst, on, false) <= 1 && oh_length_off(gap, off, false) <= 1)
                return true;
        }
    }
    return false;
}

bool oh_cadence_knows(const oh_tone_plan *plan, const struct oh_seg *seg) {
    for (int i = 0; plan && i < plan->count; i++) {
        const oh_tone_spec *row = &plan->tones[i];
        for (int p = 0; p < row->once + row->loop && oh_is_main(row->tone); p++) {
            const oh_segment *want = &row->segments[p];
            if (oh_is_gap(want) || want->duration_ms == 0 || oh_pitch_off(seg, want) > 1)
                continue;
            if (oh_length_off(seg->end - seg->start, want, false) <= 1)
                return true;
        }
    }
    return false;
}

uint32_t oh_cadence_gap(const oh_tone_plan *plan, const struct oh_seg *seg) {
    uint32_t most = 0, length = seg->end - seg->start;
    for (int i = 0; plan && i < plan->count; i++) {
        const oh_tone_spec *row = &plan->tones[i];
        for (int n = 0; n < row->once + row->loop && oh_is_main(row->tone); n++) {
            const oh_segment *burst = at_step(row, n), *gap = at_step(row, n + 1);
            if (oh_is_gap(burst) || !gap || !oh_is_gap(gap) || gap->duration_ms <= most || oh_pitch_off(seg, burst) > 1)
                continue;
            bool cut = row->tone != OH_TONE_RINGBACK && length < (uint32_t)burst->duration_ms * OH_MS;
            if (cut || oh_length_off(length, burst, false) <= 1)
                most = gap->duration_ms;
        }
    }
    return most * OH_MS;
}
