/* Settings of the answer analysis that have a name, and which values are allowed. */
#include <string.h>

#include "answer.h"

static const oh_answer_settings presets[] = {
    {.method = OH_ANSWER_BY_MODEL,
     .cost_person = 2,
     .cost_machine = 1,
     .cost_second = 0.15f,
     .person_share = 0.5f,
     .wait_ms = 900,
     .total_ms = 2480,
     .silence_ms = 4000,
     .threshold_cdbm0 = -3500,
     .initial_silence_ms = 2500,
     .greeting_ms = 1500,
     .after_greeting_ms = 800,
     .total_analysis_ms = 5000,
     .min_word_ms = 100,
     .between_words_ms = 50,
     .max_word_ms = 5000,
     .max_words = 2},
    {.method = OH_ANSWER_BY_MODEL,
     .cost_person = 4,
     .cost_machine = 1,
     .cost_second = 0.1f,
     .person_share = 0.5f,
     .wait_ms = 1500,
     .total_ms = 4000,
     .silence_ms = 5000,
     .threshold_cdbm0 = -3500,
     .initial_silence_ms = 4500,
     .greeting_ms = 2400,
     .after_greeting_ms = 1000,
     .total_analysis_ms = 6000,
     .min_word_ms = 120,
     .between_words_ms = 50,
     .max_word_ms = 5000,
     .max_words = 4},
    {.method = OH_ANSWER_BY_MODEL,
     .cost_person = 2,
     .cost_machine = 1,
     .cost_second = 0.5f,
     .person_share = 0.5f,
     .wait_ms = 600,
     .total_ms = 1480,
     .silence_ms = 3000,
     .threshold_cdbm0 = -3500,
     .initial_silence_ms = 2000,
     .greeting_ms = 1250,
     .after_greeting_ms = 500,
     .total_analysis_ms = 3000,
     .min_word_ms = 120,
     .between_words_ms = 50,
     .max_word_ms = 3000,
     .max_words = 3},
    {.method = OH_ANSWER_BY_RULES,
     .cost_person = 3,
     .cost_machine = 1,
     .cost_second = 0.3f,
     .person_share = 0.5f,
     .wait_ms = 700,
     .total_ms = 2400,
     .silence_ms = 4000,
     .threshold_cdbm0 = -3500,
     .initial_silence_ms = 2500,
     .greeting_ms = 1500,
     .after_greeting_ms = 800,
     .total_analysis_ms = 5000,
     .min_word_ms = 100,
     .between_words_ms = 50,
     .max_word_ms = 5000,
     .max_words = 2},
};
static const char *const preset_names[] = {"balanced", "careful", "fast", "rules"};

const oh_answer_settings *oh_answer_preset(const char *name) {
    for (size_t i = 0; name && i < sizeof preset_names / sizeof preset_names[0]; i++)
        if (strcmp(preset_names[i], name) == 0)
            return &presets[i];
    return NULL;
}

static bool within(float x, float least, float most) {
    return x >= least && x <= most; /* false for what is no number */
}

bool oh_answer_settings_ok(const oh_answer_settings *s) {
    return s && (s->method == OH_ANSWER_BY_MODEL || s->method == OH_ANSWER_BY_RULES) && within(s->cost_person, 1e-3f, 1e6f) &&
           within(s->cost_machine, 1e-3f, 1e6f) && within(s->cost_second, 0, 1e6f) && within(s->person_share, 0.01f, 0.99f) &&
           s->wait_ms >= 200 && s->wait_ms <= 2000 && s->total_ms >= 500 && s->silence_ms >= 500 && s->threshold_cdbm0 <= 0 &&
           s->threshold_cdbm0 >= -7000 && s->total_analysis_ms >= 500;
}
