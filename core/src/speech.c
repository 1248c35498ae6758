/* Speech activity and silence.
 *
 * The floor is the least power of the last 0.6 to 1.3 s. A hop is active when it is 8 dB above the floor and above -52 dBm0. Four active
 * hops in a row of which three are no tone begin speech; 200 ms without an active hop end it (pauses between words are longer than stops
 * inside a word, which reach 150 ms). A tone is neither speech nor silence. The first four hops are left out: their window still holds
 * the quiet from before the call.
 *
 * The steps are taken for all lanes at once, in watch_speech(); here is what is said of them. */
#include "lane.h"

void oh_speech_begin(const struct oh_ear_call *call) {
    const struct oh_hop *h = call->hop;
    float power = oh_maxf(h->total, 1e-8f);
    oh_event e = oh_ear_event(OH_EVENT_SPEECH, 0, NULL);
    e.level_cdbm0 = (int16_t)oh_cdb(power);
    e.margin_cdb = (int16_t)(oh_cdb(power) - oh_cdb(h->watch->speech.floor[h->lane]));
    e.confidence = 80;
    oh_ear_raise(call, &e, (uint32_t)h->watch->speech.onset[h->lane]);
}

void oh_speech_end(const struct oh_ear_call *call) {
    const struct oh_hop *h = call->hop;
    uint32_t onset = (uint32_t)h->watch->speech.onset[h->lane], end = (uint32_t)h->watch->speech.last[h->lane] - OH_WINDOW / 4;
    oh_event e = oh_ear_event(OH_EVENT_SPEECH_END, 0, NULL);
    e.at_sample = call->lane->now;
    e.value = (end - onset) / OH_MS;
    e.level_cdbm0 = (int16_t)oh_cdb(h->watch->speech.level[h->lane]);
    e.confidence = 80;
    oh_ear_raise(call, &e, onset);
}

void oh_speech_silence(const struct oh_ear_call *call) {
    const struct oh_hop *h = call->hop;
    uint32_t from = (uint32_t)h->watch->speech.silence_from[h->lane], silent = (h->t - from) / OH_MS;
    h->watch->speech.next[h->lane] = (int32_t)((silent / 1000 + 1) * 1000 * OH_MS);
    oh_event e = oh_ear_event(OH_EVENT_SILENCE, 0, NULL);
    e.value = silent;
    e.level_cdbm0 = (int16_t)oh_cdb(oh_maxf(h->total, 1e-8f));
    oh_ear_raise(call, &e, from);
}
