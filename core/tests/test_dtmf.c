/* DTMF to the corners of Q.24. */
#include "hear.h"

static const double rows[4] = {697, 770, 852, 941}, columns[4] = {1209, 1336, 1477, 1633};
static const char keys[] = "123A456B789C*0#D";

/* All sixteen keys; scale in parts of the nominal frequency, levels in dBm0. */
static struct tape all_keys(double row_scale, double column_scale, double row_dbm0, double column_dbm0, int on_ms, int off_ms) {
    struct tape t = tape_new();
    tape_quiet(&t, 203);
    for (int k = 0; k < 16; k++) {
        int from = t.samples;
        tape_pair(&t, rows[k / 4] * row_scale, 0, on_ms, row_dbm0);
        struct tape high = tape_new();
        tape_pair(&high, columns[k % 4] * column_scale, 0, on_ms, column_dbm0);
        for (int i = 0; i < high.samples; i++)
            t.audio[from + i] = (int16_t)(t.audio[from + i] + high.audio[i]);
        free(high.audio);
        tape_quiet(&t, off_ms);
    }
    tape_noise(&t, -60);
    return t;
}

static void expect_keys(struct tape t) {
    struct heard *h = hear(&t, "us", OH_DETECT_DTMF);
    CHECK_EQ(heard_count(h, OH_EVENT_TONE, OH_TONE_DTMF), 16);
    CHECK_EQ(heard_count(h, OH_EVENT_TONE_END, OH_TONE_DTMF), 16);
    for (int k = 0; k < 16; k++)
        CHECK_EQ(heard_at(h, OH_EVENT_TONE, OH_TONE_DTMF, k)->detail, keys[k]);
    free(t.audio);
}

static void expect_none(struct tape t, const char *plan) {
    CHECK_EQ(heard_count(hear(&t, plan, OH_DETECT_DTMF), OH_EVENT_TONE, -1), 0);
    free(t.audio);
}

static void all_keys_of_40_ms_with_pauses_of_40_ms(void) {
    expect_keys(all_keys(1, 1, -10, -8, 40, 40));
}

static void pauses_of_30_ms_part_two_digits(void) {
    expect_keys(all_keys(1, 1, -10, -8, 60, 30));
}

static void frequencies_may_be_off_by_1_8_per_cent(void) {
    expect_keys(all_keys(1.018, 1.018, -10, -8, 50, 50));
    expect_keys(all_keys(0.982, 0.982, -10, -8, 50, 50));
    expect_keys(all_keys(1.018, 0.982, -10, -8, 50, 50));
}

static void frequencies_off_by_3_per_cent_are_refused(void) {
    expect_none(all_keys(1.031, 1.031, -10, -8, 60, 50), "us");
    expect_none(all_keys(0.969, 1, -10, -8, 60, 50), "us");
    expect_none(all_keys(1, 1.031, -10, -8, 60, 50), "us");
}

static void levels_from_minus_36_to_minus_3(void) {
    expect_keys(all_keys(1, 1, -36, -36, 50, 50));
    expect_keys(all_keys(1, 1, -3, -3, 50, 50));
}

static void japan_refuses_minus_29(void) {
    expect_none(all_keys(1, 1, -29, -29, 60, 50), "jp");
    expect_keys(all_keys(1, 1, -24, -24, 60, 50));
}

static void minus_55_is_refused(void) {
    expect_none(all_keys(1, 1, -55, -55, 60, 50), "us");
}

static void twist_of_8_dB_either_way(void) {
    expect_keys(all_keys(1, 1, -16, -8, 50, 50));
    expect_keys(all_keys(1, 1, -8, -16, 50, 50));
}

static void tones_of_23_and_24_ms_are_refused(void) {
    expect_none(all_keys(1, 1, -10, -8, 23, 50), "us");
    for (int pause = 50; pause < 60; pause++) /* at any place between two hops */
        expect_none(all_keys(1, 1, -10, -10, 24, pause), "jp");
}

static void a_break_of_10_ms_is_ridden_through(void) {
    struct tape t = tape_new();
    tape_quiet(&t, 200);
    tape_pair(&t, 770, 1336, 120, -10);
    memset(t.audio + 260 * 8, 0, 80 * sizeof(int16_t));
    struct heard *h = hear(&t, "us", OH_DETECT_DTMF);
    CHECK_EQ(heard_count(h, OH_EVENT_TONE, OH_TONE_DTMF), 1);
    const oh_event *end = heard_at(h, OH_EVENT_TONE_END, OH_TONE_DTMF, 0);
    CHECK(end != NULL);
    CHECK_NEAR(end->value, 120, 15);
    free(t.audio);
}

static void a_digit_is_told_within_50_ms(void) {
    struct tape t = tape_new();
    tape_quiet(&t, 200);
    tape_pair(&t, 852, 1477, 80, -10);
    struct heard *h = hear(&t, "us", OH_DETECT_DTMF);
    const oh_event *e = heard_at(h, OH_EVENT_TONE, OH_TONE_DTMF, 0);
    CHECK(e != NULL);
    CHECK_EQ(e->detail, '9');
    CHECK(e->at_sample / 8 <= 250);
    CHECK_NEAR((double)e->onset_sample / 8, 200, 6);
    CHECK_NEAR(e->freq_dhz[0], 8520, 60);
    CHECK_NEAR(e->freq_dhz[1], 14770, 60);
    free(t.audio);
}

static void dial_tone_under_the_digit_does_no_harm(void) {
    struct tape t = all_keys(1, 1, -8, -6, 70, 50);
    for (int i = 0; i < t.samples; i++)
        t.audio[i] = (int16_t)(t.audio[i] + 1100 * sin(2 * M_PI * 350 * i / 8000) + 1100 * sin(2 * M_PI * 440 * i / 8000));
    expect_keys(t);
}

static void voices_press_no_keys(void) {
    struct tape t = tape_new();
    tape_voice(&t, 40000, 120, -18);
    tape_voice(&t, 40000, 230, -18);
    expect_none(t, "us");
}

static void a_vowel_on_a_pair_is_no_key(void) {
    struct tape t = tape_new();
    tape_quiet(&t, 200);
    tape_pair(&t, 697, 0, 60, -10);
    for (int i = 1600; i < t.samples; i++) /* the second formant 8 dB below the first, a third one with a fifth of the power */
        t.audio[i] = (int16_t)(t.audio[i] + 2874 * sin(2 * M_PI * 1209 * i / 8000) + 4000 * sin(2 * M_PI * 2091 * i / 8000));
    tape_quiet(&t, 200);
    expect_none(t, "us");
}

static void payphone_tones_of_the_plan_are_no_keys_before_the_answer(void) {
    struct tape t = tape_new();
    for (int i = 0; i < 3; i++) { /* Denmark: the first pair is that of # */
        tape_quiet(&t, 1000);
        tape_pair(&t, 941, 1477, 200, -14);
        tape_quiet(&t, 200);
        tape_pair(&t, 950, 1400, 200, -14);
    }
    CHECK_EQ(heard_count(hear(&t, "us", OH_DETECT_DTMF), OH_EVENT_TONE, OH_TONE_DTMF), 3);
    expect_none(t, "dk");
}

int main(void) {
    TEST(all_keys_of_40_ms_with_pauses_of_40_ms);
    TEST(pauses_of_30_ms_part_two_digits);
    TEST(frequencies_may_be_off_by_1_8_per_cent);
    TEST(frequencies_off_by_3_per_cent_are_refused);
    TEST(levels_from_minus_36_to_minus_3);
    TEST(japan_refuses_minus_29);
    TEST(minus_55_is_refused);
    TEST(twist_of_8_dB_either_way);
    TEST(tones_of_23_and_24_ms_are_refused);
    TEST(a_break_of_10_ms_is_ridden_through);
    TEST(a_digit_is_told_within_50_ms);
    TEST(dial_tone_under_the_digit_does_no_harm);
    TEST(voices_press_no_keys);
    TEST(a_vowel_on_a_pair_is_no_key);
    TEST(payphone_tones_of_the_plan_are_no_keys_before_the_answer);
    return 0;
}
