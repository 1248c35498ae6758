/* MFC-R2 register signals (Q.441, Q.450 to Q.457): two of six frequencies, forward 1380 to 1980 Hz, backward 1140 to 540 Hz.
 *
 * A hop is a signal when two of the six, within 15 Hz, hold most of its power, 8 dB apart at most, the level above -42 dBm0. Two hops
 * with the same pair raise it, so that 7 ms of it are ignored; it has ended when the pair falls by 10 dB. */
#include "lane.h"

static const int forward_hz[6] = {1380, 1500, 1620, 1740, 1860, 1980}, backward_hz[6] = {1140, 1020, 900, 780, 660, 540};
static const uint8_t pair_signal[6][6] = {
    {0, 1, 2, 4, 7, 11}, {0, 0, 3, 5, 8, 12}, {0, 0, 0, 6, 9, 13}, {0, 0, 0, 0, 10, 14}, {0, 0, 0, 0, 0, 15}};

static int which(const int *hz, float f) {
    for (int i = 0; i < 6; i++)
        if (oh_absf(f - (float)hz[i]) < 17)
            return i;
    return -1;
}

void oh_r2_hop(const struct oh_ear_call *call, bool backward) {
    struct oh_r2_state *r = &call->lane->r2[backward];
    const struct oh_hop *h = call->hop;
    if (h->held) {
        r->cand = 0;
        return;
    }
    const int *hz = backward ? backward_hz : forward_hz;
    float one = h->spec->s1[h->lane], two = h->spec->s2[h->lane];
    int signal = 0;
    if (one + two > 0.7f * h->total && one + two > 6e-5f && two > 0.16f * one) {
        int a = which(hz, oh_hop_hz(h, h->spec->k1[h->lane])), b = which(hz, oh_hop_hz(h, h->spec->k2[h->lane]));
        if (a >= 0 && b >= 0 && a != b)
            signal = a < b ? pair_signal[a][b] : pair_signal[b][a];
    }
    if (r->signal) {
        r->off = (uint8_t)(one + two < 0.1f * r->level || (signal && signal != r->signal) ? r->off + 1 : 0);
        if (r->off == 0)
            r->last_on = h->t;
        if (r->off < 2)
            return;
        oh_event e = oh_ear_event(OH_EVENT_TONE_END, backward ? OH_TONE_R2_BWD : OH_TONE_R2_FWD, NULL);
        uint32_t end = r->last_on - OH_WINDOW / 4;
        e.detail = r->signal;
        e.at_sample = call->lane->now - (uint32_t)((uint32_t)call->lane->now - end);
        e.value = (end - r->onset) / OH_MS;
        r->signal = 0;
        r->cand = 0;
        oh_ear_raise(call, &e, r->onset);
    }
    if (!signal || signal != r->cand) {
        r->cand = (uint8_t)signal;
        r->hops = signal != 0;
        return;
    }
    if (++r->hops < 2)
        return;
    r->signal = (uint8_t)signal;
    r->level = one + two;
    r->off = 0;
    r->onset = h->t - OH_WINDOW / 2 - 2 * OH_HOP;
    r->last_on = h->t;
    oh_event e = oh_ear_event(OH_EVENT_TONE, backward ? OH_TONE_R2_BWD : OH_TONE_R2_FWD, NULL);
    e.detail = r->signal;
    e.level_cdbm0 = (int16_t)oh_cdb(r->level);
    float f1 = oh_hop_hz(h, h->spec->k1[h->lane]), f2 = oh_hop_hz(h, h->spec->k2[h->lane]);
    e.freq_dhz[0] = (uint16_t)(oh_minf(f1, f2) * 10 + 0.5f);
    e.freq_dhz[1] = (uint16_t)(oh_maxf(f1, f2) * 10 + 0.5f);
    e.margin_cdb = (int16_t)(oh_cdb(one + two) - oh_cdb(oh_maxf(h->total - one - two, 1e-9f)));
    e.confidence = 97;
    oh_ear_raise(call, &e, r->onset);
}
