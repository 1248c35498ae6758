/* Line quality, judged once a second: one-way audio (nothing but idle code for 2 s), clipping, DC, hum, noise. An event when a fault
 * begins and one with OH_FLAG_CLEARED when it is gone. */
#include "lane.h"

static void set(const struct oh_ear_call *call, int fault, bool now, int cdbm0) {
    struct oh_line_state *l = &call->lane->line;
    uint8_t bit = (uint8_t)(1 << fault);
    if (now == !!(l->faults & bit))
        return;
    l->faults ^= bit;
    oh_event e = oh_ear_event(OH_EVENT_LINE, 0, NULL);
    e.detail = (uint8_t)fault;
    e.flags = now ? 0 : OH_FLAG_CLEARED;
    e.level_cdbm0 = (int16_t)cdbm0;
    oh_ear_raise(call, &e, (uint32_t)call->lane->now);
}

void oh_line_frame(const struct oh_ear_call *call, int clipped) {
    call->lane->line.clipped_frames = (uint16_t)(call->lane->line.clipped_frames + (clipped >= 4));
}

void oh_line_hop(const struct oh_ear_call *call) {
    struct oh_line_state *l = &call->lane->line;
    const struct oh_hop *h = call->hop;
    if (h->held || h->t < OH_WINDOW + OH_HOP) /* the window still holds the quiet from before the call */
        return;
    /* Idle code is a constant: nothing above DC, not even the -66 dBm0 of a line that toggles its last bit. */
    l->idle_hops = (uint16_t)(h->total < 1e-9f ? (l->idle_hops < 60000 ? l->idle_hops + 1 : 60000) : 0);
    if (l->idle_hops == 200)
        set(call, OH_LINE_ONE_WAY, true, -9600);
    else if (l->idle_hops == 0)
        set(call, OH_LINE_ONE_WAY, false, 0);
    float dc = oh_hop_p(h, 0), hum = h->spec->low[h->lane] - dc;
    if (l->hops == 0) {
        l->quiet = h->total;
        l->hum = hum;
    }
    l->hops++;
    l->dc += dc;
    l->hum = oh_minf(l->hum, oh_maxf(hum - 0.25f * dc, 0)); /* a voice leaves gaps, hum does not */
    l->quiet = oh_minf(l->quiet, h->total);
    if (l->hops < 100)
        return;
    /* a constant x leaves x^2 * 0.5 * 2/3 of a sine's power in bin 0; 20 mV of offset on 1.1 V is about -35 dBm0 */
    set(call, OH_LINE_DC, l->dc / 100 > 3e-4f, oh_cdb(l->dc / 100));
    set(call, OH_LINE_HUM, l->hum > 3e-5f && l->hum > 0.3f * l->quiet, oh_cdb(l->hum));
    set(call, OH_LINE_NOISE, l->quiet > 3e-5f && !call->lane->track.on, oh_cdb(l->quiet));
    set(call, OH_LINE_CLIPPING, l->clipped_frames > 1, 314);
    l->hops = 0;
    l->clipped_frames = 0;
    l->dc = 0;
}
