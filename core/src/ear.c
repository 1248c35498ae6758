/* The ear: keeps the audio of all channels in groups of sixteen lanes, runs the vector kernel over each group and the detectors over
 * each armed lane. See lane.h for what a detector is handed and kernels.h for the spectrum.
 *
 * Audio lies lane by lane (a row of sixteen samples per instant) in the law it came in, seven frames in a ring: the kernel needs the
 * last 336 samples, the closer looks up to 1024. */
#include "ear.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "announce.h"
#include "answer.h"
#include "lane.h"

enum { ROWS = OH_RING_FRAMES * OH_FRAME_SAMPLES, CLIP_FRAMES = 4 /* clipping is looked for in every fourth frame */ };

enum {
    TRACKERS = OH_DETECT_TONES | OH_DETECT_SIT | OH_DETECT_FAX | OH_DETECT_BEEP | OH_DETECT_COT,
    REGISTER = OH_DETECT_R2_FWD | OH_DETECT_R2_BWD,
    NEVER = 1 << 30 /* samples; who is woken for nothing lies down again */
};

struct group {
    struct oh_watch watch;
    uint32_t busy, tracking;                           /* lanes on which a detector is in the middle of something */
    uint32_t trackers, dtmf, tty, speech, music, line; /* lanes on which these are armed */
};

/* Octets of a line of the cache; lines of a lane that every hop touches which follows a tone; groups that no longer fit the second cache. */
enum { LINE = 64, HOT = 6, MANY = 64, AHEAD = OH_LANES * (1 + HOT) + sizeof(struct group) / LINE };

struct oh_ear {
    int channels, groups, law, layout;
    size_t sample_bytes;
    uint64_t frames;
    oh_kernel_fn *kernel;
    oh_transpose_fn *transpose;
    oh_watch_fn *watch;
    uint8_t *audio;        /* groups x ROWS x 16 samples */
    struct oh_lane *lanes; /* groups x 16 */
    struct group *watched;
    struct oh_spectrum spectra[2];
    struct oh_answers answers;
    struct oh_announcer *announcer; /* belongs to the core, NULL before the first library */
};

static size_t group_bytes(const struct oh_ear *ear) {
    return (size_t)ROWS * OH_LANES * ear->sample_bytes;
}

static int idle_code(int law) {
    return law == OH_LAW_ALAW ? 0xd5 : law == OH_LAW_ULAW ? 0xff : 0;
}

static uint8_t *frame_rows(const struct oh_ear *ear, int group, uint64_t frame) {
    size_t slot = (size_t)(frame % OH_RING_FRAMES);
    return ear->audio + (size_t)group * group_bytes(ear) + slot * OH_FRAME_SAMPLES * OH_LANES * ear->sample_bytes;
}

/* Memory for all channels, in large pages where there are any: thousands of channels are more than the processor's page table cache. */
static void *room(size_t bytes) {
    const size_t large = (size_t)2 << 20, align = bytes < large ? 64 : large;
    bytes = (bytes + align - 1) / align * align;
    void *at = aligned_alloc(align, bytes);
#ifdef MADV_HUGEPAGE
    if (at && align == large)
        (void)madvise(at, bytes, MADV_HUGEPAGE); /* a wish */
#endif
    return at;
}

struct oh_ear *oh_ear_new(int channels, int law, int layout) {
    if (channels < 1 || channels > OH_MAX_CHANNELS || law < OH_LAW_ALAW || law > OH_LAW_LINEAR || layout < OH_LAYOUT_CHANNEL ||
        layout > OH_LAYOUT_TIMESLOT) {
        errno = EINVAL;
        return NULL;
    }
    oh_kernel_init();
    oh_track_init();
    struct oh_ear *ear = aligned_alloc(64, (sizeof *ear + 63) / 64 * 64);
    if (!ear)
        return NULL;
    memset(ear, 0, sizeof *ear);
    ear->channels = channels;
    ear->groups = (channels + OH_LANES - 1) / OH_LANES;
    ear->law = law;
    ear->layout = layout;
    ear->sample_bytes = law == OH_LAW_LINEAR ? 2 : 1;
    ear->kernel = oh_kernel_chosen();
    ear->transpose = oh_transpose_chosen();
    ear->watch = oh_watch_chosen();
    size_t bytes = (size_t)ear->groups * group_bytes(ear);
    size_t lanes = (size_t)ear->groups * OH_LANES * sizeof *ear->lanes, watched = (size_t)ear->groups * sizeof *ear->watched;
    ear->audio = room(bytes);
    ear->lanes = room(lanes);
    ear->watched = room(watched);
    if (ear->lanes)
        memset(ear->lanes, 0, lanes);
    if (ear->watched)
        memset(ear->watched, 0, watched);
    if (!ear->audio || !ear->lanes || !ear->watched || oh_answers_init(&ear->answers, ear->groups)) {
        oh_ear_free(ear);
        errno = ENOMEM;
        return NULL;
    }
    memset(ear->audio, idle_code(law), bytes);
    for (int channel = 0; channel < channels; channel++)
        oh_ear_reset(ear, channel, NULL, OH_PROFILE_OFF);
    return ear;
}

void oh_ear_free(struct oh_ear *ear) {
    if (!ear)
        return;
    oh_answers_free(&ear->answers);
    free(ear->audio);
    free(ear->lanes);
    free(ear->watched);
    free(ear);
}

size_t oh_ear_bytes_per_channel(const struct oh_ear *ear) {
    return sizeof(struct oh_lane) + (group_bytes(ear) + sizeof(struct group) + sizeof(struct oh_answer_group)) / OH_LANES +
           (sizeof *ear + (size_t)ear->channels - 1) / (size_t)ear->channels;
}

static void write_idle(struct oh_ear *ear, uint8_t *rows, int lane, int n) {
    uint8_t code = (uint8_t)idle_code(ear->law);
    uint8_t *sample = rows + (size_t)lane * ear->sample_bytes;
    for (int i = 0; i < n; i++, sample += OH_LANES * ear->sample_bytes)
        sample[0] = sample[ear->sample_bytes - 1] = code;
}

static void forget_audio(struct oh_ear *ear, int channel) {
    write_idle(ear, ear->audio + (size_t)(channel / OH_LANES) * group_bytes(ear), channel % OH_LANES, ROWS);
}

/* Rows of one number per lane: forget those of one lane. */
static void clear(void *rows, size_t bytes, int lane) {
    int32_t *at = rows;
    for (size_t i = 0; i < bytes / sizeof *at; i += OH_LANES)
        at[i + (size_t)lane] = 0;
}

/* These are armed from now on; they are to look at the next hop, whatever it holds. */
static void rouse(struct oh_ear *ear, int channel, uint32_t detectors) {
    struct group *group = &ear->watched[channel / OH_LANES];
    uint32_t bit = 1u << channel % OH_LANES;
    const struct {
        uint32_t *lanes, of;
    } sets[] = {
        {&group->trackers, TRACKERS},     {&group->dtmf, OH_DETECT_DTMF}, {&group->tty, OH_DETECT_TTY}, {&group->speech, OH_DETECT_SPEECH},
        {&group->music, OH_DETECT_MUSIC}, {&group->line, OH_DETECT_LINE}, {&group->busy, ~0u},          {&group->tracking, ~0u}};
    for (size_t i = 0; i < sizeof sets / sizeof *sets; i++)
        *sets[i].lanes = (*sets[i].lanes & ~bit) | (detectors & sets[i].of ? bit : 0);
}

void oh_ear_reset(struct oh_ear *ear, int channel, const oh_tone_plan *plan, uint32_t detectors) {
    struct oh_lane *lane = &ear->lanes[channel];
    memset(lane, 0, sizeof *lane);
    lane->plan = plan;
    lane->armed = detectors;
    lane->channel = (uint16_t)channel;
    struct oh_watch *watch = &ear->watched[channel / OH_LANES].watch;
    int index = channel % OH_LANES;
    watch->t[index] = watch->hold[index] = watch->wake[index] = watch->past_n[index] = 0;
    clear(&watch->speech, sizeof watch->speech, index);
    clear(&watch->music, sizeof watch->music, index);
    clear(&watch->line, sizeof watch->line, index);
    rouse(ear, channel, detectors);
    oh_answers_reset(&ear->answers, channel);
    if (ear->announcer)
        oh_announcer_reset(ear->announcer, channel);
    forget_audio(ear, channel);
}

void oh_ear_arm(struct oh_ear *ear, int channel, uint32_t detectors) {
    struct oh_lane *lane = &ear->lanes[channel];
    struct oh_watch *watch = &ear->watched[channel / OH_LANES].watch;
    int index = channel % OH_LANES;
    rouse(ear, channel, detectors);
    if (!lane->armed)
        forget_audio(ear, channel); /* a group without armed lanes is not fed */
    uint32_t fresh = detectors & ~lane->armed;
    if (!(lane->armed & TRACKERS)) {
        memset(&lane->track, 0, sizeof lane->track);
        watch->past_n[index] = 0;
    }
    if (fresh & OH_DETECT_TONES)
        memset(&lane->cadence, 0, sizeof lane->cadence);
    if (fresh & OH_DETECT_SIT)
        memset(&lane->sit, 0, sizeof lane->sit);
    if (fresh & OH_DETECT_DTMF)
        memset(&lane->dtmf, 0, sizeof lane->dtmf);
    if (fresh & OH_DETECT_FAX)
        memset(&lane->fax, 0, sizeof lane->fax);
    if (fresh & OH_DETECT_BEEP)
        memset(&lane->beep, 0, sizeof lane->beep);
    if (fresh & OH_DETECT_SPEECH)
        clear(&watch->speech, sizeof watch->speech, index);
    if (fresh & OH_DETECT_MUSIC) {
        memset(&lane->music, 0, sizeof lane->music);
        clear(&watch->music, sizeof watch->music, index);
    }
    if (fresh & OH_DETECT_LINE) {
        memset(&lane->line, 0, sizeof lane->line);
        clear(&watch->line, sizeof watch->line, index);
    }
    if (fresh & OH_DETECT_R2_FWD)
        memset(&lane->r2[0], 0, sizeof lane->r2[0]);
    if (fresh & OH_DETECT_R2_BWD)
        memset(&lane->r2[1], 0, sizeof lane->r2[1]);
    if (fresh & OH_DETECT_TTY)
        memset(&lane->tty, 0, sizeof lane->tty);
    if ((fresh & OH_DETECT_ANNOUNCE) && ear->announcer)
        oh_announcer_reset(ear->announcer, channel);
    if (fresh & OH_DETECT_COT)
        memset(&lane->cot, 0, sizeof lane->cot);
    lane->armed = detectors;
}

void oh_ear_answered(struct oh_ear *ear, int channel, struct oh_sink *sink) {
    struct oh_lane *lane = &ear->lanes[channel];
    lane->answered = true;
    lane->answered_at = (uint32_t)lane->now;
    oh_cadence_answered(&(struct oh_ear_call){.lane = lane, .sink = sink});
}

void oh_ear_library(struct oh_ear *ear, struct oh_announcer *announcer, const struct oh_library *library) {
    ear->announcer = announcer;
    oh_announcer_use(announcer, library);
}

struct oh_answers *oh_ear_answers(struct oh_ear *ear) {
    return &ear->answers;
}

uint64_t oh_ear_now(const struct oh_ear *ear, int channel) {
    return ear->lanes[channel].now;
}

void oh_ear_raise(const struct oh_ear_call *call, oh_event *event, uint32_t onset) {
    const struct oh_lane *lane = call->lane;
    event->channel = lane->channel;
    event->at_sample = event->at_sample ? event->at_sample : lane->now;
    uint64_t ago = (uint32_t)((uint32_t)lane->now - onset);
    event->onset_sample = ago < lane->now ? lane->now - ago : 0;
    oh_answer_heard(call->lane, event, onset);
    call->sink->raise(call->sink->owner, event);
}

oh_event oh_ear_event(int kind, int tone, const struct oh_seg *seg) {
    oh_event e = {.kind = (uint8_t)kind, .tone = (uint8_t)tone, .row = 255, .confidence = 100};
    if (seg) {
        e.level_cdbm0 = seg->level_cdbm0;
        e.freq_dhz[0] = seg->dhz[0];
        e.freq_dhz[1] = seg->dhz[1];
    }
    return e;
}

uint8_t oh_plan_row(const oh_tone_plan *plan, int tone) {
    for (int i = 0; plan && i < plan->count && i < 255; i++)
        if (plan->tones[i].tone == tone)
            return (uint8_t)i;
    return 255;
}

void oh_ring_read(const struct oh_ring *ring, int n, float *out) {
    const float *table = ring->law == OH_LAW_ALAW ? oh_kernel_tables.alaw : oh_kernel_tables.ulaw;
    int row = ring->next - n;
    row += row < 0 ? ROWS : 0;
    while (n > 0) { /* at most twice: up to the end of the ring, and from its beginning */
        int piece = ROWS - row < n ? ROWS - row : n;
        size_t at = (size_t)row * OH_LANES + (size_t)ring->lane;
        if (ring->law == OH_LAW_LINEAR)
            for (int i = 0; i < piece; i++)
                out[i] = ((const int16_t *)ring->rows)[at + (size_t)i * OH_LANES];
        else
            for (int i = 0; i < piece; i++)
                out[i] = table[((const uint8_t *)ring->rows)[at + (size_t)i * OH_LANES]];
        out += piece;
        n -= piece;
        row = 0;
    }
}

/* Bring a frame of one group into rows of sixteen lanes. */
static void gather(struct oh_ear *ear, int group, const uint8_t *rx, uint8_t *rows) {
    int first = group * OH_LANES;
    int lanes = ear->channels - first < OH_LANES ? ear->channels - first : OH_LANES;
    size_t bytes = ear->sample_bytes;
    if (ear->layout == OH_LAYOUT_TIMESLOT) {
        for (int i = 0; i < OH_FRAME_SAMPLES; i++)
            memcpy(rows + (size_t)i * OH_LANES * bytes, rx + ((size_t)i * (size_t)ear->channels + (size_t)first) * bytes,
                   (size_t)lanes * bytes);
    } else {
        size_t channel = OH_FRAME_SAMPLES * bytes;
        const uint8_t *from = rx + (size_t)first * channel;
        uint8_t whole[OH_LANES * OH_FRAME_SAMPLES * 2];
        if (lanes < OH_LANES) {
            memset(whole, idle_code(ear->law), OH_LANES * channel);
            from = memcpy(whole, from, (size_t)lanes * channel);
        }
        ear->transpose(from, channel, rows, (int)bytes);
    }
}

/* Samples at the limit of the law, lane by lane. */
static void count_clipped(const struct oh_ear *ear, const uint8_t *rows, int clipped[OH_LANES]) {
    if (ear->law == OH_LAW_LINEAR) {
        const int16_t *s = (const int16_t *)(const void *)rows;
        for (int i = 0; i < OH_FRAME_SAMPLES; i++)
            for (int lane = 0; lane < OH_LANES; lane++)
                clipped[lane] += s[i * OH_LANES + lane] > 32100 || s[i * OH_LANES + lane] < -32100;
        return;
    }
    uint8_t top[OH_LANES] = {0};
    uint8_t flip = ear->law == OH_LAW_ALAW ? 0x55 : 0xff;
    for (int i = 0; i < OH_FRAME_SAMPLES; i++)
        for (int lane = 0; lane < OH_LANES; lane++)
            top[lane] = (uint8_t)(top[lane] + (((rows[i * OH_LANES + lane] ^ flip) & 0x7f) == 0x7f));
    for (int lane = 0; lane < OH_LANES; lane++)
        clipped[lane] = top[lane];
}

static void raise_lost(struct oh_ear_call *call) {
    struct oh_lane *lane = call->lane;
    uint32_t start = (uint32_t)lane->now - OH_FRAME_SAMPLES;
    oh_event e = {.kind = OH_EVENT_LOST, .row = 255, .confidence = 100, .value = (start - lane->lost_since) / OH_MS};
    lane->lost = false;
    oh_ear_raise(call, &e, lane->lost_since);
}

/* A frame that is not good, or the first good one after lost ones. */
static void mind_loss(struct oh_lane *lane, int32_t *hold, int valid, struct oh_sink *sink) {
    uint32_t end = (uint32_t)lane->now;
    if (valid != OH_VALID_GOOD) {
        /* windows that reach into this frame are not to be trusted, nor (after a jump) those that reach across it */
        lane->hold_until = end + (valid == OH_VALID_OVERRUN ? 0 : OH_WINDOW) + (valid == OH_VALID_OVERRUN ? OH_HISTORY - OH_HOP : 0);
        *hold = (int32_t)lane->hold_until;
        if (valid == OH_VALID_OVERRUN)
            oh_track_jump(&lane->track);
        if (valid == OH_VALID_MISSING && !lane->lost) {
            lane->lost = true;
            lane->lost_since = end - OH_FRAME_SAMPLES;
        }
    }
    struct oh_ear_call call = {.lane = lane, .sink = sink};
    if (lane->lost && valid != OH_VALID_MISSING)
        raise_lost(&call);
}

/* Fax and modem answer tones, with what the detector allows. */
static bool like_modem(const struct oh_seg *s) {
    return s->dhz[1] == 0 && ((s->dhz[0] >= 10500 && s->dhz[0] <= 11500) || (s->dhz[0] >= 20500 && s->dhz[0] <= 22600));
}

static bool like_continuity(const struct oh_seg *s) {
    return s->dhz[1] == 0 && s->dhz[0] >= 19700 && s->dhz[0] <= 20400;
}

/* The detectors that share the tracker. Each is called only when its own first lines would not send it away. */
static void hear_tones(struct oh_ear_call *call, struct oh_seg *ended, uint32_t armed, bool data) {
    struct oh_lane *lane = call->lane;
    const struct oh_track *k = &lane->track;
    int saw = call->track = oh_track_hop(&lane->track, call->hop, &call->ring, ended);
    call->ended = ended;
    if (armed & OH_DETECT_SIT && (saw || lane->sit.said || (lane->sit.step && k->on)))
        oh_sit_hop(call);
    if (armed & OH_DETECT_FAX && (saw || data || lane->fax.said || lane->fax.v21 || (k->on && like_modem(&k->seg))))
        oh_fax_hop(call);
    if (armed & OH_DETECT_COT && (lane->cot.said || saw & OH_TRACK_END || (k->on && like_continuity(&k->seg))))
        oh_cot_hop(call);
    if (armed & OH_DETECT_TONES && (saw || !lane->cadence.timed || (int32_t)(call->hop->t - lane->cadence.due) >= 0))
        oh_cadence_hop(call);
    if (armed & OH_DETECT_BEEP && (saw || lane->beep.pending || lane->beep.waits))
        oh_beep_hop(call);
}

/* Every hop counts: a detector that does not share the tracker, or one that does, is in the middle of something. */
static bool is_busy(const struct oh_lane *lane) {
    uint32_t armed = lane->armed;
    return armed & REGISTER || ((armed & OH_DETECT_TTY) && (lane->tty.idle < 255 || lane->tty.on)) ||
           ((armed & OH_DETECT_DTMF) && (lane->dtmf.key || lane->dtmf.cand));
}

static bool is_tracking(const struct oh_lane *lane) {
    uint32_t armed = lane->armed;
    return (armed & TRACKERS) && (lane->track.on || lane->track.tries || lane->sit.said || lane->fax.said || lane->fax.v21 ||
                                  lane->beep.pending || lane->beep.waits || lane->cot.said);
}

/* When the cadence wants to look again. */
static uint32_t next_look(const struct oh_lane *lane, uint32_t t) {
    const struct oh_cadence *c = &lane->cadence;
    if (!(lane->armed & OH_DETECT_TONES) || (!c->count && !c->reported))
        return t + NEVER;
    return c->timed ? c->due : t + OH_HOP;
}

/* One hop of one lane in which there is something to hear. */
static void hear(struct oh_ear_call *call, struct group *group, const struct oh_seen *seen) {
    struct oh_lane *lane = call->lane;
    const struct oh_hop *h = call->hop;
    uint32_t armed = lane->armed, bit = 1u << h->lane;
    struct oh_seg ended;
    if (armed & TRACKERS && bit & (seen->held | seen->wake | seen->tonal | seen->data | group->tracking)) {
        hear_tones(call, &ended, armed, bit & seen->data);
        group->tracking = (group->tracking & ~bit) | (is_tracking(lane) ? bit : 0);
    }
    if (armed & OH_DETECT_DTMF && (lane->dtmf.key || lane->dtmf.cand || bit & (seen->key | seen->held)))
        oh_dtmf_hop(call);
    if (armed & OH_DETECT_SPEECH) {
        if (bit & seen->speech)
            oh_speech_begin(call);
        if (bit & seen->pause)
            oh_speech_end(call);
        if (bit & seen->silence)
            oh_speech_silence(call);
    }
    if (armed & OH_DETECT_MUSIC && bit & seen->music)
        oh_music_window(call);
    if (armed & OH_DETECT_R2_FWD)
        oh_r2_hop(call, false);
    if (armed & OH_DETECT_R2_BWD)
        oh_r2_hop(call, true);
    if (armed & OH_DETECT_TTY && (lane->tty.idle < 255 || lane->tty.on || bit & seen->data))
        oh_tty_hop(call);
    if (armed & OH_DETECT_LINE) {
        if (bit & seen->one_way)
            oh_line_one_way(call);
        if (bit & seen->line)
            oh_line_second(call);
    }
    group->busy = (group->busy & ~bit) | (is_busy(lane) ? bit : 0);
    group->watch.wake[h->lane] = (int32_t)next_look(lane, h->t);
}

/* Lanes of a group in which a detector that is armed has to look at this hop. */
static uint32_t due(const struct group *g, const struct oh_seen *s) {
    return g->busy | (g->trackers & (g->tracking | s->held | s->tonal | s->data | s->wake)) | (g->dtmf & (s->key | s->held)) |
           (g->tty & s->data) | (g->speech & (s->speech | s->pause | s->silence)) | (g->music & s->music) |
           (g->line & (s->one_way | s->line));
}

/* With thousands of channels nothing is in the cache any more: what the next group will read is brought nearer while this one is worked
 * on, a little at a time, for the processor waits on but a dozen such lines at once. The kernel does it with the frames; here are the lines
 * of the state, in the order in which they will be wanted. Returns how many. */
static int list_state(const struct oh_ear *ear, int number, const void *ahead[AHEAD]) {
    const struct group *group = &ear->watched[number];
    const struct oh_lane *lanes = &ear->lanes[number * OH_LANES];
    int n = 0;
    for (int i = 0; i < OH_LANES; i++)
        ahead[n++] = &lanes[i];
    for (size_t at = 0; at < sizeof *group; at += LINE)
        ahead[n++] = (const uint8_t *)group + at;
    for (uint32_t rest = group->tracking; rest; rest &= rest - 1)
        for (size_t i = 1; i <= HOT; i++)
            ahead[n++] = (const uint8_t *)&lanes[__builtin_ctz(rest)] + i * LINE;
    return n;
}

void oh_ear_frame(struct oh_ear *ear, const void *rx, const uint8_t *valid, struct oh_sink *sink) {
    for (int number = 0; number < ear->groups; number++) {
        int first = number * OH_LANES;
        int lanes = ear->channels - first < OH_LANES ? ear->channels - first : OH_LANES;
        struct oh_lane *lane = &ear->lanes[first];
        struct group *group = &ear->watched[number];
        uint32_t armed = 0;
        for (int i = 0; i < lanes; i++) {
            lane[i].now += OH_FRAME_SAMPLES;
            armed |= lane[i].armed;
        }
        if (!armed) {
            for (int i = 0; i < lanes; i++)
                group->watch.t[i] += OH_FRAME_SAMPLES;
            continue;
        }
        const void *ahead[AHEAD];
        int left = ear->groups > MANY && number + 1 < ear->groups ? list_state(ear, number + 1, ahead) : 0, done = 0;
        uint8_t *rows = frame_rows(ear, number, ear->frames);
        gather(ear, number, rx, rows);
        bool counted = armed & OH_DETECT_LINE && ear->frames % CLIP_FRAMES == 0;
        for (int i = 0; i < lanes; i++) {
            int state = valid ? valid[first + i] : OH_VALID_GOOD;
            if (state == OH_VALID_MISSING)
                write_idle(ear, rows, i, OH_FRAME_SAMPLES);
            if (lane[i].armed && (state != OH_VALID_GOOD || lane[i].lost))
                mind_loss(&lane[i], &group->watch.hold[i], state, sink);
        }
        if (counted) {
            int clipped[OH_LANES] = {0};
            count_clipped(ear, rows, clipped);
            for (int i = 0; i < lanes; i++)
                group->watch.line.clipped_frames[i] += clipped[i] >= 4 && (!valid || valid[first + i] == OH_VALID_GOOD);
        }
        uint8_t *older = frame_rows(ear, number, ear->frames + OH_RING_FRAMES - 2);
        struct oh_kernel_in in = {.law = ear->law, .now = rows};
        in.older = older + (size_t)(2 * OH_FRAME_SAMPLES - OH_HISTORY) * OH_LANES * ear->sample_bytes;
        in.old = frame_rows(ear, number, ear->frames + OH_RING_FRAMES - 1);
        if (left) {
            size_t frame = (size_t)OH_FRAME_SAMPLES * OH_LANES * ear->sample_bytes;
            in.ahead[0] = ear->layout == OH_LAYOUT_CHANNEL && (number + 2) * OH_LANES <= ear->channels
                              ? (const uint8_t *)rx + (size_t)(number + 1) * frame
                              : rx;
            in.ahead[1] = frame_rows(ear, number + 1, ear->frames + OH_RING_FRAMES - 1);
            in.ahead[2] = frame_rows(ear, number + 1, ear->frames);
        }
        ear->kernel(&in, ear->spectra);
        const uint8_t *all = frame_rows(ear, number, 0);
        for (int hop = 0; hop < 2; hop++) {
            struct oh_seen seen;
            int newest = (int)(ear->frames % OH_RING_FRAMES) * OH_FRAME_SAMPLES + (hop + 1) * OH_HOP;
            ear->watch(&ear->spectra[hop], &group->watch, &seen);
            for (uint32_t rest = due(group, &seen); rest; rest &= rest - 1) {
                int i = __builtin_ctz(rest);
                for (int a = 0; done < left && a < 8; a++)
                    __builtin_prefetch(ahead[done++], 0, 2);
                struct oh_hop h = {.spec = &ear->spectra[hop], .watch = &group->watch, .lane = i, .t = (uint32_t)group->watch.t[i]};
                h.held = seen.held >> i & 1;
                h.tonal = seen.tonal >> i & 1;
                h.total = ear->spectra[hop].total[i];
                struct oh_ear_call call = {.lane = &lane[i], .hop = &h, .sink = sink};
                call.ring = (struct oh_ring){all, ear->law, i, newest};
                hear(&call, group, &seen);
            }
        }
        if (armed & OH_DETECT_ANSWER)
            oh_answers_frame(&ear->answers, number, lane, lanes, ear->spectra, sink);
        if ((armed & OH_DETECT_ANNOUNCE) && ear->announcer)
            oh_announcer_frame(ear->announcer, number, lane, lanes, valid ? valid + first : NULL, ear->spectra, sink);
    }
    ear->frames++;
}
