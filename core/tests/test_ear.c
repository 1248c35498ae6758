/* The ear as a whole: shapes, laws, lanes, arming, lost audio. */
#include <errno.h>

#include "hear.h"

/* A busy tone and digits, then speech, 6 s. */
static struct tape programme(void) {
    struct tape t = tape_new();
    tape_quiet(&t, 300);
    for (int i = 0; i < 4; i++) {
        tape_tone(&t, 450, 350, -14);
        tape_quiet(&t, 350);
    }
    tape_pair(&t, 697, 1477, 60, -12);
    tape_quiet(&t, 400);
    tape_voice(&t, 2400, 140, -20);
    tape_noise(&t, -55);
    return t;
}

static void listen(struct heard *h, const struct tape *t, int channels, int channel, int law, int layout) {
    h->count = 0;
    struct oh_ear *ear = oh_ear_new(channels, law, layout);
    CHECK(ear != NULL);
    oh_ear_reset(ear, channel, oh_plan_find("cn"), OH_PROFILE_PRE_ANSWER);
    struct oh_sink sink = {heard_raise, h};
    size_t bytes = law == OH_LAW_LINEAR ? 2 : 1;
    uint8_t *frame = malloc((size_t)channels * OH_FRAME_SAMPLES * bytes);
    CHECK(frame != NULL);
    for (int f = 0; f < t->samples / OH_FRAME_SAMPLES; f++) {
        memset(frame, law == OH_LAW_ALAW ? 0xd5 : law == OH_LAW_ULAW ? 0xff : 0, (size_t)channels * OH_FRAME_SAMPLES * bytes);
        for (int i = 0; i < OH_FRAME_SAMPLES; i++) {
            int16_t x = t->audio[f * OH_FRAME_SAMPLES + i];
            int16_t rounded = oh_alaw_decode(oh_alaw_encode(x)); /* the same values whatever the law */
            size_t at = layout == OH_LAYOUT_CHANNEL ? (size_t)channel * OH_FRAME_SAMPLES + (size_t)i
                                                    : (size_t)i * (size_t)channels + (size_t)channel;
            if (law == OH_LAW_LINEAR)
                memcpy(frame + at * 2, &rounded, 2);
            else
                frame[at] = law == OH_LAW_ALAW ? oh_alaw_encode(x) : oh_ulaw_encode(x);
        }
        oh_ear_frame(ear, frame, NULL, &sink);
    }
    CHECK_EQ(oh_ear_now(ear, channel), t->samples / OH_FRAME_SAMPLES * OH_FRAME_SAMPLES);
    free(frame);
    oh_ear_free(ear);
    for (int i = 0; i < h->count; i++) {
        CHECK_EQ(h->events[i].channel, channel);
        h->events[i].channel = 0;
    }
}

static void every_lane_layout_and_group_hears_the_same(void) {
    static struct heard want, got;
    struct tape t = programme();
    listen(&want, &t, 1, 0, OH_LAW_ALAW, OH_LAYOUT_CHANNEL);
    CHECK(heard_at(&want, OH_EVENT_TONE, OH_TONE_BUSY, 0) != NULL);
    CHECK(heard_at(&want, OH_EVENT_TONE, OH_TONE_DTMF, 0) != NULL);
    CHECK(heard_at(&want, OH_EVENT_SPEECH, -1, 0) != NULL);
    static const int shapes[][2] = {{16, 0}, {16, 15}, {17, 16}, {240, 100}, {33, 7}};
    for (int i = 0; i < 5; i++)
        for (int layout = 0; layout < 2; layout++) {
            listen(&got, &t, shapes[i][0], shapes[i][1], OH_LAW_ALAW, layout);
            CHECK_EQ(got.count, want.count);
            CHECK_EQ(memcmp(got.events, want.events, sizeof(oh_event) * (size_t)want.count), 0);
        }
    listen(&got, &t, 5, 3, OH_LAW_LINEAR, OH_LAYOUT_CHANNEL);
    CHECK_EQ(got.count, want.count);
    for (int i = 0; i < want.count; i++)
        CHECK_EQ(got.events[i].at_sample, want.events[i].at_sample);
    listen(&got, &t, 5, 3, OH_LAW_ULAW, OH_LAYOUT_TIMESLOT);
    CHECK_EQ(heard_count(&got, OH_EVENT_TONE, -1), heard_count(&want, OH_EVENT_TONE, -1));
    free(t.audio);
}

static void state_is_below_8_KiB_a_channel(void) {
    for (int law = 0; law < 3; law++) {
        struct oh_ear *ear = oh_ear_new(240, law, OH_LAYOUT_CHANNEL);
        CHECK(oh_ear_bytes_per_channel(ear) <= 8192);
        oh_ear_free(ear);
    }
}

static void wrong_shapes_are_refused(void) {
    errno = 0;
    CHECK(oh_ear_new(0, OH_LAW_ALAW, OH_LAYOUT_CHANNEL) == NULL && errno == EINVAL);
    CHECK(oh_ear_new(OH_MAX_CHANNELS + 1, OH_LAW_ALAW, OH_LAYOUT_CHANNEL) == NULL && errno == EINVAL);
    CHECK(oh_ear_new(1, 3, OH_LAYOUT_CHANNEL) == NULL && errno == EINVAL);
    CHECK(oh_ear_new(1, OH_LAW_ALAW, 2) == NULL && errno == EINVAL);
    oh_ear_free(NULL);
}

static void a_detector_that_is_not_armed_says_nothing(void) {
    struct tape t = programme();
    CHECK_EQ(hear(&t, "cn", OH_PROFILE_OFF)->count, 0);
    struct heard *h = hear(&t, "cn", OH_DETECT_DTMF);
    CHECK_EQ(heard_count(h, OH_EVENT_TONE, OH_TONE_DTMF), h->count / 2);
    free(t.audio);
}

static void arming_in_mid_call_starts_from_quiet(void) {
    static struct heard h;
    struct tape t = programme();
    struct oh_ear *ear = oh_ear_new(1, OH_LAW_LINEAR, OH_LAYOUT_CHANNEL);
    struct oh_sink sink = {heard_raise, &h};
    h.count = 0;
    oh_ear_reset(ear, 0, oh_plan_find("cn"), OH_PROFILE_OFF);
    for (int f = 0; f < t.samples / OH_FRAME_SAMPLES; f++) {
        if (f == 50)
            oh_ear_arm(ear, 0, OH_DETECT_TONES);
        oh_ear_frame(ear, t.audio + f * OH_FRAME_SAMPLES, NULL, &sink);
        CHECK_EQ(oh_ear_now(ear, 0), (f + 1) * OH_FRAME_SAMPLES);
    }
    CHECK_EQ(heard_count(&h, OH_EVENT_TONE, OH_TONE_BUSY), 1);
    CHECK(heard_at(&h, OH_EVENT_TONE, OH_TONE_BUSY, 0)->onset_sample >= 50 * OH_FRAME_SAMPLES - 200);
    oh_ear_free(ear);
    free(t.audio);
}

/* Silence, music's windows and the line's second come round whether or not their detectors are armed. */
static void a_detector_that_is_armed_late_hears_beside_those_that_never_were(void) {
    static const uint32_t of[] = {OH_DETECT_TONES, OH_DETECT_DTMF, OH_DETECT_SPEECH};
    static struct heard h;
    struct tape t = programme();
    for (size_t n = 0; n < sizeof of / sizeof *of; n++) {
        struct oh_ear *ear = oh_ear_new(1, OH_LAW_LINEAR, OH_LAYOUT_CHANNEL);
        struct oh_sink sink = {heard_raise, &h};
        h.count = 0;
        oh_ear_reset(ear, 0, oh_plan_find("cn"), OH_DETECT_LINE);
        for (int round = 0; round < 2; round++) {
            if (round == 1)
                oh_ear_arm(ear, 0, of[n]);
            for (int f = 0; f < t.samples / OH_FRAME_SAMPLES; f++)
                oh_ear_frame(ear, t.audio + f * OH_FRAME_SAMPLES, NULL, &sink);
        }
        CHECK_EQ(heard_count(&h, OH_EVENT_TONE, OH_TONE_BUSY), of[n] == OH_DETECT_TONES);
        CHECK_EQ(heard_count(&h, OH_EVENT_TONE, OH_TONE_DTMF), of[n] == OH_DETECT_DTMF);
        CHECK_EQ(heard_count(&h, OH_EVENT_SPEECH, -1) > 0, of[n] == OH_DETECT_SPEECH);
        oh_ear_free(ear);
    }
    free(t.audio);
}

static void a_channel_without_a_plan_hears_all_but_its_tones(void) {
    struct tape t = programme();
    struct heard *h = hear(&t, "no such plan", OH_PROFILE_PRE_ANSWER);
    CHECK_EQ(heard_count(h, OH_EVENT_TONE, OH_TONE_BUSY), 0);
    CHECK_EQ(heard_count(h, OH_EVENT_TONE, OH_TONE_DTMF), 1);
    free(t.audio);
}

static void audio_that_is_never_good_makes_no_tone(void) {
    struct tape t = programme();
    uint8_t valid[400];
    for (int mark = 0; mark < 4; mark++) {
        if (mark == OH_VALID_GOOD)
            continue;
        memset(valid, mark, sizeof valid);
        struct heard *h = hear_marked(&t, "cn", OH_PROFILE_ALL | OH_PROFILE_REGISTER, valid);
        CHECK_EQ(heard_count(h, OH_EVENT_TONE, -1), 0);
        CHECK_EQ(heard_count(h, OH_EVENT_TONE_END, -1), 0);
        CHECK_EQ(heard_count(h, OH_EVENT_SPEECH, -1), 0);
    }
    free(t.audio);
}

static void a_run_of_lost_audio_is_told_with_its_length(void) {
    struct tape t = tape_new();
    tape_quiet(&t, 1000);
    uint8_t valid[50];
    memset(valid, OH_VALID_GOOD, sizeof valid);
    memset(valid + 10, OH_VALID_MISSING, 7);
    struct heard *h = hear_marked(&t, "cn", OH_DETECT_TONES, valid);
    CHECK_EQ(h->count, 1);
    CHECK_EQ(h->events[0].kind, OH_EVENT_LOST);
    CHECK_EQ(h->events[0].value, 140);
    CHECK_EQ(h->events[0].onset_sample, 10 * OH_FRAME_SAMPLES);
    free(t.audio);
}

int main(void) {
    TEST(every_lane_layout_and_group_hears_the_same);
    TEST(state_is_below_8_KiB_a_channel);
    TEST(wrong_shapes_are_refused);
    TEST(a_detector_that_is_not_armed_says_nothing);
    TEST(arming_in_mid_call_starts_from_quiet);
    TEST(a_detector_that_is_armed_late_hears_beside_those_that_never_were);
    TEST(a_channel_without_a_plan_hears_all_but_its_tones);
    TEST(audio_that_is_never_good_makes_no_tone);
    TEST(a_run_of_lost_audio_is_told_with_its_length);
    return 0;
}
