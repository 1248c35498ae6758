#include "scan.h"

#include "fingerprint.h"

/* One text for processors that count bits and for those that do not. */
#define SCAN(count)                                                                                                                        \
    uint32_t agree = 0;                                                                                                                    \
    for (uint32_t i = 0; i < n; i++) {                                                                                                     \
        const uint32_t *bits = listed[i].bits;                                                                                             \
        uint32_t wrong = 0;                                                                                                                \
        for (int b = 0; b < 3; b++)                                                                                                        \
            wrong += (uint32_t)count((bits[b] ^ look->bits[b]) & look->likely[b]);                                                         \
        found[agree] = listed[i].frame;                                                                                                    \
        agree += wrong <= look->limit;                                                                                                     \
    }                                                                                                                                      \
    return agree;

static uint32_t scan_anywhere(const struct oh_look *look, const struct oh_listed *listed, uint32_t n, uint32_t *found) {
    SCAN(oh_count_bits)
}

#if defined(__x86_64__)
__attribute__((target("popcnt"))) static uint32_t scan_popcnt(const struct oh_look *look, const struct oh_listed *listed, uint32_t n,
                                                              uint32_t *found){SCAN(__builtin_popcount)}
#endif

oh_scan_fn *oh_scan_chosen(void) {
#if defined(__x86_64__)
    if (__builtin_cpu_supports("popcnt"))
        return scan_popcnt;
#endif
    return scan_anywhere;
}
