/* The reader of library files: any octets are either refused with a reason, or make a library that can be written, read again and used.
 *
 * The first octet says whether header and checksum are mended, so that the fuzzer gets behind them. */
#include "offhook.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void require(bool condition, const char *what) {
    if (!condition) {
        fprintf(stderr, "fuzz_library: %s\n", what);
        abort();
    }
}

static uint32_t crc32_of(const uint8_t *data, size_t size) {
    uint32_t crc = 0xffffffff;
    for (size_t i = 0; i < size; i++) {
        crc ^= data[i];
        for (int bit = 0; bit < 8; bit++) {
            crc = crc & 1 ? crc >> 1 ^ 0xedb88320u : crc >> 1;
        }
    }
    return ~crc;
}

static void put32(uint8_t *at, uint32_t x) {
    for (int i = 0; i < 4; i++) {
        at[i] = (uint8_t)(x >> (8 * i));
    }
}

/* Make the header fit what follows: one clip fewer than the second octet says, and as many frames as there is room for. */
static void mend(uint8_t *file, size_t size) {
    uint32_t clips = file[1] % 3u + 1;
    size_t body = size - 24;
    if (body < clips * 12) {
        return;
    }
    memcpy(file, "OHLIB\r\n\x1a", 8);
    put32(file + 8, 2);
    put32(file + 12, clips);
    put32(file + 16, (uint32_t)((body - clips * 12) / 9));
    put32(file + 20, crc32_of(file + 24, body));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 26) {
        char why[80] = "";
        require(!oh_library_unpack(data, size, why, sizeof why) && why[0], "accepted too few octets, or gave no reason");
        return 0;
    }
    bool mended = data[0] & 1;
    uint8_t *file = malloc(size);
    require(file != NULL, "no memory");
    memcpy(file, data, size);
    size_t used = size;
    if (mended) {
        uint32_t clips = file[1] % 3u + 1;
        if (size - 24 >= clips * 12) {
            used = 24 + clips * 12 + (size - 24 - clips * 12) / 9 * 9;
        }
        mend(file, used);
    }
    char why[160] = "";
    oh_library *library = oh_library_unpack(file, used, why, sizeof why);
    require(library || why[0], "refused without a reason");
    if (library) {
        size_t bytes = oh_library_bytes(library);
        uint8_t *again = malloc(bytes);
        require(again && bytes == used && oh_library_pack(library, again, bytes) == 0, "cannot be written again");
        oh_library *second = oh_library_unpack(again, bytes, why, sizeof why);
        require(second != NULL, "what was written cannot be read");
        static int16_t audio[8000];
        for (int i = 0; i < 8000; i++) {
            audio[i] = (int16_t)((file[(size_t)i % used] - 128) * 100);
        }
        oh_match_found found[8];
        require(oh_library_match(second, audio, 8000, found, 8) >= 0, "cannot be used");
        require(oh_library_shared(second, 0) >= 0, "has no first clip");
        oh_library_free(second);
        oh_library_free(library);
        free(again);
    }
    free(file);
    return 0;
}
