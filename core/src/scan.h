/* The innermost loop of the search: which frames of the library that are listed under a key agree with what is heard? */
#ifndef OH_SCAN_H
#define OH_SCAN_H

#include <stdint.h>

/* A frame of the library as it stands in the lists, so that the first look stays in one place. */
struct oh_listed {
    uint32_t bits[3]; /* of the frame, of OH_PRINT_PAST frames before and of twice as many */
    uint32_t frame;
};

/* What is heard in the same three frames, the bits that count, and how many of these may be wrong. */
struct oh_look {
    uint32_t bits[3], likely[3], limit;
};

/* Put the frames of n entries that agree into found, in order. Returns how many. */
typedef uint32_t oh_scan_fn(const struct oh_look *look, const struct oh_listed *listed, uint32_t n, uint32_t *found);

/* The one for this processor; all give the same. */
oh_scan_fn *oh_scan_chosen(void);

#endif
