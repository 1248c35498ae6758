/* The software card, tick by tick in virtual time, and its clock. */
#include "sim_bench.h"

#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <time.h>

static void the_card_says_what_it_is(void) {
    struct bench *b = open_bench(0, 0);
    CHECK_EQ(b->info.channels, CH);
    CHECK_EQ(b->info.law, OH_LAW_ALAW);
    CHECK_EQ(b->info.layout, OH_LAYOUT_CHANNEL);
    CHECK_EQ(b->info.realtime, 0);
    close_bench(b);
}

static void a_shape_that_cannot_be_is_refused(void) {
    CHECK(oh_sim_new(0, 30, 0, 0) == NULL && errno == EINVAL);
    CHECK(oh_sim_new(OH_SIM_MAX_CHANNELS + 1, 30, 0, 0) == NULL && errno == EINVAL);
    CHECK(oh_sim_new(240, 0, 0, 0) == NULL && errno == EINVAL);
    CHECK(oh_sim_new(240, 1, 0, 0) == NULL && errno == EINVAL);
    CHECK(oh_sim_new(240, 30, 0, -1) == NULL && errno == EINVAL);
    oh_sim_free(NULL);
}

static void a_channel_without_a_call_gives_idle_code(void) {
    struct bench *b = open_bench(0, 0);
    const uint8_t *rx = tick(b);
    for (int i = 0; i < CH * FRAME; i++)
        CHECK_EQ(rx[i], IDLE);
    for (int c = 0; c < CH; c++)
        CHECK_EQ(b->valid[c], OH_VALID_GOOD);
    close_bench(b);
}

static void a_clip_comes_octet_for_octet_and_again_from_its_start(void) {
    struct bench *b = open_bench(0, 0);
    int clip = add_counting_clip(b->sim, 1000);
    oh_sim_script s = script(1);
    add_clip(&s, clip, 0);
    give(b, 0, &s);
    uint8_t got[30 * FRAME];
    collect(b, got, 30);
    for (int i = 0; i < 30 * FRAME; i++)
        CHECK_EQ(got[i], i % 1000 % 251);
    close_bench(b);
}

static void steps_change_on_the_sample(void) {
    struct bench *b = open_bench(0, 0);
    int clip = add_counting_clip(b->sim, 100);
    oh_sim_script s = script(1);
    add_silence(&s, 333, 0);
    add_clip(&s, clip, 100);
    add_silence(&s, 7, 0);
    add_clip(&s, clip, 50);
    give(b, 0, &s);
    uint8_t got[5 * FRAME];
    collect(b, got, 5);
    for (int i = 0; i < 5 * FRAME; i++) {
        int want = i >= 333 && i < 433 ? i - 333 : i >= 440 && i < 490 ? i - 440 : IDLE;
        CHECK_EQ(got[i], want);
    }
    close_bench(b);
}

static void a_tone_has_its_frequency_and_level(void) {
    struct bench *b = open_bench(0, 0);
    oh_sim_script s = script(1);
    add_tone(&s, 450, 22827.0f * 0.316228f, 0); /* -10 dBm0 */
    give(b, 0, &s);
    uint8_t got[50 * FRAME];
    collect(b, got, 50);
    CHECK_NEAR(level_dbm0(got, 50 * FRAME), -10, 0.05);
    CHECK(share_at(got, 50 * FRAME, 450) > 0.998);
    close_bench(b);
}

static void a_modulated_tone_and_its_reversals_have_sidebands(void) {
    struct bench *b = open_bench(0, 0);
    oh_sim_script s = script(1);
    add_tone(&s, 2100, 6000, 0);
    s.step[0].am_hz = 15;
    s.step[0].am_depth = 0.2f;
    give(b, 0, &s);
    uint8_t got[100 * FRAME];
    collect(b, got, 100);
    CHECK(share_at(got, 100 * FRAME, 2100) > 0.96);
    CHECK_NEAR(share_at(got, 100 * FRAME, 2115), 0.0098, 0.002);
    s.step[0].am_hz = 0;
    s.step[0].reverse_every = 3600;
    give(b, 0, &s);
    collect(b, got, 45); /* 7200 samples: one reversal in the middle */
    CHECK(share_at(got, 3600, 2100) > 0.99);
    CHECK(share_at(got + 3600, 3600, 2100) > 0.99);
    CHECK(share_at(got, 7200, 2100) < 0.01);
    close_bench(b);
}

static void a_cadence_goes_on_without_drift(void) {
    struct bench *b = open_bench(0, 0);
    oh_sim_script s = script(1);
    add_tone(&s, 450, 5000, 2800); /* busy in China: 350 ms on, 350 ms off */
    add_silence(&s, 2800, 0);
    s.loop_from = 0;
    give(b, 0, &s);
    enum { TICKS = 1000 };
    uint8_t *got = malloc(TICKS * FRAME);
    CHECK(got != NULL);
    collect(b, got, TICKS);
    for (int from = 0; from + 5600 <= TICKS * FRAME; from += 5600) {
        CHECK_NEAR(level_dbm0(got + from, 2800), -13.19, 0.1);
        CHECK_EQ(got[from + 2800], IDLE);
        CHECK_EQ(got[from + 5599], IDLE);
        CHECK(level_dbm0(got + from + 2800, 2800) < -60);
    }
    free(got);
    close_bench(b);
}

static void a_plan_gives_the_tones_of_its_country(void) {
    oh_sim_step steps[OH_SIM_STEPS];
    int loop = -1;
    CHECK_EQ(oh_sim_plan_tone("cn", "busy", 1000, steps, OH_SIM_STEPS, &loop), 2);
    CHECK_EQ(loop, 0);
    CHECK_NEAR(steps[0].hz[0], 450, 0);
    CHECK_EQ(steps[0].samples, 2800);
    CHECK_EQ(steps[1].kind, OH_SIM_SILENCE);
    CHECK_EQ(steps[1].samples, 2800);
    CHECK_EQ(oh_sim_plan_tone("cn", "busy", 1000, steps, 1, &loop), -ENOSPC);
    CHECK_EQ(oh_sim_plan_tone("cn", "no such tone", 1000, steps, OH_SIM_STEPS, &loop), -ENOENT);
    CHECK_EQ(oh_sim_plan_tone("xx", "busy", 1000, steps, OH_SIM_STEPS, &loop), -ENOENT);
    CHECK(oh_sim_plan_known("cn") && !oh_sim_plan_known("xx"));
}

static void the_newest_script_wins(void) {
    struct bench *b = open_bench(0, 0);
    int clip = add_counting_clip(b->sim, 160);
    oh_sim_script s = script(1);
    add_tone(&s, 1000, 5000, 0);
    give(b, 0, &s);
    s = script(1);
    add_clip(&s, clip, 0);
    give(b, 0, &s);
    const uint8_t *rx = tick(b);
    for (int i = 0; i < FRAME; i++)
        CHECK_EQ(rx[i], i);
    close_bench(b);
}

static void what_we_send_is_heard_and_recorded_from_the_sample(void) {
    struct bench *b = open_bench(0, 1000);
    oh_sim_script s = script(7);
    add_silence(&s, 200, 0);
    add_silence(&s, 0, OH_SIM_CAPTURE); /* begins 40 samples into the second tick */
    give(b, 3, &s);
    uint8_t sent[20 * FRAME], got[2000];
    for (int i = 0; i < 20 * FRAME; i++)
        sent[i] = (uint8_t)(i * 7 % 256);
    for (int t = 0; t < 20; t++) {
        memcpy(b->tx + 3 * FRAME, sent + t * FRAME, FRAME);
        tick(b);
    }
    oh_sim_heard heard;
    CHECK_EQ(oh_sim_heard_get(b->sim, 3, &heard), 0);
    CHECK_EQ(heard.call, 7);
    CHECK_EQ(heard.voice_ticks, 20);
    CHECK_EQ(heard.last_voice_tick - heard.first_voice_tick, 19);
    CHECK_EQ(heard.last_voice_tick, oh_sim_now(b->sim) - 1);
    CHECK_EQ(heard.captured, 1000);
    CHECK_EQ(oh_sim_captured(b->sim, 3, 7, got, sizeof got), 1000);
    CHECK(memcmp(got, sent + 200, 1000) == 0);
    CHECK_EQ(oh_sim_captured(b->sim, 3, 8, got, sizeof got), 0);
    CHECK_EQ(oh_sim_captured(b->sim, CH, 8, got, sizeof got), -EINVAL);
    CHECK_EQ(oh_sim_heard_get(b->sim, -1, &heard), -EINVAL);
    close_bench(b);
}

static void a_new_call_forgets_the_one_before(void) {
    struct bench *b = open_bench(0, 1000);
    oh_sim_script s = script(1);
    add_silence(&s, 0, OH_SIM_CAPTURE);
    give(b, 0, &s);
    memset(b->tx, 0x80, sizeof b->tx);
    tick(b);
    s = script(2);
    give(b, 0, &s);
    memset(b->tx, IDLE, sizeof b->tx);
    tick(b);
    oh_sim_heard heard;
    CHECK_EQ(oh_sim_heard_get(b->sim, 0, &heard), 0);
    CHECK_EQ(heard.call, 2);
    CHECK_EQ(heard.voice_ticks, 0);
    CHECK_EQ(heard.captured, 0);
    CHECK_NEAR(heard.level_cdbm0, -6610, 20); /* idle code decodes to 8 */
    close_bench(b);
}

static void a_script_that_cannot_be_played_is_refused(void) {
    struct bench *b = open_bench(0, 0);
    oh_sim_script good = script(1), s;
    add_silence(&good, 10, 0);
    CHECK_EQ(oh_sim_script_set(b->sim, -1, &good), -EINVAL);
    CHECK_EQ(oh_sim_script_set(b->sim, CH, &good), -EINVAL);
    CHECK_EQ(oh_sim_script_set(b->sim, 0, NULL), -EINVAL);
    CHECK_EQ((s = good, s.steps = OH_SIM_STEPS + 1, oh_sim_script_set(b->sim, 0, &s)), -EINVAL);
    CHECK_EQ((s = good, s.loop_from = 1, oh_sim_script_set(b->sim, 0, &s)), -EINVAL);
    CHECK_EQ((s = good, s.step[0].kind = OH_SIM_CLIP, oh_sim_script_set(b->sim, 0, &s)), -EINVAL);
    CHECK_EQ((s = good, s.step[0].kind = 9, oh_sim_script_set(b->sim, 0, &s)), -EINVAL);
    CHECK_EQ((s = good, s.line.slip = 161, oh_sim_script_set(b->sim, 0, &s)), -EINVAL);
    CHECK_EQ((s = good, s.line.echo_delay = 3201, oh_sim_script_set(b->sim, 0, &s)), -EINVAL);
    CHECK_EQ((s = good, s.line.lost.rate = 1, oh_sim_script_set(b->sim, 0, &s)), -EINVAL);
    CHECK_EQ((s = good, s.line.noise = 4, oh_sim_script_set(b->sim, 0, &s)), -EINVAL);
    CHECK_EQ(oh_sim_clip_add(b->sim, NULL, 5), -EINVAL);
    CHECK_EQ(oh_sim_script_set(b->sim, 0, &good), 0);
    close_bench(b);
}

static void ticks_allocate_nothing(void) {
    struct bench *b = open_bench(0, 800);
    int clip = add_counting_clip(b->sim, 1000);
    load_noise(b);
    oh_sim_script s = script(1);
    add_clip(&s, clip, 900);
    add_tone(&s, 450, 1000, 900);
    s.loop_from = 0;
    s.line.noise = OH_SIM_WHITE;
    s.line.noise_gain = 1;
    s.line.echo_delay = 100;
    tick(b);
    size_t before = mallinfo2().uordblks;
    for (int t = 0; t < 100; t++) {
        s.call = (uint32_t)t / 10 + 1;
        give(b, t % CH, &s);
        tick(b);
    }
    CHECK_EQ(mallinfo2().uordblks, before);
    close_bench(b);
}

static void virtual_time_is_always_ready(void) {
    struct bench *b = open_bench(0, 0);
    for (uint64_t t = 0; t < 1000; t++) {
        tick(b);
        CHECK_EQ(b->tick, t);
    }
    CHECK_EQ(oh_sim_now(b->sim), 1000);
    close_bench(b);
}

static void real_time_never_gives_a_tick_early(void) {
    struct timespec begin, end;
    clock_gettime(CLOCK_MONOTONIC, &begin);
    struct bench *b = open_bench(1, 0);
    CHECK_EQ(b->info.realtime, 1);
    for (int t = 0; t < 10; t++)
        tick(b);
    clock_gettime(CLOCK_MONOTONIC, &end);
    double seconds = (double)(end.tv_sec - begin.tv_sec) + (double)(end.tv_nsec - begin.tv_nsec) / 1e9;
    CHECK(b->tick >= 9); /* more when a busy machine made us lose some */
    CHECK(seconds >= 0.02 * (double)b->tick);
    close_bench(b);
}

static void a_reader_that_stalls_loses_the_oldest_and_is_told(void) {
    struct bench *b = open_bench(1, 0);
    tick(b);
    struct timespec stall = {.tv_nsec = 400000000};
    nanosleep(&stall, NULL);
    CHECK_EQ(b->media->ops->wait(b->media->media, 0), OH_SIM_BACKLOG);
    CHECK_EQ(b->media->ops->rx(b->media->media, b->rx, b->valid, &b->tick), 0);
    CHECK_EQ(b->valid[0], OH_VALID_OVERRUN);
    CHECK(b->tick >= 12); /* 20 ticks went by, 8 of them are kept */
    oh_media_counters counters;
    b->media->ops->counters(b->media->media, &counters);
    CHECK_EQ(counters.overrun, (b->tick - 1) * CH);
    CHECK_EQ(b->media->ops->rx(b->media->media, b->rx, b->valid, &b->tick), 0);
    CHECK_EQ(b->valid[0], OH_VALID_GOOD);
    close_bench(b);
}

/* The call plane's thread, handing over scripts as fast as it can. */
struct writer {
    oh_sim *sim;
    int clips[2];
    atomic_bool stop;
};

static void *write_scripts(void *context) {
    struct writer *w = context;
    for (uint32_t n = 0; !atomic_load(&w->stop); n++) {
        oh_sim_script s = script(1 + n % 3);
        for (int i = 0; i < OH_SIM_STEPS; i++)
            add_clip(&s, w->clips[n % 2], 5); /* 32 steps of one clip: a torn script would mix the two */
        s.loop_from = 0;
        CHECK_EQ(oh_sim_script_set(w->sim, 0, &s), 0);
        oh_sim_heard heard;
        CHECK_EQ(oh_sim_heard_get(w->sim, 0, &heard), 0);
    }
    return NULL;
}

static void a_script_is_never_torn_between_two_threads(void) {
    struct bench *b = open_bench(0, 800);
    struct writer w = {.sim = b->sim};
    for (int k = 0; k < 2; k++) {
        int16_t samples[5];
        for (int i = 0; i < 5; i++)
            samples[i] = oh_alaw_decode((uint8_t)(0x20 + k));
        w.clips[k] = oh_sim_clip_add(b->sim, samples, 5);
    }
    pthread_t thread;
    CHECK_EQ(pthread_create(&thread, NULL, write_scripts, &w), 0);
    int seen[2] = {0, 0};
    for (int t = 0; t < 20000 || (t < 5000000 && (seen[0] == 0 || seen[1] == 0)); t++) {
        const uint8_t *rx = tick(b);
        for (int i = 1; i < FRAME; i++)
            CHECK_EQ(rx[i], rx[0]);
        if (rx[0] != IDLE)
            seen[rx[0] - 0x20]++;
    }
    atomic_store(&w.stop, true);
    CHECK_EQ(pthread_join(thread, NULL), 0);
    CHECK(seen[0] > 0 && seen[1] > 0);
    close_bench(b);
}

int main(void) {
    TEST(the_card_says_what_it_is);
    TEST(a_shape_that_cannot_be_is_refused);
    TEST(a_channel_without_a_call_gives_idle_code);
    TEST(a_clip_comes_octet_for_octet_and_again_from_its_start);
    TEST(steps_change_on_the_sample);
    TEST(a_tone_has_its_frequency_and_level);
    TEST(a_modulated_tone_and_its_reversals_have_sidebands);
    TEST(a_cadence_goes_on_without_drift);
    TEST(a_plan_gives_the_tones_of_its_country);
    TEST(the_newest_script_wins);
    TEST(what_we_send_is_heard_and_recorded_from_the_sample);
    TEST(a_new_call_forgets_the_one_before);
    TEST(a_script_that_cannot_be_played_is_refused);
    TEST(ticks_allocate_nothing);
    TEST(virtual_time_is_always_ready);
    TEST(real_time_never_gives_a_tick_early);
    TEST(a_reader_that_stalls_loses_the_oldest_and_is_told);
    TEST(a_script_is_never_torn_between_two_threads);
    return 0;
}
