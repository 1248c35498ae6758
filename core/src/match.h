/* The matcher of one channel: which clip of a library is being heard?
 *
 * Finding. Every other frame that is heard is looked up under each of its keys and every value that their unsure bits allow, the surest keys
 * first, 32 look-ups at most. A listed frame must agree in the bits of now, of 160 and of 320 ms ago, then of 80 and 240 ms ago, where 28 % of
 * the bits may be wrong, then in the last 0.5 s, where 26 % may. Then it is a candidate: a clip and a place in it.
 *
 * Weighing. Every 80 ms all bits of the last 1.28 s are compared (agree.h). A candidate that agrees well enough, and better than any of
 * another number, is told. Nothing is taken back: a name ends the call, so it is not given before it is safe. */
#ifndef OH_MATCH_H
#define OH_MATCH_H

#include "library.h"

#define OH_HEARD      64 /* frames of a channel that are kept: 1.28 s */
#define OH_CANDIDATES 6
#define OH_SAID       6 /* announcements of one call that are remembered as told */

/* A clip that may be playing. */
struct oh_candidate {
    uint32_t clip;  /* index; OH_NO_CLIP = free */
    uint32_t since; /* frame of the library from which it was heard */
    uint32_t place; /* frame of the library that is heard now */
    float all, own; /* agreement with all frames, with those that only this clip has */
    float sort;     /* with those that only clips of this sort have */
    uint16_t worse; /* weighings in a row without agreement */
};
#define OH_NO_CLIP UINT32_MAX

/* One channel's matcher. */
struct oh_match {
    uint32_t bits[2 * OH_HEARD], likely[2 * OH_HEARD]; /* every frame stands twice, so that the last OH_HEARD lie in a row */
    uint8_t at;                                        /* next place, 0 to OH_HEARD - 1 */
    uint8_t odd;                                       /* only every other frame is looked up */
    uint8_t said_count;
    uint32_t said[OH_SAID];
    bool sort_said, named; /* in this call */
    uint32_t ended;        /* a clip that was heard to its end and has twins, OH_NO_CLIP = none */
    uint16_t ended_ago;    /* frames since */
    struct oh_candidate candidates[OH_CANDIDATES];
};

/* What a frame told. */
struct oh_verdict {
    bool named; /* final: number; else only the sort is known */
    uint32_t number;
    uint8_t sort;
    uint8_t confidence; /* per cent */
    uint16_t margin;    /* agreement over what is asked for, hundredths */
    uint16_t score;     /* agreement, hundredths */
    uint16_t rival_score;
    uint32_t
        rival; /* number of the best candidate of another number (of another sort while only the sort is known), if rival_score is not 0 */
    uint32_t heard; /* frames since the beginning of the clip */
};

void oh_match_reset(struct oh_match *match);
/* Hear one frame. true when it told something. */
bool oh_match_frame(struct oh_match *match, const struct oh_library *library, const struct oh_print *print, struct oh_verdict *out);

#endif
