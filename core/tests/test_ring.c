/* The lock-free ring and its bell, alone and between two threads. */
#include "harness.h"

#include "bell.h"
#include "ring.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>

static void items_come_out_in_order_and_only_once_published(void) {
    struct oh_ring ring;
    int out[8];
    CHECK_EQ(oh_ring_init(&ring, 5, sizeof(int)), 0);
    CHECK_EQ(ring.mask, 7);
    for (int i = 0; i < 3; i++) {
        CHECK(oh_ring_put(&ring, &i));
    }
    CHECK_EQ(oh_ring_take(&ring, out, 8), 0);
    CHECK(oh_ring_empty(&ring));
    CHECK(oh_ring_publish(&ring));
    CHECK(!oh_ring_publish(&ring));
    CHECK(!oh_ring_empty(&ring));
    CHECK_EQ(oh_ring_take(&ring, out, 2), 2);
    CHECK_EQ(out[0], 0);
    CHECK_EQ(out[1], 1);
    CHECK_EQ(oh_ring_take(&ring, out, 8), 1);
    CHECK_EQ(out[0], 2);
    oh_ring_free(&ring);
}

static void a_full_ring_refuses_the_newest_and_keeps_the_oldest(void) {
    struct oh_ring ring;
    int out[8];
    CHECK_EQ(oh_ring_init(&ring, 4, sizeof(int)), 0);
    for (int round = 0; round < 5; round++) { /* over the seam of the ring too */
        for (int i = 0; i < 4; i++) {
            CHECK(oh_ring_put(&ring, &i));
        }
        int newest = 4;
        CHECK(!oh_ring_put(&ring, &newest));
        oh_ring_publish(&ring);
        CHECK_EQ(oh_ring_take(&ring, out, 3), 3);
        CHECK_EQ(oh_ring_take(&ring, out + 3, 5), 1);
        for (int i = 0; i < 4; i++) {
            CHECK_EQ(out[i], i);
        }
    }
    oh_ring_free(&ring);
}

#define MANY 200000

struct pair {
    struct oh_ring ring;
    struct oh_bell bell;
};

/* Bursts of a few items, as ticks make them. */
static void *produce(void *argument) {
    struct pair *pair = argument;
    for (uint32_t next = 0; next < MANY;) {
        for (int i = 0; i < 7 && next < MANY && oh_ring_put(&pair->ring, &next); i++) {
            next++;
        }
        if (oh_ring_publish(&pair->ring)) {
            oh_bell_ring(&pair->bell);
        }
    }
    return NULL;
}

static bool rings(const struct oh_bell *bell, int timeout_ms) {
    struct pollfd look = {.fd = bell->fd, .events = POLLIN};
    return poll(&look, 1, timeout_ms) == 1;
}

static void no_item_and_no_wake_up_is_lost_between_two_threads(void) {
    struct pair pair;
    pthread_t producer;
    CHECK_EQ(oh_ring_init(&pair.ring, 64, sizeof(uint32_t)), 0);
    CHECK_EQ(oh_bell_init(&pair.bell), 0);
    CHECK_EQ(pthread_create(&producer, NULL, produce, &pair), 0);
    uint32_t want = 0;
    while (want < MANY) {
        CHECK(rings(&pair.bell, 20000)); /* a lost wake-up shows as a time-out */
        for (;;) {
            uint32_t out[16];
            uint32_t count = oh_ring_take(&pair.ring, out, 16);
            if (count == 0) {
                oh_bell_arm(&pair.bell);
                count = oh_ring_take(&pair.ring, out, 16);
            }
            if (count == 0) {
                break;
            }
            for (uint32_t i = 0; i < count; i++) {
                CHECK_EQ(out[i], want);
                want++;
            }
        }
    }
    pthread_join(producer, NULL);
    CHECK(oh_ring_empty(&pair.ring));
    oh_ring_free(&pair.ring);
    oh_bell_free(&pair.bell);
}

static void the_bell_rings_only_while_it_is_armed(void) {
    struct oh_bell bell;
    CHECK_EQ(oh_bell_init(&bell), 0);
    CHECK(!rings(&bell, 0));
    oh_bell_ring(&bell);
    CHECK(rings(&bell, 0));
    oh_bell_arm(&bell);
    CHECK(!rings(&bell, 0));
    oh_bell_ring(&bell);
    oh_bell_ring(&bell);
    CHECK(rings(&bell, 0));
    oh_bell_free(&bell);
}

int main(void) {
    TEST(items_come_out_in_order_and_only_once_published);
    TEST(a_full_ring_refuses_the_newest_and_keeps_the_oldest);
    TEST(the_bell_rings_only_while_it_is_armed);
    TEST(no_item_and_no_wake_up_is_lost_between_two_threads);
    return 0;
}
