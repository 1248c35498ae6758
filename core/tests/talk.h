/* Made-up talk for the tests of fingerprints: syllables of 80 to 200 ms, each a voice with three formants of its own, and short pauses. */
#ifndef OH_TALK_H
#define OH_TALK_H

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static inline double talk_random(uint32_t *seed) /* 0 to 1 */
{
    *seed = *seed * 1664525u + 1013904223u;
    return (double)(*seed >> 8) / 16777216.0;
}

/* Fill ms of audio, level about -16 dBm0; one seed always says the same. */
static inline void talk(int16_t *audio, int ms, uint32_t seed) {
    uint32_t s = seed * 2654435761u + 12345u;
    int n = ms * 8;
    for (int at = 0; at < n;) {
        int length = (int)((80 + 120 * talk_random(&s)) * 8);
        double pitch = 90 + 120 * talk_random(&s), glide = 0.8 + 0.4 * talk_random(&s);
        double formant[3] = {300 + 500 * talk_random(&s), 900 + 1200 * talk_random(&s), 2200 + 900 * talk_random(&s)};
        double phase = 0;
        for (int i = 0; i < length && at < n; i++, at++) {
            double t = (double)i / length, x = 0;
            phase += 2 * M_PI * pitch * (1 + (glide - 1) * t) / 8000;
            for (int h = 1; h * pitch < 3400; h++) {
                double hz = h * pitch, gain = 0;
                for (int f = 0; f < 3; f++)
                    gain += exp(-(hz - formant[f]) * (hz - formant[f]) / (2 * 120.0 * 120.0)) / (f + 1);
                x += gain * sin(h * phase);
            }
            audio[at] = (int16_t)(2500 * x * sin(M_PI * t));
        }
        if (talk_random(&s) < 0.2)
            for (int pause = (int)(600 * talk_random(&s)); pause > 0 && at < n; pause--)
                audio[at++] = 0;
    }
}

/* White noise of so many dBm0 on top. */
static inline void talk_noise(int16_t *audio, int n, double dbm0, uint32_t seed) {
    double a = 16141 * pow(10, dbm0 / 20) * sqrt(3);
    for (int i = 0; i < n; i++) {
        double x = audio[i] + a * (2 * talk_random(&seed) - 1);
        audio[i] = (int16_t)(x > 32767 ? 32767 : x < -32768 ? -32768 : x);
    }
}

static inline void talk_gain(int16_t *audio, int n, double db) {
    for (int i = 0; i < n; i++)
        audio[i] = (int16_t)(audio[i] * pow(10, db / 20));
}

#endif
