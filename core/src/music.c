/* Music told from tones and from speech, on windows of 1 s: music holds its pitches and hardly pauses, and its pitches change.
 *
 * Counted over 100 hops: hops with sound; hops whose strongest peak stays where it was; changes of that peak to another steady place.
 * Speech glides and pauses, a tone does not change, noise holds nothing. Two lively windows in a row begin music, or three that hold their
 * pitches for longer, which slow music does; three without end it. Counted for all lanes at once, in watch_music(); judged here. */
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

/* Three windows together: hardly a pause, most of the time on a held pitch, more than one sound at a time, and two changes. */
static bool is_slow(const struct oh_music_count *now, const struct oh_music_count before[2]) {
    int loud = now->loud + before[0].loud + before[1].loud, steady = now->steady + before[0].steady + before[1].steady;
    int flips = now->flips + before[0].flips + before[1].flips, tonal = now->tonal + before[0].tonal + before[1].tonal;
    return loud >= 225 && steady >= 195 && flips >= 2 && tonal <= 150;
}

void oh_music_window(const struct oh_ear_call *call) {
    struct oh_music_state *m = &call->lane->music;
    const struct oh_hop *h = call->hop;
    struct oh_watch *w = h->watch;
    int i = h->lane;
    struct oh_music_count now = {(uint8_t)w->music.loud[i], (uint8_t)w->music.steady[i], (uint8_t)w->music.flips[i],
                                 (uint8_t)w->music.tonal[i]};
    bool network = of_network(call->lane);
    bool lively = !network && now.loud >= 85 && now.steady >= 50 && now.flips >= 2 && now.tonal <= 50;
    bool slow = !network && m->kept == 2 && is_slow(&now, m->before);
    bool music = lively || slow;
    m->kept = (uint8_t)(network ? 0 : m->kept < 2 ? m->kept + 1 : 2);
    m->before[1] = m->before[0];
    m->before[0] = now;
    w->music.windows[i] = lively ? (w->music.windows[i] < 9 ? w->music.windows[i] + 1 : 9) : 0;
    m->off = (uint8_t)(music ? 0 : (m->off < 9 ? m->off + 1 : 9));
    if (!m->on && (slow || w->music.windows[i] >= 2)) {
        m->on = 1;
        oh_event e = oh_ear_event(OH_EVENT_MUSIC, 0, NULL);
        e.level_cdbm0 = (int16_t)oh_cdb(h->total);
        e.confidence = 80;
        m->onset = slow ? h->t - 3 * WINDOW_HOPS * OH_HOP - OH_WINDOW / 2 : (uint32_t)w->music.started[i];
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
