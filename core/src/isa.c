/* Which build of the vector kernel runs: the best the processor has, what OFFHOOK_ISA names, or what a test forces. */
#if defined(__x86_64__)
#include <cpuid.h>
#endif
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "kernels.h"
#include "offhook.h"
#include "watch.h"

struct isa {
    const char *name;
    oh_kernel_fn *kernel;
    oh_transpose_fn *transpose;
    oh_watch_fn *watch;
};

#if defined(__x86_64__)
static const struct isa builds[] = {{"avx512", oh_kernel_avx512, oh_transpose_avx512, oh_watch_avx512},
                                    {"avx2", oh_kernel_avx2, oh_transpose_avx2, oh_watch_avx2},
                                    {"base", oh_kernel_base, oh_transpose_base, oh_watch_base}};
#elif defined(__aarch64__)
static const struct isa builds[] = {{"neon", oh_kernel_base, oh_transpose_base, oh_watch_base},
                                    {"base", oh_kernel_base, oh_transpose_base, oh_watch_base}};
#else
static const struct isa builds[] = {{"base", oh_kernel_base, oh_transpose_base, oh_watch_base}};
#endif
enum { BUILDS = sizeof builds / sizeof builds[0] };

static _Atomic(const struct isa *) chosen;

static bool processor_has(const struct isa *isa) {
#if defined(__x86_64__)
    unsigned a, b, c, d;
    if (strcmp(isa->name, "base") != 0 && !(__get_cpuid(1, &a, &b, &c, &d) && (c & bit_F16C)))
        return false;
    __builtin_cpu_init();
    if (strcmp(isa->name, "avx512") == 0)
        return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
               __builtin_cpu_supports("avx512vl");
    if (strcmp(isa->name, "avx2") == 0)
        return __builtin_cpu_supports("avx2");
#endif
    (void)isa;
    return true;
}

static const struct isa *find(const char *name) {
    for (int i = 0; i < BUILDS; i++)
        if (strcmp(builds[i].name, name) == 0)
            return &builds[i];
    return NULL;
}

/* An unknown or unfit name in the environment falls back to the best: a wrong setting must not keep an appliance from starting. */
static const struct isa *current(void) {
    const struct isa *isa = atomic_load(&chosen);
    if (isa)
        return isa;
    const char *wish = getenv("OFFHOOK_ISA");
    isa = wish ? find(wish) : NULL;
    if (isa && !processor_has(isa))
        isa = NULL;
    for (int i = 0; i < BUILDS && !isa; i++)
        if (processor_has(&builds[i]))
            isa = &builds[i];
    atomic_store(&chosen, isa);
    return isa;
}

const char *oh_isa(void) {
    return current()->name;
}

int oh_isa_force(const char *name) {
    const struct isa *isa = name ? find(name) : NULL;
    if (!isa)
        return -EINVAL;
    if (!processor_has(isa))
        return -ENOTSUP;
    atomic_store(&chosen, isa);
    return 0;
}

oh_kernel_fn *oh_kernel_chosen(void) {
    return current()->kernel;
}

oh_transpose_fn *oh_transpose_chosen(void) {
    return current()->transpose;
}

oh_watch_fn *oh_watch_chosen(void) {
    return current()->watch;
}
