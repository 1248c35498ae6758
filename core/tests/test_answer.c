/* Answer analysis: the same bits on every instruction set, nothing before the answer, limits kept, models and settings checked. What the
 * built-in model makes of voices is tested with clips in tests/test_answer_model.py. */
#include "harness.h"

#include "offhook.h"

#include <errno.h>

#include "answer.h"
#include "lane.h"

#define RATE  8000
#define FRAME OH_FRAME_SAMPLES

enum { CHANNELS = 20 };

/* A voice of sorts: harmonics of a gliding pitch under two formants, in syllables of 160 ms. */
static void voice(int16_t *out, int from, int to) {
    double phase = 0;
    for (int i = from; i < to; i++) {
        double t = (double)(i - from) / RATE, syllable = fmod(t, 0.16) / 0.16;
        double hz = 140 + 25 * sin(2 * M_PI * 1.3 * t), x = 0;
        phase += hz / RATE;
        for (int k = 1; k * hz < 3400; k++) {
            double f = k * hz, a = exp(-pow((f - 600) / 250, 2)) + 0.4 * exp(-pow((f - 1500 - 500 * sin(9 * t)) / 300, 2)) + 0.02;
            x += a * sin(2 * M_PI * k * phase);
        }
        out[i] = (int16_t)(out[i] + 3000 * x * sin(M_PI * syllable));
    }
}

static void hiss(int16_t *out, int samples, int size) {
    uint32_t seed = 12345;
    for (int i = 0; i < samples; i++) {
        seed = seed * 1664525u + 1013904223u;
        out[i] = (int16_t)((int)(seed >> 16) % (2 * size + 1) - size);
    }
}

static oh_core *one_line(int channels, const oh_answer_settings *settings) {
    oh_config config = {.channels = channels, .law = OH_LAW_LINEAR, .layout = OH_LAYOUT_CHANNEL, .plan = oh_plan_find("us")};
    oh_core *core = oh_core_new(&config);
    CHECK(core);
    for (int i = 0; i < channels; i++) {
        CHECK_EQ(oh_core_reset(core, i, NULL, OH_PROFILE_ANSWERED), 0);
        if (settings)
            CHECK_EQ(oh_core_answer_settings(core, i, settings), 0);
    }
    return core;
}

/* Feed audio to the last channel; answered is the frame of the answer, -1 for never. The first verdict goes into *verdict. */
static int verdicts(oh_core *core, int channels, const int16_t *audio, int frames, int answered, oh_event *verdict) {
    static int16_t rx[CHANNELS * FRAME];
    int found = 0;
    for (int f = 0; f < frames; f++) {
        if (f == answered)
            CHECK_EQ(oh_core_answered(core, channels - 1), 0);
        memcpy(rx + (channels - 1) * FRAME, audio + f * FRAME, FRAME * sizeof *rx);
        CHECK(oh_core_tick(core, rx, NULL, NULL, 0) >= 0);
        oh_event event;
        while (oh_core_poll(core, &event, 1) == 1)
            if (event.kind == OH_EVENT_ANSWER && found++ == 0)
                *verdict = event;
    }
    return found;
}

static int16_t call[12 * RATE];

static void a_call(int speech_ms) {
    hiss(call, 12 * RATE, 8);
    voice(call, RATE / 2, RATE / 2 + speech_ms * 8);
}

static void nothing_is_said_before_the_answer(void) {
    a_call(4000);
    oh_core *core = one_line(1, NULL);
    oh_event verdict;
    float p[OH_ANSWER_COUNT];
    CHECK_EQ(verdicts(core, 1, call, 400, -1, &verdict), 0);
    CHECK_EQ(oh_core_answer_view(core, 0, p, NULL), 0);
    oh_core_free(core);
}

static void every_instruction_set_gives_the_same_bits(void) {
    static const char *const names[] = {"base", "avx2", "avx512", "neon"};
    static float seen[2][400][OH_ANSWER_COUNT + OH_ANSWER_FEATURES];
    int runs = 0;
    a_call(1500);
    for (size_t n = 0; n < sizeof names / sizeof *names; n++) {
        if (oh_isa_force(names[n]))
            continue;
        oh_core *core = one_line(CHANNELS, NULL);
        static int16_t rx[CHANNELS * FRAME];
        for (int i = 0; i < CHANNELS; i++)
            CHECK_EQ(oh_core_answered(core, i), 0);
        for (int f = 0; f < 400; f++) {
            memset(rx, 0, sizeof rx);
            memcpy(rx + 17 * FRAME, call + f * FRAME, FRAME * sizeof *rx);
            CHECK(oh_core_tick(core, rx, NULL, NULL, 0) >= 0);
            float *row = seen[runs > 0][f];
            CHECK_EQ(oh_core_answer_view(core, 17, row, row + OH_ANSWER_COUNT), f * OH_FRAME_MS + OH_FRAME_MS);
        }
        oh_core_free(core);
        CHECK(runs == 0 || memcmp(seen[0], seen[1], sizeof seen[0]) == 0);
        runs++;
    }
    CHECK(runs > 0);
    oh_isa_force("base");
}

static void ring(int16_t *out, int from, int to) {
    for (int i = from; i < to; i++)
        out[i] = (int16_t)(out[i] + 2500 * (sin(2 * M_PI * 440 * i / RATE) + sin(2 * M_PI * 480 * i / RATE)));
}

static void who_speaks_after_ringing_that_goes_on_answers_then(void) {
    hiss(call, 12 * RATE, 8);
    ring(call, 2400, 2400 + 2 * RATE);
    ring(call, 2400 + 6 * RATE, 2400 + 7 * RATE);
    voice(call, 8 * RATE, 8 * RATE + 700 * 8);
    oh_core *core = one_line(1, NULL);
    CHECK_EQ(oh_core_answered(core, 0), 0);
    int judged = 0;
    for (int f = 0; f < 600; f++) {
        CHECK(oh_core_tick(core, call + f * FRAME, NULL, NULL, 0) >= 0);
        oh_event event;
        float p[OH_ANSWER_COUNT], x[OH_ANSWER_FEATURES];
        while (oh_core_poll(core, &event, 1) == 1) {
            if (event.kind != OH_EVENT_ANSWER || event.detail == OH_ANSWER_UNKNOWN)
                continue;
            judged++;
            CHECK(event.value > 8000 && event.value < 8000 + 2480);
        }
        CHECK(oh_core_answer_view(core, 0, p, x) > 0);
        if (f == 410) /* 200 ms into the words: hearing began 300 ms before them, and the onset is where they begin */
            CHECK(fabsf(x[OH_AT_FACTS] - 0.5f) < 0.06f && fabsf(x[OH_AT_FACTS + 1] - 0.3f) < 0.06f);
    }
    CHECK(judged >= 1);
    oh_core_free(core);
}

/* Facts of the call so far, see measure(): time, onset, since onset, this utterance, since the last sound ... */
static void facts_at(int frames, float *x) {
    oh_answer_settings patient = *oh_answer_preset("careful"); /* a verdict would begin anew */
    patient.cost_person = 1e6f;
    patient.wait_ms = 2000;
    oh_core *core = one_line(1, &patient);
    float p[OH_ANSWER_COUNT], all[OH_ANSWER_FEATURES];
    CHECK_EQ(oh_core_answered(core, 0), 0);
    for (int f = 0; f < frames; f++)
        CHECK(oh_core_tick(core, call + f * FRAME, NULL, NULL, 0) >= 0);
    CHECK(oh_core_answer_view(core, 0, p, all) > 0);
    memcpy(x, all + OH_AT_FACTS, 10 * sizeof *x);
    oh_core_free(core);
}

/* S02: it says nothing of a person that he was silent for three seconds. */
static void who_speaks_after_a_long_silence_is_heard_as_if_he_had_just_answered(void) {
    float x[10];
    hiss(call, 12 * RATE, 8);
    voice(call, 3 * RATE, 3 * RATE + 600 * 8);
    facts_at(160, x);
    CHECK(fabsf(x[0] - 0.5f) < 0.06f && fabsf(x[1] - 0.3f) < 0.06f);
    hiss(call, 12 * RATE, 8);
    voice(call, 3 * RATE / 2, 3 * RATE / 2 + 600 * 8);
    facts_at(85, x);
    CHECK(fabsf(x[0] - 1.7f) < 0.06f && fabsf(x[1] - 1.5f) < 0.06f);
}

/* S02: a television, a baby or music in the room goes on when the person has said hello. */
static void a_voice_ends_where_only_its_backdrop_goes_on(void) {
    float x[10];
    hiss(call, 12 * RATE, 8);
    voice(call, 0, 12 * RATE);
    for (int i = 0; i < 12 * RATE; i++)
        call[i] = (int16_t)(call[i] / 6); /* 16 dB down */
    voice(call, 4000, 4000 + 800 * 8);
    facts_at((500 + 800 + 1200) / 20, x);
    CHECK(x[3] < 0.01f);                /* no utterance is on */
    CHECK(fabsf(x[4] - 1.2f) < 0.1f);   /* since the last sound of the voice */
    CHECK(x[9] > 1.15f && x[9] < 1.4f); /* the backdrop before the voice was a beginning of it */
    voice(call, 4000 + 2000 * 8, 4000 + 2600 * 8);
    facts_at((500 + 2000 + 400) / 20, x);
    CHECK(fabsf(x[3] - 0.4f) < 0.1f); /* he speaks again */
}

static void the_end_of_the_ringing_is_no_tone_of_the_call(void) {
    hiss(call, 12 * RATE, 8);
    ring(call, 0, 5600);
    oh_core *core = one_line(1, NULL);
    oh_event verdict;
    CHECK_EQ(verdicts(core, 1, call, 300, 0, &verdict), 1);
    CHECK_EQ(verdict.detail, OH_ANSWER_SILENCE); /* not "unknown", as after other tones */
    oh_core_free(core);
}

static void probabilities_sum_to_one(void) {
    a_call(1500);
    oh_core *core = one_line(1, NULL);
    oh_core_answered(core, 0);
    for (int f = 0; f < 300; f++) {
        oh_core_tick(core, call + f * FRAME, NULL, NULL, 0);
        float p[OH_ANSWER_COUNT], sum = 0;
        CHECK(oh_core_answer_view(core, 0, p, NULL) > 0);
        for (int c = 0; c < OH_ANSWER_COUNT; c++) {
            CHECK(p[c] >= 0 && p[c] <= 1);
            sum += p[c];
        }
        CHECK_NEAR(sum, 1, 1e-4);
    }
    oh_core_free(core);
}

static void a_verdict_comes_within_the_limit_after_the_greeting(void) {
    for (int wait = 200; wait <= 2000; wait += 600)
        for (int speech = 400; speech <= 1600; speech += 300) {
            oh_answer_settings settings = *oh_answer_preset("balanced");
            settings.wait_ms = (uint16_t)wait;
            settings.total_ms = 60000;
            settings.cost_second = 0; /* never decides before it must */
            a_call(speech);
            oh_core *core = one_line(1, &settings);
            oh_event verdict;
            CHECK(verdicts(core, 1, call, 400, 0, &verdict) >= 1);
            CHECK((int)verdict.at_sample <= RATE / 2 + (speech + wait + 60) * 8);
            CHECK((int)verdict.at_sample >= RATE / 2 + speech * 8);
            oh_core_free(core);
        }
}

static void a_voice_without_end_is_judged_at_the_total_limit(void) {
    oh_answer_settings settings = *oh_answer_preset("careful");
    settings.cost_second = 0;
    settings.total_ms = 3000;
    a_call(8000);
    oh_core *core = one_line(1, &settings);
    oh_event verdict;
    CHECK(verdicts(core, 1, call, 400, 0, &verdict) >= 1);
    CHECK_EQ(verdict.at_sample, 3000 * 8);
    oh_core_free(core);
}

static void silence_is_a_verdict_and_a_tone_is_nobody(void) {
    hiss(call, 12 * RATE, 8);
    oh_core *core = one_line(1, NULL);
    oh_event verdict;
    CHECK_EQ(verdicts(core, 1, call, 500, 0, &verdict), 1);
    CHECK_EQ(verdict.detail, OH_ANSWER_SILENCE);
    CHECK_EQ(verdict.value, oh_answer_preset("balanced")->silence_ms);
    oh_core_free(core);
    static const double hz[] = {425, 1000, 1400, 620};
    for (size_t n = 0; n < sizeof hz / sizeof *hz; n++) {
        hiss(call, 12 * RATE, 8);
        for (int i = 0; i < 10 * RATE; i++)
            call[i] = (int16_t)(call[i] + 5000 * sin(2 * M_PI * hz[n] * i / RATE) * (i / (RATE / 2) % 2));
        core = one_line(1, NULL);
        if (verdicts(core, 1, call, 500, 0, &verdict))
            CHECK(verdict.detail != OH_ANSWER_PERSON);
        oh_core_free(core);
    }
}

static void a_fax_is_a_fax(void) {
    hiss(call, 12 * RATE, 8);
    for (int i = RATE; i < 4 * RATE; i++)
        call[i] = (int16_t)(call[i] + 5000 * sin(2 * M_PI * 2100 * i / RATE));
    oh_core *core = one_line(1, NULL);
    oh_event verdict;
    CHECK_EQ(verdicts(core, 1, call, 300, 0, &verdict), 1);
    CHECK_EQ(verdict.detail, OH_ANSWER_FAX);
    oh_core_free(core);
}

static void tone(double hz, int from_ms, int to_ms) {
    for (int i = from_ms * 8; i < to_ms * 8; i++)
        call[i] = (int16_t)(call[i] + 5000 * sin(2 * M_PI * hz * i / RATE));
}

/* 1100 Hz is the CNG of a fax, and the beep of some answering machines. S02 */
static void a_beep_of_1100_hz_after_a_greeting_is_no_fax(void) {
    a_call(4000);
    tone(1100, 5500, 6050);
    oh_core *core = one_line(1, NULL);
    CHECK_EQ(oh_core_answered(core, 0), 0);
    int beeps = 0;
    for (int f = 0; f < 400; f++) {
        CHECK(oh_core_tick(core, call + f * FRAME, NULL, NULL, 0) >= 0);
        oh_event event;
        while (oh_core_poll(core, &event, 1) == 1) {
            CHECK(event.kind != OH_EVENT_ANSWER || event.detail != OH_ANSWER_FAX);
            if (event.kind == OH_EVENT_TONE && event.tone == OH_TONE_BEEP) {
                beeps++;
                CHECK_NEAR((double)event.at_sample / 8, 6050, 200);
                CHECK_NEAR(event.value, 550, 40);
            }
        }
    }
    CHECK_EQ(beeps, 1);
    oh_core_free(core);
}

static void cng_without_a_greeting_or_again_is_a_fax(void) {
    oh_event verdict;
    hiss(call, 12 * RATE, 8);
    tone(1100, 1000, 1500);
    oh_core *core = one_line(1, NULL);
    CHECK_EQ(verdicts(core, 1, call, 200, 0, &verdict), 1);
    CHECK_EQ(verdict.detail, OH_ANSWER_FAX);
    oh_core_free(core);
    a_call(2000);
    tone(1100, 4000, 4500);
    tone(1100, 7500, 8000);
    core = one_line(1, NULL);
    static int16_t rx[FRAME];
    CHECK_EQ(oh_core_answered(core, 0), 0);
    int last = -1;
    for (int f = 0; f < 500; f++) {
        memcpy(rx, call + f * FRAME, sizeof rx);
        CHECK(oh_core_tick(core, rx, NULL, NULL, 0) >= 0);
        oh_event event;
        while (oh_core_poll(core, &event, 1) == 1)
            if (event.kind == OH_EVENT_ANSWER)
                last = event.detail;
    }
    CHECK_EQ(last, OH_ANSWER_FAX);
    oh_core_free(core);
}

/* Noise of a room, with a knock now and then: it is loud until the floor is known. S01 */
static void din_is_never_a_person(void) {
    for (int size = 200; size <= 6000; size *= 3)
        for (int ends_ms = 4000; ends_ms <= 12000; ends_ms += 4000) {
            hiss(call, 12 * RATE, 8);
            hiss(call, ends_ms * 8, size);
            oh_core *core = one_line(1, NULL);
            oh_event verdict;
            if (verdicts(core, 1, call, 600, 0, &verdict))
                CHECK(verdict.detail != OH_ANSWER_PERSON);
            oh_core_free(core);
        }
}

/* S01: knocks and rustling above the noise of a room, of any rhythm. */
static void noise_with_knocks_is_never_a_person(void) {
    uint32_t seed = 7;
    for (int draw = 0; draw < 24; draw++) {
        hiss(call, 12 * RATE, 40 + 60 * (draw % 4));
        for (int at = 2000; at < 8 * RATE; seed = seed * 1664525u + 1013904223u, at += 1600 + (int)(seed >> 16) % 9000) {
            int length = 400 + (int)(seed >> 20) % 4000; /* 50 to 550 ms */
            for (int i = at; i < at + length; i++) {
                seed = seed * 1664525u + 1013904223u;
                call[i] = (int16_t)(call[i] + ((int)(seed >> 16) % 6001 - 3000) * (at + length - i) / length);
            }
        }
        oh_core *core = one_line(1, NULL);
        static int16_t rx[FRAME];
        CHECK_EQ(oh_core_answered(core, 0), 0);
        for (int f = 0; f < 600; f++) {
            memcpy(rx, call + f * FRAME, sizeof rx);
            CHECK(oh_core_tick(core, rx, NULL, NULL, 0) >= 0);
            oh_event event;
            while (oh_core_poll(core, &event, 1) == 1)
                CHECK(event.kind != OH_EVENT_ANSWER || event.detail != OH_ANSWER_PERSON);
        }
        oh_core_free(core);
    }
}

/* Two notes at a time, in and out of tune with ringing, half a second each, in phrases. */
static void a_ringing_tune_is_never_a_person(void) {
    static const double notes[5] = {440, 494, 554, 659, 740};
    for (int draw = 0; draw < 5; draw++) {
        hiss(call, 12 * RATE, 8);
        for (int i = 0; i < 9 * RATE; i++) {
            int note = i / (RATE / 4), in = i % (RATE / 4);
            double a = i / RATE % 3 < 2 ? 2500 * exp(-in / 1200.0) : 0;
            for (int k = 1; k <= 3; k++)
                call[i] = (int16_t)(call[i] + a / k *
                                                  (sin(2 * M_PI * k * notes[(note * 3 + draw) % 5] * i / RATE) +
                                                   sin(2 * M_PI * k * notes[(note * 2 + draw) % 5] * i / RATE)));
        }
        oh_core *core = one_line(1, NULL);
        CHECK_EQ(oh_core_answered(core, 0), 0);
        for (int f = 0; f < 600; f++) {
            CHECK(oh_core_tick(core, call + f * FRAME, NULL, NULL, 0) >= 0);
            oh_event event;
            while (oh_core_poll(core, &event, 1) == 1)
                CHECK(event.kind != OH_EVENT_ANSWER || event.detail != OH_ANSWER_PERSON);
        }
        oh_core_free(core);
    }
}

static void the_rules_of_the_field_are_kept(void) {
    const oh_answer_settings *rules = oh_answer_preset("rules");
    a_call(300);
    oh_core *core = one_line(1, rules);
    oh_event verdict;
    CHECK(verdicts(core, 1, call, 300, 0, &verdict) >= 1);
    CHECK_EQ(verdict.detail, OH_ANSWER_PERSON);
    CHECK_NEAR((double)verdict.at_sample / 8, 500 + 300 + rules->after_greeting_ms, 70);
    oh_core_free(core);
    a_call(5000);
    core = one_line(1, rules);
    CHECK(verdicts(core, 1, call, 300, 0, &verdict) >= 1);
    CHECK_EQ(verdict.detail, OH_ANSWER_MACHINE);
    oh_core_free(core);
    hiss(call, 12 * RATE, 8);
    core = one_line(1, rules);
    CHECK(verdicts(core, 1, call, 300, 0, &verdict) >= 1);
    CHECK_EQ(verdict.detail, OH_ANSWER_MACHINE); /* too long a silence */
    CHECK_EQ(verdict.value, rules->initial_silence_ms);
    oh_core_free(core);
}

static void settings_out_of_range_are_refused(void) {
    oh_core *core = one_line(1, NULL);
    oh_answer_settings bad[7];
    for (int i = 0; i < 7; i++)
        bad[i] = *oh_answer_preset("balanced");
    bad[0].cost_person = -1;
    bad[1].cost_machine = NAN;
    bad[2].person_share = 1;
    bad[3].wait_ms = 2001;
    bad[4].method = 2;
    bad[5].cost_second = INFINITY;
    bad[6].silence_ms = 0;
    for (int i = 0; i < 7; i++)
        CHECK_EQ(oh_core_answer_settings(core, 0, &bad[i]), -EINVAL);
    CHECK_EQ(oh_core_answer_settings(core, 1, oh_answer_preset("fast")), -EINVAL);
    CHECK_EQ(oh_core_answer_settings(core, 0, NULL), -EINVAL);
    CHECK(!oh_answer_preset("slow"));
    CHECK(!oh_answer_preset(NULL));
    oh_core_free(core);
}

static void put(uint8_t *to, uint32_t x) {
    for (int i = 0; i < 4; i++)
        to[i] = (uint8_t)(x >> 8 * i);
}

static void damaged_models_are_refused_and_sound_ones_used(void) {
    static uint8_t file[20 + 4 * OH_ANSWER_WEIGHTS + 1];
    size_t size = sizeof file - 1;
    memcpy(file, "OHANSWER", 8);
    put(file + 8, 3);
    put(file + 12, OH_ANSWER_WEIGHTS);
    memcpy(file + 20, &oh_answer_model, sizeof oh_answer_model); /* the test runs on little-endian machines */
    uint32_t sum = 2166136261u;
    for (size_t i = 20; i < size; i++)
        sum = (sum ^ file[i]) * 16777619u;
    put(file + 16, sum);
    struct oh_answer_model read;
    CHECK_EQ(oh_answer_model_read(file, size, &read), 0);
    CHECK_EQ(memcmp(&read, &oh_answer_model, sizeof read), 0);
    CHECK_EQ(oh_answer_model_read(file, size - 1, &read), -EINVAL);
    CHECK_EQ(oh_answer_model_read(file, size + 1, &read), -EINVAL);
    CHECK_EQ(oh_answer_model_read(NULL, 0, &read), -EINVAL);
    for (size_t i = 0; i < size; i += i < 40 ? 1 : 997) {
        file[i] ^= 0x10;
        CHECK_EQ(oh_answer_model_read(file, size, &read), -EINVAL);
        file[i] ^= 0x10;
    }
    oh_core *core = one_line(1, NULL);
    CHECK_EQ(oh_core_answer_model(core, file, size), 0);
    CHECK_EQ(oh_core_answer_model(core, file, 10), -EINVAL);
    CHECK(oh_core_tick(core, call, NULL, NULL, 0) >= 0);
    CHECK_EQ(oh_core_answer_model(core, file, size), -EBUSY);
    oh_core_free(core);
}

static void lost_audio_keeps_time_and_raises_nothing_of_its_own(void) {
    a_call(600);
    oh_core *core = one_line(1, NULL);
    oh_core_answered(core, 0);
    uint8_t missing = OH_VALID_MISSING;
    float p[OH_ANSWER_COUNT];
    for (int f = 0; f < 100; f++)
        CHECK(oh_core_tick(core, call, &missing, NULL, 0) >= 0);
    CHECK_EQ(oh_core_answer_view(core, 0, p, NULL), 2000);
    oh_event event;
    while (oh_core_poll(core, &event, 1) == 1)
        CHECK(event.kind != OH_EVENT_ANSWER);
    oh_core_free(core);
}

/* S02: two windows of a ring-back tune may be full only after the answer; the person speaks over nothing. */
static void a_tune_that_began_before_the_answer_is_that_of_the_ringing(void) {
    oh_event event = {.kind = OH_EVENT_MUSIC, .level_cdbm0 = -2000};
    for (int after = 0; after < 2; after++) {
        struct oh_lane lane = {.answered = 1, .answered_at = 40000};
        oh_answer_heard(&lane, &event, after ? 48000 : 24000);
        CHECK_EQ(lane.heard.plays, after ? OH_PLAYS : 0);
        CHECK_EQ(lane.heard.music, !after);
    }
}

int main(void) {
    TEST(nothing_is_said_before_the_answer);
    TEST(every_instruction_set_gives_the_same_bits);
    TEST(who_speaks_after_ringing_that_goes_on_answers_then);
    TEST(who_speaks_after_a_long_silence_is_heard_as_if_he_had_just_answered);
    TEST(a_voice_ends_where_only_its_backdrop_goes_on);
    TEST(the_end_of_the_ringing_is_no_tone_of_the_call);
    TEST(probabilities_sum_to_one);
    TEST(a_verdict_comes_within_the_limit_after_the_greeting);
    TEST(a_voice_without_end_is_judged_at_the_total_limit);
    TEST(silence_is_a_verdict_and_a_tone_is_nobody);
    TEST(a_fax_is_a_fax);
    TEST(a_beep_of_1100_hz_after_a_greeting_is_no_fax);
    TEST(cng_without_a_greeting_or_again_is_a_fax);
    TEST(din_is_never_a_person);
    TEST(noise_with_knocks_is_never_a_person);
    TEST(a_ringing_tune_is_never_a_person);
    TEST(the_rules_of_the_field_are_kept);
    TEST(settings_out_of_range_are_refused);
    TEST(damaged_models_are_refused_and_sound_ones_used);
    TEST(lost_audio_keeps_time_and_raises_nothing_of_its_own);
    TEST(a_tune_that_began_before_the_answer_is_that_of_the_ringing);
    return 0;
}
