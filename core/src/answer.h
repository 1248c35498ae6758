/* Answer analysis: who or what answered, told from the first seconds after the answer. Owned by the ear, feeder thread only. */
#ifndef OH_ANALYSIS_H
#define OH_ANALYSIS_H

#include "answer_net.h"
#include "ear.h"

struct oh_lane;

enum { OH_CLICK = 4 }; /* frames of sound: fewer are no utterance */

/* Ringing after the answer: it may, it does, it has ended. */
enum { OH_MAY_RING = 1, OH_RINGS = 2, OH_RANG = 3 };

/* Music after the answer: it is on, it has just ended. */
enum { OH_PLAYS = 1, OH_PLAYED = 2 };

/* What other detectors heard that bears on who answered; kept in the lane, times are the lane's. */
struct oh_heard {
    uint8_t rang, music; /* before the answer: ring-back, a ring-back tune */
    uint8_t spoke;       /* before the answer: speech, that lasted when the answer came if it is 2 */
    uint8_t fax, modem, sit, network, key;
    uint8_t beep, fresh_beep;
    uint8_t rings;         /* after the answer: OH_MAY_RING ... */
    uint8_t plays;         /* music after the answer: OH_PLAYS ... */
    uint8_t machine;       /* the newest verdict is one */
    uint16_t spoken;       /* frames of sound that is no tone, since the answer */
    uint32_t speaks_from;  /* the utterance that is on began then; 0 = none */
    uint8_t confidence;    /* of the fax or modem tone */
    uint8_t cng, cng_over; /* how many there were; one has ended just now */
    uint32_t cng_end, cng_ms;
    float plays_level; /* of the music, bels */
    uint32_t rang_from, beep_end, beep_ms, tone_end;
};

/* The field's rules (amd_rules.c). */
struct oh_rules {
    uint16_t frames, voice, word, silence, words;
    uint8_t in_word, began;
};

/* One channel's analysis. Counts are frames of 20 ms. */
struct oh_analysis {
    uint8_t began, over; /* since the answer; nothing more to say */
    uint8_t verdict;     /* enum oh_answer, 0 = none yet */
    uint8_t steady;      /* frames in a row that ask for the same verdict */
    uint8_t wish;        /* that verdict */
    uint8_t changes;     /* verdicts given */
    uint8_t sure;        /* of the last verdict */
    uint8_t again;       /* hearing began anew after a machine's verdict: somebody may have picked up */
    uint8_t tolls;       /* frames of a tone in a row */
    uint8_t rung_on;     /* nothing but a tone since the answer: the end of the ringing */
    uint8_t burst;       /* there were enough of them for one of ringing since hearing began */
    uint16_t verdict_at;
    uint16_t t;           /* since the answer */
    uint16_t from;        /* when hearing began, 0 but for a second time */
    uint16_t waits_from;  /* nobody has spoken since; ringing does not count */
    uint16_t strong_at;   /* last frame of this utterance that was about as loud as its voice */
    int16_t onset;        /* of the first utterance, -1 before it */
    uint16_t start;       /* of the utterance that is on, or was last */
    uint16_t last_active; /* last frame with sound of an utterance */
    uint16_t utterances, active, voiced, clear, tones;
    uint16_t now_active; /* active frames of this utterance */
    uint16_t longest_pause, first_length, last_length;
    uint16_t spoken;         /* active frames since the answer, hearing anew or not */
    uint8_t speaking, quiet; /* frames without sound */
    uint8_t tick;            /* of the running 0.64 s of the floor */
    uint32_t answered_at;    /* lane time */
    float floor, least, before;
    float din;               /* level of what sounded without a pause, falling */
    float level;             /* of speech */
    float backdrop;          /* of what sounds on when the voice has ended: other voices, music, a baby */
    float mean_n, mean, var; /* of the level of active frames */
    float pitch_n, pitch, pitch_var, pitch_end;
    float tone, change, change_sq; /* sums: share of tones in loud frames; change of the bands in active ones, and its square */
    uint16_t loud;
    float greeting_level, greeting_floor, greeting_pitch; /* of the machine; pitch 0 = not known */
    float p[OH_ANSWER_COUNT];
    float maybe; /* probability of a person that too short a sound was denied */
    struct oh_rules rules;
};

struct oh_answer_group {
    _Alignas(64) float band[OH_ANSWER_BANDS][OH_LANES]; /* of the frame before */
    float speech[OH_LANES], floor[OH_LANES];
    float x[OH_ANSWER_FEATURES][OH_LANES];
    struct oh_analysis lane[OH_LANES];
    oh_answer_settings settings[OH_LANES];
};

/* All channels. */
struct oh_answers {
    const struct oh_answer_kernels *kernels;
    const struct oh_answer_model *model;
    struct oh_answer_model *own; /* loaded, NULL = built in */
    struct oh_answer_group *groups;
    int count;
};

/* 0 or -ENOMEM. */
int oh_answers_init(struct oh_answers *a, int groups);
void oh_answers_free(struct oh_answers *a);
/* Forget the call of one channel; its settings stay. */
void oh_answers_reset(struct oh_answers *a, int channel);
/* Decide by these settings. */
void oh_answers_set(struct oh_answers *a, int channel, const oh_answer_settings *settings);
/* See oh_core_answer_view(). */
int oh_answers_view(const struct oh_answers *a, int channel, float *p, float *features);
/* Use this model from now on. 0, -EINVAL or -ENOMEM. */
int oh_answers_load(struct oh_answers *a, const void *model, size_t bytes);
/* A detector said something: remember what bears on the answer. */
void oh_answer_heard(struct oh_lane *lane, const oh_event *event, uint32_t onset);
/* After the detectors have heard a frame: 20 ms of one group's analysis. */
void oh_answers_frame(struct oh_answers *a, int group, struct oh_lane *lanes, int lanes_used, const struct oh_spectrum *two,
                      struct oh_sink *sink);

/* answer_verdict.c. Probabilities of the classes after a frame; from: what the network says of each sort, trained on as many people as others,
 * in lane i. */
void oh_answer_weigh(struct oh_analysis *s, const struct oh_heard *heard, const oh_answer_settings *set, const float (*from)[OH_LANES],
                     int i);
/* Raise a verdict if it is time for one; level of the frame in bels. */
void oh_answer_decide(struct oh_analysis *s, struct oh_lane *lane, const oh_answer_settings *set, float level, struct oh_sink *sink);
/* The voice stands out from the music after the answer. */
bool oh_answer_above_music(const struct oh_analysis *s, const struct oh_heard *heard);
/* Machine, menu, announcement or screening. */
bool oh_answer_is_machine(int verdict);

/* Values in range and costs that say something. */
bool oh_answer_settings_ok(const oh_answer_settings *settings);

/* One frame of the rules: level in bels. Returns enum oh_answer, or -1 while there is none. */
int oh_rules_frame(struct oh_rules *r, const oh_answer_settings *settings, float level);

/* Weights from the octets of a model file. 0 or -EINVAL; out is written only on success. */
int oh_answer_model_read(const void *file, size_t bytes, struct oh_answer_model *out);

#endif
