#include "mixer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FRAME OH_FRAME_SAMPLES

/* 20 ms of one channel in any law. */
union block {
    uint8_t octets[FRAME];
    int16_t linear[FRAME];
};

static size_t sample_bytes(int law) {
    return law == OH_LAW_LINEAR ? 2 : 1;
}

/* What a channel sends when nobody speaks (G.711: the code of the smallest positive sample). */
static int idle_octet(int law) {
    return law == OH_LAW_ALAW ? 0xd5 : law == OH_LAW_ULAW ? 0xff : 0;
}

int oh_mixer_init(struct oh_mixer *mixer, const oh_config *config, struct oh_prompts *prompts) {
    mixer->channels = config->channels;
    mixer->law = config->law;
    mixer->layout = config->layout;
    mixer->prompts = prompts;
    mixer->voices = calloc((size_t)config->channels, sizeof *mixer->voices);
    if (!mixer->voices) {
        return -ENOMEM;
    }
    for (int i = 0; i < config->channels; i++) {
        mixer->voices[i].prompt = -1;
        mixer->voices[i].partner = -1;
    }
    return 0;
}

void oh_mixer_free(struct oh_mixer *mixer) {
    free(mixer->voices);
    mixer->voices = NULL;
}

void oh_mixer_play(struct oh_mixer *mixer, int channel, int prompt, bool loop, int32_t gain, uint32_t token, uint64_t now) {
    oh_mixer_stop(mixer, channel);
    struct oh_voice *voice = &mixer->voices[channel];
    voice->prompt = prompt;
    voice->position = 0;
    voice->loop = loop;
    voice->gain = gain;
    voice->token = token;
    voice->started = now;
}

void oh_mixer_stop(struct oh_mixer *mixer, int channel) {
    struct oh_voice *voice = &mixer->voices[channel];
    if (voice->prompt >= 0) {
        oh_prompts_release(mixer->prompts, voice->prompt);
        voice->prompt = -1;
    }
}

void oh_mixer_join(struct oh_mixer *mixer, int a, int b) {
    int pair[2] = {a, b};
    for (int i = 0; i < 2; i++) {
        if (pair[i] >= 0 && mixer->voices[pair[i]].partner >= 0) {
            mixer->voices[mixer->voices[pair[i]].partner].partner = -1;
            mixer->voices[pair[i]].partner = -1;
        }
    }
    if (b >= 0) {
        mixer->voices[a].partner = b;
        mixer->voices[b].partner = a;
    }
}

/* Copy one channel between a frame and a block of its own. */
static void copy_in(const struct oh_mixer *mixer, const void *frame, int channel, union block *block) {
    size_t width = sample_bytes(mixer->law);
    if (mixer->layout == OH_LAYOUT_CHANNEL) {
        memcpy(block, (const unsigned char *)frame + (size_t)channel * FRAME * width, FRAME * width);
    } else if (width == 1) {
        const uint8_t *from = (const uint8_t *)frame + channel;
        for (size_t i = 0; i < FRAME; i++) {
            block->octets[i] = from[i * (size_t)mixer->channels];
        }
    } else {
        const int16_t *from = (const int16_t *)frame + channel;
        for (size_t i = 0; i < FRAME; i++) {
            block->linear[i] = from[i * (size_t)mixer->channels];
        }
    }
}

static void copy_out(const struct oh_mixer *mixer, const union block *block, int channel, void *frame) {
    size_t width = sample_bytes(mixer->law);
    if (mixer->layout == OH_LAYOUT_CHANNEL) {
        memcpy((unsigned char *)frame + (size_t)channel * FRAME * width, block, FRAME * width);
    } else if (width == 1) {
        uint8_t *to = (uint8_t *)frame + channel;
        for (size_t i = 0; i < FRAME; i++) {
            to[i * (size_t)mixer->channels] = block->octets[i];
        }
    } else {
        int16_t *to = (int16_t *)frame + channel;
        for (size_t i = 0; i < FRAME; i++) {
            to[i * (size_t)mixer->channels] = block->linear[i];
        }
    }
}

static int16_t saturate(int value) {
    return (int16_t)(value > INT16_MAX ? INT16_MAX : value < INT16_MIN ? INT16_MIN : value);
}

static void amplify(int law, union block *block, int32_t gain) {
    int16_t linear[FRAME];
    oh_convert(law, block, OH_LAW_LINEAR, linear, FRAME);
    for (int i = 0; i < FRAME; i++) {
        int64_t scaled = (int64_t)linear[i] * gain;
        /* Rounded to the nearest; half away from zero, so that a signal stays symmetric. */
        scaled = (scaled + (scaled >= 0 ? OH_GAIN_UNITY / 2 : -OH_GAIN_UNITY / 2)) / OH_GAIN_UNITY;
        linear[i] = (int16_t)(scaled > INT16_MAX ? INT16_MAX : scaled < INT16_MIN ? INT16_MIN : scaled);
    }
    oh_convert(OH_LAW_LINEAR, linear, law, block, FRAME);
}

static void add(int law, union block *block, const union block *other) {
    int16_t a[FRAME], b[FRAME];
    oh_convert(law, block, OH_LAW_LINEAR, a, FRAME);
    oh_convert(law, other, OH_LAW_LINEAR, b, FRAME);
    for (int i = 0; i < FRAME; i++) {
        a[i] = saturate(a[i] + b[i]);
    }
    oh_convert(OH_LAW_LINEAR, a, law, block, FRAME);
}

/* The next 20 ms of a voice's prompt, idle after its end. Returns how many samples came from the prompt. */
static int read_prompt(const struct oh_mixer *mixer, struct oh_voice *voice, union block *block) {
    const struct oh_prompt *prompt = &mixer->prompts->items[voice->prompt];
    size_t width = sample_bytes(mixer->law);
    memset(block, idle_octet(mixer->law), FRAME * width);
    int filled = 0;
    while (filled < FRAME) {
        int left = prompt->samples - voice->position;
        int count = left < FRAME - filled ? left : FRAME - filled;
        memcpy((unsigned char *)block + (size_t)filled * width, (const unsigned char *)prompt->audio + (size_t)voice->position * width,
               (size_t)count * width);
        filled += count;
        voice->position += count;
        if (voice->position < prompt->samples) {
            continue;
        }
        if (!voice->loop) {
            break;
        }
        voice->position = 0;
    }
    if (voice->gain != OH_GAIN_UNITY) {
        amplify(mixer->law, block, voice->gain);
    }
    return filled;
}

static void prompt_done(struct oh_voice *voice, int channel, uint64_t at_sample, struct oh_sink *sink) {
    oh_event event = {
        .at_sample = at_sample,
        .onset_sample = voice->started,
        .value = voice->token,
        .channel = (uint16_t)channel,
        .kind = OH_EVENT_PROMPT_DONE,
        .confidence = 100,
        .row = 255,
    };
    sink->raise(sink->owner, &event);
}

/* What one channel says; idle code is in tx already. */
static void mix(struct oh_mixer *mixer, const struct oh_ear *ear, int channel, const void *rx, const uint8_t *valid, void *tx,
                struct oh_sink *sink) {
    struct oh_voice *voice = &mixer->voices[channel];
    union block said, heard;
    bool plays = voice->prompt >= 0;
    bool hears = voice->partner >= 0 && (!valid || valid[voice->partner] != OH_VALID_MISSING);
    if (hears) {
        copy_in(mixer, rx, voice->partner, &heard);
    }
    if (plays) {
        int samples = read_prompt(mixer, voice, &said);
        if (!voice->loop && voice->position == mixer->prompts->items[voice->prompt].samples) {
            prompt_done(voice, channel, oh_ear_now(ear, channel) - FRAME + (uint64_t)samples, sink);
            oh_mixer_stop(mixer, channel);
        }
        if (hears) {
            add(mixer->law, &said, &heard);
        }
    }
    if (plays || hears) {
        copy_out(mixer, plays ? &said : &heard, channel, tx);
    }
}

void oh_mixer_frame(struct oh_mixer *mixer, const struct oh_ear *ear, const void *rx, const uint8_t *valid, void *tx,
                    struct oh_sink *sink) {
    memset(tx, idle_octet(mixer->law), (size_t)mixer->channels * FRAME * sample_bytes(mixer->law));
    for (int channel = 0; channel < mixer->channels; channel++) {
        if (mixer->voices[channel].prompt >= 0 || mixer->voices[channel].partner >= 0) {
            mix(mixer, ear, channel, rx, valid, tx, sink);
        }
    }
}
