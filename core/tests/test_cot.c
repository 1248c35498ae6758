/* Continuity check tones. */
#include "hear.h"

static struct heard *sounding(double hz, int ms) {
    struct tape t = tape_new();
    tape_quiet(&t, 200);
    tape_tone(&t, hz, ms, -12);
    tape_noise(&t, -45);
    struct heard *h = hear(&t, "us", OH_DETECT_COT);
    free(t.audio);
    return h;
}

static void the_two_tones_are_told_apart_by_10_hz(void) {
    struct heard *h = sounding(2010, 600);
    CHECK_EQ(heard_count(h, OH_EVENT_TONE, OH_TONE_COT2010), 1);
    CHECK_EQ(heard_count(h, OH_EVENT_TONE_END, OH_TONE_COT2010), 1);
    CHECK_EQ(heard_count(h, OH_EVENT_TONE, -1), 1);
    h = sounding(2000, 600);
    CHECK_EQ(heard_count(h, OH_EVENT_TONE, OH_TONE_COT2000), 1);
    CHECK_EQ(heard_count(h, OH_EVENT_TONE, -1), 1);
}

static void short_or_detuned_tones_are_none(void) {
    CHECK_EQ(heard_count(sounding(2010, 120), OH_EVENT_TONE, -1), 0);
    CHECK_EQ(heard_count(sounding(2060, 600), OH_EVENT_TONE, -1), 0);
    CHECK_EQ(heard_count(sounding(1950, 600), OH_EVENT_TONE, -1), 0);
}

static void a_beep_of_2000_hz_after_talk_is_none(void) {
    struct tape t = tape_new();
    for (int i = 0; i < 5; i++) { /* sung vowels */
        tape_pair(&t, 230 + 20 * i, 460 + 40 * i, 180, -16);
        tape_quiet(&t, 120);
    }
    tape_tone(&t, 2000, 600, -14);
    tape_quiet(&t, 400);
    CHECK_EQ(heard_count(hear(&t, "us", OH_DETECT_COT), OH_EVENT_TONE, -1), 0);
    free(t.audio);
}

static void a_whistle_that_drifts_past_is_none(void) {
    struct tape t = tape_new();
    tape_quiet(&t, 200);
    double phase = 0;
    for (int i = 0; i < 8000; i++) { /* 1 s around 2005 Hz, 8 Hz to either side */
        phase += 2 * M_PI * (2005 + 8 * sin(2 * M_PI * 3 * i / 8000)) / 8000;
        t.audio[t.samples + i] = (int16_t)(4000 * sin(phase));
    }
    t.samples += 8000;
    CHECK_EQ(heard_count(hear(&t, "us", OH_DETECT_COT), OH_EVENT_TONE, -1), 0);
    free(t.audio);
}

int main(void) {
    TEST(the_two_tones_are_told_apart_by_10_hz);
    TEST(short_or_detuned_tones_are_none);
    TEST(a_beep_of_2000_hz_after_talk_is_none);
    TEST(a_whistle_that_drifts_past_is_none);
    return 0;
}
