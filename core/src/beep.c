/* The beep after which a message may be left: no standard knows it. Taken is a steady tone of one or two sines between 330 and 2250 Hz that
 * lasts 55 ms to 1.6 s and is followed by quiet; refused are lengths and pitches of the plan's own tones, SIT, CNG and DTMF keys.
 *
 * After a voice that has answered, a beep may have the pitch and length of the plan's own tones, for it is alone, and they are not: a machine
 * beeps with what its maker had, and where somebody has hung up the exchange's busy tone follows. A machine's greeting and then such a
 * burst is told at once, after a quarter of a second where that shows whether another burst follows. After a person it is only an early
 * opinion until no other burst can follow any more.
 *
 * What tells a beep from a vowel, a whistle or a note is steadiness. The quiet after it shows how much noise there is, and with it how far
 * a steady tone may seem to be impure, to sway and to drift: all that exceeds this is the sound's own. Short sounds in the range of
 * voices, and those with an overtone of a voice, must be cleaner still. */
#include "lane.h"

#define FAINT    1300 /* cdB below the tone that follows */
#define GREETING 100  /* frames of a voice: no person's word or two */
#define QUICK    (280 * OH_MS)

/* The second sine is so many times the first. */
static bool overtone(const struct oh_seg *s, float times, float tolerance) {
    return oh_absf((float)s->dhz[1] / (float)s->dhz[0] - times) < tolerance;
}

/* Two sines of a machine rather than two overtones of a voice that happen to stand out: in the same noise as the quiet that follows, and
 * not one an overtone of the other. */
static bool pair(const struct oh_seg *s, float impure, float noise) {
    if (overtone(s, 2, 0.03f) || s->dhz[1] > 2.6f * s->dhz[0] || impure > 0.03f + noise)
        return false;
    if (overtone(s, 1.5f, 0.02f))
        return s->hops >= (s->dhz[0] < 5200 ? 12 : 4) && s->sway <= 11 && s->drift <= 2 && s->purity >= 97;
    return true;
}

/* As level and still as a tone is. The longer and purer the sound, the more of a lost block or a slip of the clock may show in it: they
 * come once, a whistle sways and drifts all the time. */
static bool still(const struct oh_seg *s, float noise) {
    float sway = 12, drift = 3;
    if (s->hops >= 20 && s->purity >= 97) {
        sway = s->drift <= 7 ? 18 : 12;
        drift = s->hops >= 30 && s->purity >= 98 && s->sway <= 12 && s->width <= 35 ? 30 : 7;
    }
    if (s->dhz[1] && s->hops >= 12 && s->purity >= 97) {
        sway = 16;
        drift = s->hops >= 30 ? 30 : 12;
    }
    return s->sway <= sway + 80 * noise && s->drift <= drift + 60 * noise;
}

/* noise: power after the sound in parts of the sound's own. */
static bool steady(const struct oh_seg *s, float noise) {
    float impure = 1 - s->purity * 0.01f;
    if (s->purity < 75 || impure > 0.025f + 2 * noise || !still(s, noise))
        return false;
    if (s->dhz[1] == 0 && (s->width < 31 || s->width > 35 + 60 * noise))
        return false;
    bool voice = s->dhz[0] < 5200;
    if (voice && s->hops <= 4 && (impure > 0.015f + noise || s->sway > 11))
        return false;
    if (voice && s->hops <= 1 && (s->purity < 97 || s->width > 34 + 30 * noise))
        return false; /* one hop of it: as a syllable of a child */
    return s->hops >= 1 && (s->dhz[1] == 0 || pair(s, impure, noise));
}

/* Both sines within 3.8 % of a row and a column of DTMF: a digit, or what Q.24 wants refused. */
static bool near_key(const struct oh_seg *s) {
    static const uint16_t rows[4] = {6970, 7700, 8520, 9410}, columns[4] = {12090, 13360, 14770, 16330};
    bool row = false, column = false;
    for (int i = 0; i < 4; i++) {
        row |= oh_absf((float)s->dhz[0] - rows[i]) < 0.038f * rows[i];
        column |= oh_absf((float)s->dhz[1] - columns[i]) < 0.038f * columns[i];
    }
    return row && column;
}

/* A short sound in the range of voices, in the midst of a word: a vowel. */
static bool vowel(const struct oh_lane *lane, const struct oh_seg *s, uint32_t length) {
    uint32_t from = lane->heard.speaks_from, since = s->start - from;
    return from && since > 80 * OH_MS && since < 1500 * OH_MS && length < 250 * OH_MS && s->dhz[0] < 5200;
}

static bool of_another_kind(const struct oh_lane *lane, const struct oh_seg *s, uint32_t length) {
    bool key = near_key(s) && length < 150 * OH_MS;
    bool cng = s->dhz[0] > 10580 && s->dhz[0] < 11420 && length > 385 * OH_MS && length < 600 * OH_MS;
    bool digit = lane->dtmf.key || (lane->dtmf.last_on && (int32_t)(s->end - lane->dtmf.last_on) < 100 * OH_MS);
    return key || cng || digit || lane->sit.said || lane->fax.said || lane->tty.on || lane->cadence.reported ||
           (lane->answered && (int32_t)(s->start - lane->answered_at) < 0) || (!oh_after_voice(lane) && oh_cadence_knows(lane->plan, s)) ||
           vowel(lane, s, length);
}

static void tell(const struct oh_ear_call *call, const struct oh_seg *seg, bool early) {
    oh_event e = oh_ear_event(OH_EVENT_TONE, OH_TONE_BEEP, seg);
    e.flags = early ? OH_FLAG_PROVISIONAL : 0;
    e.value = (seg->end - seg->start) / OH_MS;
    e.cadence_ms[0] = (uint16_t)e.value;
    e.confidence = early ? seg->purity / 2 : seg->purity;
    e.margin_cdb = (int16_t)(seg->level_cdbm0 - oh_cdb(call->hop->total));
    oh_ear_raise(call, &e, seg->start);
}

/* A beep was heard; gap: see oh_cadence_gap(). */
static void found(const struct oh_ear_call *call, uint32_t gap) {
    struct oh_beep_state *b = &call->lane->beep;
    const struct oh_heard *heard = &call->lane->heard;
    uint32_t quiet = gap + gap / 20 + 50 * OH_MS; /* and the time it takes to see a tone */
    bool again = b->late.end && b->seg.start - b->late.end < quiet;
    b->late = b->seg;
    b->told = gap == 0 || (!again && quiet > QUICK && oh_after_voice(call->lane) && (heard->machine || heard->spoken >= GREETING));
    b->waits = !b->told;
    b->due = b->seg.end + quiet;
    if (b->told || (!again && oh_after_voice(call->lane)))
        tell(call, &b->seg, !b->told);
}

/* While it may be a burst of the plan's: another one makes it one, silence a beep. */
static void wait(const struct oh_ear_call *call) {
    struct oh_beep_state *b = &call->lane->beep;
    const struct oh_track *k = &call->lane->track;
    if (call->lane->cadence.reported) {
        b->waits = false;
        return;
    }
    if (k->on && k->seg.level_cdbm0 > b->late.level_cdbm0 - FAINT) {
        int step = k->seg.dhz[0] - b->late.dhz[0];
        b->waits = step < -300 || step > 300;
        return;
    }
    if ((int32_t)(call->hop->t - b->due) < 0 || call->hop->held)
        return;
    b->waits = false;
    tell(call, &b->late, false);
}

void oh_beep_hop(const struct oh_ear_call *call) {
    struct oh_lane *lane = call->lane;
    struct oh_beep_state *b = &lane->beep;
    const struct oh_track *k = &lane->track;
    const struct oh_hop *h = call->hop;
    if (call->track & OH_TRACK_RESUME)
        b->pending = 0;
    if (b->waits)
        wait(call);
    if (call->track & OH_TRACK_END) {
        const struct oh_seg *seg = call->ended;
        uint32_t length = seg->end - seg->start;
        bool fits = length >= 52 * OH_MS && length <= 1650 * OH_MS && seg->dhz[0] >= 3300 && seg->dhz[0] <= 22800 && seg->dhz[1] <= 33000;
        bool faint = b->seg.level_cdbm0 < seg->level_cdbm0 - FAINT;                           /* noise or hum that seemed a tone */
        bool chain = b->seg.end && !faint && (int32_t)(seg->start - b->seg.end) < 40 * OH_MS; /* SIT, melodies, data */
        b->tones = (uint8_t)(chain ? (b->tones < 9 ? b->tones + 1 : 9) : 1);
        /* notes: long clean sounds of changing pitch in the seconds before */
        if (b->seg.end && seg->start - b->seg.end > 2000 * OH_MS)
            b->notes = 0;
        int before = b->notes;
        if (seg->hops >= 8 && seg->purity >= 85 && seg->dhz[0] > 2400 && (seg->dhz[0] > b->note + 200 || seg->dhz[0] + 200 < b->note)) {
            b->notes = (uint8_t)(b->notes < 9 ? b->notes + 1 : 9);
            b->note = seg->dhz[0];
        }
        b->seg = *seg;
        b->pending = fits && b->tones == 1 && before < 3 && !(seg->flags & OH_SEG_CUT) &&
                     (!(seg->flags & OH_SEG_FUZZY) || seg->hops >= 5) && !of_another_kind(lane, seg, length);
    }
    if (!b->pending || h->held)
        return;
    b->pending = 0;
    float noise = h->total / k->before_level;
    if ((k->on && k->level > 0.05f * k->before_level) || noise > 0.12f || !steady(&b->seg, noise))
        return;
    found(call, lane->answered ? oh_cadence_gap(lane->plan, &b->seg) : 0);
}
