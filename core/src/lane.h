/* One channel as the detectors see it: the hop they are handed, the tone tracker that several of them share, and their states.
 *
 * Times inside a lane are the low 32 bits of the channel's sample count; differences are right across the wrap. */
#ifndef OH_LANE_H
#define OH_LANE_H

#include "answer.h"
#include "dsp.h"
#include "ear.h"
#include "kernels.h"
#include "watch.h"

#define OH_RING_FRAMES 7 /* 140 ms of audio are kept for a closer look */
#define OH_MS          8 /* samples in 1 ms */

/* One hop of one channel. */
struct oh_hop {
    const struct oh_spectrum *spec;
    struct oh_watch *watch;
    int lane;
    uint32_t t; /* sample count at the end of its window */
    bool held;  /* the window holds lost, concealed or stale samples: keep time, decide nothing */
    bool tonal; /* one or two peaks hold most of the power */
    float total;
};

/* Power in one bin. */
static inline float oh_hop_p(const struct oh_hop *h, int bin) {
    return h->spec->p[bin][h->lane];
}

/* Power in the bins first to last, clipped to the band that counts. */
float oh_hop_power(const struct oh_hop *h, int first, int last);
/* Frequency in Hz of the sine whose peak is near bin k: exact for a Hann window and a single sine. */
float oh_hop_hz(const struct oh_hop *h, int k);
/* Variance of the power over the seven bins around k, in bins^2: 0.333 for one steady sine, more when it jumps or is not alone. */
float oh_hop_width(const struct oh_hop *h, int k);
/* The sound at this pitch has a second harmonic no more than 15 dB below it, as notes and vowels have and tones of the network do not. */
bool oh_hop_overtone(const struct oh_hop *h, int dhz);

/* -- tone tracker (track.c) ------------------------------------------------------------------------------------------------ */

enum { OH_SEG_TONE = 1, OH_SEG_CUT = 2, OH_SEG_FUZZY = 4, OH_SEG_BEAT = 8, OH_SEG_EARLY = 16 };

/* A stretch of steady tone, or of anything else between two tones. */
struct oh_seg {
    uint32_t start, end; /* samples; end moves while it lasts */
    uint16_t dhz[2];     /* one or two sines, tenths of 1 Hz, lower first; 0 = none */
    uint16_t am_dhz;     /* amplitude modulation seen, 0 = none */
    int16_t level_cdbm0;
    uint8_t flags;  /* OH_SEG_... */
    uint8_t purity; /* share of the power that is the tone's, per cent */
    uint8_t drift;  /* spread of the measured frequency, Hz */
    uint8_t sway;   /* spread of the power, in tenths of the ratio */
    uint8_t width;  /* mean of oh_hop_width(), per cent */
    uint8_t hops;   /* that these were measured in */
};

/* A break that the tone outlived; the start of the tone when there was none, with start and end alike. */
struct oh_dip {
    uint32_t start, end;
};

struct oh_track {
    /* the tone that is on */
    uint8_t on;
    uint8_t hops; /* since it was found, stops at 255 */
    uint8_t miss; /* hops in a row without it */
    uint8_t zoomed;
    uint8_t resumed;
    bool stale;           /* there are newer figures than the segment's */
    uint8_t change;       /* hops in a row at another frequency */
    int16_t lo[2], hi[2]; /* its bins; second range empty (hi < lo) for one peak */
    int16_t k[2];
    float level; /* mean power */
    float level_n;
    float w_min, w_max; /* spread of the power */
    float f_min, f_max; /* and of the measured frequency */
    float f_sum[2], f_n;
    float purity, width; /* sums over f_n hops: share of all power, variance over the bins */
    float change_hz;
    float wait_w, wait_f[2], wait_purity, wait_width; /* the newest hop's figures; they count when the next hop shows the tone going on */
    uint8_t waiting;
    float off_ratio; /* amplitude share of the hop the end is reckoned from */
    uint32_t off_edge;
    struct oh_seg seg;
    /* the tone that may be coming */
    uint8_t tries;
    int16_t try_k;
    float try_hz, try_before; /* of the newest hop, of the one before */
    uint32_t last_end;        /* end of the tone before */
    struct oh_seg before;     /* that tone */
    float before_level;
    /* short breaks of the tone that is on */
    struct oh_dip dip, dip_before; /* the newest one, and the one before it in this tone */
    struct oh_dip dip_ended;       /* of the tone before */
    float dip_sum, dip_middle;     /* share of the amplitude that is missing, and its moment over the hops */
    uint8_t dip_hops;
    bool deep;
    uint8_t apart;    /* hops in a row that lack one of two sines, or show a second one */
    uint8_t together; /* hops that showed both */
};

/* What the tracker saw in this hop. */
enum {
    OH_TRACK_NONE = 0,
    OH_TRACK_START = 1,
    OH_TRACK_END = 2,
    OH_TRACK_BOTH = 3,
    OH_TRACK_RESUME = 4, /* with START: the tone that had ended goes on after a drop-out, and has its old start again */
    OH_TRACK_DIP = 8,    /* the tone that is on had a short break, see dip */
};

/* -- states of the detectors ----------------------------------------------------------------------------------------------- */

#define OH_CADENCE_SEGS 14

struct oh_cadence {
    uint8_t count;
    uint8_t reported; /* enum oh_tone, 0 = none */
    uint8_t row;
    uint8_t hinted; /* a provisional event went out for the tone that is on */
    uint32_t onset;
    uint32_t due; /* look again then */
    bool timed;
    uint32_t last_tone_end;
    uint32_t last_like; /* end of the last tone that was like what is reported */
    int16_t level;
    uint8_t told; /* stretches before this gap that a tone explained which has ended */
    bool rings;   /* ringback was the last tone told, or hinted at */
    bool cut;     /* it rang when the answer came: a tone that began before it counts no more */
    bool split;   /* the tone that is on counts from here: what was mended before is a gap of a row */
    uint32_t from;
    uint8_t looked_count; /* the list and the tone that goes_on was found for */
    bool goes_on;
    uint32_t looked_start;
    struct oh_seg segs[OH_CADENCE_SEGS]; /* complete ones, oldest first: tone, gap, tone ... */
};

struct oh_sit_state {
    struct oh_seg first, second;
    uint8_t step;
    bool said;
    uint32_t end;
};

struct oh_dtmf {
    uint8_t key;  /* index row * 4 + column + 1 of the digit that is on, 0 = none */
    uint8_t cand; /* same, of the digit that may be coming */
    uint8_t hops;
    uint8_t off;
    uint8_t bad;
    float level;
    uint32_t onset, last_on;
};

struct oh_fax {
    uint8_t said;         /* enum oh_tone of the tone that is on */
    uint8_t reversals;    /* regular ones in a row */
    uint8_t dip;          /* inside a reversal */
    uint8_t v21, v21_off; /* hops with and without V.21's band */
    uint8_t no_cng;       /* tones near 1100 Hz that were none: too short, too long, too soon again */
    uint32_t tone_start, gap_from, last_dip, v21_since, cng_end;
    float am_re, am_im, am_sum, am_n; /* 15 Hz line of the powers, their sum and count */
    float am_cos, am_sin;             /* that line of a constant power */
};

struct oh_beep_state {
    struct oh_seg seg;
    struct oh_seg late; /* may be a burst of the plan's: told when no other one has followed */
    uint32_t due;       /* then */
    uint8_t pending;
    bool waits, told; /* late is not told yet; it was, before its time */
    uint8_t tones;    /* tone stretches in a row without quiet between */
    uint8_t notes;    /* clean sounds of changing pitch in a row */
    uint16_t note;    /* pitch of the last one, tenths of 1 Hz */
};

/* The rest of music and line is kept for all lanes at once, see watch.h; that of speech altogether. */
struct oh_music_count {
    uint8_t loud, steady, flips, tonal; /* hops of a window, or changes in it */
};

struct oh_music_state {
    uint8_t off, on;
    uint8_t kept; /* windows before this one that count */
    struct oh_music_count before[2];
    uint32_t onset;
};

struct oh_line_state {
    uint8_t faults; /* bits 1 << enum oh_line_fault */
};

struct oh_r2_state {
    uint8_t signal, cand, hops, off;
    float level;
    uint32_t onset, last_on;
};

struct oh_tty_state {
    uint8_t on, side, run, flips, idle;
    uint32_t since, last;
};

struct oh_cot_state {
    uint8_t said;
    uint8_t others; /* tones heard that were none of these */
};

/* What is touched in every hop comes first, together. */
struct oh_lane {
    _Alignas(64) const oh_tone_plan *plan;
    uint32_t armed;
    uint16_t channel;
    bool lost; /* in a run of lost audio */
    bool answered;
    uint32_t answered_at;
    uint64_t now; /* samples since reset, of the end of the frame in work */
    uint32_t hold_until;
    uint32_t lost_since;
    struct oh_track track;
    struct oh_dtmf dtmf;
    struct oh_cot_state cot;
    struct oh_line_state line;
    struct oh_tty_state tty;
    struct oh_beep_state beep;
    struct oh_fax fax;
    struct oh_sit_state sit;
    struct oh_cadence cadence;
    struct oh_music_state music;
    struct oh_r2_state r2[2];
    struct oh_heard heard;
};

/* The audio of a lane's last 140 ms, for the detectors that look closer. */
struct oh_ring {
    const void *rows; /* OH_RING_FRAMES x 160 rows of 16 lanes */
    int law;
    int lane;
    int next; /* row after the newest one of the hop in work */
};

/* Newest n samples up to the ring's next row, as floats in units of 16 bit PCM, oldest first. n <= 1024. */
void oh_ring_read(const struct oh_ring *ring, int n, float *out);

/* What a detector works with in one hop. */
struct oh_ear_call {
    struct oh_lane *lane;
    const struct oh_hop *hop;
    struct oh_ring ring;
    struct oh_sink *sink;
    int track;                  /* OH_TRACK_..., what the tracker saw */
    const struct oh_seg *ended; /* the tone that ended, for OH_TRACK_END */
};

/* Fill in channel and times and raise. onset: lane time. */
void oh_ear_raise(const struct oh_ear_call *call, oh_event *event, uint32_t onset);
/* A TONE or TONE_END event with level and frequencies of the segment. */
oh_event oh_ear_event(int kind, int tone, const struct oh_seg *seg);

/* Fill the tracker's tables; before the first hop. */
void oh_track_init(void);
/* Follow tones through one hop. *ended gets the tone that ended in it. Returns OH_TRACK_... */
int oh_track_hop(struct oh_track *k, const struct oh_hop *h, const struct oh_ring *ring, struct oh_seg *ended);
/* Audio was lost for good: what is on has no known start any more. */
void oh_track_jump(struct oh_track *k);
/* As steady as a tone is in the noise that its purity shows; whistles and voices are not. */
static inline bool oh_seg_steady(const struct oh_seg *s) {
    int noise = 100 - s->purity;
    return s->drift <= 5 + noise && s->sway <= 14 + 2 * noise;
}
/* Hz of the tone that is on, 0 when none or when it is more than one sine. */
float oh_track_hz(const struct oh_track *k);

void oh_cadence_hop(const struct oh_ear_call *call);
void oh_cadence_answered(const struct oh_ear_call *call);
void oh_sit_hop(const struct oh_ear_call *call);
void oh_dtmf_hop(const struct oh_ear_call *call);
void oh_fax_hop(const struct oh_ear_call *call);
void oh_beep_hop(const struct oh_ear_call *call);
void oh_speech_begin(const struct oh_ear_call *call);
void oh_speech_end(const struct oh_ear_call *call);
void oh_speech_silence(const struct oh_ear_call *call);
void oh_music_window(const struct oh_ear_call *call);
void oh_r2_hop(const struct oh_ear_call *call, bool backward);
void oh_tty_hop(const struct oh_ear_call *call);
void oh_cot_hop(const struct oh_ear_call *call);
void oh_line_one_way(const struct oh_ear_call *call);
void oh_line_second(const struct oh_ear_call *call);

/* Somebody or something has answered and spoken: a single burst is a beep rather than one of ringing or of a busy tone. */
static inline bool oh_after_voice(const struct oh_lane *lane) {
    return lane->answered && lane->heard.spoken >= 8;
}

/* Row of the lane's plan that carries this tone, 255 when none. */
uint8_t oh_plan_row(const oh_tone_plan *plan, int tone);
/* A tone of this frequency and length could be a burst of the plan's supervisory tones. */
bool oh_cadence_knows(const oh_tone_plan *plan, const struct oh_seg *seg);
/* How long it is quiet, in samples and at the most, after a burst of the plan's supervisory tones of which this could be the whole or, but
 * for ringing, the end; 0 when it could be none. */
uint32_t oh_cadence_gap(const oh_tone_plan *plan, const struct oh_seg *seg);

#endif
