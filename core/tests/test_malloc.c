/* Memory: none is taken in a tick, and every failed allocation is survived. Linked with --wrap for the allocator's functions. */
#include "harness.h"

#include "offhook.h"

#include <errno.h>

#define CHANNELS 35
#define FRAME    OH_FRAME_SAMPLES

static int calls;        /* allocator calls so far */
static int balance;      /* taken and not given back */
static int fail_at = -1; /* the allocation with this number fails */
static int allocations;  /* allocations asked for */

static bool refused(void) {
    calls++;
    return allocations++ == fail_at;
}

static void *given(void *memory) {
    balance += memory != NULL;
    return memory;
}

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *memory, size_t size);
void *__real_aligned_alloc(size_t alignment, size_t size);
int __real_posix_memalign(void **out, size_t alignment, size_t size);
void __real_free(void *memory);

void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *memory, size_t size);
void *__wrap_aligned_alloc(size_t alignment, size_t size);
int __wrap_posix_memalign(void **out, size_t alignment, size_t size);
void __wrap_free(void *memory);

void *__wrap_malloc(size_t size) {
    return refused() ? NULL : given(__real_malloc(size));
}

void *__wrap_calloc(size_t count, size_t size) {
    return refused() ? NULL : given(__real_calloc(count, size));
}

void *__wrap_realloc(void *memory, size_t size) {
    balance -= memory != NULL;
    return refused() ? NULL : given(__real_realloc(memory, size));
}

void *__wrap_aligned_alloc(size_t alignment, size_t size) {
    return refused() ? NULL : given(__real_aligned_alloc(alignment, size));
}

int __wrap_posix_memalign(void **out, size_t alignment, size_t size) {
    if (refused()) {
        return ENOMEM;
    }
    int status = __real_posix_memalign(out, alignment, size);
    balance += status == 0;
    return status;
}

void __wrap_free(void *memory) {
    calls++;
    balance -= memory != NULL;
    __real_free(memory);
}

static oh_config config = {.channels = CHANNELS, .law = OH_LAW_ALAW};

static void new_survives_every_failed_allocation(void) {
    oh_core *core = NULL;
    int n = 0;
    for (; !core; n++) {
        CHECK(n < 1000);
        allocations = 0;
        fail_at = n;
        errno = 0;
        int before = balance;
        core = oh_core_new(&config);
        if (!core) {
            CHECK_EQ(errno, ENOMEM);
            CHECK_EQ(balance, before); /* nothing half-made stays behind */
        }
    }
    CHECK(n > 5);
    fail_at = -1;
    oh_core_free(core);
    CHECK_EQ(balance, 0);
}

static void a_prompt_that_finds_no_memory_changes_nothing(void) {
    uint8_t octet = 0;
    oh_core *core = oh_core_new(&config);
    allocations = 0;
    fail_at = 0;
    CHECK_EQ(oh_core_prompt_add(core, &octet, 1), -ENOMEM);
    fail_at = -1;
    CHECK_EQ(oh_core_prompt_add(core, &octet, 1), 0);
    oh_core_free(core);
    CHECK_EQ(balance, 0);
}

static uint32_t next_random(uint32_t *state) {
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

static void feeding_frames_and_giving_orders_allocates_nothing(void) {
    static uint8_t rx[CHANNELS * FRAME], tx[CHANNELS * FRAME], audio[1000];
    uint8_t valid[CHANNELS];
    oh_event events[64];
    uint32_t random = 1;
    oh_core *core = oh_core_new(&config);
    int prompt = oh_core_prompt_add(core, audio, sizeof audio);
    int before = calls;
    for (int tick = 0; tick < 300; tick++) {
        for (int channel = 0; channel < CHANNELS; channel++) {
            uint32_t order = next_random(&random) % 40;
            if (order == 0) {
                oh_core_reset(core, channel, oh_plan_at((int)(next_random(&random) % (uint32_t)oh_plan_count())), OH_PROFILE_ALL);
            } else if (order == 1) {
                oh_core_arm(core, channel, next_random(&random) & 0x1fff);
            } else if (order == 2) {
                oh_core_answered(core, channel);
            } else if (order == 3) {
                oh_core_play(core, channel, prompt, tick % 2, -100, 0);
            } else if (order == 4) {
                oh_core_bridge(core, channel, (channel + 1) % CHANNELS);
            }
            valid[channel] = next_random(&random) % 20 ? OH_VALID_GOOD : (uint8_t)(next_random(&random) % 4);
            /* A 450 Hz tone with gaps, so that the detectors have something to say. */
            for (int i = 0; i < FRAME; i++) {
                double phase = 2 * 3.14159265358979 * 450 * (tick * FRAME + i) / 8000;
                bool on = tick / 18 % 2 == 0;
                rx[channel * FRAME + i] = on ? oh_alaw_encode((int16_t)(5000 * sin(phase))) : 0xd5;
            }
        }
        CHECK(oh_core_tick(core, rx, valid, tx, 0) >= 0);
        while (oh_core_poll(core, events, 64) > 0) {}
    }
    CHECK_EQ(calls, before);
    oh_core_free(core);
    CHECK_EQ(balance, 0);
}

int main(void) {
    config.plan = oh_plan_find("cn");
    CHECK(oh_isa()); /* settles the choice of vector code, which may ask the environment */
    TEST(new_survives_every_failed_allocation);
    TEST(a_prompt_that_finds_no_memory_changes_nothing);
    TEST(feeding_frames_and_giving_orders_allocates_nothing);
    return 0;
}
