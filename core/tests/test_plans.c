/* The generated tone plans and the names of the signals. */
#include "harness.h"
#include "offhook.h"

static void plans_are_sorted_and_found_by_name(void) {
    CHECK(oh_plan_count() >= 150);
    for (int i = 0; i < oh_plan_count(); i++) {
        const oh_tone_plan *p = oh_plan_at(i);
        CHECK(oh_plan_find(p->name) == p);
        CHECK(i == 0 || strcmp(oh_plan_at(i - 1)->name, p->name) < 0);
        CHECK(strlen(p->name) == 2 && p->country[0] != 0);
    }
    CHECK(oh_plan_at(-1) == NULL);
    CHECK(oh_plan_at(oh_plan_count()) == NULL);
    CHECK(oh_plan_find("xx") == NULL);
    CHECK(oh_plan_find(NULL) == NULL);
}

static void every_row_can_be_matched_and_names_its_source(void) {
    for (int i = 0; i < oh_plan_count(); i++) {
        const oh_tone_plan *p = oh_plan_at(i);
        CHECK(p->count > 0 && p->count <= 64);
        for (int r = 0; r < p->count; r++) {
            const oh_tone_spec *row = &p->tones[r];
            CHECK(oh_tone_name(row->tone) != NULL);
            CHECK(row->source[0] != 0);
            int n = row->once + row->loop;
            CHECK(n > 0);
            CHECK(row->segments[0].hz[0] != 0); /* a pattern begins with sound */
            for (int s = 0; s < n; s++) {
                const oh_segment *seg = &row->segments[s];
                CHECK(seg->duration_ms != 0 || s == n - 1);
                CHECK(seg->duration_ms != 0 || seg->hz[0] != 0);
                CHECK(s == 0 || seg->hz[0] || row->segments[s - 1].hz[0]); /* no two silences in a row */
                for (int k = 0; k < 4 && seg->hz[k]; k++)
                    CHECK(seg->hz[k] >= 120 && seg->hz[k] <= 3400);
            }
        }
    }
}

static const oh_tone_spec *row_of(const char *plan, int tone) {
    const oh_tone_plan *p = oh_plan_find(plan);
    CHECK(p != NULL);
    for (int r = 0; r < p->count; r++)
        if (p->tones[r].tone == tone)
            return &p->tones[r];
    return NULL;
}

static void known_rows_are_as_the_sources_say(void) {
    const oh_tone_spec *busy = row_of("cn", OH_TONE_BUSY);
    CHECK_EQ(busy->segments[0].hz[0], 450);
    CHECK_EQ(busy->segments[0].duration_ms, 350);
    CHECK_EQ(busy->segments[1].duration_ms, 350);
    const oh_tone_spec *ring = row_of("gb", OH_TONE_RINGBACK);
    CHECK_EQ(ring->loop, 4);
    CHECK_EQ(ring->segments[0].hz[0], 400);
    CHECK_EQ(ring->segments[0].hz[1], 450);
    CHECK_EQ(row_of("in", OH_TONE_RINGBACK)->segments[0].am_hz, 25);
    CHECK_EQ(row_of("us", OH_TONE_DIAL)->segments[0].duration_ms, 0);
    CHECK(row_of("de", OH_TONE_CONGESTION) != NULL);
}

static void implausible_busy_gaps_are_left_out(void) {
    for (int i = 0; i < oh_plan_count(); i++) {
        const oh_tone_plan *p = oh_plan_at(i);
        for (int r = 0; r < p->count; r++)
            for (int s = 0; s < p->tones[r].loop && p->tones[r].tone == OH_TONE_BUSY; s++)
                CHECK(p->tones[r].segments[p->tones[r].once + s].duration_ms <= 3000);
    }
}

static void names_follow_the_enumeration(void) {
    CHECK_STR(oh_tone_name(OH_TONE_BUSY), "busy");
    CHECK_STR(oh_tone_name(OH_TONE_V21_PREAMBLE), "v21_preamble");
    CHECK_STR(oh_tone_name(OH_TONE_BEEP), "beep");
    CHECK(oh_tone_name(-1) == NULL);
    CHECK(oh_tone_name(OH_TONE_COUNT) == NULL);
}

int main(void) {
    TEST(plans_are_sorted_and_found_by_name);
    TEST(every_row_can_be_matched_and_names_its_source);
    TEST(known_rows_are_as_the_sources_say);
    TEST(implausible_busy_gaps_are_left_out);
    TEST(names_follow_the_enumeration);
    return 0;
}
