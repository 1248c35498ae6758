/* Two software cards back to back, and errors of whole spans. */
#include "harness.h"

#include "offhook_drivers.h"

#include <errno.h>
#include <time.h>

enum { CH = 60, PER_SPAN = 30, FRAME = OH_FRAME_SAMPLES, CLIP = 2510, ROOM = 4000 };

/* A clip whose octets show their place: octet i is i modulo 251. */
static int add_counting_clip(oh_sim *sim) {
    int16_t linear[CLIP];
    for (int i = 0; i < CLIP; i++)
        linear[i] = oh_alaw_decode((uint8_t)(i % 251));
    return oh_sim_clip_add(sim, linear, CLIP);
}

static void give(oh_sim *sim, int channel, int kind, int clip, int flags, uint32_t samples, int loop_from) {
    oh_sim_script s;
    memset(&s, 0, sizeof s);
    s.call = 1;
    s.seed = 1;
    s.loop_from = (uint8_t)loop_from;
    s.steps = 1;
    s.step[0] = (oh_sim_step){.kind = (uint8_t)kind, .clip = (uint16_t)clip, .gain = 1, .flags = (uint8_t)flags, .samples = samples};
    CHECK_EQ(oh_sim_script_set(sim, channel, &s), 0);
}

static void wait_ticks(const oh_patch *patch, uint64_t ticks) {
    struct timespec moment = {.tv_nsec = 5000000};
    while (oh_patch_ticks(patch) < ticks)
        nanosleep(&moment, NULL);
}

/* Does what was recorded hold the whole clip, octet after octet? */
static void check_clip(const oh_sim *sim, int channel) {
    static uint8_t got[ROOM];
    int count = oh_sim_captured(sim, channel, 1, got, sizeof got), first = 0;
    while (first < count && got[first] != 0)
        first++;
    CHECK(first + CLIP <= count);
    for (int i = 0; i < CLIP; i++)
        CHECK_EQ(got[first + i], i % 251);
}

static void each_card_hears_what_the_other_says_octet_for_octet(void) {
    oh_sim *clocked = oh_sim_new(CH, PER_SPAN, 1, ROOM), *follower = oh_sim_new(CH, PER_SPAN, 0, ROOM);
    CHECK(clocked != NULL && follower != NULL);
    int near_clip = add_counting_clip(clocked), far_clip = add_counting_clip(follower);
    give(follower, 3, OH_SIM_SILENCE, 0, OH_SIM_CAPTURE, 0, 255); /* 3 listens at the far end, 44 at the near one */
    give(clocked, 44, OH_SIM_SILENCE, 0, OH_SIM_CAPTURE, 0, 255);
    oh_patch *patch = oh_patch_start(oh_sim_media(clocked), oh_sim_media(follower));
    CHECK(patch != NULL);
    wait_ticks(patch, 2);
    give(clocked, 3, OH_SIM_CLIP, near_clip, 0, 0, 255);
    give(follower, 44, OH_SIM_CLIP, far_clip, 0, 0, 255);
    wait_ticks(patch, oh_patch_ticks(patch) + 20);
    oh_patch_stop(patch);
    check_clip(follower, 3);
    check_clip(clocked, 44);
    oh_sim_free(clocked);
    oh_sim_free(follower);
}

static void cards_that_do_not_fit_are_refused(void) {
    oh_sim *clocked = oh_sim_new(CH, PER_SPAN, 1, 0), *small = oh_sim_new(30, PER_SPAN, 0, 0), *other = oh_sim_new(CH, PER_SPAN, 1, 0);
    CHECK(oh_patch_start(oh_sim_media(clocked), oh_sim_media(small)) == NULL && errno == EINVAL);
    CHECK(oh_patch_start(oh_sim_media(clocked), oh_sim_media(other)) == NULL && errno == EINVAL); /* two clocks */
    CHECK(oh_patch_start(0, oh_sim_media(small)) == NULL && errno == EINVAL);
    int nowhere = 60000; /* no such DAHDI channel, and mostly no DAHDI */
    oh_dahdi *card = oh_dahdi_new(&nowhere, 1, PER_SPAN, 8, 4);
    CHECK(oh_patch_start(oh_dahdi_media(card), oh_sim_media(small)) == NULL && errno != 0);
    oh_patch_stop(NULL);
    oh_dahdi_free(card);
    oh_sim_free(clocked);
    oh_sim_free(small);
    oh_sim_free(other);
}

/* A card in virtual time, ticked by hand. */
static struct card {
    oh_sim *sim;
    const oh_media *media;
    uint8_t rx[CH * FRAME], valid[CH];
} card;

static void begin(void) {
    oh_media_info info;
    card.sim = oh_sim_new(CH, PER_SPAN, 0, 0);
    card.media = (const oh_media *)oh_sim_media(card.sim);
    CHECK_EQ(card.media->ops->open(card.media->media, &info), 0);
    int clip = add_counting_clip(card.sim);
    for (int c = 0; c < CH; c++)
        give(card.sim, c, OH_SIM_CLIP, clip, 0, 0, 0); /* for ever; 2510 is 10 times 251 */
}

static void end(void) {
    card.media->ops->close(card.media->media);
    oh_sim_free(card.sim);
}

static void tick(void) {
    uint64_t number;
    CHECK_EQ(card.media->ops->rx(card.media->media, card.rx, card.valid, &number), 0);
}

static void a_slip_repeats_an_octet_of_each_timeslot_and_the_next_one_leaves_one_out(void) {
    begin();
    CHECK_EQ(oh_sim_errors_set(card.sim, 1, 5, 0), 0);
    int before[CH], repeated = 0, left_out = 0;
    for (int t = 0; t < 50; t++) {
        tick();
        for (int c = 0; c < CH; c++) {
            for (int i = 0; i < FRAME; i++) {
                int octet = card.rx[c * FRAME + i], step = t + i == 0 ? 1 : (octet - before[c] + 251) % 251;
                before[c] = octet;
                CHECK(c >= PER_SPAN || step == 1); /* the other span is sound */
                repeated += step == 0;
                left_out += step == 2;
                CHECK(step <= 2);
            }
        }
    }
    CHECK_EQ(repeated, 5 * PER_SPAN);
    CHECK_EQ(left_out, 5 * PER_SPAN);
    uint64_t slips, crc4;
    CHECK_EQ(oh_sim_errors_get(card.sim, 1, &slips, &crc4), 0);
    CHECK(slips == 10 && crc4 == 0);
    oh_media_counters counters;
    card.media->ops->counters(card.media->media, &counters);
    CHECK_EQ(counters.slip, 10 * PER_SPAN);
    end();
}

static void a_crc4_error_is_one_wrong_bit_somewhere_in_the_span(void) {
    begin();
    CHECK_EQ(oh_sim_errors_set(card.sim, 0, 0, 10), 0);
    int wrong = 0, place = 0;
    for (int t = 0; t < 100; t++, place = (place + FRAME) % 251) {
        tick();
        for (int c = 0; c < CH; c++)
            for (int i = 0; i < FRAME; i++) {
                unsigned difference = card.rx[c * FRAME + i] ^ (unsigned)((place + i) % 251);
                CHECK(difference == 0 || (c < PER_SPAN && (difference & (difference - 1)) == 0));
                wrong += difference != 0;
            }
    }
    uint64_t slips, crc4;
    CHECK_EQ(oh_sim_errors_get(card.sim, 0, &slips, &crc4), 0);
    CHECK(crc4 == 10 && slips == 0 && wrong == 10);
    CHECK_EQ(oh_sim_errors_set(card.sim, 0, 0, 0), 0);
    for (int t = 0; t < 50; t++)
        tick();
    CHECK_EQ(oh_sim_errors_get(card.sim, 0, &slips, &crc4), 0);
    CHECK_EQ(crc4, 10);
    end();
}

static void errors_of_a_span_that_is_not_there_are_refused(void) {
    begin();
    uint64_t slips, crc4;
    CHECK_EQ(oh_sim_errors_set(card.sim, 2, 1, 0), -EINVAL);
    CHECK_EQ(oh_sim_errors_set(card.sim, 0, -1, 0), -EINVAL);
    CHECK_EQ(oh_sim_errors_get(card.sim, -1, &slips, &crc4), -EINVAL);
    CHECK_EQ(oh_sim_errors_get(card.sim, 0, NULL, &crc4), -EINVAL);
    end();
}

int main(void) {
    TEST(each_card_hears_what_the_other_says_octet_for_octet);
    TEST(cards_that_do_not_fit_are_refused);
    TEST(a_slip_repeats_an_octet_of_each_timeslot_and_the_next_one_leaves_one_out);
    TEST(a_crc4_error_is_one_wrong_bit_somewhere_in_the_span);
    TEST(errors_of_a_span_that_is_not_there_are_refused);
    return 0;
}
