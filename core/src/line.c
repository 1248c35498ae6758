/* Line quality, judged once a second: one-way audio (nothing but idle code for 2 s), clipping, DC, hum, noise. An event when a fault
 * begins and one with OH_FLAG_CLEARED when it is gone. Measured for all lanes at once, in watch_line(); judged here. */
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

void oh_line_one_way(const struct oh_ear_call *call) {
    struct oh_watch *w = call->hop->watch;
    int i = call->hop->lane;
    /* Idle code is a constant: nothing above DC, not even the -66 dBm0 of a line that toggles its last bit. */
    bool idle = w->line.idle_hops[i] > 0;
    w->line.one_way[i] = idle ? -1 : 0;
    set(call, OH_LINE_ONE_WAY, idle, idle ? -9600 : 0);
}

void oh_line_second(const struct oh_ear_call *call) {
    struct oh_watch *w = call->hop->watch;
    int i = call->hop->lane;
    float dc = w->line.dc[i] / 100, hum = w->line.hum[i], quiet = w->line.quiet[i];
    /* a constant x leaves x^2 * 0.5 * 2/3 of a sine's power in bin 0; 20 mV of offset on 1.1 V is about -35 dBm0 */
    set(call, OH_LINE_DC, dc > 3e-4f, oh_cdb(dc));
    set(call, OH_LINE_HUM, hum > 3e-5f && hum > 0.3f * quiet, oh_cdb(hum));
    set(call, OH_LINE_NOISE, quiet > 3e-5f && !call->lane->track.on, oh_cdb(quiet));
    set(call, OH_LINE_CLIPPING, w->line.clipped_frames[i] > 1, 314);
    w->line.hops[i] = 0;
    w->line.clipped_frames[i] = 0;
    w->line.dc[i] = 0;
}
