/* SPDX-License-Identifier: GPL-2.0-only */
#include "dchannel.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* The few requests of DAHDI that a D-channel needs; numbers as seen on x86-64 and aarch64. */
#define DAHDI_SPECIFY     0x4004da26u
#define DAHDI_SET_BUFINFO 0x4018da1bu
#define DAHDI_GETEVENT    0x8004da08u
#define DAHDI_GET_PARAMS  0xc088da05u
#define DAHDI_SPANSTAT    0xc13ada0au
#define DAHDI_ELAST       500 /* errno while an event is queued */
#define EVENT_ALARM       4
#define EVENT_NOALARM     5
#define EVENT_REMOVED     20
#define ALARM_RED         8

/* Where those two records have what is needed here, in octets. */
#define PARAMS_OCTETS   136
#define PARAMS_SPAN     4
#define SPANSTAT_OCTETS 314
#define SPANSTAT_ALARMS 64

#define FRAME_BUFFERS 32
#define FRAME_OCTETS  1024

#define EVENTS_IN_THE_WAY 16 /* of one frame at most */

static int open_dahdi(struct dchannel *d, char *why, size_t why_size) {
    static const char device[] = "/dev/dahdi/channel";
    d->fd = open(device, O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (d->fd < 0) {
        snprintf(why, why_size, "%s: %s; load the card's driver and run dahdi_cfg", device, strerror(errno));
        return -1;
    }
    int channel = d->dahdi;
    /* txpolicy, rxpolicy, numbufs, bufsize, readbufs, writebufs */
    int32_t buffers[6] = {0, 0, FRAME_BUFFERS, FRAME_OCTETS, 0, 0};
    if (ioctl(d->fd, DAHDI_SPECIFY, &channel) < 0)
        snprintf(why, why_size, "DAHDI channel %d: %s; %s", channel, strerror(errno),
                 errno == EBUSY ? "another program holds it" : "it must be a dchan= of system.conf");
    else if (ioctl(d->fd, DAHDI_SET_BUFINFO, buffers) < 0)
        snprintf(why, why_size, "DAHDI channel %d: buffers refused: %s", channel, strerror(errno));
    else
        return 0;
    close(d->fd);
    d->fd = -1;
    return -1;
}

int dchannel_open(struct dchannel *d, const char *text, char *why, size_t why_size) {
    char *end = NULL;
    d->fd = d->waiting = -1;
    d->dahdi = 0;
    if (strncmp(text, "dahdi:", 6) == 0) {
        long number = strtol(text + 6, &end, 10);
        if (text[6] != '\0' && *end == '\0' && number >= 1 && number <= 65535) {
            d->dahdi = (int)number;
            return open_dahdi(d, why, why_size);
        }
    } else if (strncmp(text, "fd:", 3) == 0) {
        long number = strtol(text + 3, &end, 10);
        if (text[3] != '\0' && *end == '\0' && number >= 3 && number <= 65535) {
            int flags = fcntl((int)number, F_GETFL);
            if (flags < 0 || fcntl((int)number, F_SETFL, flags | O_NONBLOCK) < 0) {
                snprintf(why, why_size, "D-channel %s: %s", text, strerror(errno));
                return -1;
            }
            d->fd = (int)number;
            return 0;
        }
    }
    snprintf(why, why_size, "D-channel '%s': write dahdi:16 or fd:5", text);
    return -1;
}

int dchannel_read(struct dchannel *d, uint8_t *octets, size_t room) {
    ssize_t got = read(d->fd, octets, room);
    if (got > 0)
        return (int)got;
    if (got == 0)
        return d->dahdi ? DCHANNEL_NOTHING : DCHANNEL_GONE;
    if (errno == EAGAIN || errno == EINTR)
        return DCHANNEL_NOTHING;
    if (d->dahdi && errno == DAHDI_ELAST)
        return DCHANNEL_EVENT;
    return DCHANNEL_GONE;
}

/* Alarm bits of the D-channel's span by offhook's names, or -1. */
static int span_alarms(const struct dchannel *d) {
    unsigned char params[PARAMS_OCTETS] = {0}, status[SPANSTAT_OCTETS] = {0};
    int32_t channel = d->dahdi, alarms = 0;
    memcpy(params, &channel, sizeof channel);
    if (ioctl(d->fd, DAHDI_GET_PARAMS, params) < 0)
        return -1;
    memcpy(status, params + PARAMS_SPAN, sizeof(int32_t));
    if (ioctl(d->fd, DAHDI_SPANSTAT, status) < 0)
        return -1;
    memcpy(&alarms, status + SPANSTAT_ALARMS, sizeof alarms);
    return (alarms & 0x1f) | (alarms & 0x100 ? 32 : 0) | (alarms & 0x200 ? 64 : 0) | (alarms & 0x400 ? 128 : 0);
}

int dchannel_event(struct dchannel *d) {
    int event = 0;
    if (ioctl(d->fd, DAHDI_GETEVENT, &event) < 0)
        return -1;
    if (event != EVENT_ALARM && event != EVENT_NOALARM && event != EVENT_REMOVED)
        return -1;
    int bits = event == EVENT_REMOVED ? -1 : span_alarms(d);
    if (bits >= 0)
        return bits;
    return event == EVENT_NOALARM ? 0 : ALARM_RED;
}

int dchannel_write(struct dchannel *d, const uint8_t *octets, size_t count) {
    for (int tries = 0; tries <= EVENTS_IN_THE_WAY; tries++) {
        if (write(d->fd, octets, count) == (ssize_t)count)
            return (int)count;
        if (!d->dahdi || errno != DAHDI_ELAST)
            return -1;
        int bits = dchannel_event(d); /* while one waits nothing is sent, and a SABME that is not costs a second */
        if (bits >= 0)
            d->waiting = bits;
    }
    return -1;
}

int dchannel_waiting(struct dchannel *d) {
    int bits = d->waiting;
    d->waiting = -1;
    return bits;
}

void dchannel_close(struct dchannel *d) {
    if (d->fd >= 0)
        close(d->fd);
    d->fd = -1;
}
