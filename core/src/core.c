/* The core: carries orders from the control thread to the feeder, runs the ear and the mixer once per tick, and hands events to the
 * poller. */
#include "core.h"

#include "answer.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ALL_DETECTORS  (OH_PROFILE_ALL | OH_DETECT_R2_FWD | OH_DETECT_R2_BWD)
#define GAIN_LIMIT_CDB 6000

_Static_assert(sizeof(oh_event) == 64, "an event is one cache line");

enum order_kind { ORDER_RESET, ORDER_ARM, ORDER_ANSWERED, ORDER_PLAY, ORDER_STOP_PLAY, ORDER_BRIDGE, ORDER_SETTINGS, ORDER_LIBRARY };

/* A wish of the control thread, obeyed at the start of the next tick. */
struct order {
    const oh_tone_plan *plan;
    const struct oh_library *library;
    oh_answer_settings settings;
    uint32_t detectors;
    uint32_t token;
    int32_t channel;
    int32_t other; /* prompt, or the channel to be joined */
    int32_t gain;
    uint8_t kind; /* enum order_kind */
    bool loop;
    uint32_t capture; /* oh_capture_token() */
};

uint64_t oh_clock_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* -- making and freeing --------------------------------------------------------------------------------------------------- */

static bool config_is_sound(const oh_config *config) {
    return config && config->channels >= 1 && config->channels <= OH_MAX_CHANNELS && config->law >= OH_LAW_ALAW &&
           config->law <= OH_LAW_LINEAR && config->layout >= OH_LAYOUT_CHANNEL && config->layout <= OH_LAYOUT_TIMESLOT &&
           oh_plan_check(config->plan, NULL, 0) == 0 && config->ring_events >= 0 && config->ring_events <= 1 << 24;
}

/* sink.raise: number the event and put it into the ring; the newest is dropped when the ring is full. */
static void raise_event(void *owner, oh_event *event) {
    oh_core *core = owner;
    event->raised_ns = core->now_ns;
    event->sequence = core->sequence[event->channel]++;
    core->raised++;
    if (!oh_ring_put(&core->events, event)) {
        oh_count(&core->counters.overruns, 1);
    }
}

/* Everything that can fail. 0 or -errno; oh_core_free() takes back what a failure leaves. */
static int furnish(oh_core *core) {
    const oh_config *config = &core->config;
    uint32_t channels = (uint32_t)config->channels;
    uint32_t ring_events = config->ring_events > 0 ? (uint32_t)config->ring_events : channels * 16 < 1024 ? 1024 : channels * 16;
    uint32_t order_slots = channels * 8 < 1024 ? 1024 : channels * 8;
    int status = oh_bell_init(&core->bell);
    status = status ? status : oh_ring_init(&core->events, ring_events, sizeof(oh_event));
    status = status ? status : oh_ring_init(&core->orders, order_slots, sizeof(struct order));
    status = status ? status : oh_prompts_init(&core->prompts, core->sample_bytes);
    status = status ? status : oh_mixer_init(&core->mixer, config, &core->prompts);
    if (status) {
        return status;
    }
    core->sequence = calloc(channels, sizeof *core->sequence);
    if (!core->sequence) {
        return -ENOMEM;
    }
    core->ear = oh_ear_new(config->channels, config->law, config->layout);
    if (!core->ear) {
        return -errno;
    }
    for (int channel = 0; channel < config->channels; channel++) {
        oh_ear_reset(core->ear, channel, config->plan, OH_PROFILE_OFF);
    }
    return 0;
}

oh_core *oh_core_new(const oh_config *config) {
    if (!config_is_sound(config)) {
        errno = EINVAL;
        return NULL;
    }
    oh_core *core = aligned_alloc(_Alignof(oh_core), sizeof *core);
    if (!core) {
        errno = ENOMEM;
        return NULL;
    }
    memset(core, 0, sizeof *core);
    core->config = *config;
    core->sample_bytes = config->law == OH_LAW_LINEAR ? 2 : 1;
    core->sink = (struct oh_sink){.raise = raise_event, .owner = core};
    core->bell.fd = -1;
    int status = furnish(core);
    if (status) {
        oh_core_free(core);
        errno = -status;
        return NULL;
    }
    return core;
}

void oh_core_free(oh_core *core) {
    if (!core) {
        return;
    }
    oh_core_stop(core);
    if (core->ear) {
        oh_ear_free(core->ear);
    }
    oh_shelf_free(&core->shelf);
    oh_capture_free(&core->capture);
    free(core->sequence);
    oh_mixer_free(&core->mixer);
    oh_prompts_free(&core->prompts);
    oh_ring_free(&core->orders);
    oh_ring_free(&core->events);
    oh_bell_free(&core->bell);
    free(core);
}

/* -- the tick ------------------------------------------------------------------------------------------------------------- */

static void obey(oh_core *core, const struct order *order) {
    int channel = order->channel;
    switch (order->kind) {
    case ORDER_RESET:
        oh_mixer_stop(&core->mixer, channel);
        oh_mixer_join(&core->mixer, channel, -1);
        oh_ear_reset(core->ear, channel, order->plan, order->detectors);
        oh_capture_arm(&core->capture, channel, order->detectors, true, order->capture);
        break;
    case ORDER_ARM:
        oh_ear_arm(core->ear, channel, order->detectors);
        oh_capture_arm(&core->capture, channel, order->detectors, false, order->capture);
        break;
    case ORDER_LIBRARY:
        oh_ear_library(core->ear, core->shelf.announcer, order->library);
        atomic_store_explicit(&core->shelf.seen, order->token, memory_order_release);
        break;
    case ORDER_ANSWERED:
        oh_ear_answered(core->ear, channel, &core->sink);
        oh_capture_answered(&core->capture, channel);
        break;
    case ORDER_PLAY:
        oh_mixer_play(&core->mixer, channel, order->other, order->loop, order->gain, order->token, oh_ear_now(core->ear, channel));
        break;
    case ORDER_STOP_PLAY:
        oh_mixer_stop(&core->mixer, channel);
        break;
    case ORDER_SETTINGS:
        oh_answers_set(oh_ear_answers(core->ear), channel, &order->settings);
        break;
    case ORDER_BRIDGE:
        oh_mixer_join(&core->mixer, channel, order->other);
        break;
    default:
        break;
    }
}

/* At most one queue full per tick, so that a control thread that never rests cannot hold up the tick. */
static void obey_orders(oh_core *core) {
    struct order batch[16];
    uint32_t left = core->orders.mask + 1;
    uint32_t count;
    while (left > 0 && (count = oh_ring_take(&core->orders, batch, left < 16 ? left : 16)) > 0) {
        for (uint32_t i = 0; i < count; i++) {
            obey(core, &batch[i]);
        }
        left -= count;
    }
}

static void count_tick(oh_core *core, const uint8_t *valid, uint64_t took_ns) {
    struct oh_counters *counters = &core->counters;
    unsigned lost = 0;
    for (int i = 0; valid && i < core->config.channels; i++) {
        lost += valid[i] != OH_VALID_GOOD;
    }
    oh_count(&counters->ticks, 1);
    oh_count(&counters->events, (uint64_t)core->raised);
    oh_count(&counters->lost_blocks, lost);
    oh_count(&counters->tick_ns_sum, took_ns);
    if (took_ns > atomic_load_explicit(&counters->tick_ns_max, memory_order_relaxed)) {
        atomic_store_explicit(&counters->tick_ns_max, took_ns, memory_order_relaxed);
    }
    int bucket = took_ns ? 63 - __builtin_clzll(took_ns) : 0;
    oh_count(&counters->tick_log2_ns[bucket < 31 ? bucket : 31], 1);
}

int oh_core_tick(oh_core *core, const void *rx, const uint8_t *valid, void *tx, uint64_t now_ns) {
    if (!core || !rx) {
        return -EINVAL;
    }
    uint64_t began_ns = oh_clock_ns();
    core->now_ns = now_ns;
    core->raised = 0;
    obey_orders(core);
    oh_ear_frame(core->ear, rx, valid, &core->sink);
    oh_capture_frame(&core->capture, rx, valid);
    if (tx) {
        oh_mixer_frame(&core->mixer, core->ear, rx, valid, tx, &core->sink);
    }
    if (oh_ring_publish(&core->events)) {
        oh_bell_ring(&core->bell);
    }
    count_tick(core, valid, oh_clock_ns() - began_ns);
    return core->raised;
}

/* -- orders --------------------------------------------------------------------------------------------------------------- */

static bool has_channel(const oh_core *core, int channel) {
    return core && channel >= 0 && channel < core->config.channels;
}

static int give_order(oh_core *core, const struct order *order) {
    if (!oh_ring_put(&core->orders, order)) {
        return -EAGAIN;
    }
    oh_ring_publish(&core->orders);
    return 0;
}

/* An order that sets a channel's detectors; the clip of its audio follows them. */
static int give_detectors(oh_core *core, struct order *order) {
    order->capture = oh_capture_token(&core->capture, order->channel);
    int status = give_order(core, order);
    if (status == 0) {
        oh_capture_ordered(&core->capture, order->channel, order->detectors);
    }
    return status;
}

int oh_core_reset(oh_core *core, int channel, const oh_tone_plan *plan, uint32_t detectors) {
    if (!has_channel(core, channel) || (detectors & ~(uint32_t)ALL_DETECTORS)) {
        return -EINVAL;
    }
    if (plan && plan != core->config.plan && oh_plan_check(plan, NULL, 0)) {
        return -EINVAL;
    }
    struct order order = {.kind = ORDER_RESET, .channel = channel, .plan = plan ? plan : core->config.plan, .detectors = detectors};
    return give_detectors(core, &order);
}

int oh_core_arm(oh_core *core, int channel, uint32_t detectors) {
    if (!has_channel(core, channel) || (detectors & ~(uint32_t)ALL_DETECTORS)) {
        return -EINVAL;
    }
    struct order order = {.kind = ORDER_ARM, .channel = channel, .detectors = detectors};
    return give_detectors(core, &order);
}

int oh_core_answered(oh_core *core, int channel) {
    if (!has_channel(core, channel)) {
        return -EINVAL;
    }
    struct order order = {.kind = ORDER_ANSWERED, .channel = channel};
    return give_order(core, &order);
}

int oh_core_play(oh_core *core, int channel, int prompt, bool loop, int gain_cdb, uint32_t token) {
    if (!has_channel(core, channel) || gain_cdb < -GAIN_LIMIT_CDB || gain_cdb > GAIN_LIMIT_CDB) {
        return -EINVAL;
    }
    int status = oh_prompts_hold(&core->prompts, prompt);
    if (status) {
        return status;
    }
    struct order order = {
        .kind = ORDER_PLAY,
        .channel = channel,
        .other = prompt,
        .loop = loop,
        .gain = gain_cdb ? (int32_t)lround(OH_GAIN_UNITY * pow(10.0, gain_cdb / 2000.0)) : OH_GAIN_UNITY,
        .token = token,
    };
    status = give_order(core, &order);
    if (status) {
        oh_prompts_release(&core->prompts, prompt);
    }
    return status;
}

int oh_core_stop_play(oh_core *core, int channel) {
    if (!has_channel(core, channel)) {
        return -EINVAL;
    }
    struct order order = {.kind = ORDER_STOP_PLAY, .channel = channel};
    return give_order(core, &order);
}

int oh_core_bridge(oh_core *core, int a, int b) {
    if (!has_channel(core, a) || a == b || (b != -1 && !has_channel(core, b))) {
        return -EINVAL;
    }
    struct order order = {.kind = ORDER_BRIDGE, .channel = a, .other = b};
    return give_order(core, &order);
}

int oh_core_answer_settings(oh_core *core, int channel, const oh_answer_settings *settings) {
    if (!has_channel(core, channel) || !oh_answer_settings_ok(settings)) {
        return -EINVAL;
    }
    struct order order = {.kind = ORDER_SETTINGS, .channel = channel, .settings = *settings};
    return give_order(core, &order);
}

int oh_core_answer_model(oh_core *core, const void *model, size_t bytes) {
    if (!core) {
        return -EINVAL;
    }
    if (atomic_load_explicit(&core->counters.ticks, memory_order_relaxed)) {
        return -EBUSY;
    }
    return oh_answers_load(oh_ear_answers(core->ear), model, bytes);
}

int oh_core_answer_view(const oh_core *core, int channel, float *p, float *features) {
    if (!has_channel(core, channel) || !p) {
        return -EINVAL;
    }
    return oh_answers_view(oh_ear_answers(core->ear), channel, p, features);
}

int oh_core_library(oh_core *core, oh_library *library) {
    if (!core) {
        return -EINVAL;
    }
    struct order order = {.kind = ORDER_LIBRARY, .library = library};
    int status = oh_shelf_put(&core->shelf, core->config.channels, library, &order.token);
    if (status) {
        return status;
    }
    status = give_order(core, &order);
    if (status) {
        oh_shelf_take_back(&core->shelf, order.token);
    }
    return status;
}

int oh_core_capture(oh_core *core, int ms) {
    if (!core || ms < 0 || ms > 60000) {
        return -EINVAL;
    }
    if (core->orders.written || atomic_load_explicit(&core->counters.ticks, memory_order_relaxed)) {
        return -EBUSY;
    }
    return oh_capture_room(&core->capture, &core->config, ms);
}

int oh_core_captured(oh_core *core, int channel, void *audio, int room) {
    return has_channel(core, channel) ? oh_capture_take(&core->capture, channel, audio, room) : -EINVAL;
}

int oh_core_captured_marks(oh_core *core, int channel, uint8_t *marks, int room, uint32_t *first) {
    return has_channel(core, channel) ? oh_capture_take_marks(&core->capture, channel, marks, room, first) : -EINVAL;
}

int oh_core_prompt_add(oh_core *core, const void *audio, int samples) {
    return core ? oh_prompts_add(&core->prompts, audio, samples) : -EINVAL;
}

int oh_core_prompt_drop(oh_core *core, int prompt) {
    return core ? oh_prompts_drop(&core->prompts, prompt) : -EINVAL;
}

/* -- events and counters -------------------------------------------------------------------------------------------------- */

int oh_core_poll(oh_core *core, oh_event *out, int max_events) {
    if (!core || !out || max_events < 0) {
        return -EINVAL;
    }
    uint32_t max = (uint32_t)max_events;
    uint32_t count = oh_ring_take(&core->events, out, max);
    if (count == 0 && max > 0) {
        oh_bell_arm(&core->bell);
        count = oh_ring_take(&core->events, out, max); /* what came between the look and the arming */
    }
    return (int)count;
}

int oh_core_event_fd(const oh_core *core) {
    return core ? core->bell.fd : -EINVAL;
}

void oh_core_stats(const oh_core *core, oh_stats *out) {
    const struct oh_counters *counters = &core->counters;
    out->ticks = atomic_load_explicit(&counters->ticks, memory_order_relaxed);
    out->late_ticks = atomic_load_explicit(&counters->late_ticks, memory_order_relaxed);
    out->events = atomic_load_explicit(&counters->events, memory_order_relaxed);
    out->overruns = atomic_load_explicit(&counters->overruns, memory_order_relaxed);
    out->lost_blocks = atomic_load_explicit(&counters->lost_blocks, memory_order_relaxed);
    out->tick_ns_sum = atomic_load_explicit(&counters->tick_ns_sum, memory_order_relaxed);
    out->tick_ns_max = atomic_load_explicit(&counters->tick_ns_max, memory_order_relaxed);
    for (int i = 0; i < 32; i++) {
        out->tick_log2_ns[i] = atomic_load_explicit(&counters->tick_log2_ns[i], memory_order_relaxed);
    }
    out->channels = (uint32_t)core->config.channels;
    size_t bytes = oh_ear_bytes_per_channel(core->ear) + sizeof *core->mixer.voices + sizeof *core->sequence;
    bytes += atomic_load_explicit(&core->shelf.seen, memory_order_relaxed) ? oh_announcer_bytes_per_channel() : 0;
    out->state_bytes_per_channel = (uint32_t)bytes;
}
