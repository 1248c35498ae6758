/* Fingerprints: what changes them and what does not. */
#include "fingerprint.h"
#include "harness.h"
#include "offhook.h"
#include "talk.h"

#define MS 4000
#define N  (MS * 8)
#define F  (N / OH_FRAME_SAMPLES)

static int16_t clip[N], other[N];
static struct oh_print a[F], b[F];

/* Per cent of the bits that are sure in both and differ. */
static double wrong(uint32_t *bits) {
    uint32_t n = 0, w = 0;
    for (int i = OH_PRINT_FRESH; i < F; i++) {
        uint32_t both = a[i].clip & b[i].likely;
        n += oh_count_bits(both);
        w += oh_count_bits((a[i].bits ^ b[i].bits) & both);
    }
    if (bits)
        *bits = n;
    return n ? 100.0 * w / n : 50;
}

static void compare_with_other(void) {
    oh_print_clip(clip, N, a);
    oh_print_clip(other, N, b);
}

static void the_number_of_set_bits_is_counted(void) {
    CHECK_EQ(oh_count_bits(0), 0);
    CHECK_EQ(oh_count_bits(UINT32_MAX), 32);
    for (uint32_t x = 1, seed = 1; x < 1000; x++) {
        uint32_t v = (uint32_t)(talk_random(&seed) * 4e9);
        CHECK_EQ(oh_count_bits(v), __builtin_popcount(v));
    }
}

static void the_same_recording_at_another_level_has_the_same_bits(void) {
    memcpy(other, clip, sizeof other);
    talk_gain(other, N, -15);
    compare_with_other();
    uint32_t bits;
    CHECK(wrong(&bits) < 3);
    CHECK(bits > 500);
}

static void alaw_changes_few_bits(void) {
    for (int i = 0; i < N; i++)
        other[i] = oh_alaw_decode(oh_alaw_encode(clip[i]));
    compare_with_other();
    CHECK(wrong(NULL) < 3);
}

static void noise_of_10_db_leaves_most_sure_bits_right(void) {
    memcpy(other, clip, sizeof other);
    talk_noise(other, N, -28, 5);
    compare_with_other();
    CHECK(wrong(NULL) < 12);
}

/* Share of likely bits in noise alone: with it measured there are few. */
static void noise_alone_makes_few_bits(void) {
    memset(other, 0, sizeof other);
    talk_noise(other, N, -28, 5);
    oh_print_clip(other, N, b);
    uint32_t likely = 0;
    for (int i = F / 2; i < F; i++)
        likely += oh_count_bits(b[i].likely);
    CHECK(likely < 32u * (F / 2) * 45 / 100);
}

static void a_channel_that_was_switched_off_is_not_taken_for_a_quiet_one(void) {
    memset(other, 0, sizeof other);
    memcpy(other + N / 2, clip, sizeof other / 2);
    talk_noise(other + N / 2, N / 2, -28, 5);
    oh_print_clip(other, N, b);
    memcpy(other, clip, sizeof other / 2);
    talk_noise(other, N / 2, -28, 5);
    oh_print_clip(other, N / 2, a);
    for (int i = 3 * OH_PRINT_FRESH; i < F / 2; i++) /* what went before makes no difference */
        CHECK_EQ(a[i].likely, b[F / 2 + i].likely);
}

static void two_recordings_agree_in_half_of_their_bits(void) {
    talk(other, MS, 77);
    compare_with_other();
    CHECK_NEAR(wrong(NULL), 50, 8);
}

static void silence_and_a_steady_tone_have_no_sure_bits(void) {
    memset(other, 0, sizeof other);
    oh_print_clip(other, N, b);
    for (int i = 0; i < F; i++)
        CHECK_EQ(b[i].likely, 0);
    for (int i = 0; i < N; i++)
        other[i] = (int16_t)(8000 * sin(2 * M_PI * 450 * i / 8000.0));
    oh_print_clip(other, N, b);
    for (int i = 2 * OH_PRINT_FRESH; i < F; i++)
        CHECK_EQ(b[i].clip, 0);
}

static void surer_bits_are_among_the_less_sure(void) {
    oh_print_clip(clip, N, a);
    for (int i = 0; i < F; i++) {
        CHECK_EQ(a[i].clip & ~a[i].likely, 0);
    }
}

static void audio_that_was_lost_makes_no_bits_until_it_is_forgotten(void) {
    static struct oh_print_group group;
    for (int i = 0; i < OH_LANES; i++)
        oh_print_forget(&group, i);
    struct oh_spectrum two[2];
    struct oh_print out[OH_LANES];
    uint32_t seed = 3;
    for (int frame = 0; frame < 40; frame++) {
        for (int h = 0; h < 2; h++)
            for (int k = 0; k < OH_BINS; k++)
                for (int i = 0; i < OH_LANES; i++)
                    two[h].p[k][i] = (float)(1e-7 * pow(10, 6 * talk_random(&seed)));
        oh_print_frame(&group, two, frame == 20 ? 1u << 3 : 0, out);
        CHECK_EQ(out[2].likely != 0, frame >= OH_PRINT_FRESH - 1);
        CHECK_EQ(out[3].likely != 0, frame >= OH_PRINT_FRESH - 1 && (frame < 20 || frame >= 20 + OH_PRINT_FRESH));
    }
}

static void every_vector_code_gives_the_same_fingerprint(void) {
    const char *names[] = {"base", "avx2", "avx512", "neon"};
    const char *best = oh_isa();
    oh_print_clip(clip, N, a);
    for (int i = 0; i < 4; i++)
        if (oh_isa_force(names[i]) == 0) {
            oh_print_clip(clip, N, b);
            CHECK_EQ(memcmp(a, b, sizeof a), 0);
        }
    CHECK_EQ(oh_isa_force(best), 0);
}

int main(void) {
    talk(clip, MS, 1);
    TEST(the_number_of_set_bits_is_counted);
    TEST(the_same_recording_at_another_level_has_the_same_bits);
    TEST(alaw_changes_few_bits);
    TEST(noise_of_10_db_leaves_most_sure_bits_right);
    TEST(noise_alone_makes_few_bits);
    TEST(a_channel_that_was_switched_off_is_not_taken_for_a_quiet_one);
    TEST(two_recordings_agree_in_half_of_their_bits);
    TEST(silence_and_a_steady_tone_have_no_sure_bits);
    TEST(surer_bits_are_among_the_less_sure);
    TEST(audio_that_was_lost_makes_no_bits_until_it_is_forgotten);
    TEST(every_vector_code_gives_the_same_fingerprint);
    return 0;
}
