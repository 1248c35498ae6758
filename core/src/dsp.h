/* Arithmetic that gives the same bits on every machine; the C library's sine and logarithm may not. */
#ifndef OH_DSP_H
#define OH_DSP_H

#include <stdint.h>
#include <string.h>

double oh_cos_turn(double turns); /* cosine of so many full turns */
double oh_sin_turn(double turns);
double oh_sqrt(double x); /* for set-up, not for frames */

/* Square root of a float by the processor's own instruction, which IEEE 754 fixes to the last bit. */
static inline float oh_sqrtf(float x) {
    return __builtin_sqrtf(x);
}

/* 10 lg x in hundredths of 1 dB, to 0.01 dB; -12000 for 0 and below. */
static inline int oh_cdb(float x) {
    if (!(x > 1e-12f))
        return -12000;
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    int exponent = (int)(bits >> 23) - 127;
    bits = (bits & 0x7fffff) | 0x3f800000;
    float m;
    memcpy(&m, &bits, sizeof m);
    float t = (m - 1) / (m + 1), t2 = t * t; /* ln m = 2 (t + t^3/3 + ...) */
    float ln = 2 * t * (1 + t2 * (1.0f / 3 + t2 * (0.2f + t2 * (1.0f / 7 + t2 * (1.0f / 9)))));
    return (int)((ln * 4.3429448f + (float)exponent * 3.0103f) * 100.0f - (exponent < 0 ? 0.5f : -0.5f));
}

static inline float oh_clipf(float x, float least, float most) {
    return x < least ? least : x > most ? most : x;
}

static inline float oh_minf(float a, float b) {
    return a < b ? a : b;
}

static inline float oh_maxf(float a, float b) {
    return a > b ? a : b;
}

static inline float oh_absf(float a) {
    return a < 0 ? -a : a;
}

#endif
