/* The vector half of the answer analysis: from two spectra of sixteen channels to the frame's measures, and the network over them.
 *
 * Built once for each instruction set like the spectrum kernel. A lane is a channel, no lane meets another one, no multiply is fused with
 * an add and every function is made of + - * / and bit fields, so all builds and machines give the same bits. */
#ifndef OH_ANSWER_NET_H
#define OH_ANSWER_NET_H

#include "kernels.h"
#include "offhook.h"

#define OH_ANSWER_BANDS 16
#define OH_ANSWER_DENSE 32 /* units of the layer in the middle */
#define OH_ANSWER_SORTS 5  /* what the network tells apart, enum oh_answer_sort */
#define OH_ANSWER_KNOTS 7  /* of the calibration, in the log odds */
#define OH_ANSWER_TIMES 4  /* and in the time since the answer */

/* What the network looks at. Of this frame: */
enum {
    OH_AT_LEVEL,  /* bels relative to speech */
    OH_AT_CHANGE, /* of the bands since the frame before, mean of their absolute values in bels */
    OH_AT_LOUD,   /* 1: a sound, 0: none */
    OH_AT_TONE,   /* share of the power in one or two sines, of a sound */
    OH_AT_VOICED, /* how regular the harmonics are, of a sound */
    OH_AT_PITCH,  /* octaves above the mean of the call */
    /* of the frames so far, means that forget: of level, change, voiced, tone and pitch, each over the last 0.1 s and the last 0.7 s */
    OH_AT_MEANS,
    /* and of the call so far, see measure() */
    OH_AT_FACTS = OH_AT_MEANS + 10
};
_Static_assert(OH_AT_FACTS + 16 == OH_ANSWER_FEATURES, "a model file has a weight for each of these");

enum oh_answer_sort { OH_SORT_PERSON, OH_SORT_MACHINE, OH_SORT_IVR, OH_SORT_ANNOUNCEMENT, OH_SORT_OTHER };

/* Weights of two layers. Input runs first, output second. */
struct oh_answer_model {
    float w1[OH_ANSWER_FEATURES][OH_ANSWER_DENSE];
    float b1[OH_ANSWER_DENSE];
    float w2[OH_ANSWER_DENSE][OH_ANSWER_SORTS];
    float b2[OH_ANSWER_SORTS];
    float odds[OH_ANSWER_TIMES][OH_ANSWER_KNOTS]; /* calibration: log odds of a person where the network says those of the knots */
};

#define OH_ANSWER_WEIGHTS ((int)(sizeof(struct oh_answer_model) / sizeof(float)))

/* The model that is built in (answer_model.c, written by `offhook amd train`). */
extern const struct oh_answer_model oh_answer_model;

/* Measures of one frame of sixteen channels. Powers are lg of the power relative to 0 dBm0 ("bels"), not below -9. */
struct oh_answer_front {
    _Alignas(64) float band[OH_ANSWER_BANDS][OH_LANES];
    float level[OH_LANES];  /* 125 to 3469 Hz */
    float tone[OH_LANES];   /* share of the power in the strongest one or two sines */
    float voiced[OH_LANES]; /* -1 to 1: how regular the harmonics are */
    float pitch[OH_LANES];  /* lg2 of the pitch in Hz that fits them best */
};

struct oh_answer_kernels {
    void (*front)(const struct oh_spectrum *two, struct oh_answer_front *out);
    /* Level relative to that of speech, change since the frame before (band, which becomes this frame's), and the means in lanes whose mask
     * is all ones. */
    void (*follow)(const struct oh_answer_front *front, const float *speech, const float *floor, const int32_t *mask,
                   float (*band)[OH_LANES], float (*x)[OH_LANES]);
    /* p: probability of each sort. */
    void (*judge)(const struct oh_answer_model *model, const float (*x)[OH_LANES], float (*p)[OH_LANES]);
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
