/* offhook_drivers.h - media planes of the drivers that come with offhook.
 *
 * oh_sim is a card made of software. Its clock is the machine's (20 ms grid of CLOCK_MONOTONIC) or virtual. What the far end of each
 * channel says is a script: a list of steps (tone, clip, silence) over a line with its own noise and faults. The call plane hands scripts
 * over; the media thread plays them, sample by sample, and listens to what is sent back.
 *
 * Threads. The media thread calls the functions of oh_media_ops. One other thread, the call plane, calls everything below. Between them
 * stands one triple buffer per channel and a few atomic words: neither side ever waits for the other, and nothing is allocated after the
 * media plane was opened.
 *
 * Same seed, same scripts at the same ticks: same octets, on every machine.
 *
 * oh_dahdi is the media plane of real cards, over the kernel interface of DAHDI; its ops follow the same contract. */
#ifndef OFFHOOK_DRIVERS_H
#define OFFHOOK_DRIVERS_H

#include "offhook.h"

#ifdef __cplusplus
extern "C" {
#endif

/* cffi:begin */

#define OH_SIM_MAX_CHANNELS  960 /* 32 E1 spans of 30 */
#define OH_SIM_CLIPS         4096
#define OH_SIM_NOISE_SAMPLES 65536 /* length of a noise table, repeated for ever */
#define OH_SIM_NOISE_RMS     1614  /* what its RMS must be: -20 dBm0 */
#define OH_SIM_ECHO_MAX_MS   400
#define OH_SIM_BACKLOG       8 /* ticks a slow reader may fall behind before audio is lost, as on a card */

enum { OH_SIM_STEPS = 32 }; /* in a script */

enum oh_sim_step_kind {
    OH_SIM_SILENCE = 0,
    OH_SIM_TONE = 1, /* up to four sines */
    OH_SIM_CLIP = 2, /* samples added with oh_sim_clip_add(), again from the start at its end */
};

enum oh_sim_noise { OH_SIM_NO_NOISE = 0, OH_SIM_WHITE = 1, OH_SIM_PINK = 2, OH_SIM_BABBLE = 3 };

#define OH_SIM_CAPTURE 1 /* step flag: what we send is recorded from the first sample of this step on */

typedef struct oh_sim_step {
    uint8_t kind; /* enum oh_sim_step_kind */
    uint8_t flags;
    uint16_t clip;
    uint32_t samples;       /* length, 0 = for ever */
    uint32_t reverse_every; /* tone: samples between phase reversals, 0 = none */
    float gain;             /* clip: factor, 1 = as it is; tone: peak of each sine on the 16 bit scale */
    float hz[4];            /* 0 = none */
    float am_hz;
    float am_depth; /* 0 to 1 */
} oh_sim_step;

/* A run of bad blocks begins with chance rate / length at each good block and lasts length blocks on average. */
typedef struct oh_sim_bursts {
    float rate; /* share of blocks that are bad, 0 = none */
    float length;
} oh_sim_bursts;

typedef struct oh_sim_line {
    uint8_t noise;       /* enum oh_sim_noise */
    uint8_t one_way;     /* 1: only idle code comes */
    float noise_gain;    /* factor on the noise table */
    uint32_t echo_delay; /* samples, 0 = no echo */
    float echo_gain;
    oh_sim_bursts lost;     /* marked OH_VALID_MISSING */
    oh_sim_bursts repeated; /* the block before, marked good */
    oh_sim_bursts dropped;  /* idle code, marked good */
    uint32_t slip_every;    /* samples between slips, 0 = none */
    int32_t slip;           /* samples: above 0 doubled, below 0 lost */
    float dc;
    float hum_hz;
    float hum_peak;
    float drive; /* factor before the signal is cut at overload; 0 or 1 = none */
} oh_sim_line;

/* What a channel's far end does from the next tick on. */
typedef struct oh_sim_script {
    uint64_t seed;
    uint32_t call;     /* number of the call, 0 = none; another number than before starts the channel afresh */
    uint8_t steps;     /* 0 = silence */
    uint8_t loop_from; /* after the last step go on with this one; 255 = fall silent */
    oh_sim_line line;
    oh_sim_step step[OH_SIM_STEPS];
} oh_sim_script;

/* What we sent on a channel during its call; values may be a tick apart. Ticks are those of oh_sim_now(). */
typedef struct oh_sim_heard {
    uint32_t call;
    uint32_t voice_ticks;      /* ticks with a level above -45 dBm0 */
    uint64_t first_voice_tick; /* these two mean something once voice_ticks is above 0 */
    uint64_t last_voice_tick;
    uint32_t captured;   /* octets recorded */
    int32_t level_cdbm0; /* of the loudest tick, -9000 before any */
} oh_sim_heard;

typedef struct oh_sim oh_sim;

/* A card with channels B-channels, channels_per_span to a span (the last may have fewer). capture_samples: room per channel for what we
 * send, 0 = record nothing. NULL and errno EINVAL or ENOMEM. */
OH_API oh_sim *oh_sim_new(int channels, int channels_per_span, int realtime, int capture_samples);
/* The media plane must have been closed. NULL is allowed. */
OH_API void oh_sim_free(oh_sim *sim);
/* Address of the card's oh_media; lives as long as the card. */
OH_API uintptr_t oh_sim_media(oh_sim *sim);
/* Copy a clip (8 kHz, 16 bit) into the card as A-law. Only before the first script. Its number, -EINVAL, -ENOSPC or -ENOMEM. */
OH_API int oh_sim_clip_add(oh_sim *sim, const int16_t *samples, int count);
/* Set a noise table of OH_SIM_NOISE_SAMPLES. Only before the first script. 0 or -EINVAL. */
OH_API int oh_sim_noise_set(oh_sim *sim, int noise, const int16_t *samples);
/* Steps of a tone ("busy") of a built-in plan. peak: of a single sine; several sines share its power. loop_from: first step of the repeated part,
 * 255 when it ends. Number of steps, -ENOENT when the plan is unknown or has no such tone, -ENOSPC when there are more than max. */
OH_API int oh_sim_plan_tone(const char *plan, const char *tone, float peak, oh_sim_step *steps, int max, int *loop_from);
/* Is there a built-in plan of this name? */
OH_API int oh_sim_plan_known(const char *plan);
/* Hand over a script, copied; the newest one wins. 0 or -EINVAL (channel, steps, clip, loop, lengths). */
OH_API int oh_sim_script_set(oh_sim *sim, int channel, const oh_sim_script *script);
/* What was heard so far. 0 or -EINVAL. */
OH_API int oh_sim_heard_get(const oh_sim *sim, int channel, oh_sim_heard *out);
/* Copy what was recorded in the call of that number. Octets copied, or -EINVAL. To be taken before the next call's script is handed over. */
OH_API int oh_sim_captured(const oh_sim *sim, int channel, uint32_t call, uint8_t *out, int max);
/* Put a span into alarm (bits OH_ALARM_...), 0 = none. 0 or -EINVAL. */
OH_API int oh_sim_alarm_set(oh_sim *sim, int span, uint32_t alarms);
/* Errors of a whole span from the next tick on: a slip every slip_every ticks (an octet of each timeslot repeated, then one left out, in
 * turn), a wrong bit, which CRC4 sees, every crc4_every ticks; 0 = none. 0 or -EINVAL. */
OH_API int oh_sim_errors_set(oh_sim *sim, int span, int slip_every, int crc4_every);
/* Such errors so far. 0 or -EINVAL. Any thread. */
OH_API int oh_sim_errors_get(const oh_sim *sim, int span, uint64_t *slips, uint64_t *crc4);
/* Number of the tick that comes next. */
OH_API uint64_t oh_sim_now(const oh_sim *sim);

/* -- cards with DAHDI drivers ------------------------------------------------------------------------------------------------ */

#define OH_DAHDI_MAX_CHANNELS 960
#define OH_DAHDI_BUFFERS      8 /* of 20 ms each way: what a stall of the machine may last */
#define OH_DAHDI_PREFILL      4 /* blocks that are sent ahead */

typedef struct oh_dahdi oh_dahdi;

/* The B-channels of that many DAHDI channel numbers, channels_per_span to a span. buffers 2 to 32, prefill below that. Opens nothing yet: the
 * media plane's open does. NULL and errno EINVAL or ENOMEM. */
OH_API oh_dahdi *oh_dahdi_new(const int *channels, int count, int channels_per_span, int buffers, int prefill);
/* The media plane must have been closed. NULL is allowed. */
OH_API void oh_dahdi_free(oh_dahdi *dahdi);
OH_API uintptr_t oh_dahdi_media(oh_dahdi *dahdi);
/* Open all channels and close them again: 0 or -errno. Only while the media plane is closed. */
OH_API int oh_dahdi_check(oh_dahdi *dahdi);
/* Why the last open failed, with the mend; empty when none did. */
OH_API const char *oh_dahdi_why(const oh_dahdi *dahdi);
/* Alarm bits of a span as seen last (OH_ALARM_...), or -EINVAL. Any thread. */
OH_API int oh_dahdi_alarms(const oh_dahdi *dahdi, int span);

/* -- two media planes back to back ------------------------------------------------------------------------------------------- */

typedef struct oh_patch oh_patch;

/* Join two media planes of the same shape in a thread of its own: each hears what the other says. The first gives the clock, the second must have
 * none (a software card in virtual time). Opens both. NULL and errno: EINVAL when they do not fit, ENOMEM, or why one could not be opened. */
OH_API oh_patch *oh_patch_start(uintptr_t clocked, uintptr_t follower);
/* Ticks passed over so far. Any thread. */
OH_API uint64_t oh_patch_ticks(const oh_patch *patch);
/* End the thread and close both. NULL is allowed. */
OH_API void oh_patch_stop(oh_patch *patch);

/* cffi:end */

#ifdef __cplusplus
}
#endif
#endif
