/* How far two stretches of fingerprint agree. */
#ifndef OH_AGREE_H
#define OH_AGREE_H

#include "fingerprint.h"

struct oh_tally {
    uint32_t bits, wrong, frames; /* frames that have such bits */
};

/* n frames that lie in a row on both sides; only bits in both masks count. */
static inline struct oh_tally oh_agree_count(const uint32_t *bits, const uint32_t *mask, const uint32_t *other_bits,
                                             const uint32_t *other_mask, uint32_t n) {
    struct oh_tally t = {0, 0, 0};
    for (uint32_t i = 0; i < n; i++) {
        uint32_t both = mask[i] & other_mask[i];
        t.frames += both != 0;
        t.bits += oh_count_bits(both);
        t.wrong += oh_count_bits((bits[i] ^ other_bits[i]) & both);
    }
    return t;
}

/* How far from chance, 0 to 10: 1 minus twice the share of wrong bits, times 10 sqrt(frames / 64). Bits of one frame hang together, so that
 * frames count and not bits; 64 of them make as sure as it gets. In 34 hours of other audio against 535 clips two different recordings reached
 * 6.6, once, where a synthesizer said the words of a clip in the clip's own voice. The same recording has 9.5 on a quiet line; in noise of 10 dB
 * 8, and seldom less than 6.7. 0 for fewer than 240 bits or 20 frames. */
float oh_agreement(struct oh_tally t);
/* For stretches that are known to be near: frames count with the power of 0.75, so that few of them tell little; 0 for fewer than so many bits. */
float oh_agreement_of_few(struct oh_tally t, uint32_t bits);

#endif
