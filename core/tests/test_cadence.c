/* Supervisory tones against the plans of five countries and the awkward ones. */
#include "hear.h"

static void bursts(struct tape *t, double hz1, double hz2, int on_ms, int off_ms, int times) {
    for (int i = 0; i < times; i++) {
        tape_pair(t, hz1, hz2, on_ms, -12);
        tape_quiet(t, off_ms);
    }
}

/* One final event of this tone within limit_ms of its onset at 500 ms, no other, and its end. */
static void expect(struct tape *t, const char *plan, int tone, int limit_ms) {
    struct heard *h = hear(t, plan, OH_DETECT_TONES);
    const oh_event *e = heard_at(h, OH_EVENT_TONE, -1, 0);
    CHECK(e != NULL);
    CHECK_STR(oh_tone_name(e->tone), oh_tone_name(tone));
    CHECK_EQ(heard_count(h, OH_EVENT_TONE, -1), 1);
    CHECK((int)(e->at_sample / 8) <= 500 + limit_ms);
    CHECK_NEAR((double)e->onset_sample / 8, 500, 35);
    free(t->audio);
}

static void nothing(struct tape *t, const char *plan) {
    struct heard *h = hear(t, plan, OH_DETECT_TONES);
    CHECK_EQ(heard_count(h, OH_EVENT_TONE, -1), 0);
    free(t->audio);
}

static struct tape start(void) {
    struct tape t = tape_new();
    tape_quiet(&t, 500);
    return t;
}

static void chinese_busy_is_told_at_the_start_of_the_second_burst(void) {
    struct tape t = start();
    bursts(&t, 450, 0, 350, 350, 5);
    expect(&t, "cn", OH_TONE_BUSY, 800);
}

static void chinese_congestion_differs_from_busy_by_rhythm_alone(void) {
    struct tape t = start();
    bursts(&t, 450, 0, 700, 700, 4);
    expect(&t, "cn", OH_TONE_CONGESTION, 1500);
}

static void chinese_number_unobtainable_has_four_bursts(void) {
    struct tape t = start();
    for (int i = 0; i < 3; i++) {
        bursts(&t, 450, 0, 100, 100, 3);
        bursts(&t, 450, 0, 400, 400, 1);
    }
    expect(&t, "cn", OH_TONE_UNOBTAINABLE, 1300);
}

static void ringback_comes_early_as_an_opinion_and_once_as_a_verdict(void) {
    struct tape t = start();
    bursts(&t, 450, 0, 1000, 4000, 3);
    struct heard *h = hear(&t, "cn", OH_DETECT_TONES);
    CHECK_EQ(h->events[0].tone, OH_TONE_RINGBACK);
    CHECK(h->events[0].flags & OH_FLAG_PROVISIONAL);
    CHECK(h->events[0].at_sample / 8 <= 750);
    CHECK(h->events[0].confidence < 100);
    expect(&t, "cn", OH_TONE_RINGBACK, 3100);
}

static void american_tones_are_pairs(void) {
    struct tape t = start();
    bursts(&t, 440, 480, 2000, 4000, 2);
    expect(&t, "us", OH_TONE_RINGBACK, 4300);
    t = start();
    bursts(&t, 480, 620, 500, 500, 4);
    expect(&t, "us", OH_TONE_BUSY, 1600);
    t = start();
    bursts(&t, 480, 620, 250, 250, 6);
    expect(&t, "us", OH_TONE_CONGESTION, 1300);
    t = start();
    tape_pair(&t, 350, 440, 3000, -14);
    expect(&t, "us", OH_TONE_DIAL, 1400);
}

static void british_ringing_is_two_bursts_of_two_close_sines(void) {
    struct tape t = start();
    for (int i = 0; i < 2; i++) {
        bursts(&t, 400, 450, 400, 200, 1);
        bursts(&t, 400, 450, 400, 2000, 1);
    }
    expect(&t, "gb", OH_TONE_RINGBACK, 1300);
}

static void sines_that_beat_in_step_with_the_hops_are_found_at_any_phase(void) {
    for (int ms = 0; ms < 20; ms += 2) { /* 400 + 450 Hz beat every 20 ms, two hops */
        struct tape t = start();
        tape_quiet(&t, ms);
        for (int i = 0; i < 2; i++) {
            bursts(&t, 400, 450, 400, 200, 1);
            bursts(&t, 400, 450, 400, 2000, 1);
        }
        expect(&t, "nz", OH_TONE_RINGBACK, 3100);
        t = start();
        tape_quiet(&t, ms);
        tape_pair(&t, 350, 400, 2000, -12);
        expect(&t, "sh", OH_TONE_DIAL, 1200);
    }
}

static void australian_dial_tone_is_two_sines_25_hz_apart(void) {
    struct tape t = start();
    tape_pair(&t, 413, 438, 3200, -12);
    expect(&t, "au", OH_TONE_DIAL, 2900);
}

static void steady_tones_are_told_after_a_second(void) {
    struct tape t = start();
    tape_pair(&t, 350, 440, 3000, -12);
    expect(&t, "us", OH_TONE_DIAL, 1070);
    t = start();
    tape_tone(&t, 400, 3000, -12); /* Romania rings with 384 + 416 Hz for 2 s, which would beat */
    expect(&t, "ro", OH_TONE_DIAL, 1070);
    t = start();
    tape_tone(&t, 425, 14000, -12); /* Ecuador: for 15 s; a burst of ringback is 1.2 s */
    expect(&t, "ec", OH_TONE_DIAL, 1500);
    t = start();
    tape_tone(&t, 440, 3000, -12); /* Honduras: a burst of ringback is 2 s */
    expect(&t, "hn", OH_TONE_DIAL, 2400);
}

static void the_number_of_bursts_before_the_steady_tone_counts(void) {
    for (int six = 0; six < 2; six++) {
        struct tape t = start();
        bursts(&t, 350, 440, 100, 100, six ? 6 : 3);
        tape_pair(&t, 350, 440, 2000, -12);
        expect(&t, "us", six ? OH_TONE_DIAL_SPECIAL : OH_TONE_DIAL_RECALL, 1900);
    }
}

static void gaps_as_short_as_a_drop_out_are_a_pattern_when_the_plan_has_them(void) {
    static const struct {
        const char *plan;
        int hz, on_ms, off_ms, tone, limit_ms;
    } rows[] = {
        {"pa", 425, 400, 40, OH_TONE_UNOBTAINABLE, 1500},
        {"ee", 425, 650, 25, OH_TONE_DIAL_RECALL, 2200},
        {"se", 425, 320, 10, OH_TONE_DIAL_SPECIAL, 1500},
        {"sl", 950, 333, 30, OH_TONE_UNOBTAINABLE, 1500},
    };
    for (int i = 0; i < 4; i++) {
        struct tape t = start();
        bursts(&t, rows[i].hz, 0, rows[i].on_ms, rows[i].off_ms, 4000 / rows[i].on_ms);
        expect(&t, rows[i].plan, rows[i].tone, rows[i].limit_ms);
    }
}

static void one_drop_out_in_the_place_of_such_a_gap_leaves_dial_tone_what_it_is(void) {
    static const char *const plans[] = {"pa", "ee", "se"};
    static const int places[] = {400, 650, 320};
    for (int i = 0; i < 3; i++) {
        struct tape t = start();
        tape_tone(&t, 425, 3000, -12);
        memset(t.audio + (500 + places[i]) * 8, 0, 160 * sizeof(int16_t));
        struct heard *h = hear(&t, plans[i], OH_DETECT_TONES);
        CHECK_EQ(heard_count(h, OH_EVENT_TONE, OH_TONE_DIAL), 1);
        CHECK_EQ(heard_count(h, OH_EVENT_TONE, -1), 1);
        free(t.audio);
    }
}

static void a_sine_that_comes_and_goes_beside_another_makes_two_tones(void) {
    struct tape t = start();
    for (int i = 0; i < 3; i++) { /* Britain: dial tone that changes its sound */
        tape_pair(&t, 350, 440, 750, -12);
        tape_tone(&t, 440, 750, -12);
    }
    struct heard *h = hear(&t, "gb", OH_DETECT_TONES);
    CHECK_EQ(heard_count(h, OH_EVENT_TONE, OH_TONE_DIAL_SPECIAL), 1);
    CHECK_EQ(heard_count(h, OH_EVENT_TONE, -1), 1);
    free(t.audio);
}

static void a_faint_sound_before_a_steady_tone_makes_no_stutter_of_it(void) {
    struct tape t = start();
    bursts(&t, 425, 0, 100, 100, 1);
    for (int i = 0; i < 800; i++)
        t.audio[500 * 8 + i] = (int16_t)(t.audio[500 * 8 + i] / 8);
    tape_tone(&t, 425, 2500, -12);
    struct heard *h = hear(&t, "de", OH_DETECT_TONES);
    CHECK_EQ(heard_count(h, OH_EVENT_TONE, OH_TONE_DIAL), 1);
    CHECK_EQ(heard_count(h, OH_EVENT_TONE, -1), 1);
    free(t.audio);
}

static void the_last_burst_of_busy_is_no_ringback(void) {
    struct tape t = start();
    bursts(&t, 400, 0, 394, 394, 5);
    tape_quiet(&t, 2500);
    struct heard *h = hear(&t, "bw", OH_DETECT_TONES);
    CHECK_EQ(heard_count(h, OH_EVENT_TONE, OH_TONE_BUSY), 1);
    CHECK_EQ(heard_count(h, OH_EVENT_TONE, -1), 1);
    free(t.audio);
}

static void spanish_busy_waits_until_congestion_and_unobtainable_part_from_it(void) {
    struct tape t = start();
    bursts(&t, 425, 0, 200, 200, 8);
    expect(&t, "es", OH_TONE_BUSY, 1700);
    t = start();
    for (int i = 0; i < 3; i++) {
        bursts(&t, 425, 0, 200, 200, 2);
        bursts(&t, 425, 0, 200, 600, 1);
    }
    expect(&t, "es", OH_TONE_CONGESTION, 2000);
}

static void singapore_unobtainable_is_no_dial_tone(void) {
    struct tape t = start();
    bursts(&t, 425, 0, 2500, 500, 3);
    expect(&t, "sg", OH_TONE_UNOBTAINABLE, 3300);
}

static void french_busy_and_congestion_sound_alike_and_are_busy(void) {
    struct tape t = start();
    bursts(&t, 440, 0, 500, 500, 4);
    expect(&t, "fr", OH_TONE_BUSY, 1300);
}

static void busy_is_found_in_noise_10_db_below_it(void) {
    struct tape t = start();
    bursts(&t, 450, 0, 350, 350, 6);
    tape_noise(&t, -22);
    expect(&t, "cn", OH_TONE_BUSY, 1600);
}

static void frequency_and_cadence_may_be_off_together(void) {
    struct tape t = start();
    bursts(&t, 450 * 1.018, 0, 380, 375, 5);
    expect(&t, "cn", OH_TONE_BUSY, 2000);
    t = start();
    bursts(&t, 450 * 0.982, 0, 640, 640, 4);
    expect(&t, "cn", OH_TONE_CONGESTION, 2000);
}

static void a_faint_tone_of_45_dB_below_is_heard(void) {
    struct tape t = start();
    for (int i = 0; i < 5; i++) {
        tape_tone(&t, 450, 350, -45);
        tape_quiet(&t, 350);
    }
    expect(&t, "cn", OH_TONE_BUSY, 900);
}

static void the_right_rhythm_at_a_wrong_pitch_is_refused(void) {
    struct tape t = start();
    bursts(&t, 540, 0, 350, 350, 8);
    nothing(&t, "cn");
}

static void the_right_pitch_in_a_foreign_rhythm_is_refused(void) {
    struct tape t = start();
    bursts(&t, 450, 0, 520, 180, 8);
    nothing(&t, "cn");
}

static void one_beep_is_no_tone(void) {
    struct tape t = start();
    bursts(&t, 450, 0, 400, 3000, 1);
    nothing(&t, "cn");
}

static void a_held_note_is_no_dial_tone(void) {
    struct tape t = start();
    tape_pair(&t, 440, 350, 1600, -16);
    for (int i = 0; i < 1600 * 8; i++) /* its overtone 10 dB below */
        t.audio[500 * 8 + i] = (int16_t)(t.audio[500 * 8 + i] + lrint(1140 * sin(2 * M_PI * 880 * i / 8000)));
    nothing(&t, "us");
}

static void a_voice_is_no_tone(void) {
    struct tape t = start();
    tape_voice(&t, 20000, 130, -20);
    nothing(&t, "cn");
}

static void lost_blocks_inside_a_burst_neither_end_nor_start_anything(void) {
    struct tape t = start();
    bursts(&t, 450, 0, 700, 700, 4);
    uint8_t valid[400];
    memset(valid, OH_VALID_GOOD, sizeof valid);
    for (int at = 40; at < t.samples / OH_FRAME_SAMPLES; at += 35) {
        valid[at] = OH_VALID_MISSING;
        memset(t.audio + at * OH_FRAME_SAMPLES, 0, OH_FRAME_SAMPLES * sizeof(int16_t));
    }
    struct heard *h = hear_marked(&t, "cn", OH_DETECT_TONES | OH_DETECT_SPEECH, valid);
    CHECK_EQ(heard_count(h, OH_EVENT_TONE, OH_TONE_CONGESTION), 1);
    CHECK_EQ(heard_count(h, OH_EVENT_TONE, -1), 1);
    CHECK(heard_count(h, OH_EVENT_LOST, -1) >= 3);
    free(t.audio);
}

static void a_drop_out_of_20_ms_is_mended(void) {
    struct tape t = start();
    bursts(&t, 450, 0, 1000, 4000, 2);
    memset(t.audio + (500 + 400) * 8, 0, 160 * sizeof(int16_t));
    expect(&t, "cn", OH_TONE_RINGBACK, 3100);
}

static void the_first_burst_may_be_cut_short(void) {
    struct tape t = tape_new();
    tape_tone(&t, 450, 150, -12);
    tape_quiet(&t, 350);
    bursts(&t, 450, 0, 350, 350, 4);
    struct heard *h = hear(&t, "cn", OH_DETECT_TONES);
    CHECK_EQ(heard_count(h, OH_EVENT_TONE, OH_TONE_BUSY), 1);
    CHECK_EQ(heard_count(h, OH_EVENT_TONE, -1), 1);
    free(t.audio);
}

static void ringing_that_is_switched_through_late_is_told_at_its_second_burst(void) {
    struct tape t = start();
    bursts(&t, 450, 0, 300, 4000, 1);
    bursts(&t, 450, 0, 1000, 4000, 1);
    expect(&t, "cn", OH_TONE_RINGBACK, 4800);
    t = start();
    bursts(&t, 440, 480, 700, 4000, 1);
    bursts(&t, 440, 480, 2000, 1000, 1);
    expect(&t, "us", OH_TONE_RINGBACK, 5700);
    t = start();
    bursts(&t, 450, 0, 300, 2900, 2); /* no such gap */
    nothing(&t, "cn");
}

static void the_end_of_a_tone_is_told_with_its_time(void) {
    struct tape t = start();
    bursts(&t, 450, 0, 350, 350, 5);
    tape_quiet(&t, 1000);
    struct heard *h = hear(&t, "cn", OH_DETECT_TONES);
    const oh_event *e = heard_at(h, OH_EVENT_TONE_END, OH_TONE_BUSY, 0);
    CHECK(e != NULL);
    CHECK_NEAR((double)e->at_sample / 8, 500 + 4 * 700 + 350, 15);
    free(t.audio);
}

static void after_ringback_busy_is_a_new_tone(void) {
    struct tape t = start();
    bursts(&t, 450, 0, 1000, 4000, 2);
    bursts(&t, 450, 0, 350, 350, 6);
    struct heard *h = hear(&t, "cn", OH_DETECT_TONES);
    CHECK_EQ(heard_count(h, OH_EVENT_TONE, OH_TONE_RINGBACK), 1);
    CHECK_EQ(heard_count(h, OH_EVENT_TONE_END, OH_TONE_RINGBACK), 1);
    CHECK_EQ(heard_count(h, OH_EVENT_TONE, OH_TONE_BUSY), 1);
    free(t.audio);
}

static void measured_values_come_with_the_event(void) {
    struct tape t = start();
    bursts(&t, 452, 0, 350, 350, 4);
    struct heard *h = hear(&t, "cn", OH_DETECT_TONES);
    const oh_event *e = heard_at(h, OH_EVENT_TONE, OH_TONE_BUSY, 0);
    CHECK(e != NULL);
    CHECK_NEAR(e->freq_dhz[0], 4520, 10);
    CHECK_NEAR(e->level_cdbm0, -1200, 30);
    CHECK_NEAR(e->cadence_ms[0], 350, 12);
    CHECK_NEAR(e->cadence_ms[1], 350, 12);
    CHECK(e->margin_cdb > 0);
    CHECK(e->row != 255);
    CHECK_EQ(oh_plan_find("cn")->tones[e->row].tone, OH_TONE_BUSY);
    free(t.audio);
}

int main(void) {
    TEST(chinese_busy_is_told_at_the_start_of_the_second_burst);
    TEST(chinese_congestion_differs_from_busy_by_rhythm_alone);
    TEST(chinese_number_unobtainable_has_four_bursts);
    TEST(ringback_comes_early_as_an_opinion_and_once_as_a_verdict);
    TEST(american_tones_are_pairs);
    TEST(british_ringing_is_two_bursts_of_two_close_sines);
    TEST(sines_that_beat_in_step_with_the_hops_are_found_at_any_phase);
    TEST(australian_dial_tone_is_two_sines_25_hz_apart);
    TEST(steady_tones_are_told_after_a_second);
    TEST(the_number_of_bursts_before_the_steady_tone_counts);
    TEST(gaps_as_short_as_a_drop_out_are_a_pattern_when_the_plan_has_them);
    TEST(one_drop_out_in_the_place_of_such_a_gap_leaves_dial_tone_what_it_is);
    TEST(a_sine_that_comes_and_goes_beside_another_makes_two_tones);
    TEST(a_faint_sound_before_a_steady_tone_makes_no_stutter_of_it);
    TEST(the_last_burst_of_busy_is_no_ringback);
    TEST(spanish_busy_waits_until_congestion_and_unobtainable_part_from_it);
    TEST(singapore_unobtainable_is_no_dial_tone);
    TEST(french_busy_and_congestion_sound_alike_and_are_busy);
    TEST(busy_is_found_in_noise_10_db_below_it);
    TEST(frequency_and_cadence_may_be_off_together);
    TEST(a_faint_tone_of_45_dB_below_is_heard);
    TEST(the_right_rhythm_at_a_wrong_pitch_is_refused);
    TEST(the_right_pitch_in_a_foreign_rhythm_is_refused);
    TEST(one_beep_is_no_tone);
    TEST(a_held_note_is_no_dial_tone);
    TEST(a_voice_is_no_tone);
    TEST(lost_blocks_inside_a_burst_neither_end_nor_start_anything);
    TEST(a_drop_out_of_20_ms_is_mended);
    TEST(the_first_burst_may_be_cut_short);
    TEST(ringing_that_is_switched_through_late_is_told_at_its_second_burst);
    TEST(the_end_of_a_tone_is_told_with_its_time);
    TEST(after_ringback_busy_is_a_new_tone);
    TEST(measured_values_come_with_the_event);
    return 0;
}
