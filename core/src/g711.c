/* G.711 A-law and u-law, one sample at a time and in bulk.
 *
 * Linear samples are 16 bit: the 13 bits of A-law and 14 bits of u-law are shifted to the top, as everybody does. */
#include "offhook.h"

#include <errno.h>
#include <string.h>

#define ULAW_BIAS 132
#define ULAW_CLIP 32635

/* Position of the highest bit that is set; x > 0. */
static int log2_of(unsigned x) {
    return 31 - __builtin_clz(x);
}

int16_t oh_alaw_decode(uint8_t octet) {
    int code = octet ^ 0x55;
    int segment = code >> 4 & 7;
    int value = (code & 15) * 16 + 8;
    if (segment > 0) {
        value = (value + 256) << (segment - 1);
    }
    return (int16_t)(code & 0x80 ? value : -value);
}

uint8_t oh_alaw_encode(int16_t sample) {
    int sign = sample >= 0 ? 0x80 : 0;
    unsigned step = (unsigned)(sample >= 0 ? sample : ~sample) >> 4;
    unsigned code = step;
    if (step >= 16) {
        int segment = log2_of(step) - 3;
        code = (unsigned)segment << 4 | (step >> (segment - 1) & 15);
    }
    return (uint8_t)((code | (unsigned)sign) ^ 0x55);
}

int16_t oh_ulaw_decode(uint8_t octet) {
    int code = ~octet & 0xff;
    int value = (((code & 15) * 8 + ULAW_BIAS) << (code >> 4 & 7)) - ULAW_BIAS;
    return (int16_t)(code & 0x80 ? -value : value);
}

uint8_t oh_ulaw_encode(int16_t sample) {
    int magnitude = sample >= 0 ? sample : -sample;
    magnitude = (magnitude < ULAW_CLIP ? magnitude : ULAW_CLIP) + ULAW_BIAS;
    int segment = log2_of((unsigned)magnitude) - 7;
    int code = segment << 4 | (magnitude >> (segment + 3) & 15);
    return (uint8_t) ~(unsigned)(sample < 0 ? code | 0x80 : code);
}

/* One octet law into the other, or the same. */
static void recode(int from_law, const uint8_t *from, int to_law, uint8_t *to, int samples) {
    if (from_law == to_law) {
        memmove(to, from, (size_t)samples);
    } else if (from_law == OH_LAW_ALAW) {
        for (int i = 0; i < samples; i++) {
            to[i] = oh_ulaw_encode(oh_alaw_decode(from[i]));
        }
    } else {
        for (int i = 0; i < samples; i++) {
            to[i] = oh_alaw_encode(oh_ulaw_decode(from[i]));
        }
    }
}

int oh_convert(int from_law, const void *from, int to_law, void *to, int samples) {
    bool known = from_law >= OH_LAW_ALAW && from_law <= OH_LAW_LINEAR && to_law >= OH_LAW_ALAW && to_law <= OH_LAW_LINEAR;
    if (!known || samples < 0 || (samples > 0 && (!from || !to))) {
        return -EINVAL;
    }
    if (samples == 0) {
        return 0;
    }
    if (from_law != OH_LAW_LINEAR && to_law != OH_LAW_LINEAR) {
        recode(from_law, from, to_law, to, samples);
    } else if (from_law == OH_LAW_LINEAR && to_law == OH_LAW_LINEAR) {
        memmove(to, from, (size_t)samples * sizeof(int16_t));
    } else if (to_law == OH_LAW_LINEAR) {
        int16_t (*decode)(uint8_t) = from_law == OH_LAW_ALAW ? oh_alaw_decode : oh_ulaw_decode;
        const uint8_t *octets = from;
        int16_t *linear = to;
        for (int i = 0; i < samples; i++) {
            linear[i] = decode(octets[i]);
        }
    } else {
        uint8_t (*encode)(int16_t) = to_law == OH_LAW_ALAW ? oh_alaw_encode : oh_ulaw_encode;
        const int16_t *linear = from;
        uint8_t *octets = to;
        for (int i = 0; i < samples; i++) {
            octets[i] = encode(linear[i]);
        }
    }
    return samples;
}
