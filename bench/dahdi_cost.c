/* What the DAHDI backend costs beside the bare loop over the same descriptors: 240 channels read and written, 160 octets each, per tick.
 *
 *   cc -O3 -D_GNU_SOURCE -std=c11 -Icore/include -Ihwdrivers/offhook_drivers/media bench/dahdi_cost.c \
 *      build/release/lib/liboffhook_drivers_for_tests.a build/release/lib/liboffhook.a -lm -lpthread -o build/dahdi_cost && build/dahdi_cost
 *
 * The channels are packet socket pairs in place of DAHDI's devices: real system calls that copy 160 octets. Both loops take turns in one run,
 * so that a busy machine hits them alike; processor time is counted, not the clock's. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "dahdi.h"
#include "dahdi_abi.h"

enum { CHANNELS = 240, TICKS = 2000 };

static int near_end[CHANNELS], far_end[CHANNELS], opened;
static int64_t now;

static int s_open(void *world) {
    (void)world;
    return near_end[opened++];
}
static void s_close(void *world, int fd) {
    (void)world;
    (void)fd;
}
static ssize_t s_read(void *world, int fd, uint8_t *octets, size_t count) {
    (void)world;
    ssize_t got = read(fd, octets, count);
    return got < 0 ? -errno : got;
}
static ssize_t s_write(void *world, int fd, const uint8_t *octets, size_t count) {
    (void)world;
    ssize_t put = write(fd, octets, count);
    return put < 0 ? -errno : put;
}
static int s_ioctl(void *world, int fd, unsigned long request, void *argument) {
    (void)world;
    (void)argument;
    return request == DA_GETEVENT || request == DA_SPANSTAT ? (int)(fcntl(fd, F_GETFD) < 0) : 0; /* a call */
}
static int s_poll(void *world, int fd, int timeout_ms) {
    (void)world;
    (void)fd;
    (void)timeout_ms;
    return DAHDI_BLOCK;
}
static int64_t s_now(void *world) {
    (void)world;
    return now;
}
static void s_sleep(void *world, int64_t ns) {
    (void)world;
    now = ns;
}

static const struct dahdi_system sockets = {s_open, s_close, s_read, s_write, s_ioctl, s_poll, s_now, s_sleep};

static double processor_us(void) {
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static void refill(const uint8_t *block) {
    uint8_t gone[OH_FRAME_SAMPLES];
    for (int c = 0; c < CHANNELS; c++) {
        while (recv(far_end[c], gone, sizeof gone, MSG_DONTWAIT) > 0)
            ;
        if (write(far_end[c], block, OH_FRAME_SAMPLES) != OH_FRAME_SAMPLES)
            abort();
    }
}

static int by_size(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

int main(void) {
    static uint8_t audio[CHANNELS * OH_FRAME_SAMPLES], valid[CHANNELS];
    static double bare[TICKS], backend[TICKS];
    int numbers[CHANNELS];
    uint8_t block[OH_FRAME_SAMPLES];
    memset(block, 0x55, sizeof block);
    for (int c = 0; c < CHANNELS; c++) {
        int pair[2];
        numbers[c] = c + 1;
        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, pair))
            return 1;
        near_end[c] = pair[0];
        far_end[c] = pair[1];
    }
    oh_dahdi *card = oh_dahdi_new_on(&sockets, NULL, numbers, CHANNELS, 30, 8, 4);
    const oh_media_ops *ops = ((oh_media *)oh_dahdi_media(card))->ops;
    oh_media_info info;
    uint64_t tick;
    if (card == NULL || ops->open(card, &info))
        return 1;
    for (int n = 0; n < TICKS; n++) {
        refill(block);
        double began = processor_us();
        for (int c = 0; c < CHANNELS; c++)
            if (read(near_end[c], audio + (size_t)c * OH_FRAME_SAMPLES, OH_FRAME_SAMPLES) != OH_FRAME_SAMPLES)
                return 1;
        for (int c = 0; c < CHANNELS; c++)
            if (write(near_end[c], audio + (size_t)c * OH_FRAME_SAMPLES, OH_FRAME_SAMPLES) != OH_FRAME_SAMPLES)
                return 1;
        bare[n] = processor_us() - began;
        refill(block);
        now += 20000000;
        began = processor_us();
        if (ops->wait(card, 100) != 1 || ops->rx(card, audio, valid, &tick) || ops->tx(card, audio))
            return 1;
        backend[n] = processor_us() - began;
        for (int c = 0; c < CHANNELS; c++)
            if (valid[c] != OH_VALID_GOOD)
                return 1;
    }
    qsort(bare, TICKS, sizeof *bare, by_size);
    qsort(backend, TICKS, sizeof *backend, by_size);
    printf("{\"channels\": %d, \"bare_us\": %.1f, \"backend_us\": %.1f, \"ratio\": %.3f}\n", CHANNELS, bare[TICKS / 2], backend[TICKS / 2],
           backend[TICKS / 2] / bare[TICKS / 2]);
    ops->close(card);
    oh_dahdi_free(card);
    return 0;
}
