/* Who calls the tick: a media thread that follows a driver's clock, or the caller itself in virtual time. */
#include "core.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#define WAIT_MS 100 /* how long oh_core_stop() may have to wait for a driver that has no tick */

static void close_run(oh_core *core) {
    struct oh_run *run = &core->run;
    if (run->media.ops->close) {
        run->media.ops->close(run->media.media);
    }
    free(run->rx);
    free(run->tx);
    free(run->valid);
    run->rx = NULL;
    run->tx = NULL;
    run->valid = NULL;
    run->open = false;
}

/* Open the driver and take the buffers. 0 or -errno, with nothing left open. */
static int open_run(oh_core *core, const oh_media *media, oh_media_info *info) {
    struct oh_run *run = &core->run;
    if (!media || !media->ops || !media->ops->open || !media->ops->rx) {
        return -EINVAL;
    }
    memset(info, 0, sizeof *info);
    int status = media->ops->open(media->media, info);
    if (status) {
        return status < 0 ? status : -EIO;
    }
    run->media = *media;
    run->open = true;
    run->pending_error = 0;
    const oh_config *config = &core->config;
    if (info->channels != config->channels || info->law != config->law || info->layout != config->layout) {
        close_run(core);
        return -EINVAL;
    }
    size_t samples = (size_t)config->channels * OH_FRAME_SAMPLES;
    run->rx = calloc(samples, core->sample_bytes);
    run->tx = calloc(samples, core->sample_bytes);
    run->valid = calloc((size_t)config->channels, 1);
    if (!run->rx || !run->tx || !run->valid) {
        close_run(core);
        return -ENOMEM;
    }
    return 0;
}

/* One tick with the driver's audio. Events raised, or the driver's -errno. */
static int driven_tick(oh_core *core) {
    struct oh_run *run = &core->run;
    uint64_t tick = 0;
    int status = run->media.ops->rx(run->media.media, run->rx, run->valid, &tick);
    if (status < 0) {
        return status;
    }
    int raised = oh_core_tick(core, run->rx, run->valid, run->tx, oh_clock_ns());
    status = run->media.ops->tx ? run->media.ops->tx(run->media.media, run->tx) : 0;
    return status < 0 ? status : raised;
}

/* -- in a thread ---------------------------------------------------------------------------------------------------------- */

/* Run the ticks that are due. 0 or -errno. */
static int follow_clock(oh_core *core) {
    struct oh_run *run = &core->run;
    int due = run->media.ops->wait(run->media.media, WAIT_MS);
    if (due == -EINTR) {
        return 0;
    }
    if (due > 1) {
        oh_count(&core->counters.late_ticks, (uint64_t)due - 1);
    }
    while (due > 0 && !atomic_load_explicit(&run->stop, memory_order_relaxed)) {
        int status = driven_tick(core);
        if (status < 0) {
            return status;
        }
        due--;
    }
    return due < 0 ? due : 0;
}

static void *media_thread(void *argument) {
    oh_core *core = argument;
    struct oh_run *run = &core->run;
    int status = 0;
    while (status == 0 && !atomic_load_explicit(&run->stop, memory_order_relaxed)) {
        status = follow_clock(core);
    }
    if (status) {
        atomic_store(&run->error, status);
        oh_bell_ring(&core->bell); /* a poller that sleeps must learn that no event will come any more */
    }
    return NULL;
}

/* Start the thread at the priority asked for, or at normal priority when the system refuses. */
static int spawn(oh_core *core, int fifo_priority) {
    sigset_t all, before;
    pthread_attr_t attributes;
    int status = -pthread_attr_init(&attributes);
    if (status) {
        return status;
    }
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before); /* inherited: signals are for the program's own threads */
    status = -EPERM;
    if (fifo_priority > 0) {
        struct sched_param priority = {.sched_priority = fifo_priority};
        pthread_attr_setinheritsched(&attributes, PTHREAD_EXPLICIT_SCHED);
        pthread_attr_setschedpolicy(&attributes, SCHED_FIFO);
        pthread_attr_setschedparam(&attributes, &priority);
        status = -pthread_create(&core->run.thread, &attributes, media_thread, core);
    }
    if (status == -EPERM) {
        status = -pthread_create(&core->run.thread, NULL, media_thread, core);
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    if (status == 0) {
        pthread_setname_np(core->run.thread, "offhook-media");
    }
    return status;
}

int oh_core_start(oh_core *core, const oh_media *media, int fifo_priority) {
    if (!core || fifo_priority < 0 || fifo_priority > 99 || !media || !media->ops || !media->ops->wait) {
        return -EINVAL;
    }
    struct oh_run *run = &core->run;
    if (run->open) {
        return -EBUSY;
    }
    oh_media_info info;
    int status = open_run(core, media, &info);
    if (status) {
        return status;
    }
    atomic_store(&run->stop, false);
    atomic_store(&run->error, 0);
    status = spawn(core, fifo_priority);
    if (status) {
        close_run(core);
        return status;
    }
    run->threaded = true;
    return 0;
}

int oh_core_stop(oh_core *core) {
    if (!core) {
        return -EINVAL;
    }
    struct oh_run *run = &core->run;
    if (!run->open) {
        return -ESRCH;
    }
    int status = run->pending_error;
    if (run->threaded) {
        atomic_store(&run->stop, true);
        pthread_join(run->thread, NULL);
        run->threaded = false;
        status = atomic_load(&run->error);
    }
    close_run(core);
    return status;
}

int oh_core_running(const oh_core *core) {
    if (!core) {
        return -EINVAL;
    }
    if (!core->run.open) {
        return 0;
    }
    int error = core->run.threaded ? atomic_load(&core->run.error) : core->run.pending_error;
    return error ? error : 1;
}

/* -- in virtual time ------------------------------------------------------------------------------------------------------ */

/* One tick if the driver has one. Events raised; -EAGAIN when it has none; the driver's -errno. */
static int virtual_tick(oh_core *core) {
    struct oh_run *run = &core->run;
    int due = run->media.ops->wait ? run->media.ops->wait(run->media.media, 0) : 1;
    return due < 0 ? due : due == 0 ? -EAGAIN : driven_tick(core);
}

int oh_core_run(oh_core *core, const oh_media *media, int max_ticks) {
    if (!core || !media || max_ticks < 0) {
        return -EINVAL;
    }
    struct oh_run *run = &core->run;
    if (run->open && (run->threaded || run->media.ops != media->ops || run->media.media != media->media)) {
        return -EBUSY;
    }
    if (!run->open) {
        oh_media_info info;
        int status = open_run(core, media, &info);
        if (status) {
            return status;
        }
        if (info.realtime) {
            close_run(core);
            return -EINVAL;
        }
    }
    int ticks = 0;
    int raised = 0;
    while (ticks < max_ticks && raised == 0 && run->pending_error == 0) {
        raised = virtual_tick(core);
        if (raised == -EAGAIN) {
            return ticks;
        }
        if (raised < 0) {
            run->pending_error = raised;
        } else {
            ticks++;
        }
    }
    return ticks > 0 ? ticks : run->pending_error;
}
