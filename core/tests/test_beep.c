/* The message beep of any pitch and length, and what is none. */
#include "hear.h"

#define ARMED (OH_DETECT_BEEP | OH_DETECT_DTMF | OH_DETECT_SIT | OH_DETECT_FAX)

static void beeps_from_350_to_2200_hz_are_told_soon_after_their_end(void) {
    static const int lengths[] = {60, 100, 250, 600, 1500};
    for (int hz = 350; hz <= 2200; hz += 185)
        for (int i = 0; i < 5; i++) {
            if ((hz == 1090 && lengths[i] >= 600) || (hz == 2015 + 185 && lengths[i] >= 600))
                continue;
            struct tape t = tape_new();
            tape_quiet(&t, 307);
            tape_tone(&t, hz, lengths[i], -18);
            tape_quiet(&t, 200);
            tape_noise(&t, -40);
            struct heard *h = hear(&t, "us", ARMED);
            CHECK_EQ(heard_count(h, OH_EVENT_TONE, -1), 1);
            const oh_event *e = heard_at(h, OH_EVENT_TONE, OH_TONE_BEEP, 0);
            CHECK(e != NULL);
            CHECK_NEAR((double)e->at_sample / 8, 307 + lengths[i] + 50, 36);
            CHECK_NEAR(e->freq_dhz[0], hz * 10, 40);
            CHECK_NEAR(e->value, lengths[i], 12);
            free(t.audio);
        }
}

static void a_beep_of_two_sines_and_a_double_beep(void) {
    struct tape t = tape_new();
    tape_quiet(&t, 300);
    tape_pair(&t, 600, 800, 300, -18);
    tape_quiet(&t, 1000);
    tape_tone(&t, 1000, 150, -18);
    tape_quiet(&t, 120);
    tape_tone(&t, 1000, 150, -18);
    tape_quiet(&t, 500);
    tape_noise(&t, -55);
    CHECK_EQ(heard_count(hear(&t, "us", ARMED), OH_EVENT_TONE, OH_TONE_BEEP), 3);
    free(t.audio);
}

static void a_beep_in_noise_12_dB_below_it(void) {
    struct tape t = tape_new();
    tape_quiet(&t, 500);
    tape_tone(&t, 880, 400, -20);
    tape_quiet(&t, 500);
    tape_noise(&t, -32);
    CHECK_EQ(heard_count(hear(&t, "us", ARMED), OH_EVENT_TONE, OH_TONE_BEEP), 1);
    free(t.audio);
}

static void hum_before_a_beep_a_lost_block_and_a_slip_do_not_hide_it(void) {
    struct tape t = tape_new();
    tape_tone(&t, 150, 700, -42); /* faint, and a tone of its own until the beep comes */
    tape_tone(&t, 1300, 150, -18);
    tape_tone(&t, 150, 700, -42);
    int from = t.samples;
    tape_tone(&t, 760, 900, -18);
    memmove(t.audio + from + 3000, t.audio + from + 3017, sizeof(int16_t) * (size_t)(t.samples - from - 3017));
    tape_quiet(&t, 700);
    tape_pair(&t, 600, 800, 700, -18);
    for (int i = 0; i < 160; i++)
        t.audio[t.samples - 3000 + i] = (int16_t)(t.audio[t.samples - 3000 + i] * 0.8);
    tape_quiet(&t, 300);
    tape_noise(&t, -55);
    CHECK_EQ(heard_count(hear(&t, "us", ARMED), OH_EVENT_TONE, OH_TONE_BEEP), 3);
    free(t.audio);
}

static void digits_sit_cng_and_tones_of_the_plan_are_no_beeps(void) {
    struct tape t = tape_new();
    tape_quiet(&t, 300);
    tape_pair(&t, 770, 1336, 80, -12);
    tape_quiet(&t, 500);
    tape_tone(&t, 950, 330, -14);
    tape_tone(&t, 1400, 330, -14);
    tape_tone(&t, 1800, 330, -14);
    tape_quiet(&t, 500);
    tape_tone(&t, 1100, 500, -14);
    tape_quiet(&t, 3000);
    tape_tone(&t, 450, 1000, -14);
    tape_quiet(&t, 4000);
    CHECK_EQ(heard_count(hear(&t, "cn", ARMED), OH_EVENT_TONE, OH_TONE_BEEP), 0);
    free(t.audio);
}

static void voices_do_not_beep(void) {
    struct tape t = tape_new();
    tape_voice(&t, 40000, 120, -20);
    tape_voice(&t, 40000, 220, -20);
    CHECK_EQ(heard_count(hear(&t, "us", ARMED), OH_EVENT_TONE, OH_TONE_BEEP), 0);
    free(t.audio);
}

static void two_overtones_of_a_voice_do_not_beep(void) {
    static const double pairs[3][2] = {{719, 1078.5}, {632, 724}, {371, 2782}};
    static const int lengths[3] = {138, 57, 108};
    for (int i = 0; i < 3; i++) {
        struct tape t = tape_new();
        tape_quiet(&t, 500);
        tape_pair(&t, pairs[i][0], pairs[i][1], lengths[i], -13);
        int from = 500 * 8;
        for (int n = 0; n < lengths[i] * 8; n++) /* another overtone, 13 dB below */
            t.audio[from + n] = (int16_t)(t.audio[from + n] + lrint(1600 * sin(2 * M_PI * pairs[i][0] * 0.5 * n / 8000.0)));
        tape_quiet(&t, 300);
        tape_noise(&t, -21);
        CHECK_EQ(heard_count(hear(&t, "us", ARMED), OH_EVENT_TONE, OH_TONE_BEEP), 0);
        free(t.audio);
    }
}

static void gliding_and_swaying_tones_do_not_beep(void) {
    struct tape t = tape_new();
    tape_quiet(&t, 300);
    double phase = 0;
    for (int i = 0; i < 4000; i++) {
        phase += 2 * M_PI * (900 + i * 0.05) / 8000;
        t.audio[t.samples++] = (int16_t)lrint(4000 * sin(phase));
    }
    tape_quiet(&t, 500);
    for (int i = 0; i < 4000; i++)
        t.audio[t.samples++] = (int16_t)lrint(3000 * (1 + 0.6 * sin(2 * M_PI * 9 * i / 8000)) * sin(2 * M_PI * 1000 * i / 8000));
    tape_quiet(&t, 500);
    CHECK_EQ(heard_count(hear(&t, "us", ARMED), OH_EVENT_TONE, OH_TONE_BEEP), 0);
    free(t.audio);
}

/* Two ringbacks and a third one that the answer cuts, then a voice and a beep. */
static struct tape rung(int voice_ms, bool answered) {
    struct tape t = tape_new();
    tape_quiet(&t, 200);
    for (int i = 0; i < 2; i++) {
        tape_tone(&t, 450, 1000, -16);
        tape_quiet(&t, 4000);
    }
    tape_tone(&t, 450, 700, -16);
    t.answered_ms = answered ? t.samples / 8 : 0;
    tape_quiet(&t, 300);
    tape_voice(&t, voice_ms, 140, -20);
    tape_quiet(&t, 300);
    tape_tone(&t, 1000, 300, -18);
    tape_quiet(&t, 500);
    tape_noise(&t, -55);
    return t;
}

static void ringing_ends_with_the_answer_and_hides_no_beep(void) {
    struct tape t = rung(1500, true);
    struct heard *h = hear(&t, "cn", ARMED | OH_DETECT_TONES | OH_DETECT_SPEECH);
    CHECK_EQ(heard_count(h, OH_EVENT_TONE, OH_TONE_RINGBACK), 1);
    CHECK_EQ(heard_count(h, OH_EVENT_TONE, OH_TONE_BEEP), 1);
    const oh_event *end = heard_at(h, OH_EVENT_TONE_END, OH_TONE_RINGBACK, 0);
    CHECK(end != NULL);
    CHECK_NEAR((double)end->at_sample / 8, 6200, 30); /* of the last whole burst */
    for (int i = 0; i < h->count; i++)
        CHECK(!(h->events[i].flags & OH_FLAG_PROVISIONAL) || h->events[i].at_sample / 8 < (uint64_t)t.answered_ms);
    free(t.audio);
}

static void a_voice_in_the_place_of_ringing_ends_it(void) {
    struct tape t = rung(9000, false);
    struct heard *h = hear(&t, "cn", ARMED | OH_DETECT_TONES | OH_DETECT_SPEECH);
    CHECK_EQ(heard_count(h, OH_EVENT_TONE, OH_TONE_RINGBACK), 1);
    CHECK_EQ(heard_count(h, OH_EVENT_TONE_END, OH_TONE_RINGBACK), 1);
    CHECK_EQ(heard_count(h, OH_EVENT_TONE, OH_TONE_BEEP), 1);
    free(t.audio);
}

/* Answered: a voice, a pause, and then bursts of 450 Hz with gaps of their own length; one burst has no gap. */
static struct tape voice_then_bursts(int voice_ms, int pause_ms, int first_ms, int burst_ms, int bursts) {
    struct tape t = tape_new();
    tape_quiet(&t, 500);
    t.answered_ms = 200;
    tape_voice(&t, voice_ms, 140, -20);
    tape_quiet(&t, pause_ms);
    for (int i = 0; i < bursts; i++) {
        tape_tone(&t, 450, i ? burst_ms : first_ms, -18);
        tape_quiet(&t, i + 1 < bursts ? burst_ms : 6000);
    }
    tape_noise(&t, -55);
    return t;
}

static int early_beeps(const struct heard *h) {
    int n = 0;
    for (int i = 0; i < h->count; i++)
        n += h->events[i].kind == OH_EVENT_TONE && h->events[i].tone == OH_TONE_BEEP && h->events[i].flags & OH_FLAG_PROVISIONAL;
    return n;
}

#define AFTER (ARMED | OH_DETECT_TONES | OH_DETECT_ANSWER)

/* S01: a machine beeps with what its maker had. */
static void a_beep_of_the_plans_pitch_after_a_greeting_is_told_soon_and_is_no_ringing(void) {
    static const int lengths[] = {150, 250, 350, 400, 500, 700, 1000};
    for (int i = 0; i < 7; i++) {
        struct tape t = voice_then_bursts(4000, 600, lengths[i], 0, 1);
        struct heard *h = hear(&t, "cn", AFTER);
        CHECK_EQ(heard_count(h, OH_EVENT_TONE, OH_TONE_BEEP), 1);
        CHECK_EQ(early_beeps(h), 0);
        const oh_event *e = heard_at(h, OH_EVENT_TONE, OH_TONE_BEEP, 0);
        CHECK_NEAR((double)e->at_sample / 8, 500 + 4000 + 600 + lengths[i] + 50, 40);
        CHECK_EQ(heard_count(h, OH_EVENT_TONE, OH_TONE_RINGBACK), 0);
        free(t.audio);
    }
}

/* S02: a person who hangs up leaves a busy tone behind, whose first burst may be cut, and stays a person. */
static void a_busy_tone_after_a_word_is_no_beep(void) {
    for (int first_ms = 110; first_ms <= 350; first_ms += 80) {
        struct tape t = voice_then_bursts(800, 1500, first_ms, 350, 8);
        struct heard *h = hear(&t, "cn", AFTER);
        CHECK_EQ(heard_count(h, OH_EVENT_TONE, OH_TONE_BEEP), 0);
        CHECK_EQ(early_beeps(h), 1);
        CHECK_EQ(heard_count(h, OH_EVENT_TONE, OH_TONE_BUSY), 1);
        for (int i = 0; i < h->count; i++)
            CHECK(h->events[i].kind != OH_EVENT_ANSWER || h->events[i].detail != OH_ANSWER_MACHINE);
        free(t.audio);
    }
}

static void a_lone_burst_after_a_word_is_an_early_opinion_and_then_a_beep(void) {
    struct tape t = voice_then_bursts(800, 1500, 350, 0, 1);
    struct heard *h = hear(&t, "cn", AFTER);
    CHECK_EQ(early_beeps(h), 1);
    CHECK_EQ(heard_count(h, OH_EVENT_TONE, OH_TONE_BEEP), 1);
    const oh_event *e = heard_at(h, OH_EVENT_TONE, OH_TONE_BEEP, 0);
    CHECK_NEAR((double)e->at_sample / 8, 500 + 800 + 1500 + 350 + 785, 40); /* congestion would have begun again after 700 */
    CHECK_NEAR(e->value, 350, 12);
    free(t.audio);
}

/* S02: as in "hello", where the o of a woman is 110 ms of 459 Hz and little else. */
static void a_pure_vowel_in_a_word_is_no_beep(void) {
    for (int into_ms = 0; into_ms <= 240; into_ms += 240) {
        struct tape t = tape_new();
        tape_quiet(&t, 500);
        t.answered_ms = 200;
        if (into_ms)
            tape_voice(&t, into_ms, 140, -20);
        tape_tone(&t, 459, 120, -16);
        tape_quiet(&t, 3000);
        tape_noise(&t, -60);
        CHECK_EQ(heard_count(hear(&t, "us", AFTER), OH_EVENT_TONE, OH_TONE_BEEP), into_ms ? 0 : 1);
        free(t.audio);
    }
}

int main(void) {
    TEST(beeps_from_350_to_2200_hz_are_told_soon_after_their_end);
    TEST(a_beep_of_two_sines_and_a_double_beep);
    TEST(a_beep_in_noise_12_dB_below_it);
    TEST(hum_before_a_beep_a_lost_block_and_a_slip_do_not_hide_it);
    TEST(digits_sit_cng_and_tones_of_the_plan_are_no_beeps);
    TEST(voices_do_not_beep);
    TEST(two_overtones_of_a_voice_do_not_beep);
    TEST(gliding_and_swaying_tones_do_not_beep);
    TEST(ringing_ends_with_the_answer_and_hides_no_beep);
    TEST(a_voice_in_the_place_of_ringing_ends_it);
    TEST(a_beep_of_the_plans_pitch_after_a_greeting_is_told_soon_and_is_no_ringing);
    TEST(a_busy_tone_after_a_word_is_no_beep);
    TEST(a_lone_burst_after_a_word_is_an_early_opinion_and_then_a_beep);
    TEST(a_pure_vowel_in_a_word_is_no_beep);
    return 0;
}
