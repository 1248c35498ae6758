/* The ear: all detectors of all channels. Owned by oh_core and used by the feeder thread alone.
 *
 * State is laid out across channels in groups of OH_LANES, so that one vector instruction works on that many channels at once. One lane is
 * one channel; nothing is ever summed across lanes, hence every instruction set gives the same events. */
#ifndef OH_EAR_H
#define OH_EAR_H

#include "offhook.h"

struct oh_ear;

/* Where events go. raise is called in the feeder thread; it fills in raised_ns and sequence and must not block. */
struct oh_sink {
    void (*raise)(void *owner, oh_event *event);
    void *owner;
};

/* All memory is taken here. NULL with errno EINVAL or ENOMEM. law and layout as in oh_config. */
struct oh_ear *oh_ear_new(int channels, int law, int layout);
void oh_ear_free(struct oh_ear *ear);
size_t oh_ear_bytes_per_channel(const struct oh_ear *ear);

/* Channel fresh: sample count 0, this plan, these detectors (OH_DETECT_ bits). */
void oh_ear_reset(struct oh_ear *ear, int channel, const oh_tone_plan *plan, uint32_t detectors);
void oh_ear_arm(struct oh_ear *ear, int channel, uint32_t detectors);
/* The call is answered: ringback is over, beeps count from here. */
void oh_ear_answered(struct oh_ear *ear, int channel, struct oh_sink *sink);

/* The answer analysis, see answer.h. */
/* Look for the announcements of this library from now on, NULL = none. */
struct oh_announcer;
struct oh_library;
void oh_ear_library(struct oh_ear *ear, struct oh_announcer *announcer, const struct oh_library *library);

struct oh_answers;
struct oh_answers *oh_ear_answers(struct oh_ear *ear);

/* Samples since the channel was reset. */
uint64_t oh_ear_now(const struct oh_ear *ear, int channel);

/* Hear 20 ms of every channel: channels x OH_FRAME_SAMPLES samples; valid as in oh_core_tick(), NULL = all good. */
void oh_ear_frame(struct oh_ear *ear, const void *rx, const uint8_t *valid, struct oh_sink *sink);

#endif
