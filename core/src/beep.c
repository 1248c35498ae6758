/* The beep after which a message may be left: no standard knows it. Taken is a steady tone of one or two sines between 330 and 2250 Hz that
 * lasts 55 ms to 1.6 s and is followed by quiet; refused are lengths and pitches of the plan's own tones, SIT, CNG and DTMF keys. */
#include "lane.h"

void oh_beep_hop(const struct oh_ear_call *call) {
    struct oh_lane *lane = call->lane;
    struct oh_beep_state *b = &lane->beep;
    const struct oh_track *k = &lane->track;
    const struct oh_hop *h = call->hop;
    if (call->track & OH_TRACK_RESUME)
        b->pending = 0;
    if (call->track & OH_TRACK_END) {
        const struct oh_seg *seg = call->ended;
        uint32_t length = seg->end - seg->start;
        bool fits = length >= 52 * OH_MS && length <= 1650 * OH_MS && seg->dhz[0] >= 3300 && seg->dhz[0] <= 22800 && seg->dhz[1] <= 22800;
        fits = fits && seg->purity >= 72 && !(seg->flags & (OH_SEG_CUT | OH_SEG_FUZZY)) && (seg->dhz[1] || !(seg->flags & OH_SEG_BEAT));
        bool chain = (int32_t)(seg->start - b->seg.end) < 70 * OH_MS && b->seg.end; /* SIT, melodies */
        b->tones = (uint8_t)(chain ? b->tones + 1 : 1);
        fits = fits && !(lane->armed & OH_DETECT_DTMF && lane->dtmf.key) && !lane->sit.said && b->tones <= 2;
        fits = fits && !(seg->dhz[0] > 10580 && seg->dhz[0] < 11420 && length > 400 * OH_MS && length < 600 * OH_MS);
        bool key = seg->dhz[1] && seg->dhz[0] > 6400 && seg->dhz[0] < 10100 && seg->dhz[1] > 11300 && seg->dhz[1] < 17300 && length < 150 * OH_MS;
        fits = fits && !key && (int32_t)(seg->end - lane->dtmf.last_on) > 100 * OH_MS;
        fits = fits && !oh_cadence_knows(lane->plan, seg) && !lane->cadence.reported;
        b->seg = *seg;
        b->pending = fits;
    }
    if (!b->pending || h->held)
        return;
    if (k->on) {
        b->pending = 0;
        return;
    }
    float level = 1;
    for (int i = b->seg.level_cdbm0; i < 0; i += 100)
        level *= 0.794328f;
    if (h->total > 0.12f * level) {
        b->pending = 0;
        return;
    }
    if (lane->armed & OH_DETECT_DTMF && lane->dtmf.key)
        return;
    oh_event e = oh_ear_event(OH_EVENT_TONE, OH_TONE_BEEP, &b->seg);
    e.value = (b->seg.end - b->seg.start) / OH_MS;
    e.cadence_ms[0] = (uint16_t)e.value;
    e.confidence = b->seg.purity;
    e.margin_cdb = (int16_t)(b->seg.level_cdbm0 - oh_cdb(h->total));
    b->pending = 0;
    oh_ear_raise(call, &e, b->seg.start);
}
