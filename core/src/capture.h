/* The newest seconds of what each channel received, for clips of unknown announcements and for hearing a call again.
 *
 * The feeder owns a channel's clip while OH_DETECT_ANNOUNCE is armed there, the control thread when it is not. The control thread alone orders
 * both and counts its orders to disarm; it reads only when the newest order was one of these and the feeder has obeyed it. */
#ifndef OH_CAPTURE_H
#define OH_CAPTURE_H

#include "offhook.h"

#include <stdatomic.h>

struct oh_capture {
    int channels, layout;
    size_t sample_bytes;
    uint32_t frames; /* room, in frames of 20 ms; 0 = nothing is kept */
    uint8_t *audio;  /* channels x frames x OH_FRAME_SAMPLES */
    uint8_t *marks;  /* channels x frames: enum oh_valid and OH_CAPTURED_ bits */
    uint8_t idle;    /* octet of silence, kept where audio is missing */
    struct oh_captured *channel;
};

struct oh_captured {
    /* feeder; control while the clip is its own */
    uint32_t written; /* frames since the call began */
    bool on;          /* is being written */
    uint8_t news;     /* OH_CAPTURED_ bits of the next frame */
    /* control */
    bool open;               /* the newest order armed it */
    uint32_t disarms;        /* ordered so far */
    _Atomic uint32_t obeyed; /* feeder: the newest of these that was obeyed */
};

/* control, before the first tick: keep so many ms. 0 or -ENOMEM, which leaves it as it was. */
int oh_capture_room(struct oh_capture *c, const oh_config *config, int ms);
void oh_capture_free(struct oh_capture *c);

/* control: number that an order which sets the detectors of a channel has to carry. */
uint32_t oh_capture_token(const struct oh_capture *c, int channel);
/* control: that order was given. */
void oh_capture_ordered(struct oh_capture *c, int channel, uint32_t detectors);
/* feeder: obey it. fresh: a call begins. */
void oh_capture_arm(struct oh_capture *c, int channel, uint32_t detectors, bool fresh, uint32_t token);
/* feeder: the call on the channel was answered. */
void oh_capture_answered(struct oh_capture *c, int channel);
/* feeder: keep 20 ms. valid: as in oh_core_tick(). */
void oh_capture_frame(struct oh_capture *c, const void *rx, const uint8_t *valid);

/* control: see oh_core_captured() and oh_core_captured_marks(). */
int oh_capture_take(const struct oh_capture *c, int channel, void *audio, int room);
int oh_capture_take_marks(const struct oh_capture *c, int channel, uint8_t *marks, int room, uint32_t *first);

#endif
