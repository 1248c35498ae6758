/* The card: clock, hand-over of scripts, and the media plane's table. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "sim_voice.h"

#define TICK_NS     20000000
#define MAX_SPANS   32
#define DOWN        (OH_ALARM_RED | OH_ALARM_BLUE | OH_ALARM_LOS | OH_ALARM_LFA | OH_ALARM_LMFA)
#define SKIPPED_MAX 500 /* ticks that are played for nobody after a stall; beyond that only the count goes on */

/* Three copies: one the call plane writes, one the media thread follows, one between them. */
struct mailbox {
    oh_sim_script slot[3];
    _Atomic uint8_t between; /* which slot, and FRESH when nobody has taken it yet */
    uint8_t writing;         /* call plane only */
    uint8_t following;       /* media thread only */
};

#define FRESH 4

/* Errors that befall a whole span, and how many there were. */
struct errors {
    _Atomic int slip_every, crc4_every; /* ticks, 0 = none */
    _Atomic uint64_t slips, crc4;
    /* media thread only */
    int since_slip, since_crc4;
    bool behind; /* an octet has been repeated: each channel is one octet late until one is left out */
};

struct oh_sim {
    oh_media media;
    int channels, channels_per_span, spans;
    bool realtime;
    uint32_t capture_max;
    uint8_t *capture; /* channels x capture_max */
    struct mailbox *mailbox;
    struct sim_voice *voice;
    uint8_t *carry; /* last octet of each channel's block before, as it came */
    struct errors errors[MAX_SPANS];
    _Atomic uint32_t alarms[MAX_SPANS];
    _Atomic uint64_t tick; /* the one that comes next */
    /* media thread only */
    int64_t start_ns; /* when tick first would have been due; tick first + n is due n ticks later */
    uint64_t first;
    bool overrun; /* audio was lost before the next block */
    _Atomic uint64_t overruns, late, lost, slips;
    struct sim_library lib;
};

static int64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void count(_Atomic uint64_t *counter, uint64_t n) {
    atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + n, memory_order_relaxed); /* one writer */
}

/* -- media plane ---------------------------------------------------------------------------------------------------------- */

static int sim_open(void *media, oh_media_info *info) {
    oh_sim *sim = media;
    info->channels = sim->channels;
    info->law = OH_LAW_ALAW;
    info->layout = OH_LAYOUT_CHANNEL;
    info->realtime = sim->realtime;
    sim->first = atomic_load_explicit(&sim->tick, memory_order_relaxed);
    sim->start_ns = now_ns() + TICK_NS;
    sim->overrun = false;
    return 0;
}

static uint8_t channel_tick(oh_sim *sim, int channel, uint8_t *alaw) {
    struct mailbox *box = &sim->mailbox[channel];
    struct sim_voice *v = &sim->voice[channel];
    if (atomic_load_explicit(&box->between, memory_order_relaxed) & FRESH) {
        box->following = atomic_exchange_explicit(&box->between, box->following, memory_order_acq_rel) & 3;
        sim_voice_follow(v, &sim->lib, &box->slot[box->following]);
    }
    uint64_t slipped = 0;
    uint8_t valid = sim_voice_speak(v, &sim->lib, alaw, &slipped);
    if (slipped)
        count(&sim->slips, slipped);
    return valid;
}

/* A slow reader loses the oldest blocks, as with a card whose buffers are full. */
static void lose(oh_sim *sim, uint64_t ticks) {
    uint8_t nobody[OH_FRAME_SAMPLES];
    for (uint64_t t = 0; t < ticks && t < SKIPPED_MAX; t++)
        for (int c = 0; c < sim->channels; c++)
            channel_tick(sim, c, nobody);
    count(&sim->tick, ticks);
    count(&sim->overruns, ticks * (uint64_t)sim->channels);
    sim->overrun = true;
}

static int sim_wait(void *media, int timeout_ms) {
    oh_sim *sim = media;
    if (!sim->realtime)
        return 1;
    int64_t now = now_ns();
    const int64_t until = now + (int64_t)timeout_ms * 1000000;
    for (;;) {
        uint64_t next = atomic_load_explicit(&sim->tick, memory_order_relaxed);
        int64_t due = sim->start_ns + (int64_t)(next - sim->first) * TICK_NS;
        if (now >= due) {
            uint64_t ready = (uint64_t)((now - due) / TICK_NS) + 1;
            if (ready > 1)
                count(&sim->late, ready - 1);
            if (ready > OH_SIM_BACKLOG) {
                lose(sim, ready - OH_SIM_BACKLOG);
                ready = OH_SIM_BACKLOG;
            }
            return (int)ready;
        }
        if (now >= until)
            return 0;
        int64_t wake = due < until ? due : until;
        struct timespec t = {.tv_sec = (time_t)(wake / 1000000000), .tv_nsec = (long)(wake % 1000000000)};
        clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL); /* a signal only makes the loop look again */
        now = now_ns();
    }
}

/* Is an error of a kind due in this tick? */
static bool due(int *since, _Atomic int *every) {
    int ticks = atomic_load_explicit(every, memory_order_relaxed);
    *since = ticks == 0 ? 0 : *since + 1;
    if (ticks == 0 || *since < ticks)
        return false;
    *since = 0;
    return true;
}

/* A controlled slip: the receiver's frame store gives a frame twice, or leaves one out. */
static void slip_span(oh_sim *sim, struct errors *e, uint8_t *alaw, int first, int end) {
    if (due(&e->since_slip, &e->slip_every)) {
        e->behind = !e->behind;
        count(&e->slips, 1);
        count(&sim->slips, (uint64_t)(end - first));
    }
    for (int c = first; c < end; c++) {
        uint8_t *block = alaw + (size_t)c * OH_FRAME_SAMPLES, last = block[OH_FRAME_SAMPLES - 1];
        if (e->behind) {
            memmove(block + 1, block, OH_FRAME_SAMPLES - 1);
            block[0] = sim->carry[c];
        }
        sim->carry[c] = last;
    }
}

static void err_span(oh_sim *sim, struct errors *e, uint8_t *alaw, int first, int end) {
    slip_span(sim, e, alaw, first, end);
    if (due(&e->since_crc4, &e->crc4_every)) {
        uint64_t n =
            atomic_load_explicit(&e->crc4, memory_order_relaxed) * 2654435761u; /* somewhere else each time, and the same in every run */
        size_t at = (size_t)(n >> 8) % ((size_t)(end - first) * OH_FRAME_SAMPLES);
        alaw[(size_t)first * OH_FRAME_SAMPLES + at] ^= (uint8_t)(1u << (n & 7));
        count(&e->crc4, 1);
    }
}

static int sim_rx(void *media, void *audio, uint8_t *valid, uint64_t *tick) {
    oh_sim *sim = media;
    uint8_t *alaw = audio;
    uint64_t lost = 0;
    for (int span = 0; span < sim->spans; span++) {
        bool down = atomic_load_explicit(&sim->alarms[span], memory_order_relaxed) & DOWN;
        int end = (span + 1) * sim->channels_per_span;
        for (int c = span * sim->channels_per_span; c < end && c < sim->channels; c++) {
            uint8_t *block = alaw + (size_t)c * OH_FRAME_SAMPLES;
            valid[c] = channel_tick(sim, c, block);
            if (down) {
                memset(block, SIM_IDLE, OH_FRAME_SAMPLES);
                valid[c] = OH_VALID_MISSING;
            } else if (sim->overrun && valid[c] == OH_VALID_GOOD) {
                valid[c] = OH_VALID_OVERRUN;
            }
            lost += valid[c] == OH_VALID_MISSING;
        }
        if (!down)
            err_span(sim, &sim->errors[span], alaw, span * sim->channels_per_span, end < sim->channels ? end : sim->channels);
    }
    if (lost)
        count(&sim->lost, lost);
    sim->overrun = false;
    *tick = atomic_load_explicit(&sim->tick, memory_order_relaxed);
    atomic_store_explicit(&sim->tick, *tick + 1, memory_order_release);
    return 0;
}

static int sim_tx(void *media, const void *audio) {
    oh_sim *sim = media;
    const uint8_t *alaw = audio;
    uint64_t tick = atomic_load_explicit(&sim->tick, memory_order_relaxed) - 1; /* the one that rx gave */
    for (int c = 0; c < sim->channels; c++)
        sim_voice_listen(&sim->voice[c], &sim->lib, alaw + (size_t)c * OH_FRAME_SAMPLES, tick, sim->capture + (size_t)c * sim->capture_max,
                         sim->capture_max);
    return 0;
}

static int sim_alarms(void *media, int span, uint32_t *alarms) {
    oh_sim *sim = media;
    if (span < 0 || span >= sim->spans)
        return -EINVAL;
    *alarms = atomic_load_explicit(&sim->alarms[span], memory_order_relaxed);
    return 0;
}

static void sim_counters(void *media, oh_media_counters *out) {
    oh_sim *sim = media;
    memset(out, 0, sizeof *out);
    out->overrun = atomic_load_explicit(&sim->overruns, memory_order_relaxed);
    out->late = atomic_load_explicit(&sim->late, memory_order_relaxed);
    out->lost = atomic_load_explicit(&sim->lost, memory_order_relaxed);
    out->slip = atomic_load_explicit(&sim->slips, memory_order_relaxed);
}

static void sim_close(void *media) {
    (void)media; /* nothing is held between open and close */
}

static const oh_media_ops sim_ops = {
    .open = sim_open,
    .wait = sim_wait,
    .rx = sim_rx,
    .tx = sim_tx,
    .alarms = sim_alarms,
    .counters = sim_counters,
    .close = sim_close,
};

/* -- call plane ----------------------------------------------------------------------------------------------------------- */

oh_sim *oh_sim_new(int channels, int channels_per_span, int realtime, int capture_samples) {
    if (channels < 1 || channels > OH_SIM_MAX_CHANNELS || channels_per_span < 1 || capture_samples < 0 ||
        (channels - 1) / channels_per_span >= MAX_SPANS) {
        errno = EINVAL;
        return NULL;
    }
    oh_sim *sim = calloc(1, sizeof *sim);
    if (sim == NULL)
        return NULL;
    sim->channels = channels;
    sim->channels_per_span = channels_per_span;
    sim->spans = (channels - 1) / channels_per_span + 1;
    sim->realtime = realtime != 0;
    sim->capture_max = (uint32_t)capture_samples;
    size_t room = (size_t)channels * sim->capture_max + 1;
    sim->capture = malloc(room);
    sim->mailbox = calloc((size_t)channels, sizeof *sim->mailbox);
    sim->voice = calloc((size_t)channels, sizeof *sim->voice);
    sim->carry = calloc((size_t)channels, 1);
    if (sim->carry == NULL || sim->capture == NULL || sim->mailbox == NULL || sim->voice == NULL) {
        oh_sim_free(sim);
        errno = ENOMEM;
        return NULL;
    }
    memset(sim->capture, SIM_IDLE, room); /* touched now, so that no tick meets a page fault */
    sim_library_init(&sim->lib);
    for (int c = 0; c < channels; c++) {
        struct mailbox *box = &sim->mailbox[c];
        box->writing = 0;
        box->following = 1;
        atomic_init(&box->between, 2);
        box->slot[1].loop_from = 255;
        sim_voice_init(&sim->voice[c], &box->slot[1]);
    }
    sim->media = (oh_media){.ops = &sim_ops, .media = sim};
    return sim;
}

void oh_sim_free(oh_sim *sim) {
    if (sim == NULL)
        return;
    for (int i = 0; i < sim->lib.clips; i++)
        free(sim->lib.clip[i].alaw);
    for (int i = 0; i <= OH_SIM_BABBLE; i++)
        free(sim->lib.noise[i]);
    free(sim->carry);
    free(sim->voice);
    free(sim->mailbox);
    free(sim->capture);
    free(sim);
}

uintptr_t oh_sim_media(oh_sim *sim) {
    return (uintptr_t)&sim->media;
}

int oh_sim_clip_add(oh_sim *sim, const int16_t *samples, int n) {
    if (samples == NULL || n < 1)
        return -EINVAL;
    if (sim->lib.clips == OH_SIM_CLIPS)
        return -ENOSPC;
    uint8_t *alaw = malloc((size_t)n);
    if (alaw == NULL)
        return -ENOMEM;
    for (int i = 0; i < n; i++)
        alaw[i] = sim->lib.encode[(uint16_t)samples[i]];
    sim->lib.clip[sim->lib.clips] = (struct sim_clip){.alaw = alaw, .samples = (uint32_t)n};
    return sim->lib.clips++;
}

int oh_sim_noise_set(oh_sim *sim, int noise, const int16_t *samples) {
    if (noise <= OH_SIM_NO_NOISE || noise > OH_SIM_BABBLE || samples == NULL)
        return -EINVAL;
    float *table = sim->lib.noise[noise];
    if (table == NULL)
        table = sim->lib.noise[noise] = malloc(OH_SIM_NOISE_SAMPLES * sizeof *table);
    if (table == NULL)
        return -ENOMEM;
    for (int i = 0; i < OH_SIM_NOISE_SAMPLES; i++)
        table[i] = samples[i];
    return 0;
}

int oh_sim_plan_known(const char *plan) {
    return oh_plan_find(plan) != NULL;
}

static void fill_segment(oh_sim_step *step, const oh_segment *segment, float peak) {
    memset(step, 0, sizeof *step);
    step->samples = (uint32_t)segment->duration_ms * (OH_SAMPLE_RATE / 1000);
    int sines = 0;
    for (int k = 0; k < 4; k++) {
        step->hz[k] = (float)segment->hz[k];
        sines += segment->hz[k] > 0;
    }
    if (sines == 0)
        return;
    step->kind = OH_SIM_TONE;
    step->gain = peak / sqrtf((float)sines);
    step->am_hz = (float)segment->am_hz;
    step->am_depth = segment->am_hz ? 0.85f : 0;
}

int oh_sim_plan_tone(const char *plan, const char *tone, float peak, oh_sim_step *steps, int max, int *loop_from) {
    const oh_tone_plan *p = oh_plan_find(plan);
    for (int i = 0; p != NULL && i < p->count; i++) {
        const oh_tone_spec *spec = &p->tones[i];
        const char *name = oh_tone_name(spec->tone);
        if (name == NULL || strcmp(name, tone) != 0)
            continue;
        int n = spec->once + spec->loop;
        if (n > max)
            return -ENOSPC;
        for (int k = 0; k < n; k++)
            fill_segment(&steps[k], &spec->segments[k], peak);
        *loop_from = spec->loop ? spec->once : 255;
        return n;
    }
    return -ENOENT;
}

static bool bursts_good(const oh_sim_bursts *b) {
    return b->rate >= 0 && b->rate < 1;
}

static int script_check(const oh_sim *sim, const oh_sim_script *s) {
    const oh_sim_line *line = &s->line;
    if (s->steps > OH_SIM_STEPS || (s->loop_from != 255 && s->loop_from >= s->steps) || line->noise > OH_SIM_BABBLE)
        return -EINVAL;
    if (line->echo_delay > OH_SIM_ECHO_MAX_MS * (OH_SAMPLE_RATE / 1000) || line->slip > OH_FRAME_SAMPLES || line->slip < -OH_FRAME_SAMPLES)
        return -EINVAL;
    if (!bursts_good(&line->lost) || !bursts_good(&line->repeated) || !bursts_good(&line->dropped))
        return -EINVAL;
    for (int i = 0; i < s->steps; i++)
        if (s->step[i].kind > OH_SIM_CLIP || (s->step[i].kind == OH_SIM_CLIP && s->step[i].clip >= sim->lib.clips))
            return -EINVAL;
    return 0;
}

int oh_sim_script_set(oh_sim *sim, int channel, const oh_sim_script *script) {
    if (channel < 0 || channel >= sim->channels || script == NULL)
        return -EINVAL;
    int bad = script_check(sim, script);
    if (bad)
        return bad;
    struct mailbox *box = &sim->mailbox[channel];
    box->slot[box->writing] = *script;
    box->writing = atomic_exchange_explicit(&box->between, box->writing | FRESH, memory_order_acq_rel) & 3;
    return 0;
}

int oh_sim_heard_get(const oh_sim *sim, int channel, oh_sim_heard *out) {
    if (channel < 0 || channel >= sim->channels)
        return -EINVAL;
    const struct sim_heard *h = &sim->voice[channel].heard;
    memset(out, 0, sizeof *out);
    out->call = atomic_load_explicit(&h->call, memory_order_acquire);
    out->voice_ticks = atomic_load_explicit(&h->voice_ticks, memory_order_acquire);
    out->first_voice_tick = atomic_load_explicit(&h->first_voice_tick, memory_order_relaxed);
    out->last_voice_tick = atomic_load_explicit(&h->last_voice_tick, memory_order_relaxed);
    out->captured = atomic_load_explicit(&h->captured, memory_order_acquire);
    double power = (double)atomic_load_explicit(&h->loudest, memory_order_relaxed) / OH_FRAME_SAMPLES;
    out->level_cdbm0 = power < 1 ? -9000 : (int32_t)lround(1000 * log10(power) - 8416); /* 8416 = 2000 log10 of RMS 16141 */
    return 0;
}

int oh_sim_captured(const oh_sim *sim, int channel, uint32_t call, uint8_t *out, int max) {
    if (channel < 0 || channel >= sim->channels || max < 0)
        return -EINVAL;
    const struct sim_heard *h = &sim->voice[channel].heard;
    if (atomic_load_explicit(&h->call, memory_order_acquire) != call)
        return 0;
    uint32_t have = atomic_load_explicit(&h->captured, memory_order_acquire);
    int n = have < (uint32_t)max ? (int)have : max;
    memcpy(out, sim->capture + (size_t)channel * sim->capture_max, (size_t)n);
    return n;
}

int oh_sim_alarm_set(oh_sim *sim, int span, uint32_t alarms) {
    if (span < 0 || span >= sim->spans)
        return -EINVAL;
    atomic_store_explicit(&sim->alarms[span], alarms, memory_order_relaxed);
    return 0;
}

int oh_sim_errors_set(oh_sim *sim, int span, int slip_every, int crc4_every) {
    if (span < 0 || span >= sim->spans || slip_every < 0 || crc4_every < 0)
        return -EINVAL;
    atomic_store_explicit(&sim->errors[span].slip_every, slip_every, memory_order_relaxed);
    atomic_store_explicit(&sim->errors[span].crc4_every, crc4_every, memory_order_relaxed);
    return 0;
}

int oh_sim_errors_get(const oh_sim *sim, int span, uint64_t *slips, uint64_t *crc4) {
    if (span < 0 || span >= sim->spans || slips == NULL || crc4 == NULL)
        return -EINVAL;
    *slips = atomic_load_explicit(&sim->errors[span].slips, memory_order_relaxed);
    *crc4 = atomic_load_explicit(&sim->errors[span].crc4, memory_order_relaxed);
    return 0;
}

uint64_t oh_sim_now(const oh_sim *sim) {
    return atomic_load_explicit(&sim->tick, memory_order_acquire);
}
