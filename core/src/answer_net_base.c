/* The answer analysis' vector half for the baseline: four floats, SSE2 on x86-64 and NEON on arm64. */
#define OH_VEC            4
#define OH_ANSWER_KERNELS oh_answer_base
#include "answer_net_body.h"
