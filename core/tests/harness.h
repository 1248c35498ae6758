/* Tiny test harness: a test is a void function whose name is a sentence, CHECK ends the program at the first failure.
 *
 *     static void busy_is_reported_after_two_periods(void) { CHECK_EQ(got, want); }
 *     int main(void) { TEST(busy_is_reported_after_two_periods); return 0; }
 */
#ifndef OH_HARNESS_H
#define OH_HARNESS_H

#include <inttypes.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The condition holds. Not assert(): it must work in optimised builds too. */
#define CHECK(condition)                                                                                                                   \
    do {                                                                                                                                   \
        if (!(condition)) {                                                                                                                \
            fprintf(stderr, "%s:%d: %s: not true: %s\n", __FILE__, __LINE__, __func__, #condition);                                        \
            exit(1);                                                                                                                       \
        }                                                                                                                                  \
    } while (0)

/* Two integers are equal; both are printed when they are not. */
#define CHECK_EQ(got, want)                                                                                                                \
    do {                                                                                                                                   \
        int64_t got_ = (int64_t)(got), want_ = (int64_t)(want);                                                                            \
        if (got_ != want_) {                                                                                                               \
            fprintf(stderr, "%s:%d: %s: %s is %" PRId64 ", wanted %" PRId64 "\n", __FILE__, __LINE__, __func__, #got, got_, want_);        \
            exit(1);                                                                                                                       \
        }                                                                                                                                  \
    } while (0)

/* Two real numbers differ by no more than tolerance. */
#define CHECK_NEAR(got, want, tolerance)                                                                                                   \
    do {                                                                                                                                   \
        double got_ = (double)(got), want_ = (double)(want), tolerance_ = (double)(tolerance);                                             \
        if (!(fabs(got_ - want_) <= tolerance_)) {                                                                                         \
            fprintf(stderr, "%s:%d: %s: %s is %g, wanted %g +- %g\n", __FILE__, __LINE__, __func__, #got, got_, want_, tolerance_);        \
            exit(1);                                                                                                                       \
        }                                                                                                                                  \
    } while (0)

/* Two strings are equal. */
#define CHECK_STR(got, want)                                                                                                               \
    do {                                                                                                                                   \
        const char *got_ = (got), *want_ = (want);                                                                                         \
        if (!got_ || strcmp(got_, want_) != 0) {                                                                                           \
            fprintf(stderr, "%s:%d: %s: %s is \"%s\", wanted \"%s\"\n", __FILE__, __LINE__, __func__, #got, got_ ? got_ : "NULL", want_);  \
            exit(1);                                                                                                                       \
        }                                                                                                                                  \
    } while (0)

/* Run one test and say so. */
#define TEST(name)                                                                                                                         \
    do {                                                                                                                                   \
        name();                                                                                                                            \
        printf("ok %s\n", #name);                                                                                                          \
        fflush(stdout);                                                                                                                    \
    } while (0)

#endif
