/* What a tone plan must be before the matcher may work with it: it reads every segment of every row without a further look. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "offhook.h"

#define LOWEST_HZ  100
#define HIGHEST_HZ 3400
#define MOST_AM_HZ 200

/* Where the reason goes. */
struct words {
    char *to;
    int size;
};

__attribute__((format(printf, 2, 3))) static int refuse(struct words why, const char *format, ...) {
    if (why.to && why.size > 0) {
        va_list arguments;
        va_start(arguments, format);
        vsnprintf(why.to, (size_t)why.size, format, arguments);
        va_end(arguments);
    }
    return -EINVAL;
}

/* A supervisory tone or SIT; the other signals have detectors of their own and no cadence. */
static bool may_have_a_row(int tone) {
    return tone > OH_TONE_NONE && tone <= OH_TONE_WARNING && tone != OH_TONE_SIT_US;
}

static int check_segment(const oh_segment *segment, int row, int number, struct words why) {
    int sines = 0;
    for (int i = 0; i < 4; i++) {
        if (segment->hz[i] == 0)
            continue;
        if (segment->hz[i] < LOWEST_HZ || segment->hz[i] > HIGHEST_HZ)
            return refuse(why, "row %d, segment %d: %d Hz is not between %d and %d", row, number, segment->hz[i], LOWEST_HZ, HIGHEST_HZ);
        if (i != sines)
            return refuse(why, "row %d, segment %d: a frequency stands behind an empty place", row, number);
        sines++;
    }
    if (segment->am_hz && sines != 1)
        return refuse(why, "row %d, segment %d: modulation needs exactly one carrier, not %d", row, number, sines);
    if (segment->am_hz > MOST_AM_HZ)
        return refuse(why, "row %d, segment %d: modulation of %d Hz is more than %d", row, number, segment->am_hz, MOST_AM_HZ);
    return 0;
}

static int check_row(const oh_tone_spec *spec, int row, struct words why) {
    if (!may_have_a_row(spec->tone))
        return refuse(why, "row %d: %d is no supervisory tone", row, spec->tone);
    int total = spec->once + spec->loop;
    if (total < 1 || total > OH_PLAN_SEGMENTS)
        return refuse(why, "row %d: %d segments, not 1 to %d", row, total, OH_PLAN_SEGMENTS);
    if (!spec->segments)
        return refuse(why, "row %d: no segments", row);
    for (int i = 0; i < total; i++) {
        const oh_segment *segment = &spec->segments[i];
        int status = check_segment(segment, row, i, why);
        if (status)
            return status;
        bool silent = segment->hz[0] == 0;
        if (i == 0 && silent)
            return refuse(why, "row %d: begins with silence", row);
        if (silent && spec->segments[i - 1].hz[0] == 0)
            return refuse(why, "row %d, segment %d: silence after silence", row, i);
        if (segment->duration_ms == 0 && (silent || i != total - 1))
            return refuse(why, "row %d, segment %d: only sound at the end of a row may last for ever", row, i);
        if (segment->duration_ms == 0 && spec->loop > 1)
            return refuse(why, "row %d: a loop of %d segments never comes to its second round", row, spec->loop);
    }
    if (spec->loop > 0 && spec->segments[spec->once].hz[0] == 0 && spec->segments[total - 1].hz[0] == 0)
        return refuse(why, "row %d: the loop begins and ends with silence", row);
    return 0;
}

int oh_plan_check(const oh_tone_plan *plan, char *why, int size) {
    struct words words = {why, size};
    if (!plan)
        return refuse(words, "no plan");
    if (!plan->name || !plan->name[0] || !plan->country)
        return refuse(words, "no name");
    if (plan->count < 1 || plan->count > OH_PLAN_ROWS)
        return refuse(words, "%d rows, not 1 to %d", plan->count, OH_PLAN_ROWS);
    if (!plan->tones)
        return refuse(words, "no rows");
    for (int row = 0; row < plan->count; row++) {
        int status = check_row(&plan->tones[row], row, words);
        if (status)
            return status;
    }
    return 0;
}
