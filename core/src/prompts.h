/* Prompts: audio that channels play, kept in memory in the core's law.
 *
 * The control thread adds and drops; the feeder reads. A prompt counts its users: the control thread adds one with every order to play,
 * the feeder takes it off when the channel is done with it. Only the control thread can raise the count, so once it reads 0 there the
 * memory is free to go. */
#ifndef OH_PROMPTS_H
#define OH_PROMPTS_H

#include "offhook.h"

#include <stdatomic.h>

struct oh_prompt {
    void *audio; /* NULL = number not in use */
    int samples;
    _Atomic uint32_t users;
};

struct oh_prompts {
    struct oh_prompt *items; /* OH_MAX_PROMPTS */
    size_t sample_bytes;
};

/* 0 or -ENOMEM. sample_bytes: 1 or 2. */
int oh_prompts_init(struct oh_prompts *prompts, size_t sample_bytes);
void oh_prompts_free(struct oh_prompts *prompts);

/* control: as oh_core_prompt_add() and oh_core_prompt_drop(). */
int oh_prompts_add(struct oh_prompts *prompts, const void *audio, int samples);
int oh_prompts_drop(struct oh_prompts *prompts, int number);
/* control: one user more. -EINVAL when there is no such prompt. */
int oh_prompts_hold(struct oh_prompts *prompts, int number);
/* any thread that holds a user: one user less. */
void oh_prompts_release(struct oh_prompts *prompts, int number);

#endif
