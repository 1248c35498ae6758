/* The detector of known announcements: prints every armed channel, runs its matcher, raises the events; and the safe way of a library to it.
 *
 * All memory of the channels is taken by the control thread when the first library comes; without a library the detector costs nothing. */
#ifndef OH_ANNOUNCE_H
#define OH_ANNOUNCE_H

#include "match.h"

struct oh_lane;
struct oh_sink;

struct oh_announcer;

/* control: state for so many channels, NULL with ENOMEM. */
struct oh_announcer *oh_announcer_new(int channels);
void oh_announcer_free(struct oh_announcer *a);
size_t oh_announcer_bytes_per_channel(void);

/* feeder: know this library from now on, NULL = none; what was heard of running announcements is forgotten. */
void oh_announcer_use(struct oh_announcer *a, const struct oh_library *library);
/* feeder: a call begins on the channel. */
void oh_announcer_reset(struct oh_announcer *a, int channel);
/* feeder: hear 20 ms of a group. valid: of its channels, NULL = all good. */
void oh_announcer_frame(struct oh_announcer *a, int group, struct oh_lane *lane, int lanes, const uint8_t *valid,
                        const struct oh_spectrum two[2], struct oh_sink *sink);

/* Libraries that were handed to the feeder. Control thread, but for what is atomic. */
#define OH_SHELF_SLOTS 4
struct oh_shelf {
    struct oh_announcer *announcer; /* made with the first library */
    struct {
        struct oh_library *library;
        uint32_t order;
    } slot[OH_SHELF_SLOTS];
    uint32_t orders;       /* given so far */
    _Atomic uint32_t seen; /* feeder: newest order that was obeyed */
};

/* control: keep a library that is about to be handed over as this order; lets go of those that the feeder uses no more. 0 and the number of the order, -EAGAIN
 * or -ENOMEM. */
int oh_shelf_put(struct oh_shelf *shelf, int channels, struct oh_library *library, uint32_t *order);
/* control: the order could not be given. */
void oh_shelf_take_back(struct oh_shelf *shelf, uint32_t order);
/* control, after the last tick. */
void oh_shelf_free(struct oh_shelf *shelf);

#endif
