/* The vector half of the answer analysis: from two spectra of sixteen channels to the frame's measures, and the network over them.
 *
 * Built once for each instruction set like the spectrum kernel. A lane is a channel, no lane meets another one, no multiply is fused with
 * an add and every function is made of + - * / and bit fields, so all builds and machines give the same bits. */
#ifndef OH_ANSWER_NET_H
#define OH_ANSWER_NET_H

#include "kernels.h"
#include "offhook.h"

#define OH_ANSWER_BANDS  16
#define OH_ANSWER_SHAPE  (OH_ANSWER_BANDS + 4)
#define OH_ANSWER_HIDDEN 24 /* units of the recurrent layer */
#define OH_ANSWER_DENSE  24 /* units of the layer above it */
#define OH_ANSWER_STATS                                                                                                                    \
    24 /* features below are of the frame, for the recurrent layer; the rest are facts of the call so far, for the upper one */
#define OH_ANSWER_UPPER (OH_ANSWER_HIDDEN + OH_ANSWER_FEATURES - OH_ANSWER_STATS)
#define OH_ANSWER_SORTS 5 /* what the network tells apart, enum oh_answer_sort */

enum oh_answer_sort { OH_SORT_PERSON, OH_SORT_MACHINE, OH_SORT_IVR, OH_SORT_ANNOUNCEMENT, OH_SORT_OTHER };

/* Weights of a gated recurrent unit (reset, update, new) and two dense layers. Input runs first, output second. */
struct oh_answer_model {
    float wx[OH_ANSWER_STATS][3 * OH_ANSWER_HIDDEN];
    float wh[OH_ANSWER_HIDDEN][3 * OH_ANSWER_HIDDEN];
    float bx[3 * OH_ANSWER_HIDDEN];
    float bh[3 * OH_ANSWER_HIDDEN];
    float w1[OH_ANSWER_UPPER][OH_ANSWER_DENSE];
    float b1[OH_ANSWER_DENSE];
    float w2[OH_ANSWER_DENSE][OH_ANSWER_SORTS];
    float b2[OH_ANSWER_SORTS];
    float odds[3]; /* calibration of the log odds of a person: factor below 0, factor above 0, offset */
};

#define OH_ANSWER_WEIGHTS ((int)(sizeof(struct oh_answer_model) / sizeof(float)))

/* The model that is built in (answer_model.c, written by `offhook amd train`). */
extern const struct oh_answer_model oh_answer_model;

/* Measures of one frame of sixteen channels. Powers are lg of the power relative to 0 dBm0 ("bels"), not below -9. */
struct oh_answer_front {
    float band[OH_ANSWER_BANDS][OH_LANES];
    float level[OH_LANES];  /* 125 to 3469 Hz */
    float tone[OH_LANES];   /* share of the power in the strongest one or two sines */
    float voiced[OH_LANES]; /* -1 to 1: how regular the harmonics are */
    float pitch[OH_LANES];  /* lg2 of the pitch in Hz that fits them best */
};

struct oh_answer_kernels {
    void (*front)(const struct oh_spectrum *two, struct oh_answer_front *out);
    /* The features of the spectrum's shape (0 to OH_ANSWER_SHAPE - 1): bands and level relative to that of speech, change since the frame
     * before (band, which becomes this frame's), peakiness. */
    void (*shape)(const struct oh_answer_front *front, const float *speech, const float *floor, float (*band)[OH_LANES],
                  float (*x)[OH_LANES]);
    /* One step; state moves only in lanes whose mask is all ones. first: features before it have no weight. p: probability of each sort. */
    void (*step)(const struct oh_answer_model *model, int first, const float (*x)[OH_LANES], const int32_t *mask, float (*state)[OH_LANES],
                 float (*p)[OH_LANES]);
};

extern const struct oh_answer_kernels oh_answer_base, oh_answer_avx2, oh_answer_avx512;

/* Constants of the pitch search. */
#define OH_PITCHES    28
#define OH_PITCH_LOW  5 /* first bin of the harmonics looked at, 156 Hz */
#define OH_PITCH_BINS 40
struct oh_answer_tables {
    float wave[OH_PITCHES][OH_PITCH_BINS]; /* cosine over the bins, mean taken out, length 1 */
    float octave[OH_PITCHES];              /* lg2 of the pitch in Hz */
};
extern struct oh_answer_tables oh_answer_tables;
void oh_answer_tables_init(void);

#endif
