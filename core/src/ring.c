#include "ring.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int oh_ring_init(struct oh_ring *ring, uint32_t capacity, size_t item_bytes) {
    uint32_t slots = 1;
    while (slots < capacity) {
        slots *= 2;
    }
    memset(ring, 0, sizeof *ring);
    ring->item_bytes = item_bytes;
    ring->mask = slots - 1;
    ring->slots = calloc(slots, item_bytes);
    return ring->slots ? 0 : -ENOMEM;
}

void oh_ring_free(struct oh_ring *ring) {
    free(ring->slots);
    ring->slots = NULL;
}

bool oh_ring_put(struct oh_ring *ring, const void *item) {
    if (ring->written - ring->tail_seen > ring->mask) {
        ring->tail_seen = atomic_load_explicit(&ring->tail, memory_order_acquire);
        if (ring->written - ring->tail_seen > ring->mask) {
            return false;
        }
    }
    memcpy(ring->slots + (ring->written & ring->mask) * ring->item_bytes, item, ring->item_bytes);
    ring->written++;
    return true;
}

bool oh_ring_publish(struct oh_ring *ring) {
    if (ring->written == atomic_load_explicit(&ring->head, memory_order_relaxed)) {
        return false;
    }
    /* Sequentially consistent, not only release: the bell's flag is read next and the two must not change places. */
    atomic_store(&ring->head, ring->written);
    return true;
}

uint32_t oh_ring_take(struct oh_ring *ring, void *out, uint32_t max) {
    uint32_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);
    if (ring->head_seen - tail < max) {
        ring->head_seen = atomic_load(&ring->head);
    }
    uint32_t count = ring->head_seen - tail;
    count = count < max ? count : max;
    uint32_t first = tail & ring->mask;
    uint32_t to_end = ring->mask + 1 - first;
    uint32_t straight = count < to_end ? count : to_end;
    if (count > 0) {
        memcpy(out, ring->slots + first * ring->item_bytes, straight * ring->item_bytes);
        memcpy((unsigned char *)out + straight * ring->item_bytes, ring->slots, (count - straight) * ring->item_bytes);
        atomic_store_explicit(&ring->tail, tail + count, memory_order_release);
    }
    return count;
}

bool oh_ring_empty(struct oh_ring *ring) {
    return atomic_load(&ring->head) == atomic_load_explicit(&ring->tail, memory_order_relaxed);
}
