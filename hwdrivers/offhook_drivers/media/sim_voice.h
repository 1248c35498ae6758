/* sim_voice.h - the far end of one channel of the software card: plays a script sample by sample over a line with faults. */
#ifndef OH_SIM_VOICE_H
#define OH_SIM_VOICE_H

#include <stdatomic.h>

#include "offhook_drivers.h"

#define SIM_IDLE         0xD5 /* A-law for silence, as on an idle timeslot */
#define SIM_ECHO_SAMPLES 4096 /* power of two, above OH_SIM_ECHO_MAX_MS and two ticks */

struct sim_clip {
    uint8_t *alaw;
    uint32_t samples;
};

/* Tables and clips, filled before the first tick, then only read. */
struct sim_library {
    struct sim_clip clip[OH_SIM_CLIPS];
    int clips;
    float *noise[OH_SIM_BABBLE + 1]; /* NULL: none was given */
    float sine[4096];
    int16_t decode[256];
    uint32_t square[256]; /* of the decoded sample */
    uint8_t encode[65536];
};

/* What we sent; written by the media thread, read by the call plane. */
struct sim_heard {
    _Atomic uint32_t call;
    _Atomic uint32_t voice_ticks;
    _Atomic uint64_t first_voice_tick;
    _Atomic uint64_t last_voice_tick;
    _Atomic uint64_t loudest; /* sum of squares of a tick */
    _Atomic uint32_t captured;
};

struct sim_voice {
    /* media thread only */
    const oh_sim_script *script; /* the one in force; in this channel's triple buffer */
    bool clean;                  /* its line changes nothing: octets may be copied */
    uint32_t call;
    uint8_t step; /* equal to script->steps at the end */
    bool step_begun;
    uint32_t done; /* samples of the step played so far */
    uint32_t clip_at;
    uint32_t phase[4], turn[4]; /* of the sines: where they are and what they gain per sample, 2^32 = one period */
    uint32_t am_phase, am_turn;
    uint32_t since_reverse;
    float sign;
    uint32_t noise_at;
    uint32_t hum_phase;
    uint32_t since_slip;
    uint64_t block; /* 20 ms blocks since the call began */
    uint64_t sent;  /* octets we sent since then */
    uint8_t bad;    /* bit per kind of burst that is going on */
    bool capturing;
    uint32_t capture_skip;          /* octets of the tick that come before the capturing step */
    uint8_t last[OH_FRAME_SAMPLES]; /* the block before */
    uint8_t echo[SIM_ECHO_SAMPLES]; /* what we sent */
    struct sim_heard heard;
};

void sim_library_init(struct sim_library *lib);
/* A channel without a call. script must have no steps. */
void sim_voice_init(struct sim_voice *v, const oh_sim_script *script);
/* Follow another script from the next sample on; another call number starts everything afresh. */
void sim_voice_follow(struct sim_voice *v, const struct sim_library *lib, const oh_sim_script *script);
/* The next 160 octets. Returns their enum oh_valid; *slipped counts samples doubled or lost. */
uint8_t sim_voice_speak(struct sim_voice *v, const struct sim_library *lib, uint8_t *alaw, uint64_t *slipped);
/* Take the 160 octets that we send in tick. capture: room for capture_max octets of the whole call. */
void sim_voice_listen(struct sim_voice *v, const struct sim_library *lib, const uint8_t *alaw, uint64_t tick, uint8_t *capture,
                      uint32_t capture_max);

#endif
