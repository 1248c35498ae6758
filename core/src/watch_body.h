/* Text of the watch, for each instruction set; follows kernels_body.h. Constants and reasons stand in speech.c, music.c and line.c. */
#include "watch.h"

#if OH_VEC == 16 && defined(__x86_64__)
INLINE vm equal(vi a, vi b) {
    return _mm512_cmpeq_epi32_mask((__m512i)a, (__m512i)b);
}
INLINE vm both(vm a, vm b) {
    return (vm)(a & b);
}
INLINE vm either(vm a, vm b) {
    return (vm)(a | b);
}
INLINE vm no(vm a) {
    return (vm)~a;
}
INLINE uint32_t bits_of(vm a, int lane) {
    (void)lane;
    return a;
}
#else
INLINE vm equal(vi a, vi b) {
    return a == b;
}
INLINE vm both(vm a, vm b) {
    return a & b;
}
INLINE vm either(vm a, vm b) {
    return a | b;
}
INLINE vm no(vm a) {
    return ~a;
}
INLINE uint32_t bits_of(vm a, int lane) {
#if OH_VEC == 8 && defined(__x86_64__)
    return (uint32_t)_mm256_movemask_ps((__m256)a) << lane;
#elif defined(__x86_64__)
    return (uint32_t)_mm_movemask_ps((__m128)a) << lane;
#else
    uint32_t bits = 0;
    for (int i = 0; i < OH_VEC; i++)
        bits |= (uint32_t)(a[i] & 1) << (lane + i);
    return bits;
#endif
}
#endif

INLINE vi least_int(vi a, vi b) {
    return pick_int(above(b, a), a, b);
}

/* Where mask is set, what lies there becomes v. */
INLINE void change(float *at, vm mask, vf v) {
    store(at, pick(mask, v, load(at)));
}

INLINE void change_int(int32_t *at, vm mask, vi v) {
    store_int(at, pick_int(mask, v, load_int(at)));
}

/* A mask as numbers: -1 where it is set. */
INLINE vi ones(vm mask) {
    return pick_int(mask, all_int(-1), all_int(0));
}

/* x is -1, 0 or 1. */
INLINE vm beside(vi x) {
    return both(above(all_int(2), x), above(x, all_int(-2)));
}

/* Frequency and width of the strongest peak, as oh_hop_hz() and oh_hop_width() of single lanes in track.c tell them. */
INLINE void watch_peak(const struct oh_spectrum *s, struct oh_watch *w, int lane) {
    float near[7][OH_VEC]; /* powers three bins below to three bins above */
    for (int i = 0; i < OH_VEC; i++) {
        const float *p = &s->p[s->k1[lane + i] - 3][lane + i];
#pragma GCC unroll 7
        for (int j = 0; j < 7; j++)
            near[j][i] = p[j * OH_LANES];
    }
    vf n[7];
#pragma GCC unroll 7
    for (int j = 0; j < 7; j++)
        n[j] = load(near[j]);
    vm down = more(n[2], n[3]), up = both(no(down), more(n[4], n[3]));
    vf here = pick(down, n[2], pick(up, n[4], n[3]));
    vf below = pick(down, n[1], pick(up, n[3], n[2])), above_it = pick(down, n[3], pick(up, n[5], n[4]));
    vf k = __builtin_convertvector(load_int(s->k1 + lane) + ones(down) - ones(up), vf);
    vm left = more(below, above_it), some = more(here, all(0));
    vf r = root(pick(left, below, above_it) / here);
    vf shift = (r * 2.0f - 1.0f) / (r + 1.0f);
    store(w->hz + lane, pick(some, (k + pick(left, -shift, shift)) * OH_BIN_HZ, all(0)));
    vf sum = all(0), first = all(0), second = all(0);
#pragma GCC unroll 7
    for (int j = 0; j < 7; j++) {
        sum += n[j];
        first += n[j] * (float)(j - 3);
        second += n[j] * (float)((j - 3) * (j - 3));
    }
    vf mean = first / sum;
    store(w->width + lane, pick(more(sum, all(0)), second / sum - mean * mean, all(0)));
}

INLINE void watch_speech(struct oh_watch *w, int lane, vi t, vf total, vf one, vf two, vm live, struct oh_seen *seen) {
#define AT(field) (w->speech.field + lane)
    vf power = larger(total, all(1e-8f));
    vi warm = load_int(AT(warm));
    vm cold = above(all_int(4), warm);
    change_int(AT(warm), both(live, cold), warm + 1);
    live = both(live, no(cold));

    vf floor = load(AT(floor)), least = load(AT(least)), fast = load(AT(fast));
    vi from = load_int(AT(silence_from)), tick = load_int(AT(tick));
    vm first = no(more(floor, all(0)));
    vf start = smaller(power, all(1e-4f));
    floor = pick(first, start, floor);
    fast = pick(first, start, fast);
    from = pick_int(first, t, from);
    least = pick(equal(tick, all_int(0)), power, smaller(least, power));
    tick += 1;
    vm full = equal(tick, all_int(64));
    tick = pick_int(full, all_int(0), tick);
    floor = pick(full, smaller(least, fast) * 1.4f, floor);
    fast = pick(full, least, fast);
    floor = smaller(floor, power * 1.4f);
    change(AT(floor), live, floor);
    change(AT(least), live, least);
    change(AT(fast), live, fast);
    change_int(AT(tick), live, tick);

    vm active = more(power, larger(floor * 6.3f, all(6e-6f)));
    vm tone = either(more(one, power * 0.88f), more(one + two, power * 0.93f));
    vm sound = either(active, both(tone, more(power, all(1e-5f))));
    from = pick_int(sound, t, from);
    change_int(AT(silence_from), live, from);
    vi voiced = pick_int(active, least_int(load_int(AT(voiced)) - ones(no(tone)), all_int(200)), all_int(0));
    vi run = pick_int(active, least_int(load_int(AT(active)) + 1, all_int(200)), all_int(0));
    change_int(AT(voiced), live, voiced);
    change_int(AT(active), live, run);
    vm on = both(live, equal(load_int(AT(on)), all_int(-1)));
    change_int(AT(onset), both(live, both(no(on), equal(run, all_int(1)))), t - (OH_WINDOW / 4 + OH_HOP / 2));

    vm begin = both(both(live, no(on)), both(above(run, all_int(3)), both(above(voiced, all_int(2)), above(voiced + voiced, run))));
    on = either(on, begin);
    vm talk = both(on, both(active, no(tone))), rest = both(on, no(talk));
    vi quiet = pick_int(either(begin, talk), all_int(0), load_int(AT(quiet))) - ones(rest);
    vm end = both(rest, above(quiet, all_int(19)));
    change_int(AT(quiet), live, quiet);
    change_int(AT(on), live, ones(both(on, no(end))));
    change_int(AT(active), end, all_int(0)); /* what goes on after the end begins anew */
    change_int(AT(voiced), end, all_int(0));
    change_int(AT(last), talk, t);
    vf level = pick(begin, all(0), load(AT(level)));
    vf n = pick(begin, all(0), load(AT(level_n)));
    vf more_n = smaller(n + 1.0f, all(1000.0f));
    change(AT(level), on, pick(talk, level + (power - level) / more_n, level));
    change(AT(level_n), on, pick(talk, more_n, n));

    vi silent = t - from;
    vm brief = above(all_int(8000), silent);
    vi next = pick_int(brief, all_int(8000), load_int(AT(next)));
    change_int(AT(next), live, next);
    seen->speech |= bits_of(begin, lane);
    seen->pause |= bits_of(end, lane);
    seen->silence |= bits_of(both(live, both(no(brief), no(above(next, silent)))), lane);
#undef AT
}

INLINE void watch_music(struct oh_watch *w, int lane, vi t, vf total, vf one, vi k1, vm live, struct oh_seen *seen) {
#define AT(field) (w->music.field + lane)
    vm sound = more(total, all(1e-5f));
    vi hops = load_int(AT(hops)), zero = all_int(0);
    vm fresh = both(live, both(equal(hops, zero), equal(load_int(AT(windows)), zero)));
    change_int(AT(started), fresh, t - OH_WINDOW / 2);
    change_int(AT(hops), live, hops + 1);
    change_int(AT(loud), live, load_int(AT(loud)) - ones(sound));
    vi k = load_int(AT(k)), note = load_int(AT(note_k));
    vm stays = both(sound, both(more(one, total * 0.2f), beside(k1 - k)));
    vi run = pick_int(stays, load_int(AT(run)) + 1, zero);
    change_int(AT(run), live, run);
    change_int(AT(k), both(live, no(stays)), k1);
    vm held = above(run, all_int(4));
    vm flip = both(equal(run, all_int(5)), both(no(equal(note, zero)), no(beside(k1 - note))));
    change_int(AT(steady), live, load_int(AT(steady)) - ones(held));
    change_int(AT(flips), live, load_int(AT(flips)) - ones(flip));
    change_int(AT(note_k), both(live, held), k1);
    change_int(AT(tonal), live, load_int(AT(tonal)) - ones(both(sound, more(one, total * 0.85f))));
    seen->music |= bits_of(both(live, above(hops, all_int(98))), lane);
#undef AT
}

INLINE void watch_line(struct oh_watch *w, int lane, vi t, vf total, vf dc, vf low, vm live, struct oh_seen *seen) {
#define AT(field) (w->line.field + lane)
    live = both(live, no(both(above(all_int(OH_WINDOW + OH_HOP), t), above(t, all_int(-1)))));
    vi zero = all_int(0), idle = load_int(AT(idle_hops)), hops = load_int(AT(hops));
    idle = pick_int(more(all(1e-9f), total), least_int(idle + 1, all_int(60000)), zero);
    change_int(AT(idle_hops), live, idle);
    vm known = equal(load_int(AT(one_way)), all_int(-1));
    vm begins = both(no(known), equal(idle, all_int(200))), ends = both(known, equal(idle, zero));
    seen->one_way |= bits_of(both(live, either(begins, ends)), lane);
    vf hum = low - dc;
    vm first = equal(hops, zero);
    vf least = pick(first, hum, load(AT(hum))), quiet = pick(first, total, load(AT(quiet)));
    change_int(AT(hops), live, hops + 1);
    change(AT(dc), live, load(AT(dc)) + dc);
    change(AT(hum), live, smaller(least, larger(hum - dc * 0.25f, all(0)))); /* a voice leaves gaps, hum does not */
    change(AT(quiet), live, smaller(quiet, total));
    seen->line |= bits_of(both(live, above(hops, all_int(98))), lane);
#undef AT
}

void OH_WATCH(const struct oh_spectrum *s, struct oh_watch *w, struct oh_seen *seen) {
    memset(seen, 0, sizeof *seen);
    w->hops++;
    for (int lane = 0; lane < OH_LANES; lane += OH_VEC) {
        vi t = load_int(w->t + lane) + OH_HOP, hold = load_int(w->hold + lane);
        vm held = above(hold - t, all_int(0)), live = no(held);
        store_int(w->t + lane, t);
        store_int(w->hold + lane, pick_int(held, hold, t));
        vf total = load(s->total + lane), one = load(s->s1 + lane), two = load(s->s2 + lane);
        vi k1 = load_int(s->k1 + lane);
        store(w->past[w->hops % OH_PAST] + lane, total);
        store_int(w->past_n + lane, pick_int(held, all_int(0), least_int(load_int(w->past_n + lane) + 1, all_int(OH_PAST))));

        vm single = more(one, total * 0.5f);
        vm pair = both(more(two, one * 0.08f), more(one + two, total * 0.6f));
        vm tonal = both(more(total, all(1.2e-5f)), either(single, pair)); /* -49 dBm0 */
        vf row = load(s->band[OH_BAND_ROW] + lane), column = load(s->band[OH_BAND_COL] + lane);
        vm twist = either(more(row, column * 9.0f), more(column, row * 9.0f));
        vm key = both(more(row + column, total * 0.6f), no(either(more(all(4e-5f), row + column), twist))); /* see dtmf.c */
        /* bins 42 to 63; V.21 and TTY spread their power over 15 bins at most, of which a peak of three has a seventh */
        vm data = both(both(above(k1, all_int(41)), above(all_int(64), k1)), both(more(total, all(1e-5f)), more(one, total * 0.13f)));
        seen->held |= bits_of(held, lane);
        seen->tonal |= bits_of(both(live, tonal), lane);
        seen->key |= bits_of(both(live, key), lane);
        seen->data |= bits_of(both(live, data), lane);
        seen->wake |= bits_of(above(t - load_int(w->wake + lane), all_int(-1)), lane);
        watch_peak(s, w, lane);
        watch_speech(w, lane, t, total, one, two, live, seen);
        watch_music(w, lane, t, total, one, k1, live, seen);
        watch_line(w, lane, t, total, load(s->p[0] + lane), load(s->low + lane), live, seen);
    }
}
