/* DTMF digits (ITU-T Q.23, Q.24).
 *
 * A digit is a hop whose power lies in one peak of the row band and one of the column band, both within 2.4 % of their nominal (Q.24:
 * accept 1.8 %, reject 3.0 %), 2.15 % when it is judged, twist within 9.5 dB either way. Two such hops call for a closer look at the samples: in steps of 2.5 ms
 * the pair must have stood for 28 ms (Q.24: accept 40, reject 23) at a steady level, and still stand. That look is what talk-off tests
 * the hardest: a voice hits two frequencies now and then, but not with a flat envelope.
 *
 * A digit has ended after a pause of about 25 ms; breaks of 10 ms are ridden through. */
#include "lane.h"

#define STEP     20 /* samples: 2.5 ms */
#define BLOCKS   28
#define SHORTEST 28 /* ms; Q.24: 40 must be heard, 24 must not */

static const float rows_hz[4] = {697, 770, 852, 941}, columns_hz[4] = {1209, 1336, 1477, 1633};

/* Which of the four, and *off how far from it in parts of it; -1 when none is near. */
static int nearest(const float nominal[4], float hz, float *off) {
    for (int i = 0; i < 4; i++)
        if (oh_absf(hz - nominal[i]) < 0.024f * nominal[i]) {
            *off = oh_absf(hz - nominal[i]) / nominal[i];
            return i;
        }
    return -1;
}

/* Least power of a digit: -44 dBm0; Japan wants to hear -24 dBm a tone and nothing at -29 (Q.24, NTT), hence -27 a tone there. */
static float least(const oh_tone_plan *plan) {
    return plan && plan->name[0] == 'j' && plan->name[1] == 'p' ? 4e-3f : 4e-5f;
}

/* 1 to 16 for a hop that looks like a digit, else 0. */
static int look(const struct oh_hop *h, float *level, float *off) {
    const struct oh_spectrum *s = h->spec;
    float low = s->band[OH_BAND_ROW][h->lane], high = s->band[OH_BAND_COL][h->lane];
    *level = low + high;
    if (!(low + high > 0.6f * h->total) || low + high < 4e-5f || low > 9 * high || high > 9 * low)
        return 0;
    float row_off = 0, column_off = 0;
    int row = nearest(rows_hz, oh_hop_hz(h, s->band_k[OH_BAND_ROW][h->lane]), &row_off);
    int column = nearest(columns_hz, oh_hop_hz(h, s->band_k[OH_BAND_COL][h->lane]), &column_off);
    *off = oh_maxf(row_off, column_off);
    return row < 0 || column < 0 ? 0 : row * 4 + column + 1;
}

/* How long has the sound stood, in samples, up to the newest one; 0 when its envelope is not that of a keyed tone. */
static int stood(const struct oh_ring *ring) {
    float audio[BLOCKS * STEP + 1], e[BLOCKS];
    oh_ring_read(ring, BLOCKS * STEP + 1, audio);
    for (int b = 0; b < BLOCKS; b++) {
        float sum = 0;
        for (int i = 0; i < STEP; i++) {
            float d = audio[b * STEP + i + 1] - audio[b * STEP + i]; /* takes hum and DC away */
            sum += d * d;
        }
        e[b] = sum;
    }
    float plateau = 0;
    for (int b = BLOCKS - 6; b < BLOCKS; b++)
        plateau += e[b] / 6;
    int n = 0, inner = 0;
    float most = 0, least = 1e30f, sum = 0, level = 0;
    for (int b = BLOCKS - 2; b >= 0; b -= 2) { /* 5 ms at a time: the beat of the pair is shorter */
        float pair = (e[b] + e[b + 1]) / 2;
        if (pair < 0.3f * plateau)
            break;
        sum += pair;
        most = oh_maxf(most, pair);
        if (pair < 0.72f * plateau && n >= 8) { /* the edge */
            if (e[b] < 0.3f * plateau)
                break;
            continue;
        }
        least = oh_minf(least, pair);
        if (n > 0) { /* the newest may be an edge too */
            level += pair;
            inner++;
        }
        n += 2;
    }
    /* as long as its energy is at that level: edges count as far as they are filled */
    return most > 2.6f * least || inner == 0 ? 0 : (int)(sum / (level / (float)inner) * 2 * STEP);
}

/* One tone 4 dB above the other, as the formants of a vowel are. */
static bool voiced(const struct oh_hop *h) {
    float low = h->spec->band[OH_BAND_ROW][h->lane], high = h->spec->band[OH_BAND_COL][h->lane];
    return low > 2.5f * high || high > 2.5f * low;
}

/* A payphone tone of the plan is as near as the key, which is off by so many parts: Denmark uses the very pair of #, New Zealand one near 6. */
static bool of_payphone(const oh_tone_plan *plan, const struct oh_hop *h, float off) {
    float low = oh_hop_hz(h, h->spec->band_k[OH_BAND_ROW][h->lane]), high = oh_hop_hz(h, h->spec->band_k[OH_BAND_COL][h->lane]);
    for (int i = 0; plan && i < plan->count; i++) {
        const oh_tone_spec *row = &plan->tones[i];
        for (int p = 0; row->tone == OH_TONE_PAYPHONE && p < row->once + row->loop; p++) {
            const float a = row->segments[p].hz[0], b = row->segments[p].hz[1];
            if (a > 0 && b > 0 && oh_absf(low - a) <= (off + 0.001f) * a && oh_absf(high - b) <= (off + 0.001f) * b)
                return true;
        }
    }
    return false;
}

static float key_power(const struct oh_hop *h, int key) {
    int row = (int)(rows_hz[(key - 1) / 4] / OH_BIN_HZ + 0.5f), column = (int)(columns_hz[(key - 1) % 4] / OH_BIN_HZ + 0.5f);
    return oh_hop_power(h, row - 1, row + 1) + oh_hop_power(h, column - 1, column + 1);
}

void oh_dtmf_hop(const struct oh_ear_call *call) {
    struct oh_dtmf *d = &call->lane->dtmf;
    const struct oh_hop *h = call->hop;
    if (h->held) {
        d->cand = 0;
        return;
    }
    if (d->key) {
        float ratio = key_power(h, d->key) / d->level;
        d->level = oh_maxf(d->level, ratio > 1 ? d->level + 0.3f * (ratio - 1) * d->level : 0);
        d->off = (uint8_t)(ratio < 0.04f ? d->off + 1 : 0);
        if (ratio > 0.25f)
            d->last_on = h->t;
        float level, off;
        int other = look(h, &level, &off);
        d->bad = (uint8_t)(other && other != d->key ? d->bad + 1 : 0);
        if (d->off < 2 && ratio > 0.0035f && d->bad < 2)
            return;
        oh_event e = oh_ear_event(OH_EVENT_TONE_END, OH_TONE_DTMF, NULL);
        e.detail = (uint8_t) "123A456B789C*0#D"[d->key - 1];
        e.at_sample = call->lane->now - (uint32_t)((uint32_t)call->lane->now - (d->last_on - OH_WINDOW / 2));
        e.value = (d->last_on - OH_WINDOW / 2 - d->onset) / OH_MS;
        e.level_cdbm0 = (int16_t)oh_cdb(d->level);
        d->key = 0;
        d->cand = 0;
        oh_ear_raise(call, &e, d->onset);
        return;
    }
    float level, off;
    int key = look(h, &level, &off);
    if (!key) {
        d->cand = 0;
        return;
    }
    if (key != d->cand) {
        d->cand = (uint8_t)key;
        d->hops = 0;
    }
    d->hops = (uint8_t)(d->hops < 255 ? d->hops + 1 : 255);
    if (d->hops < 2 || d->hops > 12)
        return;
    /* a voice that hits a pair hits it at the edge, and not alone: with other sound around the pitch has to be nearer */
    if (off > (level > 0.9f * h->total ? 0.0215f : 0.0155f))
        return;
    int samples = stood(&call->ring);
    if (samples < SHORTEST * OH_MS || level < 0.76f * h->total || (level < 0.85f * h->total && d->hops < 3) ||
        level < least(call->lane->plan))
        return;
    if (level < 0.82f * h->total && (off > 0.012f || voiced(h)))
        return;
    if (!call->lane->answered && of_payphone(call->lane->plan, h, off))
        return;
    d->key = (uint8_t)key;
    d->off = d->bad = 0;
    d->level = level;
    d->last_on = h->t;
    d->onset = h->t - (uint32_t)samples;
    oh_event e = oh_ear_event(OH_EVENT_TONE, OH_TONE_DTMF, NULL);
    const struct oh_spectrum *s = h->spec;
    e.detail = (uint8_t) "123A456B789C*0#D"[key - 1];
    e.level_cdbm0 = (int16_t)oh_cdb(level);
    e.freq_dhz[0] = (uint16_t)(oh_hop_hz(h, s->band_k[OH_BAND_ROW][h->lane]) * 10 + 0.5f);
    e.freq_dhz[1] = (uint16_t)(oh_hop_hz(h, s->band_k[OH_BAND_COL][h->lane]) * 10 + 0.5f);
    e.margin_cdb = (int16_t)(oh_cdb(level) - oh_cdb(oh_maxf(h->total - level, 1e-9f)));
    e.confidence = 98;
    oh_ear_raise(call, &e, d->onset);
}
