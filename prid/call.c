/* SPDX-License-Identifier: GPL-2.0-only */
#include "call.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define FORCE_US 15000000 /* a clearing that takes longer is forced: T305 and twice T308 are over by then */

int64_t now_us(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

int timeslot_of(int index) {
    return index < 15 ? index + 1 : index + 2;
}

int index_of(int timeslot) {
    return timeslot >= 1 && timeslot <= 15 ? timeslot - 1 : timeslot >= 17 && timeslot <= 31 ? timeslot - 2 : -1;
}

int valid_cause(int cause) {
    return cause >= 1 && cause <= 127 ? cause : UNSPECIFIED;
}

struct call *call_find(struct span *s, const q931_call *pri) {
    if (pri == NULL)
        return NULL;
    for (int n = 0; n < CHANNELS; n++)
        if (s->call[n].pri == pri)
            return &s->call[n];
    return NULL;
}

/* The call is over: tell it, once, and free its place. libpri has let go of it already, or does so here. */
void call_clear(struct span *s, struct call *c, int cause, int location, const char *who) {
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

void call_destroy(struct span *s, struct call *c, int cause, int location, const char *who) {
    pri_destroycall(s->pri, c->pri);
    call_clear(s, c, cause, location, who);
}

void call_decide(struct call *c, int cause, int location, const char *who) {
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

void call_hang_up(struct span *s, struct call *c, int cause) {
    if (c->hanging)
        return;
    call_decide(c, cause, USER, "us");
    if (c->ours && !c->answered && refuses_at_once(cause))
        cause = NORMAL;                                                                    /* giving up a call of our own is no refusal */
    if (cause == BAD_REFERENCE || (!c->ours && !c->responded && refuses_at_once(cause))) { /* RELEASE COMPLETE, and it is over */
        pri_hangup(s->pri, c->pri, cause);
        call_clear(s, c, cause, USER, "us");
        return;
    }
    if (!c->responded && !c->ours) /* libpri sends nothing when the first answer to a SETUP is DISCONNECT */
        pri_proceeding(s->pri, c->pri, timeslot_of(c->channel % CHANNELS), 0);
    pri_hangup(s->pri, c->pri, cause);
}

void call_clear_all(struct span *s, int cause) {
    for (int n = 0; n < CHANNELS; n++)
        if (s->call[n].pri != NULL)
            call_destroy(s, &s->call[n], cause, PRIVATE_LOCAL, "driver");
}

bool span_has_calls(const struct span *s) {
    for (int n = 0; n < CHANNELS; n++)
        if (s->call[n].pri != NULL)
            return true;
    return false;
}

/* libpri made a call in the place of one that it had freed without a word: that one is over. */
void call_clear_stale(struct span *s, const q931_call *fresh) {
    struct call *c = call_find(s, fresh);
    if (c != NULL)
        call_clear(s, c, UNSPECIFIED, PRIVATE_LOCAL, "driver");
}

bool is_number(const char *text) {
    size_t length = strlen(text);
    return length <= DIGITS && strspn(text, "0123456789*#ABCD") == length;
}

void copy_number(char *out, const char *number) {
    size_t length = strspn(number, "0123456789*#ABCD");
    if (length > DIGITS)
        length = DIGITS;
    memcpy(out, number, length);
    out[length] = '\0';
}

void call_send_digits(struct span *s, struct call *c) {
    for (const char *digit = c->digits; *digit != '\0'; digit++)
        pri_information(s->pri, c->pri, *digit);
    c->digits[0] = '\0';
}
