/* Music told from tones and from speech, on windows of 1 s: music holds its pitches and hardly pauses, and its pitches change.
 *
 * Counted over 100 hops: hops with sound; hops whose strongest peak stays where it was; changes of that peak to another steady place.
 * Speech glides and pauses, a tone does not change, noise holds nothing. Two windows in a row begin music, three without end it. Counted for all lanes
 * at once, in watch_music(); judged here. */
#include "lane.h"

#define WINDOW_HOPS 100

/* A signal of the network is being heard: its bursts hold their pitch, and the noise or hum between them makes it change. Of the tones in
 * the cadence's list more are of the plan than not. */
static bool of_network(const struct oh_lane *lane) {
    const struct oh_cadence *c = &lane->cadence;
    if (c->reported || lane->sit.said || lane->fax.said || lane->cot.said)
        return true;
    int known = 0, others = 0;
    for (int i = 0; i < c->count; i++)
        if (c->segs[i].flags & OH_SEG_TONE) {
            bool of_plan = oh_seg_steady(&c->segs[i]) && oh_cadence_knows(lane->plan, &c->segs[i]);
            known += of_plan;
            others += !of_plan;
        }
    return known > others;
}

void oh_music_window(const struct oh_ear_call *call) {
    struct oh_music_state *m = &call->lane->music;
    const struct oh_hop *h = call->hop;
    struct oh_watch *w = h->watch;
    int i = h->lane;
    bool music =
        !of_network(call->lane) && w->music.loud[i] >= 85 && w->music.steady[i] >= 38 && w->music.flips[i] >= 2 && w->music.tonal[i] <= 70;
    w->music.windows[i] = music ? (w->music.windows[i] < 9 ? w->music.windows[i] + 1 : 9) : 0;
    m->off = (uint8_t)(music ? 0 : (m->off < 9 ? m->off + 1 : 9));
    if (!m->on && w->music.windows[i] >= 2) {
        m->on = 1;
        oh_event e = oh_ear_event(OH_EVENT_MUSIC, 0, NULL);
        e.level_cdbm0 = (int16_t)oh_cdb(h->total);
        e.confidence = 80;
        m->onset = (uint32_t)w->music.started[i];
        oh_ear_raise(call, &e, m->onset);
    } else if (m->on && m->off >= 3) {
        m->on = 0;
        oh_event e = oh_ear_event(OH_EVENT_MUSIC_END, 0, NULL);
        e.value = (h->t - 3 * WINDOW_HOPS * OH_HOP - m->onset) / OH_MS;
        e.confidence = 80;
        oh_ear_raise(call, &e, m->onset);
    }
    w->music.hops[i] = w->music.loud[i] = w->music.steady[i] = w->music.flips[i] = w->music.tonal[i] = 0;
}
