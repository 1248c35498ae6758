/* Speech activity, silence, music. */
#include "hear.h"

static void a_voice_is_told_within_80_ms_and_its_end_with_its_length(void) {
    struct tape t = tape_new();
    tape_quiet(&t, 1500);
    tape_voice(&t, 600, 130, -20); /* three syllables without a pause */
    tape_quiet(&t, 1000);
    tape_noise(&t, -60);
    struct heard *h = hear(&t, "us", OH_DETECT_SPEECH);
    CHECK_EQ(heard_count(h, OH_EVENT_SPEECH, -1), 1);
    CHECK_EQ(heard_count(h, OH_EVENT_SPEECH_END, -1), 1);
    const oh_event *on = heard_at(h, OH_EVENT_SPEECH, -1, 0), *off = heard_at(h, OH_EVENT_SPEECH_END, -1, 0);
    CHECK(on->at_sample / 8 <= 1500 + 110); /* the first syllable rises slowly */
    CHECK_NEAR(off->value, 580, 80);
    CHECK(off->at_sample / 8 <= 1500 + 600 + 260);
    free(t.audio);
}

static void silence_is_told_once_a_second(void) {
    struct tape t = tape_new();
    tape_quiet(&t, 3400);
    struct heard *h = hear(&t, "us", OH_DETECT_SPEECH);
    CHECK_EQ(heard_count(h, OH_EVENT_SILENCE, -1), 3);
    CHECK_NEAR(heard_at(h, OH_EVENT_SILENCE, -1, 2)->value, 3000, 40);
    free(t.audio);
}

static void a_tone_is_neither_speech_nor_silence(void) {
    struct tape t = tape_new();
    tape_tone(&t, 450, 5000, -15);
    tape_noise(&t, -60);
    struct heard *h = hear(&t, "cn", OH_DETECT_SPEECH);
    CHECK_EQ(heard_count(h, OH_EVENT_SPEECH, -1), 0);
    CHECK_EQ(heard_count(h, OH_EVENT_SILENCE, -1), 0);
    free(t.audio);
}

static void steady_noise_is_no_speech_but_a_voice_above_it_is(void) {
    struct tape t = tape_new();
    tape_quiet(&t, 4000);
    tape_voice(&t, 800, 130, -18);
    tape_quiet(&t, 1000);
    tape_noise(&t, -40);
    struct heard *h = hear(&t, "us", OH_DETECT_SPEECH);
    CHECK(heard_count(h, OH_EVENT_SPEECH, -1) >= 1);
    CHECK(heard_at(h, OH_EVENT_SPEECH, -1, 0)->at_sample / 8 >= 4000);
    CHECK_EQ(heard_count(h, OH_EVENT_SPEECH, -1), heard_count(h, OH_EVENT_SPEECH_END, -1));
    free(t.audio);
}

static void on_a_floor_of_65_dB_below_nothing_is_speech_but_a_faint_voice(void) {
    struct tape t = tape_new();
    tape_quiet(&t, 12000);
    tape_noise(&t, -65);
    CHECK_EQ(heard_count(hear(&t, "us", OH_DETECT_SPEECH), OH_EVENT_SPEECH, -1), 0);
    int from = t.samples;
    tape_voice(&t, 3000, 140, -42);
    tape_quiet(&t, 1000);
    struct heard *h = hear(&t, "us", OH_DETECT_SPEECH);
    CHECK(heard_count(h, OH_EVENT_SPEECH, -1) >= 1);
    CHECK((int)heard_at(h, OH_EVENT_SPEECH, -1, 0)->at_sample >= from);
    CHECK_EQ(heard_count(h, OH_EVENT_SPEECH, -1), heard_count(h, OH_EVENT_SPEECH_END, -1));
    free(t.audio);
}

/* Notes of a scale with overtones. */
static struct tape melody(int ms) {
    struct tape t = tape_new();
    static const double scale[] = {262, 294, 330, 349, 392, 440, 494, 523};
    for (int n = 0; t.samples < ms * 8; n++) {
        double hz = scale[(n * 5) % 8] * 1.5;
        for (int i = 0; i < 2400; i++) {
            double a = 5000 * exp(-i / 3000.0), x = 0;
            for (int k = 1; k <= 4; k++)
                x += a / k * sin(2 * M_PI * hz * k * i / 8000);
            x += 1200 * sin(2 * M_PI * scale[n / 4 % 8] * i / 8000);
            t.audio[t.samples++] = (int16_t)lrint(x);
        }
    }
    return t;
}

static void a_melody_is_music_and_no_tone(void) {
    struct tape t = melody(12000);
    tape_quiet(&t, 4000);
    struct heard *h = hear(&t, "cn", OH_DETECT_MUSIC | OH_DETECT_TONES);
    CHECK_EQ(heard_count(h, OH_EVENT_MUSIC, -1), 1);
    CHECK_EQ(heard_count(h, OH_EVENT_MUSIC_END, -1), 1);
    CHECK_EQ(heard_count(h, OH_EVENT_TONE, -1), 0);
    free(t.audio);
}

static void slow_music_that_rests_on_its_notes_is_music(void) {
    struct tape t = tape_new();
    static const double notes[] = {440, 392, 349, 440, 523, 440};
    for (int n = 0; n < 18; n++) {
        int from = t.samples;
        tape_pair(&t, notes[n % 6], notes[(n + 2) % 6] * 1.25, 620, -18);
        for (int i = from; i < t.samples; i++) /* overtones */
            t.audio[i] = (int16_t)(t.audio[i] + lrint(1100 * sin(2 * M_PI * notes[n % 6] * 2 * i / 8000)));
        tape_quiet(&t, n % 3 ? 0 : 150);
    }
    tape_noise(&t, -60);
    struct heard *h = hear(&t, "us", OH_DETECT_MUSIC | OH_DETECT_TONES);
    CHECK_EQ(heard_count(h, OH_EVENT_MUSIC, -1), 1);
    CHECK(heard_at(h, OH_EVENT_MUSIC, -1, 0)->at_sample <= 5 * 8000);
    CHECK(heard_at(h, OH_EVENT_MUSIC, -1, 0)->onset_sample <= 2 * 8000);
    CHECK_EQ(heard_count(h, OH_EVENT_TONE, -1), 0);
    free(t.audio);
}

static void ringback_and_voices_are_no_music(void) {
    struct tape t = tape_new();
    for (int i = 0; i < 4; i++) {
        tape_tone(&t, 450, 1000, -15);
        tape_quiet(&t, 4000);
    }
    tape_voice(&t, 20000, 140, -20);
    tape_noise(&t, -50);
    CHECK_EQ(heard_count(hear(&t, "cn", OH_DETECT_MUSIC), OH_EVENT_MUSIC, -1), 0);
    free(t.audio);
}

static void busy_tone_on_a_line_that_hums_is_no_music(void) {
    struct tape t = tape_new();
    for (int i = 0; i < 16; i++) {
        tape_tone(&t, 450, 350, -14);
        tape_pair(&t, 250, 390, 350, -36);
    }
    CHECK_EQ(heard_count(hear(&t, "cn", OH_DETECT_MUSIC | OH_DETECT_TONES), OH_EVENT_MUSIC, -1), 0);
    CHECK_EQ(heard_count(hear(&t, "cn", OH_DETECT_MUSIC), OH_EVENT_MUSIC, -1), 1); /* with no plan's tones looked for it may be */
    free(t.audio);
}

static void an_utterance_of_words_is_one_and_its_length_is_the_whole(void) {
    struct tape t = tape_new();
    tape_quiet(&t, 1000);
    for (int i = 0; i < 6; i++) { /* pauses of 100 ms inside */
        tape_voice(&t, 300, 130, -18);
        tape_quiet(&t, 100);
    }
    tape_quiet(&t, 1000);
    struct heard *h = hear(&t, "us", OH_DETECT_SPEECH);
    CHECK_EQ(heard_count(h, OH_EVENT_SPEECH, -1), 1);
    const oh_event *end = heard_at(h, OH_EVENT_SPEECH_END, -1, 0);
    CHECK(end != NULL);
    CHECK_NEAR(end->value, 2300, 120);
    free(t.audio);
}

int main(void) {
    TEST(a_voice_is_told_within_80_ms_and_its_end_with_its_length);
    TEST(silence_is_told_once_a_second);
    TEST(a_tone_is_neither_speech_nor_silence);
    TEST(steady_noise_is_no_speech_but_a_voice_above_it_is);
    TEST(on_a_floor_of_65_dB_below_nothing_is_speech_but_a_faint_voice);
    TEST(a_melody_is_music_and_no_tone);
    TEST(slow_music_that_rests_on_its_notes_is_music);
    TEST(ringback_and_voices_are_no_music);
    TEST(busy_tone_on_a_line_that_hums_is_no_music);
    TEST(an_utterance_of_words_is_one_and_its_length_is_the_whole);
    return 0;
}
