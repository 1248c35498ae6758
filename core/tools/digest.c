/* Hears a file of audio in virtual time and writes every event as it lies in memory, so that builds for different processors can be
 * compared octet by octet: digest [ISA] <audio >events
 *
 * The file, little-endian: the word "OHD1", then 32-bit channels, law (enum oh_law), ticks; for each channel a plan's name in 8 octets, zero
 * filled, the detectors to arm and the tick at which the call is answered (UINT32_MAX: never), both 32 bits; for each tick one enum oh_valid
 * octet a channel, then channels x 160 samples. Files may follow each other. python -m bench.digest writes them and reads the events. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "offhook.h"

struct head {
    char magic[4];
    uint32_t channels, law, ticks;
};

struct line {
    char plan[8];
    uint32_t detectors, answered;
};

static int fail(const char *what, const char *why) {
    fprintf(stderr, "digest: %s: %s\n", what, why);
    return 1;
}

static int read_all(void *to, size_t bytes) {
    return fread(to, 1, bytes, stdin) == bytes ? 0 : fail("the audio", ferror(stdin) ? strerror(errno) : "ends too soon");
}

static int start_calls(oh_core *core, const struct head *head, const struct line *lines) {
    for (uint32_t c = 0; c < head->channels; c++) {
        char name[sizeof lines[c].plan + 1] = {0};
        memcpy(name, lines[c].plan, sizeof lines[c].plan);
        const oh_tone_plan *plan = oh_plan_find(name);
        if (!plan)
            return fail(name, "there is no such tone plan");
        int status = oh_core_reset(core, (int)c, plan, lines[c].detectors);
        if (status)
            return fail("oh_core_reset", strerror(-status)); /* EAGAIN: more channels than the queue of orders has room for */
    }
    return 0;
}

static int write_events(oh_core *core) {
    oh_event events[256];
    for (int n; (n = oh_core_poll(core, events, 256)) > 0;)
        if (fwrite(events, sizeof events[0], (size_t)n, stdout) != (size_t)n)
            return fail("the events", strerror(errno));
    return 0;
}

static int hear(oh_core *core, const struct head *head, const struct line *lines, uint8_t *valid, void *audio, size_t bytes) {
    for (uint32_t tick = 0; tick < head->ticks; tick++) {
        if (read_all(valid, head->channels) || read_all(audio, bytes))
            return 1;
        for (uint32_t c = 0; c < head->channels; c++)
            if (lines[c].answered == tick)
                (void)oh_core_answered(core, (int)c);
        if (oh_core_tick(core, audio, valid, NULL, 0) < 0)
            return fail("oh_core_tick", "refused");
        if (write_events(core))
            return 1;
    }
    oh_stats stats;
    oh_core_stats(core, &stats);
    return stats.overruns ? fail("the event ring", "is too small for this file") : 0;
}

static int hear_file(const struct head *head) {
    if (memcmp(head->magic, "OHD1", 4) != 0 || head->channels < 1 || head->channels > OH_MAX_CHANNELS || head->law > OH_LAW_LINEAR)
        return fail("the audio", "does not begin as python -m bench.digest writes it");
    size_t bytes = (size_t)head->channels * OH_FRAME_SAMPLES * (head->law == OH_LAW_LINEAR ? 2 : 1);
    oh_config config = {
        .channels = (int)head->channels, .law = (int)head->law, .layout = OH_LAYOUT_CHANNEL, .plan = oh_plan_at(0), .ring_events = 1 << 16};
    struct line *lines = calloc(head->channels, sizeof *lines);
    uint8_t *valid = malloc(head->channels);
    void *audio = malloc(bytes);
    oh_core *core = oh_core_new(&config);
    int status = !lines || !valid || !audio || !core ? fail("memory", strerror(errno)) : 0;
    status = status || read_all(lines, head->channels * sizeof *lines) || start_calls(core, head, lines) ||
             hear(core, head, lines, valid, audio, bytes);
    oh_core_free(core);
    free(audio);
    free(valid);
    free(lines);
    return status;
}

int main(int argc, char **argv) {
    if (argc > 2)
        return fail("usage", "digest [base|avx2|avx512|neon] <audio >events");
    if (argc == 2 && oh_isa_force(argv[1]))
        return fail(argv[1], "this processor has no such vector code");
    struct head head;
    size_t got;
    while ((got = fread(&head, 1, sizeof head, stdin)) == sizeof head)
        if (hear_file(&head))
            return 1;
    if (got)
        return fail("the audio", "ends too soon");
    return fflush(stdout) ? fail("the events", strerror(errno)) : 0;
}
