/* Text of the answer analysis' vector half; each answer_net_<isa>.c sets OH_VEC (floats in a vector) and OH_ANSWER_KERNELS (the name). */
#include "answer_net.h"
#include "vec.h"

INLINE vf clip(vf x, float least, float most) {
    return smaller(larger(x, all(least)), all(most));
}

/* lg2 x for x > 0, to 1e-6: exponent, and a polynomial around 1.5 for the mantissa. */
INLINE vf lg2(vf x) {
    vi bits = (vi)x;
    vf e = __builtin_convertvector((bits >> 23) - all_int(127), vf);
    vf m = (vf)((bits & all_int(0x7fffff)) | all_int(0x3f800000)) - all(1.5f);
    vf y = all(0.0147787208f);
    y = y * m + all(-0.0251232033f);
    y = y * m + all(0.0374629375f);
    y = y * m + all(-0.0705896757f);
    y = y * m + all(0.14252637f);
    y = y * m + all(-0.320632333f);
    y = y * m + all(0.961795972f);
    y = y * m + all(0.584962765f);
    return y + e;
}

/* lg x of a power, not below -9. */
INLINE vf bels(vf power) {
    return lg2(larger(power, all(1e-9f))) * all(0.30103f);
}

/* e^x for x from -25 to 25: 2 to the power of a whole number by the exponent's bits, of the rest by its series. */
INLINE vf power_of_e(vf x) {
    vf y = clip(x, -25.0f, 25.0f) * all(1.44269504f);
    vf whole = (y + all(12582912.0f)) - all(12582912.0f);
    vf f = y - whole;
    vf p = all(1.5403530e-4f);
    p = p * f + all(1.3333558e-3f);
    p = p * f + all(9.6181291e-3f);
    p = p * f + all(5.5504109e-2f);
    p = p * f + all(2.4022651e-1f);
    p = p * f + all(6.9314718e-1f);
    p = p * f + all(1.0f);
    vi shift = __builtin_convertvector(whole, vi) << 23;
    return (vf)((vi)p + shift);
}

/* lg powers of the bands, of all of them, and the share of tones. */
INLINE void powers(const struct oh_spectrum *two, struct oh_answer_front *out, int lane) {
    /* equal widths on the mel scale, 170 to 3470 Hz */
    static const int edge[OH_ANSWER_BANDS + 1] = {5, 8, 11, 15, 19, 23, 28, 33, 39, 45, 52, 59, 68, 77, 87, 99, 111};
    for (int b = 0; b < OH_ANSWER_BANDS; b++) {
        vf sum = all(0);
        for (int k = edge[b]; k < edge[b + 1]; k++)
            sum += load(two[0].p[k] + lane) + load(two[1].p[k] + lane);
        store(out->band[b] + lane, bels(sum * all(0.5f)));
    }
    vf total = load(two[0].total + lane) + load(two[1].total + lane);
    store(out->level + lane, bels(total * all(0.5f)));
    vf tone = load(two[0].s1 + lane) + load(two[0].s2 + lane) + load(two[1].s1 + lane) + load(two[1].s2 + lane);
    store(out->tone + lane, tone / larger(total, all(1e-9f)));
}

/* Pitch: the cosine that fits the fine structure of the lg spectrum best. */
INLINE void pitch(const struct oh_spectrum *two, struct oh_answer_front *out, int lane) {
    enum { SPAN = 4, FIRST = OH_PITCH_LOW - SPAN, ALL = OH_PITCH_BINS + 2 * SPAN, TOGETHER = 7 };
    vf fine[ALL], flat[OH_PITCH_BINS];
    for (int k = 0; k < ALL; k++)
        fine[k] = lg2(load(two[0].p[FIRST + k] + lane) + load(two[1].p[FIRST + k] + lane) + all(1e-9f));
    vf window = all(0), mean = all(0);
    for (int k = 0; k < 2 * SPAN; k++)
        window += fine[k];
    for (int k = 0; k < OH_PITCH_BINS; k++) {
        window += fine[k + 2 * SPAN];
        flat[k] = fine[k + SPAN] - window * all(1.0f / (2 * SPAN + 1));
        window -= fine[k];
        mean += flat[k];
    }
    mean *= all(1.0f / OH_PITCH_BINS);
    vf power = all(1e-3f);
    for (int k = 0; k < OH_PITCH_BINS; k++) {
        flat[k] -= mean;
        power += flat[k] * flat[k];
    }
    vf best = all(-1e9f), octave = all(0);
    for (int i = 0; i < OH_PITCHES; i += TOGETHER) {
        vf fit[TOGETHER];
#pragma GCC unroll 7
        for (int j = 0; j < TOGETHER; j++)
            fit[j] = all(0);
        for (int k = 0; k < OH_PITCH_BINS; k++)
#pragma GCC unroll 7
            for (int j = 0; j < TOGETHER; j++)
                fit[j] += flat[k] * all(oh_answer_tables.wave[i + j][k]);
#pragma GCC unroll 7
        for (int j = 0; j < TOGETHER; j++) {
            octave = pick(more(fit[j], best), all(oh_answer_tables.octave[i + j]), octave);
            best = larger(fit[j], best);
        }
    }
    store(out->voiced + lane, best / root(power));
    store(out->pitch + lane, octave);
}

static void front(const struct oh_spectrum *two, struct oh_answer_front *out) {
    for (int lane = 0; lane < OH_LANES; lane += OH_VEC) {
        powers(two, out, lane);
        pitch(two, out, lane);
    }
}

static void follow(const struct oh_answer_front *f, const float *speech, const float *floor, const int32_t *mask, float (*band)[OH_LANES],
                   float (*x)[OH_LANES]) {
    static const int meant[] = {OH_AT_LEVEL, OH_AT_CHANGE, OH_AT_VOICED, OH_AT_TONE, OH_AT_PITCH};
    for (int lane = 0; lane < OH_LANES; lane += OH_VEC) {
        vf least = load(floor + lane) - all(1.2f), change = all(0);
        for (int b = 0; b < OH_ANSWER_BANDS; b++) {
            vf now = load(f->band[b] + lane);
            vf step = larger(now, least) - larger(load(band[b] + lane), least);
            change += larger(step, -step);
            store(band[b] + lane, now);
        }
        store(x[OH_AT_CHANGE] + lane, clip(change * all(1.0f / OH_ANSWER_BANDS), 0.0f, 2.0f));
        vf loud = load(x[OH_AT_LOUD] + lane);
        vf level = clip(load(f->level + lane) - load(speech + lane), -4.0f, 1.0f);
        store(x[OH_AT_LEVEL] + lane, level * loud - all(3.0f) * (all(1.0f) - loud));
        vm moves = above(all_int(0), load_int(mask + lane));
        for (int i = 0; i < 5; i++) {
            vf now = load(x[meant[i]] + lane) + all(1e-20f); /* a mean of nothing must not leave a float's normal range: see OH_TALL */
            float *slow = x[OH_AT_MEANS + 2 * i + 1] + lane, *quick = x[OH_AT_MEANS + 2 * i] + lane;
            store(quick, pick(moves, load(quick) + all(0.15f) * (now - load(quick)), load(quick)));
            store(slow, pick(moves, load(slow) + all(0.03f) * (now - load(slow)), load(slow)));
        }
    }
}

/* The log odds of a person, made honest: straight lines between the knots of the calibration, and between its times. */
INLINE vf calibrated(const struct oh_answer_model *m, vf z, vf seconds) {
    static const float knot[OH_ANSWER_KNOTS] = {-6, -3, -1.5f, 0, 1.5f, 3, 6}, time[OH_ANSWER_TIMES] = {1, 1.5f, 2.5f, 4};
    vf part[OH_ANSWER_KNOTS - 1], before = all(0), y = all(0);
    for (int k = 0; k < OH_ANSWER_KNOTS - 1; k++)
        part[k] = clip((z - all(knot[k])) * all(1 / (knot[k + 1] - knot[k])), 0.0f, 1.0f);
    for (int t = 0; t < OH_ANSWER_TIMES; t++) {
        vf now = all(m->odds[t][0]);
        for (int k = 0; k < OH_ANSWER_KNOTS - 1; k++)
            now += all(m->odds[t][k + 1] - m->odds[t][k]) * part[k];
        y = t ? y + (now - before) * clip((seconds - all(time[t - 1])) * all(1 / (time[t] - time[t - 1])), 0.0f, 1.0f) : now;
        before = now;
    }
    return y;
}

static void judge(const struct oh_answer_model *m, const float (*x)[OH_LANES], float (*p)[OH_LANES]) {
    enum { BLOCK = 8 };
    _Alignas(64) float dense[OH_ANSWER_DENSE][OH_LANES]; /* a vector that lies on two lines of the cache takes twice as long */
    for (int lane = 0; lane < OH_LANES; lane += OH_VEC) {
        for (int u = 0; u < OH_ANSWER_DENSE; u += BLOCK) {
            vf sum[BLOCK];
#pragma GCC unroll 8
            for (int j = 0; j < BLOCK; j++)
                sum[j] = all(m->b1[u + j]);
            for (int i = 0; i < OH_ANSWER_FEATURES; i++) {
                vf in = load(x[i] + lane);
#pragma GCC unroll 8
                for (int j = 0; j < BLOCK; j++)
                    sum[j] += in * all(m->w1[i][u + j]);
            }
            for (int j = 0; j < BLOCK; j++)
                store(dense[u + j] + lane, larger(sum[j], all(0)));
        }
        vf odds[OH_ANSWER_SORTS], total = all(0);
#pragma GCC unroll 5
        for (int c = 0; c < OH_ANSWER_SORTS; c++)
            odds[c] = all(m->b2[c]);
        for (int u = 0; u < OH_ANSWER_DENSE; u++) {
            vf in = load(dense[u] + lane);
#pragma GCC unroll 5
            for (int c = 0; c < OH_ANSWER_SORTS; c++)
                odds[c] += in * all(m->w2[u][c]);
        }
        for (int c = 0; c < OH_ANSWER_SORTS; c++) {
            odds[c] = power_of_e(odds[c]);
            total += odds[c];
        }
        vf others = total - odds[OH_SORT_PERSON];
        others = larger(others, all(1e-20f));
        vf z = (lg2(odds[OH_SORT_PERSON]) - lg2(others)) * all(0.69314718f);
        z = calibrated(m, z, load(x[OH_AT_FACTS] + lane));
        vf person = all(1.0f) / (all(1.0f) + power_of_e(-z));
        store(p[OH_SORT_PERSON] + lane, person);
        for (int c = OH_SORT_PERSON + 1; c < OH_ANSWER_SORTS; c++)
            store(p[c] + lane, (all(1.0f) - person) * odds[c] / others);
    }
}

const struct oh_answer_kernels OH_ANSWER_KERNELS = {.front = front, .follow = follow, .judge = judge};
