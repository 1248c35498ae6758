/* The answer analysis' vector half for AVX-512: 16 floats. Empty on other processors. */
#if defined(__x86_64__)
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512dq,avx512vl"))), apply_to = function)
#else
#pragma GCC target("avx512f,avx512bw,avx512dq,avx512vl")
#endif
#define OH_VEC            16
#define OH_ANSWER_KERNELS oh_answer_avx512
#include "answer_net_body.h"
#if defined(__clang__)
#pragma clang attribute pop
#endif
#else
typedef int oh_answer_net_avx512_unused;
#endif
