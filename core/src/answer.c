/* Answer analysis: measures of each 20 ms of a call after its answer, for the network that judges them; the decision is in answer_verdict.c.
 *
 * Levels are taken relative to the call's own speech level and floor, so that neither the loudness of a line nor its law counts. What the
 * other detectors heard comes in through oh_answer_heard(). */
#include "answer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lane.h"

enum {
    HANG = 10,           /* quiet frames that end an utterance */
    FLOOR_FRAMES = 32,   /* the floor is the least level of one to two such spans */
    PICK_UP_LEAD = 15,   /* frames of silence that hearing anew begins with */
    PICK_UP_LAST = 2000, /* frames after the answer */
    DIN_OVER = 100,      /* quiet frames: what comes after them is another sound */
    BURST = 8,           /* frames of a tone that are one of ringing, and no vowel */
    NO_VOICE = 12,       /* frames of sound: the edges of a few bursts; more, and what seems ringing is a tune */
    LATE_VOICE = 100,    /* frames: who speaks after so long a silence is heard as if he had just answered */
    FAINT_OVER = 35,     /* frames in which no voice stays so far below its own loudness */
};

#define LEVEL_MIN   (-5.2f) /* bels: quieter is no sound */
#define LEVEL_ABOVE 0.8f    /* bels above the floor: a sound */
#define TONE_SHARE  0.93f
#define VOICED      0.40f /* a sound that may be a voice's */
#define CLEAR       0.55f /* a vowel: its pitch can be told */
#define NEAR_FLOOR  0.5f  /* bels: a sound whose mean is no further above the floor, once the floor is known, was no voice but din */
#define DIN_LEAST   (-9.0f)
#define FAINT       1.0f /* bels below the voice: its own weak sounds for a moment, another sound for longer */
#define OVER_BACK   0.4f /* bels that a voice stands out from the backdrop */

/* -- making and freeing --------------------------------------------------------------------------------------------------- */

static const struct oh_answer_kernels *fitting_kernels(void) {
#if defined(__x86_64__)
    if (oh_kernel_chosen() == oh_kernel_avx512)
        return &oh_answer_avx512;
    if (oh_kernel_chosen() == oh_kernel_avx2)
        return &oh_answer_avx2;
#endif
    return &oh_answer_base;
}

int oh_answers_init(struct oh_answers *a, int groups) {
    oh_answer_tables_init();
    memset(a, 0, sizeof *a);
    a->kernels = fitting_kernels();
    a->model = &oh_answer_model;
    a->count = groups;
    a->groups = aligned_alloc(_Alignof(struct oh_answer_group), (size_t)groups * sizeof *a->groups);
    if (!a->groups)
        return -ENOMEM;
    memset(a->groups, 0, (size_t)groups * sizeof *a->groups);
    for (int i = 0; i < groups * OH_LANES; i++)
        a->groups[i / OH_LANES].settings[i % OH_LANES] = *oh_answer_preset("balanced");
    return 0;
}

void oh_answers_free(struct oh_answers *a) {
    free(a->groups);
    free(a->own);
    memset(a, 0, sizeof *a);
}

void oh_answers_reset(struct oh_answers *a, int channel) {
    memset(&a->groups[channel / OH_LANES].lane[channel % OH_LANES], 0, sizeof(struct oh_analysis));
}

void oh_answers_set(struct oh_answers *a, int channel, const oh_answer_settings *settings) {
    a->groups[channel / OH_LANES].settings[channel % OH_LANES] = *settings;
}

int oh_answers_view(const struct oh_answers *a, int channel, float *p, float *features) {
    const struct oh_answer_group *g = &a->groups[channel / OH_LANES];
    const struct oh_analysis *s = &g->lane[channel % OH_LANES];
    memcpy(p, s->p, sizeof s->p);
    for (int k = 0; features && k < OH_ANSWER_FEATURES; k++)
        features[k] = g->x[k][channel % OH_LANES];
    return s->began ? s->t * OH_FRAME_MS : 0;
}

int oh_answers_load(struct oh_answers *a, const void *file, size_t bytes) {
    struct oh_answer_model *model = malloc(sizeof *model);
    if (!model)
        return -ENOMEM;
    int status = oh_answer_model_read(file, bytes, model);
    if (status) {
        free(model);
        return status;
    }
    free(a->own);
    a->model = a->own = model;
    return 0;
}

/* -- what the other detectors heard --------------------------------------------------------------------------------------- */

/* A ring-back tune may be told after the answer, when it has ended; and the windows of music do not begin with the answer. */
static void heard_music(struct oh_lane *lane, int level_cdbm0, uint32_t onset) {
    struct oh_heard *h = &lane->heard;
    if (lane->answered && (int32_t)(onset - lane->answered_at) > -300 * OH_MS) {
        h->plays = OH_PLAYS;
        h->plays_level = (float)level_cdbm0 * 0.001f;
    } else {
        h->music = 1;
    }
}

void oh_answer_heard(struct oh_lane *lane, const oh_event *event, uint32_t onset) {
    struct oh_heard *h = &lane->heard;
    if (event->kind == OH_EVENT_SPEECH && !lane->answered)
        h->spoke = 2;
    else if (event->kind == OH_EVENT_SPEECH_END && !lane->answered)
        h->spoke = 1;
    else if (event->kind == OH_EVENT_MUSIC)
        heard_music(lane, event->level_cdbm0, onset);
    else if (event->kind == OH_EVENT_MUSIC_END && h->plays)
        h->plays = OH_PLAYED;
    else if (event->kind == OH_EVENT_ANSWER)
        h->machine = oh_answer_is_machine(event->detail);
    if (event->kind == OH_EVENT_TONE_END && event->tone == OH_TONE_FAX_CNG && lane->answered) {
        h->cng_over = 1;
        h->cng_end = (uint32_t)event->at_sample;
        h->cng_ms = event->value;
    }
    if (event->tone == OH_TONE_RINGBACK && lane->answered) {
        bool provisional = event->flags & OH_FLAG_PROVISIONAL;
        if (event->kind == OH_EVENT_TONE)
            h->rings = provisional ? OH_MAY_RING : OH_RINGS;
        else if (h->rings)
            h->rings = OH_RANG;
        return;
    }
    if (event->kind != OH_EVENT_TONE)
        return;
    if (event->tone == OH_TONE_RINGBACK) {
        if (!h->rang)
            h->rang_from = onset;
        h->rang = 1;
        return;
    }
    if (!lane->answered || (event->flags & OH_FLAG_PROVISIONAL))
        return;
    h->tone_end = (uint32_t)lane->now;
    switch (event->tone) {
    case OH_TONE_FAX_CNG:
        h->cng = (uint8_t)(h->cng < 9 ? h->cng + 1 : 9);
        h->confidence = event->confidence;
        break;
    case OH_TONE_FAX_CED:
    case OH_TONE_V21_PREAMBLE:
        h->fax = 1;
        h->confidence = event->confidence;
        break;
    case OH_TONE_ANS_PR:
    case OH_TONE_ANSAM:
    case OH_TONE_ANSAM_PR:
    case OH_TONE_BELL_ANS:
        h->modem = 1;
        h->confidence = event->confidence;
        break;
    case OH_TONE_SIT:
    case OH_TONE_SIT_US:
        h->sit = 1;
        break;
    case OH_TONE_DTMF:
        h->key = 1;
        break;
    case OH_TONE_BEEP:
    case OH_TONE_RECORD:
        h->beep = h->fresh_beep = 1;
        h->beep_end = event->tone == OH_TONE_BEEP ? onset + event->value * OH_MS : (uint32_t)lane->now;
        h->beep_ms = event->value;
        break;
    default:
        h->network = 1;
    }
}

/* -- measures ------------------------------------------------------------------------------------------------------------- */

static uint16_t up(uint16_t x) {
    return (uint16_t)(x < UINT16_MAX ? x + 1 : x);
}

static void begin(struct oh_analysis *s, const struct oh_lane *lane) {
    memset(s, 0, sizeof *s);
    s->began = 1;
    s->onset = -1;
    s->din = s->backdrop = DIN_LEAST;
    s->answered_at = (uint32_t)lane->now - OH_FRAME_SAMPLES;
    s->p[OH_ANSWER_UNKNOWN] = 1;
}

/* The means begin at nothing. */
static void forget(struct oh_answer_group *g, int i) {
    for (int k = OH_AT_MEANS; k < OH_AT_FACTS; k++)
        g->x[k][i] = 0;
}

static void follow_floor(struct oh_analysis *s, float level) {
    if (s->t == 1)
        s->floor = s->before = s->least = oh_minf(level, -4.0f);
    s->least = s->tick ? oh_minf(s->least, level) : level;
    if (++s->tick == FLOOR_FRAMES) {
        s->tick = 0;
        s->floor = oh_minf(s->least, s->before) + 0.15f;
        s->before = s->least;
    }
    s->floor = oh_clipf(s->floor, -8.0f, level + 0.15f);
}

/* As if the call had been answered so many frames ago. */
static void hear_anew(struct oh_analysis *s, int lead) {
    s->from = (uint16_t)(s->t > lead ? s->t - lead : 0);
    s->onset = -1;
    s->utterances = s->active = s->voiced = s->clear = s->tones = 0;
    s->longest_pause = s->first_length = s->last_length = 0;
    s->mean_n = s->mean = s->var = 0;
    s->pitch_n = s->pitch = s->pitch_var = s->pitch_end = 0;
    s->tone = s->change = s->change_sq = 0;
    s->loud = 0;
    s->backdrop = DIN_LEAST;
}

/* After a machine's verdict each new utterance is heard anew: a person who picks up begins so. */
static void mind_pick_up(struct oh_analysis *s) {
    if (!s->again) {
        s->greeting_level = s->level;
        s->greeting_floor = s->floor;
        s->greeting_pitch = s->pitch_n > 4 ? s->pitch : 0;
    }
    s->again = 1;
    hear_anew(s, PICK_UP_LEAD);
}

/* An exchange or a gateway took the call and rings on: whoever speaks after a burst of it answers then. */
static bool answers_late(struct oh_analysis *s, struct oh_heard *heard, bool sound) {
    bool over = heard->rings == OH_RANG;
    if (over)
        heard->rings = 0;
    if (s->verdict && s->verdict != OH_ANSWER_UNKNOWN && s->verdict != OH_ANSWER_SILENCE)
        return false;
    bool rings = heard->rings == OH_RINGS || (heard->rings == OH_MAY_RING && s->spoken < NO_VOICE);
    if (!over && !(rings && s->burst && sound && !s->speaking))
        return false;
    s->verdict = 0;
    hear_anew(s, over ? 0 : PICK_UP_LEAD);
    s->waits_from = s->from;
    return true;
}

/* What stays faint is not the voice that was heard: the utterance has ended where that was loud last, and what goes on is a backdrop.
 * Returns whether the sound is the voice's. */
static bool of_the_voice(struct oh_analysis *s, float level) {
    if (s->onset < 0 || level > s->level - FAINT) {
        s->strong_at = s->t;
        return true;
    }
    if (!s->speaking) {
        if (level > s->backdrop + OVER_BACK) {
            s->strong_at = s->t;
            return true;
        }
        s->backdrop = oh_maxf(s->backdrop, level);
        return false;
    }
    if (s->t - s->strong_at < FAINT_OVER)
        return true;
    s->backdrop = oh_maxf(s->backdrop, level);
    s->last_active = s->strong_at;
    s->quiet = HANG;
    return false;
}

/* An utterance goes on through pauses shorter than HANG frames. */
static void follow_speech(struct oh_analysis *s, bool sound, float level) {
    if (sound) {
        if (!s->speaking) {
            s->speaking = 1;
            s->start = s->t;
            s->now_active = 0;
            if (s->onset < 0) {
                s->onset = (int16_t)s->t;
                s->level = level;
            } else if (s->t - s->last_active > s->longest_pause) {
                s->longest_pause = (uint16_t)(s->t - s->last_active);
            }
        }
        s->quiet = 0;
        s->last_active = s->t;
        s->now_active++;
        s->active = up(s->active);
        s->spoken = up(s->spoken);
        s->level = level > s->level ? s->level + 0.5f * (level - s->level) : s->level - 0.001f;
        s->mean_n = oh_minf(s->mean_n + 1, 200);
        float d = level - s->mean;
        s->mean += d / s->mean_n;
        s->var += (d * (level - s->mean) - s->var) / s->mean_n;
        return;
    }
    s->quiet = (uint8_t)(s->quiet < 250 ? s->quiet + 1 : 250);
    if (s->speaking && s->quiet >= HANG) {
        s->speaking = 0;
        if (s->now_active < OH_CLICK && s->utterances == 0) {
            s->onset = -1;
            s->active = 0;
            s->mean_n = s->mean = s->var = 0;
        } else if (s->now_active >= OH_CLICK) {
            s->utterances++;
            s->last_length = (uint16_t)(s->last_active - s->start + 1);
            if (s->utterances == 1)
                s->first_length = s->last_length;
        }
    }
}

static void follow_pitch(struct oh_analysis *s, float pitch) {
    s->clear = up(s->clear);
    s->pitch_n = oh_minf(s->pitch_n + 1, 100);
    if (s->pitch_n == 1)
        s->pitch = s->pitch_end = pitch;
    float d = pitch - s->pitch;
    s->pitch += d / s->pitch_n;
    s->pitch_var += (d * (pitch - s->pitch) - s->pitch_var) / s->pitch_n;
    s->pitch_end += 0.2f * (pitch - s->pitch_end);
}

static float seconds(int frames, float most) {
    return oh_minf((float)frames * 0.02f, most);
}

/* One frame of one lane: what has happened so far, and the numbers that the model is shown of it. */
static void measure(struct oh_analysis *s, struct oh_heard *heard, const struct oh_answer_front *f, int i, struct oh_answer_group *g) {
    float level = f->level[i];
    follow_floor(s, level);
    bool tone = f->tone[i] > TONE_SHARE;
    bool loud = level > oh_maxf(s->floor + LEVEL_ABOVE, LEVEL_MIN);
    bool toll = tone && level > -5.0f;
    s->rung_on = toll && (s->rung_on || s->t == 1);
    s->tones = toll && !s->rung_on ? up(s->tones) : s->tones;
    s->tolls = (uint8_t)(!toll ? 0 : s->tolls < BURST ? s->tolls + 1 : BURST);
    s->burst |= s->tolls == BURST;
    if (answers_late(s, heard, loud && !tone)) {
        forget(g, i);
    } else if (loud && !tone && s->onset < 0 && s->t - s->from > LATE_VOICE) {
        hear_anew(s, PICK_UP_LEAD);
        forget(g, i);
    } else if (loud && !tone && !s->speaking && oh_answer_is_machine(s->verdict) && s->t < PICK_UP_LAST) {
        mind_pick_up(s);
        forget(g, i);
    }
    follow_speech(s, loud && !tone && of_the_voice(s, level), level);
    heard->spoken = s->spoken;
    heard->speaks_from = s->speaking ? s->answered_at + (uint32_t)s->start * OH_FRAME_SAMPLES : 0;
    if (s->speaking && s->now_active >= 2 * OH_CLICK) /* more than the edge of a burst */
        s->burst = 0;
    if (s->active && s->mean < s->floor + NEAR_FLOOR) /* went on until it was the floor */
        s->din = oh_maxf(s->din, s->floor);
    if (heard->plays == OH_PLAYED) {
        heard->plays = 0;
        if (!oh_answer_above_music(s, heard)) {
            hear_anew(s, 0);
            s->waits_from = s->from;
            forget(g, i);
        }
    }
    if (s->quiet >= DIN_OVER && s->floor < s->din - 1.0f) { /* it has ended */
        s->din = DIN_LEAST;
        hear_anew(s, 0);
        s->waits_from = s->from;
        forget(g, i);
    }
    if (loud) {
        s->loud = up(s->loud);
        s->tone += f->tone[i];
    }
    if (loud && !tone && s->t > 1) {
        float change = g->x[OH_AT_CHANGE][i]; /* of the frame before */
        s->change += change;
        s->change_sq += change * change;
    }
    bool voiced = loud && !tone && f->voiced[i] > VOICED;
    bool clear = voiced && f->voiced[i] > CLEAR;
    if (voiced)
        s->voiced = up(s->voiced);
    if (clear)
        follow_pitch(s, f->pitch[i]);

    g->speech[i] = s->onset >= 0 ? s->level : s->floor + 3.0f;
    g->floor[i] = s->floor;
    float(*x)[OH_LANES] = g->x;
    x[OH_AT_LOUD][i] = loud ? 1.0f : 0.0f;
    x[OH_AT_TONE][i] = loud ? f->tone[i] : 0.0f;
    x[OH_AT_VOICED][i] = loud ? f->voiced[i] : 0.0f;
    x[OH_AT_PITCH][i] = clear ? oh_clipf(f->pitch[i] - s->pitch, -1.5f, 1.5f) : 0.0f;
    int k = OH_AT_FACTS;
    bool spoken = s->onset >= 0;
    x[k++][i] = seconds(s->t - s->from, 4.0f);
    x[k++][i] = spoken ? seconds(s->onset - s->from, 3.0f) : 0.0f;
    x[k++][i] = spoken ? seconds(s->t - s->onset, 4.0f) : 0.0f;
    x[k++][i] = s->speaking ? seconds(s->t - s->start + 1, 4.0f) : 0.0f;
    x[k++][i] = spoken ? seconds(s->t - s->last_active, 2.0f) : 0.0f;
    x[k++][i] = oh_minf((float)s->utterances, 6.0f) * 0.5f;
    x[k++][i] = seconds(s->active, 4.0f);
    x[k++][i] = seconds(s->longest_pause, 1.5f);
    x[k++][i] = seconds(s->first_length, 4.0f);
    x[k++][i] = seconds(s->last_length, 4.0f);
    x[k++][i] = s->loud ? s->tone / (float)s->loud : 0.0f;
    float n = s->active ? 1.0f / (float)s->active : 0.0f;
    float change = s->change * n;
    x[k++][i] = oh_clipf(2.0f * change, 0.0f, 2.0f);
    x[k++][i] = 2.0f * oh_sqrtf(oh_maxf(s->pitch_var, 0.0f));
    x[k++][i] = (float)s->clear * n;
    x[k++][i] = oh_clipf(2.0f * (s->pitch_end - s->pitch), -2.0f, 2.0f);
    x[k++][i] = 3.0f * oh_sqrtf(oh_clipf(s->change_sq * n - change * change, 0.0f, 1.0f));
}

/* -- a frame of all channels ----------------------------------------------------------------------------------------------- */

void oh_answers_frame(struct oh_answers *a, int group, struct oh_lane *lanes, int lanes_used, const struct oh_spectrum *two,
                      struct oh_sink *sink) {
    struct oh_answer_group *g = &a->groups[group];
    int32_t running[OH_LANES] = {0}, heard[OH_LANES] = {0};
    int32_t any = 0;
    for (int i = 0; i < lanes_used; i++) {
        if (!(lanes[i].armed & OH_DETECT_ANSWER) || !lanes[i].answered || g->lane[i].over)
            continue;
        running[i] = any = -1;
        if (g->lane[i].began)
            continue;
        begin(&g->lane[i], &lanes[i]);
        forget(g, i);
        for (int b = 0; b < OH_ANSWER_BANDS; b++)
            g->band[b][i] = -9.0f;
    }
    if (!any)
        return;
    struct oh_answer_front front;
    a->kernels->front(two, &front);
    for (int i = 0; i < lanes_used; i++) {
        if (!running[i])
            continue;
        struct oh_analysis *s = &g->lane[i];
        s->t++;
        heard[i] = (int32_t)(lanes[i].hold_until - (uint32_t)lanes[i].now) > 0 ? 0 : -1; /* lost audio: time passes, nothing is judged */
        if (heard[i])
            measure(s, &lanes[i].heard, &front, i, g);
    }
    _Alignas(64) float p[OH_ANSWER_SORTS][OH_LANES];
    a->kernels->follow(&front, g->speech, g->floor, heard, g->band, g->x);
    a->kernels->judge(a->model, (const float(*)[OH_LANES])g->x, p);
    for (int i = 0; i < lanes_used; i++) {
        if (!running[i])
            continue;
        struct oh_analysis *s = &g->lane[i];
        const oh_answer_settings *set = &g->settings[i];
        if (heard[i])
            oh_answer_weigh(s, &lanes[i].heard, set, (const float(*)[OH_LANES])p, i);
        oh_answer_decide(s, &lanes[i], set, front.level[i], sink);
    }
}

/* -- tables --------------------------------------------------------------------------------------------------------------- */

struct oh_answer_tables oh_answer_tables;

void oh_answer_tables_init(void) {
    for (int i = 0; i < OH_PITCHES; i++) {
        double octave = (double)i * (2.5 / (OH_PITCHES - 1)); /* 70 to 396 Hz */
        double hz = 70;
        for (int n = 0; n < (int)octave; n++)
            hz *= 2;
        double rest = (octave - (int)octave) * 0.69314718055994530942, term = 1, sum = 1;
        for (int n = 1; n < 20; n++) {
            term *= rest / n;
            sum += term;
        }
        hz *= sum;
        double wave[OH_PITCH_BINS], mean = 0, power = 0;
        for (int k = 0; k < OH_PITCH_BINS; k++) {
            wave[k] = oh_cos_turn((OH_PITCH_LOW + k) * (double)OH_BIN_HZ / hz);
            mean += wave[k] / OH_PITCH_BINS;
        }
        for (int k = 0; k < OH_PITCH_BINS; k++) {
            wave[k] -= mean;
            power += wave[k] * wave[k];
        }
        double scale = 1 / oh_sqrt(power);
        for (int k = 0; k < OH_PITCH_BINS; k++)
            oh_answer_tables.wave[i][k] = (float)(wave[k] * scale);
        oh_answer_tables.octave[i] = (float)(6.129283016944966 + octave); /* lg2 70 */
    }
}
