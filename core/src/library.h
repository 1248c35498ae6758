/* The library of known announcements: fingerprints and an index over them.
 *
 * A library never changes once it is made; several cores may use one. It counts its users and goes with the last of them.
 *
 * Index. Six keys of 12 neighbouring bits are cut out of each frame, and its frames are listed under each of them (scan.h, match.h).
 *
 * Clips that begin alike. When a library is made, every stretch that sounds the same in a clip of another number is marked; only the rest of a
 * clip can name it. */
#ifndef OH_LIBRARY_H
#define OH_LIBRARY_H

#include <stdatomic.h>
#include <stdbool.h>

#include "fingerprint.h"
#include "offhook.h"
#include "scan.h"

#define OH_KEYS       6
#define OH_KEY_BITS   12
#define OH_KEY_VALUES (1 << OH_KEY_BITS)
#define OH_PRINT_PAST OH_PRINT_FRESH /* frames whose bits have no audio in common */
#define OH_KEY_MASK   ((uint32_t)OH_KEY_VALUES - 1)

#define OH_LIBRARY_CLIPS  65535    /* at most */
#define OH_LIBRARY_FRAMES 30000000 /* a week of announcements */
#define OH_CLIP_LEAST     25       /* frames, 0.5 s */

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
    uint32_t *bits;                    /* of each frame */
    uint32_t *sure;                    /* of each frame: bits more than 3 dB from zero */
    uint32_t *own;                     /* of each frame: sure, where no clip of another number sounds the same, else 0 */
    uint8_t *twin;                     /* of each frame: OH_TWIN_ marks */
    uint16_t *owner;                   /* of each frame: its clip */
    uint32_t *start[OH_KEYS];          /* OH_KEY_VALUES + 1 places in the lists */
    struct oh_listed *listed[OH_KEYS]; /* frames, by key */
    oh_scan_fn *scan;                  /* for this processor */
};

/* One more and one less user; the last one out frees it. NULL is allowed. */
void oh_library_hold(struct oh_library *library);
void oh_library_release(struct oh_library *library);

/* First bit of a key. */
static inline int oh_key_shift(int key) {
    return 4 * key;
}

/* For the maker and the reader of files. Room for so many clips and frames, all zero; NULL with ENOMEM. */
struct oh_library *oh_library_empty(uint32_t clips, uint32_t frames);
void oh_library_destroy(struct oh_library *library);
/* List all frames by key. false without memory. */
bool oh_library_index(struct oh_library *library);
/* Note which bits are a clip's own. */
void oh_library_own(struct oh_library *library);

#endif
