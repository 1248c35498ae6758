/* SPDX-License-Identifier: GPL-2.0-only */
#include "call.h"

#include <stdio.h>
#include <string.h>
#include <sys/time.h>

#define T305_MS        4000
#define T309_US        6000000 /* libpri's own: answered calls outlive a shorter loss of the link */
#define AGAIN_US       400000  /* without an answer our SABME is sent again, twice before libpri does (T200, 1 s) */
#define AGAIN_TIMES    2
#define RESTART_US     2000000
#define RESTART_TRIES  2
#define RESTART_SILENT 2   /* so many channels without an answer: the far end does not know RESTART, go on without it */
#define BURST          256 /* frames taken from one span before the others get their turn */

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
    if (s->call[s->restarting].pri != NULL) { /* the far end has taken the channel since: it holds it for idle, as we do */
        restart_next(s);
        return;
    }
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
        call_clear_all(s, OUT_OF_ORDER);
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
        if (sent && kind == FRAME_SABME && count <= (int)sizeof s->sabme) {
            memcpy(s->sabme, octets, (size_t)count);
            s->sabme_octets = count;
            s->sabme_left = AGAIN_TIMES;
            s->sabme_due_us = now_us() + AGAIN_US;
        }
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

/* A receiver that sees the first flags after a long idle line may lose the frame behind them (DAHDI tells an abort). T200 would cost a second. */
static int64_t begin_again(struct span *s, int64_t now) {
    if (s->asked[0] != FRAME_SABME || s->sabme_left == 0 || s->gone || s->alarms & DOWN_ALARMS)
        return INT64_MAX;
    if (s->sabme_due_us <= now) {
        dchannel_write(&s->d, s->sabme, (size_t)s->sabme_octets);
        s->sabme_left--;
        s->sabme_due_us = now + AGAIN_US;
    }
    return s->sabme_left > 0 ? s->sabme_due_us : INT64_MAX;
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
    call_clear_stale(s, pri);
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
    call_clear_stale(s, e->call);
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

/* First answer to our SETUP: does the far end use the channel that we took? */
static bool keeps_channel(struct span *s, struct call *c, int channel) {
    c->responded = true;
    int timeslot = channel & 0xff;
    if (channel <= 0 || timeslot == 0xff || timeslot == timeslot_of(c->channel % CHANNELS))
        return true;
    wire_say(s->wire, "notice channel %d: the exchange answered on timeslot %d though ours was exclusive", c->channel, timeslot);
    if (!c->hanging) {
        call_decide(c, UNAVAILABLE, PRIVATE_LOCAL, "driver");
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
    struct call *c = call_find(s, e->call);
    int cause = valid_cause(e->cause);
    if (c != NULL) {
        bool from_frame = s->last_fresh && s->last.cause >= 0;
        int location = from_frame ? s->last.location : PRIVATE_LOCAL;
        const char *who = !from_frame ? "driver" : location == USER || location == PRIVATE_REMOTE ? "them" : "network";
        if (!from_frame && s->last_fresh && s->last.reference != 0) {
            who = "them"; /* a clearing without a cause */
            location = USER;
        }
        call_decide(c, from_frame ? s->last.cause : cause, location, who);
    }
    pri_hangup(s->pri, e->call, cause);
    if (over && c != NULL)
        call_clear(s, c, cause, PRIVATE_LOCAL, "driver");
}

static void on_restart(struct span *s, int channel) {
    int index = channel > 0 ? index_of(channel & 0xff) : -1;
    for (int n = 0; n < CHANNELS; n++)
        if ((n == index || channel <= 0) && s->call[n].pri != NULL)
            call_destroy(s, &s->call[n], TEMPORARY, PRIVATE_LOCAL, "network");
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
            if (s->call[s->restarting].pri != NULL) /* its SETUP crossed our RESTART, which ended the call over there */
                call_destroy(s, &s->call[s->restarting], TEMPORARY, PRIVATE_LOCAL, "driver");
            restart_next(s);
        }
        break;
    case PRI_EVENT_RING:
        on_ring(s, &e->ring);
        break;
    case PRI_EVENT_INFO_RECEIVED:
        c = call_find(s, e->ring.call);
        if (c != NULL && c->overlap && !c->ours && !c->hanging)
            collect(s, c, e->ring.callednum, e->ring.complete);
        break;
    case PRI_EVENT_SETUP_ACK:
        c = call_find(s, e->setup_ack.call);
        if (c != NULL && keeps_channel(s, c, e->setup_ack.channel)) {
            c->acked = true;
            call_send_digits(s, c);
            wire_say(s->wire, "setup_ack %d %u t=%lld inband=%d", c->channel, c->serial, t, inband(e->setup_ack.progressmask));
        }
        break;
    case PRI_EVENT_PROCEEDING: /* its cause is not set by libpri */
        c = call_find(s, e->proceeding.call);
        if (c != NULL && keeps_channel(s, c, e->proceeding.channel)) {
            c->acked = false;
            wire_say(s->wire, "proceeding %d %u t=%lld inband=%d", c->channel, c->serial, t, inband(e->proceeding.progressmask));
        }
        break;
    case PRI_EVENT_PROGRESS:
        c = call_find(s, e->proceeding.call);
        if (c != NULL && keeps_channel(s, c, e->proceeding.channel))
            wire_say(s->wire, "progress %d %u t=%lld inband=%d cause=%d", c->channel, c->serial, t, inband(e->proceeding.progressmask),
                     e->proceeding.cause);
        break;
    case PRI_EVENT_RINGING:
        c = call_find(s, e->ringing.call);
        if (c != NULL && keeps_channel(s, c, e->ringing.channel)) {
            c->acked = false;
            wire_say(s->wire, "ringing %d %u t=%lld inband=%d", c->channel, c->serial, t, inband(e->ringing.progressmask));
        }
        break;
    case PRI_EVENT_ANSWER:
        c = call_find(s, e->answer.call);
        if (c != NULL && keeps_channel(s, c, e->answer.channel)) {
            c->answered = true;
            wire_say(s->wire, "answered %d %u t=%lld connected=%s", c->channel, c->serial, t, connected_number(e->answer.subcmds, number));
        }
        break;
    case PRI_EVENT_KEYPAD_DIGIT:
        c = call_find(s, e->digit.call);
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
        c = call_find(s, e->hangup.call);
        if (c != NULL) {
            call_decide(c, valid_cause(e->hangup.cause), PRIVATE_LOCAL, "driver");
            call_clear(s, c, valid_cause(e->hangup.cause), PRIVATE_LOCAL, "driver");
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
        call_destroy(s, c, valid_cause(s->last.cause), s->last.location, "network");
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
        call_clear_all(s, OUT_OF_ORDER);
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
    int bits = dchannel_waiting(&s->d);
    if (bits >= 0)
        span_alarm(s, bits);
    for (int n = 0; n < BURST && (next = next_pri_timer(s, now)) <= now; n++) {
        s->last_fresh = false;
        pri_event *e = pri_schedule_run(s->pri);
        if (e != NULL)
            on_event(s, e);
        link_begun(s);
    }
    next = next_pri_timer(s, now);
    int64_t again = begin_again(s, now);
    next = again < next ? again : next;
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
            call_destroy(s, c, TIMER_EXPIRY, PRIVATE_LOCAL, "driver");
        } else {
            offer(s, c); /* no more digits come */
        }
    }
    return next;
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
        call_hang_up(s, c, TEMPORARY);
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
