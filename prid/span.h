/* SPDX-License-Identifier: GPL-2.0-only
 *
 * One E1: its D-channel with libpri on it, and its 30 B-channels with at most one call each.
 *
 * A call is told to the client by its channel (over all spans) and a serial: the client's own for calls it dialled, one from
 * SERIAL_INBOUND on for calls that are offered. Every dial and every offered call ends in exactly one `cleared`. */
#ifndef PRID_SPAN_H
#define PRID_SPAN_H

#include <libpri.h>
#include <stdbool.h>
#include <stdint.h>

#include "dchannel.h"
#include "frame.h"
#include "wire.h"

#define CHANNELS       30 /* B-channels of an E1: timeslots 1 to 15 and 17 to 31 */
#define DIGITS         40 /* longest number */
#define SERIAL_INBOUND 0x80000000u

struct options {
    bool network;    /* we are the exchange */
    bool trace;      /* tell every Q.931 message */
    bool speech;     /* bearer speech instead of 3.1 kHz audio */
    bool restart;    /* RESTART every channel when the link comes up after a start or a loss */
    int digit_timer; /* tenths of a second that an incomplete called number waits for the next digit, 0 = take it as complete */
    bool verbose;    /* what libpri says goes to standard error */
};

struct call {
    q931_call *pri; /* NULL = free */
    uint32_t serial;
    int channel;    /* over all spans, -1 = none */
    bool ours;      /* we dialled */
    bool told;      /* the client knows of it */
    bool responded; /* the side that was called has answered the SETUP with anything */
    bool answered;
    bool hanging; /* a clearing has begun; cause, location and who say how */
    int cause, location;
    const char *who;
    int reference;           /* for the trace, -1 = not seen yet */
    bool overlap;            /* digits are sent or collected one by one */
    bool acked;              /* SETUP_ACK seen: digits may go */
    char digits[DIGITS + 1]; /* ours: still to be sent; theirs: collected so far */
    char calling[DIGITS + 1];
    int called_plan, calling_plan, presentation;
    int64_t due_us; /* digit timer, or the time after which a clearing is forced; 0 = none */
};

struct span {
    struct wire *wire;
    const struct options *options;
    uint32_t *next_serial;
    int number; /* from 0 */
    struct dchannel d;
    struct pri *pri;
    bool up;         /* layer 2 */
    bool in_service; /* told as link 1 */
    bool gone;       /* the descriptor is dead */
    int alarms;
    bool needs_restart;
    int64_t down_us;    /* when layer 2 went down */
    int restarting;     /* channel being restarted, -1 = none */
    int restart_tries;  /* of this channel */
    int restart_silent; /* channels that gave no answer, one after another */
    int64_t restart_due_us;
    bool blocked[CHANNELS];
    struct call call[CHANNELS];
    struct frame last; /* message received last */
    bool last_fresh;   /* it came with the event being handled */
    bool got_frame;
    enum frame_link asked[2]; /* SABME or DISC without an answer yet: 0 ours, 1 theirs */
    bool begun;               /* a UA has just answered a SABME */
    bool standing;            /* and nothing on the line has ended that since */
    uint8_t sabme[8];         /* ours, sent last */
    int sabme_octets, sabme_left;
    int64_t sabme_due_us; /* when it is sent again */
};

int64_t now_us(void); /* CLOCK_MONOTONIC */

/* 0, or -1 and a reason in why. */
int span_open(struct span *s, int number, const char *dchannel, struct wire *wire, const struct options *options, uint32_t *next_serial,
              char *why, size_t why_size);
void span_close(struct span *s);
/* The descriptor is readable or has something to tell. */
void span_serve(struct span *s);
/* Run what is due; the moment of the next timer in microseconds (CLOCK_MONOTONIC), INT64_MAX = none. */
int64_t span_timers(struct span *s);
/* A client has come: tell it the link's state. */
void span_greet(struct span *s);
/* Say how the span is: `span N layer2=1 service=1 ...`. */
void span_tell(const struct span *s);
/* The client has gone: clear every call. */
void span_drop_client(struct span *s);
bool span_has_calls(const struct span *s);
/* A command whose channel is on this span (index within it). */
void span_command(struct span *s, int index, const struct wire_line *line);
/* What layer 1 says, from the client. */
void span_alarm(struct span *s, int bits);

#endif
