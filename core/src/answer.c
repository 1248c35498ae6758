/* Answer analysis: measures of each 20 ms of a call after its answer, the network over them, and the decision by costs.
 *
 * Levels are taken relative to the call's own speech level and floor, so that neither the loudness of a line nor its law counts. What the
 * other detectors heard comes in through oh_answer_heard(): a fax tone is a verdict by itself, network tones forbid "person" as long as
 * nothing else was heard, a beep after speech is a machine. A verdict is given once and may be changed later: when somebody picks up in
 * the middle of a greeting, or when a beep follows what had sounded like a person. */
#include "answer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lane.h"

#define FRAMES(ms) ((ms) / OH_FRAME_MS)

enum {
    HANG = 10,          /* quiet frames that end an utterance */
    CLICK = 4,          /* fewer active frames are none */
    FLOOR_FRAMES = 32,  /* the floor is the least level of one to two such spans */
    STEADY = 3,         /* frames that must agree on a verdict */
    CHANGE_STEADY = 15, /* the same, to change one */
    MIN_HEARD = 50,     /* frames of speech and pauses before a time limit may force a verdict */
    LAST_FRAME = 3000,  /* the analysis ends */
    MAX_CHANGES = 6,
    BEEP_AFTER = 10,     /* frames after the answer: an earlier tone is the end of the ring-back */
    LATE_BEEP = 400,     /* frames after the verdict "person" in which a beep changes it */
    LATE_TALK = 250,     /* the same for a voice that talks on */
    SCREEN_WAIT = 150,   /* quiet frames after a short prompt: somebody waits for us to speak */
    SCREEN_SPEECH = 450, /* longer prompts are greetings */
    PICK_UP_LEAD = 15,   /* frames of silence that hearing anew begins with */
    PICK_UP_WAIT = 20,   /* quiet frames after the words of somebody who picks up */
    PICK_UP_LEAST = 8,   /* shortest and longest words of such, in frames */
    PICK_UP_MOST = 75,
    PICK_UP_LAST = 2000,  /* frames after the answer */
    LONG_RING_MS = 15000, /* voicemail comes after a long ring */
};

#define LEVEL_MIN    (-5.2f) /* bels: quieter is no sound */
#define LEVEL_ABOVE  0.8f    /* bels above the floor: a sound */
#define TONE_SHARE   0.93f
#define VOICED       0.40f
#define OTHER_LEVEL  0.6f  /* bels between two voices */
#define OTHER_PITCH  0.3f  /* octaves */
#define STEADY_LEAST 40    /* frames of sound: a vowel may be held */
#define STEADY_VAR   0.01f /* variance of their level, bels squared: no voice is so even */
#define DULL_LEAST   50    /* frames of sound */
#define DULL_CHANGE  0.21f /* bels from frame to frame: a voice's bands change more, those of music and machines in a room do not */
#define SURE         0.6f  /* what was hardly a machine is not picked up */
#define SURE_PICK_UP 0.85f
#define AHEAD_S      0.5f /* a decision waits as long as that much more time costs less than its risk */

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
    a->groups = calloc((size_t)groups, sizeof *a->groups);
    if (!a->groups)
        return -ENOMEM;
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

void oh_answer_heard(struct oh_lane *lane, const oh_event *event, uint32_t onset) {
    struct oh_heard *h = &lane->heard;
    if (event->kind == OH_EVENT_SPEECH && !lane->answered)
        h->spoke = 2;
    else if (event->kind == OH_EVENT_SPEECH_END && !lane->answered)
        h->spoke = 1;
    else if (event->kind == OH_EVENT_MUSIC && !lane->answered)
        h->music = 1;
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
        h->beep_end = (uint32_t)lane->now;
        h->beep_ms = event->value;
        break;
    default:
        h->network = 1;
    }
}

/* -- measures ------------------------------------------------------------------------------------------------------------- */

static bool is_machine(int verdict) {
    return verdict == OH_ANSWER_MACHINE || verdict == OH_ANSWER_IVR || verdict == OH_ANSWER_ANNOUNCEMENT || verdict == OH_ANSWER_SCREENING;
}

static float clip(float x, float least, float most) {
    return x < least ? least : x > most ? most : x;
}

static uint16_t up(uint16_t x) {
    return (uint16_t)(x < UINT16_MAX ? x + 1 : x);
}

static void begin(struct oh_analysis *s, const struct oh_lane *lane) {
    memset(s, 0, sizeof *s);
    s->began = 1;
    s->onset = -1;
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
    s->floor = clip(s->floor, -8.0f, level + 0.15f);
}

/* After a machine's verdict each new utterance is heard as if the call had been answered just before it: a person who picks up begins so. */
static void hear_anew(struct oh_analysis *s) {
    if (!s->again) {
        s->greeting_level = s->level;
        s->greeting_floor = s->floor;
        s->greeting_pitch = s->pitch_n > 4 ? s->pitch : 0;
    }
    s->again = 1;
    s->from = (uint16_t)(s->t - PICK_UP_LEAD);
    s->onset = -1;
    s->utterances = s->active = s->voiced = s->tones = 0;
    s->longest_pause = s->first_length = s->last_length = 0;
    s->mean_n = s->mean = s->var = 0;
    s->pitch_n = s->pitch = s->pitch_var = s->pitch_end = 0;
    s->tone = s->change = s->change_sq = 0;
    s->loud = 0;
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
        if (s->now_active < CLICK && s->utterances == 0) {
            s->onset = -1;
            s->active = 0;
            s->mean_n = s->mean = s->var = 0;
        } else if (s->now_active >= CLICK) {
            s->utterances++;
            s->last_length = (uint16_t)(s->last_active - s->start + 1);
            if (s->utterances == 1)
                s->first_length = s->last_length;
        }
    }
}

static void follow_pitch(struct oh_analysis *s, float pitch) {
    s->voiced = up(s->voiced);
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
static void measure(struct oh_analysis *s, const struct oh_answer_front *f, int i, struct oh_answer_group *g) {
    float level = f->level[i];
    follow_floor(s, level);
    bool tone = f->tone[i] > TONE_SHARE;
    bool loud = level > oh_maxf(s->floor + LEVEL_ABOVE, LEVEL_MIN);
    if (tone && level > -5.0f)
        s->tones = up(s->tones);
    if (loud && !tone && !s->speaking && is_machine(s->verdict) && s->t < PICK_UP_LAST) {
        hear_anew(s);
        forget(g, i);
    }
    follow_speech(s, loud && !tone, level);
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
    if (voiced)
        follow_pitch(s, f->pitch[i]);

    g->speech[i] = s->onset >= 0 ? s->level : s->floor + 3.0f;
    g->floor[i] = s->floor;
    float(*x)[OH_LANES] = g->x;
    x[OH_AT_LOUD][i] = loud ? 1.0f : 0.0f;
    x[OH_AT_TONE][i] = loud ? f->tone[i] : 0.0f;
    x[OH_AT_VOICED][i] = loud ? f->voiced[i] : 0.0f;
    x[OH_AT_PITCH][i] = voiced ? clip(f->pitch[i] - s->pitch, -1.5f, 1.5f) : 0.0f;
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
    x[k++][i] = clip(2.0f * change, 0.0f, 2.0f);
    x[k++][i] = 2.0f * oh_sqrtf(oh_maxf(s->pitch_var, 0.0f));
    x[k++][i] = (float)s->voiced * n;
    x[k++][i] = clip(2.0f * (s->pitch_end - s->pitch), -2.0f, 2.0f);
    x[k++][i] = 3.0f * oh_sqrtf(clip(s->change_sq * n - change * change, 0.0f, 1.0f));
}

/* -- probabilities and verdict -------------------------------------------------------------------------------------------- */

/* All of the classes give way to one. */
static void yield(float *p, int to, float share) {
    for (int c = 0; c < OH_ANSWER_COUNT; c++)
        p[c] *= 1.0f - share;
    p[to] += share;
}

/* from: what the network says of each sort, having been trained on as many people as others. */
static void weigh(struct oh_analysis *s, const struct oh_heard *heard, const oh_answer_settings *set, const float (*from)[OH_LANES],
                  int i) {
    float *p = s->p;
    float factor = set->person_share / (1.0f - set->person_share);
    if (heard->spoke == 2)
        factor *= 0.25f; /* a voice that spoke before the answer goes on: no person. The figure is chosen, not learned. */
    if (heard->rang && s->answered_at - heard->rang_from > LONG_RING_MS * OH_MS)
        factor *= 0.7f; /* chosen likewise */
    float person = from[OH_SORT_PERSON][i];
    float scale = 1.0f / (1.0f - person + person * factor);
    memset(p, 0, sizeof s->p);
    p[OH_ANSWER_PERSON] = person * factor * scale;
    p[OH_ANSWER_MACHINE] = from[OH_SORT_MACHINE][i] * scale;
    p[OH_ANSWER_IVR] = from[OH_SORT_IVR][i] * scale;
    p[OH_ANSWER_ANNOUNCEMENT] = from[OH_SORT_ANNOUNCEMENT][i] * scale;
    p[OH_ANSWER_UNKNOWN] = from[OH_SORT_OTHER][i] * scale;
    int least = heard->network || heard->sit ? 40 : 6;
    bool dull = s->active >= DULL_LEAST && s->change < DULL_CHANGE * (float)s->active;
    bool steady = s->mean_n >= STEADY_LEAST && s->var < STEADY_VAR;
    if (s->active < least || 2 * s->voiced < least || s->tones > 2 * s->active || steady || dull) { /* tones, tunes and clicks are nobody */
        p[OH_ANSWER_UNKNOWN] += p[OH_ANSWER_PERSON];
        p[OH_ANSWER_PERSON] = 0;
    }
    if (s->onset < 0 && !s->tones)
        yield(p, OH_ANSWER_SILENCE, oh_minf((float)(s->t * OH_FRAME_MS) / (float)set->silence_ms, 1.0f) * 0.95f);
    if (heard->sit)
        yield(p, OH_ANSWER_ANNOUNCEMENT, 0.9f);
    if (heard->fax || heard->modem)
        yield(p, heard->fax ? OH_ANSWER_FAX : OH_ANSWER_MODEM, (float)heard->confidence * 0.01f);
}

static float no_person(const float *p) {
    return p[OH_ANSWER_MACHINE] + p[OH_ANSWER_IVR] + p[OH_ANSWER_ANNOUNCEMENT];
}

/* Which kind of machine: an answering machine unless another kind is far more likely. */
static int machine_kind(const float *p) {
    float all = no_person(p);
    return p[OH_ANSWER_IVR] > 0.6f * all            ? OH_ANSWER_IVR
           : p[OH_ANSWER_ANNOUNCEMENT] > 0.6f * all ? OH_ANSWER_ANNOUNCEMENT
                                                    : OH_ANSWER_MACHINE;
}

/* The cheaper of the two ways to decide now. */
static int cheaper(const float *p, const oh_answer_settings *set) {
    if (p[OH_ANSWER_UNKNOWN] > p[OH_ANSWER_PERSON] && p[OH_ANSWER_UNKNOWN] > no_person(p))
        return OH_ANSWER_UNKNOWN; /* no voice that is known */
    if (set->cost_machine * (1.0f - p[OH_ANSWER_PERSON]) < set->cost_person * p[OH_ANSWER_PERSON])
        return OH_ANSWER_PERSON;
    return machine_kind(p);
}

/* The verdict that has become cheap enough to be given before its time, -1 for none. */
static int wish(const float *p, const oh_answer_settings *set) {
    float wait = set->cost_second * AHEAD_S;
    if (set->cost_machine * (1.0f - p[OH_ANSWER_PERSON]) <= wait && p[OH_ANSWER_PERSON] > 0.5f)
        return OH_ANSWER_PERSON;
    if (set->cost_person * p[OH_ANSWER_PERSON] <= wait && no_person(p) > 0.5f && p[OH_ANSWER_UNKNOWN] < 0.3f)
        return machine_kind(p);
    return -1;
}

/* Same wish for so many frames in a row? */
static bool settled(struct oh_analysis *s, int now, int frames) {
    bool same = now >= 0 && (now == s->wish || (is_machine(now) && is_machine(s->wish)));
    s->steady = (uint8_t)(same && s->steady < 250 ? s->steady + 1 : now >= 0);
    s->wish = (uint8_t)(now >= 0 ? now : 0);
    return s->steady >= frames;
}

static bool beep_heard(struct oh_analysis *s, struct oh_heard *heard) {
    bool fresh = heard->fresh_beep;
    heard->fresh_beep = 0;
    uint32_t start = heard->beep_end - heard->beep_ms * OH_MS;
    return fresh && (int32_t)(start - s->answered_at) > BEEP_AFTER * OH_FRAME_SAMPLES && heard->beep_ms >= 100;
}

/* Another voice than the greeting's has said a word or two, and waits. */
static bool picked_up(const struct oh_analysis *s) {
    int length = s->last_active - s->start + 1;
    if (!s->again || !s->sure || s->speaking || s->quiet != PICK_UP_WAIT || s->utterances > 2 || length < PICK_UP_LEAST ||
        length > PICK_UP_MOST)
        return false;
    float louder = oh_absf(s->level - s->greeting_level);
    float higher = s->greeting_pitch > 0 && s->pitch_n > 4 ? oh_absf(s->pitch - s->greeting_pitch) : 0;
    return (higher > OTHER_PITCH || louder > OTHER_LEVEL) && s->p[OH_ANSWER_PERSON] > SURE_PICK_UP;
}

/* What to say now, -1 for nothing. *p gets its probability. */
static int judge(struct oh_analysis *s, struct oh_heard *heard, const oh_answer_settings *set, float *p) {
    bool beep = beep_heard(s, heard);
    if (heard->fax || heard->modem) {
        s->over = 1;
        int kind = heard->fax ? OH_ANSWER_FAX : OH_ANSWER_MODEM;
        *p = s->p[kind];
        return s->verdict == kind ? -1 : kind;
    }
    if (s->changes >= MAX_CHANGES)
        return -1;
    bool open = !s->verdict || s->verdict == OH_ANSWER_SILENCE;
    bool person = s->verdict == OH_ANSWER_PERSON;
    if (beep && (open || (person && s->t - s->verdict_at < LATE_BEEP))) {
        *p = 0.95f;
        return OH_ANSWER_MACHINE;
    }
    if (open && heard->sit) {
        *p = s->p[OH_ANSWER_ANNOUNCEMENT];
        return OH_ANSWER_ANNOUNCEMENT;
    }
    if (set->method == OH_ANSWER_BY_RULES)
        return -1;
    int now = wish(s->p, set);
    if (open) {
        bool heard_enough = s->onset >= 0 && s->active >= CLICK;
        int verdict = -1;
        if (heard_enough && settled(s, now, STEADY))
            verdict = now;
        else if (heard_enough && !s->speaking && s->t - s->last_active >= FRAMES(set->wait_ms))
            verdict = cheaper(s->p, set);
        else if (heard_enough && s->t >= FRAMES(set->total_ms) && s->t - s->onset >= MIN_HEARD)
            verdict = cheaper(s->p, set);
        else if (s->onset < 0 && !s->verdict && s->t >= FRAMES(set->silence_ms))
            verdict = s->tones ? OH_ANSWER_UNKNOWN : OH_ANSWER_SILENCE;
        *p = verdict < 0 ? 0 : is_machine(verdict) ? no_person(s->p) : s->p[verdict];
        return verdict == OH_ANSWER_UNKNOWN && s->changes && !s->verdict ? -1 : verdict;
    }
    bool talks_on = person && s->speaking && s->t - s->verdict_at < LATE_TALK;
    if (settled(s, talks_on && is_machine(now) ? now : -1, CHANGE_STEADY)) {
        *p = no_person(s->p);
        return now;
    }
    if (is_machine(s->verdict) && !heard->beep && picked_up(s)) {
        *p = s->p[OH_ANSWER_PERSON];
        return OH_ANSWER_PERSON;
    }
    if ((s->verdict == OH_ANSWER_MACHINE || s->verdict == OH_ANSWER_IVR) && !heard->beep && s->t - s->last_active == SCREEN_WAIT &&
        s->spoken < SCREEN_SPEECH) {
        *p = 0.5f;
        return OH_ANSWER_SCREENING;
    }
    return -1;
}

static void say(struct oh_analysis *s, const struct oh_ear_call *call, int verdict, float p) {
    s->verdict = (uint8_t)verdict;
    s->verdict_at = s->t;
    s->sure = p >= SURE;
    s->steady = 0;
    s->changes++;
    oh_event e = {.kind = OH_EVENT_ANSWER, .row = 255, .detail = (uint8_t)verdict, .value = (uint32_t)s->t * OH_FRAME_MS};
    e.confidence = (uint8_t)(clip(p, 0, 1) * 100.0f + 0.5f);
    e.margin_cdb = (int16_t)oh_cdb(oh_maxf(p, 1e-4f) / oh_maxf(1.0f - p, 1e-4f));
    e.level_cdbm0 = (int16_t)((s->onset >= 0 ? s->level : s->floor) * 1000.0f);
    oh_ear_raise(call, &e, s->answered_at + (s->onset > 0 ? (uint32_t)(s->onset - 1) * OH_FRAME_SAMPLES : 0));
}

static void decide(struct oh_analysis *s, struct oh_lane *lane, const oh_answer_settings *set, float level, struct oh_sink *sink) {
    struct oh_ear_call call = {.lane = lane, .sink = sink};
    float p = 0;
    int verdict = judge(s, &lane->heard, set, &p);
    if (verdict < 0 && set->method == OH_ANSWER_BY_RULES && !s->changes) {
        verdict = oh_rules_frame(&s->rules, set, level);
        p = verdict == OH_ANSWER_UNKNOWN ? 0.5f : 0.8f;
    }
    if (verdict >= 0)
        say(s, &call, verdict, p);
    if (s->t >= LAST_FRAME)
        s->over = 1;
}

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
            measure(s, &front, i, g);
    }
    float p[OH_ANSWER_SORTS][OH_LANES];
    a->kernels->follow(&front, g->speech, g->floor, heard, g->band, g->x);
    a->kernels->judge(a->model, (const float(*)[OH_LANES])g->x, p);
    for (int i = 0; i < lanes_used; i++) {
        if (!running[i])
            continue;
        struct oh_analysis *s = &g->lane[i];
        const oh_answer_settings *set = &g->settings[i];
        if (heard[i])
            weigh(s, &lanes[i].heard, set, (const float(*)[OH_LANES])p, i);
        decide(s, &lanes[i], set, front.level[i], sink);
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
