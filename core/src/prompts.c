#include "prompts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int oh_prompts_init(struct oh_prompts *prompts, size_t sample_bytes) {
    prompts->sample_bytes = sample_bytes;
    prompts->items = calloc(OH_MAX_PROMPTS, sizeof *prompts->items);
    return prompts->items ? 0 : -ENOMEM;
}

void oh_prompts_free(struct oh_prompts *prompts) {
    for (int i = 0; prompts->items && i < OH_MAX_PROMPTS; i++) {
        free(prompts->items[i].audio);
    }
    free(prompts->items);
    prompts->items = NULL;
}

int oh_prompts_add(struct oh_prompts *prompts, const void *audio, int samples) {
    if (!audio || samples <= 0) {
        return -EINVAL;
    }
    int number = 0;
    while (number < OH_MAX_PROMPTS && prompts->items[number].audio) {
        number++;
    }
    if (number == OH_MAX_PROMPTS) {
        return -ENOSPC;
    }
    size_t bytes = (size_t)samples * prompts->sample_bytes;
    void *copy = malloc(bytes);
    if (!copy) {
        return -ENOMEM;
    }
    memcpy(copy, audio, bytes);
    prompts->items[number].samples = samples;
    prompts->items[number].audio = copy;
    return number;
}

static struct oh_prompt *find(struct oh_prompts *prompts, int number) {
    bool exists = number >= 0 && number < OH_MAX_PROMPTS && prompts->items[number].audio;
    return exists ? &prompts->items[number] : NULL;
}

int oh_prompts_drop(struct oh_prompts *prompts, int number) {
    struct oh_prompt *prompt = find(prompts, number);
    if (!prompt) {
        return -EINVAL;
    }
    if (atomic_load_explicit(&prompt->users, memory_order_acquire) > 0) {
        return -EBUSY;
    }
    free(prompt->audio);
    prompt->audio = NULL;
    return 0;
}

int oh_prompts_hold(struct oh_prompts *prompts, int number) {
    struct oh_prompt *prompt = find(prompts, number);
    if (!prompt) {
        return -EINVAL;
    }
    atomic_fetch_add_explicit(&prompt->users, 1, memory_order_relaxed);
    return 0;
}

void oh_prompts_release(struct oh_prompts *prompts, int number) {
    atomic_fetch_sub_explicit(&prompts->items[number].users, 1, memory_order_release);
}
