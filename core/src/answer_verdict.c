/* The decision of the answer analysis: from the network's probabilities and what the other detectors heard to a verdict, by costs.
 *
 * A fax tone is a verdict by itself, network tones forbid "person" as long as nothing else was heard, a beep after speech is a machine. A
 * verdict is given once and may be changed later: when somebody picks up in the middle of a greeting, or when a beep follows, or a voice
 * talks on, after what had sounded like a person. */
#include "answer.h"

#include <string.h>

#include "lane.h"

#define FRAMES(ms) ((ms) / OH_FRAME_MS)

enum {
    STEADY = 3,         /* frames that must agree on a verdict */
    CHANGE_STEADY = 15, /* the same, to change one */
    MIN_HEARD = 50,     /* frames of speech and pauses before a time limit may force a verdict */
    LAST_FRAME = 3000,  /* the analysis ends */
    MAX_CHANGES = 6,
    BEEP_AFTER = 10,     /* frames after the answer: an earlier tone is the end of the ring-back */
    LATE_BEEP = 400,     /* frames after the verdict "person" in which a beep changes it */
    LATE_TALK = 250,     /* the same for a voice that talks on */
    TALK_SOON = 20,      /* and that began so soon: who speaks later has heard us, and answers */
    SCREEN_WAIT = 150,   /* quiet frames after a short prompt: somebody waits for us to speak */
    SCREEN_SPEECH = 450, /* longer prompts are greetings */
    PICK_UP_WAIT = 20,   /* quiet frames after the words of somebody who picks up */
    PICK_UP_LEAST = 8,   /* shortest and longest words of such, in frames */
    PICK_UP_MOST = 75,
    GREETING_LEAST = 50,  /* frames of sound before a beep */
    LONG_RING_MS = 15000, /* voicemail comes after a long ring */
};

#define PICK_UP_CHANGE 0.3f  /* like DULL_CHANGE, of so short a sound */
#define OTHER_LEVEL    0.6f  /* bels between two voices */
#define OTHER_PITCH    0.3f  /* octaves */
#define STEADY_LEAST   40    /* frames of sound: a vowel may be held */
#define STEADY_VAR     0.01f /* variance of their level, bels squared: no voice is so even */
#define DULL_LEAST     50    /* frames of sound */
#define DULL_CHANGE    0.21f /* bels from frame to frame: a voice's bands change more, those of music and machines in a room do not */
#define HISS_TONE      0.3f /* mean share of the two strongest sines: the vowels of every voice bring more, noise, knocks and rustling do not */
#define HISS_CLEAR     0.25f /* share of clear vowels */
#define ABOVE_MUSIC    1.1f  /* bels above one moment of it, which may be a faint one */
#define ABOVE_DIN      0.8f  /* bels: a voice stands out from it */
#define SURE           0.6f  /* what was hardly a machine is not picked up */
#define SURE_PICK_UP   0.85f
#define CHANGE_SHARE   0.6f /* "machine" instead of "person" must cost less than this share of it */
#define AHEAD_S        0.5f /* a decision waits as long as that much more time costs less than its risk */

bool oh_answer_is_machine(int verdict) {
    return verdict == OH_ANSWER_MACHINE || verdict == OH_ANSWER_IVR || verdict == OH_ANSWER_ANNOUNCEMENT || verdict == OH_ANSWER_SCREENING;
}

bool oh_answer_above_music(const struct oh_analysis *s, const struct oh_heard *heard) {
    return s->active && s->mean > heard->plays_level + ABOVE_MUSIC;
}

/* A calling fax says 1100 Hz every three seconds; once, after a greeting, that is the message beep. */
static bool is_fax(const struct oh_analysis *s, const struct oh_heard *heard) {
    return heard->fax || heard->cng > (s->spoken >= GREETING_LEAST ? 1 : 0);
}

/* All of the classes give way to one. */
static void yield(float *p, int to, float share) {
    for (int c = 0; c < OH_ANSWER_COUNT; c++)
        p[c] *= 1.0f - share;
    p[to] += share;
}

/* from: what the network says of each sort, having been trained on as many people as others. */
void oh_answer_weigh(struct oh_analysis *s, const struct oh_heard *heard, const oh_answer_settings *set, const float (*from)[OH_LANES],
                     int i) {
    float *p = s->p;
    float factor = set->person_share / (1.0f - set->person_share);
    if (heard->spoke == 2 && !heard->music) /* the end of a ring-back tune says nothing */
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
    bool din = s->mean < s->din + ABOVE_DIN;
    bool plays = heard->plays == OH_PLAYS && !s->again && !oh_answer_above_music(s, heard);
    bool hiss = s->tone < HISS_TONE * (float)s->loud && (float)s->clear < HISS_CLEAR * (float)s->active;
    bool click = s->active < least || 2 * s->voiced < least;
    bool tune = s->tones > 2 * s->active;
    s->maybe = click ? p[OH_ANSWER_PERSON] : 0;
    if (click || tune || steady || dull || din || hiss || plays) { /* nobody, whatever the network says */
        p[OH_ANSWER_UNKNOWN] += p[OH_ANSWER_PERSON];
        p[OH_ANSWER_PERSON] = 0;
    }
    if (s->onset < 0 && !s->tones)
        yield(p, OH_ANSWER_SILENCE, oh_minf((float)(s->t * OH_FRAME_MS) / (float)set->silence_ms, 1.0f) * 0.95f);
    if (heard->sit)
        yield(p, OH_ANSWER_ANNOUNCEMENT, 0.9f);
    if (is_fax(s, heard) || heard->modem)
        yield(p, is_fax(s, heard) ? OH_ANSWER_FAX : OH_ANSWER_MODEM, (float)heard->confidence * 0.01f);
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
static int wish(const struct oh_analysis *s, const oh_answer_settings *set) {
    const float *p = s->p;
    float wait = set->cost_second * AHEAD_S;
    if (set->cost_machine * (1.0f - p[OH_ANSWER_PERSON]) <= wait && p[OH_ANSWER_PERSON] > 0.5f)
        return OH_ANSWER_PERSON;
    if (set->cost_person * (p[OH_ANSWER_PERSON] + s->maybe) <= wait && no_person(p) > 0.5f && p[OH_ANSWER_UNKNOWN] < 0.3f)
        return machine_kind(p);
    return -1;
}

/* Same wish for so many frames in a row? */
static bool settled(struct oh_analysis *s, int now, int frames) {
    bool same = now >= 0 && (now == s->wish || (oh_answer_is_machine(now) && oh_answer_is_machine(s->wish)));
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
    if (s->change < PICK_UP_CHANGE * (float)s->active)
        return false;
    float louder = oh_absf(s->level - s->greeting_level);
    float higher = s->greeting_pitch > 0 && s->pitch_n > 4 ? oh_absf(s->pitch - s->greeting_pitch) : 0;
    return (higher > OTHER_PITCH || louder > OTHER_LEVEL) && s->p[OH_ANSWER_PERSON] > SURE_PICK_UP;
}

/* What to say now, -1 for nothing. *p gets its probability. */
static int judge(struct oh_analysis *s, struct oh_heard *heard, const oh_answer_settings *set, float *p) {
    bool beep = beep_heard(s, heard);
    if (is_fax(s, heard) || heard->modem) {
        s->over = 1;
        int kind = is_fax(s, heard) ? OH_ANSWER_FAX : OH_ANSWER_MODEM;
        *p = s->p[kind];
        return s->verdict == kind ? -1 : kind;
    }
    if (s->changes >= MAX_CHANGES)
        return -1;
    bool open = !s->verdict || s->verdict == OH_ANSWER_SILENCE;
    int since = s->t - s->from;
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
    int now = wish(s, set);
    if (open) {
        bool heard_enough = s->onset >= 0 && s->active >= OH_CLICK;
        int verdict = -1;
        if (heard_enough && settled(s, now, STEADY))
            verdict = now;
        else if (heard_enough && !s->speaking && s->t - s->last_active >= FRAMES(set->wait_ms))
            verdict = cheaper(s->p, set);
        else if (heard_enough && since >= FRAMES(set->total_ms) && s->t - s->onset >= MIN_HEARD)
            verdict = cheaper(s->p, set);
        else if (s->onset < 0 && !s->verdict && s->t - s->waits_from >= FRAMES(set->silence_ms) && heard->rings != OH_RINGS)
            verdict = s->tones ? OH_ANSWER_UNKNOWN : OH_ANSWER_SILENCE;
        *p = verdict < 0 ? 0 : oh_answer_is_machine(verdict) ? no_person(s->p) : s->p[verdict];
        return verdict == OH_ANSWER_UNKNOWN && s->changes && !s->verdict ? -1 : verdict;
    }
    bool talks_on = person && s->speaking && s->t - s->verdict_at < LATE_TALK && s->start < s->verdict_at + TALK_SOON;
    float dear = set->cost_machine * (1.0f - s->p[OH_ANSWER_PERSON]);
    bool repent = talks_on && set->cost_person * s->p[OH_ANSWER_PERSON] < CHANGE_SHARE * dear && no_person(s->p) > 0.5f;
    if (settled(s, repent ? machine_kind(s->p) : -1, CHANGE_STEADY)) {
        *p = no_person(s->p);
        return machine_kind(s->p);
    }
    if (oh_answer_is_machine(s->verdict) && !heard->beep && picked_up(s)) {
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
    e.confidence = (uint8_t)(oh_clipf(p, 0, 1) * 100.0f + 0.5f);
    e.margin_cdb = (int16_t)oh_cdb(oh_maxf(p, 1e-4f) / oh_maxf(1.0f - p, 1e-4f));
    e.level_cdbm0 = (int16_t)((s->onset >= 0 ? s->level : s->floor) * 1000.0f);
    if (s->onset >= 0) {
        e.cadence_ms[0] = (uint16_t)((s->last_active + 1 - s->onset) * OH_FRAME_MS);
        e.cadence_ms[1] = (uint16_t)((s->t - s->last_active) * OH_FRAME_MS);
    }
    e.score = (uint16_t)(oh_clipf(s->p[OH_ANSWER_PERSON], 0, 1) * 10000.0f + 0.5f);
    oh_ear_raise(call, &e, s->answered_at + (s->onset > 0 ? (uint32_t)(s->onset - 1) * OH_FRAME_SAMPLES : 0));
}

/* The end of a message beep of 1100 Hz, which was told as CNG. */
static void say_beep(const struct oh_ear_call *call, const struct oh_heard *heard) {
    oh_event e = {.kind = OH_EVENT_TONE, .tone = OH_TONE_BEEP, .row = 255, .confidence = heard->confidence, .value = heard->cng_ms};
    e.freq_dhz[0] = 11000;
    e.cadence_ms[0] = (uint16_t)heard->cng_ms;
    oh_ear_raise(call, &e, heard->cng_end - heard->cng_ms * OH_MS);
}

void oh_answer_decide(struct oh_analysis *s, struct oh_lane *lane, const oh_answer_settings *set, float level, struct oh_sink *sink) {
    struct oh_ear_call call = {.lane = lane, .sink = sink};
    float p = 0;
    if (lane->heard.cng_over && !is_fax(s, &lane->heard))
        say_beep(&call, &lane->heard);
    lane->heard.cng_over = 0;
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
