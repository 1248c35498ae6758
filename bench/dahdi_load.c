/* Many DAHDI channels at once, or their ABCD bits, inside the machine of scripts/test-dahdi-vm.
 *
 *   dahdi_load audio PAIRS SECONDS BUFFERS PREFILL
 *   dahdi_load cas
 *
 * PAIRS of software E1 spans stand back to back: 1-31 against 32-62, 63-93 against 94-124 and so on. One media backend has the first span of each
 * pair, another the second; each runs in a thread of its own. audio: every channel sends an endless sequence and looks for that of its far
 * end; whatever falls out or comes between is a break. cas: every channel sets each of the 16 patterns, both ways, until its far end has it.
 * One JSON object at the end; status 1 when bits are wrong or time is not kept. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "offhook_drivers.h"

enum { MAX_PAIRS = 8, PER_SPAN = 30, MAX_CHANNELS = MAX_PAIRS * PER_SPAN, SEQUENCE = 16381, CLUE = 24, IDLE = 0xd5 };

static uint8_t sequence[2 * SEQUENCE]; /* twice, so that what wraps lies in one piece */

struct side {
    oh_dahdi *card;
    const oh_media_ops *ops;
    pthread_t thread;
    int channels;
    bool audio;
    atomic_bool stopped;
    uint8_t *rx, *tx, *valid;
    int sent[MAX_CHANNELS];     /* place in the sequence that comes next */
    int expected[MAX_CHANNELS]; /* the same, received; -1 = not found yet */
    uint64_t ticks, compared, breaks, marked;
    int stalls[3], worst_ms; /* ticks that came more than 40, 80, 160 ms after the one before */
};

static struct side sides[2];

static int64_t now_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void compare(struct side *s, int c, const uint8_t *block) {
    if (s->expected[c] >= 0 && memcmp(block, sequence + s->expected[c], OH_FRAME_SAMPLES) == 0) {
        s->expected[c] = (s->expected[c] + OH_FRAME_SAMPLES) % SEQUENCE;
        s->compared++;
        return;
    }
    s->breaks += s->expected[c] >= 0;
    const uint8_t *tail = block + OH_FRAME_SAMPLES - CLUE; /* where does the far end go on? */
    const uint8_t *found = memmem(sequence, sizeof sequence, tail, CLUE);
    s->expected[c] = found == NULL ? -1 : (int)((found - sequence) + CLUE) % SEQUENCE;
}

static void exchange(struct side *s) {
    for (int c = 0; c < s->channels; c++) {
        uint8_t *out = s->tx + (size_t)c * OH_FRAME_SAMPLES;
        if (!s->audio) {
            memset(out, IDLE, OH_FRAME_SAMPLES);
            continue;
        }
        memcpy(out, sequence + s->sent[c], OH_FRAME_SAMPLES);
        s->sent[c] = (s->sent[c] + OH_FRAME_SAMPLES) % SEQUENCE;
        if (s->valid[c] != OH_VALID_GOOD)
            s->marked++;
        if (s->valid[c] != OH_VALID_MISSING)
            compare(s, c, s->rx + (size_t)c * OH_FRAME_SAMPLES);
    }
}

static void *media(void *arg) {
    struct side *s = arg;
    uint64_t tick;
    for (int64_t last = now_ms(); !atomic_load(&s->stopped);) {
        if (s->ops->wait(s->card, 100) <= 0)
            continue;
        int gap = (int)(now_ms() - last);
        last += gap;
        for (int n = 0; n < 3; n++)
            s->stalls[n] += gap > 40 << n;
        s->worst_ms = gap > s->worst_ms ? gap : s->worst_ms;
        s->ops->rx(s->card, s->rx, s->valid, &tick);
        exchange(s);
        s->ops->tx(s->card, s->tx);
        s->ticks++;
    }
    return NULL;
}

static void begin(struct side *s, int which, int pairs, bool audio, int buffers, int prefill) {
    int numbers[MAX_CHANNELS];
    s->channels = pairs * PER_SPAN;
    s->audio = audio;
    for (int c = 0; c < s->channels; c++) {
        numbers[c] = 62 * (c / PER_SPAN) + 31 * which + 1 + c % PER_SPAN + (c % PER_SPAN >= 15);
        s->sent[c] = 67 * c % SEQUENCE;
        s->expected[c] = -1;
    }
    s->rx = malloc((size_t)s->channels * OH_FRAME_SAMPLES);
    s->tx = malloc((size_t)s->channels * OH_FRAME_SAMPLES);
    s->valid = malloc((size_t)s->channels);
    s->card = oh_dahdi_new(numbers, s->channels, PER_SPAN, buffers, prefill);
    if (s->card == NULL || s->rx == NULL || s->tx == NULL || s->valid == NULL) {
        perror("dahdi_load");
        exit(1);
    }
    s->ops = ((oh_media *)oh_dahdi_media(s->card))->ops;
    oh_media_info info;
    if (s->ops->open(s->card, &info)) {
        fprintf(stderr, "dahdi_load: %s\n", oh_dahdi_why(s->card));
        exit(1);
    }
    pthread_create(&s->thread, NULL, media, s);
}

static void end(struct side *s) {
    atomic_store(&s->stopped, true);
    pthread_join(s->thread, NULL);
    s->ops->close(s->card);
    oh_dahdi_free(s->card);
}

static double processor_s(void) {
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    return (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) + (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
}

static int audio(int pairs, int seconds, int buffers, int prefill) {
    for (int which = 0; which < 2; which++)
        begin(&sides[which], which, pairs, true, buffers, prefill);
    struct timespec settle = {.tv_sec = 2}, run = {.tv_sec = seconds};
    nanosleep(&settle, NULL); /* opening 480 channels takes a while */
    struct side before[2];
    oh_media_counters at_first[2], at_last[2];
    double used = processor_s();
    int64_t began = now_ms();
    for (int which = 0; which < 2; which++) {
        memcpy(&before[which], &sides[which], sizeof *before);
        sides[which].worst_ms = 0;
        sides[which].ops->counters(sides[which].card, &at_first[which]);
    }
    nanosleep(&run, NULL);
    double took = (double)(now_ms() - began) / 1000.0, worst = 1.0;
    used = processor_s() - used;
    printf("DAHDI {\"channels\": \"%d + %d\", \"buffers\": %d, \"prefill\": %d, \"seconds\": %.1f, \"processor\": %.3f", pairs * PER_SPAN,
           pairs * PER_SPAN, buffers, prefill, took, used / took);
    for (int which = 0; which < 2; which++) {
        struct side *s = &sides[which], *b = &before[which];
        oh_media_counters *first = &at_first[which], *last = &at_last[which];
        s->ops->counters(s->card, last);
        double share = (double)(s->ticks - b->ticks) * 0.02 / took;
        worst = share < worst ? share : worst;
        printf(", \"%s\": {\"real_time\": %.4f, \"blocks\": %llu, \"in_sequence\": %llu, \"breaks\": %llu, \"marked\": %llu, \"overruns\": "
               "%llu, "
               "\"underruns\": %llu, \"late\": %llu, \"stalls_over_40_80_160_ms\": [%d, %d, %d], \"worst_stall_ms\": %d}",
               which ? "far" : "near", share, (unsigned long long)(s->ticks - b->ticks) * (unsigned long long)s->channels,
               (unsigned long long)(s->compared - b->compared), (unsigned long long)(s->breaks - b->breaks),
               (unsigned long long)(s->marked - b->marked), (unsigned long long)(last->overrun - first->overrun),
               (unsigned long long)(last->underrun - first->underrun), (unsigned long long)(last->late - first->late),
               s->stalls[0] - b->stalls[0], s->stalls[1] - b->stalls[1], s->stalls[2] - b->stalls[2], s->worst_ms);
    }
    printf("}\n");
    for (int which = 0; which < 2; which++)
        end(&sides[which]);
    return worst < 0.9;
}

/* Does every channel of the other side have these bits? */
static bool arrived(struct side *s, uint8_t bits) {
    uint8_t abcd[MAX_CHANNELS];
    s->ops->rx_bits(s->card, abcd);
    for (int c = 0; c < s->channels; c++)
        if (abcd[c] != ((bits + c) & 15))
            return false;
    return true;
}

static int cas(void) {
    int wrong = 0, set = 0, slowest_ms = 0;
    for (int which = 0; which < 2; which++)
        begin(&sides[which], which, 1, false, 8, 4);
    struct timespec moment = {.tv_nsec = 2000000};
    for (uint8_t bits = 0; bits < 16; bits++)
        for (int from = 0; from < 2; from++) {
            struct side *s = &sides[from];
            int64_t began = now_ms();
            for (int c = 0; c < s->channels; c++, set++) /* neighbours differ, so that a nibble of theirs would be seen */
                wrong += s->ops->tx_bits(s->card, c, (uint8_t)((bits + c) & 15)) != 0;
            while (!arrived(&sides[!from], bits) && now_ms() - began < 5000)
                nanosleep(&moment, NULL);
            int took = (int)(now_ms() - began);
            slowest_ms = took > slowest_ms ? took : slowest_ms;
            wrong += !arrived(&sides[!from], bits);
        }
    printf("DAHDI {\"cas_channels\": \"30 + 30\", \"patterns_set\": %d, \"wrong\": %d, \"slowest_ms\": %d}\n", set, wrong, slowest_ms);
    for (int which = 0; which < 2; which++)
        end(&sides[which]);
    return wrong != 0;
}

int main(int argc, char **argv) {
    uint32_t noise = 7;
    for (int n = 0; n < SEQUENCE; n++) {
        noise = noise * 1664525u + 1013904223u;
        sequence[n] = sequence[n + SEQUENCE] = (uint8_t)(noise >> 24);
    }
    if (argc == 2 && strcmp(argv[1], "cas") == 0)
        return cas();
    if (argc == 6 && strcmp(argv[1], "audio") == 0 && atoi(argv[2]) >= 1 && atoi(argv[2]) <= MAX_PAIRS)
        return audio(atoi(argv[2]), atoi(argv[3]), atoi(argv[4]), atoi(argv[5]));
    fprintf(stderr, "usage: dahdi_load audio PAIRS SECONDS BUFFERS PREFILL | dahdi_load cas\n");
    return 2;
}
