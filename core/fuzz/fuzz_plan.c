/* Tone plans of any content: what oh_plan_check() lets pass must not harm the core, whatever is heard then; what it refuses the core must
 * refuse as well. The rows are made from the input, and most of the audio is what the rows say, so that the matcher has work. */
#include "offhook.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_ROWS 255

struct input {
    const uint8_t *at;
    const uint8_t *end;
};

static uint32_t octet(struct input *in) {
    return in->at < in->end ? *in->at++ : 0;
}

static void require(bool condition, const char *what) {
    if (!condition) {
        fprintf(stderr, "fuzz_plan: %s\n", what);
        abort();
    }
}

/* Mostly a frequency of the band, sometimes anything. */
static uint16_t some_hz(struct input *in) {
    uint32_t kind = octet(in);
    if (kind < 120)
        return 0;
    return kind < 250 ? (uint16_t)(100 + octet(in) * 13 % 3301) : (uint16_t)(octet(in) << 8 | octet(in));
}

static void make_segment(struct input *in, oh_segment *segment, bool sound) {
    uint32_t kind = octet(in);
    memset(segment, 0, sizeof *segment);
    if (sound)
        segment->hz[0] = (uint16_t)(150 + octet(in) * 10);
    for (int i = 1; sound && i < 4 && kind & 1u << i; i++)
        segment->hz[i] = some_hz(in);
    segment->am_hz = kind & 16 && !segment->hz[1] && sound ? (uint16_t)(octet(in) % 210) : 0;
    segment->duration_ms = kind & 32 ? (uint16_t)(octet(in) << 8 | octet(in)) : (uint16_t)(10 + octet(in) * 4);
    if (kind > 250) /* a wild one */
        segment->hz[octet(in) % 4] = (uint16_t)(octet(in) << 8 | octet(in));
}

/* A row whose segments lie in memory of exactly their size, so that a read beyond them is seen. */
static oh_segment *make_row(struct input *in, oh_tone_spec *row) {
    uint32_t shape = octet(in);
    row->tone = (uint8_t)(shape < 240 ? 1 + shape % 9 : octet(in));
    row->once = (uint8_t)(octet(in) % (shape & 1 ? 3 : 9) * (shape & 2 ? 2 : 0));
    row->loop = (uint8_t)(octet(in) % (shape & 4 ? 5 : 17));
    row->flags = (uint8_t)octet(in);
    row->source = shape & 8 ? "fuzz" : NULL;
    size_t count = (size_t)row->once + row->loop;
    oh_segment *segments = calloc(count ? count : 1, sizeof *segments);
    require(segments != NULL, "no memory");
    for (size_t i = 0; i < count; i++)
        make_segment(in, &segments[i], shape & 128 ? octet(in) & 1 : i % 2 == 0);
    if (count && shape % 7 == 0)
        segments[count - 1].duration_ms = 0;
    row->segments = shape == 255 ? NULL : segments;
    return segments;
}

/* The audio of a row, a few rounds of it, in ticks. */
static void play(oh_core *core, const oh_tone_spec *row, double gain, int max_ticks) {
    static int16_t frame[OH_FRAME_SAMPLES];
    double phase[4] = {0};
    int total = row->once + row->loop, step = 0, filled = 0, ticks = 0;
    for (int rounds = 0; rounds < 40 && ticks < max_ticks; rounds++) {
        const oh_segment *segment = &row->segments[step];
        int samples = (segment->duration_ms ? segment->duration_ms : 3000) * 8;
        for (int i = 0; i < samples && ticks < max_ticks; i++) {
            double value = 0;
            for (int k = 0; k < 4 && segment->hz[k]; k++)
                value += sin(phase[k] += 2 * 3.14159265358979 * segment->hz[k] / OH_SAMPLE_RATE);
            frame[filled++] = (int16_t)(gain * value);
            if (filled == OH_FRAME_SAMPLES) {
                filled = 0;
                ticks++;
                require(oh_core_tick(core, frame, NULL, NULL, 1) >= 0, "a tick failed");
            }
        }
        if (++step >= total) {
            if (!row->loop)
                return;
            step = row->once;
        }
    }
}

static void check_events(oh_core *core, const oh_tone_plan *plan) {
    oh_event events[64];
    int count;
    while ((count = oh_core_poll(core, events, 64)) > 0)
        for (int i = 0; i < count; i++)
            require(events[i].row == 255 || events[i].row < plan->count, "an event names a row that the plan has not");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct input in = {data, data + size};
    static oh_tone_spec rows[MAX_ROWS];
    static oh_segment *segments[MAX_ROWS];
    uint32_t shape = octet(&in);
    int made = 1 + (int)(shape < 250 ? shape % 12 : octet(&in) % MAX_ROWS);
    for (int i = 0; i < made; i++)
        segments[i] = make_row(&in, &rows[i]);
    oh_tone_plan plan = {.name = "fuzz", .country = "", .tones = rows, .count = made};
    char why[40];
    memset(why, 'x', sizeof why);
    int room = (int)(octet(&in) % sizeof why);
    int status = oh_plan_check(&plan, why, room);
    require(status == 0 || room == 0 || memchr(why, 0, (size_t)room), "the reason has no end");
    require(why[room] == 'x', "the reason is longer than its room");
    oh_config config = {.channels = 1, .law = OH_LAW_LINEAR, .plan = &plan};
    oh_core *core = oh_core_new(&config);
    require((core != NULL) == (status == 0), "the core and oh_plan_check() differ");
    if (core) {
        require(oh_core_reset(core, 0, &plan, OH_PROFILE_ALL) == 0, "a reset failed");
        for (int i = 0; i < 3; i++) {
            play(core, &rows[octet(&in) % (uint32_t)made], pow(2, 6 + octet(&in) % 9) / 4, 300);
            check_events(core, &plan);
        }
        oh_core_free(core);
    }
    for (int i = 0; i < made; i++)
        free(segments[i]);
    return 0;
}
