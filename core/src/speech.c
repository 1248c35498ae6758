/* Speech activity and silence.
 *
 * The floor is the least power of the last 0.6 to 1.3 s. A hop is active when it is 8 dB above the floor and above -52 dBm0. Four active
 * hops in a row of which three are no tone begin speech; 200 ms without an active hop end it (pauses between words are longer than stops
 * inside a word, which reach 150 ms). A tone is neither speech nor silence. */
#include "lane.h"

#define HANG_HOPS 20

void oh_speech_hop(const struct oh_ear_call *call) {
    struct oh_speech *s = &call->lane->speech;
    const struct oh_hop *h = call->hop;
    if (h->held)
        return;
    float power = oh_maxf(h->total, 1e-8f);
    if (s->warm < 4) { /* the window still holds the quiet from before the call */
        s->warm++;
        return;
    }
    if (s->floor <= 0) {
        s->floor = s->fast = oh_minf(power, 1e-4f);
        s->silence_from = h->t;
    }
    s->least = s->tick ? oh_minf(s->least, power) : power;
    if (++s->tick == 64) {
        s->tick = 0;
        s->floor = oh_minf(s->least, s->fast) * 1.4f;
        s->fast = s->least;
    }
    s->floor = oh_minf(s->floor, power * 1.4f);
    float limit = oh_maxf(6.3f * s->floor, 6e-6f);
    bool active = power > limit;
    float one = h->spec->s1[h->lane], two = h->spec->s2[h->lane];
    bool tone = one > 0.88f * power || one + two > 0.93f * power;
    bool sound = active || (tone && power > 1e-5f);
    if (sound)
        s->silence_from = h->t;
    s->voiced = (uint8_t)(active ? (s->voiced + !tone < 200 ? s->voiced + !tone : 200) : 0);
    s->active = (uint8_t)(active ? (s->active < 200 ? s->active + 1 : 200) : 0);
    if (s->active == 1)
        s->onset = h->t - OH_WINDOW / 4 - OH_HOP / 2;
    if (!s->on && s->active >= 4 && s->voiced >= 3 && 2 * s->voiced > s->active) {
        s->on = 1;
        s->quiet = 0;
        s->level = 0;
        s->level_n = 0;
        oh_event e = oh_ear_event(OH_EVENT_SPEECH, 0, NULL);
        e.level_cdbm0 = (int16_t)oh_cdb(power);
        e.margin_cdb = (int16_t)(oh_cdb(power) - oh_cdb(s->floor));
        e.confidence = 80;
        oh_ear_raise(call, &e, s->onset);
    }
    if (s->on) {
        if (active && !tone) {
            s->last = h->t;
            s->quiet = 0;
            s->level_n = oh_minf(s->level_n + 1, 1000);
            s->level += (power - s->level) / s->level_n;
        } else if (++s->quiet >= HANG_HOPS) {
            oh_event e = oh_ear_event(OH_EVENT_SPEECH_END, 0, NULL);
            uint32_t end = s->last - OH_WINDOW / 4;
            e.at_sample = call->lane->now;
            e.value = (end - s->onset) / OH_MS;
            e.level_cdbm0 = (int16_t)oh_cdb(s->level);
            e.confidence = 80;
            s->on = 0;
            oh_ear_raise(call, &e, s->onset);
        }
    }
    uint32_t silent = (h->t - s->silence_from) / OH_MS;
    if (silent < 1000)
        s->seconds = 0;
    else if (silent / 1000 > s->seconds) {
        s->seconds = (uint16_t)(silent / 1000);
        oh_event e = oh_ear_event(OH_EVENT_SILENCE, 0, NULL);
        e.value = silent;
        e.level_cdbm0 = (int16_t)oh_cdb(power);
        oh_ear_raise(call, &e, s->silence_from);
    }
}
