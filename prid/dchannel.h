/* SPDX-License-Identifier: GPL-2.0-only
 *
 * Where the frames of a D-channel come from: a DAHDI channel, or a descriptor that was handed over and keeps packet boundaries
 * (SOCK_SEQPACKET or SOCK_DGRAM). Both carry Q.921 frames with two octets of check sequence at the end. */
#ifndef PRID_DCHANNEL_H
#define PRID_DCHANNEL_H

#include <stddef.h>
#include <stdint.h>

struct dchannel {
    int fd;
    int dahdi;   /* channel number, 0 = a descriptor */
    int waiting; /* alarm bits that came while a frame was sent, -1 = none */
};

enum { DCHANNEL_NOTHING = 0, DCHANNEL_GONE = -1, DCHANNEL_EVENT = -2 };

/* text: "dahdi:16" or "fd:5". 0, or -1 and a reason in why. */
int dchannel_open(struct dchannel *d, const char *text, char *why, size_t why_size);
/* One frame: its octets, or one of the values above. EVENT: dchannel_event() tells. */
int dchannel_read(struct dchannel *d, uint8_t *octets, size_t room);
/* count, or -1 when it could not be sent; layer 2 will repeat it, after a second. An event in the way is taken: dchannel_waiting(). */
int dchannel_write(struct dchannel *d, const uint8_t *octets, size_t count);
/* Alarm bits of the span (see docs/e1.md) after an event, or -1 when the event was none of an alarm. */
int dchannel_event(struct dchannel *d);
/* Alarm bits that came while a frame was sent, once; -1 = none did. */
int dchannel_waiting(struct dchannel *d);
void dchannel_close(struct dchannel *d);

#endif
