/* The core: orders, bridges, layouts, events and counters. Events are made with prompts of one sample, so that no detector is needed. */
#include "harness.h"

#include "offhook.h"

#include <errno.h>
#include <fenv.h>
#include <poll.h>

#define FRAME OH_FRAME_SAMPLES

static oh_config sound_config(int channels) {
    return (oh_config){.channels = channels, .law = OH_LAW_ALAW, .layout = OH_LAYOUT_CHANNEL, .plan = oh_plan_find("cn")};
}

static void new_refuses_an_unsound_configuration(void) {
    oh_config bad[] = {
        sound_config(0), sound_config(OH_MAX_CHANNELS + 1), sound_config(1), sound_config(1), sound_config(1), sound_config(1),
        sound_config(1)};
    bad[2].law = 3;
    bad[3].layout = 2;
    bad[4].plan = NULL;
    bad[5].ring_events = -1;
    bad[6].law = -1;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        errno = 0;
        CHECK(!oh_core_new(&bad[i]));
        CHECK_EQ(errno, EINVAL);
    }
    CHECK(!oh_core_new(NULL));
    oh_core_free(NULL);
}

static void orders_check_channel_detectors_prompt_and_gain(void) {
    oh_config config = sound_config(4);
    oh_core *core = oh_core_new(&config);
    uint8_t octet = 0;
    int prompt = oh_core_prompt_add(core, &octet, 1);
    for (int channel = -1; channel <= 4; channel += 5) {
        CHECK_EQ(oh_core_reset(core, channel, NULL, 0), -EINVAL);
        CHECK_EQ(oh_core_arm(core, channel, 0), -EINVAL);
        CHECK_EQ(oh_core_answered(core, channel), -EINVAL);
        CHECK_EQ(oh_core_play(core, channel, prompt, false, 0, 0), -EINVAL);
        CHECK_EQ(oh_core_stop_play(core, channel), -EINVAL);
        CHECK_EQ(oh_core_bridge(core, channel, 0), -EINVAL);
    }
    CHECK_EQ(oh_core_bridge(core, 0, 4), -EINVAL);
    CHECK_EQ(oh_core_bridge(core, 0, -2), -EINVAL);
    CHECK_EQ(oh_core_bridge(core, 0, 0), -EINVAL);
    CHECK_EQ(oh_core_reset(core, 0, NULL, 0x100000), -EINVAL);
    CHECK_EQ(oh_core_arm(core, 0, 0x80000000), -EINVAL);
    CHECK_EQ(oh_core_play(core, 0, -1, false, 0, 0), -EINVAL);
    CHECK_EQ(oh_core_play(core, 0, OH_MAX_PROMPTS, false, 0, 0), -EINVAL);
    CHECK_EQ(oh_core_play(core, 0, prompt + 1, false, 0, 0), -EINVAL);
    CHECK_EQ(oh_core_play(core, 0, prompt, false, 6001, 0), -EINVAL);
    CHECK_EQ(oh_core_tick(core, NULL, NULL, NULL, 0), -EINVAL);
    CHECK_EQ(oh_core_poll(core, NULL, 1), -EINVAL);
    CHECK_EQ(oh_core_prompt_drop(core, -1), -EINVAL);
    oh_core_free(core);
}

static void a_full_order_queue_says_try_again_and_empties_with_a_tick(void) {
    oh_config config = sound_config(1);
    oh_core *core = oh_core_new(&config);
    uint8_t rx[FRAME] = {0}, octet = 0;
    int prompt = oh_core_prompt_add(core, &octet, 1);
    int given = 0;
    while (oh_core_play(core, 0, prompt, false, 0, 0) == 0) {
        CHECK(++given < 100000);
    }
    CHECK(given >= 1024);
    CHECK_EQ(oh_core_play(core, 0, prompt, false, 0, 0), -EAGAIN);
    CHECK_EQ(oh_core_arm(core, 0, 0), -EAGAIN);
    uint8_t tx[FRAME];
    CHECK(oh_core_tick(core, rx, NULL, tx, 0) >= 1);
    CHECK_EQ(oh_core_arm(core, 0, 0), 0);
    CHECK_EQ(oh_core_prompt_drop(core, prompt), 0); /* the orders that were refused left no user behind */
    oh_core_free(core);
}

/* -- bridges -------------------------------------------------------------------------------------------------------------- */

static void number_samples(uint8_t *rx, int channels) {
    for (int i = 0; i < channels * FRAME; i++) {
        rx[i] = (uint8_t)(i * 31 + i / FRAME);
    }
}

static void bridged_channels_hear_each_other_until_parted(void) {
    enum { N = 5 };
    oh_config config = sound_config(N);
    oh_core *core = oh_core_new(&config);
    static uint8_t rx[N * FRAME], tx[N * FRAME];
    number_samples(rx, N);
    CHECK_EQ(oh_core_bridge(core, 1, 3), 0);
    oh_core_tick(core, rx, NULL, tx, 0);
    CHECK(memcmp(tx + 1 * FRAME, rx + 3 * FRAME, FRAME) == 0);
    CHECK(memcmp(tx + 3 * FRAME, rx + 1 * FRAME, FRAME) == 0);
    CHECK_EQ(tx[0], 0xd5);

    CHECK_EQ(oh_core_bridge(core, 3, 4), 0); /* joined elsewhere: 1 is alone */
    oh_core_tick(core, rx, NULL, tx, 0);
    CHECK_EQ(tx[1 * FRAME], 0xd5);
    CHECK(memcmp(tx + 3 * FRAME, rx + 4 * FRAME, FRAME) == 0);

    CHECK_EQ(oh_core_bridge(core, 4, -1), 0);
    oh_core_tick(core, rx, NULL, tx, 0);
    CHECK_EQ(tx[3 * FRAME], 0xd5);
    CHECK_EQ(tx[4 * FRAME], 0xd5);

    oh_core_bridge(core, 0, 1);
    CHECK_EQ(oh_core_reset(core, 1, NULL, OH_PROFILE_OFF), 0);
    oh_core_tick(core, rx, NULL, tx, 0);
    CHECK_EQ(tx[0], 0xd5);
    oh_core_free(core);
}

static void missing_audio_is_not_passed_on(void) {
    oh_config config = sound_config(2);
    oh_core *core = oh_core_new(&config);
    uint8_t rx[2 * FRAME], tx[2 * FRAME];
    uint8_t valid[2] = {OH_VALID_MISSING, OH_VALID_CONCEALED};
    number_samples(rx, 2);
    oh_core_bridge(core, 0, 1);
    oh_core_tick(core, rx, valid, tx, 0);
    CHECK_EQ(tx[FRAME], 0xd5);
    CHECK(memcmp(tx, rx + FRAME, FRAME) == 0);
    oh_core_free(core);
}

static void a_prompt_is_added_to_what_the_partner_says(void) {
    oh_config config = sound_config(2);
    config.law = OH_LAW_LINEAR;
    oh_core *core = oh_core_new(&config);
    int16_t rx[2 * FRAME], tx[2 * FRAME], audio[FRAME];
    for (int i = 0; i < FRAME; i++) {
        audio[i] = (int16_t)(i * 200);
        rx[i] = 1;
        rx[FRAME + i] = 20000;
    }
    int prompt = oh_core_prompt_add(core, audio, FRAME);
    oh_core_bridge(core, 0, 1);
    oh_core_play(core, 0, prompt, false, 0, 0);
    oh_core_tick(core, rx, NULL, tx, 0);
    for (int i = 0; i < FRAME; i++) {
        CHECK_EQ(tx[i], i * 200 + 20000 > 32767 ? 32767 : i * 200 + 20000);
        CHECK_EQ(tx[FRAME + i], 1);
    }
    oh_core_free(core);
}

/* Run the same orders and audio in both layouts; what is sent must be the same, transposed. */
static void layouts_agree(int law) {
    enum { N = 6, TICKS = 4 };
    size_t width = law == OH_LAW_LINEAR ? 2 : 1;
    static unsigned char rx[2][N * FRAME * 2], tx[2][N * FRAME * 2], audio[300 * 2];
    oh_core *cores[2];
    for (size_t i = 0; i < sizeof audio; i++) {
        audio[i] = (unsigned char)(i * 7);
    }
    for (int layout = 0; layout < 2; layout++) {
        oh_config config = sound_config(N);
        config.law = law;
        config.layout = layout;
        cores[layout] = oh_core_new(&config);
        int prompt = oh_core_prompt_add(cores[layout], audio, 300);
        oh_core_play(cores[layout], 2, prompt, false, -300, 1);
        oh_core_play(cores[layout], 0, prompt, true, 0, 2);
        oh_core_bridge(cores[layout], 0, 5);
    }
    for (int tick = 0; tick < TICKS; tick++) {
        for (size_t channel = 0; channel < N; channel++) {
            for (size_t i = 0; i < FRAME * width; i++) {
                rx[0][channel * FRAME * width + i] = (unsigned char)(channel * 50 + i * 3 + (size_t)tick);
            }
            for (size_t i = 0; i < FRAME; i++) {
                memcpy(rx[1] + (i * N + channel) * width, rx[0] + (channel * FRAME + i) * width, width);
            }
        }
        int raised = oh_core_tick(cores[0], rx[0], NULL, tx[0], 0);
        CHECK_EQ(oh_core_tick(cores[1], rx[1], NULL, tx[1], 0), raised);
        for (size_t channel = 0; channel < N; channel++) {
            for (size_t i = 0; i < FRAME; i++) {
                CHECK(memcmp(tx[1] + (i * N + channel) * width, tx[0] + (channel * FRAME + i) * width, width) == 0);
            }
        }
    }
    oh_core_free(cores[0]);
    oh_core_free(cores[1]);
}

static void both_layouts_send_the_same(void) {
    layouts_agree(OH_LAW_ALAW);
    layouts_agree(OH_LAW_ULAW);
    layouts_agree(OH_LAW_LINEAR);
}

/* -- events --------------------------------------------------------------------------------------------------------------- */

static bool readable(const oh_core *core) {
    struct pollfd look = {.fd = oh_core_event_fd(core), .events = POLLIN};
    return poll(&look, 1, 0) == 1;
}

static void the_descriptor_is_readable_while_events_wait(void) {
    oh_config config = sound_config(8);
    oh_core *core = oh_core_new(&config);
    static uint8_t rx[8 * FRAME], tx[8 * FRAME];
    memset(rx, 0xd5, sizeof rx);
    uint8_t octet = 0;
    oh_event events[4];
    int prompt = oh_core_prompt_add(core, &octet, 1);
    CHECK(!readable(core));
    for (int round = 0; round < 3; round++) {
        for (int channel = 0; channel < 6; channel++) {
            oh_core_play(core, channel, prompt, false, 0, 0);
        }
        CHECK_EQ(oh_core_tick(core, rx, NULL, tx, 1000), 6);
        CHECK(readable(core));
        CHECK_EQ(oh_core_poll(core, events, 4), 4);
        CHECK(readable(core)); /* two are left */
        CHECK_EQ(events[0].raised_ns, 1000);
        CHECK_EQ(oh_core_poll(core, events, 4), 2);
        CHECK_EQ(oh_core_poll(core, events, 4), 0);
        CHECK(!readable(core));
    }
    oh_core_free(core);
}

static void a_full_ring_counts_overruns_and_keeps_the_oldest(void) {
    oh_config config = sound_config(10);
    config.ring_events = 4;
    oh_core *core = oh_core_new(&config);
    static uint8_t rx[10 * FRAME], tx[10 * FRAME];
    memset(rx, 0xd5, sizeof rx);
    uint8_t octet = 0;
    oh_event events[10];
    oh_stats stats;
    int prompt = oh_core_prompt_add(core, &octet, 1);
    for (int channel = 0; channel < 10; channel++) {
        oh_core_play(core, channel, prompt, false, 0, (uint32_t)channel);
    }
    CHECK_EQ(oh_core_tick(core, rx, NULL, tx, 0), 10);
    CHECK_EQ(oh_core_poll(core, events, 10), 4);
    for (int i = 0; i < 4; i++) {
        CHECK_EQ(events[i].channel, i);
        CHECK_EQ(events[i].sequence, 0);
    }
    oh_core_stats(core, &stats);
    CHECK_EQ(stats.events, 10);
    CHECK_EQ(stats.overruns, 6);
    oh_core_play(core, 9, prompt, false, 0, 0);
    oh_core_tick(core, rx, NULL, tx, 0);
    CHECK_EQ(oh_core_poll(core, events, 10), 1);
    CHECK_EQ(events[0].sequence, 1); /* the gap shows that one was lost */
    oh_core_free(core);
}

static void statistics_count_ticks_lost_blocks_and_time(void) {
    oh_config config = sound_config(30);
    oh_core *core = oh_core_new(&config);
    static uint8_t rx[30 * FRAME];
    uint8_t valid[30];
    oh_stats stats;
    memset(valid, OH_VALID_GOOD, sizeof valid);
    valid[3] = OH_VALID_MISSING;
    valid[29] = OH_VALID_OVERRUN;
    for (int i = 0; i < 10; i++) {
        CHECK(oh_core_tick(core, rx, i < 5 ? valid : NULL, NULL, 0) >= 0);
    }
    oh_core_stats(core, &stats);
    CHECK_EQ(stats.ticks, 10);
    CHECK_EQ(stats.lost_blocks, 10);
    CHECK_EQ(stats.late_ticks, 0);
    CHECK_EQ(stats.channels, 30);
    CHECK(stats.tick_ns_max > 0 && stats.tick_ns_sum >= stats.tick_ns_max);
    uint64_t all = 0;
    for (int i = 0; i < 32; i++) {
        all += stats.tick_log2_ns[i];
    }
    CHECK_EQ(all, 10);
    CHECK(stats.state_bytes_per_channel > 0 && stats.state_bytes_per_channel <= 8192);
    oh_core_free(core);
}

static void an_order_takes_effect_at_the_next_tick(void) {
    oh_config config = sound_config(1);
    oh_core *core = oh_core_new(&config);
    uint8_t rx[FRAME], tx[FRAME], octet = 0x33;
    oh_event event;
    memset(rx, 0xd5, sizeof rx);
    int prompt = oh_core_prompt_add(core, &octet, 1);
    for (int i = 0; i < 3; i++) {
        oh_core_tick(core, rx, NULL, tx, 0);
    }
    oh_core_reset(core, 0, oh_plan_find("us"), OH_PROFILE_OFF);
    oh_core_play(core, 0, prompt, false, 0, 0);
    CHECK_EQ(oh_core_tick(core, rx, NULL, tx, 0), 1);
    CHECK_EQ(oh_core_poll(core, &event, 1), 1);
    CHECK_EQ(event.onset_sample, 0); /* reset came first and set the clock to 0 */
    CHECK_EQ(event.at_sample, 1);
    oh_core_free(core);
}

static void a_line_that_falls_silent_never_leaves_the_normal_range_of_a_float(void) {
    oh_config config = sound_config(16);
    oh_core *core = oh_core_new(&config);
    uint8_t rx[16 * FRAME];
    for (int channel = 0; channel < 16; channel++) {
        oh_core_reset(core, channel, NULL, OH_PROFILE_ALL);
        oh_core_answered(core, channel);
    }
    feenableexcept(FE_UNDERFLOW); /* where the processor can: what leaves it ends the program */
    for (int tick = 0; tick < 1400; tick++) {
        bool voice = tick < 150 && tick % 30 < 15;
        for (int i = 0; i < 16 * FRAME; i++) {
            rx[i] = voice ? (uint8_t)((tick * FRAME + i % FRAME) % 66 < 9 ? 0xb5 : 0x95) : 0xd5;
        }
        oh_core_tick(core, rx, NULL, NULL, 0);
    }
    fedisableexcept(FE_UNDERFLOW);
    oh_core_free(core);
}

int main(void) {
    TEST(new_refuses_an_unsound_configuration);
    TEST(orders_check_channel_detectors_prompt_and_gain);
    TEST(a_full_order_queue_says_try_again_and_empties_with_a_tick);
    TEST(bridged_channels_hear_each_other_until_parted);
    TEST(missing_audio_is_not_passed_on);
    TEST(a_prompt_is_added_to_what_the_partner_says);
    TEST(both_layouts_send_the_same);
    TEST(the_descriptor_is_readable_while_events_wait);
    TEST(a_full_ring_counts_overruns_and_keeps_the_oldest);
    TEST(statistics_count_ticks_lost_blocks_and_time);
    TEST(an_order_takes_effect_at_the_next_tick);
    TEST(a_line_that_falls_silent_never_leaves_the_normal_range_of_a_float);
    return 0;
}
