#include "sim_voice.h"

#include <math.h>
#include <string.h>

#define NO_LOOP   255
#define OVERLOAD  32256.0f                            /* largest A-law sample on the 16 bit scale */
#define VOICE_SUM ((uint64_t)8239 * OH_FRAME_SAMPLES) /* sum of squares of a tick at -45 dBm0 */

enum { BAD_LOST = 1, BAD_REPEATED = 2, BAD_DROPPED = 4 };

void sim_library_init(struct sim_library *lib) {
    for (int i = 0; i < 4096; i++)
        lib->sine[i] = (float)sin(2.0 * 3.14159265358979323846 * i / 4096.0);
    for (int i = 0; i < 256; i++) {
        lib->decode[i] = oh_alaw_decode((uint8_t)i);
        lib->square[i] = (uint32_t)(lib->decode[i] * lib->decode[i]);
    }
    for (int i = -32768; i < 32768; i++)
        lib->encode[(uint16_t)i] = oh_alaw_encode((int16_t)i);
}

/* Random bits from a key, the same wherever and whenever they are asked for (splitmix64's finisher). */
static uint64_t mix(uint64_t key) {
    key += 0x9E3779B97F4A7C15u;
    key = (key ^ (key >> 30)) * 0xBF58476D1CE4E5B9u;
    key = (key ^ (key >> 27)) * 0x94D049BB133111EBu;
    return key ^ (key >> 31);
}

static float chance(uint64_t seed, uint64_t block, unsigned what) {
    return (float)(mix(seed ^ mix(block * 8 + what)) >> 40) / 16777216.0f;
}

static uint32_t turn_of(float hz) {
    return (uint32_t)(hz * (4294967296.0 / OH_SAMPLE_RATE));
}

static void fresh(struct sim_voice *v, const oh_sim_script *script) {
    v->call = script->call;
    v->noise_at = (uint32_t)(mix(script->seed) % OH_SIM_NOISE_SAMPLES);
    v->hum_phase = 0;
    v->since_slip = 0;
    v->block = 0;
    v->sent = 0;
    v->bad = 0;
    v->capturing = false;
    v->capture_skip = 0;
    memset(v->last, SIM_IDLE, sizeof v->last);
    memset(v->echo, SIM_IDLE, sizeof v->echo);
    atomic_store_explicit(&v->heard.voice_ticks, 0, memory_order_relaxed);
    atomic_store_explicit(&v->heard.first_voice_tick, 0, memory_order_relaxed);
    atomic_store_explicit(&v->heard.last_voice_tick, 0, memory_order_relaxed);
    atomic_store_explicit(&v->heard.loudest, 0, memory_order_relaxed);
    atomic_store_explicit(&v->heard.captured, 0, memory_order_relaxed);
    atomic_store_explicit(&v->heard.call, script->call, memory_order_release);
}

void sim_voice_init(struct sim_voice *v, const oh_sim_script *script) {
    memset(v, 0, sizeof *v);
    v->script = script;
    v->clean = true;
    fresh(v, script);
}

void sim_voice_follow(struct sim_voice *v, const struct sim_library *lib, const oh_sim_script *script) {
    const oh_sim_line *line = &script->line;
    if (script->call != v->call)
        fresh(v, script);
    v->script = script;
    v->step = 0;
    v->step_begun = false;
    v->clean = (line->noise == OH_SIM_NO_NOISE || lib->noise[line->noise] == NULL) && line->echo_delay == 0 && line->slip_every == 0 &&
               !(line->dc < 0 || line->dc > 0) && !(line->hum_peak > 0) && !(line->drive > 1);
}

static void begin_step(struct sim_voice *v, const oh_sim_step *step, uint32_t block_at) {
    v->step_begun = true;
    v->done = 0;
    v->clip_at = 0;
    v->since_reverse = 0;
    v->sign = 1;
    v->am_phase = 0;
    v->am_turn = turn_of(step->am_hz);
    for (int k = 0; k < 4; k++) {
        v->phase[k] = 0;
        v->turn[k] = turn_of(step->hz[k]);
    }
    if ((step->flags & OH_SIM_CAPTURE) && !v->capturing) {
        v->capturing = true;
        v->capture_skip = block_at < OH_FRAME_SAMPLES ? block_at : OH_FRAME_SAMPLES;
    }
}

/* The step in force and how many of at most n samples it lasts; NULL at the end of the script. */
static const oh_sim_step *current_step(struct sim_voice *v, uint32_t block_at, uint32_t n, uint32_t *run) {
    const oh_sim_script *s = v->script;
    *run = n;
    while (v->step < s->steps) {
        const oh_sim_step *step = &s->step[v->step];
        if (!v->step_begun)
            begin_step(v, step, block_at);
        if (step->samples == 0)
            return step;
        if (v->done < step->samples) {
            uint32_t left = step->samples - v->done;
            if (left < n)
                *run = left;
            return step;
        }
        v->step_begun = false;
        v->step++;
        if (v->step == s->steps && s->loop_from != NO_LOOP)
            v->step = s->loop_from;
    }
    return NULL;
}

/* A sine of constant size, the common case. */
static void add_sine(const struct sim_library *lib, float *out, uint32_t n, float peak, uint32_t *phase, uint32_t turn) {
    uint32_t at = *phase;
    for (uint32_t i = 0; i < n; i++)
        out[i] += peak * lib->sine[(at + i * turn) >> 20];
    *phase = at + n * turn;
}

static void add_tone(struct sim_voice *v, const struct sim_library *lib, const oh_sim_step *step, float *out, uint32_t n) {
    if (step->reverse_every == 0 && v->am_turn == 0) {
        for (int k = 0; k < 4; k++)
            if (v->turn[k])
                add_sine(lib, out, n, step->gain, &v->phase[k], v->turn[k]);
        return;
    }
    for (uint32_t i = 0; i < n; i++) {
        if (step->reverse_every && v->since_reverse++ == step->reverse_every) {
            v->sign = -v->sign;
            v->since_reverse = 1;
        }
        float peak = v->sign * step->gain * (1.0f + step->am_depth * lib->sine[v->am_phase >> 20]);
        v->am_phase += v->am_turn;
        for (int k = 0; k < 4; k++) {
            if (v->turn[k] == 0)
                continue;
            out[i] += peak * lib->sine[v->phase[k] >> 20];
            v->phase[k] += v->turn[k];
        }
    }
}

/* Next run of a clip that lies in one piece. */
static const uint8_t *clip_piece(struct sim_voice *v, const struct sim_library *lib, const oh_sim_step *step, uint32_t n, uint32_t *run) {
    const struct sim_clip *clip = &lib->clip[step->clip];
    uint32_t left = clip->samples - v->clip_at;
    const uint8_t *piece = clip->alaw + v->clip_at;
    *run = left < n ? left : n;
    v->clip_at = left <= n ? 0 : v->clip_at + n;
    return piece;
}

/* What the far end itself says: n samples into out. */
static void render(struct sim_voice *v, const struct sim_library *lib, float *out, uint32_t block_at, uint32_t n) {
    memset(out, 0, n * sizeof *out);
    while (n > 0) {
        uint32_t run;
        const oh_sim_step *step = current_step(v, block_at, n, &run);
        if (step == NULL)
            return;
        if (step->kind == OH_SIM_TONE) {
            add_tone(v, lib, step, out, run);
        } else if (step->kind == OH_SIM_CLIP) {
            for (uint32_t at = 0, got; at < run; at += got) {
                const uint8_t *piece = clip_piece(v, lib, step, run - at, &got);
                for (uint32_t i = 0; i < got; i++)
                    out[at + i] = step->gain * (float)lib->decode[piece[i]];
            }
        }
        v->done += run;
        out += run;
        block_at += run;
        n -= run;
    }
}

/* As render, straight to octets, for a line that changes nothing. True when it could be done. */
static bool copy(struct sim_voice *v, const struct sim_library *lib, uint8_t *alaw) {
    uint32_t run;
    const oh_sim_step *step = current_step(v, 0, OH_FRAME_SAMPLES, &run);
    if (step == NULL) {
        memset(alaw, SIM_IDLE, OH_FRAME_SAMPLES);
        return true;
    }
    if (run < OH_FRAME_SAMPLES || step->kind == OH_SIM_TONE || (step->kind == OH_SIM_CLIP && (step->gain < 1 || step->gain > 1)))
        return false;
    if (step->kind == OH_SIM_SILENCE) {
        memset(alaw, SIM_IDLE, OH_FRAME_SAMPLES);
    } else {
        for (uint32_t at = 0, got; at < OH_FRAME_SAMPLES; at += got) {
            const uint8_t *piece = clip_piece(v, lib, step, OH_FRAME_SAMPLES - at, &got);
            memcpy(alaw + at, piece, got);
        }
    }
    v->done += OH_FRAME_SAMPLES;
    return true;
}

static void add_line(struct sim_voice *v, const struct sim_library *lib, float *out, uint32_t block_at, uint32_t n) {
    const oh_sim_line *line = &v->script->line;
    if (line->drive > 1) {
        for (uint32_t i = 0; i < n; i++) {
            float x = out[i] * line->drive;
            out[i] = x > OVERLOAD ? OVERLOAD : x < -OVERLOAD ? -OVERLOAD : x;
        }
    }
    if (line->echo_delay > 0) {
        /* the block we send now arrives one tick later; the oldest sample needed is still in the ring */
        uint64_t from = v->sent + block_at + SIM_ECHO_SAMPLES - OH_FRAME_SAMPLES - line->echo_delay;
        for (uint32_t i = 0; i < n; i++)
            out[i] += line->echo_gain * (float)lib->decode[v->echo[(from + i) % SIM_ECHO_SAMPLES]];
    }
    const float *noise = lib->noise[line->noise];
    if (noise != NULL) {
        uint32_t at = v->noise_at;
        for (uint32_t done = 0; done < n;) {
            uint32_t run = OH_SIM_NOISE_SAMPLES - at < n - done ? OH_SIM_NOISE_SAMPLES - at : n - done;
            for (uint32_t i = 0; i < run; i++)
                out[done + i] += line->noise_gain * noise[at + i];
            done += run;
            at = (at + run) % OH_SIM_NOISE_SAMPLES;
        }
        v->noise_at = at;
    }
    if (line->hum_peak > 0) {
        uint32_t turn = turn_of(line->hum_hz);
        for (uint32_t i = 0; i < n; i++) {
            out[i] += line->hum_peak * lib->sine[v->hum_phase >> 20];
            v->hum_phase += turn;
        }
    }
    if (line->dc < 0 || line->dc > 0) {
        for (uint32_t i = 0; i < n; i++)
            out[i] += line->dc;
    }
}

/* 160 octets of far end and line, with a slip when one is due. Returns the samples slipped. */
static uint32_t compose(struct sim_voice *v, const struct sim_library *lib, uint8_t *alaw) {
    const oh_sim_line *line = &v->script->line;
    float out[OH_FRAME_SAMPLES];
    uint32_t doubled = 0, slipped = 0;
    v->since_slip += OH_FRAME_SAMPLES;
    if (line->slip_every > 0 && v->since_slip >= line->slip_every) {
        v->since_slip = 0;
        if (line->slip > 0) {
            slipped = doubled = (uint32_t)line->slip;
            for (uint32_t i = 0; i < doubled; i++)
                out[i] = (float)lib->decode[v->last[OH_FRAME_SAMPLES - doubled + i]];
        } else {
            slipped = (uint32_t)-line->slip;
            render(v, lib, out, 0, slipped);
        }
    }
    render(v, lib, out + doubled, doubled, OH_FRAME_SAMPLES - doubled);
    add_line(v, lib, out + doubled, doubled, OH_FRAME_SAMPLES - doubled);
    int32_t rounded[OH_FRAME_SAMPLES];
    for (int i = 0; i < OH_FRAME_SAMPLES; i++) { /* adding 32768.5 makes the cast's rounding towards zero a rounding to nearest */
        float x = out[i] > OVERLOAD ? OVERLOAD : out[i];
        x = x < -OVERLOAD ? -OVERLOAD : x;
        rounded[i] = (int32_t)(x + 32768.5f) - 32768;
    }
    for (int i = 0; i < OH_FRAME_SAMPLES; i++)
        alaw[i] = lib->encode[(uint16_t)rounded[i]];
    return slipped;
}

/* Gilbert's two states: is this block bad? */
static bool burst(struct sim_voice *v, const oh_sim_bursts *b, unsigned bit) {
    if (!(b->rate > 0))
        return false;
    float length = b->length < 1 ? 1 : b->length;
    float begin = b->rate / (length * (1 - b->rate));
    float p = chance(v->script->seed, v->block, bit);
    bool bad = (v->bad & bit) ? p >= 1 / length : p < begin;
    v->bad = (uint8_t)(bad ? v->bad | bit : v->bad & ~bit);
    return bad;
}

uint8_t sim_voice_speak(struct sim_voice *v, const struct sim_library *lib, uint8_t *alaw, uint64_t *slipped) {
    const oh_sim_line *line = &v->script->line;
    uint8_t valid = OH_VALID_GOOD;
    if (!v->clean || !copy(v, lib, alaw))
        *slipped += compose(v, lib, alaw);
    if (line->one_way || burst(v, &line->dropped, BAD_DROPPED))
        memset(alaw, SIM_IDLE, OH_FRAME_SAMPLES);
    if (burst(v, &line->repeated, BAD_REPEATED))
        memcpy(alaw, v->last, OH_FRAME_SAMPLES);
    memcpy(v->last, alaw, OH_FRAME_SAMPLES);
    if (burst(v, &line->lost, BAD_LOST)) {
        memset(alaw, SIM_IDLE, OH_FRAME_SAMPLES);
        valid = OH_VALID_MISSING;
    }
    v->block++;
    return valid;
}

void sim_voice_listen(struct sim_voice *v, const struct sim_library *lib, const uint8_t *alaw, uint64_t tick, uint8_t *capture,
                      uint32_t capture_max) {
    if (v->call == 0)
        return;
    uint64_t sum = 0;
    for (int i = 0; i < OH_FRAME_SAMPLES; i++)
        sum += lib->square[alaw[i]];
    if (sum > VOICE_SUM) {
        uint32_t ticks = atomic_load_explicit(&v->heard.voice_ticks, memory_order_relaxed);
        if (ticks == 0)
            atomic_store_explicit(&v->heard.first_voice_tick, tick, memory_order_relaxed);
        atomic_store_explicit(&v->heard.last_voice_tick, tick, memory_order_relaxed);
        atomic_store_explicit(&v->heard.voice_ticks, ticks + 1, memory_order_release);
    }
    if (sum > atomic_load_explicit(&v->heard.loudest, memory_order_relaxed))
        atomic_store_explicit(&v->heard.loudest, sum, memory_order_relaxed);
    if (v->script->line.echo_delay > 0) {
        uint32_t at = (uint32_t)(v->sent % SIM_ECHO_SAMPLES), first = SIM_ECHO_SAMPLES - at;
        if (first > OH_FRAME_SAMPLES)
            first = OH_FRAME_SAMPLES;
        memcpy(v->echo + at, alaw, first);
        memcpy(v->echo, alaw + first, OH_FRAME_SAMPLES - first);
    }
    v->sent += OH_FRAME_SAMPLES;
    if (v->capturing) {
        uint32_t have = atomic_load_explicit(&v->heard.captured, memory_order_relaxed);
        uint32_t fresh_octets = OH_FRAME_SAMPLES - v->capture_skip;
        uint32_t take = capture_max - have < fresh_octets ? capture_max - have : fresh_octets;
        memcpy(capture + have, alaw + v->capture_skip, take);
        v->capture_skip = 0;
        atomic_store_explicit(&v->heard.captured, have + take, memory_order_release);
    }
}
