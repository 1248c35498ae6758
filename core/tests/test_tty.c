/* TTY in Baudot, 45.45 baud. */
#include "hear.h"

static void characters(struct tape *t, int n) {
    double phase = 0;
    tape_tone(t, 1400, 150, -12);
    for (int c = 0; c < n; c++) {
        int bits = 0xc0 | ((c * 11 + 5) & 31) << 1; /* start 0, five data bits, two stop bits */
        for (int i = 0; i < (int)(8 * 8000 / 45.45); i++) {
            int bit = bits >> (int)(i * 45.45 / 8000) & 1;
            phase += 2 * M_PI * (bit ? 1400 : 1800) / 8000;
            t->audio[t->samples++] = (int16_t)lrint(5700 * sin(phase));
        }
    }
}

static void a_few_characters_are_told(void) {
    struct tape t = tape_new();
    tape_quiet(&t, 500);
    characters(&t, 8);
    tape_quiet(&t, 800);
    tape_noise(&t, -45);
    struct heard *h = hear(&t, "us", OH_DETECT_TTY);
    CHECK_EQ(heard_count(h, OH_EVENT_TONE, OH_TONE_TTY), 1);
    CHECK_EQ(heard_count(h, OH_EVENT_TONE_END, OH_TONE_TTY), 1);
    CHECK(heard_at(h, OH_EVENT_TONE, OH_TONE_TTY, 0)->at_sample / 8 <= 1400);
    free(t.audio);
}

static void special_information_tones_and_voices_are_none(void) {
    struct tape t = tape_new();
    for (int i = 0; i < 3; i++) {
        tape_tone(&t, 950, 330, -12);
        tape_tone(&t, 1400, 330, -12);
        tape_tone(&t, 1800, 330, -12);
        tape_quiet(&t, 1000);
    }
    tape_voice(&t, 20000, 200, -18);
    CHECK_EQ(heard_count(hear(&t, "us", OH_DETECT_TTY), OH_EVENT_TONE, -1), 0);
    free(t.audio);
}

int main(void) {
    TEST(a_few_characters_are_told);
    TEST(special_information_tones_and_voices_are_none);
    return 0;
}
