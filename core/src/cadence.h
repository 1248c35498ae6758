/* Between the matcher of cadences (cadence.c) and the rows it compares with (cadence_fit.c). */
#ifndef OH_CADENCE_H
#define OH_CADENCE_H

#include "lane.h"

/* A row against the list. */
struct oh_fit {
    int matched;   /* stretches explained, the one that lasts included */
    int whole;     /* of these, complete and not cut */
    int position;  /* of the one that lasts */
    int first;     /* position of the oldest one explained, -1 when that was cut */
    float off;     /* mean distance of lengths and frequencies, 0 exact, 1 at the limit */
    uint32_t span; /* samples explained */
};

/* Pitches of a plan that were compared with the tone that lasts: its rows share a few. */
struct oh_pitches {
    const oh_segment *of[8];
    float off[8];
    int count;
};

static inline bool oh_is_gap(const oh_segment *s) {
    return s->hz[0] == 0;
}

/* Names a caller hears as the result of a call; only these may hold up each other. */
static inline bool oh_is_main(int tone) {
    return tone == OH_TONE_DIAL || tone == OH_TONE_RINGBACK || tone == OH_TONE_BUSY || tone == OH_TONE_CONGESTION ||
           tone == OH_TONE_UNOBTAINABLE;
}

/* Distance of the heard tone from the segment's sines, and of a length from the segment's: 0 exact, 1 at the limit, above 1 not this one. */
float oh_pitch_off(const struct oh_seg *seg, const oh_segment *want);
float oh_length_off(uint32_t samples, const oh_segment *want, bool fuzzy);
/* Walk back from pattern position p, explaining complete stretch i of the list and those before it; adds to fit. */
struct oh_fit oh_fit_walk(const struct oh_cadence *c, const oh_tone_spec *row, int i, int p, struct oh_fit fit);
/* The best that a row makes of the list and of the stretch that lasts. known: NULL when that is a gap. */
struct oh_fit oh_fit_row(const struct oh_cadence *c, const oh_tone_spec *row, const struct oh_seg *last, struct oh_pitches *known);
/* Longest gap or burst of the row in samples. */
uint32_t oh_row_longest(const oh_tone_spec *row, bool gap);
/* It has gaps that look like drop-outs. */
bool oh_row_has_brief_gap(const oh_tone_spec *row);
/* The two rows sound alike from their beginning on. */
bool oh_same_pattern(const oh_tone_spec *a, const oh_tone_spec *b);
/* A burst of this pitch and length, then a gap of this length, are in the plan, and the gap is so short that the tracker mends it. */
bool oh_plan_stutters(const oh_tone_plan *plan, const struct oh_seg *tone, uint32_t burst, uint32_t gap);

#endif
