/* Vector kernel of the baseline: four floats, SSE2 on x86-64 and NEON on arm64. */
#define OH_VEC       4
#define OH_KERNEL    oh_kernel_base
#define OH_TRANSPOSE oh_transpose_base
#define OH_WATCH     oh_watch_base
#include "kernels_body.h"
#include "watch_body.h"
