/* Music told from tones and from speech, on windows of 1 s: music holds its pitches and hardly pauses, and its pitches change.
 *
 * Counted over 100 hops: hops with sound; hops whose strongest peak stays where it was; changes of that peak to another steady place.
 * Speech glides and pauses, a tone does not change, noise holds nothing. Two windows in a row begin music, three without end it. */
#include "lane.h"

#define WINDOW_HOPS 100

void oh_music_hop(const struct oh_ear_call *call) {
    struct oh_music_state *m = &call->lane->music;
    const struct oh_hop *h = call->hop;
    if (h->held)
        return;
    int k1 = h->spec->k1[h->lane];
    float peak = h->spec->s1[h->lane];
    bool sound = h->total > 1e-5f;
    if (m->hops == 0 && m->windows == 0)
        m->started = h->t - OH_WINDOW / 2;
    m->hops++;
    m->loud = (uint16_t)(m->loud + sound);
    bool stays = sound && peak > 0.2f * h->total && k1 - m->k <= 1 && m->k - k1 <= 1;
    if (stays) {
        m->run++;
        if (m->run >= 5)
            m->steady++;
        if (m->run == 5 && m->note_k && (k1 - m->note_k > 1 || m->note_k - k1 > 1))
            m->flips++;
        if (m->run >= 5)
            m->note_k = (int16_t)k1;
    } else {
        m->run = 0;
        m->k = (int16_t)k1;
    }
    m->tonal = (uint16_t)(m->tonal + (sound && peak > 0.85f * h->total));
    if (m->hops < WINDOW_HOPS)
        return;
    bool music = m->loud >= 85 && m->steady >= 38 && m->flips >= 2 && m->tonal <= 70;
    m->windows = (uint8_t)(music ? (m->windows < 9 ? m->windows + 1 : 9) : 0);
    m->off = (uint8_t)(music ? 0 : (m->off < 9 ? m->off + 1 : 9));
    if (!m->on && m->windows >= 2) {
        m->on = 1;
        oh_event e = oh_ear_event(OH_EVENT_MUSIC, 0, NULL);
        e.level_cdbm0 = (int16_t)oh_cdb(h->total);
        e.confidence = 80;
        m->onset = m->started;
        oh_ear_raise(call, &e, m->onset);
    } else if (m->on && m->off >= 3) {
        m->on = 0;
        oh_event e = oh_ear_event(OH_EVENT_MUSIC_END, 0, NULL);
        e.value = (h->t - 3 * WINDOW_HOPS * OH_HOP - m->onset) / OH_MS;
        e.confidence = 80;
        oh_ear_raise(call, &e, m->onset);
    }
    m->hops = m->loud = m->steady = m->flips = m->tonal = 0;
}
