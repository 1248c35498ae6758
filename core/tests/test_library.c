/* The library of announcements: naming, waiting where recordings begin alike, files, and its way into a running core. */
#include "announce.h"
#include "harness.h"
#include "offhook.h"
#include "talk.h"

#include <errno.h>

#define MS    4000
#define N     (MS * 8)
#define CLIPS 12
#define FRAME OH_FRAME_SAMPLES

static int16_t clips[CLIPS][N];
static oh_clip given[CLIPS];
static oh_library *library;
static int16_t heard[N + 16000];
static oh_match_found found[16];

static int match(const oh_library *l, int samples) {
    return oh_library_match(l, heard, samples, found, 16);
}

static void every_clip_is_named_within_a_second(void) {
    for (int c = 0; c < CLIPS; c++) {
        memcpy(heard, clips[c], sizeof clips[c]);
        CHECK_EQ(match(library, N), 1);
        CHECK_EQ(found[0].number, 100 + c);
        CHECK_EQ(found[0].sort, c % 3);
        CHECK(!found[0].provisional);
        CHECK(found[0].confidence >= 90);
        CHECK(found[0].at_frame < 50);
    }
}

static void a_cut_quiet_noisy_alaw_copy_is_named(void) {
    for (int c = 0; c < CLIPS; c++) {
        int cut = 333 * c; /* up to 0.46 s, on no frame */
        memset(heard, 0, sizeof heard);
        memcpy(heard + 4000, clips[c] + cut, (size_t)(N - cut) * sizeof *heard);
        talk_noise(heard, N + 4000, -28, 9);
        talk_gain(heard, N + 4000, -12);
        for (int i = 0; i < N + 4000; i++)
            heard[i] = oh_alaw_decode(oh_alaw_encode(heard[i]));
        CHECK_EQ(match(library, N + 4000), 1);
        CHECK_EQ(found[0].number, 100 + c);
    }
}

static void talk_that_is_not_in_the_library_is_not_named(void) {
    for (uint32_t seed = 500; seed < 540; seed++) {
        talk(heard, MS, seed);
        CHECK_EQ(match(library, N), 0);
    }
}

static void an_announcement_that_repeats_is_told_once(void) {
    static int16_t twice[2 * N];
    memcpy(twice, clips[4], sizeof clips[4]);
    memcpy(twice + N, clips[4], sizeof clips[4]);
    CHECK_EQ(oh_library_match(library, twice, 2 * N, found, 16), 1);
    memcpy(twice + N, clips[5], sizeof clips[5]);
    CHECK_EQ(oh_library_match(library, twice, 2 * N, found, 16), 2);
    CHECK_EQ(found[1].number, 105);
}

static void a_variable_part_does_not_hide_the_fixed_one(void) {
    memcpy(heard, clips[6], sizeof clips[6]);
    talk(heard + 16000, 800, 999); /* another number is read out from 2.0 s to 2.8 s */
    CHECK_EQ(match(library, N), 1);
    CHECK_EQ(found[0].number, 106);
}

/* Three clips with the same first two seconds: 1 and 2 of one sort, 3 of another unless said. */
static oh_library *prefixed(uint8_t last_sort, int16_t (*audio)[N]) {
    oh_clip three[3];
    for (int c = 0; c < 3; c++) {
        talk(audio[c], 2000, 42);
        talk(audio[c] + 16000, 2000, 60 + (uint32_t)c);
        three[c] = (oh_clip){audio[c], N, 1 + (uint32_t)c, c == 2 ? last_sort : 7};
    }
    return oh_library_new(three, 3);
}

static void clips_that_begin_alike_are_not_named_before_they_part(void) {
    static int16_t audio[3][N];
    oh_library *l = prefixed(8, audio);
    CHECK(oh_library_shared(l, 0) > 30);
    CHECK(oh_library_shared(l, 0) < 65);
    CHECK_EQ(oh_library_shared(l, 3), -EINVAL);
    for (int c = 0; c < 3; c++) {
        memcpy(heard, audio[c], sizeof audio[c]);
        int count = match(l, N), final = 0;
        for (int i = 0; i < count; i++) {
            CHECK(found[i].at_frame >= 100);
            CHECK(found[i].at_frame < 160);
            if (!found[i].provisional) {
                CHECK_EQ(found[i].number, 1 + c);
                final++;
            }
        }
        CHECK_EQ(final, 1);
    }
    oh_library_free(l);
}

static void the_class_is_told_while_only_the_number_is_open(void) {
    static int16_t audio[3][N];
    oh_library *l = prefixed(7, audio);
    memcpy(heard, audio[1], sizeof audio[1]);
    CHECK_EQ(match(l, N), 2);
    CHECK(found[0].provisional);
    CHECK_EQ(found[0].sort, 7);
    CHECK(found[0].at_frame < 100);
    CHECK(!found[1].provisional);
    CHECK_EQ(found[1].number, 2);
    oh_library_free(l);
}

static void a_clip_that_others_begin_with_is_named_once_it_is_over(void) {
    static int16_t audio[3][N];
    oh_library *l = prefixed(8, audio);
    oh_library_free(l);
    oh_clip two[2] = {{audio[0], 16000, 1, 0}, {audio[0], N, 2, 1}};
    l = oh_library_new(two, 2);
    memset(heard, 0, sizeof heard);
    memcpy(heard, audio[0], 16000 * sizeof *heard);
    CHECK_EQ(match(l, N), 1);
    CHECK_EQ(found[0].number, 1);
    memcpy(heard, audio[0], sizeof audio[0]);
    CHECK_EQ(match(l, N), 1);
    CHECK_EQ(found[0].number, 2);
    oh_library_free(l);
}

static void two_recordings_of_one_number_are_no_rivals(void) {
    oh_clip two[2] = {{clips[0], N, 9, 0}, {clips[0], N, 9, 0}};
    oh_library *l = oh_library_new(two, 2);
    CHECK_EQ(oh_library_shared(l, 0), 0);
    memcpy(heard, clips[0], sizeof clips[0]);
    CHECK_EQ(match(l, N), 1);
    CHECK_EQ(found[0].number, 9);
    CHECK(found[0].at_frame < 50);
    oh_library_free(l);
}

static void clips_that_cannot_be_used_are_refused(void) {
    oh_clip one = {clips[0], 3999, 1, 0};
    CHECK(!oh_library_new(&one, 1));
    CHECK_EQ(errno, EINVAL);
    CHECK(!oh_library_new(&one, 0));
    CHECK(!oh_library_new(NULL, 1));
    one = (oh_clip){NULL, 8000, 1, 0};
    CHECK(!oh_library_new(&one, 1));
    CHECK_EQ(oh_library_match(NULL, heard, 100, found, 1), -EINVAL);
    CHECK_EQ(oh_library_match(library, heard, -1, found, 1), -EINVAL);
    CHECK_EQ(oh_library_match(library, heard, 100, found, 0), -EINVAL);
    CHECK_EQ(oh_library_count(library), CLIPS);
    CHECK_EQ(oh_library_count(NULL), 0);
    oh_library_free(NULL);
}

static void a_library_survives_its_file(void) {
    size_t bytes = oh_library_bytes(library);
    uint8_t *file = malloc(bytes), *again = malloc(bytes);
    CHECK(file && again);
    CHECK_EQ(oh_library_pack(library, file, bytes - 1), -EINVAL);
    CHECK_EQ(oh_library_pack(library, file, bytes), 0);
    char why[200] = "";
    oh_library *l = oh_library_unpack(file, bytes, why, sizeof why);
    CHECK_STR(why, "");
    CHECK(l);
    CHECK_EQ(oh_library_bytes(l), bytes);
    CHECK_EQ(oh_library_pack(l, again, bytes), 0);
    CHECK_EQ(memcmp(file, again, bytes), 0);
    memcpy(heard, clips[7], sizeof clips[7]);
    CHECK_EQ(match(l, N), 1);
    CHECK_EQ(found[0].number, 107);
    oh_library_free(l);
    free(file);
    free(again);
}

static void refused(const uint8_t *file, size_t bytes, int error, const char *part) {
    char why[200] = "";
    errno = 0;
    CHECK(!oh_library_unpack(file, bytes, why, sizeof why));
    CHECK_EQ(errno, error);
    if (!strstr(why, part)) {
        fprintf(stderr, "said \"%s\", wanted \"%s\"\n", why, part);
        exit(1);
    }
}

static void a_damaged_file_is_refused_with_the_reason(void) {
    size_t bytes = oh_library_bytes(library);
    uint8_t *file = malloc(bytes);
    CHECK(file);
    CHECK_EQ(oh_library_pack(library, file, bytes), 0);
    refused(file, 10, EBADMSG, "too few");
    refused(file, bytes - 1, EBADMSG, "cut short");
    file[bytes / 2] ^= 1;
    refused(file, bytes, EBADMSG, "checksum");
    file[bytes / 2] ^= 1;
    file[8] = 2; /* no speech lay under its clips */
    refused(file, bytes, EPROTONOSUPPORT, "version 2");
    refused(file, bytes, EPROTONOSUPPORT, "make it again from its clips");
    file[8] = 3;
    file[12] = 0;
    refused(file, bytes, EBADMSG, "0 clips");
    file[12] = CLIPS;
    file[19] = 0xff;
    refused(file, bytes, EBADMSG, "frames");
    file[0] = 'X';
    refused(file, bytes, EBADMSG, "OHLIB");
    CHECK(!oh_library_unpack(NULL, 100, NULL, 0));
    free(file);
}

static void two_fingerprints_are_compared_over_all_places(void) {
    static uint32_t bits[2][N / FRAME], sure[2][N / FRAME];
    CHECK_EQ(oh_fingerprint_make(clips[3], N, bits[0], sure[0], N / FRAME - 1), -EINVAL);
    CHECK_EQ(oh_fingerprint_make(clips[3], N, bits[0], sure[0], N / FRAME), N / FRAME);
    oh_fingerprint whole = {bits[0], sure[0], N / FRAME}, part = {bits[1], sure[1], 0};
    int offset = 0, worst = 100;
    part.frames = oh_fingerprint_make(clips[3] + 8000, N - 8000, bits[1], sure[1], N / FRAME);
    CHECK(oh_fingerprint_compare(&part, &whole, &offset, &worst) > 900);
    CHECK_EQ(offset, 50);
    CHECK(worst < 20);
    part.frames = oh_fingerprint_make(clips[2], N, bits[1], sure[1], N / FRAME);
    CHECK(oh_fingerprint_compare(&part, &whole, NULL, NULL) < 400);
    CHECK_EQ(oh_fingerprint_compare(NULL, &whole, NULL, NULL), -EINVAL);
}

static void a_part_that_differs_stands_out(void) {
    static uint32_t bits[2][N / FRAME], sure[2][N / FRAME];
    memcpy(heard, clips[3], sizeof clips[3]);
    talk(heard + 16000, 800, 77);
    oh_fingerprint one = {bits[0], sure[0], oh_fingerprint_make(clips[3], N, bits[0], sure[0], N / FRAME)};
    oh_fingerprint other = {bits[1], sure[1], oh_fingerprint_make(heard, N, bits[1], sure[1], N / FRAME)};
    int offset = -1, worst = 0;
    CHECK(oh_fingerprint_compare(&one, &other, &offset, &worst) > 580);
    CHECK_EQ(offset, 0);
    CHECK(worst > 35);
}

/* -- in a core ------------------------------------------------------------------------------------------------------------- */

#define CHANNELS 20

static int tick_all(oh_core *core, int from, oh_event *events, int room) {
    static int16_t rx[CHANNELS * FRAME];
    for (int c = 0; c < CHANNELS; c++)
        for (int i = 0; i < FRAME; i++)
            rx[c * FRAME + i] = from + i < N ? clips[c % CLIPS][from + i] : 0;
    CHECK(oh_core_tick(core, rx, NULL, NULL, 0) >= 0);
    return oh_core_poll(core, events, room);
}

static oh_core *new_core(void) {
    oh_config config = {.channels = CHANNELS, .law = OH_LAW_LINEAR, .plan = oh_plan_find("cn")};
    oh_core *core = oh_core_new(&config);
    CHECK(core);
    return core;
}

static void a_core_names_what_each_channel_hears(void) {
    oh_core *core = new_core();
    oh_event events[64];
    int named[CHANNELS] = {0};
    for (int c = 0; c < CHANNELS; c++)
        CHECK_EQ(oh_core_reset(core, c, NULL, c == 5 ? OH_DETECT_SPEECH : OH_DETECT_ANNOUNCE), 0);
    CHECK_EQ(oh_core_library(core, library), 0);
    for (int from = 0; from < N; from += FRAME)
        for (int i = 0, n = tick_all(core, from, events, 64); i < n; i++)
            if (events[i].kind == OH_EVENT_ANNOUNCEMENT) {
                CHECK_EQ(events[i].value, 100 + events[i].channel % CLIPS);
                CHECK_EQ(events[i].detail, events[i].channel % CLIPS % 3);
                CHECK(events[i].onset_sample <= 2 * FRAME);
                named[events[i].channel]++;
            }
    for (int c = 0; c < CHANNELS; c++)
        CHECK_EQ(named[c], c != 5);
    oh_core_free(core);
}

static void a_library_lives_as_long_as_a_core_uses_it(void) {
    oh_core *core = new_core();
    oh_event events[64];
    oh_library *l = oh_library_new(given, 3), *second = oh_library_new(given + 3, 3);
    CHECK_EQ(oh_core_reset(core, 4, NULL, OH_DETECT_ANNOUNCE), 0);
    CHECK_EQ(oh_core_library(core, l), 0);
    CHECK_EQ(atomic_load(&l->users), 2);
    oh_library_free(l); /* the core goes on with it */
    for (int from = 0; from < 8000; from += FRAME)
        tick_all(core, from, events, 64);
    CHECK_EQ(oh_core_library(core, second), 0);
    CHECK_EQ(oh_core_library(core, NULL), 0);
    CHECK_EQ(atomic_load(&second->users), 2); /* not yet obeyed */
    tick_all(core, 0, events, 64);
    CHECK_EQ(oh_core_library(core, NULL), 0);
    CHECK_EQ(atomic_load(&second->users), 1); /* let go */
    oh_library_free(second);
    oh_core_free(core);
}

static void a_library_cannot_be_handed_over_without_ticks_for_ever(void) {
    oh_core *core = new_core();
    int given_over = 0;
    while (given_over < 100 && oh_core_library(core, library) == 0)
        given_over++;
    CHECK_EQ(given_over, OH_SHELF_SLOTS);
    CHECK_EQ(oh_core_library(core, library), -EAGAIN);
    oh_core_free(core);
    CHECK_EQ(atomic_load(&library->users), 1);
}

static void the_newest_audio_of_a_call_is_kept_and_given_after_it(void) {
    oh_core *core = new_core();
    oh_event events[64];
    static int16_t kept[16000];
    CHECK_EQ(oh_core_captured(core, 0, kept, 16000), -EINVAL); /* nothing is kept */
    CHECK_EQ(oh_core_capture(core, 60001), -EINVAL);
    CHECK_EQ(oh_core_capture(core, 1000), 0);
    CHECK_EQ(oh_core_reset(core, 2, NULL, OH_PROFILE_PRE_ANSWER), 0);
    CHECK_EQ(oh_core_capture(core, 500), -EBUSY);
    for (int from = 0; from < 24000; from += FRAME)
        tick_all(core, from, events, 64);
    CHECK_EQ(oh_core_captured(core, 2, kept, 16000), -EAGAIN);
    CHECK_EQ(oh_core_arm(core, 2, OH_PROFILE_OFF), 0);
    CHECK_EQ(oh_core_captured(core, 2, kept, 16000), -EAGAIN); /* no tick yet */
    tick_all(core, 24000, events, 64);
    CHECK_EQ(oh_core_captured(core, 2, kept, 7999), -ENOSPC);
    CHECK_EQ(oh_core_captured(core, 2, kept, 16000), 8000);
    CHECK_EQ(memcmp(kept, clips[2] + 16000, 8000 * sizeof *kept), 0);
    CHECK_EQ(oh_core_captured(core, 3, kept, 16000), 0); /* no call there */
    CHECK_EQ(oh_core_captured(core, CHANNELS, kept, 16000), -EINVAL);
    CHECK_EQ(oh_core_reset(core, 2, NULL, OH_PROFILE_PRE_ANSWER), 0);
    CHECK_EQ(oh_core_captured(core, 2, kept, 16000), -EAGAIN); /* the next call is on */
    tick_all(core, 0, events, 64);
    CHECK_EQ(oh_core_reset(core, 2, NULL, OH_PROFILE_OFF), 0);
    tick_all(core, 0, events, 64);
    CHECK_EQ(oh_core_captured(core, 2, kept, 16000), FRAME); /* nothing that was heard while it was armed is lost */
    oh_core_free(core);
}

static void kept_frames_tell_how_they_came_and_where_the_answer_was(void) {
    oh_core *core = new_core();
    static int16_t frame[CHANNELS * FRAME], kept[50 * FRAME];
    uint8_t valid[CHANNELS], marks[50];
    uint32_t first = 7;
    for (int i = 0; i < CHANNELS * FRAME; i++)
        frame[i] = 99;
    memset(valid, OH_VALID_GOOD, sizeof valid);
    CHECK_EQ(oh_core_captured_marks(core, 0, marks, 50, &first), -EINVAL); /* nothing is kept */
    CHECK_EQ(oh_core_capture(core, 60), 0);
    CHECK_EQ(oh_core_reset(core, 0, NULL, OH_PROFILE_PRE_ANSWER), 0);
    for (int tick = 0; tick < 4; tick++) {
        if (tick == 2) {
            CHECK_EQ(oh_core_arm(core, 0, OH_PROFILE_ANSWERED), 0);
            CHECK_EQ(oh_core_answered(core, 0), 0);
        }
        valid[0] = tick == 1 ? OH_VALID_MISSING : tick == 3 ? OH_VALID_CONCEALED : OH_VALID_GOOD;
        CHECK(oh_core_tick(core, frame, valid, NULL, 0) >= 0);
    }
    CHECK_EQ(oh_core_captured_marks(core, 0, marks, 50, &first), -EAGAIN);
    CHECK_EQ(oh_core_reset(core, 0, NULL, OH_PROFILE_OFF), 0);
    CHECK(oh_core_tick(core, frame, valid, NULL, 0) >= 0);
    CHECK_EQ(oh_core_captured_marks(core, 0, marks, 2, &first), -ENOSPC);
    CHECK_EQ(oh_core_captured_marks(core, 0, marks, 50, NULL), -EINVAL);
    CHECK_EQ(oh_core_captured_marks(core, CHANNELS, marks, 50, &first), -EINVAL);
    CHECK_EQ(oh_core_captured_marks(core, 0, marks, 50, &first), 3);
    CHECK_EQ(first, 1); /* the oldest frame had to go */
    CHECK_EQ(marks[0], OH_VALID_MISSING);
    CHECK_EQ(marks[1], OH_VALID_GOOD | OH_CAPTURED_ARMED | OH_CAPTURED_ANSWERED);
    CHECK_EQ(marks[2], OH_VALID_CONCEALED);
    CHECK_EQ(oh_core_captured(core, 0, kept, 50 * FRAME), 3 * FRAME);
    CHECK_EQ(kept[0], 0); /* missing audio is silence, whatever the block held */
    CHECK_EQ(kept[FRAME], 99);
    oh_core_free(core);
}

int main(void) {
    for (int c = 0; c < CLIPS; c++) {
        talk(clips[c], MS, (uint32_t)c + 1);
        given[c] = (oh_clip){clips[c], N, 100 + (uint32_t)c, (uint8_t)(c % 3)};
    }
    library = oh_library_new(given, CLIPS);
    CHECK(library);
    TEST(every_clip_is_named_within_a_second);
    TEST(a_cut_quiet_noisy_alaw_copy_is_named);
    TEST(talk_that_is_not_in_the_library_is_not_named);
    TEST(an_announcement_that_repeats_is_told_once);
    TEST(a_variable_part_does_not_hide_the_fixed_one);
    TEST(clips_that_begin_alike_are_not_named_before_they_part);
    TEST(the_class_is_told_while_only_the_number_is_open);
    TEST(a_clip_that_others_begin_with_is_named_once_it_is_over);
    TEST(two_recordings_of_one_number_are_no_rivals);
    TEST(clips_that_cannot_be_used_are_refused);
    TEST(a_library_survives_its_file);
    TEST(a_damaged_file_is_refused_with_the_reason);
    TEST(two_fingerprints_are_compared_over_all_places);
    TEST(a_part_that_differs_stands_out);
    TEST(a_core_names_what_each_channel_hears);
    TEST(a_library_lives_as_long_as_a_core_uses_it);
    TEST(a_library_cannot_be_handed_over_without_ticks_for_ever);
    TEST(the_newest_audio_of_a_call_is_kept_and_given_after_it);
    TEST(kept_frames_tell_how_they_came_and_where_the_answer_was);
    oh_library_free(library);
    return 0;
}
