/* The library of known announcements: fingerprints, an index over them, and the matcher that runs on one channel.
 *
 * A library never changes once it is made; several cores may use one. It counts its users and goes with the last of them.
 *
 * Finding. Three keys of 12 bits are cut out of each frame. Frames of the library are listed under each key; a frame that is heard is looked
 * up under every value that its unsure bits allow, 32 look-ups at most. What agrees there, also 160 ms earlier, and then in the last 0.5 s,
 * becomes a candidate: a clip and a place in it. Weighing compares all sure bits of the last 1.28 s. Because the bits of neighbouring frames and bands hang together, what counts is how far
 * the agreement is from one half in units of 1 / sqrt(bits).
 *
 * Clips that begin alike. When a library is made, every stretch that sounds the same in a clip of another number is marked; only the rest of a
 * clip can name it. */
#ifndef OH_LIBRARY_H
#define OH_LIBRARY_H

#include <stdatomic.h>
#include <stdbool.h>

#include "fingerprint.h"
#include "offhook.h"

#define OH_KEYS       3
#define OH_KEY_BITS   12
#define OH_KEY_VALUES (1 << OH_KEY_BITS)
#define OH_PRINT_PAST OH_PRINT_FRESH /* frames whose bits have no audio in common */
#define OH_HEARD      64             /* frames of a channel that are kept: 1.28 s */
#define OH_CANDIDATES 6
#define OH_SAID       6 /* announcements of one call that are remembered as told */

/* Marks of a frame in a clip. */
enum { OH_TWIN_NUMBER = 1, OH_TWIN_SORT = 2 }; /* sounds the same in a clip of another number, of another sort */

struct oh_library_clip {
    uint32_t number, first, frames; /* first: place of its first frame among all */
    uint8_t sort;
    bool twins; /* some of it sounds the same in a clip of another number */
};

struct oh_library {
    _Atomic int users;
    uint32_t clips, frames;
    struct oh_library_clip *clip;
    uint32_t *bits;                 /* of each frame */
    uint32_t *sure;                 /* of each frame: bits more than 3 dB from zero */
    uint32_t *own;                  /* of each frame: sure, where no clip of another number sounds the same, else 0 */
    uint8_t *twin;                  /* of each frame: OH_TWIN_ marks */
    uint16_t *owner;                /* of each frame: its clip */
    uint32_t *start[OH_KEYS];       /* OH_KEY_VALUES + 1 places in the lists */
    uint32_t *listed[OH_KEYS];      /* frames, by key */
    uint32_t *listed_bits[OH_KEYS]; /* their bits, so that the first look stays in one place */
    uint32_t *listed_past[OH_KEYS]; /* and the bits of OH_PRINT_PAST frames before */
};

/* One more and one less user; the last one out frees it. NULL is allowed. */
void oh_library_hold(struct oh_library *library);
void oh_library_release(struct oh_library *library);

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
    uint32_t sure[OH_PRINT_PAST];                      /* sure bits of the last frames, in a ring */
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
    uint32_t heard;     /* frames since the beginning of the clip */
};

void oh_match_reset(struct oh_match *match);
/* Hear one frame. true when it told something. */
bool oh_match_frame(struct oh_match *match, const struct oh_library *library, const struct oh_print *print, struct oh_verdict *out);

#endif
