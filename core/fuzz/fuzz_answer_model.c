/* The reader of answer models: any octets are either refused or give weights that are numbers, and a repaired check sum lets the fuzzer see
 * past it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "answer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static uint8_t file[20 + 4 * OH_ANSWER_WEIGHTS];
    static struct oh_answer_model model;
    (void)oh_answer_model_read(data, size, &model);
    /* the same octets over a sound file */
    memcpy(file, "OHANSWER\3\0\0\0", 12);
    memset(file + 20, 0, sizeof file - 20);
    size_t take = size < sizeof file - 20 ? size : sizeof file - 20;
    memcpy(file + 20, data, take);
    uint32_t count = OH_ANSWER_WEIGHTS, sum = 2166136261u;
    for (size_t i = 20; i < sizeof file; i++)
        sum = (sum ^ file[i]) * 16777619u;
    for (int i = 0; i < 4; i++) {
        file[12 + i] = (uint8_t)(count >> 8 * i);
        file[16 + i] = (uint8_t)(sum >> 8 * i);
    }
    if (oh_answer_model_read(file, sizeof file, &model) == 0) {
        const float *weight = (const float *)&model;
        for (int i = 0; i < OH_ANSWER_WEIGHTS; i++)
            if (!(weight[i] > -1e4f && weight[i] < 1e4f)) {
                fprintf(stderr, "fuzz_answer_model: weight %d is no number of use\n", i);
                abort();
            }
    }
    return 0;
}
