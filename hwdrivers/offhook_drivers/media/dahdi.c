/* Media backend for cards with DAHDI drivers.
 *
 * One thread, blocks of 160 samples. The wait is on one channel, the clock; all others are read without blocking afterwards, because every
 * channel of a card becomes readable in the same tick. Where a channel has nothing, or its span is in alarm and nothing comes, the block is
 * marked missing. When the clock's span goes away another channel takes over; when none is left ticks follow the machine's clock.
 *
 * Transmission runs a few blocks ahead (prefill), so that a late tick costs nothing; an underrun fills it up again, less what the ticks that
 * are still to be caught up will send. DAHDI never says how full its buffers are (it answers -1), so this is reckoned from the time. */
#include "dahdi.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "dahdi_abi.h"

#define TICK_NS      20000000
#define STALL_NS     (3 * TICK_NS) /* a clock that gives nothing for so long is none */
#define REOPEN_TICKS 100           /* between tries to get back a channel that was removed */
#define REOPENS      4             /* such tries in one tick at most */
#define STATUS_TICKS 25            /* between looks at a span's alarms */
#define KEPT         2             /* blocks that a channel keeps when its buffers ran full while the clock's did not */
#define IDLE_ALAW    0xd5
#define MAX_SPANS    32
#define DOWN         (OH_ALARM_RED | OH_ALARM_BLUE | OH_ALARM_LOS | OH_ALARM_LFA | OH_ALARM_LMFA)

struct channel {
    int number;
    int fd; /* -1 = not open */
    bool overrun;
    uint8_t bits;
    uint8_t ahead; /* blocks on their way beyond the prefill; so many blocks of idle code are not sent */
};

struct oh_dahdi {
    oh_media media;
    const struct dahdi_system *system;
    void *world;
    int count, channels_per_span, spans, buffers, prefill;
    struct channel *channel;
    int dahdi_span[MAX_SPANS]; /* DAHDI's number of each span, 0 = not known */
    _Atomic uint32_t alarms[MAX_SPANS];
    bool mute[MAX_SPANS]; /* gave nothing while it was the clock, and has given nothing since */
    int clock;            /* channel that is waited on, -1 = the machine's clock */
    int64_t last_ns;      /* when the last tick began */
    int64_t due_ns;       /* when it ought to have begun */
    int behind;           /* ticks that wait to be caught up after a stall of the machine */
    uint64_t tick;        /* the one that comes next */
    _Atomic uint64_t overruns, underruns, late, lost;
    char why[160];
};

static void add(_Atomic uint64_t *counter, uint64_t n) {
    atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + n, memory_order_relaxed); /* one writer */
}

/* -- the real system ------------------------------------------------------------------------------------------------------ */

static int real_open(void *world) {
    (void)world;
    int fd = open("/dev/dahdi/channel", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

static void real_close(void *world, int fd) {
    (void)world;
    close(fd);
}

static ssize_t real_read(void *world, int fd, uint8_t *octets, size_t count) {
    (void)world;
    ssize_t got = read(fd, octets, count);
    return got < 0 ? -errno : got;
}

static ssize_t real_write(void *world, int fd, const uint8_t *octets, size_t count) {
    (void)world;
    ssize_t put = write(fd, octets, count);
    return put < 0 ? -errno : put;
}

static int real_ioctl(void *world, int fd, unsigned long request, void *argument) {
    (void)world;
    return ioctl(fd, request, argument) < 0 ? -errno : 0;
}

static int real_poll(void *world, int fd, int timeout_ms) {
    (void)world;
    struct pollfd p = {.fd = fd, .events = POLLIN | POLLPRI};
    int found = poll(&p, 1, timeout_ms);
    if (found < 0)
        return errno == EINTR ? 0 : -errno;
    return (p.revents & POLLIN ? DAHDI_BLOCK : 0) | (p.revents & (POLLPRI | POLLERR | POLLHUP) ? DAHDI_EVENT : 0);
}

static int64_t real_now(void *world) {
    (void)world;
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void real_sleep_until(void *world, int64_t ns) {
    (void)world;
    struct timespec t = {.tv_sec = (time_t)(ns / 1000000000), .tv_nsec = (long)(ns % 1000000000)};
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL);
}

static const struct dahdi_system real = {
    .open = real_open,
    .close = real_close,
    .read = real_read,
    .write = real_write,
    .ioctl = real_ioctl,
    .poll = real_poll,
    .now_ns = real_now,
    .sleep_until = real_sleep_until,
};

/* -- channels ------------------------------------------------------------------------------------------------------------- */

static int order(oh_dahdi *d, const struct channel *c, unsigned long request, void *argument) {
    return d->system->ioctl(d->world, c->fd, request, argument);
}

static int span_of(const oh_dahdi *d, const struct channel *c) {
    return (int)(c - d->channel) / d->channels_per_span;
}

static void fill_ahead(oh_dahdi *d, const struct channel *c, int blocks) {
    uint8_t idle[OH_FRAME_SAMPLES];
    memset(idle, IDLE_ALAW, sizeof idle);
    for (int n = 0; n < blocks; n++)
        if (d->system->write(d->world, c->fd, idle, sizeof idle) != (ssize_t)sizeof idle)
            return; /* no room, or an event: then there is enough, or we come back */
}

static bool is_idle(const uint8_t *block) {
    return block[0] == IDLE_ALAW && memcmp(block, block + 1, OH_FRAME_SAMPLES - 1) == 0;
}

static void start_afresh(oh_dahdi *d, struct channel *c) {
    int all = 7;
    order(d, c, DA_FLUSH, &all);
    fill_ahead(d, c, d->prefill);
    c->ahead = 0;
}

/* Its transmit buffers are empty; the ticks that wait will fill them in part, or more than that. */
static void fill_again(oh_dahdi *d, struct channel *c) {
    int coming = d->behind + 1 < d->buffers ? d->behind + 1 : d->buffers;
    c->ahead = (uint8_t)(coming > d->prefill ? coming - d->prefill : 0);
    fill_ahead(d, c, d->prefill - coming);
}

/* Its receive buffers are full. After a stall all are, and the ticks to come will empty them; else its span runs faster than the clock's, and
 * what it holds would only make it late for good. */
static void drop_old(oh_dahdi *d, struct channel *c) {
    uint8_t old[OH_FRAME_SAMPLES];
    for (int n = KEPT; n < d->buffers && d->behind == 0 && d->system->read(d->world, c->fd, old, sizeof old) > 0; n++)
        add(&d->overruns, 1);
}

/* The far end's ABCD bits as they stand; nothing on channels without any. */
static void look_at_bits(oh_dahdi *d, struct channel *c) {
    int bits = 0;
    if (order(d, c, DA_GETRXBITS, &bits) == 0)
        c->bits = (uint8_t)(bits & 0x0f); /* the upper nibble may be a neighbour's */
}

static int open_channel(oh_dahdi *d, struct channel *c) {
    static const char *const mend[] = {"load the card's driver and run dahdi_cfg", "another program holds it",
                                       "it must be a bchan= or cas= of system.conf"};
    int number = c->number, on = 1, fd = d->system->open(d->world);
    if (fd < 0) {
        snprintf(d->why, sizeof d->why, "/dev/dahdi/channel: %s; %s", strerror(-fd), mend[0]);
        return fd;
    }
    c->fd = fd;
    struct da_buffers buffers = {.count = d->buffers, .octets = OH_FRAME_SAMPLES};
    const char *step = "is not there";
    int failed = order(d, c, DA_SPECIFY, &number);
    if (!failed) {
        step = "takes no blocks of 160";
        failed = order(d, c, DA_SET_BUFINFO, &buffers);
    }
    struct da_params params = {.channel = number};
    if (!failed) {
        step = "does not tell its parameters";
        failed = order(d, c, DA_GET_PARAMS, &params);
    }
    if (failed) {
        snprintf(d->why, sizeof d->why, "DAHDI channel %d %s: %s; %s", number, step, strerror(-failed),
                 failed == -EBUSY ? mend[1] : mend[2]);
        d->system->close(d->world, fd);
        c->fd = -1;
        return failed;
    }
    if (span_of(d, c) < MAX_SPANS)
        d->dahdi_span[span_of(d, c)] = params.span;
    order(d, c, DA_BUFFER_EVENTS, &on); /* old drivers do not know it: then gaps go uncounted */
    start_afresh(d, c);
    look_at_bits(d, c); /* only changes are told from here on */
    return 0;
}

static void close_channel(oh_dahdi *d, struct channel *c) {
    if (c->fd >= 0)
        d->system->close(d->world, c->fd);
    c->fd = -1;
}

static uint32_t alarm_bits(int dahdi) {
    uint32_t bits = (uint32_t)dahdi & 0x1f; /* recover, loopback, yellow, red, blue: the same bits */
    bits |= dahdi & DA_ALARM_LOS ? (uint32_t)OH_ALARM_LOS : 0;
    bits |= dahdi & DA_ALARM_LFA ? (uint32_t)OH_ALARM_LFA : 0;
    bits |= dahdi & DA_ALARM_LMFA ? (uint32_t)OH_ALARM_LMFA : 0;
    return bits;
}

static bool is_down(oh_dahdi *d, int span) {
    return atomic_load_explicit(&d->alarms[span], memory_order_relaxed) & DOWN;
}

static void look_at_span(oh_dahdi *d, int span) {
    int first = span * d->channels_per_span, end = first + d->channels_per_span;
    uint32_t bits = OH_ALARM_RED; /* a span without an open channel has been taken away */
    for (int c = first; c < end && c < d->count; c++)
        if (d->channel[c].fd >= 0) {
            struct da_span status = {.span = d->dahdi_span[span]};
            bits = order(d, &d->channel[c], DA_SPANSTAT, &status) == 0 ? alarm_bits(status.alarms)
                                                                       : atomic_load_explicit(&d->alarms[span], memory_order_relaxed);
            break;
        }
    bool was_down = is_down(d, span);
    atomic_store_explicit(&d->alarms[span], bits, memory_order_relaxed);
    if (was_down && !is_down(d, span)) /* what lies in the buffers is from before */
        for (int c = first; c < end && c < d->count; c++)
            if (d->channel[c].fd >= 0)
                start_afresh(d, &d->channel[c]);
}

/* Take all events of a channel. */
static void events(oh_dahdi *d, struct channel *c) {
    for (int n = 0; n < 16 && c->fd >= 0; n++) {
        int event = 0;
        if (order(d, c, DA_GETEVENT, &event) || event == 0)
            return;
        switch (event) {
        case DA_EVENT_ALARM:
        case DA_EVENT_NOALARM:
            look_at_span(d, span_of(d, c));
            break;
        case DA_EVENT_BITSCHANGED:
            look_at_bits(d, c);
            break;
        case DA_EVENT_REMOVED:
            close_channel(d, c);
            break;
        case DA_EVENT_READ_OVERRUN:
            c->overrun = true;
            add(&d->overruns, 1);
            drop_old(d, c);
            break;
        case DA_EVENT_WRITE_UNDERRUN:
            add(&d->underruns, 1);
            fill_again(d, c);
            break;
        default:
            break;
        }
    }
}

/* -- clock ---------------------------------------------------------------------------------------------------------------- */

static bool gives_clock(oh_dahdi *d, int c) {
    int span = c / d->channels_per_span;
    return d->channel[c].fd >= 0 && !is_down(d, span) && !d->mute[span];
}

/* The first channel after the present clock that may give one; -1 when none. */
static int next_clock(oh_dahdi *d) {
    for (int n = 1; n <= d->count; n++) {
        int c = (d->clock + n + d->count) % d->count;
        if (gives_clock(d, c))
            return c;
    }
    return -1;
}

/* How many ticks wait? Less than one is the card's own time, whatever the machine's clock says; more than the buffers hold is lost. */
static void reckon(oh_dahdi *d, int64_t now) {
    int64_t late = now - (d->due_ns + TICK_NS);
    d->behind = late < TICK_NS ? 0 : late / TICK_NS < d->buffers ? (int)(late / TICK_NS) : d->buffers - 1;
}

static int dahdi_wait(void *media, int timeout_ms) {
    oh_dahdi *d = media;
    const int64_t began = d->system->now_ns(d->world), until = began + (int64_t)timeout_ms * 1000000;
    for (int64_t now = began;;) {
        if (d->clock < 0 || !gives_clock(d, d->clock))
            d->clock = next_clock(d);
        int64_t stalled = d->last_ns + STALL_NS;
        int64_t end = d->clock < 0 ? d->last_ns + TICK_NS : stalled; /* without a card the machine's clock counts */
        if (now < end && d->clock >= 0) {
            int64_t wait_ns = (end < until ? end : until) - now;
            int found = d->system->poll(d->world, d->channel[d->clock].fd, wait_ns <= 0 ? 0 : (int)((wait_ns + 999999) / 1000000));
            now = d->system->now_ns(d->world);
            if (found < 0)
                close_channel(d, &d->channel[d->clock]);
            reckon(d, now);
            if (found > 0 && found & DAHDI_EVENT)
                events(d, &d->channel[d->clock]); /* while one waits, nothing can be read */
            if (found > 0 && found & DAHDI_BLOCK)
                break;
        } else if (now >= end) {
            if (d->clock >= 0) /* it has fallen silent without a word: another span next time */
                d->mute[d->clock / d->channels_per_span] = true;
            break;
        } else {
            d->system->sleep_until(d->world, end < until ? end : until);
            now = d->system->now_ns(d->world);
        }
        if (now >= until)
            return 0;
    }
    int64_t now = d->system->now_ns(d->world);
    if (now - d->last_ns > 2 * TICK_NS)
        add(&d->late, 1);
    d->last_ns = now;
    reckon(d, now);
    d->due_ns = now - d->behind * TICK_NS;
    return 1;
}

/* -- media plane ---------------------------------------------------------------------------------------------------------- */

static void dahdi_close(void *media) {
    oh_dahdi *d = media;
    for (int c = 0; c < d->count; c++)
        close_channel(d, &d->channel[c]);
}

static int dahdi_open(void *media, oh_media_info *info) {
    oh_dahdi *d = media;
    for (int c = 0; c < d->count; c++) {
        int failed = open_channel(d, &d->channel[c]);
        if (failed) {
            dahdi_close(d);
            return failed;
        }
    }
    for (int c = 0; c < d->count; c++) /* again, all at once: opening took a while, and the buffers shall begin together */
        start_afresh(d, &d->channel[c]);
    for (int span = 0; span < d->spans; span++)
        look_at_span(d, span);
    d->clock = -1;
    d->last_ns = d->due_ns = d->system->now_ns(d->world);
    d->behind = 0;
    info->channels = d->count;
    info->law = OH_LAW_ALAW;
    info->layout = OH_LAYOUT_CHANNEL;
    info->realtime = 1;
    return 0;
}

static uint8_t read_block(oh_dahdi *d, struct channel *c, uint8_t *block) {
    for (int attempt = 0; attempt < 2 && c->fd >= 0; attempt++) {
        ssize_t got = d->system->read(d->world, c->fd, block, OH_FRAME_SAMPLES);
        if (got == OH_FRAME_SAMPLES) {
            bool overrun = c->overrun;
            c->overrun = d->mute[span_of(d, c)] = false;
            return overrun ? OH_VALID_OVERRUN : OH_VALID_GOOD;
        }
        if (got == -DA_ELAST)
            events(d, c);
        else if (got == -ENODEV || got == -ENXIO || got == -EIO)
            close_channel(d, c);
        else
            break; /* nothing there */
    }
    memset(block, IDLE_ALAW, OH_FRAME_SAMPLES);
    return OH_VALID_MISSING;
}

static int dahdi_rx(void *media, void *audio, uint8_t *valid, uint64_t *tick) {
    oh_dahdi *d = media;
    uint8_t *alaw = audio;
    uint64_t lost = 0;
    int reopens = 0;
    for (int n = 0; n < d->count; n++) {
        struct channel *c = &d->channel[n];
        if (c->fd < 0 && reopens < REOPENS && (d->tick + (uint64_t)n) % REOPEN_TICKS == 0) {
            reopens++;
            if (open_channel(d, c) == 0)
                look_at_span(d, span_of(d, c));
        }
        valid[n] = read_block(d, c, alaw + (size_t)n * OH_FRAME_SAMPLES);
        lost += valid[n] == OH_VALID_MISSING;
    }
    if (lost)
        add(&d->lost, lost);
    if (d->tick % STATUS_TICKS == 0)
        look_at_span(d, (int)(d->tick / STATUS_TICKS) % d->spans);
    *tick = d->tick++;
    return 0;
}

static int dahdi_tx(void *media, const void *audio) {
    oh_dahdi *d = media;
    const uint8_t *alaw = audio;
    for (int n = 0; n < d->count; n++) {
        struct channel *c = &d->channel[n];
        if (c->fd < 0)
            continue;
        const uint8_t *block = alaw + (size_t)n * OH_FRAME_SAMPLES;
        if (c->ahead > 0 && is_idle(block)) {
            c->ahead--;
            continue;
        }
        ssize_t put = d->system->write(d->world, c->fd, block, OH_FRAME_SAMPLES);
        if (put == -DA_ELAST) {
            events(d, c);
            if (c->fd >= 0)
                d->system->write(d->world, c->fd, block, OH_FRAME_SAMPLES);
        } /* no room: the card is behind, this block falls out */
    }
    return 0;
}

static int dahdi_rx_bits(void *media, uint8_t *abcd) {
    oh_dahdi *d = media;
    for (int n = 0; n < d->count; n++)
        abcd[n] = d->channel[n].bits;
    return 0;
}

static int dahdi_tx_bits(void *media, int channel, uint8_t abcd) {
    oh_dahdi *d = media;
    if (channel < 0 || channel >= d->count || abcd > 15)
        return -EINVAL;
    int bits = abcd;
    return d->channel[channel].fd < 0 ? -ENODEV : order(d, &d->channel[channel], DA_SETTXBITS, &bits);
}

static int dahdi_alarms(void *media, int span, uint32_t *alarms) {
    oh_dahdi *d = media;
    if (span < 0 || span >= d->spans)
        return -EINVAL;
    *alarms = atomic_load_explicit(&d->alarms[span], memory_order_relaxed);
    return 0;
}

static void dahdi_counters(void *media, oh_media_counters *out) {
    oh_dahdi *d = media;
    memset(out, 0, sizeof *out);
    out->overrun = atomic_load_explicit(&d->overruns, memory_order_relaxed);
    out->underrun = atomic_load_explicit(&d->underruns, memory_order_relaxed);
    out->late = atomic_load_explicit(&d->late, memory_order_relaxed);
    out->lost = atomic_load_explicit(&d->lost, memory_order_relaxed);
}

static const oh_media_ops dahdi_ops = {
    .open = dahdi_open,
    .wait = dahdi_wait,
    .rx = dahdi_rx,
    .tx = dahdi_tx,
    .rx_bits = dahdi_rx_bits,
    .tx_bits = dahdi_tx_bits,
    .alarms = dahdi_alarms,
    .counters = dahdi_counters,
    .close = dahdi_close,
};

/* -- life ----------------------------------------------------------------------------------------------------------------- */

oh_dahdi *oh_dahdi_new_on(const struct dahdi_system *system, void *world, const int *channels, int count, int channels_per_span,
                          int buffers, int prefill) {
    if (channels == NULL || count < 1 || count > OH_DAHDI_MAX_CHANNELS || channels_per_span < 1 || buffers < 2 || buffers > 32 ||
        prefill < 0 || prefill >= buffers || (count - 1) / channels_per_span >= MAX_SPANS) {
        errno = EINVAL;
        return NULL;
    }
    oh_dahdi *d = calloc(1, sizeof *d);
    struct channel *all = calloc((size_t)count, sizeof *all);
    if (d == NULL || all == NULL) {
        free(d);
        free(all);
        return NULL;
    }
    d->media = (oh_media){.ops = &dahdi_ops, .media = d};
    d->system = system;
    d->world = world;
    d->count = count;
    d->channels_per_span = channels_per_span;
    d->spans = (count - 1) / channels_per_span + 1;
    d->buffers = buffers;
    d->prefill = prefill;
    d->channel = all;
    d->clock = -1;
    for (int n = 0; n < count; n++)
        all[n] = (struct channel){.number = channels[n], .fd = -1};
    return d;
}

oh_dahdi *oh_dahdi_new(const int *channels, int count, int channels_per_span, int buffers, int prefill) {
    return oh_dahdi_new_on(&real, NULL, channels, count, channels_per_span, buffers, prefill);
}

void oh_dahdi_free(oh_dahdi *d) {
    if (d == NULL)
        return;
    dahdi_close(d);
    free(d->channel);
    free(d);
}

uintptr_t oh_dahdi_media(oh_dahdi *d) {
    return (uintptr_t)&d->media;
}

const char *oh_dahdi_why(const oh_dahdi *d) {
    return d->why;
}

int oh_dahdi_check(oh_dahdi *d) {
    oh_media_info info;
    int failed = dahdi_open(d, &info);
    if (failed == 0)
        dahdi_close(d);
    return failed;
}

int oh_dahdi_alarms(const oh_dahdi *d, int span) {
    return span < 0 || span >= d->spans ? -EINVAL : (int)atomic_load_explicit(&d->alarms[span], memory_order_relaxed);
}
