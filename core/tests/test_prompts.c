/* Playing prompts: what a channel sends, sample by sample. */
#include "harness.h"

#include "offhook.h"

#include <errno.h>

#define CHANNELS 3
#define FRAME    OH_FRAME_SAMPLES

static uint8_t rx[CHANNELS * FRAME];
static uint8_t tx[CHANNELS * FRAME];

static oh_core *new_core(int law) {
    memset(rx, law == OH_LAW_ALAW ? 0xd5 : 0xff, sizeof rx);
    oh_config config = {.channels = CHANNELS, .law = law, .plan = oh_plan_find("cn")};
    oh_core *core = oh_core_new(&config);
    CHECK(core);
    return core;
}

static void tick(oh_core *core) {
    CHECK(oh_core_tick(core, rx, NULL, tx, 0) >= 0);
}

/* The only event waiting is PROMPT_DONE; nothing waits when there is none. */
static bool prompt_done(oh_core *core, oh_event *event) {
    oh_event more;
    int count = oh_core_poll(core, event, 1);
    CHECK_EQ(oh_core_poll(core, &more, 1), 0);
    CHECK(count == 0 || event->kind == OH_EVENT_PROMPT_DONE);
    return count == 1;
}

/* A prompt in which every sample tells its place. */
static void fill(uint8_t *audio, int samples) {
    for (int i = 0; i < samples; i++) {
        audio[i] = (uint8_t)(i * 37 + i / 256);
    }
}

static void nothing_to_say_sends_idle_code(void) {
    oh_core *core = new_core(OH_LAW_ALAW);
    memset(tx, 0, sizeof tx);
    tick(core);
    for (size_t i = 0; i < sizeof tx; i++) {
        CHECK_EQ(tx[i], 0xd5);
    }
    oh_core_free(core);
    core = new_core(OH_LAW_ULAW);
    tick(core);
    CHECK_EQ(tx[0], 0xff);
    CHECK_EQ(tx[sizeof tx - 1], 0xff);
    oh_core_free(core);
}

static void a_prompt_is_sent_bit_exact_and_reports_its_end_to_the_sample(void) {
    uint8_t audio[400];
    oh_event event;
    fill(audio, 400);
    oh_core *core = new_core(OH_LAW_ALAW);
    int prompt = oh_core_prompt_add(core, audio, 400);
    CHECK_EQ(prompt, 0);
    tick(core);
    CHECK_EQ(oh_core_play(core, 1, prompt, false, 0, 4711), 0);
    for (int block = 0; block < 2; block++) {
        tick(core);
        CHECK(memcmp(tx + FRAME, audio + block * FRAME, FRAME) == 0);
        CHECK(!prompt_done(core, &event));
    }
    tick(core);
    CHECK(memcmp(tx + FRAME, audio + 320, 80) == 0);
    CHECK_EQ(tx[FRAME + 80], 0xd5);
    CHECK_EQ(tx[0], 0xd5);
    CHECK_EQ(tx[2 * FRAME], 0xd5);
    CHECK(prompt_done(core, &event));
    CHECK_EQ(event.channel, 1);
    CHECK_EQ(event.value, 4711);
    CHECK_EQ(event.onset_sample, 160);
    CHECK_EQ(event.at_sample, 560);
    tick(core);
    CHECK_EQ(tx[FRAME], 0xd5);
    CHECK(!prompt_done(core, &event));
    oh_core_free(core);
}

static void a_prompt_that_ends_with_a_frame_is_done_in_that_tick(void) {
    uint8_t audio[160];
    oh_event event;
    fill(audio, 160);
    oh_core *core = new_core(OH_LAW_ALAW);
    int prompt = oh_core_prompt_add(core, audio, 160);
    CHECK_EQ(oh_core_play(core, 0, prompt, false, 0, 1), 0);
    tick(core);
    CHECK(prompt_done(core, &event));
    CHECK_EQ(event.at_sample, 160);
    oh_core_free(core);
}

static void a_looping_prompt_goes_on_until_it_is_stopped(void) {
    uint8_t audio[7];
    oh_event event;
    fill(audio, 7);
    oh_core *core = new_core(OH_LAW_ALAW);
    int prompt = oh_core_prompt_add(core, audio, 7);
    CHECK_EQ(oh_core_play(core, 2, prompt, true, 0, 5), 0);
    for (int i = 0; i < 10 * FRAME; i++) {
        if (i % FRAME == 0) {
            tick(core);
        }
        CHECK_EQ(tx[2 * FRAME + i % FRAME], audio[i % 7]);
    }
    CHECK_EQ(oh_core_stop_play(core, 2), 0);
    tick(core);
    CHECK_EQ(tx[2 * FRAME], 0xd5);
    CHECK(!prompt_done(core, &event));
    oh_core_free(core);
}

static void a_new_prompt_replaces_the_old_one_which_is_not_reported(void) {
    uint8_t first[1000], second[160];
    oh_event event;
    memset(first, 0x11, sizeof first);
    memset(second, 0x22, sizeof second);
    oh_core *core = new_core(OH_LAW_ULAW);
    int a = oh_core_prompt_add(core, first, 1000);
    int b = oh_core_prompt_add(core, second, 160);
    oh_core_play(core, 0, a, false, 0, 1);
    tick(core);
    CHECK_EQ(tx[0], 0x11);
    oh_core_play(core, 0, b, false, 0, 2);
    tick(core);
    CHECK_EQ(tx[0], 0x22);
    CHECK(prompt_done(core, &event));
    CHECK_EQ(event.value, 2);
    CHECK_EQ(oh_core_prompt_drop(core, a), 0);
    oh_core_free(core);
}

static void gain_is_applied_to_linear_samples_and_saturates(void) {
    uint8_t audio[160];
    for (int i = 0; i < 160; i++) {
        audio[i] = oh_alaw_encode((int16_t)(i * 100));
    }
    oh_core *core = new_core(OH_LAW_ALAW);
    int prompt = oh_core_prompt_add(core, audio, 160);
    oh_core_play(core, 0, prompt, false, -600, 0);
    oh_core_play(core, 1, prompt, false, 2000, 0);
    tick(core);
    for (int i = 0; i < 160; i++) {
        double linear = oh_alaw_decode(audio[i]);
        CHECK_EQ(tx[i], oh_alaw_encode((int16_t)lround(linear * pow(10, -6 / 20.0))));
        CHECK_EQ(tx[FRAME + i], oh_alaw_encode((int16_t)fmin(32767, linear * 10)));
    }
    oh_core_free(core);
}

static void a_prompt_in_use_cannot_be_dropped(void) {
    uint8_t audio[200];
    fill(audio, 200);
    oh_core *core = new_core(OH_LAW_ALAW);
    int prompt = oh_core_prompt_add(core, audio, 200);
    CHECK_EQ(oh_core_play(core, 0, prompt, false, 0, 0), 0);
    CHECK_EQ(oh_core_prompt_drop(core, prompt), -EBUSY); /* the order is queued */
    tick(core);
    CHECK_EQ(oh_core_prompt_drop(core, prompt), -EBUSY); /* it plays */
    CHECK_EQ(oh_core_reset(core, 0, NULL, OH_PROFILE_OFF), 0);
    tick(core);
    CHECK_EQ(oh_core_prompt_drop(core, prompt), 0);
    CHECK_EQ(oh_core_prompt_drop(core, prompt), -EINVAL);
    CHECK_EQ(oh_core_play(core, 0, prompt, false, 0, 0), -EINVAL);
    CHECK_EQ(oh_core_prompt_add(core, audio, 200), prompt); /* the number is free again */
    oh_core_free(core);
}

static void without_tx_a_prompt_stands_still(void) {
    uint8_t audio[160];
    oh_event event;
    fill(audio, 160);
    oh_core *core = new_core(OH_LAW_ALAW);
    int prompt = oh_core_prompt_add(core, audio, 160);
    oh_core_play(core, 0, prompt, false, 0, 9);
    CHECK_EQ(oh_core_tick(core, rx, NULL, NULL, 0), 0);
    CHECK(!prompt_done(core, &event));
    tick(core);
    CHECK(memcmp(tx, audio, FRAME) == 0);
    CHECK(prompt_done(core, &event));
    oh_core_free(core);
}

static void the_table_of_prompts_has_an_end(void) {
    uint8_t octet = 0;
    oh_core *core = new_core(OH_LAW_ALAW);
    for (int i = 0; i < OH_MAX_PROMPTS; i++) {
        CHECK_EQ(oh_core_prompt_add(core, &octet, 1), i);
    }
    CHECK_EQ(oh_core_prompt_add(core, &octet, 1), -ENOSPC);
    CHECK_EQ(oh_core_prompt_add(core, &octet, 0), -EINVAL);
    CHECK_EQ(oh_core_prompt_add(core, NULL, 1), -EINVAL);
    oh_core_free(core);
}

int main(void) {
    TEST(nothing_to_say_sends_idle_code);
    TEST(a_prompt_is_sent_bit_exact_and_reports_its_end_to_the_sample);
    TEST(a_prompt_that_ends_with_a_frame_is_done_in_that_tick);
    TEST(a_looping_prompt_goes_on_until_it_is_stopped);
    TEST(a_new_prompt_replaces_the_old_one_which_is_not_reported);
    TEST(gain_is_applied_to_linear_samples_and_saturates);
    TEST(a_prompt_in_use_cannot_be_dropped);
    TEST(without_tx_a_prompt_stands_still);
    TEST(the_table_of_prompts_has_an_end);
    return 0;
}
