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

int main(void) {
    TEST(the_two_tones_are_told_apart_by_10_hz);
    TEST(short_or_detuned_tones_are_none);
    return 0;
}
