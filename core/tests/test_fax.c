/* CNG, CED, ANS and its kin, Bell answer tone and V.21's preamble. */
#include "hear.h"

/* 2100 Hz answer tone of 3 s; reversals every 450 ms, modulation of 15 Hz and depth 0.2. */
static struct tape answer_tone(bool reversals, bool modulated, double dbm0) {
    struct tape t = tape_new();
    tape_quiet(&t, 400);
    for (int i = 0; i < 24000; i++) {
        double a = 22827 * pow(10, dbm0 / 20) * (modulated ? 1 + 0.2 * sin(2 * M_PI * 15 * i / 8000) : 1);
        double turn = reversals && (i / 3600) % 2 ? M_PI : 0;
        t.audio[t.samples++] = (int16_t)lrint(a * sin(2 * M_PI * 2100 * i / 8000 + turn));
    }
    tape_quiet(&t, 200);
    tape_noise(&t, dbm0 - 25);
    return t;
}

static void expect(struct tape t, int tone, int limit_ms) {
    struct heard *h = hear(&t, "us", OH_DETECT_FAX);
    const oh_event *e = heard_at(h, OH_EVENT_TONE, -1, 0);
    CHECK(e != NULL);
    CHECK_STR(oh_tone_name(e->tone), oh_tone_name(tone));
    CHECK_EQ(heard_count(h, OH_EVENT_TONE, -1), 1);
    CHECK_EQ(heard_count(h, OH_EVENT_TONE_END, tone), 1);
    CHECK((int)(e->at_sample / 8) <= 400 + limit_ms);
    free(t.audio);
}

static struct tape one_tone(double hz, int ms, double dbm0) {
    struct tape t = tape_new();
    tape_quiet(&t, 400);
    tape_tone(&t, hz, ms, dbm0);
    tape_quiet(&t, 600);
    return t;
}

static void cng_is_told_within_450_ms(void) {
    expect(one_tone(1100, 500, -15), OH_TONE_FAX_CNG, 450);
    expect(one_tone(1138, 450, -40), OH_TONE_FAX_CNG, 450);
    expect(one_tone(1062, 570, -5), OH_TONE_FAX_CNG, 450);
}

static void ced_is_told_within_600_ms(void) {
    expect(answer_tone(false, false, -15), OH_TONE_FAX_CED, 600);
}

static void reversals_and_modulation_tell_four_answer_tones_apart(void) {
    expect(answer_tone(true, false, -15), OH_TONE_ANS_PR, 1100);
    expect(answer_tone(false, true, -15), OH_TONE_ANSAM, 620);
    expect(answer_tone(true, true, -15), OH_TONE_ANSAM_PR, 1100);
}

static void modulation_is_heard_where_the_line_clips_most_of_it(void) {
    struct tape t = answer_tone(false, true, -6);
    for (int i = 0; i < t.samples; i++) /* the tone swings between peaks of 9,150 and 13,700 */
        t.audio[i] = (int16_t)(t.audio[i] > 9500 ? 9500 : t.audio[i] < -9500 ? -9500 : t.audio[i]);
    expect(t, OH_TONE_ANSAM, 620);
}

static void modulation_is_heard_behind_a_hard_limit(void) {
    struct tape t = answer_tone(false, true, -6);
    for (int i = 0; i < t.samples; i++) /* 0.45 of the highest peak, two thirds of the lowest */
        t.audio[i] = (int16_t)(t.audio[i] > 6165 ? 6165 : t.audio[i] < -6165 ? -6165 : t.audio[i]);
    expect(t, OH_TONE_ANSAM, 1200);
}

static void a_slip_before_the_first_reversal_makes_no_other_tone_of_it(void) {
    struct tape t = answer_tone(true, true, -15);
    memmove(t.audio + (400 + 250) * 8, t.audio + (400 + 250) * 8 + 13, sizeof(int16_t) * (size_t)(t.samples - (400 + 250) * 8 - 13));
    expect(t, OH_TONE_ANSAM_PR, 1600);
}

static void a_beep_of_400_ms_and_a_held_note_are_no_cng(void) {
    struct tape t = one_tone(1100, 400, -15);
    CHECK_EQ(heard_count(hear(&t, "us", OH_DETECT_FAX), OH_EVENT_TONE, -1), 0);
    free(t.audio);
    t = one_tone(1100, 520, -15);
    for (int i = 0; i < 520 * 8; i++)
        t.audio[400 * 8 + i] = (int16_t)(t.audio[400 * 8 + i] + lrint(1200 * sin(2 * M_PI * 2200 * i / 8000)));
    CHECK_EQ(heard_count(hear(&t, "us", OH_DETECT_FAX), OH_EVENT_TONE, -1), 0);
    free(t.audio);
}

static void two_slips_late_in_ced_are_no_reversals(void) {
    struct tape t = answer_tone(false, false, -15);
    for (int n = 0; n < 2; n++) { /* half a turn lost at 2.4 s and at 2.85 s of the tone */
        int at = 3200 + 19200 + n * 3600;
        for (int i = at; i < t.samples; i++)
            t.audio[i] = (int16_t)-t.audio[i];
    }
    expect(t, OH_TONE_FAX_CED, 600);
}

static void bell_answer_is_2225_hz(void) {
    expect(one_tone(2225, 1500, -20), OH_TONE_BELL_ANS, 600);
}

static struct tape v21(void) {
    struct tape t = tape_new();
    tape_quiet(&t, 400);
    double phase = 0;
    for (int i = 0; i < 8000; i++) {
        int bit = (int)(i * 300.0 / 8000);
        int one = bit % 8 != 0 && bit % 8 != 7;
        phase += 2 * M_PI * (one ? 1650 : 1850) / 8000;
        t.audio[t.samples++] = (int16_t)lrint(4000 * sin(phase));
    }
    tape_quiet(&t, 400);
    return t;
}

static void v21_flags_are_told_within_200_ms(void) {
    expect(v21(), OH_TONE_V21_PREAMBLE, 200);
}

static void short_tones_and_voices_are_none(void) {
    struct tape t = one_tone(1100, 300, -15);
    tape_tone(&t, 2100, 400, -15);
    tape_quiet(&t, 300);
    tape_tone(&t, 1180, 600, -15);
    tape_quiet(&t, 300);
    tape_tone(&t, 2150, 900, -15);
    tape_quiet(&t, 300);
    tape_voice(&t, 20000, 180, -18);
    CHECK_EQ(heard_count(hear(&t, "us", OH_DETECT_FAX), OH_EVENT_TONE, -1), 0);
    free(t.audio);
}

int main(void) {
    TEST(cng_is_told_within_450_ms);
    TEST(ced_is_told_within_600_ms);
    TEST(reversals_and_modulation_tell_four_answer_tones_apart);
    TEST(modulation_is_heard_where_the_line_clips_most_of_it);
    TEST(modulation_is_heard_behind_a_hard_limit);
    TEST(a_slip_before_the_first_reversal_makes_no_other_tone_of_it);
    TEST(a_beep_of_400_ms_and_a_held_note_are_no_cng);
    TEST(two_slips_late_in_ced_are_no_reversals);
    TEST(bell_answer_is_2225_hz);
    TEST(v21_flags_are_told_within_200_ms);
    TEST(short_tones_and_voices_are_none);
    return 0;
}
