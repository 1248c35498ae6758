/* The DAHDI backend and the signalling daemon on real DAHDI channels, inside the machine of scripts/test-dahdi-vm.
 *
 *   dahdi_vm PRID CALLS [BUFFERS PREFILL]
 *
 * Two software E1 spans stand back to back: 1-31 and 32-62. On each the media backend reads and writes 30 B-channels in a thread of its own
 * and a daemon holds the D-channel, as card on the first, as exchange on the second. Calls go from the first to the second. The exchange
 * answers two of three, one of them after a second of early media; an answered call hears a prompt of 2 s. It refuses the third with a cause of
 * its own, every other one after a second of early media. Prompts and early media are looked for octet for octet at the far end of the line.
 * Then the card's daemon is started again ten times, and last the second span is destroyed under 30 answered calls and made again. One JSON
 * object at the end; status 1 when a result is wrong. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "offhook_drivers.h"

enum { CHANNELS = 30, PROMPT = 16000, EARLY = 8000, HEARD = 48000, HOLD_MS = 2600, AFTER_MS = 600, STARTS = 10, IDLE = 0xd5 };
#define DYNAMIC_CREATE  0xc048da50u
#define DYNAMIC_DESTROY 0x4048da51u

static int64_t now_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* -- media ---------------------------------------------------------------------------------------------------------------- */

struct side {
    oh_dahdi *card;
    const oh_media_ops *ops;
    pthread_t thread;
    atomic_bool stopped;
    const uint8_t *text;        /* what this side says */
    int length;                 /* of it, octets */
    atomic_int said[CHANNELS];  /* octets of the text that were sent, -1 = none is */
    atomic_int heard[CHANNELS]; /* octets recorded, -1 = nobody records */
    uint8_t *record;            /* CHANNELS x HEARD */
    uint64_t ticks, missing, good;
    int stalls[3], worst_ms; /* ticks that came more than 40, 80, 160 ms after the one before */
    int64_t began;
};

static uint8_t prompt[PROMPT], early[EARLY];
static int buffers = OH_DAHDI_BUFFERS, prefill = OH_DAHDI_PREFILL;

static void *media(void *arg) {
    struct side *s = arg;
    static _Thread_local uint8_t rx[CHANNELS * OH_FRAME_SAMPLES], tx[CHANNELS * OH_FRAME_SAMPLES], valid[CHANNELS];
    uint64_t tick;
    int64_t last = now_ms();
    while (!atomic_load(&s->stopped)) {
        if (s->ops->wait(s->card, 100) <= 0)
            continue;
        int gap = (int)(now_ms() - last);
        last += gap;
        for (int n = 0; n < 3; n++)
            s->stalls[n] += gap > 40 << n;
        s->worst_ms = gap > s->worst_ms ? gap : s->worst_ms;
        s->ops->rx(s->card, rx, valid, &tick);
        for (int c = 0; c < CHANNELS; c++) {
            uint8_t *out = tx + c * OH_FRAME_SAMPLES;
            int said = atomic_load(&s->said[c]), heard = atomic_load(&s->heard[c]);
            memset(out, IDLE, OH_FRAME_SAMPLES);
            if (said >= 0 && said < s->length) {
                memcpy(out, s->text + said, OH_FRAME_SAMPLES);
                atomic_compare_exchange_strong(&s->said[c], &said, said + OH_FRAME_SAMPLES);
            }
            if (valid[c] == OH_VALID_MISSING)
                s->missing++;
            else
                s->good++;
            if (heard >= 0 && heard + OH_FRAME_SAMPLES <= HEARD && valid[c] != OH_VALID_MISSING) {
                memcpy(s->record + (size_t)c * HEARD + heard, rx + c * OH_FRAME_SAMPLES, OH_FRAME_SAMPLES);
                atomic_compare_exchange_strong(&s->heard[c], &heard, heard + OH_FRAME_SAMPLES);
            }
        }
        s->ops->tx(s->card, tx);
        s->ticks++;
    }
    return NULL;
}

static void media_start(struct side *s, int first) {
    int numbers[CHANNELS];
    s->text = first == 1 ? prompt : early;
    s->length = first == 1 ? PROMPT : EARLY;
    for (int c = 0; c < CHANNELS; c++) {
        numbers[c] = first + c + (c >= 15);
        atomic_store(&s->said[c], -1);
        atomic_store(&s->heard[c], -1);
    }
    if (s->record == NULL)
        s->record = malloc((size_t)CHANNELS * HEARD);
    s->card = oh_dahdi_new(numbers, CHANNELS, CHANNELS, buffers, prefill);
    s->ops = ((oh_media *)oh_dahdi_media(s->card))->ops;
    oh_media_info info;
    if (s->ops->open(s->card, &info)) {
        fprintf(stderr, "dahdi_vm: %s\n", oh_dahdi_why(s->card));
        exit(1);
    }
    atomic_store(&s->stopped, false);
    s->began = now_ms();
    pthread_create(&s->thread, NULL, media, s);
}

static void media_stop(struct side *s) {
    atomic_store(&s->stopped, true);
    pthread_join(s->thread, NULL);
    s->ops->close(s->card);
    oh_dahdi_free(s->card);
}

/* -- daemons -------------------------------------------------------------------------------------------------------------- */

struct daemon {
    int fd;
    pid_t pid;
    char text[65536];
    size_t used;
    int64_t started, layer2, up; /* ms */
};

static void daemon_start(struct daemon *d, const char *program, const char *dchannel, bool network) {
    int pair[2];
    char number[16];
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair))
        exit(1);
    snprintf(number, sizeof number, "%d", pair[1]);
    memset(d, 0, sizeof *d);
    d->started = now_ms();
    d->pid = fork();
    if (d->pid == 0) {
        close(pair[0]);
        execl(program, program, "--control", number, "--dchannel", dchannel, network ? "--network" : NULL, (char *)NULL);
        _exit(127);
    }
    close(pair[1]);
    d->fd = pair[0];
    fcntl(d->fd, F_SETFD, FD_CLOEXEC);
}

static void say(struct daemon *d, const char *verb, int channel, unsigned serial, const char *more) {
    char line[200];
    int length = snprintf(line, sizeof line, "%s %d %u %s\n", verb, channel, serial, more);
    if (write(d->fd, line, (size_t)length) != length)
        fprintf(stderr, "dahdi_vm: a daemon does not listen\n");
}

/* Next whole line into out, or false. */
static bool next_line(struct daemon *d, char *out, size_t room) {
    ssize_t got = recv(d->fd, d->text + d->used, sizeof d->text - d->used, MSG_DONTWAIT);
    if (got > 0)
        d->used += (size_t)got;
    char *end = memchr(d->text, '\n', d->used);
    if (end == NULL)
        return false;
    size_t length = (size_t)(end - d->text);
    snprintf(out, room, "%.*s", (int)length, d->text);
    d->used -= length + 1;
    memmove(d->text, end + 1, d->used);
    return true;
}

/* -- calls ---------------------------------------------------------------------------------------------------------------- */

static const int causes[] = {1, 17, 18, 19, 21, 22, 27, 28, 31, 34, 38, 41, 42, 44};
static struct call {
    unsigned serial; /* 0 = free */
    bool answered, hanging, early;
    int expected;
    int64_t answered_at, dialled_at;
} calls[CHANNELS];

static struct side near_side, far_side;
static struct daemon near_daemon, far_daemon;
static struct pending {
    unsigned serial; /* 0 = none */
    int cause;       /* how the call goes on when the early media are said, 16 = answer */
    int64_t began;
} pending[CHANNELS];
static int early_exact, early_not;
static int cleared, wrong, answered, exact, short_prompt, early_alarm, red_cleared;
static int64_t setup_ms, red_at, red_last, alarm_at, back_at;
static int prompt_answers;
static bool measuring_red;

static int expected_of(unsigned serial) {
    return serial % 3 != 2 ? 16 : causes[serial / 3 % (sizeof causes / sizeof *causes)];
}

/* Early media come before half of the answers and half of the refusals. */
static bool has_early(unsigned serial) {
    return serial < 3000000u && (serial % 3 == 1 || serial % 6 == 2);
}

static void judge_early(int c) {
    int heard = atomic_exchange(&near_side.heard[c], -1);
    if (heard > 0 && memmem(near_side.record + (size_t)c * HEARD, (size_t)heard, early, EARLY) != NULL)
        early_exact++;
    else
        early_not++;
}

static void judge_prompt(int c) {
    int heard = atomic_exchange(&far_side.heard[c], -1);
    if (heard > 0 && memmem(far_side.record + (size_t)c * HEARD, (size_t)heard, prompt, PROMPT) != NULL)
        exact++;
    else
        short_prompt++;
}

static void near_line(const char *line) {
    int channel, state;
    unsigned serial;
    long long t;
    if (sscanf(line, "span 0 layer2=%d", &state) == 1) {
        if (state && near_daemon.layer2 == 0)
            near_daemon.layer2 = now_ms();
    } else if (sscanf(line, "link 0 %d", &state) == 1) {
        if (state && near_daemon.up == 0)
            near_daemon.up = now_ms();
        if (state && red_at)
            back_at = now_ms();
    } else if (sscanf(line, "alarm 0 %d", &state) == 1 && state) {
        alarm_at = now_ms();
    } else if (sscanf(line, "answered %d %u t=%lld", &channel, &serial, &t) == 3 && calls[channel].serial == serial) {
        calls[channel].answered = true;
        calls[channel].answered_at = now_ms();
        answered++;
        if (has_early(serial)) {
            judge_early(channel);
        } else {
            setup_ms += now_ms() - calls[channel].dialled_at;
            prompt_answers++;
        }
        atomic_store(&far_side.heard[channel], 0);
        atomic_store(&near_side.said[channel], 0);
    } else if ((sscanf(line, "progress %d %u t=%lld inband=%d", &channel, &serial, &t, &state) == 4 ||
                sscanf(line, "ringing %d %u t=%lld inband=%d", &channel, &serial, &t, &state) == 4) &&
               state == 1 && calls[channel].serial == serial && has_early(serial)) {
        calls[channel].early = true;
        atomic_store(&near_side.heard[channel], 0);
    } else if (sscanf(line, "cleared %d %u t=%lld cause=%d", &channel, &serial, &t, &state) == 4 && calls[channel].serial == serial) {
        struct call *c = &calls[channel];
        if (measuring_red) {
            red_cleared++;
            red_last = now_ms();
            wrong += state != 38;
        } else {
            cleared++;
            wrong += state != c->expected || c->answered != (c->expected == 16) || c->early != has_early(serial);
            if (c->answered)
                judge_prompt(channel);
            else if (has_early(serial))
                judge_early(channel);
        }
        atomic_store(&near_side.said[channel], -1);
        memset(c, 0, sizeof *c);
    }
}

static void decide(int channel, unsigned serial, int cause) {
    char more[32];
    snprintf(more, sizeof more, "cause=%d", cause);
    say(&far_daemon, cause == 16 ? "answer" : "hangup", channel, serial, cause == 16 ? "" : more);
}

/* The exchange speaks a while after it has said so, and goes on with the call when all of it must have been heard. */
static void far_speak(void) {
    for (int c = 0; c < CHANNELS; c++) {
        struct pending *p = &pending[c];
        int said = atomic_load(&far_side.said[c]);
        if (p->serial == 0)
            continue;
        if (said < 0 && now_ms() - p->began > 100) {
            atomic_store(&far_side.said[c], 0);
        } else if (said >= EARLY && (atomic_load(&near_side.heard[c]) >= EARLY + 6400 || now_ms() - p->began > 8000)) {
            atomic_store(&far_side.said[c], -1);
            decide(c, p->serial, p->cause);
            p->serial = 0;
        }
    }
}

static void far_line(const char *line) {
    int channel;
    unsigned serial;
    char called[64];
    long long t;
    if (sscanf(line, "offered %d %u t=%lld called=%63s", &channel, &serial, &t, called) == 4) {
        unsigned number = (unsigned)atoi(called + 2); /* after the first two digits */
        int cause = expected_of(number);
        say(&far_daemon, "proceeding", channel, serial, "");
        if (has_early(number)) {
            say(&far_daemon, cause == 16 ? "alerting" : "progress", channel, serial, "inband=1");
            pending[channel] = (struct pending){.serial = serial, .cause = cause, .began = now_ms()};
        } else {
            if (cause == 16)
                say(&far_daemon, "alerting", channel, serial, "inband=1");
            decide(channel, serial, cause);
        }
    } else if (sscanf(line, "cleared %d %u", &channel, &serial) == 2 && pending[channel].serial == serial) {
        pending[channel].serial = 0;
    } else if (strncmp(line, "link 0 1", 8) == 0 && far_daemon.up == 0) {
        far_daemon.up = now_ms();
    }
}

static void serve(int ms) {
    char line[512];
    struct pollfd fds[2] = {{.fd = near_daemon.fd, .events = POLLIN}, {.fd = far_daemon.fd, .events = POLLIN}};
    poll(fds, 2, ms);
    while (next_line(&near_daemon, line, sizeof line))
        near_line(line);
    while (next_line(&far_daemon, line, sizeof line))
        far_line(line);
    far_speak();
}

/* Milliseconds from the start of the card's daemon until layer 2 stands; then its link comes into service. */
static int64_t start_near(const char *program) {
    daemon_start(&near_daemon, program, "dahdi:16", false);
    for (int64_t until = now_ms() + 30000; now_ms() < until && near_daemon.up == 0;) {
        if (near_daemon.layer2 == 0 && write(near_daemon.fd, "state\n", 6) != 6)
            break;
        serve(5);
    }
    return near_daemon.layer2 ? near_daemon.layer2 - near_daemon.started : -1;
}

static int by_size(const void *a, const void *b) {
    return *(const int64_t *)a < *(const int64_t *)b ? -1 : 1;
}

static void dial(int channel, unsigned serial) {
    char more[64];
    snprintf(more, sizeof more, "called=13%09u calling=075526001234", serial);
    calls[channel] = (struct call){.serial = serial, .expected = expected_of(serial), .dialled_at = now_ms()};
    say(&near_daemon, "dial", channel, serial, more);
}

static int dynamic(unsigned long request) {
    struct {
        char driver[20], address[40];
        int channels, timing, span;
    } span = {.driver = "loc", .address = "1:1", .channels = 31};
    int ctl = open("/dev/dahdi/ctl", O_RDWR), failed = ctl < 0 || ioctl(ctl, request, &span) < 0;
    if (failed)
        perror("dahdi_vm: dynamic span");
    if (ctl >= 0)
        close(ctl);
    return failed;
}

static void red(const char *program) {
    for (int c = 0; c < CHANNELS; c++)
        dial(c, 3000000u + (unsigned)c * 3);
    for (int64_t until = now_ms() + 10000; now_ms() < until;) {
        serve(20);
        int up = 0;
        for (int c = 0; c < CHANNELS; c++)
            up += calls[c].answered;
        if (up == CHANNELS)
            break;
    }
    measuring_red = true;
    kill(far_daemon.pid, SIGKILL); /* a span with open channels cannot be destroyed */
    waitpid(far_daemon.pid, NULL, 0);
    media_stop(&far_side);
    red_at = now_ms();
    if (dynamic(DYNAMIC_DESTROY))
        return;
    for (int64_t until = now_ms() + 10000; now_ms() < until && red_cleared < CHANNELS;)
        serve(20);
    red_last -= red_at;
    alarm_at -= red_at;
    int64_t made = now_ms();
    static const char again[] = "printf 'bchan=32-46,48-62\\ndchan=47\\nalaw=32-62\\nloadzone=cn\\ndefaultzone=cn\\n' >/tmp/far.conf && "
                                "dahdi_cfg -c /tmp/far.conf";
    if (dynamic(DYNAMIC_CREATE) || system(again) != 0)
        return;
    early_alarm = (int)(now_ms() - made);
    daemon_start(&far_daemon, program, "dahdi:47", true);
    media_start(&far_side, 32);
    back_at = 0;
    for (int64_t until = now_ms() + 20000; now_ms() < until && back_at == 0;)
        serve(20);
    back_at = back_at ? back_at - far_daemon.started : -1;
}

int main(int argc, char **argv) {
    unsigned count = argc > 2 ? (unsigned)atoi(argv[2]) : 0, begun = 0;
    uint32_t noise = 1;
    if (count == 0) {
        fprintf(stderr, "usage: dahdi_vm PRID CALLS [BUFFERS PREFILL]\n");
        return 2;
    }
    if (argc > 4) {
        buffers = atoi(argv[3]);
        prefill = atoi(argv[4]);
    }
    for (int n = 0; n < PROMPT; n++) {
        noise = noise * 1664525u + 1013904223u;
        prompt[n] = (uint8_t)(noise >> 24);
    }
    for (int n = 0; n < EARLY; n++) {
        noise = noise * 1664525u + 1013904223u;
        early[n] = (uint8_t)(noise >> 24);
    }
    media_start(&near_side, 1);
    media_start(&far_side, 32);
    daemon_start(&far_daemon, argv[1], "dahdi:47", true);
    int64_t layer2_ms[STARTS + 1];
    layer2_ms[0] = start_near(argv[1]);
    int64_t up_ms = near_daemon.up - near_daemon.started, began = now_ms(), limit = began + 300000 + 1000 * (int64_t)count;
    while (cleared < (int)count && now_ms() < limit) {
        serve(5);
        for (int c = 0; c < CHANNELS; c++) {
            struct call *call = &calls[c];
            if (call->serial == 0 && begun < count && near_daemon.up)
                dial(c, ++begun);
            else if (call->answered && !call->hanging && now_ms() - call->answered_at > HOLD_MS &&
                     (atomic_load(&near_side.said[c]) >= PROMPT || now_ms() - call->answered_at > 10000)) {
                int heard = atomic_load(&far_side.heard[c]);
                if (heard < PROMPT + 6400 && now_ms() - call->answered_at < 10000)
                    continue; /* what is on its way still comes */
                call->hanging = true;
                say(&near_daemon, "hangup", c, call->serial, "cause=16");
            }
        }
    }
    int64_t took = now_ms() - began;
    oh_media_counters counters;
    near_side.ops->counters(near_side.card, &counters);
    int in_calls = answered;
    double mean_setup = prompt_answers ? (double)setup_ms / prompt_answers : 0.0;
    double real_time = (double)near_side.ticks * 20.0 / (double)(now_ms() - near_side.began);
    for (int n = 1; n <= STARTS; n++) {
        kill(near_daemon.pid, SIGTERM);
        waitpid(near_daemon.pid, NULL, 0);
        close(near_daemon.fd);
        layer2_ms[n] = start_near(argv[1]);
    }
    int64_t first_ms = layer2_ms[0];
    qsort(layer2_ms + 1, STARTS, sizeof *layer2_ms, by_size);
    oh_media_counters far_counters;
    far_side.ops->counters(far_side.card, &far_counters);
    red(argv[1]);
    printf("DAHDI {\"buffers\": %d, \"prefill\": %d, \"calls\": %d, \"wrong\": %d, \"answered\": %d, \"prompts_exact\": %d, "
           "\"prompts_not\": %d, \"early_exact\": %d, \"early_not\": %d, \"layer2_up_ms\": %lld, \"layer2_again_ms\": [%lld, %lld], "
           "\"restarted_ms\": %lld, "
           "\"seconds\": %.1f, \"mean_setup_ms\": %.1f, \"real_time\": %.4f, \"overruns\": %llu, \"underruns\": %llu, \"missing\": %llu, "
           "\"far_underruns\": %llu, \"stalls_over_40_80_160_ms\": [%d, %d, %d], \"worst_stall_ms\": %d, "
           "\"red_cleared\": %d, \"red_alarm_ms\": %lld, \"red_ended_ms\": %lld, \"configured_again_ms\": %d, \"link_back_ms\": %lld}\n",
           buffers, prefill, cleared, wrong, in_calls, exact, short_prompt, early_exact, early_not, (long long)first_ms,
           (long long)layer2_ms[1 + STARTS / 2], (long long)layer2_ms[STARTS], (long long)up_ms, (double)took / 1000.0, mean_setup,
           real_time, (unsigned long long)counters.overrun, (unsigned long long)counters.underrun, (unsigned long long)counters.lost,
           (unsigned long long)far_counters.underrun, near_side.stalls[0], near_side.stalls[1], near_side.stalls[2], near_side.worst_ms,
           red_cleared, (long long)alarm_at, (long long)red_last, early_alarm, (long long)back_at);
    fflush(stdout);
    kill(near_daemon.pid, SIGTERM);
    kill(far_daemon.pid, SIGTERM);
    return wrong || cleared != (int)count || red_cleared != CHANNELS;
}
