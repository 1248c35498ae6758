/* The rules of the field, for comparison and for those who know their knobs: a person says a word or two and waits, a machine talks on.
 *
 * Sound above a fixed level is voice. A stretch of it of min_word_ms that follows between_words_ms of silence is a word. Machine: too long
 * a silence before the first word, too much voice, too long a word, too many words. Person: voice, then enough silence. Everything is
 * counted in frames of 20 ms; tones are voice too, which is the method's weakness. */
#include "answer.h"

int oh_rules_frame(struct oh_rules *r, const oh_answer_settings *s, float level) {
    const int ms = OH_FRAME_MS;
    bool sound = level * 1000.0f > (float)s->threshold_cdbm0;
    r->frames++;
    if (sound) {
        r->silence = 0;
        r->word++;
        r->voice++;
        if (r->word * ms >= s->min_word_ms && !r->in_word) {
            r->in_word = 1;
            r->began = 1;
            r->words++;
        }
    } else {
        r->silence++;
        if (r->silence * ms >= s->between_words_ms) {
            r->in_word = 0;
            r->word = 0;
        }
        if (!r->began)
            r->voice = 0; /* a click */
    }
    if (!r->began && r->frames * ms >= s->initial_silence_ms)
        return OH_ANSWER_MACHINE;
    if (r->words > s->max_words || r->word * ms >= s->max_word_ms)
        return OH_ANSWER_MACHINE;
    if (r->began && r->voice * ms >= s->greeting_ms)
        return OH_ANSWER_MACHINE;
    if (r->began && r->silence * ms >= s->after_greeting_ms)
        return OH_ANSWER_PERSON;
    if (r->frames * ms >= s->total_analysis_ms)
        return OH_ANSWER_UNKNOWN;
    return -1;
}
