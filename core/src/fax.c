/* Fax and modem tones.
 *
 *   CNG          1100 +-38 Hz for 400 ms (T.30: 0.5 s +-15 %)
 *   CED          2100 +-15 Hz for 500 ms without what follows
 *   ANS/ ANSam   the same with phase reversals every 450 ms, with 15 Hz amplitude modulation (V.25, V.8); reversals split
 *                the peak of one window, modulation by its line in the powers of the hops
 *   Bell answer  2225 Hz for 500 ms
 *   V.21         1650/1850 Hz at 300 baud: most power in that band, never one pure tone, for 150 ms, then the flags (01111110) are
 *                looked for bit by bit in the samples
 *
 * A tone is named once. Frequencies get 8 Hz more than the standard says, for carrier systems that shift. */
#include "lane.h"

static void say(const struct oh_ear_call *call, int tone, const struct oh_seg *seg, int confidence) {
    call->lane->fax.said = (uint8_t)tone;
    oh_event e = oh_ear_event(OH_EVENT_TONE, tone, seg);
    e.cadence_ms[0] = (uint16_t)((call->hop->t - seg->start) / OH_MS);
    e.confidence = (uint8_t)confidence;
    e.margin_cdb = (int16_t)(seg->purity * 10);
    oh_ear_raise(call, &e, seg->start);
}

static void say_end(const struct oh_ear_call *call, uint32_t start, uint32_t end) {
    struct oh_fax *f = &call->lane->fax;
    oh_event e = oh_ear_event(OH_EVENT_TONE_END, f->said, NULL);
    e.at_sample = call->lane->now - (uint32_t)((uint32_t)call->lane->now - end);
    e.value = (end - start) / OH_MS;
    f->said = 0;
    oh_ear_raise(call, &e, start);
}

static bool near_hz(const struct oh_seg *seg, int hz, int tolerance) {
    return seg->dhz[1] == 0 && seg->dhz[0] >= (hz - tolerance) * 10 && seg->dhz[0] <= (hz + tolerance) * 10;
}

/* 15 Hz in the powers of the hops (100 a second): correlate, and compare with the mean. */
static void modulation(struct oh_fax *f, const struct oh_hop *h, float power) {
    float turn = (float)((h->t / OH_HOP * 15) % 100) / 100;
    float c = (float)oh_cos_turn(turn), s = (float)oh_sin_turn(turn);
    f->am_re += power * c;
    f->am_im += power * s;
    f->am_cos += c;
    f->am_sin += s;
    f->am_sum += power;
    f->am_n += 1;
}

/* Depth 0.2 gives 0.4 in power, 0.36 after the window; its line is half of that, and a tenth of it is left by a line that clips hard. */
static float modulation_depth(const struct oh_fax *f) {
    if (!(f->am_sum > 0))
        return 0;
    float mean = f->am_sum / f->am_n, re = f->am_re - mean * f->am_cos, im = f->am_im - mean * f->am_sin;
    return oh_sqrtf(re * re + im * im) / f->am_sum;
}

/* 1 modulated, 0 not, -1 not known yet: noise shows a line too, which gets smaller the longer one looks. */
static int modulated(const struct oh_fax *f, int purity, bool last) {
    float depth = modulation_depth(f), noise = 0.001f * (float)(100 - purity);
    if (last)
        return depth > 0.013f + 0.5f * noise;
    return depth > 0.04f + noise ? 1 : depth < 0.01f + 0.4f * noise ? 0 : -1;
}

/* Samples of 300 baud FSK to a count of bits that keep the flag's pattern: two runs of ones of six bits with single zeros around. */
static bool flags_in(const struct oh_ring *ring) {
    enum { N = 960, BIT = 27 };
    static _Thread_local float audio[N];
    float sums[4] = {0};
    oh_ring_read(ring, N, audio);
    /* Sliding sums over one bit of the two tones, mixed down; the sign of the difference is the line's state. */
    static _Thread_local float mix[4][N];
    for (int n = 0; n < N; n++) {
        float m = (float)((n * 33) % 160) / 160, s = (float)((n * 37) % 160) / 160; /* 1650 and 1850 Hz */
        mix[0][n] = audio[n] * (float)oh_cos_turn(m);
        mix[1][n] = audio[n] * (float)oh_sin_turn(m);
        mix[2][n] = audio[n] * (float)oh_cos_turn(s);
        mix[3][n] = audio[n] * (float)oh_sin_turn(s);
    }
    int run = 0, side = 0, flags = 0;
    bool single = false, six = false;
    for (int n = 0; n < N; n++) {
        for (int i = 0; i < 4; i++)
            sums[i] += mix[i][n] - (n >= BIT ? mix[i][n - BIT] : 0);
        if (n < BIT)
            continue;
        float mark = sums[0] * sums[0] + sums[1] * sums[1], space = sums[2] * sums[2] + sums[3] * sums[3];
        int now = mark > space ? 1 : -1;
        if (now == side) {
            run++;
            continue;
        }
        int bits = (run + BIT / 2) / BIT;
        if (side > 0) {
            flags += single && bits == 6;
            six = bits == 6;
            single = false;
        } else {
            single = bits <= 2 && bits >= 1 && (six || bits >= 1);
        }
        side = now;
        run = 1;
    }
    return flags >= 2;
}

static void v21(const struct oh_ear_call *call) {
    struct oh_fax *f = &call->lane->fax;
    const struct oh_hop *h = call->hop;
    int k1 = h->spec->k1[h->lane];
    bool near = k1 >= 49 && k1 <= 63;
    if (!near && !f->v21 && f->said != OH_TONE_V21_PREAMBLE)
        return;
    float band = oh_hop_power(h, 49, 63), low = oh_hop_power(h, 51, 54), high = oh_hop_power(h, 57, 61);
    bool like = h->total > 1e-5f && band > 0.7f * h->total && low > 0.04f * band && high > 0.01f * band;
    if (!like) {
        f->v21 = 0;
        if (f->said == OH_TONE_V21_PREAMBLE && ++f->v21_off > 20)
            say_end(call, f->v21_since, h->t - 20 * OH_HOP);
        return;
    }
    f->v21_off = 0;
    if (f->v21 == 0)
        f->v21_since = h->t - OH_WINDOW / 2;
    f->v21 = (uint8_t)(f->v21 < 250 ? f->v21 + 1 : 250);
    if (f->said || f->v21 < 11 || f->v21 > 120 || f->v21 % 4 != 3 || !flags_in(&call->ring))
        return;
    struct oh_seg seg = {.start = f->v21_since, .dhz = {16500, 18500}, .level_cdbm0 = (int16_t)oh_cdb(band), .purity = 90};
    say(call, OH_TONE_V21_PREAMBLE, &seg, 95);
}

void oh_fax_hop(const struct oh_ear_call *call) {
    struct oh_fax *f = &call->lane->fax;
    const struct oh_track *k = &call->lane->track;
    const struct oh_hop *h = call->hop;
    if (call->track & OH_TRACK_END && f->said && f->said != OH_TONE_V21_PREAMBLE && !(call->track & OH_TRACK_RESUME) && f->gap_from == 0)
        f->gap_from = call->ended->end;
    if (call->track & OH_TRACK_START && !(f->said && f->gap_from && (int32_t)(k->seg.start - f->gap_from) < 80 * OH_MS)) {
        f->reversals = 0;
        f->last_dip = 0;
        f->am_re = f->am_im = f->am_sum = f->am_n = f->am_cos = f->am_sin = 0;
        f->tone_start = k->seg.start;
    }
    if (call->track & OH_TRACK_END && near_hz(call->ended, 1100, 60) && !(call->track & OH_TRACK_RESUME)) {
        uint32_t length = call->ended->end - call->ended->start;
        bool soon = f->cng_end && call->ended->start - f->cng_end < 2200 * OH_MS;
        f->no_cng = (uint8_t)(soon || length > 640 * OH_MS || length < 380 * OH_MS ? (f->no_cng < 9 ? f->no_cng + 1 : 9) : 0);
        f->cng_end = call->ended->end;
    }
    if (call->track & OH_TRACK_START && f->said && f->gap_from && (int32_t)(k->seg.start - f->gap_from) < 80 * OH_MS)
        f->gap_from = 0; /* a reversal or a drop-out */
    if (f->said && f->gap_from && (int32_t)(h->t - f->gap_from) > 120 * OH_MS) {
        say_end(call, f->tone_start, f->gap_from);
        f->gap_from = 0;
    }
    if (h->held)
        return;
    v21(call);
    if (!k->on || k->seg.purity < 45)
        return;
    uint32_t lasts = h->t - f->tone_start;
    const struct oh_seg *seg = &k->seg;
    if ((near_hz(seg, 2100, 40) || near_hz(seg, 2225, 40)) && k->hops > 3) {
        int bin = seg->dhz[0] < 21600 ? 67 : 71;
        float power = oh_hop_power(h, bin - 3, bin + 3) / k->level;
        modulation(f, h, oh_minf(oh_maxf(power, 0.6f), 1.5f)); /* a break is no modulation */
        /* a reversal leaves the power and splits the peak in two */
        float width = oh_hop_width(h, bin);
        if (width < 0.55f)
            f->dip = 0;
        else if (width > 0.75f && power > 0.4f && !f->dip) {
            f->dip = 1;
            uint32_t apart = h->t - (f->last_dip ? f->last_dip : f->tone_start + OH_WINDOW / 2);
            bool regular = apart > 415 * OH_MS && apart < 485 * OH_MS;
            int seen = f->last_dip && f->reversals == 0 ? 2 : f->reversals + 1;
            f->reversals = (uint8_t)(regular ? seen : 0);
            f->last_dip = h->t;
        }
    }
    /* it proves to be more than that; late reversals are rather slips of the clock, of which two fall into step now and then */
    int wanted = lasts < 1700 * OH_MS ? 2 : 3;
    if ((f->said == OH_TONE_FAX_CED || f->said == OH_TONE_ANSAM) && f->reversals >= wanted)
        f->said = 0;
    if (f->said)
        return;
    struct oh_seg whole = *seg;
    whole.start = f->tone_start;
    bool steady = oh_seg_steady(seg);
    /* a slip of the clock is a jump of the phase and leaves pitch and level; a whistle sways */
    bool slipping = lasts > 1000 * OH_MS && f->last_dip && seg->width <= 38 && (seg->sway <= 17 || modulation_depth(f) > 0.1f);
    if (near_hz(seg, 1100, 42) && steady && f->no_cng < 2 && !k->miss && lasts > 418 * OH_MS && lasts < 700 * OH_MS &&
        !call->lane->music.on && !oh_hop_overtone(h, seg->dhz[0])) {
        say(call, OH_TONE_FAX_CNG, &whole, 95);
    } else if (near_hz(seg, 2225, 23) && ((steady && lasts > 500 * OH_MS) || slipping)) {
        say(call, OH_TONE_BELL_ANS, &whole, 95);
    } else if (near_hz(seg, 2100, 23) && (steady || slipping || f->reversals || seg->drift < 12 + 2 * (100 - seg->purity)) &&
               lasts > 540 * OH_MS) {
        bool late = lasts > 1100 * OH_MS;
        bool turned = f->last_dip && h->t - f->last_dip < 500u * OH_MS; /* a slip, or a reversal that another will follow */
        int am = modulated(f, seg->purity, late || f->reversals >= 2);
        if (f->reversals >= 2)
            say(call, am ? OH_TONE_ANSAM_PR : OH_TONE_ANS_PR, &whole, 97);
        else if (am >= 0 && !turned && (f->reversals == 0 || late) && seg->width <= 60)
            say(call, am ? OH_TONE_ANSAM : OH_TONE_FAX_CED, &whole, 90);
    }
}
