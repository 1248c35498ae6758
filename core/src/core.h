/* What is inside an oh_core; shared by core.c (the tick and the orders) and media.c (who calls the tick). */
#ifndef OH_CORE_H
#define OH_CORE_H

#include "announce.h"
#include "bell.h"
#include "capture.h"
#include "ear.h"
#include "mixer.h"
#include "offhook.h"
#include "prompts.h"
#include "ring.h"

#include <pthread.h>

/* Counters have one writer, the feeder, and any number of readers. */
struct oh_counters {
    _Atomic uint64_t ticks, late_ticks, events, overruns, lost_blocks, tick_ns_sum, tick_ns_max;
    _Atomic uint64_t tick_log2_ns[32];
};

/* A media driver that is open, run by a thread of its own or by oh_core_run(). Control thread, but for the atomics. */
struct oh_run {
    oh_media media;
    bool open;
    bool threaded;
    int pending_error; /* virtual time: an error that came after ticks that had to be told first */
    pthread_t thread;
    void *rx;
    void *tx;
    uint8_t *valid;
    atomic_bool stop;
    atomic_int error; /* -errno that ended the thread, 0 while it runs */
};

struct oh_core {
    oh_config config;
    size_t sample_bytes;
    struct oh_prompts prompts; /* control, and feeder while it plays them */

    /* feeder thread only */
    struct oh_ear *ear;
    struct oh_mixer mixer;
    struct oh_sink sink;
    uint16_t *sequence; /* next event number of each channel */
    uint64_t now_ns;
    int raised; /* in this tick */

    struct oh_ring orders; /* control to feeder */
    struct oh_ring events; /* feeder to poller */
    struct oh_bell bell;
    struct oh_shelf shelf;     /* libraries that were given */
    struct oh_capture capture; /* newest audio received */
    struct oh_counters counters;
    struct oh_run run;
};

/* CLOCK_MONOTONIC. */
uint64_t oh_clock_ns(void);

/* Add to a counter that only the calling thread writes. */
static inline void oh_count(_Atomic uint64_t *counter, uint64_t more) {
    atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + more, memory_order_relaxed);
}

#endif
