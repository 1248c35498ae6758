/* Doorbell of the event ring: an eventfd that wakes a sleeping poller and costs a busy one nothing.
 *
 * The poller arms the bell when it finds the ring empty; the feeder rings it at most once per tick and only while it is armed. So the
 * feeder makes one system call per wake-up, not one per event. */
#ifndef OH_BELL_H
#define OH_BELL_H

#include <stdatomic.h>
#include <stdbool.h>

struct oh_bell {
    int fd;
    _Alignas(64) atomic_bool armed;
};

/* 0 or -errno. */
int oh_bell_init(struct oh_bell *bell);
void oh_bell_free(struct oh_bell *bell);

/* feeder: events were published; wake the poller if it sleeps or is about to. */
void oh_bell_ring(struct oh_bell *bell);
/* poller: the ring is empty. Silence the bell and arm it; look into the ring once more afterwards, for an event may have slipped in
 * between. */
void oh_bell_arm(struct oh_bell *bell);

#endif
