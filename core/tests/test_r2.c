/* MFC-R2 register signals, forward and backward. */
#include "hear.h"

static const int forward[6] = {1380, 1500, 1620, 1740, 1860, 1980}, backward[6] = {1140, 1020, 900, 780, 660, 540};
static const int pairs[15][2] = {{0, 1}, {0, 2}, {1, 2}, {0, 3}, {1, 3}, {2, 3}, {0, 4}, {1, 4},
                                 {2, 4}, {3, 4}, {0, 5}, {1, 5}, {2, 5}, {3, 5}, {4, 5}};

static void all_signals(const int *hz, uint32_t detector, int tone, int shift_hz, double dbm0) {
    struct tape t = tape_new();
    tape_quiet(&t, 200);
    for (int i = 0; i < 15; i++) {
        tape_pair(&t, hz[pairs[i][0]] + shift_hz, hz[pairs[i][1]] + shift_hz, 60, dbm0);
        tape_quiet(&t, 60);
    }
    tape_noise(&t, dbm0 - 25);
    struct heard *h = hear(&t, "cn", detector);
    CHECK_EQ(heard_count(h, OH_EVENT_TONE, tone), 15);
    CHECK_EQ(heard_count(h, OH_EVENT_TONE_END, tone), 15);
    for (int i = 0; i < 15; i++) {
        const oh_event *e = heard_at(h, OH_EVENT_TONE, tone, i);
        CHECK_EQ(e->detail, i + 1);
        CHECK_NEAR((double)e->at_sample / 8, 200 + 120 * i + 35, 25);
    }
    free(t.audio);
}

static void the_fifteen_forward_signals(void) {
    all_signals(forward, OH_DETECT_R2_FWD, OH_TONE_R2_FWD, 0, -12);
    all_signals(forward, OH_DETECT_R2_FWD, OH_TONE_R2_FWD, 10, -33);
}

static void the_fifteen_backward_signals(void) {
    all_signals(backward, OH_DETECT_R2_BWD, OH_TONE_R2_BWD, 0, -12);
    all_signals(backward, OH_DETECT_R2_BWD, OH_TONE_R2_BWD, -10, -33);
}

static void seven_ms_of_a_signal_and_single_frequencies_are_none(void) {
    struct tape t = tape_new();
    tape_quiet(&t, 200);
    tape_pair(&t, 1380, 1500, 7, -12);
    tape_quiet(&t, 200);
    tape_tone(&t, 1500, 200, -12);
    CHECK_EQ(heard_count(hear(&t, "cn", OH_DETECT_R2_FWD), OH_EVENT_TONE, -1), 0);
    free(t.audio);
}

int main(void) {
    TEST(the_fifteen_forward_signals);
    TEST(the_fifteen_backward_signals);
    TEST(seven_ms_of_a_signal_and_single_frequencies_are_none);
    return 0;
}
