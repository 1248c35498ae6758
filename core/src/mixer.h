/* The mixer: makes what every channel says in a tick from its prompt, from the channel it is bridged to, or from idle code.
 *
 * All functions are called by the feeder. One source alone at gain 0 dB is copied octet by octet; only two sources, or a gain, go
 * through linear samples. */
#ifndef OH_MIXER_H
#define OH_MIXER_H

#include "ear.h"
#include "offhook.h"
#include "prompts.h"

#define OH_GAIN_UNITY 65536 /* gains are linear factors in 1/65536 */

struct oh_voice {
    uint64_t started; /* the channel's sample count when its first sample was sent */
    int32_t prompt;   /* -1 = none */
    int32_t position;
    int32_t gain;
    int32_t partner; /* channel bridged to, -1 = none */
    uint32_t token;
    bool loop;
};

struct oh_mixer {
    struct oh_voice *voices;
    struct oh_prompts *prompts;
    int channels;
    int law;
    int layout;
};

/* 0 or -ENOMEM. Nothing plays, nothing is joined. */
int oh_mixer_init(struct oh_mixer *mixer, const oh_config *config, struct oh_prompts *prompts);
void oh_mixer_free(struct oh_mixer *mixer);

/* Take over one use of the prompt. now: the channel's sample count. */
void oh_mixer_play(struct oh_mixer *mixer, int channel, int prompt, bool loop, int32_t gain, uint32_t token, uint64_t now);
void oh_mixer_stop(struct oh_mixer *mixer, int channel);
/* b = -1 parts a. */
void oh_mixer_join(struct oh_mixer *mixer, int a, int b);

/* Fill tx. rx, valid: as in oh_core_tick(). PROMPT_DONE events go to the sink, with the ear's clock. */
void oh_mixer_frame(struct oh_mixer *mixer, const struct oh_ear *ear, const void *rx, const uint8_t *valid, void *tx, struct oh_sink *sink);

#endif
