/* SPDX-License-Identifier: GPL-2.0-only
 *
 * offhook-prid: ISDN PRI call control for offhook. Holds the D-channels of up to 32 E1 spans with libpri and speaks lines of text with one
 * client over a Unix socket; docs/e1.md has the whole language. It never touches audio. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "span.h"

#define MAX_SPANS  32
#define GOODBYE_US 2000000 /* longest time for the clearings when the client or the operator ends us */

enum { TAG_CONTROL = 1000, TAG_LISTEN = 1001 };

static struct options options = {.restart = true};
static struct span spans[MAX_SPANS];
static int span_count;
static struct wire client;
static int listener = -1, poller = -1;
static uint32_t next_serial = SERIAL_INBOUND;
static volatile sig_atomic_t stopped;

static void on_signal(int number) {
    (void)number;
    stopped = 1;
}

static void to_stderr(struct pri *pri, char *text) {
    (void)pri;
    if (options.verbose)
        fputs(text, stderr);
}

static _Noreturn void usage(const char *wrong, const char *what) {
    fprintf(stderr,
            "offhook-prid: %s%s\n"
            "usage: offhook-prid --dchannel dahdi:16|fd:N ... (--control FD | --listen PATH) [--network] [--trace] [--speech]\n"
            "                    [--digit-timer TENTHS] [--no-restart] [--verbose]\n",
            wrong, what);
    exit(2);
}

/* -- client --------------------------------------------------------------------------------------------------------------- */

static void watch(int fd, uint32_t tag, uint32_t events, int how) {
    struct epoll_event e = {.events = events, .data.u32 = tag};
    if (epoll_ctl(poller, how, fd, &e) < 0) {
        perror("offhook-prid: epoll_ctl");
        exit(1);
    }
}

static void greet(void) {
    wire_say(&client, "hello version=1 spans=%d channels=%d role=%s libpri=%s", span_count, CHANNELS, options.network ? "network" : "cpe",
             pri_get_version());
    for (int n = 0; n < span_count; n++)
        span_greet(&spans[n]);
}

static void drop_client(void) {
    wire_free(&client);
    for (int n = 0; n < span_count; n++)
        span_drop_client(&spans[n]);
    if (listener < 0)
        stopped = 1; /* who handed us the socket is gone */
}

static void command(struct wire_line *line) {
    const char *verb = line->word[0];
    int64_t value = 0, bits = 0;
    if (strcmp(verb, "ping") == 0) {
        wire_say(&client, "pong %.32s", line->words > 1 ? line->word[1] : "");
    } else if (strcmp(verb, "state") == 0) {
        for (int n = 0; n < span_count; n++)
            span_tell(&spans[n]);
    } else if (strcmp(verb, "alarm") == 0) {
        if (line->words == 3 && wire_number(line->word[1], 0, span_count - 1, &value) && wire_number(line->word[2], 0, 0xffff, &bits))
            span_alarm(&spans[value], (int)bits);
        else
            wire_say(&client, "error alarm: write alarm SPAN BITS, spans 0 to %d", span_count - 1);
    } else if (strcmp(verb, "trace") == 0) {
        options.trace = line->words > 1 && strcmp(line->word[1], "1") == 0;
    } else {
        static const char *const verbs[] = {"dial", "digits", "answer", "proceeding", "progress", "alerting", "hangup", "block", "unblock"};
        for (size_t n = 0; n < sizeof verbs / sizeof *verbs; n++)
            if (strcmp(verb, verbs[n]) == 0) {
                if (line->words > 1 && wire_number(line->word[1], 0, span_count * CHANNELS - 1, &value)) {
                    span_command(&spans[value / CHANNELS], (int)(value % CHANNELS), line);
                } else {
                    int64_t serial = 0, any = 0;
                    wire_say(&client, "error %s: channels are 0 to %d", verb, span_count * CHANNELS - 1);
                    if (n == 0 && line->words > 2 && wire_number(line->word[1], INT32_MIN, INT32_MAX, &any) &&
                        wire_number(line->word[2], 0, UINT32_MAX, &serial)) /* every dial has its cleared */
                        wire_say(&client, "cleared %lld %lld t=%lld cause=82 location=1 who=driver", (long long)any, (long long)serial,
                                 (long long)now_us());
                }
                return;
            }
        char shown[41]; /* what was sent may be anything */
        size_t length = 0;
        for (; verb[length] != '\0' && length < sizeof shown - 1; length++)
            shown[length] = verb[length] > ' ' && verb[length] < 127 ? verb[length] : '?';
        shown[length] = '\0';
        wire_say(&client, "error unknown order '%s'", shown);
    }
}

static void serve_client(uint32_t events) {
    struct wire_line line;
    bool too_long, there = true;
    if (events & (EPOLLIN | EPOLLHUP | EPOLLERR))
        there = wire_fill(&client);
    while (wire_next(&client, &line, &too_long)) {
        if (too_long)
            wire_say(&client, "error line: longer than %d octets, refused whole", WIRE_LINE);
        else
            command(&line);
    }
    if (!there)
        drop_client();
}

static void accept_client(void) {
    int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    if (fd < 0)
        return;
    if (client.fd >= 0) { /* one at a time */
        static const char busy[] = "error busy: another client is connected\n";
        if (send(fd, busy, sizeof busy - 1, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
            perror("offhook-prid: second client");
        close(fd);
        return;
    }
    wire_init(&client, fd);
    watch(fd, TAG_CONTROL, EPOLLIN, EPOLL_CTL_ADD);
    greet();
}

static void listen_at(const char *path) {
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof at.sun_path)
        usage("path too long for a socket: ", path);
    strcpy(at.sun_path, path);
    listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    unlink(path);
    mode_t before = umask(0077); /* the owner alone may dial */
    if (listener < 0 || bind(listener, (struct sockaddr *)&at, sizeof at) < 0 || listen(listener, 4) < 0) {
        fprintf(stderr, "offhook-prid: %s: %s\n", path, strerror(errno));
        exit(1);
    }
    umask(before);
    watch(listener, TAG_LISTEN, EPOLLIN, EPOLL_CTL_ADD);
}

/* -- loop ----------------------------------------------------------------------------------------------------------------- */

/* Serve what happens until the next timer. */
static void turn(int64_t until_us) {
    static uint32_t watched = EPOLLIN;
    int64_t next = until_us;
    for (int n = 0; n < span_count; n++) {
        int64_t due = span_timers(&spans[n]);
        next = due < next ? due : next;
    }
    wire_flush(&client);
    if (client.broken)
        drop_client();
    uint32_t wanted = EPOLLIN | (wire_waiting(&client) ? (uint32_t)EPOLLOUT : 0);
    if (client.fd >= 0 && wanted != watched) {
        watch(client.fd, TAG_CONTROL, wanted, EPOLL_CTL_MOD);
        watched = wanted;
    } else if (client.fd < 0) {
        watched = EPOLLIN;
    }
    int64_t wait_us = next - now_us();
    int wait_ms = wait_us <= 0 ? 0 : wait_us > 1000000 ? 1000 : (int)((wait_us + 999) / 1000);
    struct epoll_event found[MAX_SPANS + 2];
    int count = epoll_wait(poller, found, MAX_SPANS + 2, wait_ms);
    for (int n = 0; n < count; n++) {
        uint32_t tag = found[n].data.u32;
        if (tag == TAG_CONTROL) {
            if (client.fd >= 0)
                serve_client(found[n].events);
        } else if (tag == TAG_LISTEN) {
            accept_client();
        } else {
            span_serve(&spans[tag]);
            if (spans[tag].gone)
                epoll_ctl(poller, EPOLL_CTL_DEL, spans[tag].d.fd, NULL);
        }
    }
}

static void say_goodbye(void) {
    for (int n = 0; n < span_count; n++)
        span_drop_client(&spans[n]);
    int64_t until = now_us() + GOODBYE_US;
    for (;;) {
        bool left = false;
        for (int n = 0; n < span_count; n++)
            left = left || (span_has_calls(&spans[n]) && spans[n].up);
        if (!left || now_us() >= until)
            return;
        turn(until);
    }
}

int main(int argc, char **argv) {
    const char *dchannels[MAX_SPANS], *path = NULL;
    int64_t control = -1, value = 0;
    for (int n = 1; n < argc; n++) {
        const char *option = argv[n], *argument = n + 1 < argc ? argv[n + 1] : NULL;
        if (strcmp(option, "--network") == 0)
            options.network = true;
        else if (strcmp(option, "--trace") == 0)
            options.trace = true;
        else if (strcmp(option, "--speech") == 0)
            options.speech = true;
        else if (strcmp(option, "--no-restart") == 0)
            options.restart = false;
        else if (strcmp(option, "--verbose") == 0)
            options.verbose = true;
        else if (argument == NULL)
            usage("unknown option or missing value: ", option);
        else if (strcmp(option, "--dchannel") == 0 && span_count < MAX_SPANS)
            dchannels[span_count++] = argv[++n];
        else if (strcmp(option, "--control") == 0 && wire_number(argument, 3, 65535, &control))
            n++;
        else if (strcmp(option, "--listen") == 0)
            path = argv[++n];
        else if (strcmp(option, "--digit-timer") == 0 && wire_number(argument, 0, 600, &value))
            options.digit_timer = (int)value, n++;
        else
            usage("not understood: ", option);
    }
    if (span_count == 0)
        usage("no --dchannel", "");
    if ((control < 0) == (path == NULL))
        usage("give --control or --listen, one of them", "");

    struct sigaction act = {.sa_handler = on_signal};
    sigaction(SIGTERM, &act, NULL);
    sigaction(SIGINT, &act, NULL);
    signal(SIGPIPE, SIG_IGN);
    pri_set_message(to_stderr);
    pri_set_error(to_stderr);
    poller = epoll_create1(EPOLL_CLOEXEC);
    wire_init(&client, (int)control);
    if (path != NULL)
        listen_at(path);
    else
        watch(client.fd, TAG_CONTROL, EPOLLIN, EPOLL_CTL_ADD);
    for (int n = 0; n < span_count; n++) {
        char why[200];
        if (span_open(&spans[n], n, dchannels[n], &client, &options, &next_serial, why, sizeof why) < 0) {
            fprintf(stderr, "offhook-prid: %s\n", why);
            wire_say(&client, "error fatal %s", why);
            wire_flush(&client);
            return 1;
        }
        watch(spans[n].d.fd, (uint32_t)n, EPOLLIN | EPOLLPRI, EPOLL_CTL_ADD);
    }
    greet();
    while (!stopped)
        turn(now_us() + 1000000);
    say_goodbye();
    wire_flush(&client);
    for (int n = 0; n < span_count; n++)
        span_close(&spans[n]);
    wire_free(&client);
    if (path != NULL)
        unlink(path);
    return 0;
}
