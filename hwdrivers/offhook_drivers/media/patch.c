/* Two media planes back to back: a card's spans with a software card behind them make an exchange. */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>

#include "offhook_drivers.h"

#define WAIT_MS 100

struct oh_patch {
    const oh_media *clocked, *follower;
    pthread_t thread;
    atomic_bool stopped;
    _Atomic uint64_t ticks;
    uint8_t *near_audio, *far_audio, *valid;
};

static void *carry(void *arg) {
    oh_patch *p = arg;
    const oh_media *a = p->clocked, *b = p->follower;
    uint64_t tick;
    while (!atomic_load_explicit(&p->stopped, memory_order_relaxed)) {
        if (a->ops->wait(a->media, WAIT_MS) <= 0)
            continue;
        a->ops->rx(a->media, p->near_audio, p->valid, &tick);
        b->ops->rx(b->media, p->far_audio, p->valid, &tick); /* what is missing is idle code in the block already */
        b->ops->tx(b->media, p->near_audio);
        a->ops->tx(a->media, p->far_audio);
        atomic_fetch_add_explicit(&p->ticks, 1, memory_order_relaxed);
    }
    return NULL;
}

static void discard(oh_patch *p) {
    free(p->near_audio);
    free(p->far_audio);
    free(p->valid);
    free(p);
}

/* Open both and make room; 0 or what errno shall be, with nothing left open. */
static int prepare(oh_patch *p) {
    oh_media_info a = {0}, b = {0};
    int failed = p->clocked->ops->open(p->clocked->media, &a);
    if (failed)
        return -failed;
    failed = p->follower->ops->open(p->follower->media, &b);
    if (failed) {
        p->clocked->ops->close(p->clocked->media);
        return -failed;
    }
    size_t channels = (size_t)a.channels;
    bool fit = a.channels == b.channels && a.law == b.law && a.layout == b.layout && !b.realtime;
    p->near_audio = fit ? malloc(channels * OH_FRAME_SAMPLES) : NULL;
    p->far_audio = fit ? malloc(channels * OH_FRAME_SAMPLES) : NULL;
    p->valid = fit ? malloc(channels) : NULL;
    if (p->near_audio != NULL && p->far_audio != NULL && p->valid != NULL)
        return 0;
    p->follower->ops->close(p->follower->media);
    p->clocked->ops->close(p->clocked->media);
    return fit ? ENOMEM : EINVAL;
}

oh_patch *oh_patch_start(uintptr_t clocked, uintptr_t follower) {
    if (clocked == 0 || follower == 0) {
        errno = EINVAL;
        return NULL;
    }
    oh_patch *p = calloc(1, sizeof *p);
    if (p == NULL)
        return NULL;
    p->clocked = (const oh_media *)clocked;
    p->follower = (const oh_media *)follower;
    int failed = prepare(p);
    if (failed == 0) {
        failed = pthread_create(&p->thread, NULL, carry, p);
        if (failed) {
            p->follower->ops->close(p->follower->media);
            p->clocked->ops->close(p->clocked->media);
        }
    }
    if (failed) {
        discard(p);
        errno = failed;
        return NULL;
    }
    return p;
}

uint64_t oh_patch_ticks(const oh_patch *patch) {
    return atomic_load_explicit(&patch->ticks, memory_order_relaxed);
}

void oh_patch_stop(oh_patch *patch) {
    if (patch == NULL)
        return;
    atomic_store_explicit(&patch->stopped, true, memory_order_relaxed);
    pthread_join(patch->thread, NULL);
    patch->follower->ops->close(patch->follower->media);
    patch->clocked->ops->close(patch->clocked->media);
    discard(patch);
}
