/* Continuity check tones (Q.724): 2010 Hz of North America, 2000 Hz of the ITU, each for 200 ms and measured to 5 Hz.
 *
 * They come before anything else on a circuit: after the stretches of tone that talk is made of, 2000 Hz is a machine's beep. A whistle
 * may pass there; it drifts more than the noise around it explains. */
#include "lane.h"

enum { TALK = 4 /* stretches of other tone */ };

void oh_cot_hop(const struct oh_ear_call *call) {
    struct oh_cot_state *c = &call->lane->cot;
    const struct oh_track *k = &call->lane->track;
    if (call->track & OH_TRACK_END && c->said && !(call->track & OH_TRACK_RESUME)) {
        oh_event e = oh_ear_event(OH_EVENT_TONE_END, c->said, call->ended);
        e.at_sample = call->lane->now - (uint32_t)((uint32_t)call->lane->now - call->ended->end);
        e.value = (call->ended->end - call->ended->start) / OH_MS;
        c->said = 0;
        oh_ear_raise(call, &e, call->ended->start);
    }
    if (call->track & OH_TRACK_END && (call->ended->dhz[1] || call->ended->dhz[0] < 19500 || call->ended->dhz[0] > 20600))
        c->others = (uint8_t)(c->others < TALK ? c->others + 1 : TALK);
    if (c->said || c->others >= TALK || !k->on || call->hop->held || k->seg.dhz[1] || k->seg.purity < 60 ||
        k->seg.drift > 5 + (100 - k->seg.purity) || call->hop->t - k->seg.start < 200 * OH_MS)
        return;
    int dhz = k->seg.dhz[0];
    if (dhz < 19760 || dhz > 20340)
        return;
    c->said = dhz > 20050 ? OH_TONE_COT2010 : OH_TONE_COT2000;
    oh_event e = oh_ear_event(OH_EVENT_TONE, c->said, &k->seg);
    e.confidence = 95;
    e.margin_cdb = (int16_t)(dhz > 20050 ? dhz - 20050 : 20050 - dhz);
    oh_ear_raise(call, &e, k->seg.start);
}
