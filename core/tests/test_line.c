/* Line quality figures. */
#include "hear.h"

static const oh_event *fault(const struct heard *h, int which, bool cleared) {
    for (int i = 0; i < h->count; i++)
        if (h->events[i].kind == OH_EVENT_LINE && h->events[i].detail == which && !!(h->events[i].flags & OH_FLAG_CLEARED) == cleared)
            return &h->events[i];
    return NULL;
}

static void digital_idle_for_two_seconds_is_one_way_audio(void) {
    struct tape t = tape_new();
    tape_voice(&t, 1000, 120, -20);
    tape_quiet(&t, 2500);
    tape_voice(&t, 1000, 120, -20);
    struct heard *h = hear(&t, "us", OH_DETECT_LINE);
    const oh_event *on = fault(h, OH_LINE_ONE_WAY, false), *off = fault(h, OH_LINE_ONE_WAY, true);
    CHECK(on != NULL && off != NULL);
    CHECK_NEAR((double)on->at_sample / 8, 3000, 150);
    CHECK_NEAR((double)off->at_sample / 8, 3500, 150);
    free(t.audio);
}

static void dc_and_hum_and_noise_are_measured(void) {
    struct tape t = tape_new();
    tape_quiet(&t, 4000);
    for (int i = 0; i < t.samples; i++)
        t.audio[i] = (int16_t)(t.audio[i] + 900);
    tape_noise(&t, -70);
    CHECK(fault(hear(&t, "us", OH_DETECT_LINE), OH_LINE_DC, false) != NULL);
    free(t.audio);
    t = tape_new();
    tape_tone(&t, 50, 4000, -30);
    tape_noise(&t, -70);
    const oh_event *hum = fault(hear(&t, "us", OH_DETECT_LINE), OH_LINE_HUM, false);
    CHECK(hum != NULL);
    CHECK_NEAR(hum->level_cdbm0, -3000, 300);
    free(t.audio);
    t = tape_new();
    tape_quiet(&t, 4000);
    tape_noise(&t, -38);
    CHECK(fault(hear(&t, "us", OH_DETECT_LINE), OH_LINE_NOISE, false) != NULL);
    free(t.audio);
}

static void clipping_is_told_and_a_clean_voice_is_not_blamed(void) {
    struct tape t = tape_new();
    tape_pair(&t, 500, 700, 3000, 4);
    CHECK(fault(hear(&t, "us", OH_DETECT_LINE), OH_LINE_CLIPPING, false) != NULL);
    free(t.audio);
    t = tape_new();
    tape_voice(&t, 5000, 120, -22);
    tape_noise(&t, -62);
    struct heard *h = hear(&t, "us", OH_DETECT_LINE);
    for (int f = OH_LINE_ONE_WAY; f <= OH_LINE_NOISE; f++)
        CHECK(fault(h, f, false) == NULL);
    free(t.audio);
}

int main(void) {
    TEST(digital_idle_for_two_seconds_is_one_way_audio);
    TEST(dc_and_hum_and_noise_are_measured);
    TEST(clipping_is_told_and_a_clean_voice_is_not_blamed);
    return 0;
}
