/* The vector kernel: its spectrum against a plain Fourier transform, its levels against G.711's milliwatt, and the same bits and events
 * from every instruction set that this processor has. */
#include <errno.h>
#include <fenv.h>

#include "hear.h"
#include "kernels.h"

static const char *const names[] = {"base", "avx2", "avx512", "neon"};

static uint8_t alaw[336][OH_LANES];

static void fill(int what) {
    uint32_t seed = 7;
    for (int i = 0; i < 336; i++)
        for (int lane = 0; lane < OH_LANES; lane++) {
            seed = seed * 1664525u + 1013904223u;
            double x = 22827 * sin(2 * M_PI * (300 + 187.3 * lane) * i / 8000);
            int16_t s = (int16_t)(what ? (int)(seed >> 16) - 32768 : lrint(x));
            alaw[i][lane] = what ? (uint8_t)(seed >> 24) : oh_alaw_encode(s);
        }
}

static struct oh_spectrum spectra[4][2];

static int run_all(void) {
    struct oh_kernel_in in = {.older = alaw[0], .old = alaw[16], .now = alaw[176], .law = OH_LAW_ALAW};
    oh_kernel_init();
    int ran = 0;
    for (int i = 0; i < 4; i++)
        if (oh_isa_force(names[i]) == 0) {
            memset(spectra[ran], 0, sizeof spectra[ran]);
            oh_kernel_chosen()(&in, spectra[ran++]);
        }
    return ran;
}

static void a_sine_of_the_milliwatt_reads_0_dbm0(void) {
    fill(0);
    run_all();
    for (int lane = 0; lane < OH_LANES; lane++) {
        double hz = 300 + 187.3 * lane, k = hz / 31.25, sum = 0;
        for (int bin = (int)k - 3; bin <= (int)k + 4; bin++)
            sum += spectra[0][1].p[bin][lane];
        CHECK_NEAR(10 * log10(sum), 0, 0.1);
        CHECK_NEAR(spectra[0][1].k1[lane], k, 1.01);
    }
}

static void the_spectrum_is_that_of_a_plain_transform(void) {
    fill(1);
    run_all();
    for (int hop = 0; hop < 2; hop++)
        for (int lane = 0; lane < OH_LANES; lane += 5)
            for (int bin = 0; bin <= 128; bin += 1) {
                double re = 0, im = 0;
                for (int n = 0; n < 256; n++) {
                    double w = 0.5 - 0.5 * cos(2 * M_PI * n / 256), x = w * oh_alaw_decode(alaw[hop * 80 + n][lane]);
                    re += x * cos(2 * M_PI * n * bin / 256);
                    im += x * sin(2 * M_PI * n * bin / 256);
                }
                double want = (re * re + im * im) / 12288 / (22827.0 * 22827.0 / 2);
                CHECK_NEAR(spectra[0][hop].p[bin][lane], want, 1e-5 * want + 1e-9);
            }
}

static void every_instruction_set_gives_the_same_bits(void) {
    for (int what = 0; what < 2; what++) {
        fill(what);
        int ran = run_all();
        CHECK(ran >= 1);
        for (int i = 1; i < ran; i++)
            CHECK_EQ(memcmp(spectra[0], spectra[i], sizeof spectra[0]), 0);
    }
}

static void every_instruction_set_gives_the_same_events(void) {
    /* 40 channels of A-law: tones of every kind, voices and noise, lost blocks; compared octet for octet */
    enum { CHANNELS = 40, FRAMES = 400 };
    static uint8_t audio[FRAMES][CHANNELS][OH_FRAME_SAMPLES];
    static uint8_t valid[FRAMES][CHANNELS];
    static struct heard first, other;
    for (int c = 0; c < CHANNELS; c++) {
        struct tape t = tape_new();
        t.seed = (uint32_t)c + 1;
        tape_quiet(&t, 100 + 7 * c);
        while (t.samples < FRAMES * OH_FRAME_SAMPLES) {
            double level = -12 - 10 * fabs(tape_random(&t));
            switch (c % 8) {
            case 0:
                tape_tone(&t, 450, 350, level), tape_quiet(&t, 350);
                break;
            case 1:
                tape_pair(&t, 440, 480, 2000, level), tape_quiet(&t, 4000);
                break;
            case 2:
                tape_pair(&t, 770, 1336, 60, level), tape_quiet(&t, 50);
                break;
            case 3:
                tape_voice(&t, 2000, 110 + 5 * c, level);
                break;
            case 4:
                tape_tone(&t, 950, 330, level), tape_tone(&t, 1400, 330, level), tape_tone(&t, 1800, 330, level), tape_quiet(&t, 1000);
                break;
            case 5:
                tape_tone(&t, 500 + 40 * c, 90 + 10 * c, level), tape_quiet(&t, 700);
                break;
            case 6:
                tape_tone(&t, c < 20 ? 2100 : 1100, 600, level), tape_quiet(&t, 1500);
                break;
            default:
                tape_pair(&t, 413, 438, 1500, level), tape_quiet(&t, 300);
                break;
            }
        }
        tape_noise(&t, -60 + c);
        for (int f = 0; f < FRAMES; f++) {
            for (int i = 0; i < OH_FRAME_SAMPLES; i++)
                audio[f][c][i] = oh_alaw_encode(t.audio[f * OH_FRAME_SAMPLES + i]);
            valid[f][c] = (uint8_t)((f * 7 + c * 13) % 97 ? OH_VALID_GOOD : (f + c) % 4);
        }
        free(t.audio);
    }
    int ran = 0;
    for (int n = 0; n < 4; n++) {
        if (oh_isa_force(names[n]))
            continue;
        struct heard *h = ran++ ? &other : &first;
        memset(h, 0, sizeof *h);
        struct oh_ear *ear = oh_ear_new(CHANNELS, OH_LAW_ALAW, OH_LAYOUT_CHANNEL);
        CHECK(ear != NULL);
        for (int c = 0; c < CHANNELS; c++)
            oh_ear_reset(ear, c, oh_plan_at(c * 4), OH_PROFILE_ALL | OH_PROFILE_REGISTER);
        struct oh_sink sink = {heard_raise, h};
        for (int f = 0; f < FRAMES; f++)
            oh_ear_frame(ear, audio[f], valid[f], &sink);
        oh_ear_free(ear);
        CHECK(h->count > 200);
        if (h == &other) {
            CHECK_EQ(other.count, first.count);
            CHECK_EQ(memcmp(other.events, first.events, sizeof first.events), 0);
        }
    }
}

static void transposing_turns_channels_into_lanes(void) {
    uint8_t from[OH_LANES][OH_FRAME_SAMPLES], to[OH_FRAME_SAMPLES][OH_LANES];
    int16_t wide[OH_LANES][OH_FRAME_SAMPLES], turned[OH_FRAME_SAMPLES][OH_LANES];
    for (int c = 0; c < OH_LANES; c++)
        for (int i = 0; i < OH_FRAME_SAMPLES; i++) {
            from[c][i] = (uint8_t)(c * 31 + i * 7);
            wide[c][i] = (int16_t)(c * 2011 - i * 97);
        }
    for (int n = 0; n < 4; n++) {
        if (oh_isa_force(names[n]))
            continue;
        memset(to, 0, sizeof to);
        memset(turned, 0, sizeof turned);
        oh_transpose_chosen()(from[0], OH_FRAME_SAMPLES, to[0], 1);
        oh_transpose_chosen()((const uint8_t *)wide, sizeof wide[0], (uint8_t *)turned, 2);
        for (int c = 0; c < OH_LANES; c++)
            for (int i = 0; i < OH_FRAME_SAMPLES; i++) {
                CHECK_EQ(to[i][c], from[c][i]);
                CHECK_EQ(turned[i][c], wide[c][i]);
            }
    }
}

static void an_unknown_instruction_set_is_refused(void) {
    CHECK_EQ(oh_isa_force("sse9"), -EINVAL);
    CHECK_EQ(oh_isa_force(NULL), -EINVAL);
    CHECK_EQ(oh_isa_force("base"), 0);
    CHECK_STR(oh_isa(), "base");
}

static void digital_silence_leaves_no_number_below_the_normal_range(void) {
    static const uint8_t silent[] = {0xd5, 0x55, 0xd4, 0x54};
    for (size_t octet = 0; octet < sizeof silent; octet++) {
        memset(alaw, silent[octet], sizeof alaw);
        feenableexcept(FE_UNDERFLOW); /* where the processor can: such a number ends the program */
        run_all();
        fedisableexcept(FE_UNDERFLOW);
    }
}

int main(void) {
    TEST(a_sine_of_the_milliwatt_reads_0_dbm0);
    TEST(the_spectrum_is_that_of_a_plain_transform);
    TEST(every_instruction_set_gives_the_same_bits);
    TEST(every_instruction_set_gives_the_same_events);
    TEST(digital_silence_leaves_no_number_below_the_normal_range);
    TEST(transposing_turns_channels_into_lanes);
    TEST(an_unknown_instruction_set_is_refused);
    return 0;
}
