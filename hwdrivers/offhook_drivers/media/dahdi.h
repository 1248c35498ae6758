/* dahdi.h - inner side of the DAHDI backend: the calls it makes of the system, so that a test can be the system. */
#ifndef DAHDI_H
#define DAHDI_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "offhook_drivers.h"

enum { DAHDI_BLOCK = 1, DAHDI_EVENT = 2 };

/* As open(2), close(2), read(2), write(2), ioctl(2), poll(2) of one descriptor, and the monotonic clock; errors as -errno. */
struct dahdi_system {
    int (*open)(void *world);
    void (*close)(void *world, int fd);
    ssize_t (*read)(void *world, int fd, uint8_t *octets, size_t count);
    ssize_t (*write)(void *world, int fd, const uint8_t *octets, size_t count);
    int (*ioctl)(void *world, int fd, unsigned long request, void *argument);
    int (*poll)(void *world, int fd, int timeout_ms); /* DAHDI_BLOCK, DAHDI_EVENT, 0 = time-out */
    int64_t (*now_ns)(void *world);
    void (*sleep_until)(void *world, int64_t ns);
};

oh_dahdi *oh_dahdi_new_on(const struct dahdi_system *system, void *world, const int *channels, int count, int channels_per_span,
                          int buffers, int prefill);

#endif
