/* The generated tone plans and the names of the signals. */
#include "harness.h"
#include "offhook.h"

#include <errno.h>

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

static void every_built_in_plan_passes_the_check(void) {
    char why[120] = "";
    for (int i = 0; i < oh_plan_count(); i++) {
        CHECK_EQ(oh_plan_check(oh_plan_at(i), why, sizeof why), 0);
        CHECK_STR(why, "");
    }
}

/* A plan of one row with these segments is refused for this reason. */
static void refused(int tone, int once, int loop, const oh_segment *segments, const char *reason) {
    oh_tone_spec row = {.tone = (uint8_t)tone, .once = (uint8_t)once, .loop = (uint8_t)loop, .segments = segments};
    oh_tone_plan plan = {.name = "own", .country = "", .tones = &row, .count = 1};
    char why[120] = "";
    CHECK_EQ(oh_plan_check(&plan, why, sizeof why), -EINVAL);
    if (!strstr(why, reason))
        CHECK_STR(why, reason);
}

static void a_row_that_the_matcher_cannot_use_is_refused_with_a_reason(void) {
    static const oh_segment busy[] = {{{450}, 0, 350}, {{0}, 0, 350}};
    refused(OH_TONE_NONE, 0, 2, busy, "no supervisory tone");
    refused(OH_TONE_DTMF, 0, 2, busy, "no supervisory tone");
    refused(OH_TONE_SIT_US, 0, 2, busy, "no supervisory tone");
    refused(200, 0, 2, busy, "no supervisory tone");
    refused(OH_TONE_BUSY, 0, 0, busy, "0 segments");
    refused(OH_TONE_BUSY, 255, 255, busy, "510 segments");
    refused(OH_TONE_BUSY, 0, 2, NULL, "no segments");
    refused(OH_TONE_BUSY, 0, 2, (oh_segment[]){{{0}, 0, 350}, {{450}, 0, 350}}, "begins with silence");
    refused(OH_TONE_BUSY, 0, 3, (oh_segment[]){{{450}, 0, 350}, {{0}, 0, 35}, {{0}, 0, 35}}, "silence after silence");
    refused(OH_TONE_BUSY, 1, 3, (oh_segment[]){{{450}, 0, 9}, {{0}, 0, 9}, {{450}, 0, 9}, {{0}, 0, 9}}, "begins and ends with silence");
    refused(OH_TONE_BUSY, 0, 2, (oh_segment[]){{{450}, 0, 0}, {{0}, 0, 350}}, "for ever");
    refused(OH_TONE_BUSY, 0, 2, (oh_segment[]){{{450}, 0, 350}, {{0}, 0, 0}}, "for ever");
    refused(OH_TONE_BUSY, 0, 2, (oh_segment[]){{{450}, 0, 350}, {{400}, 0, 0}}, "second round");
    refused(OH_TONE_BUSY, 0, 1, (oh_segment[]){{{99}, 0, 0}}, "99 Hz");
    refused(OH_TONE_BUSY, 0, 1, (oh_segment[]){{{450, 3401}, 0, 0}}, "3401 Hz");
    refused(OH_TONE_BUSY, 0, 1, (oh_segment[]){{{450, 0, 400}, 0, 0}}, "empty place");
    refused(OH_TONE_BUSY, 0, 1, (oh_segment[]){{{450, 500}, 25, 0}}, "one carrier");
    refused(OH_TONE_BUSY, 0, 2, (oh_segment[]){{{450}, 0, 9}, {{0}, 25, 9}}, "one carrier");
    refused(OH_TONE_BUSY, 0, 1, (oh_segment[]){{{450}, 201, 0}}, "201 Hz");
}

static void a_plan_without_name_or_rows_is_refused_and_the_words_fit_their_room(void) {
    const oh_tone_plan *cn = oh_plan_find("cn");
    oh_tone_plan plan = *cn;
    CHECK_EQ(oh_plan_check(NULL, NULL, 0), -EINVAL);
    plan.name = NULL;
    CHECK_EQ(oh_plan_check(&plan, NULL, 0), -EINVAL);
    plan.name = "";
    CHECK_EQ(oh_plan_check(&plan, NULL, 0), -EINVAL);
    plan = *cn;
    plan.country = NULL;
    CHECK_EQ(oh_plan_check(&plan, NULL, 0), -EINVAL);
    plan = *cn;
    plan.tones = NULL;
    CHECK_EQ(oh_plan_check(&plan, NULL, 0), -EINVAL);
    for (int count = -1; count <= 0; count++) {
        plan = *cn;
        plan.count = count;
        CHECK_EQ(oh_plan_check(&plan, NULL, 0), -EINVAL);
    }
    plan.count = OH_PLAN_ROWS + 1;
    char why[8] = "1234567";
    CHECK_EQ(oh_plan_check(&plan, why, 5), -EINVAL);
    CHECK_STR(why, "255 ");
    CHECK_EQ(why[6], '7');
    CHECK_EQ(oh_plan_check(&plan, why, 0), -EINVAL);
    CHECK_EQ(oh_plan_check(&plan, why, -1), -EINVAL);
}

static void the_core_takes_no_plan_that_fails_the_check(void) {
    static const oh_tone_spec empty = {.tone = OH_TONE_BUSY, .loop = 2};
    static const oh_tone_plan bad = {"own", "", &empty, 1};
    oh_config config = {.channels = 1, .law = OH_LAW_ALAW, .plan = &bad};
    errno = 0;
    CHECK(oh_core_new(&config) == NULL);
    CHECK_EQ(errno, EINVAL);
    config.plan = oh_plan_find("cn");
    oh_core *core = oh_core_new(&config);
    CHECK(core != NULL);
    CHECK_EQ(oh_core_reset(core, 0, &bad, OH_PROFILE_ALL), -EINVAL);
    CHECK_EQ(oh_core_reset(core, 0, oh_plan_find("us"), OH_PROFILE_ALL), 0);
    oh_core_free(core);
}

int main(void) {
    TEST(plans_are_sorted_and_found_by_name);
    TEST(every_row_can_be_matched_and_names_its_source);
    TEST(known_rows_are_as_the_sources_say);
    TEST(implausible_busy_gaps_are_left_out);
    TEST(names_follow_the_enumeration);
    TEST(every_built_in_plan_passes_the_check);
    TEST(a_row_that_the_matcher_cannot_use_is_refused_with_a_reason);
    TEST(a_plan_without_name_or_rows_is_refused_and_the_words_fit_their_room);
    TEST(the_core_takes_no_plan_that_fails_the_check);
    return 0;
}
