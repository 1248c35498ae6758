/* Vector kernel for AVX-512: 16 floats. Empty on other processors. */
#if defined(__x86_64__)
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,f16c"))), apply_to = function)
#else
#pragma GCC target("avx512f,avx512bw,avx512dq,avx512vl,f16c,tune=skylake-avx512") /* a tenth less than without the tune */
#endif
#define OH_VEC       16
#define OH_KERNEL    oh_kernel_avx512
#define OH_TRANSPOSE oh_transpose_avx512
#define OH_WATCH     oh_watch_avx512
#include "kernels_body.h"
#include "watch_body.h"
#if defined(__clang__)
#pragma clang attribute pop
#endif
#else
typedef int oh_kernel_avx512_unused;
#endif
