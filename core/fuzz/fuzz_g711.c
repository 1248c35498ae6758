/* oh_convert() between any two laws: every octet and sample is taken, nothing is read or written beyond the count, and a law that is decoded
 * and encoded again gives the octets back. */
#include "offhook.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void require(bool condition, const char *what) {
    if (!condition) {
        fprintf(stderr, "fuzz_g711: %s\n", what);
        abort();
    }
}

static size_t bytes_of(int law) {
    return law == OH_LAW_LINEAR ? 2 : 1;
}

/* u-law has two codes for zero; the negative one comes back as the positive one. */
static uint8_t plain(int law, uint8_t octet) {
    return law == OH_LAW_ULAW && octet == 0x7f ? 0xff : octet;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 2)
        return 0;
    int from = data[0] % 5 - 1, to = data[1] % 5 - 1; /* one below and one above the known ones too */
    data += 2;
    size -= 2;
    bool known = from >= OH_LAW_ALAW && from <= OH_LAW_LINEAR && to >= OH_LAW_ALAW && to <= OH_LAW_LINEAR;
    size_t samples = size / (known ? bytes_of(from) : 2);
    void *in = malloc(samples * 2 + 1), *out = malloc(known && samples ? samples * bytes_of(to) : samples * 2 + 1);
    uint8_t *back = malloc(samples * 2 + 1);
    require(in && out && back, "no memory");
    memcpy(in, data, samples * (known ? bytes_of(from) : 2) < size ? samples * (known ? bytes_of(from) : 2) : size);
    int done = oh_convert(from, in, to, out, (int)samples);
    require(known ? done == (int)samples : done < 0, "another count than was asked for");
    if (known && to == OH_LAW_LINEAR && from != OH_LAW_LINEAR) {
        require(oh_convert(to, out, from, back, (int)samples) == (int)samples, "the way back failed");
        for (size_t i = 0; i < samples; i++)
            require(plain(from, back[i]) == plain(from, ((uint8_t *)in)[i]), "there and back again is another octet");
    }
    free(in);
    free(out);
    free(back);
    return 0;
}
