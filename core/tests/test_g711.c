/* G.711: the tables of the Recommendation, checked over every code and every sample. */
#include "harness.h"

#include "offhook.h"

#include <errno.h>

static void every_code_survives_a_round_trip(void) {
    for (int code = 0; code < 256; code++) {
        CHECK_EQ(oh_alaw_encode(oh_alaw_decode((uint8_t)code)), code);
        /* u-law has two zeros; the negative one comes back as the positive one. */
        CHECK_EQ(oh_ulaw_encode(oh_ulaw_decode((uint8_t)code)), code == 0x7f ? 0xff : code);
    }
}

static void the_end_points_are_those_of_the_recommendation(void) {
    CHECK_EQ(oh_alaw_decode(0xd5), 8);
    CHECK_EQ(oh_alaw_decode(0x55), -8);
    CHECK_EQ(oh_alaw_decode(0xaa), 32256);
    CHECK_EQ(oh_alaw_decode(0x2a), -32256);
    CHECK_EQ(oh_ulaw_decode(0xff), 0);
    CHECK_EQ(oh_ulaw_decode(0x7f), 0);
    CHECK_EQ(oh_ulaw_decode(0x80), 32124);
    CHECK_EQ(oh_ulaw_decode(0x00), -32124);
    CHECK_EQ(oh_alaw_encode(INT16_MAX), 0xaa);
    CHECK_EQ(oh_alaw_encode(INT16_MIN), 0x2a);
    CHECK_EQ(oh_ulaw_encode(INT16_MAX), 0x80);
    CHECK_EQ(oh_ulaw_encode(INT16_MIN), 0x00);
    CHECK_EQ(oh_alaw_encode(0), 0xd5);
    CHECK_EQ(oh_ulaw_encode(0), 0xff);
}

static void every_sample_is_coded_within_half_a_step(void) {
    for (int sample = INT16_MIN; sample <= INT16_MAX; sample++) {
        uint8_t alaw = oh_alaw_encode((int16_t)sample);
        int segment = (alaw ^ 0x55) >> 4 & 7;
        int half = 8 << (segment > 0 ? segment - 1 : 0);
        CHECK(abs(sample - oh_alaw_decode(alaw)) <= half);

        uint8_t ulaw = oh_ulaw_encode((int16_t)sample);
        half = 4 << (~ulaw >> 4 & 7);
        int clipped = sample > 32635 ? 32635 : sample < -32635 ? -32635 : sample;
        CHECK(abs(clipped - oh_ulaw_decode(ulaw)) <= half);
    }
}

static void the_digital_milliwatt_has_the_level_of_the_header(void) {
    /* Table 5/G.711 and 6/G.711: one period of 1 kHz at 0 dBm0. */
    static const uint8_t alaw[8] = {0x34, 0x21, 0x21, 0x34, 0xb4, 0xa1, 0xa1, 0xb4};
    static const uint8_t ulaw[8] = {0x1e, 0x0b, 0x0b, 0x1e, 0x9e, 0x8b, 0x8b, 0x9e};
    double a = 0, u = 0;
    for (int i = 0; i < 8; i++) {
        a += pow(oh_alaw_decode(alaw[i]), 2) / 8;
        u += pow(oh_ulaw_decode(ulaw[i]), 2) / 8;
    }
    CHECK_NEAR(20 * log10(sqrt(2 * a) / 22827), 0, 0.1);
    CHECK_NEAR(20 * log10(sqrt(2 * u) / 22827), 0, 0.1);
}

static void convert_goes_between_all_laws(void) {
    uint8_t octets[256], back[256];
    int16_t linear[256];
    for (int i = 0; i < 256; i++) {
        octets[i] = (uint8_t)i;
    }
    CHECK_EQ(oh_convert(OH_LAW_ALAW, octets, OH_LAW_LINEAR, linear, 256), 256);
    CHECK_EQ(linear[0x2a], -32256);
    CHECK_EQ(oh_convert(OH_LAW_LINEAR, linear, OH_LAW_ALAW, back, 256), 256);
    CHECK(memcmp(octets, back, 256) == 0);
    CHECK_EQ(oh_convert(OH_LAW_ALAW, octets, OH_LAW_ULAW, back, 256), 256);
    CHECK_EQ(back[0xd5], oh_ulaw_encode(8));
    CHECK_EQ(oh_convert(OH_LAW_ULAW, octets, OH_LAW_ALAW, back, 256), 256);
    CHECK_EQ(back[0xff], 0xd5);
    CHECK_EQ(oh_convert(OH_LAW_ULAW, octets, OH_LAW_ULAW, back, 256), 256);
    CHECK(memcmp(octets, back, 256) == 0);
    int16_t copy[256];
    CHECK_EQ(oh_convert(OH_LAW_LINEAR, linear, OH_LAW_LINEAR, copy, 256), 256);
    CHECK(memcmp(linear, copy, sizeof copy) == 0);
}

static void convert_refuses_what_it_does_not_know(void) {
    uint8_t octet = 0;
    CHECK_EQ(oh_convert(3, &octet, OH_LAW_ALAW, &octet, 1), -EINVAL);
    CHECK_EQ(oh_convert(OH_LAW_ALAW, &octet, -1, &octet, 1), -EINVAL);
    CHECK_EQ(oh_convert(OH_LAW_ALAW, &octet, OH_LAW_ULAW, &octet, -1), -EINVAL);
    CHECK_EQ(oh_convert(OH_LAW_ALAW, NULL, OH_LAW_ULAW, &octet, 1), -EINVAL);
    CHECK_EQ(oh_convert(OH_LAW_ALAW, NULL, OH_LAW_ULAW, NULL, 0), 0);
}

int main(void) {
    TEST(every_code_survives_a_round_trip);
    TEST(the_end_points_are_those_of_the_recommendation);
    TEST(every_sample_is_coded_within_half_a_step);
    TEST(the_digital_milliwatt_has_the_level_of_the_header);
    TEST(convert_goes_between_all_laws);
    TEST(convert_refuses_what_it_does_not_know);
    return 0;
}
