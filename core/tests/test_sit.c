/* Special information tones: the ITU form and the eight US codings. */
#include "hear.h"

static const struct {
    int code;
    double hz[3];
    int ms[3];
} codings[] = {
    {OH_SIT_IC, {913.8, 1370.6, 1776.7}, {274, 274, 380}},  {OH_SIT_VC, {985.2, 1370.6, 1776.7}, {380, 274, 380}},
    {OH_SIT_RO, {913.8, 1428.5, 1776.7}, {274, 380, 380}},  {OH_SIT_NC, {985.2, 1428.5, 1776.7}, {380, 380, 380}},
    {OH_SIT_RO2, {985.2, 1370.6, 1776.7}, {274, 380, 380}}, {OH_SIT_NC2, {913.8, 1370.6, 1776.7}, {380, 380, 380}},
    {OH_SIT_IO, {913.8, 1428.5, 1776.7}, {380, 274, 380}},  {OH_SIT_FU, {985.2, 1428.5, 1776.7}, {274, 274, 380}},
};

static void each_us_coding_is_named_at_the_end_of_the_third_tone(void) {
    for (int c = 0; c < 8; c++) {
        struct tape t = tape_new();
        tape_quiet(&t, 300);
        int total = 300;
        for (int i = 0; i < 3; i++) {
            tape_tone(&t, codings[c].hz[i], codings[c].ms[i], -24);
            total += codings[c].ms[i];
        }
        tape_noise(&t, -50);
        struct heard *h = hear(&t, "us", OH_DETECT_SIT);
        CHECK_EQ(heard_count(h, OH_EVENT_TONE, OH_TONE_SIT), 1);
        CHECK_EQ(heard_count(h, OH_EVENT_TONE, OH_TONE_SIT_US), 1);
        const oh_event *sit = heard_at(h, OH_EVENT_TONE, OH_TONE_SIT, 0), *us = heard_at(h, OH_EVENT_TONE, OH_TONE_SIT_US, 0);
        CHECK_EQ(us->detail, codings[c].code);
        CHECK((int)(sit->at_sample / 8) <= 300 + codings[c].ms[0] + 110);
        CHECK((int)(us->at_sample / 8) <= total + 90);
        free(t.audio);
    }
}

static void the_itu_form_has_no_coding(void) {
    struct tape t = tape_new();
    tape_quiet(&t, 300);
    tape_tone(&t, 950, 330, -14);
    tape_quiet(&t, 25);
    tape_tone(&t, 1400, 330, -14);
    tape_quiet(&t, 25);
    tape_tone(&t, 1800, 330, -14);
    tape_quiet(&t, 1000);
    struct heard *h = hear(&t, "de", OH_DETECT_SIT);
    CHECK_EQ(heard_count(h, OH_EVENT_TONE, OH_TONE_SIT), 1);
    CHECK_EQ(heard_count(h, OH_EVENT_TONE, OH_TONE_SIT_US), 0);
    CHECK(heard_at(h, OH_EVENT_TONE, OH_TONE_SIT, 0)->at_sample / 8 <= 750);
    free(t.audio);
}

static void repeated_after_a_second_it_is_told_once(void) {
    struct tape t = tape_new();
    for (int i = 0; i < 3; i++) {
        tape_quiet(&t, 1000);
        for (int n = 0; n < 3; n++)
            tape_tone(&t, n == 0 ? 950 : n == 1 ? 1400 : 1800, 330, -14);
    }
    tape_quiet(&t, 3000);
    struct heard *h = hear(&t, "de", OH_DETECT_SIT);
    CHECK_EQ(heard_count(h, OH_EVENT_TONE, OH_TONE_SIT), 1);
    CHECK_EQ(heard_count(h, OH_EVENT_TONE_END, OH_TONE_SIT), 1);
    free(t.audio);
}

static void a_first_tone_cut_short_still_counts(void) {
    struct tape t = tape_new();
    tape_tone(&t, 950, 130, -14);
    tape_tone(&t, 1400, 330, -14);
    tape_tone(&t, 1800, 330, -14);
    struct heard *h = hear(&t, "us", OH_DETECT_SIT);
    CHECK_EQ(heard_count(h, OH_EVENT_TONE, OH_TONE_SIT), 1);
    free(t.audio);
}

static void falling_tones_and_voices_are_none(void) {
    struct tape t = tape_new();
    tape_quiet(&t, 300);
    tape_tone(&t, 1800, 330, -14);
    tape_tone(&t, 1400, 330, -14);
    tape_tone(&t, 950, 330, -14);
    tape_quiet(&t, 500);
    tape_voice(&t, 20000, 210, -18);
    CHECK_EQ(heard_count(hear(&t, "us", OH_DETECT_SIT), OH_EVENT_TONE, -1), 0);
    free(t.audio);
}

static void a_second_and_third_tone_after_the_third_are_none(void) {
    struct tape t = tape_new(); /* Bulgaria: number unobtainable */
    for (int i = 0; i < 3; i++) {
        tape_quiet(&t, 1000);
        tape_tone(&t, 1800, 333, -14);
        tape_tone(&t, 1400, 333, -14);
        tape_tone(&t, 1800, 333, -14);
    }
    struct heard *h = hear(&t, "bg", OH_DETECT_SIT | OH_DETECT_TONES);
    CHECK_EQ(heard_count(h, OH_EVENT_TONE, OH_TONE_SIT), 0);
    CHECK_EQ(heard_count(h, OH_EVENT_TONE, OH_TONE_UNOBTAINABLE), 1);
    free(t.audio);
}

static void a_whistle_that_climbs_is_none(void) {
    struct tape t = tape_new();
    tape_quiet(&t, 300);
    double phase = 0;
    for (int i = 0; i < 6400; i++) { /* it lingers near 1480 and near 1650 Hz */
        double x = i / 6400.0, hz = x < 0.4 ? 1440 + 200 * x : x < 0.45 ? 1520 + 1600 * (x - 0.4) : 1600 + 180 * (x - 0.45);
        phase += 2 * M_PI * hz / 8000;
        t.audio[t.samples + i] = (int16_t)(4000 * sin(phase));
    }
    t.samples += 6400;
    CHECK_EQ(heard_count(hear(&t, "us", OH_DETECT_SIT), OH_EVENT_TONE, -1), 0);
    free(t.audio);
}

static void marks_and_spaces_of_a_text_telephone_are_none(void) {
    struct tape t = tape_new();
    tape_quiet(&t, 300);
    for (int i = 0; i < 10; i++) {
        tape_tone(&t, 1400, 260 + 20 * i, -14);
        tape_tone(&t, 1800, 220, -14);
    }
    CHECK_EQ(heard_count(hear(&t, "us", OH_DETECT_SIT), OH_EVENT_TONE, -1), 0);
    free(t.audio);
}

int main(void) {
    TEST(each_us_coding_is_named_at_the_end_of_the_third_tone);
    TEST(the_itu_form_has_no_coding);
    TEST(repeated_after_a_second_it_is_told_once);
    TEST(a_first_tone_cut_short_still_counts);
    TEST(falling_tones_and_voices_are_none);
    TEST(a_second_and_third_tone_after_the_third_are_none);
    TEST(a_whistle_that_climbs_is_none);
    TEST(marks_and_spaces_of_a_text_telephone_are_none);
    return 0;
}
