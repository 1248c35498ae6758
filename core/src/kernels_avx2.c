/* Vector kernel for AVX2: 8 floats. Empty on other processors. */
#if defined(__x86_64__)
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,f16c"))), apply_to = function)
#else
#pragma GCC target("avx2,f16c")
#endif
#define OH_VEC       8
#define OH_KERNEL    oh_kernel_avx2
#define OH_TRANSPOSE oh_transpose_avx2
#define OH_WATCH     oh_watch_avx2
#include "kernels_body.h"
#include "watch_body.h"
#if defined(__clang__)
#pragma clang attribute pop
#endif
#else
typedef int oh_kernel_avx2_unused;
#endif
