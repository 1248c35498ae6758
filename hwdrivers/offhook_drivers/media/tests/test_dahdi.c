/* The DAHDI backend on a made-up kernel: spans of channels with buffers, events and alarms, in virtual time. */
#include "harness.h"

#include "../dahdi.h"
#include "../dahdi_abi.h"

#include <errno.h>
#include <stdbool.h>

#if __has_include(<dahdi/user.h>)
#include <dahdi/user.h>
#define HAVE_USER_H 1
#endif

enum { SPANS = 2, PER_SPAN = 30, CHANNELS = SPANS * PER_SPAN, BUFFERS = 8, PREFILL = 4, TICK = 20000000, IDLE_BITS = 0x0d };

struct line {
    bool open, removed;
    int number;
    int events[8], event_count;
    int rx;          /* blocks waiting */
    uint32_t rx_seq; /* number of the oldest of them */
    bool overrun, underrun;
    int tx;           /* blocks waiting to be sent */
    uint8_t sent[64]; /* first octet of each block sent, the latest 64 */
    uint64_t sent_count;
    int bits;
};

static struct kernel {
    struct line line[CHANNELS];
    int alarm[SPANS]; /* DAHDI's bits; anything stops the data */
    int64_t now;
    int64_t stall; /* ns that the next poll sleeps longer than it should: the machine stands still while the thread waits */
    int refuse;    /* channel number that SPECIFY refuses with EBUSY */
    int law;
} kernel;

static struct line *at(int fd) {
    return &kernel.line[fd - 100];
}

static void push(struct line *l, int event) {
    if (l->open && l->event_count < 8)
        l->events[l->event_count++] = event;
}

static void card_tick(void) {
    for (int c = 0; c < CHANNELS; c++) {
        struct line *l = &kernel.line[c];
        if (!l->open || kernel.alarm[c / PER_SPAN])
            continue;
        if (l->rx == BUFFERS) {
            if (!l->overrun)
                push(l, DA_EVENT_READ_OVERRUN);
            l->overrun = true; /* the newest is thrown away */
        } else {
            l->rx++;
            l->overrun = false;
        }
        if (l->tx > 0) {
            l->tx--;
            l->underrun = false;
        } else if (!l->underrun) {
            l->underrun = true;
            push(l, DA_EVENT_WRITE_UNDERRUN);
        }
    }
}

static void pass(int64_t until) {
    while (kernel.now / TICK < until / TICK) {
        kernel.now = (kernel.now / TICK + 1) * TICK;
        card_tick();
    }
    kernel.now = until > kernel.now ? until : kernel.now;
}

static int k_open(void *world) {
    (void)world;
    for (int c = 0; c < CHANNELS; c++)
        if (!kernel.line[c].open && !kernel.line[c].removed) {
            memset(&kernel.line[c], 0, sizeof kernel.line[c]);
            kernel.line[c].open = true;
            kernel.line[c].bits = IDLE_BITS;
            return 100 + c;
        }
    return -ENODEV;
}

static void k_close(void *world, int fd) {
    (void)world;
    at(fd)->open = false;
}

static ssize_t k_read(void *world, int fd, uint8_t *octets, size_t count) {
    (void)world;
    struct line *l = at(fd);
    if (l->removed)
        return -ENODEV;
    if (l->event_count)
        return -DA_ELAST;
    if (l->rx == 0)
        return -EAGAIN;
    CHECK(count == OH_FRAME_SAMPLES);
    memset(octets, (int)(l->rx_seq & 0xff), count);
    l->rx_seq++;
    l->rx--;
    return (ssize_t)count;
}

static ssize_t k_write(void *world, int fd, const uint8_t *octets, size_t count) {
    (void)world;
    struct line *l = at(fd);
    if (l->removed)
        return -ENODEV;
    if (l->event_count)
        return -DA_ELAST;
    if (l->tx == BUFFERS)
        return -EAGAIN;
    CHECK(count == OH_FRAME_SAMPLES);
    l->tx++;
    l->sent[l->sent_count++ % 64] = octets[0];
    return (ssize_t)count;
}

static int k_ioctl(void *world, int fd, unsigned long request, void *argument) {
    (void)world;
    struct line *l = at(fd);
    switch (request) {
    case DA_SPECIFY:
        l->number = *(int *)argument;
        return l->number == kernel.refuse ? -EBUSY : 0;
    case DA_SET_BUFINFO: {
        const struct da_buffers *b = argument;
        CHECK(b->count == BUFFERS && b->octets == OH_FRAME_SAMPLES);
        return 0;
    }
    case DA_GET_PARAMS:
        ((struct da_params *)argument)->span = 7 + (fd - 100) / PER_SPAN;
        return 0;
    case DA_SPANSTAT: {
        struct da_span *s = argument;
        CHECK(s->span == 7 || s->span == 8);
        s->alarms = kernel.alarm[s->span - 7];
        return 0;
    }
    case DA_FLUSH:
        l->rx_seq += (uint32_t)l->rx;
        l->rx = l->tx = l->event_count = 0;
        return 0;
    case DA_GETEVENT:
        *(int *)argument = l->event_count ? l->events[0] : 0;
        if (l->event_count)
            memmove(l->events, l->events + 1, sizeof l->events[0] * (size_t)--l->event_count);
        return 0;
    case DA_GETRXBITS:
        *(int *)argument = l->bits;
        return 0;
    case DA_SETTXBITS:
        l->bits = *(int *)argument;
        return 0;
    case DA_BUFFER_EVENTS:
        return 0;
    default:
        return -ENOTTY;
    }
}

static int k_poll(void *world, int fd, int timeout_ms) {
    (void)world;
    struct line *l = at(fd);
    int64_t until = kernel.now + (int64_t)timeout_ms * 1000000;
    for (;;) {
        int found = (l->rx ? DAHDI_BLOCK : 0) | (l->event_count ? DAHDI_EVENT : 0);
        if (found || kernel.now >= until)
            return found;
        int64_t next = (kernel.now / TICK + 1) * TICK + kernel.stall;
        pass(next < until || kernel.stall ? next : until);
        kernel.stall = 0;
    }
}

static int64_t k_now(void *world) {
    (void)world;
    return kernel.now;
}

static void k_sleep_until(void *world, int64_t ns) {
    (void)world;
    pass(ns);
}

static const struct dahdi_system fake = {
    .open = k_open,
    .close = k_close,
    .read = k_read,
    .write = k_write,
    .ioctl = k_ioctl,
    .poll = k_poll,
    .now_ns = k_now,
    .sleep_until = k_sleep_until,
};

static oh_dahdi *card;
static const oh_media_ops *ops;
static uint8_t audio[CHANNELS * OH_FRAME_SAMPLES], valid[CHANNELS];

static void begin(void) {
    int numbers[CHANNELS];
    memset(&kernel, 0, sizeof kernel);
    for (int c = 0; c < CHANNELS; c++)
        numbers[c] = c + 1;
    card = oh_dahdi_new_on(&fake, NULL, numbers, CHANNELS, PER_SPAN, BUFFERS, PREFILL);
    CHECK(card != NULL);
    ops = ((oh_media *)oh_dahdi_media(card))->ops;
}

static void open_card(void) {
    oh_media_info info;
    begin();
    CHECK(ops->open(card, &info) == 0);
    CHECK(info.channels == CHANNELS && info.realtime == 1 && info.law == OH_LAW_ALAW && info.layout == OH_LAYOUT_CHANNEL);
}

static void end(void) {
    ops->close(card);
    for (int c = 0; c < CHANNELS; c++)
        CHECK(!kernel.line[c].open);
    oh_dahdi_free(card);
}

static uint64_t tick(void) {
    uint64_t number = 0;
    CHECK(ops->wait(card, 200) == 1);
    CHECK(ops->rx(card, audio, valid, &number) == 0);
    CHECK(ops->tx(card, audio) == 0);
    return number;
}

static int count_valid(int span, enum oh_valid kind) {
    int found = 0;
    for (int c = span * PER_SPAN; c < (span + 1) * PER_SPAN; c++)
        found += valid[c] == kind;
    return found;
}

static void every_block_comes_once_in_order_and_goes_back_bit_exact(void) {
    open_card();
    for (uint64_t n = 0; n < 500; n++) {
        CHECK(tick() == n);
        for (int c = 0; c < CHANNELS; c++) {
            CHECK(valid[c] == OH_VALID_GOOD);
            CHECK(audio[c * OH_FRAME_SAMPLES] == (uint8_t)n && audio[c * OH_FRAME_SAMPLES + 159] == (uint8_t)n);
        }
    }
    oh_media_counters counters;
    ops->counters(card, &counters);
    CHECK(counters.lost == 0 && counters.underrun == 0 && counters.overrun == 0 && counters.late == 0);
    CHECK(kernel.now == 500LL * TICK); /* 500 ticks took 10 s of the card's time */
    for (int n = 0; n < 32; n++)
        CHECK(kernel.line[3].sent[(kernel.line[3].sent_count - 1 - (uint64_t)n) % 64] == (uint8_t)(499 - n));
    end();
}

static void transmission_runs_the_prefill_ahead(void) {
    open_card();
    for (int n = 0; n < 10; n++)
        tick();
    CHECK(kernel.line[0].tx == PREFILL && kernel.line[59].tx == PREFILL);
    end();
}

static void a_short_stall_loses_nothing(void) {
    open_card();
    for (int n = 0; n < 10; n++)
        tick();
    pass(kernel.now + 3LL * TICK);
    for (uint64_t n = 10; n < 30; n++) {
        CHECK(tick() == n);
        CHECK(valid[7] == OH_VALID_GOOD && audio[7 * OH_FRAME_SAMPLES] == (uint8_t)n);
    }
    oh_media_counters counters;
    ops->counters(card, &counters);
    CHECK(counters.underrun == 0 && counters.overrun == 0 && counters.late >= 1);
    end();
}

static void a_long_stall_is_told_as_overrun_and_underrun_and_mended(void) {
    open_card();
    for (int n = 0; n < 10; n++)
        tick();
    pass(kernel.now + 20LL * TICK);
    int overruns = 0;
    for (int n = 0; n < 40; n++) {
        tick();
        overruns += count_valid(0, OH_VALID_OVERRUN);
    }
    CHECK(overruns >= PER_SPAN);
    oh_media_counters counters;
    ops->counters(card, &counters);
    CHECK(counters.overrun >= CHANNELS && counters.underrun >= CHANNELS);
    CHECK(count_valid(0, OH_VALID_GOOD) == PER_SPAN);
    CHECK(kernel.line[0].tx >= PREFILL - 1);
    end();
}

static void outlast_the_prefill(bool in_wait) {
    open_card();
    for (int n = 0; n < 10; n++)
        tick();
    if (in_wait)
        kernel.stall = 5LL * TICK;
    else
        pass(kernel.now + 6LL * TICK); /* more than is sent ahead, less than the buffers hold */
    for (uint64_t n = 10; n < 40; n++) {
        CHECK(tick() == n);
        CHECK(valid[7] == OH_VALID_GOOD && audio[7 * OH_FRAME_SAMPLES] == (uint8_t)n);
    }
    const struct line *l = &kernel.line[7];
    oh_media_counters counters;
    ops->counters(card, &counters);
    CHECK(counters.underrun == CHANNELS && counters.overrun == 0 && l->tx >= 6 && l->tx <= 7);
    for (uint64_t n = 0; n < 40; n++) { /* every block went out, in order; idle code may stand between */
        uint64_t at = 0;
        while (at < l->sent_count && l->sent[at % 64] != (uint8_t)n)
            at++;
        CHECK(at < l->sent_count);
    }
    for (int n = 0; n < 10; n++) { /* what is too far ahead is taken back where nothing is said */
        uint64_t number;
        CHECK(ops->wait(card, 200) == 1 && ops->rx(card, audio, valid, &number) == 0);
        memset(audio, 0xd5, sizeof audio);
        CHECK(ops->tx(card, audio) == 0);
    }
    CHECK(l->tx >= PREFILL - 1 && l->tx <= PREFILL + 1);
    end();
}

static void a_stall_that_outlasts_the_prefill_loses_nothing_of_what_is_sent(void) {
    outlast_the_prefill(false);
    outlast_the_prefill(true);
}

static void a_stall_that_outlasts_the_buffers_while_the_thread_waits_is_caught_up_and_no_more(void) {
    open_card();
    for (int n = 0; n < 10; n++)
        tick();
    kernel.stall = 12LL * TICK; /* 8 of 13 blocks are kept, all channels alike */
    for (int n = 0; n < 40; n++)
        tick();
    oh_media_counters counters;
    ops->counters(card, &counters);
    CHECK(counters.overrun == CHANNELS); /* the event of each, and nothing thrown away on top */
    for (int c = 0; c < CHANNELS; c++)
        CHECK(kernel.line[c].rx <= 1);
    end();
}

static void a_span_faster_than_the_clock_is_brought_back_when_its_buffers_are_full(void) {
    open_card();
    for (int n = 0; n < 10; n++)
        tick();
    struct line *fast = &kernel.line[PER_SPAN + 4]; /* of the span that is not the clock */
    for (int drift = 0; drift < BUFFERS; drift++) {
        if (fast->rx < BUFFERS)
            fast->rx++; /* one block more than the clock in a while */
        for (int n = 0; n < 20; n++)
            tick();
    }
    CHECK(fast->rx <= 2); /* not 160 ms late for good */
    oh_media_counters counters;
    ops->counters(card, &counters);
    CHECK(counters.overrun > 0 && count_valid(0, OH_VALID_GOOD) == PER_SPAN);
    end();
}

static void a_red_span_is_missing_the_other_goes_on_and_it_comes_back(void) {
    open_card(); /* the clock stands on span 0 */
    for (int n = 0; n < 10; n++)
        tick();
    kernel.alarm[0] = DA_ALARM_RED | DA_ALARM_LOS;
    for (int c = 0; c < PER_SPAN; c++)
        push(&kernel.line[c], DA_EVENT_ALARM);
    int64_t before = kernel.now;
    for (int n = 0; n < 50; n++)
        tick();
    CHECK(kernel.now - before <= 52LL * TICK && kernel.now - before >= 49LL * TICK); /* time goes on at the same pace */
    CHECK(count_valid(0, OH_VALID_MISSING) == PER_SPAN && count_valid(1, OH_VALID_GOOD) == PER_SPAN);
    uint32_t alarms = 0;
    CHECK(ops->alarms(card, 0, &alarms) == 0 && alarms == (OH_ALARM_RED | OH_ALARM_LOS));
    CHECK(oh_dahdi_alarms(card, 0) == (OH_ALARM_RED | OH_ALARM_LOS) && oh_dahdi_alarms(card, 1) == 0);
    CHECK(ops->alarms(card, SPANS, &alarms) == -EINVAL);
    kernel.alarm[0] = 0;
    for (int c = 0; c < PER_SPAN; c++)
        push(&kernel.line[c], DA_EVENT_NOALARM);
    for (int n = 0; n < 5; n++)
        tick();
    CHECK(count_valid(0, OH_VALID_GOOD) == PER_SPAN && oh_dahdi_alarms(card, 0) == 0);
    end();
}

static void with_all_spans_red_ticks_follow_the_machines_clock(void) {
    open_card();
    for (int span = 0; span < SPANS; span++)
        kernel.alarm[span] = DA_ALARM_BLUE;
    for (int c = 0; c < CHANNELS; c++)
        push(&kernel.line[c], DA_EVENT_ALARM);
    int64_t before = kernel.now;
    for (int n = 0; n < 50; n++)
        tick();
    CHECK(kernel.now - before >= 49LL * TICK && kernel.now - before <= 53LL * TICK);
    CHECK(count_valid(0, OH_VALID_MISSING) == PER_SPAN);
    end();
}

static void a_span_that_falls_silent_without_a_word_does_not_stop_time(void) {
    open_card();
    for (int n = 0; n < 10; n++)
        tick();
    kernel.alarm[0] = 0x10000; /* data stops, no event, no alarm that means anything */
    int64_t before = kernel.now;
    for (int n = 0; n < 100; n++)
        tick();
    CHECK(kernel.now - before <= 110LL * TICK);
    CHECK(count_valid(1, OH_VALID_GOOD) == PER_SPAN);
    end();
}

static void a_span_that_is_taken_away_is_opened_again_when_it_is_back(void) {
    open_card();
    for (int n = 0; n < 10; n++)
        tick();
    for (int c = 0; c < PER_SPAN; c++) {
        push(&kernel.line[c], DA_EVENT_REMOVED);
    }
    tick();
    for (int c = 0; c < PER_SPAN; c++)
        kernel.line[c].removed = true;
    for (int n = 0; n < 150; n++)
        tick();
    CHECK(count_valid(0, OH_VALID_MISSING) == PER_SPAN && count_valid(1, OH_VALID_GOOD) == PER_SPAN);
    CHECK(oh_dahdi_alarms(card, 0) == OH_ALARM_RED);
    for (int c = 0; c < PER_SPAN; c++)
        kernel.line[c].removed = false;
    for (int n = 0; n < 150; n++)
        tick();
    CHECK(count_valid(0, OH_VALID_GOOD) == PER_SPAN);
    end();
}

static void the_upper_nibble_of_bits_is_a_neighbours_and_is_not_told(void) {
    uint8_t abcd[CHANNELS];
    open_card();
    CHECK(ops->rx_bits(card, abcd) == 0 && abcd[6] == IDLE_BITS); /* as they stood when the channel was opened */
    kernel.line[5].bits = 0x93;
    push(&kernel.line[5], DA_EVENT_BITSCHANGED);
    tick();
    CHECK(ops->rx_bits(card, abcd) == 0 && abcd[5] == 0x03 && abcd[6] == IDLE_BITS);
    CHECK(ops->tx_bits(card, 6, 0x0b) == 0 && kernel.line[6].bits == 0x0b);
    CHECK(ops->tx_bits(card, CHANNELS, 0) == -EINVAL && ops->tx_bits(card, 0, 16) == -EINVAL);
    end();
}

static void a_channel_that_is_taken_is_told_with_its_mend_and_nothing_stays_open(void) {
    oh_media_info info;
    begin();
    kernel.refuse = 17;
    CHECK(ops->open(card, &info) == -EBUSY);
    CHECK(strstr(oh_dahdi_why(card), "17") != NULL && strstr(oh_dahdi_why(card), "another program") != NULL);
    CHECK(oh_dahdi_check(card) == -EBUSY);
    kernel.refuse = 0;
    CHECK(oh_dahdi_check(card) == 0);
    end();
}

static void nonsense_is_refused(void) {
    int one = 1;
    CHECK(oh_dahdi_new(NULL, 1, 30, 8, 4) == NULL && errno == EINVAL);
    CHECK(oh_dahdi_new(&one, 0, 30, 8, 4) == NULL && errno == EINVAL);
    CHECK(oh_dahdi_new(&one, 1, 0, 8, 4) == NULL && errno == EINVAL);
    CHECK(oh_dahdi_new(&one, 1, 30, 1, 0) == NULL && errno == EINVAL);
    CHECK(oh_dahdi_new(&one, 1, 30, 8, 8) == NULL && errno == EINVAL);
    CHECK(oh_dahdi_new(&one, 961, 30, 8, 4) == NULL && errno == EINVAL);
}

static void our_table_is_that_of_the_kernels_header(void) {
    CHECK(sizeof(struct da_span) == 314 && sizeof(struct da_params) == 136 && sizeof(struct da_buffers) == 24);
    CHECK(offsetof(struct da_span, alarms) == 64);
#ifdef HAVE_USER_H
    CHECK(DA_FLUSH == DAHDI_FLUSH && DA_GET_PARAMS == DAHDI_GET_PARAMS && DA_GETEVENT == DAHDI_GETEVENT);
    CHECK(DA_SPANSTAT == DAHDI_SPANSTAT && DA_SET_BUFINFO == DAHDI_SET_BUFINFO);
    CHECK(DA_SPECIFY == DAHDI_SPECIFY && DA_GETRXBITS == DAHDI_GETRXBITS && DA_SETTXBITS == DAHDI_SETTXBITS);
    CHECK(DA_BUFFER_EVENTS == DAHDI_BUFFER_EVENTS);
    CHECK(sizeof(struct da_span) == sizeof(struct dahdi_spaninfo) && sizeof(struct da_params) == sizeof(struct dahdi_params));
    CHECK(offsetof(struct da_span, alarms) == offsetof(struct dahdi_spaninfo, alarms));
    CHECK(offsetof(struct da_span, sync_source) == offsetof(struct dahdi_spaninfo, syncsrc));
    CHECK(offsetof(struct da_params, law) == offsetof(struct dahdi_params, curlaw));
    CHECK(offsetof(struct da_params, alarms) == offsetof(struct dahdi_params, chan_alarms));
    CHECK(DA_EVENT_ALARM == DAHDI_EVENT_ALARM && DA_EVENT_NOALARM == DAHDI_EVENT_NOALARM && DA_EVENT_REMOVED == DAHDI_EVENT_REMOVED);
    CHECK(DA_EVENT_BITSCHANGED == DAHDI_EVENT_BITSCHANGED && DA_EVENT_READ_OVERRUN == DAHDI_EVENT_READ_OVERRUN);
    CHECK(DA_EVENT_WRITE_UNDERRUN == DAHDI_EVENT_WRITE_UNDERRUN);
    CHECK(DA_ALARM_RED == DAHDI_ALARM_RED && DA_ALARM_BLUE == DAHDI_ALARM_BLUE && DA_ALARM_LOS == DAHDI_ALARM_LOS);
    CHECK(DA_ALARM_LFA == DAHDI_ALARM_LFA && DA_ALARM_LMFA == DAHDI_ALARM_LMFA && DA_ALARM_YELLOW == DAHDI_ALARM_YELLOW);
#endif
}

int main(void) {
    TEST(every_block_comes_once_in_order_and_goes_back_bit_exact);
    TEST(transmission_runs_the_prefill_ahead);
    TEST(a_short_stall_loses_nothing);
    TEST(a_long_stall_is_told_as_overrun_and_underrun_and_mended);
    TEST(a_stall_that_outlasts_the_prefill_loses_nothing_of_what_is_sent);
    TEST(a_stall_that_outlasts_the_buffers_while_the_thread_waits_is_caught_up_and_no_more);
    TEST(a_span_faster_than_the_clock_is_brought_back_when_its_buffers_are_full);
    TEST(a_red_span_is_missing_the_other_goes_on_and_it_comes_back);
    TEST(with_all_spans_red_ticks_follow_the_machines_clock);
    TEST(a_span_that_falls_silent_without_a_word_does_not_stop_time);
    TEST(a_span_that_is_taken_away_is_opened_again_when_it_is_back);
    TEST(the_upper_nibble_of_bits_is_a_neighbours_and_is_not_told);
    TEST(a_channel_that_is_taken_is_told_with_its_mend_and_nothing_stays_open);
    TEST(nonsense_is_refused);
    TEST(our_table_is_that_of_the_kernels_header);
    return 0;
}
