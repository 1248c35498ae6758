/* The answer analysis' vector half for AVX2: 8 floats. Empty on other processors. */
#if defined(__x86_64__)
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2"))), apply_to = function)
#else
#pragma GCC target("avx2")
#endif
#define OH_VEC            8
#define OH_ANSWER_KERNELS oh_answer_avx2
#include "answer_net_body.h"
#if defined(__clang__)
#pragma clang attribute pop
#endif
#else
typedef int oh_answer_net_avx2_unused;
#endif
