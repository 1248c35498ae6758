/* Tables of the vector kernels and the few functions of arithmetic that the detectors share (see dsp.h). */
#include "kernels.h"

#include "dsp.h"
#include "offhook.h"

struct oh_kernel_tables oh_kernel_tables;

double oh_cos_turn(double turns) {
    /* reduce to an eighth of a turn, then Taylor: exact to the last bits of a float whatever the C library does */
    if (turns < 0)
        turns = -turns;
    turns -= (double)(long long)turns;
    double sign = 1;
    if (turns > 0.5)
        turns = 1 - turns;
    if (turns > 0.25) {
        turns = 0.5 - turns;
        sign = -1;
    }
    double x = turns * 6.283185307179586476925, x2 = x * x, term = 1, sum = 1;
    for (int n = 1; n < 14; n++) {
        term *= -x2 / (double)((2 * n - 1) * (2 * n));
        sum += term;
    }
    return sign * sum;
}

double oh_sin_turn(double turns) {
    return oh_cos_turn(turns - 0.25);
}

void oh_kernel_init(void) {
    /* A sine of power 1 has 12288 * scale^2 in the bins of its lobe: sum of the squared window times half the length. */
    const double zero_dbm0_power = 22827.0 * 22827.0 / 2;
    const double scale = oh_sqrt(1.0 / (12288.0 * zero_dbm0_power));
    for (int n = 0; n < OH_WINDOW; n++) {
        float w = (float)(scale * (0.5 - 0.5 * oh_cos_turn(n / 256.0))) * OH_TALL;
        oh_kernel_tables.window[n] = w;
        oh_kernel_tables.tall_window[n] = w * (1 << 22);
    }
    for (int octet = 0; octet < 256; octet++) {
        oh_kernel_tables.alaw[octet] = oh_alaw_decode((uint8_t)octet);
        oh_kernel_tables.ulaw[octet] = oh_ulaw_decode((uint8_t)octet);
    }
    for (int k = 0; k < 9; k++)
        for (int c = 0; c < 16; c++) {
            oh_kernel_tables.cos256[k][c] = (float)oh_cos_turn(k * c / 256.0);
            oh_kernel_tables.sin256[k][c] = (float)oh_sin_turn(k * c / 256.0);
        }
}

double oh_sqrt(double x) {
    double y = x > 1 ? x : 1;
    for (int i = 0; i < 200 && y * y != x; i++) {
        double next = (y + x / y) / 2;
        if (next == y)
            break;
        y = next;
    }
    return y;
}
