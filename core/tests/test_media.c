/* The media thread and virtual time, with a driver whose clock is in the test's hand. */
#include "harness.h"

#include "offhook.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#define CHANNELS 30
#define FRAME    OH_FRAME_SAMPLES

/* A card in memory: every wait() gives the next entry of due[], then nothing. */
struct card {
    oh_media_info info;
    int open_status;
    int rx_status;
    int wait_status; /* after due[] is used up */
    int due[8];
    int waits;
    atomic_int opened, closed, rx_ticks, tx_ticks;
    uint8_t sent[CHANNELS * FRAME];
};

static int card_open(void *media, oh_media_info *info) {
    struct card *card = media;
    card->opened++;
    *info = card->info;
    return card->open_status;
}

static int card_wait(void *media, int timeout_ms) {
    struct card *card = media;
    if (card->waits < 8 && card->due[card->waits]) {
        return card->due[card->waits++];
    }
    if (card->wait_status == 0 && timeout_ms > 0) {
        usleep(1000);
    }
    return card->wait_status;
}

static int card_rx(void *media, void *audio, uint8_t *valid, uint64_t *tick) {
    struct card *card = media;
    memset(audio, 0xd5, CHANNELS * FRAME);
    memset(valid, OH_VALID_GOOD, CHANNELS);
    *tick = (uint64_t)card->rx_ticks++;
    return card->rx_status;
}

static int card_tx(void *media, const void *audio) {
    struct card *card = media;
    memcpy(card->sent, audio, sizeof card->sent);
    card->tx_ticks++;
    return 0;
}

static void card_close(void *media) {
    ((struct card *)media)->closed++;
}

static const oh_media_ops card_ops = {.open = card_open, .wait = card_wait, .rx = card_rx, .tx = card_tx, .close = card_close};

static struct card new_card(int realtime) {
    return (struct card){.info = {.channels = CHANNELS, .law = OH_LAW_ALAW, .layout = OH_LAYOUT_CHANNEL, .realtime = realtime}};
}

static oh_core *new_core(void) {
    oh_config config = {.channels = CHANNELS, .law = OH_LAW_ALAW, .plan = oh_plan_find("cn")};
    oh_core *core = oh_core_new(&config);
    CHECK(core);
    return core;
}

static uint64_t ticks(const oh_core *core) {
    oh_stats stats;
    oh_core_stats(core, &stats);
    return stats.ticks;
}

static void wait_for_ticks(const oh_core *core, uint64_t wanted) {
    for (int i = 0; i < 20000 && ticks(core) < wanted; i++) {
        usleep(1000);
    }
    CHECK(ticks(core) >= wanted);
}

static void the_thread_runs_the_ticks_that_are_due_and_counts_the_late_ones(void) {
    struct card card = new_card(1);
    card.due[0] = 1;
    card.due[1] = 3;
    card.due[2] = 1;
    oh_core *core = new_core();
    oh_media media = {&card_ops, &card};
    CHECK_EQ(oh_core_running(core), 0);
    CHECK_EQ(oh_core_start(core, &media, 0), 0);
    CHECK_EQ(oh_core_start(core, &media, 0), -EBUSY);
    CHECK_EQ(oh_core_run(core, &media, 1), -EBUSY);
    CHECK_EQ(oh_core_running(core), 1);
    wait_for_ticks(core, 5);
    CHECK_EQ(oh_core_stop(core), 0);
    CHECK_EQ(oh_core_stop(core), -ESRCH);
    oh_stats stats;
    oh_core_stats(core, &stats);
    CHECK_EQ(stats.ticks, 5);
    CHECK_EQ(stats.late_ticks, 2);
    CHECK_EQ(card.tx_ticks, 5);
    CHECK_EQ(card.opened, 1);
    CHECK_EQ(card.closed, 1);
    CHECK_EQ(card.sent[0], 0xd5);
    oh_core_free(core);
}

static void a_realtime_priority_that_is_refused_still_runs(void) {
    struct card card = new_card(1);
    card.due[0] = 1;
    oh_core *core = new_core();
    oh_media media = {&card_ops, &card};
    CHECK_EQ(oh_core_start(core, &media, 50), 0); /* with the right to it or without */
    wait_for_ticks(core, 1);
    CHECK_EQ(oh_core_stop(core), 0);
    oh_core_free(core);
}

static void a_driver_that_does_not_fit_is_refused_and_closed(void) {
    oh_core *core = new_core();
    struct card card = new_card(1);
    oh_media media = {&card_ops, &card};
    oh_media none = {NULL, NULL};
    CHECK_EQ(oh_core_start(core, NULL, 0), -EINVAL);
    CHECK_EQ(oh_core_start(core, &none, 0), -EINVAL);
    CHECK_EQ(oh_core_start(core, &media, 100), -EINVAL);
    CHECK_EQ(card.opened, 0);
    card.info.channels = CHANNELS + 1;
    CHECK_EQ(oh_core_start(core, &media, 0), -EINVAL);
    card = new_card(1);
    card.info.law = OH_LAW_ULAW;
    CHECK_EQ(oh_core_start(core, &media, 0), -EINVAL);
    card = new_card(1);
    card.info.layout = OH_LAYOUT_TIMESLOT;
    CHECK_EQ(oh_core_start(core, &media, 0), -EINVAL);
    CHECK_EQ(card.closed, 1);
    card = new_card(1);
    card.open_status = -ENODEV;
    CHECK_EQ(oh_core_start(core, &media, 0), -ENODEV);
    CHECK_EQ(card.closed, 0); /* what did not open is not closed */
    card = new_card(1);
    CHECK_EQ(oh_core_run(core, &media, 1), -EINVAL); /* a real-time driver in virtual time */
    CHECK_EQ(oh_core_running(core), 0);
    oh_core_free(core);
}

static void a_driver_that_fails_ends_the_thread_and_wakes_the_poller(void) {
    struct card card = new_card(1);
    card.due[0] = 1;
    card.wait_status = -EIO;
    oh_core *core = new_core();
    oh_media media = {&card_ops, &card};
    CHECK_EQ(oh_core_start(core, &media, 0), 0);
    struct pollfd look = {.fd = oh_core_event_fd(core), .events = POLLIN};
    CHECK_EQ(poll(&look, 1, 20000), 1);
    CHECK_EQ(oh_core_running(core), -EIO);
    CHECK_EQ(ticks(core), 1);
    CHECK_EQ(oh_core_stop(core), -EIO);
    CHECK_EQ(card.closed, 1);
    CHECK_EQ(oh_core_running(core), 0);
    oh_core_free(core);
}

static void virtual_time_stops_after_a_tick_with_events(void) {
    struct card card = new_card(0);
    card.wait_status = 1; /* a tick is always ready */
    oh_core *core = new_core();
    oh_media media = {&card_ops, &card};
    uint8_t audio[3 * FRAME] = {0};
    oh_event event;
    CHECK_EQ(oh_core_run(core, &media, 0), 0);
    CHECK_EQ(oh_core_run(core, &media, 10), 10);
    int prompt = oh_core_prompt_add(core, audio, 3 * FRAME);
    oh_core_play(core, 4, prompt, false, 0, 8);
    CHECK_EQ(oh_core_run(core, &media, 10), 3);
    CHECK_EQ(oh_core_poll(core, &event, 1), 1);
    CHECK_EQ(event.value, 8);
    CHECK_EQ(oh_core_run(core, &media, 10), 10);
    CHECK_EQ(card.opened, 1);
    struct card other = new_card(0);
    oh_media another = {&card_ops, &other};
    CHECK_EQ(oh_core_run(core, &another, 1), -EBUSY);
    CHECK_EQ(oh_core_stop(core), 0);
    CHECK_EQ(card.closed, 1);
    CHECK_EQ(ticks(core), 23);
    oh_core_free(core);
}

static void an_error_in_virtual_time_is_told_after_the_ticks_before_it(void) {
    struct card card = new_card(0);
    card.due[0] = 1;
    card.due[1] = 1;
    card.wait_status = -ENODATA;
    oh_core *core = new_core();
    oh_media media = {&card_ops, &card};
    CHECK_EQ(oh_core_run(core, &media, 10), 2);
    CHECK_EQ(oh_core_running(core), -ENODATA);
    CHECK_EQ(oh_core_run(core, &media, 10), -ENODATA);
    CHECK_EQ(oh_core_stop(core), -ENODATA);
    card.waits = 0;
    card.wait_status = 0;
    CHECK_EQ(oh_core_run(core, &media, 10), 2); /* opened afresh; no tick ready is not an error */
    oh_core_free(core);                         /* closes the driver */
    CHECK_EQ(card.closed, 2);
}

/* Feeder, control and poller at work at once: the sanitizers look on. */
static void orders_and_events_cross_a_running_thread(void) {
    struct card card = new_card(0);
    card.wait_status = 1;
    oh_core *core = new_core();
    oh_media media = {&card_ops, &card};
    uint8_t octet = 0x12;
    oh_event events[64];
    oh_stats stats;
    int prompt = oh_core_prompt_add(core, &octet, 1);
    CHECK_EQ(oh_core_start(core, &media, 0), 0);
    uint32_t ordered = 0, done = 0;
    while (done < 2000) {
        /* A channel gets its next prompt only once the last was heard of, so that none is replaced. */
        for (; ordered < done + CHANNELS && ordered < 2000; ordered++) {
            int status = oh_core_play(core, (int)(ordered % CHANNELS), prompt, false, ordered % 2 ? 0 : -100, ordered);
            CHECK(status == 0 || status == -EAGAIN);
            if (status) {
                break;
            }
            oh_core_arm(core, (int)(ordered % CHANNELS), ordered % 3 ? OH_PROFILE_ALL : OH_DETECT_DTMF);
        }
        struct pollfd look = {.fd = oh_core_event_fd(core), .events = POLLIN};
        CHECK_EQ(poll(&look, 1, 20000), 1);
        int count;
        while ((count = oh_core_poll(core, events, 64)) > 0) {
            for (int i = 0; i < count; i++) {
                done += events[i].kind == OH_EVENT_PROMPT_DONE;
            }
        }
        oh_core_stats(core, &stats);
    }
    CHECK_EQ(stats.overruns, 0);
    int dropped = oh_core_prompt_drop(core, prompt);
    CHECK_EQ(dropped, 0);
    CHECK_EQ(oh_core_stop(core), 0);
    oh_core_free(core);
}

/* Two events a round, the second some ticks after the first: it must not slip through while the poller arms the bell. */
static void no_event_sleeps_in_the_ring_while_the_poller_waits(void) {
    struct card card = new_card(0);
    card.wait_status = 1;
    oh_core *core = new_core();
    oh_media media = {&card_ops, &card};
    static uint8_t audio[32 * FRAME];
    int prompts[32];
    for (int i = 0; i < 32; i++) {
        prompts[i] = oh_core_prompt_add(core, audio, (i + 1) * FRAME);
    }
    CHECK_EQ(oh_core_start(core, &media, 0), 0);
    for (int round = 0; round < 3000; round++) {
        CHECK_EQ(oh_core_play(core, 0, prompts[0], false, 0, 0), 0);
        CHECK_EQ(oh_core_play(core, 1, prompts[1 + round % 31], false, 0, 0), 0);
        for (int done = 0; done < 2;) {
            struct pollfd look = {.fd = oh_core_event_fd(core), .events = POLLIN};
            CHECK_EQ(poll(&look, 1, 20000), 1);
            oh_event event;
            while (oh_core_poll(core, &event, 1) > 0) {
                done += event.kind == OH_EVENT_PROMPT_DONE;
            }
        }
    }
    CHECK_EQ(oh_core_stop(core), 0);
    oh_core_free(core);
}

static void a_prompt_goes_as_soon_as_no_channel_plays_it(void) {
    struct card card = new_card(0);
    card.wait_status = 1;
    oh_core *core = new_core();
    oh_media media = {&card_ops, &card};
    uint8_t audio[2 * FRAME] = {0};
    CHECK_EQ(oh_core_start(core, &media, 0), 0);
    for (int round = 0; round < 200; round++) {
        int prompt = oh_core_prompt_add(core, audio, sizeof audio);
        CHECK(prompt >= 0);
        CHECK_EQ(oh_core_play(core, round % CHANNELS, prompt, false, 0, 0), 0);
        int status;
        while ((status = oh_core_prompt_drop(core, prompt)) == -EBUSY) {
            usleep(10);
        }
        CHECK_EQ(status, 0);
    }
    CHECK_EQ(oh_core_stop(core), 0);
    oh_core_free(core);
}

int main(void) {
    TEST(the_thread_runs_the_ticks_that_are_due_and_counts_the_late_ones);
    TEST(a_realtime_priority_that_is_refused_still_runs);
    TEST(a_driver_that_does_not_fit_is_refused_and_closed);
    TEST(a_driver_that_fails_ends_the_thread_and_wakes_the_poller);
    TEST(virtual_time_stops_after_a_tick_with_events);
    TEST(an_error_in_virtual_time_is_told_after_the_ticks_before_it);
    TEST(orders_and_events_cross_a_running_thread);
    TEST(no_event_sleeps_in_the_ring_while_the_poller_waits);
    TEST(a_prompt_goes_as_soon_as_no_channel_plays_it);
    return 0;
}
