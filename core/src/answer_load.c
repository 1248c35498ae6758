/* Model files of the answer analysis: eight octets "OHANSWER", version, number of weights and check sum (32 bit each), then the weights as
 * IEEE 754 single precision, all little-endian. */
#include <errno.h>
#include <string.h>

#include "answer.h"

enum { HEADER = 20, VERSION = 3 };

static uint32_t word(const uint8_t *from) {
    return (uint32_t)from[0] | (uint32_t)from[1] << 8 | (uint32_t)from[2] << 16 | (uint32_t)from[3] << 24;
}

int oh_answer_model_read(const void *file, size_t bytes, struct oh_answer_model *out) {
    const uint8_t *from = file;
    if (!file || bytes != HEADER + 4 * (size_t)OH_ANSWER_WEIGHTS || memcmp(from, "OHANSWER", 8) != 0 || word(from + 8) != VERSION ||
        word(from + 12) != (uint32_t)OH_ANSWER_WEIGHTS)
        return -EINVAL;
    uint32_t sum = 2166136261u; /* FNV-1a */
    for (size_t i = HEADER; i < bytes; i++)
        sum = (sum ^ from[i]) * 16777619u;
    if (sum != word(from + 16))
        return -EINVAL;
    float weights[OH_ANSWER_WEIGHTS];
    for (int i = 0; i < OH_ANSWER_WEIGHTS; i++) {
        uint32_t bits = word(from + HEADER + 4 * i);
        memcpy(&weights[i], &bits, sizeof bits);
        if (!(weights[i] > -1e4f && weights[i] < 1e4f))
            return -EINVAL;
    }
    memcpy(out, weights, sizeof weights);
    return 0;
}
