/* Lock-free queue between one producer thread and one consumer thread (SPSC), used for events and for orders.
 *
 * The producer writes any number of items and makes them visible together with oh_ring_publish(). Head and tail lie on cache lines of
 * their own, so that the two threads meet on a line only when one of them looks for news. A full ring refuses the newest item. */
#ifndef OH_RING_H
#define OH_RING_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct oh_ring {
    unsigned char *slots;
    size_t item_bytes;
    uint32_t mask;

    /* producer */
    _Alignas(64) _Atomic uint32_t head; /* items published so far */
    uint32_t written;                   /* items written so far, published or not */
    uint32_t tail_seen;

    /* consumer */
    _Alignas(64) _Atomic uint32_t tail; /* items taken so far */
    uint32_t head_seen;
};

/* Room for at least capacity items, rounded up to a power of two. 0 or -ENOMEM. */
int oh_ring_init(struct oh_ring *ring, uint32_t capacity, size_t item_bytes);
void oh_ring_free(struct oh_ring *ring);

/* producer: copy one item in. false when the ring is full. */
bool oh_ring_put(struct oh_ring *ring, const void *item);
/* producer: let the consumer see all that was put. Returns whether there was anything new. */
bool oh_ring_publish(struct oh_ring *ring);

/* consumer: copy up to max items out, oldest first. Returns how many. */
uint32_t oh_ring_take(struct oh_ring *ring, void *out, uint32_t max);
/* consumer: nothing to take at this moment. */
bool oh_ring_empty(struct oh_ring *ring);

#endif
