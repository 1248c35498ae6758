/* Everything that can be done to a core, in any order, with any audio: nothing may crash, leak or overrun, and the vector code of this
 * processor must raise the same events and send the same samples as the plain one.
 *
 * The input is a program: three octets of configuration, then per tick some orders, validity marks and a recipe for the audio. */
#include "offhook.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FRAME        OH_FRAME_SAMPLES
#define MAX_CHANNELS 20

struct input {
    const uint8_t *at;
    const uint8_t *end;
};

static uint32_t octet(struct input *in) {
    return in->at < in->end ? *in->at++ : 0;
}

static uint32_t number(struct input *in, uint32_t below) {
    return (octet(in) << 8 | octet(in)) % below;
}

static void require(bool condition, const char *what) {
    if (!condition) {
        fprintf(stderr, "fuzz_core: %s\n", what);
        abort();
    }
}

static oh_core *new_core(const oh_config *config, const char *isa) {
    oh_isa_force(isa);
    oh_core *core = oh_core_new(config);
    require(core != NULL, "oh_core_new refused a sound configuration");
    return core;
}

/* One order, given to both cores; both must answer alike. */
static void give_order(struct input *in, oh_core *const cores[2], int channels) {
    uint32_t kind = octet(in) % 10;
    int channel = (int)number(in, (uint32_t)channels + 2) - 1; /* sometimes one that does not exist */
    uint32_t value = octet(in) << 8 | octet(in);
    static const uint8_t audio[700] = {1, 2, 3, 250};
    int status[2] = {0, 0};
    for (int i = 0; i < 2; i++) {
        oh_core *core = cores[i];
        switch (kind) {
        case 0:
            status[i] = oh_core_reset(core, channel, oh_plan_at((int)value % (oh_plan_count() + 1)), (value * 5u) & 0x1fff);
            break;
        case 1:
            status[i] = oh_core_arm(core, channel, value & 0x3fff);
            break;
        case 2:
            status[i] = oh_core_answered(core, channel);
            break;
        case 3:
            status[i] = oh_core_play(core, channel, (int)(value & 7) - 1, value & 8, (int)(value >> 4) - 2000, value);
            break;
        case 4:
            status[i] = oh_core_stop_play(core, channel);
            break;
        case 5:
            status[i] = oh_core_bridge(core, channel, (int)(value % ((uint32_t)channels + 3)) - 2);
            break;
        case 6:
            status[i] = oh_core_prompt_add(core, audio, (int)(value % 350));
            break;
        case 7:
            status[i] = oh_core_prompt_drop(core, (int)(value % 6) - 1);
            break;
        case 8: {
            oh_answer_settings settings = *oh_answer_preset(value & 1 ? "balanced" : "rules");
            settings.wait_ms = (uint16_t)(value & 0xfff);
            settings.silence_ms = (uint16_t)(value >> 3);
            settings.max_words = (uint16_t)(value & 7);
            status[i] = oh_core_answer_settings(core, channel, &settings);
            break;
        }
        default:
            status[i] = oh_core_reset(core, channel, NULL, OH_PROFILE_ALL);
            break;
        }
    }
    require(status[0] == status[1], "two cores answered an order differently");
}

/* 20 ms of a channel: two sines, noise, or octets of the input itself. */
static void make_audio(struct input *in, int16_t *audio, double *phase) {
    uint32_t recipe = octet(in);
    double hz[2] = {octet(in) * 12.0, octet(in) * 12.0};
    double peak = pow(2, octet(in) % 15);
    uint32_t noise = octet(in) | 1;
    for (int i = 0; i < FRAME; i++) {
        double value = 0;
        phase[0] += 2 * 3.14159265358979 * hz[0] / OH_SAMPLE_RATE;
        phase[1] += 2 * 3.14159265358979 * hz[1] / OH_SAMPLE_RATE;
        noise = noise * 1664525u + 1013904223u;
        if (recipe & 1) {
            value += peak * sin(phase[0]);
        }
        if (recipe & 2) {
            value += peak * sin(phase[1]);
        }
        if (recipe & 4) {
            value += peak / 16 * ((double)(noise >> 8) / (1 << 23) - 1);
        }
        if (recipe & 8) {
            value += octet(in) * 256.0 - 32768;
        }
        audio[i] = (int16_t)fmax(-32768, fmin(32767, value));
    }
}

static void put(const oh_config *config, const int16_t *audio, int channel, void *frame) {
    for (int i = 0; i < FRAME; i++) {
        int place = config->layout == OH_LAYOUT_CHANNEL ? channel * FRAME + i : i * config->channels + channel;
        size_t width = config->law == OH_LAW_LINEAR ? 2 : 1;
        oh_convert(OH_LAW_LINEAR, audio + i, config->law, (unsigned char *)frame + (size_t)place * width, 1);
    }
}

static void compare_events(oh_core *const cores[2], int raised) {
    oh_event events[2][64];
    for (;;) {
        int count = oh_core_poll(cores[0], events[0], 64);
        require(oh_core_poll(cores[1], events[1], 64) == count, "the vector code raised another number of events");
        if (count == 0) {
            break;
        }
        require(memcmp(events[0], events[1], (size_t)count * sizeof(oh_event)) == 0, "the vector code raised another event");
        for (int i = 0; i < count; i++) {
            require(events[0][i].confidence <= 100 && events[0][i].onset_sample <= events[0][i].at_sample, "an event makes no sense");
        }
        raised -= count;
    }
    require(raised >= 0, "more events than were raised");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static char best[16];
    if (!best[0]) {
        strncpy(best, oh_isa(), sizeof best - 1);
    }
    struct input in = {data, data + size};
    oh_config config = {
        .channels = 1 + (int)(octet(&in) % MAX_CHANNELS),
        .law = (int)(octet(&in) % 3),
        .layout = (int)(octet(&in) % 2),
        .plan = oh_plan_at((int)octet(&in) % oh_plan_count()),
        .ring_events = (int)octet(&in),
    };
    /* "base" does not exist where "neon" is all there is: then both cores use that. */
    oh_core *cores[2] = {new_core(&config, "base"), new_core(&config, best)};
    for (int channel = 0; channel < config.channels; channel++) {
        uint32_t detectors = octet(&in) % 2 ? OH_PROFILE_ALL : OH_PROFILE_ALL | OH_PROFILE_REGISTER;
        oh_core_reset(cores[0], channel, NULL, detectors);
        oh_core_reset(cores[1], channel, NULL, detectors);
    }
    static int16_t rx[MAX_CHANNELS * FRAME], tx[2][MAX_CHANNELS * FRAME];
    int16_t kinds[4][FRAME] = {{0}};
    double phases[4][2] = {{0}};
    while (in.at < in.end) {
        for (uint32_t orders = octet(&in) % 4; orders > 0; orders--) {
            give_order(&in, cores, config.channels);
        }
        for (int kind = 1; kind < 4; kind++) {
            make_audio(&in, kinds[kind], phases[kind]);
        }
        /* Hold the same audio for a while, else no tone would ever last. */
        for (uint32_t hold = octet(&in) % 30 + 1; hold > 0; hold--) {
            uint8_t valid[MAX_CHANNELS];
            uint32_t loss = octet(&in);
            for (int channel = 0; channel < config.channels; channel++) {
                valid[channel] = (loss >> (channel % 8) & 1) && hold % 5 == 0 ? (uint8_t)(loss % 5) : OH_VALID_GOOD;
                put(&config, kinds[channel % 4], channel, rx);
            }
            int raised = oh_core_tick(cores[0], rx, loss & 1 ? valid : NULL, tx[0], 1);
            require(oh_core_tick(cores[1], rx, loss & 1 ? valid : NULL, tx[1], 1) == raised, "the vector code raised another number");
            size_t bytes = (size_t)config.channels * FRAME * (config.law == OH_LAW_LINEAR ? 2 : 1);
            require(memcmp(tx[0], tx[1], bytes) == 0, "the vector code sends something else");
            compare_events(cores, raised);
        }
    }
    oh_core_free(cores[0]);
    oh_core_free(cores[1]);
    return 0;
}
