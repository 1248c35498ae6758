/* SPDX-License-Identifier: GPL-2.0-only */
#include "span.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>

#define DOWN_ALARMS    (8 | 16 | 32 | 64 | 128) /* red, blue, LOS, LFA, LMFA */
#define FORCE_US       15000000                 /* a clearing that takes longer is forced: T305 and twice T308 are over by then */
#define T305_MS        4000
#define T309_US        6000000 /* libpri's own: answered calls outlive a shorter loss of the link */
#define RESTART_US     2000000
#define RESTART_TRIES  2
#define RESTART_SILENT 2   /* so many channels without an answer: the far end does not know RESTART, go on without it */
#define BURST          256 /* frames taken from one span before the others get their turn */

enum { NORMAL = 16, UNSPECIFIED = 31, NO_CIRCUIT = 34, OUT_OF_ORDER = 38, TEMPORARY = 41, UNAVAILABLE = 44, NO_CHANNEL = 82 };
enum { UNACCEPTABLE = 6, BAD_NUMBER = 28, BAD_REFERENCE = 81, TIMER_EXPIRY = 102 };
enum { USER = 0, PRIVATE_LOCAL = 1, PRIVATE_REMOTE = 5 };

int64_t now_us(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static int timeslot_of(int index) {
    return index < 15 ? index + 1 : index + 2;
}

static int index_of(int timeslot) {
    return timeslot >= 1 && timeslot <= 15 ? timeslot - 1 : timeslot >= 17 && timeslot <= 31 ? timeslot - 2 : -1;
}

static int valid_cause(int cause) {
    return cause >= 1 && cause <= 127 ? cause : UNSPECIFIED;
}

/* -- calls ---------------------------------------------------------------------------------------------------------------- */

static struct call *find(struct span *s, const q931_call *pri) {
    if (pri == NULL)
        return NULL;
    for (int n = 0; n < CHANNELS; n++)
        if (s->call[n].pri == pri)
            return &s->call[n];
    return NULL;
}

/* The call is over: tell it, once, and free its place. libpri has let go of it already, or does so here. */
static void clear(struct span *s, struct call *c, int cause, int location, const char *who) {
    if (c->hanging) { /* the first decision counts */
        cause = c->cause;
        location = c->location;
        who = c->who;
    }
    if (c->told)
        wire_say(s->wire, "cleared %d %u t=%lld cause=%d location=%d who=%s", c->channel, c->serial, (long long)now_us(),
                 valid_cause(cause), location, who);
    memset(c, 0, sizeof *c);
}

static void destroy(struct span *s, struct call *c, int cause, int location, const char *who) {
    pri_destroycall(s->pri, c->pri);
    clear(s, c, cause, location, who);
}

static void decide(struct call *c, int cause, int location, const char *who) {
    if (!c->hanging) {
        c->hanging = true;
        c->cause = cause;
        c->location = location;
        c->who = who;
        c->due_us = now_us() + FORCE_US;
    }
}

/* Q.931 5.3.2 a: with these a call that nobody has responded to is refused by RELEASE COMPLETE alone, and libpri forgets it at once. */
static bool refuses_at_once(int cause) {
    return cause == 1 || cause == NO_CIRCUIT || cause == UNAVAILABLE || cause == NO_CHANNEL || cause == 88;
}

static void hang_up(struct span *s, struct call *c, int cause) {
    if (c->hanging)
        return;
    decide(c, cause, USER, "us");
    if (c->ours && !c->answered && refuses_at_once(cause))
        cause = NORMAL;                                                                    /* giving up a call of our own is no refusal */
    if (cause == BAD_REFERENCE || (!c->ours && !c->responded && refuses_at_once(cause))) { /* RELEASE COMPLETE, and it is over */
        pri_hangup(s->pri, c->pri, cause);
        clear(s, c, cause, USER, "us");
        return;
    }
    if (!c->responded && !c->ours) /* libpri sends nothing when the first answer to a SETUP is DISCONNECT */
        pri_proceeding(s->pri, c->pri, timeslot_of(c->channel % CHANNELS), 0);
    pri_hangup(s->pri, c->pri, cause);
}

static void clear_all(struct span *s, int cause) {
    for (int n = 0; n < CHANNELS; n++)
        if (s->call[n].pri != NULL)
            destroy(s, &s->call[n], cause, PRIVATE_LOCAL, "driver");
}

bool span_has_calls(const struct span *s) {
    for (int n = 0; n < CHANNELS; n++)
        if (s->call[n].pri != NULL)
            return true;
    return false;
}

/* libpri made a call in the place of one that it had freed without a word: that one is over. */
static void clear_stale(struct span *s, const q931_call *fresh) {
    struct call *c = find(s, fresh);
    if (c != NULL)
        clear(s, c, UNSPECIFIED, PRIVATE_LOCAL, "driver");
}

/* -- link ----------------------------------------------------------------------------------------------------------------- */

static void judge_link(struct span *s) {
    bool in_service = s->up && !s->gone && !(s->alarms & DOWN_ALARMS) && s->restarting < 0 && !s->needs_restart;
    if (in_service != s->in_service) {
        s->in_service = in_service;
        wire_say(s->wire, "link %d %d t=%lld", s->number, in_service, (long long)now_us());
    }
}

/* RESTART the next channel without a call, one at a time: that is what exchanges take. */
static void restart_next(struct span *s) {
    int next = s->restarting + 1;
    while (next < CHANNELS && s->call[next].pri != NULL)
        next++;
    s->restart_tries = 0;
    s->restarting = next < CHANNELS ? next : -1;
    if (s->restarting >= 0) {
        pri_reset(s->pri, timeslot_of(next));
        s->restart_due_us = now_us() + RESTART_US;
    } else {
        s->restart_due_us = 0;
    }
    judge_link(s);
}

static void begin_restart(struct span *s) {
    if (!s->up || s->alarms & DOWN_ALARMS)
        return;
    if (s->needs_restart && s->options->restart) {
        s->needs_restart = false;
        s->restarting = -1;
        s->restart_silent = 0;
        restart_next(s);
    }
    s->needs_restart = false;
    judge_link(s);
}

static void restart_timeout(struct span *s) {
    if (++s->restart_tries < RESTART_TRIES) {
        pri_reset(s->pri, timeslot_of(s->restarting));
        s->restart_due_us = now_us() + RESTART_US;
        return;
    }
    wire_say(s->wire, "notice span %d: the exchange does not answer RESTART of timeslot %d", s->number, timeslot_of(s->restarting));
    if (++s->restart_silent >= RESTART_SILENT)
        s->restarting = CHANNELS - 1;
    restart_next(s);
}

static void link_up(struct span *s) {
    if (s->up)
        return; /* the far end began layer 2 anew; its RESTARTs follow */
    s->up = true;
    if (s->down_us != 0 && now_us() - s->down_us > T309_US)
        s->needs_restart = true;
    begin_restart(s);
}

static void link_down(struct span *s) {
    if (!s->up)
        return;
    s->up = false;
    s->down_us = now_us();
    if (s->restarting >= 0) {
        s->needs_restart = true;
        s->restarting = -1;
        s->restart_due_us = 0;
    }
    judge_link(s);
}

void span_alarm(struct span *s, int bits) {
    if (bits == s->alarms)
        return;
    bool was_down = s->alarms & DOWN_ALARMS, is_down = bits & DOWN_ALARMS;
    s->alarms = bits;
    wire_say(s->wire, "alarm %d %d t=%lld", s->number, bits, (long long)now_us());
    if (is_down && !was_down) {
        clear_all(s, OUT_OF_ORDER);
        s->restarting = -1;
        s->restart_due_us = 0;
        s->needs_restart = true; /* the far end may think that the calls go on */
        judge_link(s);
    } else if (was_down && !is_down) {
        begin_restart(s);
    }
}

/* -- frames --------------------------------------------------------------------------------------------------------------- */

static struct call *of_reference(struct span *s, const struct frame *f, bool sent) {
    bool ours = f->from_callee != sent; /* the flag is set by the side that did not make the reference */
    for (int n = 0; n < CHANNELS; n++) {
        struct call *c = &s->call[n];
        if (c->pri != NULL && c->ours == ours && c->reference == f->reference)
            return c;
    }
    int index = sent && f->type == 0x05 ? index_of(f->timeslot) : -1; /* our SETUP: here the reference is seen first */
    if (index < 0 || s->call[index].pri == NULL || !s->call[index].ours)
        return NULL;
    s->call[index].reference = f->reference;
    return &s->call[index];
}

static void trace(struct span *s, const struct frame *f, bool sent) {
    struct call *c = f->reference == 0 ? NULL : of_reference(s, f, sent);
    if (c == NULL || !c->told || !s->options->trace)
        return; /* a SETUP from the far end is told when its call is offered */
    char more[64] = "";
    int used = 0;
    if (f->cause >= 0)
        used += snprintf(more + used, sizeof more - (size_t)used, " cause=%d location=%d", f->cause, f->location);
    if (f->progress >= 0)
        snprintf(more + used, sizeof more - (size_t)used, " progress=%d", f->progress);
    wire_say(s->wire, "q931 %d %u t=%lld %s %s%s", c->channel, c->serial, (long long)now_us(), sent ? "sent" : "received",
             frame_name(f->type), more);
}

/* libpri keeps one event at a time: that of a link that came up may be lost, that of one that went down may come after it has come up
 * again. What UA has answered on the line is certain. */
static void watch_link(struct span *s, const uint8_t *octets, int count, bool sent) {
    enum frame_link kind = frame_link(octets, (size_t)count);
    if (kind == FRAME_SABME || kind == FRAME_DISC) {
        s->asked[!sent] = kind;
        s->standing = false;
    } else if (kind == FRAME_UA || kind == FRAME_DM) {
        s->begun = s->begun || (kind == FRAME_UA && s->asked[sent] == FRAME_SABME);
        s->standing = kind == FRAME_UA && s->asked[sent] == FRAME_SABME;
        s->asked[sent] = FRAME_OTHER;
    }
}

static void link_begun(struct span *s) {
    if (s->begun)
        link_up(s);
    s->begun = false;
}

static int read_frame(struct pri *pri, void *buffer, int size) {
    struct span *s = pri_get_userdata(pri);
    int got = dchannel_read(&s->d, buffer, (size_t)size);
    if (got == DCHANNEL_EVENT) {
        int bits = dchannel_event(&s->d);
        s->got_frame = true; /* look again */
        if (bits >= 0)
            span_alarm(s, bits);
        return 0;
    }
    if (got == DCHANNEL_GONE) {
        s->gone = true;
        return 0;
    }
    if (got > 0) {
        s->got_frame = true;
        if (s->alarms & DOWN_ALARMS && !s->d.dahdi)
            return 0; /* a line in alarm carries nothing; of a card nothing comes anyway */
        watch_link(s, buffer, got, false);
        if (got > 2 && frame_look(buffer, (size_t)got - 2, &s->last)) {
            s->last_fresh = true;
            trace(s, &s->last, false);
        }
    }
    return got;
}

static int write_frame(struct pri *pri, void *buffer, int count) {
    struct span *s = pri_get_userdata(pri);
    if (s->gone || (s->alarms & DOWN_ALARMS && !s->d.dahdi))
        return count; /* lost, as on a cut line */
    struct frame f;
    watch_link(s, buffer, count, true);
    if (count > 2 && frame_look(buffer, (size_t)count - 2, &f))
        trace(s, &f, true);
    dchannel_write(&s->d, buffer, (size_t)count); /* what cannot be sent is repeated by layer 2 */
    return count;
}

/* -- events of libpri ----------------------------------------------------------------------------------------------------- */

static bool inband(int mask) {
    return mask & PRI_PROG_INBAND_AVAILABLE;
}

static bool is_number(const char *text) {
    size_t length = strlen(text);
    return length <= DIGITS && strspn(text, "0123456789*#ABCD") == length;
}

static void copy_number(char *out, const char *number) {
    size_t length = strspn(number, "0123456789*#ABCD");
    if (length > DIGITS)
        length = DIGITS;
    memcpy(out, number, length);
    out[length] = '\0';
}

static void offer(struct span *s, struct call *c) {
    c->told = true;
    c->due_us = 0;
    c->overlap = false;
    wire_say(s->wire, "offered %d %u t=%lld called=%s calling=%s called_plan=%d calling_plan=%d presentation=%d", c->channel, c->serial,
             (long long)now_us(), c->digits, c->calling, c->called_plan, c->calling_plan, c->presentation);
    if (s->options->trace)
        wire_say(s->wire, "q931 %d %u t=%lld received SETUP", c->channel, c->serial, (long long)now_us());
}

/* A call that cannot be taken: RELEASE COMPLETE at once, as all causes used here do. */
static void refuse(struct span *s, q931_call *pri, int cause) {
    clear_stale(s, pri);
    pri_hangup(s->pri, pri, cause);
}

static void collect(struct span *s, struct call *c, const char *more, bool complete) {
    size_t have = strlen(c->digits);
    size_t fresh = strcspn(more, "#");
    complete = complete || more[fresh] == '#';
    for (size_t n = 0; n < fresh && have < DIGITS; n++)
        if (strchr("0123456789*ABCD", more[n]) != NULL)
            c->digits[have++] = more[n];
    c->digits[have] = '\0';
    if (complete || have == DIGITS)
        offer(s, c);
    else
        c->due_us = now_us() + (int64_t)s->options->digit_timer * 100000;
}

static void on_ring(struct span *s, pri_event_ring *e) {
    int index = index_of(e->channel & 0xff);
    bool any = e->channel <= 0 || (e->channel & 0xff) == 0xff;
    if (any || (e->flexible && index >= 0 && (s->call[index].pri != NULL || s->blocked[index]))) {
        index = CHANNELS - 1; /* from the other end, where our own calls go last */
        while (index >= 0 && (s->call[index].pri != NULL || s->blocked[index]))
            index--;
        if (index < 0) {
            refuse(s, e->call, NO_CIRCUIT);
            return;
        }
    }
    if (index < 0) {
        refuse(s, e->call, NO_CHANNEL);
        return;
    }
    if (s->wire->fd < 0 || s->blocked[index] || s->call[index].pri != NULL) { /* the last is glare: both ends took the channel */
        refuse(s, e->call, UNAVAILABLE);
        return;
    }
    clear_stale(s, e->call);
    struct call *c = &s->call[index];
    *c = (struct call){.pri = e->call, .serial = (*s->next_serial)++, .channel = s->number * CHANNELS + index, .reference = -1};
    if (*s->next_serial < SERIAL_INBOUND)
        *s->next_serial = SERIAL_INBOUND;
    if (s->last_fresh)
        c->reference = s->last.reference;
    copy_number(c->calling, e->callingnum);
    c->called_plan = e->calledplan;
    c->calling_plan = e->callingplan;
    c->presentation = e->callingpres;
    if (e->complete || s->options->digit_timer == 0) {
        if (!s->options->network) {
            c->responded = true;
            pri_proceeding(s->pri, c->pri, timeslot_of(index), 0);
        }
        copy_number(c->digits, e->callednum);
        offer(s, c);
    } else {
        c->responded = c->overlap = true;
        pri_need_more_info(s->pri, c->pri, timeslot_of(index), 0);
        collect(s, c, e->callednum, false);
    }
}

static void send_digits(struct span *s, struct call *c) {
    for (const char *digit = c->digits; *digit != '\0'; digit++)
        pri_information(s->pri, c->pri, *digit);
    c->digits[0] = '\0';
}

/* First answer to our SETUP: does the far end use the channel that we took? */
static bool keeps_channel(struct span *s, struct call *c, int channel) {
    c->responded = true;
    int timeslot = channel & 0xff;
    if (channel <= 0 || timeslot == 0xff || timeslot == timeslot_of(c->channel % CHANNELS))
        return true;
    wire_say(s->wire, "notice channel %d: the exchange answered on timeslot %d though ours was exclusive", c->channel, timeslot);
    if (!c->hanging) {
        decide(c, UNAVAILABLE, PRIVATE_LOCAL, "driver");
        pri_hangup(s->pri, c->pri, UNACCEPTABLE);
    }
    return false;
}

static const char *connected_number(const struct pri_subcommands *subs, char *out) {
    out[0] = '\0';
    for (int n = 0; subs != NULL && n < subs->counter_subcmd; n++)
        if (subs->subcmd[n].cmd == PRI_SUBCMD_CONNECTED_LINE && subs->subcmd[n].u.connected_line.id.number.valid)
            copy_number(out, subs->subcmd[n].u.connected_line.id.number.str);
    return out;
}

/* DISCONNECT (more follows), or RELEASE, RELEASE COMPLETE, a time-out, a lost link (the call is over). */
static void on_hangup(struct span *s, pri_event_hangup *e, bool over) {
    struct call *c = find(s, e->call);
    int cause = valid_cause(e->cause);
    if (c != NULL) {
        bool from_frame = s->last_fresh && s->last.cause >= 0;
        int location = from_frame ? s->last.location : PRIVATE_LOCAL;
        const char *who = !from_frame ? "driver" : location == USER || location == PRIVATE_REMOTE ? "them" : "network";
        if (!from_frame && s->last_fresh && s->last.reference != 0) {
            who = "them"; /* a clearing without a cause */
            location = USER;
        }
        decide(c, from_frame ? s->last.cause : cause, location, who);
    }
    pri_hangup(s->pri, e->call, cause);
    if (over && c != NULL)
        clear(s, c, cause, PRIVATE_LOCAL, "driver");
}

static void on_restart(struct span *s, int channel) {
    int index = channel > 0 ? index_of(channel & 0xff) : -1;
    for (int n = 0; n < CHANNELS; n++)
        if ((n == index || channel <= 0) && s->call[n].pri != NULL)
            destroy(s, &s->call[n], TEMPORARY, PRIVATE_LOCAL, "network");
}

static void on_event(struct span *s, pri_event *e) {
    struct call *c;
    char number[DIGITS + 1];
    long long t = (long long)now_us();
    switch (e->e) {
    case PRI_EVENT_DCHAN_UP:
        link_up(s);
        break;
    case PRI_EVENT_DCHAN_DOWN:
        if (!s->standing)
            link_down(s);
        break;
    case PRI_EVENT_RESTART:
        on_restart(s, e->restart.channel);
        break;
    case PRI_EVENT_RESTART_ACK:
        if (s->restarting >= 0 && index_of(e->restartack.channel & 0xff) == s->restarting) {
            s->restart_silent = 0;
            restart_next(s);
        }
        break;
    case PRI_EVENT_RING:
        on_ring(s, &e->ring);
        break;
    case PRI_EVENT_INFO_RECEIVED:
        c = find(s, e->ring.call);
        if (c != NULL && c->overlap && !c->ours && !c->hanging)
            collect(s, c, e->ring.callednum, e->ring.complete);
        break;
    case PRI_EVENT_SETUP_ACK:
        c = find(s, e->setup_ack.call);
        if (c != NULL && keeps_channel(s, c, e->setup_ack.channel)) {
            c->acked = true;
            send_digits(s, c);
            wire_say(s->wire, "setup_ack %d %u t=%lld inband=%d", c->channel, c->serial, t, inband(e->setup_ack.progressmask));
        }
        break;
    case PRI_EVENT_PROCEEDING: /* its cause is not set by libpri */
        c = find(s, e->proceeding.call);
        if (c != NULL && keeps_channel(s, c, e->proceeding.channel)) {
            c->acked = false;
            wire_say(s->wire, "proceeding %d %u t=%lld inband=%d", c->channel, c->serial, t, inband(e->proceeding.progressmask));
        }
        break;
    case PRI_EVENT_PROGRESS:
        c = find(s, e->proceeding.call);
        if (c != NULL && keeps_channel(s, c, e->proceeding.channel))
            wire_say(s->wire, "progress %d %u t=%lld inband=%d cause=%d", c->channel, c->serial, t, inband(e->proceeding.progressmask),
                     e->proceeding.cause);
        break;
    case PRI_EVENT_RINGING:
        c = find(s, e->ringing.call);
        if (c != NULL && keeps_channel(s, c, e->ringing.channel)) {
            c->acked = false;
            wire_say(s->wire, "ringing %d %u t=%lld inband=%d", c->channel, c->serial, t, inband(e->ringing.progressmask));
        }
        break;
    case PRI_EVENT_ANSWER:
        c = find(s, e->answer.call);
        if (c != NULL && keeps_channel(s, c, e->answer.channel)) {
            c->answered = true;
            wire_say(s->wire, "answered %d %u t=%lld connected=%s", c->channel, c->serial, t, connected_number(e->answer.subcmds, number));
        }
        break;
    case PRI_EVENT_KEYPAD_DIGIT:
        c = find(s, e->digit.call);
        copy_number(number, e->digit.digits);
        if (c != NULL && number[0] != '\0')
            wire_say(s->wire, "digit %d %u t=%lld digits=%s", c->channel, c->serial, t, number);
        break;
    case PRI_EVENT_HANGUP_REQ:
        on_hangup(s, &e->hangup, false);
        break;
    case PRI_EVENT_HANGUP:
        on_hangup(s, &e->hangup, true);
        break;
    case PRI_EVENT_HANGUP_ACK: /* libpri has freed it */
        c = find(s, e->hangup.call);
        if (c != NULL) {
            decide(c, valid_cause(e->hangup.cause), PRIVATE_LOCAL, "driver");
            clear(s, c, valid_cause(e->hangup.cause), PRIVATE_LOCAL, "driver");
        }
        break;
    default:
        break; /* FACILITY, NOTIFY, HOLD, SERVICE, CONNECT_ACK: nothing that a dialler acts on */
    }
}

/* With RELEASE COMPLETE a call is over, also where libpri forgets it without an event: after a clearing that began with RELEASE. */
static void release_complete(struct span *s) {
    struct call *c = s->last_fresh && s->last.type == 0x5a ? of_reference(s, &s->last, false) : NULL;
    if (c != NULL)
        destroy(s, c, valid_cause(s->last.cause), s->last.location, "network");
}

void span_serve(struct span *s) {
    for (int n = 0; n < BURST && !s->gone; n++) {
        s->got_frame = s->last_fresh = false;
        pri_event *e = pri_check_event(s->pri);
        if (e != NULL)
            on_event(s, e);
        release_complete(s);
        link_begun(s);
        if (e == NULL && !s->got_frame)
            return;
    }
    if (s->gone) {
        clear_all(s, OUT_OF_ORDER);
        s->up = false;
        judge_link(s);
    }
}

/* -- timers --------------------------------------------------------------------------------------------------------------- */

static int64_t next_pri_timer(struct span *s, int64_t now) {
    struct timeval *at = pri_schedule_next(s->pri); /* wall clock */
    if (at == NULL)
        return INT64_MAX;
    struct timeval wall;
    gettimeofday(&wall, NULL);
    int64_t in_us = ((int64_t)at->tv_sec - wall.tv_sec) * 1000000 + at->tv_usec - wall.tv_usec;
    return now + (in_us > 0 ? in_us : 0);
}

int64_t span_timers(struct span *s) {
    int64_t now = now_us(), next;
    for (int n = 0; n < BURST && (next = next_pri_timer(s, now)) <= now; n++) {
        s->last_fresh = false;
        pri_event *e = pri_schedule_run(s->pri);
        if (e != NULL)
            on_event(s, e);
        link_begun(s);
    }
    next = next_pri_timer(s, now);
    if (s->restart_due_us != 0 && s->restart_due_us <= now)
        restart_timeout(s);
    if (s->restart_due_us != 0 && s->restart_due_us < next)
        next = s->restart_due_us;
    for (int n = 0; n < CHANNELS; n++) {
        struct call *c = &s->call[n];
        if (c->pri == NULL || c->due_us == 0)
            continue;
        if (c->due_us > now) {
            next = c->due_us < next ? c->due_us : next;
        } else if (c->hanging) {
            wire_say(s->wire, "notice channel %d: the exchange did not confirm the clearing; freed by force", c->channel);
            destroy(s, c, TIMER_EXPIRY, PRIVATE_LOCAL, "driver");
        } else {
            offer(s, c); /* no more digits come */
        }
    }
    return next;
}

/* -- commands ------------------------------------------------------------------------------------------------------------- */

static void refuse_dial(struct span *s, int channel, uint32_t serial, int cause) {
    wire_say(s->wire, "cleared %d %u t=%lld cause=%d location=%d who=driver", channel, serial, (long long)now_us(), cause, PRIVATE_LOCAL);
}

static void dial(struct span *s, int index, uint32_t serial, const struct wire_line *line) {
    int channel = s->number * CHANNELS + index;
    const char *called = wire_get(line, "called"), *calling = wire_get(line, "calling");
    int64_t called_plan = PRI_NATIONAL_ISDN, calling_plan = PRI_NATIONAL_ISDN, presentation = 0, overlap = 0;
    bool numbers = wire_get_number(line, "called_plan", 0, 127, &called_plan) &&
                   wire_get_number(line, "calling_plan", 0, 127, &calling_plan) &&
                   wire_get_number(line, "presentation", 0, 127, &presentation) && wire_get_number(line, "overlap", 0, DIGITS, &overlap);
    if (calling == NULL)
        calling = "";
    if (called == NULL || (called[0] == '\0' && overlap == 0) || !is_number(called) || !is_number(calling) || !numbers) {
        refuse_dial(s, channel, serial, BAD_NUMBER);
        return;
    }
    if (s->alarms & DOWN_ALARMS || !s->in_service) {
        refuse_dial(s, channel, serial, OUT_OF_ORDER);
        return;
    }
    q931_call *pri = s->blocked[index] || s->call[index].pri != NULL ? NULL : pri_new_call(s->pri);
    struct pri_sr *sr = pri == NULL ? NULL : pri_sr_new();
    if (sr == NULL) {
        if (pri != NULL)
            pri_destroycall(s->pri, pri);
        refuse_dial(s, channel, serial, UNAVAILABLE);
        return;
    }
    clear_stale(s, pri);
    struct call *c = &s->call[index];
    *c = (struct call){.pri = pri, .serial = serial, .channel = channel, .ours = true, .told = true, .reference = -1};
    char first[DIGITS + 1];
    copy_number(first, called);
    if (overlap > 0) {
        c->overlap = true;
        if ((size_t)overlap < strlen(first)) {
            copy_number(c->digits, first + overlap);
            first[overlap] = '\0';
        }
    }
    pri_sr_set_channel(sr, timeslot_of(index), 1, 0);
    pri_sr_set_bearer(sr, s->options->speech ? PRI_TRANS_CAP_SPEECH : PRI_TRANS_CAP_3_1K_AUDIO, PRI_LAYER_1_ALAW);
    pri_sr_set_called(sr, first, (int)called_plan, overlap == 0);
    if (calling[0] != '\0') {
        char number[DIGITS + 1];
        copy_number(number, calling);
        pri_sr_set_caller(sr, number, NULL, (int)calling_plan, (int)presentation);
    }
    int failed = pri_setup(s->pri, pri, sr);
    pri_sr_free(sr);
    if (failed)
        destroy(s, c, BAD_NUMBER, PRIVATE_LOCAL, "driver");
}

static void digits(struct span *s, struct call *c, const char *more) {
    if (more == NULL || !is_number(more) || strlen(c->digits) + strlen(more) > DIGITS)
        wire_say(s->wire, "error digits %d: 1 to %d of 0-9 * # A-D", c->channel, DIGITS);
    else if (!c->ours || !c->overlap || (c->responded && !c->acked))
        wire_say(s->wire, "error digits %d: the called number of this call is complete", c->channel);
    else {
        strcat(c->digits, more);
        if (c->acked)
            send_digits(s, c);
    }
}

static void answer(struct span *s, struct call *c, int timeslot, const char *connected) {
    if (connected != NULL && connected[0] != '\0' && is_number(connected)) {
        struct pri_party_connected_line line;
        memset(&line, 0, sizeof line);
        line.id.number.valid = 1;
        line.id.number.plan = PRI_NATIONAL_ISDN;
        line.id.number.presentation = PRES_ALLOWED_USER_NUMBER_PASSED_SCREEN;
        copy_number(line.id.number.str, connected);
        pri_connected_line_update(s->pri, c->pri, &line);
    }
    c->answered = true;
    pri_answer(s->pri, c->pri, timeslot, 0);
}

/* Orders of the side that was called. */
static bool callee_order(struct span *s, struct call *c, const struct wire_line *line) {
    const char *verb = line->word[0];
    int timeslot = timeslot_of(c->channel % CHANNELS);
    int64_t in_band = 0, cause = -1;
    if (!wire_get_number(line, "inband", 0, 1, &in_band) || !wire_get_number(line, "cause", 1, 127, &cause))
        return false;
    if (strcmp(verb, "proceeding") == 0)
        pri_proceeding(s->pri, c->pri, timeslot, (int)in_band);
    else if (strcmp(verb, "progress") == 0 && cause < 0)
        pri_progress(s->pri, c->pri, timeslot, (int)in_band);
    else if (strcmp(verb, "progress") == 0)
        pri_progress_with_cause(s->pri, c->pri, timeslot, (int)in_band, (int)cause);
    else if (strcmp(verb, "alerting") == 0)
        pri_acknowledge(s->pri, c->pri, timeslot, (int)in_band);
    else if (strcmp(verb, "answer") == 0)
        answer(s, c, timeslot, wire_get(line, "connected"));
    else
        return false;
    c->responded = c->responded || strcmp(verb, "progress") != 0; /* PROGRESS leaves the call where it was */
    return true;
}

void span_command(struct span *s, int index, const struct wire_line *line) {
    const char *verb = line->word[0];
    if (strcmp(verb, "block") == 0 || strcmp(verb, "unblock") == 0) {
        s->blocked[index] = verb[0] == 'b';
        return;
    }
    int64_t serial = 0, cause = NORMAL;
    bool has_serial = line->words > 2 && wire_number(line->word[2], 0, UINT32_MAX, &serial);
    struct call *c = &s->call[index];
    if (!has_serial) {
        wire_say(s->wire, "error %.40s %d: a serial must follow the channel", verb, s->number * CHANNELS + index);
    } else if (strcmp(verb, "dial") == 0) {
        dial(s, index, (uint32_t)serial, line);
    } else if (c->pri == NULL || c->serial != (uint32_t)serial || !c->told) {
        return; /* it has ended meanwhile: that is ordinary */
    } else if (strcmp(verb, "hangup") == 0) {
        if (!wire_get_number(line, "cause", 1, 127, &cause)) {
            wire_say(s->wire, "error hangup %d: cause is 1 to 127; 31 is taken", c->channel);
            cause = UNSPECIFIED;
        }
        hang_up(s, c, (int)cause);
    } else if (c->hanging) {
        return;
    } else if (strcmp(verb, "digits") == 0) {
        digits(s, c, line->words > 3 ? line->word[3] : NULL);
    } else if (c->ours || !callee_order(s, c, line)) {
        wire_say(s->wire, "error %.40s %d: no such order for this call", verb, c->channel);
    }
}

/* -- life ----------------------------------------------------------------------------------------------------------------- */

void span_greet(struct span *s) {
    if (s->alarms)
        wire_say(s->wire, "alarm %d %d t=%lld", s->number, s->alarms, (long long)now_us());
    wire_say(s->wire, "link %d %d t=%lld", s->number, s->in_service, (long long)now_us());
}

void span_tell(const struct span *s) {
    int calls = 0;
    for (int n = 0; n < CHANNELS; n++)
        calls += s->call[n].pri != NULL;
    wire_say(s->wire, "span %d layer2=%d service=%d alarms=%d restarting=%d restart_due=%d gone=%d calls=%d", s->number, s->up,
             s->in_service, s->alarms, s->restarting, s->needs_restart, s->gone, calls);
}

void span_drop_client(struct span *s) {
    for (int n = 0; n < CHANNELS; n++) {
        struct call *c = &s->call[n];
        if (c->pri == NULL)
            continue;
        c->told = false;
        hang_up(s, c, TEMPORARY);
    }
    memset(s->blocked, 0, sizeof s->blocked);
}

int span_open(struct span *s, int number, const char *dchannel, struct wire *wire, const struct options *options, uint32_t *next_serial,
              char *why, size_t why_size) {
    memset(s, 0, sizeof *s);
    s->wire = wire;
    s->options = options;
    s->next_serial = next_serial;
    s->number = number;
    s->restarting = -1;
    s->needs_restart = true;
    if (dchannel_open(&s->d, dchannel, why, why_size) < 0)
        return -1;
    s->pri = pri_new_cb(s->d.fd, options->network ? PRI_NETWORK : PRI_CPE, PRI_SWITCH_EUROISDN_E1, read_frame, write_frame, s);
    if (s->pri == NULL) {
        snprintf(why, why_size, "span %d: libpri could not be started: out of memory", number);
        dchannel_close(&s->d);
        return -1;
    }
    pri_hangup_fix_enable(s->pri, 1);
    pri_set_overlapdial(s->pri, 1); /* Sending Complete is told when the number is, never by itself */
    pri_set_timer(s->pri, PRI_TIMER_T305, T305_MS);
    return 0;
}

void span_close(struct span *s) {
    dchannel_close(&s->d);
    /* libpri has no way to free a struct pri; the process ends with it */
}
