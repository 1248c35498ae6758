/* TTY, Baudot at 45.45 or 50 baud (TIA-825, V.18 5-bit): 1400 Hz mark, 1800 Hz space, one at a time.
 *
 * A bit is 20 or 22 ms, about two hops, so each hop tells one of the two or, over an edge, a bit of both. Counted are changes from one to
 * the other while nothing else sounds: six within 800 ms, no stay on space longer than six bits, are a character or two. */
#include "lane.h"

void oh_tty_hop(const struct oh_ear_call *call) {
    struct oh_tty_state *s = &call->lane->tty;
    const struct oh_hop *h = call->hop;
    if (h->held)
        return;
    int k1 = h->spec->k1[h->lane];
    if (s->idle == 255 && (k1 < 42 || k1 > 61))
        return;
    float mark = oh_hop_power(h, 43, 47), space = oh_hop_power(h, 55, 60);
    bool ours = h->total > 1e-5f && mark + space > 0.75f * h->total;
    if (!ours) {
        s->idle = (uint8_t)(s->idle < 255 ? s->idle + 1 : 255);
        if (s->idle >= 40) {
            s->flips = 0;
            if (s->on) {
                oh_event e = oh_ear_event(OH_EVENT_TONE_END, OH_TONE_TTY, NULL);
                e.at_sample = call->lane->now - (uint32_t)((uint32_t)call->lane->now - s->last);
                e.value = (s->last - s->since) / OH_MS;
                s->on = 0;
                oh_ear_raise(call, &e, s->since);
            }
        }
        return;
    }
    if (s->flips == 0 && s->idle)
        s->since = h->t - OH_WINDOW / 2;
    s->idle = 0;
    s->last = h->t - OH_WINDOW / 2;
    int side = mark > 2.5f * space ? 1 : space > 2.5f * mark ? 2 : 0;
    if (side == 0)
        return;
    if (side == s->side) {
        if (s->run < 255)
            s->run++;
        if ((side == 2 && s->run > 17) || s->run > 60)
            s->flips = 0;
        return;
    }
    s->side = (uint8_t)side;
    s->run = 1;
    if (s->flips < 255)
        s->flips++;
    if (h->t - s->since > 800 * OH_MS && s->flips < 7) {
        s->since = h->t - OH_WINDOW / 2;
        s->flips = 1;
    }
    if (s->on || s->flips < 7)
        return;
    s->on = 1;
    oh_event e = oh_ear_event(OH_EVENT_TONE, OH_TONE_TTY, NULL);
    e.freq_dhz[0] = 14000;
    e.freq_dhz[1] = 18000;
    e.level_cdbm0 = (int16_t)oh_cdb(mark + space);
    e.confidence = 90;
    oh_ear_raise(call, &e, s->since);
}
