/* Continuity check tones (Q.724): 2010 Hz of North America, 2000 Hz of the ITU, each for 200 ms and measured to 5 Hz. */
#include "lane.h"

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
    if (c->said || !k->on || call->hop->held || k->seg.dhz[1] || k->seg.purity < 60 || (!oh_seg_steady(&k->seg) && k->seg.drift > 8) ||
        call->hop->t - k->seg.start < 200 * OH_MS)
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
