#include "bell.h"

#include <errno.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

int oh_bell_init(struct oh_bell *bell) {
    atomic_init(&bell->armed, true);
    bell->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    return bell->fd < 0 ? -errno : 0;
}

void oh_bell_free(struct oh_bell *bell) {
    if (bell->fd >= 0) {
        close(bell->fd);
    }
    bell->fd = -1;
}

void oh_bell_ring(struct oh_bell *bell) {
    if (atomic_load(&bell->armed) && atomic_exchange(&bell->armed, false)) {
        uint64_t one = 1;
        /* Cannot block nor fail: the counter is far from its end. A signal handler cannot interrupt a non-blocking write either. */
        ssize_t written = write(bell->fd, &one, sizeof one);
        (void)written;
    }
}

void oh_bell_arm(struct oh_bell *bell) {
    if (atomic_load(&bell->armed)) {
        return; /* not rung since it was armed, so there is nothing to silence */
    }
    uint64_t rings;
    ssize_t got = read(bell->fd, &rings, sizeof rings);
    (void)got; /* EAGAIN: the feeder is between clearing the flag and writing; the poller wakes once for nothing */
    atomic_store(&bell->armed, true);
}
