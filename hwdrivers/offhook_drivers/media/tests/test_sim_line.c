/* What is wrong with lines and spans of the software card: noise, overload, echo, lost and repeated blocks, slips, alarms. */
#include "sim_bench.h"

static void noise_hum_and_dc_have_their_levels(void) {
    struct bench *b = open_bench(0, 0);
    uint8_t got[100 * FRAME];
    load_noise(b);
    oh_sim_script s = script(1);
    s.line.noise = OH_SIM_WHITE;
    s.line.noise_gain = 0.1f; /* -40 dBm0 */
    give(b, 0, &s);
    collect(b, got, 100);
    CHECK_NEAR(level_dbm0(got, 100 * FRAME), -40, 0.3);
    s = script(2);
    s.line.hum_hz = 50;
    s.line.hum_peak = 228.27f; /* -40 dBm0 */
    give(b, 0, &s);
    collect(b, got, 100);
    CHECK_NEAR(level_dbm0(got, 100 * FRAME), -40, 0.3);
    CHECK(share_at(got, 100 * FRAME, 50) > 0.98);
    s = script(3);
    s.line.dc = 500;
    give(b, 0, &s);
    collect(b, got, 2);
    for (int i = 0; i < 2 * FRAME; i++)
        CHECK_NEAR(oh_alaw_decode(got[i]), 500, 16);
    close_bench(b);
}

static void the_same_seed_gives_the_same_octets_on_any_channel(void) {
    struct bench *b = open_bench(0, 0);
    load_noise(b);
    oh_sim_script s = script(1);
    add_tone(&s, 440, 3000, 0);
    s.line.noise = OH_SIM_WHITE;
    s.line.noise_gain = 0.1f;
    s.line.dropped = (oh_sim_bursts){.rate = 0.1f, .length = 2};
    give(b, 0, &s);
    uint8_t first[200 * FRAME], second[200 * FRAME];
    collect(b, first, 200);
    s.call = 2; /* another call, same seed, another channel, later */
    give(b, 37, &s);
    for (int t = 0; t < 200; t++)
        memcpy(second + t * FRAME, tick(b) + 37 * FRAME, FRAME);
    CHECK(memcmp(first, second, sizeof first) == 0);
    s.call = 3;
    s.seed = 99;
    give(b, 0, &s);
    collect(b, second, 200);
    CHECK(memcmp(first, second, sizeof first) != 0);
    close_bench(b);
}

static void an_overdriven_line_is_cut_at_overload(void) {
    struct bench *b = open_bench(0, 0);
    oh_sim_script s = script(1);
    add_tone(&s, 450, 10000, 0);
    s.line.drive = 10;
    give(b, 0, &s);
    uint8_t got[20 * FRAME];
    collect(b, got, 20);
    int at_overload = 0;
    for (int i = 0; i < 20 * FRAME; i++)
        at_overload += abs(oh_alaw_decode(got[i])) == 32256;
    CHECK(at_overload > 20 * FRAME / 2);
    close_bench(b);
}

static void echo_comes_back_later_and_weaker(void) {
    struct bench *b = open_bench(0, 0);
    oh_sim_script s = script(1);
    s.line.echo_delay = 400;
    s.line.echo_gain = 0.5f;
    give(b, 0, &s);
    uint8_t got[20 * FRAME];
    for (int t = 0; t < 20; t++) {
        memset(b->tx, IDLE, FRAME);
        if (t == 5)
            b->tx[10] = oh_alaw_encode(16000);
        memcpy(got + t * FRAME, tick(b), FRAME);
    }
    int peak_at = 0;
    for (int i = 0; i < 20 * FRAME; i++)
        if (abs(oh_alaw_decode(got[i])) > abs(oh_alaw_decode(got[peak_at])))
            peak_at = i;
    CHECK_EQ(peak_at, 5 * FRAME + 10 + FRAME + 400); /* one tick on the way out */
    CHECK_NEAR(oh_alaw_decode(got[peak_at]), 8000, 300);
    close_bench(b);
}

static void bad_blocks_come_as_often_as_asked_and_only_lost_ones_are_marked(void) {
    struct bench *b = open_bench(0, 0);
    int clip = add_counting_clip(b->sim, 251);
    enum { TICKS = 4000 };
    for (int kind = 0; kind < 3; kind++) {
        oh_sim_script s = script((uint32_t)kind + 1);
        add_clip(&s, clip, 0);
        oh_sim_bursts bursts = {.rate = 0.1f, .length = 3};
        *(kind == 0 ? &s.line.lost : kind == 1 ? &s.line.repeated : &s.line.dropped) = bursts;
        give(b, 0, &s);
        int bad = 0, runs = 0, marked = 0;
        bool was_bad = false;
        uint8_t last[FRAME];
        memset(last, 1, sizeof last);
        for (int t = 0; t < TICKS; t++) {
            const uint8_t *rx = tick(b);
            bool repeated = memcmp(rx, last, FRAME) == 0, idle = rx[0] == IDLE && rx[1] == IDLE && rx[FRAME - 1] == IDLE;
            bool is_bad = kind == 1 ? repeated : idle;
            bad += is_bad;
            runs += is_bad && !was_bad;
            was_bad = is_bad;
            marked += b->valid[0] == OH_VALID_MISSING;
            memcpy(last, rx, FRAME);
        }
        CHECK_NEAR(bad, 0.1 * TICKS, 0.025 * TICKS);
        CHECK_NEAR((double)bad / runs, 3, 0.5);
        CHECK_EQ(marked, kind == 0 ? bad : 0);
    }
    oh_media_counters counters;
    b->media->ops->counters(b->media->media, &counters);
    CHECK(counters.lost > 0);
    close_bench(b);
}

static void a_slip_loses_or_doubles_its_samples(void) {
    struct bench *b = open_bench(0, 0);
    int clip = add_counting_clip(b->sim, 251);
    uint8_t got[40 * FRAME];
    for (int sign = -1; sign <= 1; sign += 2) {
        oh_sim_script s = script((uint32_t)(sign + 2));
        add_clip(&s, clip, 0);
        s.line.slip_every = 10 * FRAME;
        s.line.slip = sign * 25;
        give(b, 0, &s);
        collect(b, got, 40);
        int jumps = 0;
        for (int i = 1; i < 40 * FRAME; i++) {
            int step = (got[i] - got[i - 1] + 251) % 251;
            if (step == 1)
                continue;
            jumps++;
            CHECK_EQ(step, sign < 0 ? 26 : 251 - 24);
        }
        CHECK_EQ(jumps, 4);
    }
    oh_media_counters counters;
    b->media->ops->counters(b->media->media, &counters);
    CHECK_EQ(counters.slip, 200);
    close_bench(b);
}

static void one_way_audio_is_idle_code_and_the_script_goes_on(void) {
    struct bench *b = open_bench(0, 0);
    int clip = add_counting_clip(b->sim, 1000);
    oh_sim_script s = script(1);
    s.line.one_way = 1;
    add_clip(&s, clip, 0);
    give(b, 0, &s);
    for (int t = 0; t < 3; t++)
        CHECK_EQ(tick(b)[5], IDLE);
    CHECK_EQ(b->valid[0], OH_VALID_GOOD);
    close_bench(b);
}

static void a_span_in_alarm_gives_nothing_and_its_neighbour_goes_on(void) {
    struct bench *b = open_bench(0, 0);
    CHECK_EQ(oh_sim_alarm_set(b->sim, 1, OH_ALARM_RED | OH_ALARM_LOS), 0);
    CHECK_EQ(oh_sim_alarm_set(b->sim, 2, OH_ALARM_RED), -EINVAL);
    tick(b);
    for (int c = 0; c < CH; c++)
        CHECK_EQ(b->valid[c], c < 30 ? OH_VALID_GOOD : OH_VALID_MISSING);
    uint32_t bits = 0;
    CHECK_EQ(b->media->ops->alarms(b->media->media, 1, &bits), 0);
    CHECK_EQ(bits, OH_ALARM_RED | OH_ALARM_LOS);
    CHECK_EQ(b->media->ops->alarms(b->media->media, 2, &bits), -EINVAL);
    CHECK_EQ(oh_sim_alarm_set(b->sim, 1, OH_ALARM_YELLOW), 0); /* the far end's trouble: we still hear */
    tick(b);
    CHECK_EQ(b->valid[59], OH_VALID_GOOD);
    close_bench(b);
}

int main(void) {
    TEST(noise_hum_and_dc_have_their_levels);
    TEST(the_same_seed_gives_the_same_octets_on_any_channel);
    TEST(an_overdriven_line_is_cut_at_overload);
    TEST(echo_comes_back_later_and_weaker);
    TEST(bad_blocks_come_as_often_as_asked_and_only_lost_ones_are_marked);
    TEST(a_slip_loses_or_doubles_its_samples);
    TEST(one_way_audio_is_idle_code_and_the_script_goes_on);
    TEST(a_span_in_alarm_gives_nothing_and_its_neighbour_goes_on);
    return 0;
}
