/* SPDX-License-Identifier: GPL-2.0-only
 *
 * A look into Q.931 messages on their way, for the trace and for what libpri does not tell: the location of a cause. */
#ifndef PRID_FRAME_H
#define PRID_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct frame {
    int type;         /* message type octet */
    int reference;    /* call reference value, 0 = global */
    bool from_callee; /* reference flag: sent by the side that did not make the reference */
    int cause;        /* Q.850, -1 = none */
    int location;     /* of the cause */
    int timeslot;     /* of the channel identification, -1 = none */
    int progress;     /* progress description, -1 = none */
};

/* Take a Q.921 frame apart. false: no Q.931 message in it. */
bool frame_look(const uint8_t *octets, size_t count, struct frame *out);
enum frame_link { FRAME_OTHER, FRAME_SABME, FRAME_UA, FRAME_DISC, FRAME_DM };
/* Which of the frames that begin and end layer 2 this is. */
enum frame_link frame_link(const uint8_t *octets, size_t count);
/* "SETUP"; "?" when unknown. */
const char *frame_name(int type);

#endif
