/* The watch: what is kept of all sixteen lanes of a group at once, hop by hop, with the vectors of the kernel. Speech, music and the
 * line's quality are followed here; the other detectors, whose steps differ from lane to lane, are woken only where something may change:
 * a tone, a key, data, a timer. Quiet, steady noise and talk cost a lane next to nothing.
 *
 * A lane that is not armed is watched along; arming a detector clears its state. */
#ifndef OH_WATCH_H
#define OH_WATCH_H

#include "kernels.h"

#define OH_PAST 8 /* hops */

struct oh_watch {
    _Alignas(64) int32_t t[OH_LANES];    /* samples since reset, of the end of the hop in work: the low 32 bits */
    int32_t hold[OH_LANES];              /* windows that end before are held */
    int32_t wake[OH_LANES];              /* a detector wants to look again then */
    float past[OH_PAST][OH_LANES];       /* totals of the last hops, that of hop n at n % OH_PAST */
    int32_t past_n[OH_LANES];            /* of these, in a row without a held one */
    float hz[OH_LANES], width[OH_LANES]; /* of the strongest peak: see oh_hop_hz(), oh_hop_width() */
    struct {
        float floor[OH_LANES], least[OH_LANES], fast[OH_LANES]; /* in use, of the running 0.64 s, of those before */
        float level[OH_LANES], level_n[OH_LANES];
        int32_t onset[OH_LANES], last[OH_LANES], silence_from[OH_LANES];
        int32_t next[OH_LANES];   /* samples of silence that are worth an event */
        int32_t warm[OH_LANES];   /* hops heard, up to 4 */
        int32_t tick[OH_LANES];   /* hops of the running 0.64 s */
        int32_t active[OH_LANES]; /* active hops in a row */
        int32_t voiced[OH_LANES]; /* of these, no tone */
        int32_t on[OH_LANES];     /* -1 = yes */
        int32_t quiet[OH_LANES];  /* hops without speech */
    } speech;
    struct {
        int32_t hops[OH_LANES], loud[OH_LANES], steady[OH_LANES], tonal[OH_LANES], flips[OH_LANES]; /* of the running second */
        int32_t k[OH_LANES], note_k[OH_LANES], run[OH_LANES];                                       /* peak, last steady one, hops at it */
        int32_t windows[OH_LANES], started[OH_LANES];
    } music;
    struct {
        int32_t hops[OH_LANES], idle_hops[OH_LANES], clipped_frames[OH_LANES];
        int32_t one_way[OH_LANES]; /* -1 = reported */
        float dc[OH_LANES], hum[OH_LANES], quiet[OH_LANES];
    } line;
    uint32_t hops; /* of the group */
};

/* What was seen in a hop, a bit per lane. */
struct oh_seen {
    uint32_t held;    /* the window holds lost, concealed or stale samples */
    uint32_t tonal;   /* one or two peaks hold most of the power */
    uint32_t key;     /* it may be a DTMF digit */
    uint32_t data;    /* it may be V.21 or TTY */
    uint32_t wake;    /* the time has come */
    uint32_t speech;  /* begins */
    uint32_t pause;   /* speech ends */
    uint32_t silence; /* another second of it */
    uint32_t music;   /* a window of music is full */
    uint32_t one_way; /* begins or ends */
    uint32_t line;    /* a second of line figures is full */
};

/* One hop: state and *seen are brought up to date. */
typedef void oh_watch_fn(const struct oh_spectrum *spec, struct oh_watch *w, struct oh_seen *seen);
oh_watch_fn oh_watch_base, oh_watch_avx2, oh_watch_avx512;
oh_watch_fn *oh_watch_chosen(void);

#endif
