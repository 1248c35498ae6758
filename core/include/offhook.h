/* offhook.h - the public interface of liboffhook, the part of offhook that hears every B-channel.
 *
 * An oh_core holds the state of up to OH_MAX_CHANNELS B-channels. Once per 20 ms it takes one array with the audio of all of them, runs
 * every armed detector, puts what it heard into an event ring, mixes what is to be sent and hands one array back. Nothing is allocated,
 * locked or logged in that step.
 *
 * Threads. An oh_core has three roles, each held by one thread at a time; they may all be the same thread:
 *   feeder    calls oh_core_tick(), or is the media thread made by oh_core_start()
 *   control   calls oh_core_reset() ... oh_core_prompt_drop(); its orders travel through a lock-free queue and take effect at the next tick
 *   poller    calls oh_core_poll() and waits on oh_core_event_fd()
 * Functions without an oh_core argument may be called from any thread at any time.
 *
 * Time. Inside the core time is the channel's own sample count, 8000 per second, starting at 0 with oh_core_reset(). Audio that is missing
 * still counts: time never stops for a lost block.
 *
 * Levels. Centi-dBm0 ("cdbm0"): -1234 is -12.34 dBm0. 0 dBm0 is the digital milliwatt of ITU-T G.711 (a sine at +3.14 dBm0 overloads A-law).
 *
 * Errors. Calls that return int give a negative errno on failure; _new calls return NULL and set errno. */
#ifndef OFFHOOK_H
#define OFFHOOK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define OH_API __attribute__((visibility("default")))
#else
#define OH_API
#endif

/* cffi:begin */

#define OH_VERSION       100 /* 0.1.0 as major * 10000 + minor * 100 + patch */
#define OH_SAMPLE_RATE   8000
#define OH_FRAME_SAMPLES 160 /* 20 ms at 8 kHz */
#define OH_FRAME_MS      20
#define OH_MAX_CHANNELS  32768
#define OH_MAX_PROMPTS   4096

/* Coding of the samples that go in and out. */
enum oh_law {
    OH_LAW_ALAW = 0,   /* G.711 A-law, one octet a sample, even bits inverted as on the line */
    OH_LAW_ULAW = 1,   /* G.711 u-law, one octet a sample */
    OH_LAW_LINEAR = 2, /* signed 16 bit, host byte order; 0 dBm0 is a sine of peak 22827 */
};

/* Order of the samples in a frame of C channels. */
enum oh_layout {
    OH_LAYOUT_CHANNEL = 0,  /* 160 samples of channel 0, then of channel 1 ... as DAHDI and RTP give them */
    OH_LAYOUT_TIMESLOT = 1, /* sample 0 of all channels, then sample 1 ... as TDMoE and span-mode cards give them */
};

/* What a driver says of one channel's 20 ms. Only GOOD audio can start a tone; the others keep time. */
enum oh_valid {
    OH_VALID_MISSING = 0, /* nothing came; the samples are not looked at */
    OH_VALID_GOOD = 1,
    OH_VALID_CONCEALED = 2, /* made up by the driver or the far end */
    OH_VALID_OVERRUN = 3,   /* older audio was thrown away before this block: time has jumped */
};

/* Signals by their names in E.180, Q.35, T.30, V.8, V.21, V.18, Q.724 and Q.441; DESIGN names them alike in C, Python, MQTT and JSON. */
enum oh_tone {
    OH_TONE_NONE = 0,
    OH_TONE_DIAL = 1,
    OH_TONE_DIAL_SPECIAL = 2,
    OH_TONE_DIAL_SECOND = 3,
    OH_TONE_DIAL_RECALL = 4,
    OH_TONE_RINGBACK = 5,
    OH_TONE_BUSY = 6,
    OH_TONE_CONGESTION = 7,
    OH_TONE_UNOBTAINABLE = 8,
    OH_TONE_SIT = 9,
    OH_TONE_SIT_US = 10, /* detail: the coding, enum oh_sit */
    OH_TONE_CALL_WAITING = 11,
    OH_TONE_RECORD = 12,
    OH_TONE_CONFIRMATION = 13,
    OH_TONE_PAYPHONE = 14,
    OH_TONE_INTRUSION = 15,
    OH_TONE_HOWLER = 16,
    OH_TONE_HOLDING = 17,
    OH_TONE_WARNING = 18,
    OH_TONE_FAX_CNG = 19,
    OH_TONE_FAX_CED = 20,
    OH_TONE_ANS_PR = 21,
    OH_TONE_ANSAM = 22,
    OH_TONE_ANSAM_PR = 23,
    OH_TONE_V21_PREAMBLE = 24,
    OH_TONE_BELL_ANS = 25,
    OH_TONE_TTY = 26,
    OH_TONE_COT2010 = 27,
    OH_TONE_COT2000 = 28,
    OH_TONE_DTMF = 29,   /* detail: the key as ASCII, 0-9 * # A-D */
    OH_TONE_R2_FWD = 30, /* detail: the signal, 1 to 15 */
    OH_TONE_R2_BWD = 31, /* detail: the signal, 1 to 15 */
    OH_TONE_BEEP = 32,
    OH_TONE_COUNT = 33,
};

/* The eight codings of the US special information tones (Bellcore SR-2275); low and high first and second tone, short and long. */
enum oh_sit {
    OH_SIT_NONE = 0,
    OH_SIT_IC = 1,  /* intercept, vacant number */
    OH_SIT_VC = 2,  /* vacant code */
    OH_SIT_RO = 3,  /* reorder, intra-LATA */
    OH_SIT_NC = 4,  /* no circuit, intra-LATA */
    OH_SIT_RO2 = 5, /* reorder, inter-LATA */
    OH_SIT_NC2 = 6, /* no circuit, inter-LATA */
    OH_SIT_IO = 7,  /* ineffective, other */
    OH_SIT_FU = 8,  /* future use */
};

enum oh_event_kind {
    OH_EVENT_TONE = 1,       /* a signal of enum oh_tone was recognised */
    OH_EVENT_TONE_END = 2,   /* that signal has ended; at_sample is its end */
    OH_EVENT_SPEECH = 3,     /* speech-like sound began */
    OH_EVENT_SPEECH_END = 4, /* it ended; value_ms is its length */
    OH_EVENT_SILENCE = 5,    /* silence lasted for another full second; value_ms is its length so far */
    OH_EVENT_MUSIC = 6,      /* music, not a tone and not speech */
    OH_EVENT_MUSIC_END = 7,
    OH_EVENT_PROMPT_DONE = 8,   /* a prompt was played to its end; value is the token given to oh_core_play() */
    OH_EVENT_LOST = 9,          /* a run of missing audio ended; value_ms is its length */
    OH_EVENT_LINE = 10,         /* line quality changed; detail: enum oh_line_fault, flags bit OH_FLAG_CLEARED when it went away */
    OH_EVENT_ANSWER = 11,       /* verdict of the answer analysis; detail: enum oh_answer, confidence its probability */
    OH_EVENT_ANNOUNCEMENT = 12, /* a known announcement; value: its number in the library, detail: its sort, see oh_clip */
};

enum oh_line_fault {
    OH_LINE_ONE_WAY = 1, /* nothing but digital idle for 2 s */
    OH_LINE_CLIPPING = 2,
    OH_LINE_DC = 3,
    OH_LINE_HUM = 4,
    OH_LINE_NOISE = 5,
};

enum oh_answer {
    OH_ANSWER_UNKNOWN = 0,
    OH_ANSWER_PERSON = 1,
    OH_ANSWER_MACHINE = 2,
    OH_ANSWER_IVR = 3,
    OH_ANSWER_FAX = 4,
    OH_ANSWER_MODEM = 5,
    OH_ANSWER_ANNOUNCEMENT = 6,
    OH_ANSWER_SCREENING = 7,
    OH_ANSWER_SILENCE = 8,
};

#define OH_FLAG_PROVISIONAL 1 /* early opinion; a final event, or nothing, follows */
#define OH_FLAG_CLEARED     2 /* the condition named has ended */

/* Detectors, as bits of a channel's arm mask. A detector that is not armed costs nothing and says nothing. */
#define OH_DETECT_TONES    0x1 /* supervisory tones of the channel's plan */
#define OH_DETECT_SIT      0x2
#define OH_DETECT_DTMF     0x4
#define OH_DETECT_FAX      0x8 /* CNG, CED, ANS and its kin, V.21 preamble, Bell answer */
#define OH_DETECT_TTY      0x10
#define OH_DETECT_COT      0x20
#define OH_DETECT_BEEP     0x40
#define OH_DETECT_MUSIC    0x80
#define OH_DETECT_SPEECH   0x100 /* speech activity and silence */
#define OH_DETECT_LINE     0x200 /* line quality figures */
#define OH_DETECT_R2_FWD   0x400
#define OH_DETECT_R2_BWD   0x800
#define OH_DETECT_ANSWER   0x1000
#define OH_DETECT_ANNOUNCE 0x2000 /* known announcements, see oh_core_library() */

/* Profiles: what to arm in each phase of a call. */
#define OH_PROFILE_OFF        0
#define OH_PROFILE_PRE_ANSWER 0x23af /* TONES SIT DTMF FAX COT MUSIC SPEECH LINE ANNOUNCE */
#define OH_PROFILE_ANSWERED   0x33df /* TONES SIT DTMF FAX TTY BEEP MUSIC SPEECH LINE ANSWER ANNOUNCE */
#define OH_PROFILE_REGISTER   0xc00  /* R2_FWD R2_BWD */
#define OH_PROFILE_MESSAGE    0x144  /* DTMF BEEP SPEECH */
#define OH_PROFILE_ALL        0x33ff /* everything but R2 */

/* One thing that was heard. 64 octets. */
typedef struct oh_event {
    uint64_t at_sample;    /* when it was decided: samples since the channel was reset */
    uint64_t onset_sample; /* when the sound itself began */
    uint64_t raised_ns;    /* CLOCK_MONOTONIC of the tick that raised it, 0 from a core that is fed by hand */
    uint32_t value;        /* token, length in ms or library number, see the kind */
    uint16_t channel;
    uint8_t kind;           /* enum oh_event_kind */
    uint8_t tone;           /* enum oh_tone, for the kinds TONE and TONE_END */
    uint8_t detail;         /* key, coding, fault or verdict, see the kind */
    uint8_t flags;          /* OH_FLAG_... */
    uint8_t confidence;     /* 0 to 100 per cent */
    uint8_t row;            /* row in the channel's tone plan, 255 when none */
    int16_t level_cdbm0;    /* level of the signal while it is on */
    int16_t margin_cdb;     /* distance to the next best explanation; larger is surer */
    uint16_t freq_dhz[2];   /* measured frequencies in tenths of 1 Hz, 0 when none */
    uint16_t cadence_ms[4]; /* measured on, off, on, off; 0 when none; ANSWER: spoken from the first word to the last, quiet since */
    /* ANNOUNCEMENT alone, 0 for the others, but for the score of an ANSWER: the probability of a person, in 1/10000 */
    uint32_t rival; /* number of the runner-up, when rival_score is not 0 */
    uint16_t score; /* agreement with the recording, hundredths; 1000 = all the same, 590 and more is told in its first 2 s, 640 later */
    uint16_t rival_score; /* that of the runner-up; 0 = there was none */
    uint16_t place;       /* frames of 20 ms from the beginning of the recording to here */
    uint16_t sequence;    /* counts the channel's events; a gap shows an overrun */
} oh_event;

/* -- tone plans ----------------------------------------------------------------------------------------------------------- */

/* One segment of a cadence. */
typedef struct oh_segment {
    uint16_t hz[4];       /* summed sines, 0 = none; all 0 is silence */
    uint16_t am_hz;       /* amplitude modulation of a single carrier, 0 = none */
    uint16_t duration_ms; /* 0 = for ever */
} oh_segment;

/* One tone of a plan. Segments [0, once) are played first, then [once, once + loop) for ever. */
typedef struct oh_tone_spec {
    uint8_t tone; /* enum oh_tone */
    uint8_t once;
    uint8_t loop;
    uint8_t flags; /* OH_SPEC_... */
    const oh_segment *segments;
    const char *source; /* where the row comes from */
} oh_tone_spec;

#define OH_PLAN_ROWS     254 /* most rows of a plan */
#define OH_PLAN_SEGMENTS 64  /* most segments of a row */

#define OH_SPEC_CONFLICT 1 /* another lineage of sources gives a different pattern */
#define OH_SPEC_FILLER   2 /* the source itself says that the value is not specified */

/* The tones of one country's network. Built-in plans are const; a plan is shared and never written. */
typedef struct oh_tone_plan {
    const char *name;    /* ISO 3166 alpha-2 in lower case, "cn" */
    const char *country; /* English name */
    const oh_tone_spec *tones;
    int count;
} oh_tone_plan;

/* Number of built-in plans. */
OH_API int oh_plan_count(void);
/* Built-in plan 0 to oh_plan_count() - 1 in order of name, NULL beyond. */
OH_API const oh_tone_plan *oh_plan_at(int index);
/* Built-in plan by name, NULL when there is none. */
OH_API const oh_tone_plan *oh_plan_find(const char *name);
/* Can the matcher work with this plan? Names are there and text, 1 to OH_PLAN_ROWS rows; each row has a supervisory tone or SIT, 1 to
 * OH_PLAN_SEGMENTS segments, begins with sound, has no two silences in a row, and only its last segment may last for ever; 100 to 3400 Hz, no
 * zero before another frequency, modulation (at most 200 Hz) of a single carrier alone. 0, or -EINVAL; why (NULL: not wanted) gets the reason in
 * words, cut to size octets with the closing zero. oh_core_new() and oh_core_reset() ask this too. */
OH_API int oh_plan_check(const oh_tone_plan *plan, char *why, int size);
/* Name of a signal as DESIGN spells it ("busy"), NULL outside enum oh_tone. Static text. */
OH_API const char *oh_tone_name(int tone);

/* -- G.711 ---------------------------------------------------------------------------------------------------------------- */

OH_API int16_t oh_alaw_decode(uint8_t octet);
OH_API uint8_t oh_alaw_encode(int16_t sample);
OH_API int16_t oh_ulaw_decode(uint8_t octet);
OH_API uint8_t oh_ulaw_encode(int16_t sample);
/* Convert samples between two laws; from and to hold what enum oh_law says. Returns samples, or -EINVAL for an unknown law. */
OH_API int oh_convert(int from_law, const void *from, int to_law, void *to, int samples);

/* -- the core ------------------------------------------------------------------------------------------------------------- */

typedef struct oh_core oh_core;

typedef struct oh_config {
    int channels;             /* 1 to OH_MAX_CHANNELS */
    int law;                  /* enum oh_law, of rx, tx and prompts */
    int layout;               /* enum oh_layout, of rx and tx */
    const oh_tone_plan *plan; /* default plan of a channel; must outlive the core */
    int ring_events;          /* capacity of the event ring, rounded up to a power of two; 0 = 16 a channel, at least 1024 */
} oh_config;

/* A core with all channels reset and nothing armed. NULL and errno EINVAL (shape, law, layout, no plan), ENOMEM or, without a free file
 * descriptor, EMFILE or ENFILE. */
OH_API oh_core *oh_core_new(const oh_config *config);
/* Stop the media thread if there is one and give everything back. NULL is allowed. */
OH_API void oh_core_free(oh_core *core);

/* feeder: run one 20 ms tick. rx: channels x 160 samples in the core's law and layout, read in place. valid: one enum oh_valid per
 * channel, NULL = all good. tx: room for the same shape, filled with what is to be sent (idle code where nothing plays); NULL = do not
 * mix, prompts stand still. now_ns goes into raised_ns. Returns the number of events raised, or -EINVAL. */
OH_API int oh_core_tick(oh_core *core, const void *rx, const uint8_t *valid, void *tx, uint64_t now_ns);

/* control: the orders below return 0, -EINVAL (no such channel, prompt, plan) or -EAGAIN (queue full: try again after a tick). */

/* Start a call on the channel: sample count 0, all detectors fresh, nothing playing. plan: NULL = the core's own. */
OH_API int oh_core_reset(oh_core *core, int channel, const oh_tone_plan *plan, uint32_t detectors);
/* Arm exactly these detectors; those that stay armed keep their state. */
OH_API int oh_core_arm(oh_core *core, int channel, uint32_t detectors);
/* The call was answered now: later events count from here for the answer analysis, and ringback is over. */
OH_API int oh_core_answered(oh_core *core, int channel);
/* Play a prompt from its first sample, replacing what plays. loop: start again at its end until stopped. token comes back in
 * OH_EVENT_PROMPT_DONE (not for a prompt that loops, is stopped or replaced). gain_cdb: -6000 to 6000, 0 = as it is, bit-exact. */
OH_API int oh_core_play(oh_core *core, int channel, int prompt, bool loop, int gain_cdb, uint32_t token);
/* Fall silent. */
OH_API int oh_core_stop_play(oh_core *core, int channel);
/* Join what two different channels hear and say (each hears the other, over its own prompt), until either is reset or joined elsewhere; b = -1 parts a. */
OH_API int oh_core_bridge(oh_core *core, int a, int b);
/* Copy a prompt into the core. audio: samples in the core's law. Returns its number (0 to OH_MAX_PROMPTS - 1), -EINVAL
 * (no audio), -ENOMEM, or -ENOSPC. */
OH_API int oh_core_prompt_add(oh_core *core, const void *audio, int samples);
/* Give a prompt's memory back. -EBUSY while a channel plays it or an order to play it is queued. */
OH_API int oh_core_prompt_drop(oh_core *core, int prompt);

/* poller: take up to max_events, oldest first. Returns how many. */
OH_API int oh_core_poll(oh_core *core, oh_event *out, int max_events);
/* File descriptor that is readable while events wait. Edge: after it woke the poller, poll until 0 comes back. Owned by the core. */
OH_API int oh_core_event_fd(const oh_core *core);

typedef struct oh_stats {
    uint64_t ticks;       /* run so far */
    uint64_t late_ticks;  /* ticks that began after the next one was due */
    uint64_t events;      /* raised */
    uint64_t overruns;    /* events dropped because the ring was full */
    uint64_t lost_blocks; /* channel blocks that were not GOOD */
    uint64_t tick_ns_sum;
    uint64_t tick_ns_max;
    uint64_t tick_log2_ns[32]; /* histogram: bucket k counts ticks of 2^k to 2^(k+1) ns */
    uint32_t channels;
    uint32_t state_bytes_per_channel; /* of the core, without prompts and rings */
} oh_stats;

/* any thread: a snapshot of the counters; single values are exact, together they may be a tick apart. */
OH_API void oh_core_stats(const oh_core *core, oh_stats *out);

/* -- answer analysis ------------------------------------------------------------------------------------------------------ */

#define OH_ANSWER_COUNT    9  /* values of enum oh_answer */
#define OH_ANSWER_FEATURES 32 /* what the model is shown every 20 ms */

enum oh_answer_method {
    OH_ANSWER_BY_MODEL = 0, /* probabilities and costs */
    OH_ANSWER_BY_RULES = 1, /* lengths of words and silences, as dialplan users know them */
};

/* When to decide and for what. Costs have one unit of the user's choice; only their ratios count. */
typedef struct oh_answer_settings {
    int32_t method;      /* enum oh_answer_method */
    float cost_person;   /* of a person who is taken for a machine and lost */
    float cost_machine;  /* of a machine that is taken for a person */
    float cost_second;   /* of one more second without a verdict */
    float person_share;  /* of those who answer and speak, how many are people: 0.01 to 0.99, 0.5 when it is not known */
    uint16_t wait_ms;    /* latest verdict after the end of the first greeting, at most 2000 */
    uint16_t total_ms;   /* latest verdict after the answer, once somebody has been speaking for 1 s */
    uint16_t silence_ms; /* nothing heard for so long: the verdict is silence, until somebody speaks */
    /* method rules only */
    int16_t threshold_cdbm0;     /* quieter is silence */
    uint16_t initial_silence_ms; /* so much silence before any word: machine */
    uint16_t greeting_ms;        /* more speech than this: machine */
    uint16_t after_greeting_ms;  /* so much silence after speech: person */
    uint16_t total_analysis_ms;  /* no verdict by then: unknown */
    uint16_t min_word_ms;        /* shorter sounds are no words */
    uint16_t between_words_ms;   /* so much silence ends a word */
    uint16_t max_word_ms;        /* a longer word: machine */
    uint16_t max_words;          /* more words: machine */
} oh_answer_settings;

/* Settings by name: "balanced" (in force from the start), "careful" (people first), "fast", "rules". NULL when there is none. Static. */
OH_API const oh_answer_settings *oh_answer_preset(const char *name);
/* control: use these settings on the channel, also after a reset, until others are given. They are copied. An order like those above: 0,
 * -EINVAL (no such channel, a value out of range) or -EAGAIN. */
OH_API int oh_core_answer_settings(oh_core *core, int channel, const oh_answer_settings *settings);
/* control, before the first tick: use another model than the built-in one, as `offhook amd train` writes it. It is copied. 0, -EINVAL (no
 * model, damaged, or of another version), -EBUSY (ticks have run) or -ENOMEM. */
OH_API int oh_core_answer_model(oh_core *core, const void *model, size_t bytes);
/* feeder: what the analysis made of the last tick. p: OH_ANSWER_COUNT probabilities, one for each enum oh_answer; features: the
 * OH_ANSWER_FEATURES numbers the model was shown, may be NULL. Returns the ms since the answer, 0 when no analysis runs on the channel,
 * -EINVAL when there is no such channel. */
OH_API int oh_core_answer_view(const oh_core *core, int channel, float *p, float *features);

/* -- library of announcements --------------------------------------------------------------------------------------------- */

/* Recordings of announcements by their fingerprints. Never changes once it is made; its functions may be called from any thread. */
typedef struct oh_library oh_library;

/* A recording to be known. */
typedef struct oh_clip {
    const int16_t *audio; /* 16 bit, 8 kHz; at least 4000 samples, and one below a second is hardly ever sure enough to be named */
    int samples;
    uint32_t number; /* comes back in OH_EVENT_ANNOUNCEMENT; clips of one number are one announcement */
    uint8_t sort;    /* class of the announcement, any value; comes back in detail, provisionally while several numbers of the class fit */
} oh_clip;

/* A library of 1 to 65,535 clips. NULL and errno EINVAL (no clips, one too short), EFBIG or ENOMEM. */
OH_API oh_library *oh_library_new(const oh_clip *clips, int count);
/* Give it up; cores that use it keep it until they get another one. NULL is allowed. */
OH_API void oh_library_free(oh_library *library);
/* Clips in it. */
OH_API int oh_library_count(const oh_library *library);
/* Per cent of a clip (0 = the first) that sounds the same in a clip of another number, and hence cannot name it. -EINVAL: no such clip. */
OH_API int oh_library_shared(const oh_library *library, int clip);
/* Octets that oh_library_pack() writes. */
OH_API size_t oh_library_bytes(const oh_library *library);
/* Write it out, for a file. 0 or -EINVAL (too little room). */
OH_API int oh_library_pack(const oh_library *library, void *data, size_t bytes);
/* The way back. NULL and errno EBADMSG (damaged or no library), EPROTONOSUPPORT (another version) or ENOMEM; why gets the reason as text. */
OH_API oh_library *oh_library_unpack(const void *data, size_t bytes, char *why, int room);

/* What oh_library_match() heard. */
typedef struct oh_match_found {
    uint32_t number;
    uint32_t at_frame; /* frames of 20 ms before it was told */
    uint8_t sort;
    uint8_t provisional; /* only the sort is sure */
    uint8_t confidence;
    uint8_t reserved;
    uint16_t margin;      /* hundredths */
    uint16_t score;       /* see oh_event */
    uint16_t rival_score; /* see oh_event */
    uint32_t rival;
    uint32_t place;
} oh_match_found;

/* Hear a whole recording by itself. Returns how many were found, at most room, -EINVAL or -ENOMEM. */
OH_API int oh_library_match(const oh_library *library, const int16_t *audio, int samples, oh_match_found *found, int room);
/* Fingerprint of a recording: for each 160 samples a word of bits and a word that says which of them are sure. */
typedef struct oh_fingerprint {
    uint32_t *bits;
    uint32_t *sure;
    int frames;
} oh_fingerprint;

/* Fill bits and sure, both with room for that many frames. Returns the frames, samples / 160, -EINVAL or -ENOMEM. */
OH_API int oh_fingerprint_make(const int16_t *audio, int samples, uint32_t *bits, uint32_t *sure, int room);
/* Best agreement of two fingerprints over all places, 0 to 1000; from 580 on they have a recording in common. *offset: frame of the
 * other one at which the first one begins. *worst: share of wrong bits, per cent, in the worst 0.64 s of what lies over each other; 25 and less
 * when all of it is the same. Both may be NULL. -EINVAL: no fingerprints. */
OH_API int oh_fingerprint_compare(const oh_fingerprint *one, const oh_fingerprint *other, int *offset, int *worst);

/* control: know the announcements of this library from the next tick on; NULL = none. The core keeps it as long as it uses it. 0, -EINVAL or -EAGAIN. */
OH_API int oh_core_library(oh_core *core, oh_library *library);
/* control, before the first tick: keep the newest so many ms of what each channel receives while OH_DETECT_ANNOUNCE is armed; 0 = nothing.
 * 0, -EINVAL (over 60,000), -EBUSY (ticks have run) or -ENOMEM. */
OH_API int oh_core_capture(oh_core *core, int ms);
/* control: take what was kept of the call on the channel, oldest first, in the core's law, once OH_DETECT_ANNOUNCE is disarmed and a tick
 * has run. Returns samples, -EINVAL (no such channel, nothing kept), -EAGAIN (the call goes on) or -ENOSPC (room is in samples). */
OH_API int oh_core_captured(oh_core *core, int channel, void *audio, int room);
/* control: how each frame of that came, so that the call can be heard again exactly as it was: its enum oh_valid (silence is kept where audio
 * is missing), OH_CAPTURED_ARMED where other detectors were armed, OH_CAPTURED_ANSWERED where the answer counted. *first: number of the
 * first kept frame in the call. Returns frames, or errors as above; room is in frames. */
#define OH_CAPTURED_ARMED    0x40
#define OH_CAPTURED_ANSWERED 0x80
OH_API int oh_core_captured_marks(oh_core *core, int channel, uint8_t *marks, int room, uint32_t *first);

/* -- media drivers -------------------------------------------------------------------------------------------------------- */

typedef struct oh_media_info {
    int channels;
    int law;
    int layout;
    int realtime; /* 1: wait() blocks until a tick is due; 0: virtual time, a tick is always ready */
} oh_media_info;

typedef struct oh_media_counters {
    uint64_t overrun;  /* blocks received and thrown away */
    uint64_t underrun; /* blocks that should have been sent and were not there */
    uint64_t late;
    uint64_t lost;
    uint64_t slip; /* samples doubled or dropped by the clock difference */
} oh_media_counters;

/* Span alarms, as bits. */
#define OH_ALARM_RECOVER  1
#define OH_ALARM_LOOPBACK 2
#define OH_ALARM_YELLOW   4 /* RAI */
#define OH_ALARM_RED      8
#define OH_ALARM_BLUE     16 /* AIS */
#define OH_ALARM_LOS      32
#define OH_ALARM_LFA      64
#define OH_ALARM_LMFA     128

/* The media plane of a driver. Every call but open and close is made by the media thread and must not allocate or log; only wait may
 * block. Only the driver knows the clock. Members that do not apply are NULL. */
typedef struct oh_media_ops {
    int (*open)(void *media, oh_media_info *info); /* fills info; 0 or -errno */
    int (*wait)(void *media, int timeout_ms);      /* ticks that are due (1 = in time), 0 on time-out, -errno */
    /* Next tick's audio of all channels: channels x 160 samples, one oh_valid each; *tick is the 64-bit number of the tick. 0 or -errno. */
    int (*rx)(void *media, void *audio, uint8_t *valid, uint64_t *tick);
    int (*tx)(void *media, const void *audio);  /* 0 or -errno; every channel has audio to send, idle code at least */
    int (*rx_bits)(void *media, uint8_t *abcd); /* one ABCD nibble per channel */
    int (*tx_bits)(void *media, int channel, uint8_t abcd);
    int (*alarms)(void *media, int span, uint32_t *alarms);
    void (*counters)(void *media, oh_media_counters *out);
    void (*close)(void *media);
} oh_media_ops;

/* A driver's media plane: the table and its own state. Owned by the driver, must outlive the run. */
typedef struct oh_media {
    const oh_media_ops *ops;
    void *media;
} oh_media;

/* Start the media thread: opens the driver, then wait, rx, tick, tx until stopped. fifo_priority: SCHED_FIFO 1 to 99, 0 = normal; when
 * the system refuses it the thread runs at normal priority. -EBUSY when one runs already, -EINVAL when the driver's shape, law or layout
 * is not the core's, else the driver's own error. The calling thread stays control and poller. */
OH_API int oh_core_start(oh_core *core, const oh_media *media, int fifo_priority);
/* Ask the media thread to end, join it and close the driver. 0, the error that had ended it, or -ESRCH when none runs. */
OH_API int oh_core_stop(oh_core *core);
/* 1 while a driver is open and runs, 0 when none is, or the -errno that ended it by itself (the event fd becomes readable then);
 * oh_core_stop() clears that. */
OH_API int oh_core_running(const oh_core *core);
/* Virtual time: run up to max_ticks ticks of a driver in the calling thread, ending early after a tick that raised events. Opens the
 * driver at the first call; oh_core_stop() or oh_core_free() closes it. The driver must have realtime = 0. Ticks run, or -errno. */
OH_API int oh_core_run(oh_core *core, const oh_media *media, int max_ticks);

/* -- processor ------------------------------------------------------------------------------------------------------------ */

/* Vector code in use: "base", "avx2", "avx512" or "neon". The best that the processor has, or what OFFHOOK_ISA names. Static text. */
OH_API const char *oh_isa(void);
/* Use this vector code for all cores made from now on: -EINVAL for an unknown name, -ENOTSUP when the processor lacks it. For tests. */
OH_API int oh_isa_force(const char *name);

/* cffi:end */

#ifdef __cplusplus
}
#endif
#endif
