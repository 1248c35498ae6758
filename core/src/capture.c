#include "capture.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static size_t frame_bytes(const struct oh_capture *c) {
    return OH_FRAME_SAMPLES * c->sample_bytes;
}

int oh_capture_room(struct oh_capture *c, const oh_config *config, int ms) {
    struct oh_capture new = {.channels = config->channels, .layout = config->layout, .sample_bytes = config->law == OH_LAW_LINEAR ? 2 : 1};
    new.idle = config->law == OH_LAW_ALAW ? 0xD5 : config->law == OH_LAW_ULAW ? 0xFF : 0;
    new.frames = (uint32_t)(ms + OH_FRAME_MS - 1) / OH_FRAME_MS;
    if (new.frames) {
        size_t channels = (size_t)config->channels;
        new.audio = malloc(channels * new.frames *frame_bytes(&new));
        new.marks = malloc(channels * new.frames);
        new.channel = calloc(channels, sizeof *new.channel);
        if (!new.audio || !new.marks || !new.channel) {
            oh_capture_free(&new);
            return -ENOMEM;
        }
    }
    oh_capture_free(c);
    *c = new;
    return 0;
}

void oh_capture_free(struct oh_capture *c) {
    free(c->audio);
    free(c->marks);
    free(c->channel);
    memset(c, 0, sizeof *c);
}

uint32_t oh_capture_token(const struct oh_capture *c, int channel) {
    return c->frames ? c->channel[channel].disarms + 1 : 0;
}

void oh_capture_ordered(struct oh_capture *c, int channel, uint32_t detectors) {
    if (!c->frames)
        return;
    struct oh_captured *clip = &c->channel[channel];
    clip->open = detectors & OH_DETECT_ANNOUNCE;
    clip->disarms += !clip->open;
}

void oh_capture_arm(struct oh_capture *c, int channel, uint32_t detectors, bool fresh, uint32_t token) {
    if (!c->frames)
        return;
    struct oh_captured *clip = &c->channel[channel];
    bool on = detectors & OH_DETECT_ANNOUNCE;
    if (on && (fresh || !clip->on)) {
        clip->written = 0;
        clip->news = 0;
    } else {
        clip->news |= OH_CAPTURED_ARMED;
    }
    clip->on = on;
    if (!on)
        atomic_store_explicit(&clip->obeyed, token, memory_order_release);
}

void oh_capture_answered(struct oh_capture *c, int channel) {
    if (c->frames)
        c->channel[channel].news |= OH_CAPTURED_ANSWERED;
}

void oh_capture_frame(struct oh_capture *c, const void *rx, const uint8_t *valid) {
    if (!c->frames)
        return;
    size_t bytes = c->sample_bytes;
    for (int channel = 0; channel < c->channels; channel++) {
        struct oh_captured *clip = &c->channel[channel];
        if (!clip->on)
            continue;
        size_t slot = (size_t)channel * c->frames + clip->written++ % c->frames;
        uint8_t mark = valid ? valid[channel] : OH_VALID_GOOD;
        uint8_t *to = c->audio + slot * frame_bytes(c);
        const uint8_t *from = rx;
        c->marks[slot] = (uint8_t)(mark | clip->news);
        clip->news = 0;
        if (mark == OH_VALID_MISSING)
            memset(to, c->idle, frame_bytes(c));
        else if (c->layout == OH_LAYOUT_CHANNEL)
            memcpy(to, from + (size_t)channel * frame_bytes(c), frame_bytes(c));
        else
            for (size_t i = 0; i < OH_FRAME_SAMPLES; i++)
                memcpy(to + i * bytes, from + (i * (size_t)c->channels + (size_t)channel) * bytes, bytes);
    }
}

/* Frames kept of the channel's call, or -errno. */
static int kept_frames(const struct oh_capture *c, int channel) {
    if (!c->frames)
        return -EINVAL;
    const struct oh_captured *kept = &c->channel[channel];
    if (kept->open || atomic_load_explicit(&kept->obeyed, memory_order_acquire) != kept->disarms)
        return -EAGAIN;
    return (int)(kept->written < c->frames ? kept->written : c->frames);
}

int oh_capture_take(const struct oh_capture *c, int channel, void *audio, int room) {
    if (!audio || room < 0)
        return -EINVAL;
    int count = kept_frames(c, channel);
    if (count < 0)
        return count;
    uint32_t frames = (uint32_t)count, written = c->channel[channel].written;
    if ((uint32_t)room / OH_FRAME_SAMPLES < frames)
        return -ENOSPC;
    const uint8_t *clip = c->audio + (size_t)channel * c->frames * frame_bytes(c);
    for (uint32_t i = 0; i < frames; i++)
        memcpy((uint8_t *)audio + i * frame_bytes(c), clip + (written - frames + i) % c->frames * frame_bytes(c), frame_bytes(c));
    return (int)(frames * OH_FRAME_SAMPLES);
}

int oh_capture_take_marks(const struct oh_capture *c, int channel, uint8_t *marks, int room, uint32_t *first) {
    if (!marks || !first || room < 0)
        return -EINVAL;
    int count = kept_frames(c, channel);
    if (count < 0)
        return count;
    uint32_t frames = (uint32_t)count, written = c->channel[channel].written;
    if ((uint32_t)room < frames)
        return -ENOSPC;
    for (uint32_t i = 0; i < frames; i++)
        marks[i] = c->marks[(size_t)channel * c->frames + (written - frames + i) % c->frames];
    *first = written - frames;
    return count;
}
