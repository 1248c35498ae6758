/* Supervisory tones by frequency and cadence (ITU-T E.180), against the rows of the channel's plan.
 *
 * The tracker's tones and the gaps between them are a list. A row explains the list's newest part as far back as lengths and frequencies
 * agree with its own pattern in some phase. The rows that explain most are alive; a verdict is given as soon as those alive agree on the
 * tone's name and enough was heard:
 *   continuous    1 s of it, and longer than any burst of another row alive
 *   long gaps     the burst, and 0.45 of its gap (at most 2 s), so that no shorter gap can be meant
 *   the others    a burst, its gap and the start of the next burst, 550 ms in all
 * Rows that callers do not hear before answer (call waiting, intrusion, payphone ...) never hold up the five call results.
 *
 * Why not pitch alone: in China busy (350/350 ms) and congestion (700/700 ms) are both 450 Hz. Why not cadence alone: any regular sound
 * would be busy. Lengths are taken within 10 % and 14 ms, frequencies within 1.8 % and 27 Hz; between rows the nearest wins. */
#include "cadence.h"

#define CONTINUOUS (1000 * OH_MS)
#define BEEPS      (1300 * OH_MS) /* CONTINUOUS after a voice */
#define EVIDENCE   (550 * OH_MS)
#define LONG_BURST 5000             /* ms; what lasts longer is a steady tone */
#define LONG_GAP   1500             /* ms */
#define LONE_BURST 0.7f             /* at most so far off may a burst be that alone makes ringback */
#define GIVE_UP    (22000u * OH_MS) /* a gap longer than any cadence's */
#define OTHER      (1500u * OH_MS)  /* so long at least other sounds may take the place of a tone's bursts, as a bad line makes them */

static int priority(int tone) {
    static const uint8_t order[] = {OH_TONE_BUSY,         OH_TONE_DIAL,         OH_TONE_RINGBACK,    OH_TONE_CONGESTION,
                                    OH_TONE_UNOBTAINABLE, OH_TONE_DIAL_SPECIAL, OH_TONE_DIAL_RECALL, OH_TONE_DIAL_SECOND};
    for (int i = 0; i < (int)sizeof order; i++)
        if (order[i] == tone)
            return i;
    return (int)sizeof order + tone;
}

/* A burst of this pitch that lasts that long is none of the plan's bursts, even on a bad line. */
static uint32_t bursts_end(const oh_tone_plan *plan, const struct oh_seg *tone) {
    uint32_t most = 0;
    for (int i = 0; i < plan->count; i++)
        for (int p = 0; p < plan->tones[i].once + plan->tones[i].loop; p++) {
            const oh_segment *s = &plan->tones[i].segments[p];
            if (!oh_is_gap(s) && s->duration_ms > most && s->duration_ms <= LONG_BURST && oh_pitch_off(tone, s) <= 1)
                most = s->duration_ms;
        }
    return most * OH_MS * 9 / 8 + (most ? 40 * OH_MS : 0);
}

/* End of the newest complete tone of the list that is not much fainter than this; 0 when there is none. */
static uint32_t last_tone(const struct oh_cadence *c, int level_cdbm0) {
    uint32_t end = 0;
    for (int i = 0; i < c->count; i++)
        if (c->segs[i].flags & OH_SEG_TONE && c->segs[i].level_cdbm0 > level_cdbm0 - 1000)
            end = c->segs[i].end;
    return end;
}

/* Enough was heard to say this row. */
static bool enough(const struct oh_lane *lane, const oh_tone_spec *row, const struct oh_fit *fit, const struct oh_seg *last) {
    const struct oh_cadence *c = &lane->cadence;
    const oh_segment *want = &row->segments[fit->position];
    uint32_t lasts = last->end - last->start;
    bool tone = last->flags & OH_SEG_TONE;
    if (tone && (want->duration_ms == 0 || want->duration_ms > LONG_BURST)) {
        /* notes of a melody: other sound next to it, or impure and beside the pitch */
        uint32_t before = last_tone(c, last->level_cdbm0);
        if (fit->whole == 0 && before && !c->split && lasts < 2500u * OH_MS && last->start - before < 300 * OH_MS)
            return false;
        if (last->purity < 90 && fit->off > 0.5f)
            return false;
        return (lasts >= (oh_after_voice(lane) ? BEEPS : CONTINUOUS) && lasts >= bursts_end(lane->plan, last)) ||
               (fit->whole >= 5 && lasts >= 300 * OH_MS);
    }
    if (!tone && want->duration_ms >= LONG_GAP && row->tone == OH_TONE_RINGBACK) {
        uint32_t need = (uint32_t)want->duration_ms * OH_MS * 45 / 100;
        const struct oh_seg *before = &c->segs[c->count - 1];
        bool lone = fit->whole >= 1 && fit->off < LONE_BURST && !(before->flags & OH_SEG_CUT) && !oh_after_voice(lane);
        bool known = fit->whole >= 3 || lone;
        return known && lasts >= (need < 2000 * OH_MS ? need : 2000u * OH_MS);
    }
    if (tone && fit->first < 0 && fit->whole >= 1 && row->tone == OH_TONE_RINGBACK &&
        oh_row_longest(row, true) >= (uint32_t)LONG_GAP * OH_MS) {
        uint32_t cut = c->segs[0].end - c->segs[0].start, least = want->duration_ms < 400 ? want->duration_ms * 3u / 4 : 300u;
        return fit->matched >= 3 && lasts >= least * OH_MS && lasts > cut + cut / 8 + 30 * OH_MS; /* longer than what was cut */
    }
    int wanted = (oh_is_main(row->tone) || (fit->span > 3000u * OH_MS && want->duration_ms >= 200)) && !oh_row_has_brief_gap(row) ? 2 : 4;
    if (!oh_is_main(row->tone) && fit->whole < 4 && (lasts < 60 * OH_MS || last->purity < 70 || !oh_seg_steady(last)))
        return false; /* a voice after a pause */
    return tone && fit->whole >= wanted && fit->span >= EVIDENCE && lasts >= 14 * OH_MS;
}

static void drop_oldest(struct oh_cadence *c, int n) {
    memmove(c->segs, c->segs + n, sizeof c->segs[0] * (size_t)(c->count - n));
    c->count = (uint8_t)(c->count - n);
}

static void push(struct oh_cadence *c, const struct oh_seg *seg) {
    if (c->count == OH_CADENCE_SEGS)
        drop_oldest(c, 2);
    c->segs[c->count++] = *seg;
}

/* Loudest tone of the list, cdbm0. */
static int reference(const struct oh_cadence *c) {
    int level = -12000;
    for (int i = 0; i < c->count; i++)
        if (c->segs[i].flags & OH_SEG_TONE && c->segs[i].level_cdbm0 > level)
            level = c->segs[i].level_cdbm0;
    return level;
}

/* Is this a tone of the cadence, or a faint sound in its gaps (an echo, a line's own hum and music)? */
static bool counts(const struct oh_cadence *c, const struct oh_seg *seg) {
    int below = reference(c) - seg->level_cdbm0;
    if (below > 1300)
        return false;
    return below < 500 || seg->purity >= 85;
}

static void close_gap(struct oh_cadence *c, const struct oh_seg *next) {
    if (c->count == 0)
        return;
    struct oh_seg gap = {.start = c->segs[c->count - 1].end, .end = next->start, .flags = (uint8_t)(next->flags & OH_SEG_FUZZY)};
    if ((int32_t)(gap.end - gap.start) > (c->split ? 4 : 20) * OH_MS)
        push(c, &gap);
}

/* No syllable, and about one of the row's bursts, as a bad line lets it seem. */
static bool resembles(const struct oh_seg *seg, const oh_tone_spec *row) {
    for (int p = 0; seg->hops >= 5 && p < row->once + row->loop; p++)
        if (!oh_is_gap(&row->segments[p]) && oh_pitch_off(seg, &row->segments[p]) <= 2)
            return true;
    return false;
}

/* A tone has ended: into the list with it, and with the gap before it. */
static void take(struct oh_cadence *c, const oh_tone_plan *plan, const struct oh_seg *ended) {
    struct oh_seg seg = *ended;
    if (!counts(c, &seg))
        return;
    if (!c->reported || resembles(&seg, &plan->tones[c->row]))
        c->last_like = seg.end;
    if (c->count && seg.level_cdbm0 - reference(c) > 1300)
        c->count = 0; /* what was before were no tones beside this one */
    if (c->count == 0 && seg.start < 60 * OH_MS)
        seg.flags |= OH_SEG_CUT; /* it may have begun before we listened */
    close_gap(c, &seg);
    push(c, &seg);
    c->last_tone_end = seg.end;
    c->told = 0;
}

/* The last tone had not ended: out of the list with it, and with the gap before it, which comes again. */
static void put_back(struct oh_cadence *c) {
    c->count--;
    if (c->count && !(c->segs[c->count - 1].flags & OH_SEG_TONE))
        c->count--;
}

/* The tone that lasts had a short break. When that is a gap of the plan, what was before it is a burst of its own. */
static void mind_dip(struct oh_cadence *c, const oh_tone_plan *plan, const struct oh_track *k) {
    struct oh_seg burst = k->seg;
    burst.start = k->dip_before.end;
    burst.end = k->dip.start;
    if (!oh_plan_stutters(plan, &burst, burst.end - burst.start, k->dip.end - k->dip.start))
        return;
    if (burst.start != (c->split ? c->from : k->seg.start))
        c->count = 0; /* the burst before was cut, or something else */
    take(c, plan, &burst);
    c->split = true;
    c->from = k->dip.end;
}

static void measure(const struct oh_cadence *c, const struct oh_seg *last, oh_event *e) {
    const struct oh_seg *tone = last->flags & OH_SEG_TONE ? last : &c->segs[c->count - 1];
    e->level_cdbm0 = tone->level_cdbm0;
    e->freq_dhz[0] = tone->dhz[0];
    e->freq_dhz[1] = tone->dhz[1];
    int from = c->count > 4 ? c->count - 4 : 0;
    if (c->count && !(c->segs[from].flags & OH_SEG_TONE))
        from++;
    for (int i = 0; i < 4; i++) {
        uint32_t samples = 0;
        if (from + i < c->count)
            samples = c->segs[from + i].end - c->segs[from + i].start;
        else if (from + i == c->count)
            samples = last->end - last->start;
        e->cadence_ms[i] = (uint16_t)(samples / OH_MS < 65535 ? samples / OH_MS : 65535);
    }
}

static void say_end(const struct oh_ear_call *call) {
    struct oh_cadence *c = &call->lane->cadence;
    if (!c->reported)
        return;
    oh_event e = oh_ear_event(OH_EVENT_TONE_END, c->reported, NULL);
    e.row = c->row;
    e.level_cdbm0 = c->level;
    e.at_sample = call->lane->now - (uint32_t)((uint32_t)call->lane->now - c->last_tone_end);
    e.value = (c->last_tone_end - c->onset) / OH_MS;
    c->reported = 0;
    oh_ear_raise(call, &e, c->onset);
}

static void hint_ringback(const struct oh_ear_call *call, const struct oh_seg *last) {
    struct oh_cadence *c = &call->lane->cadence;
    const oh_tone_plan *plan = call->lane->plan;
    if (c->hinted || c->reported || !(last->flags & OH_SEG_TONE) || last->end - last->start < 170 * OH_MS || last->purity < 60)
        return;
    c->hinted = 1;
    int rivals = 0, row = -1;
    struct oh_pitches known = {.count = 0};
    for (int i = 0; i < plan->count; i++)
        if (plan->tones[i].tone == OH_TONE_RINGBACK && oh_fit_row(c, &plan->tones[i], last, &known).matched == c->count + 1)
            row = i;
    if (row < 0)
        return;
    for (int i = 0; i < plan->count; i++) {
        const oh_tone_spec *spec = &plan->tones[i];
        if (oh_is_main(spec->tone) && spec->tone != OH_TONE_RINGBACK)
            rivals += oh_fit_row(c, spec, last, &known).matched == c->count + 1;
    }
    oh_event e = oh_ear_event(OH_EVENT_TONE, OH_TONE_RINGBACK, last);
    e.flags = OH_FLAG_PROVISIONAL;
    e.row = (uint8_t)row;
    e.confidence = (uint8_t)(90 / (1 + rivals));
    measure(c, last, &e);
    c->rings = true;
    oh_ear_raise(call, &e, last->start);
}

/* Row i explains the list better than row j, which explains as much of it. */
static bool better(const oh_tone_plan *plan, const struct oh_fit *fits, int i, int j) {
    const oh_tone_spec *a = &plan->tones[i], *b = &plan->tones[j];
    if (oh_same_pattern(a, b))
        return priority(a->tone) < priority(b->tone);
    bool start_a = fits[i].first == 0, start_b = fits[j].first == 0;
    if ((a->once || b->once) && start_a != start_b)
        return start_a; /* a burst more or less before the steady tone: what was heard is all there was */
    if (fits[i].whole > a->loop && a->loop == b->loop && a->loop > 2 && start_a != start_b)
        return start_a; /* one pattern is the other, turned round: the tone began where its row begins */
    return fits[i].off < fits[j].off;
}

/* Two rows explain as much; waiting would not part them, or the nearer one is near enough. */
static bool settled(const oh_tone_spec *row, const struct oh_fit *fit, const oh_tone_spec *rival, const struct oh_fit *other) {
    if (row->once + row->loop == 1 && rival->once + rival->loop == 1)
        return true; /* two steady tones */
    const oh_segment *w = &row->segments[fit->position], *v = &rival->segments[other->position];
    if (row->once && rival->once && !w->duration_ms && !v->duration_ms && fit->first == 0 && other->first > 0)
        return true;
    if (!w->duration_ms && !v->duration_ms)
        return true;
    if (other->off - fit->off > (fit->whole >= 2 ? 0.3f : 0.5f))
        return true;
    if (row->once || rival->once || row->loop != rival->loop)
        return fit->whole > 10;
    if (!w->duration_ms != !v->duration_ms)
        return false; /* one goes on for ever, the other does not: time will tell */
    if (row->loop <= 2)
        return other->off - fit->off > 0.25f || fit->whole >= 4;
    return fit->whole > row->loop;
}

/* Some row explains the burst and the gap before the tone that lasts. Looked up once for every tone. */
static bool goes_on(struct oh_cadence *c, const oh_tone_plan *plan, const struct oh_seg *last) {
    if (c->count < 2)
        return false;
    if (c->looked_count == c->count && c->looked_start == last->start)
        return c->goes_on;
    c->looked_count = c->count;
    c->looked_start = last->start;
    c->goes_on = false;
    for (int i = 0; i < plan->count && !c->goes_on; i++) {
        const oh_tone_spec *row = &plan->tones[i];
        for (int p = 0; p < row->once + row->loop && !c->goes_on; p++) {
            if (oh_is_gap(&row->segments[p]))
                continue;
            struct oh_fit fit = oh_fit_walk(c, row, c->count - 1, p, (struct oh_fit){.matched = 1});
            c->goes_on = fit.whole >= 2 || (fit.whole == 1 && fit.first < 0); /* a burst and a gap, or a cut burst and a gap */
        }
    }
    return c->goes_on;
}

/* Cheap part of enough(): false when it can hold for no row. */
static bool may_be_enough(struct oh_lane *lane, const struct oh_seg *last) {
    struct oh_cadence *c = &lane->cadence;
    const oh_tone_plan *plan = lane->plan;
    uint32_t lasts = last->end - last->start;
    if (last->flags & OH_SEG_TONE)
        return lasts >= CONTINUOUS || (lasts >= 14 * OH_MS && goes_on(c, plan, last));
    if (lasts < (uint32_t)LONG_GAP * OH_MS * 45 / 100)
        return false;
    for (int i = 0; i < plan->count; i++) { /* gaps end with ringing alone */
        if (plan->tones[i].tone != OH_TONE_RINGBACK)
            continue;
        struct oh_fit fit = oh_fit_row(c, &plan->tones[i], last, NULL);
        if (fit.matched && enough(lane, &plan->tones[i], &fit, last))
            return true;
    }
    return false;
}

/* Look at the list; last is the stretch that lasts. */
static void judge(const struct oh_ear_call *call, const struct oh_seg *last) {
    struct oh_cadence *c = &call->lane->cadence;
    const oh_tone_plan *plan = call->lane->plan;
    struct oh_fit fits[OH_PLAN_ROWS];
    int rows = plan->count; /* oh_plan_check(): at most OH_PLAN_ROWS */
    int most = 0;
    if (!may_be_enough(call->lane, last))
        return;
    struct oh_pitches known = {.count = 0};
    for (int i = 0; i < rows; i++) {
        const oh_tone_spec *row = &plan->tones[i];
        fits[i].matched = 0;
        if (row->tone == OH_TONE_SIT || (row->once + row->loop) == 0)
            continue;
        fits[i] = oh_fit_row(c, row, last, &known);
        /* a lone burst before a steady tone is rather noise than the rest of a stutter */
        if (row->once && c->count <= 3 && fits[i].first > 0 && fits[i].whole <= 2 && !row->segments[fits[i].position].duration_ms)
            fits[i].matched = 1;
        most = fits[i].matched > most ? fits[i].matched : most;
    }
    if (most == 0)
        return;
    if (c->reported && fits[c->row].matched >= most - 1 && plan->tones[c->row].tone == c->reported)
        return; /* still what it was */
    bool any = false;
    for (int i = 0; i < rows && !any; i++)
        any = fits[i].matched == most && enough(call->lane, &plan->tones[i], &fits[i], last);
    if (!any)
        return;
    int best = -1;
    for (int i = 0; i < rows; i++)
        if (fits[i].matched == most && (best < 0 || better(plan, fits, i, best)))
            best = i;
    const oh_tone_spec *row = &plan->tones[best];
    if (!enough(call->lane, row, &fits[best], last))
        return;
    bool steady = last->flags & OH_SEG_TONE && row->segments[fits[best].position].duration_ms == 0;
    if (steady && fits[best].whole == 0 && (oh_hop_overtone(call->hop, last->dhz[0]) || oh_hop_overtone(call->hop, last->dhz[1])))
        return; /* a held note; look again later */
    if (!(last->flags & OH_SEG_TONE) && fits[best].matched <= c->told)
        return; /* the bursts of a tone that has ended are no other tone */
    int second = -1;
    for (int i = 0; i < rows; i++) {
        const oh_tone_spec *rival = &plan->tones[i];
        if (fits[i].matched != most || rival->tone == row->tone || oh_same_pattern(row, rival))
            continue;
        if (!settled(row, &fits[best], rival, &fits[i]))
            return;
        if (second < 0 || fits[i].off < fits[second].off)
            second = i;
    }
    if (c->reported == row->tone) {
        c->row = (uint8_t)best;
        return;
    }
    if (c->reported) {
        if (fits[best].whole < 3 && row->segments[fits[best].position].duration_ms != 0)
            return; /* a change of mind needs full and fresh evidence */
        say_end(call);
    }
    int first = c->count + 1 - fits[best].matched;
    oh_event e = oh_ear_event(OH_EVENT_TONE, row->tone, last);
    e.row = (uint8_t)best;
    measure(c, last, &e);
    float margin = second >= 0 ? fits[second].off - fits[best].off : 2 - fits[best].off;
    e.margin_cdb = (int16_t)(margin * 1000);
    e.confidence = (uint8_t)(99 - oh_minf(fits[best].off, 1) * 40);
    c->reported = row->tone;
    c->rings = row->tone == OH_TONE_RINGBACK;
    c->last_like = call->hop->t;
    c->row = (uint8_t)best;
    c->level = e.level_cdbm0;
    c->onset = first < c->count ? c->segs[first < 0 ? 0 : first].start : last->start;
    oh_ear_raise(call, &e, c->onset);
}

static void wake(struct oh_cadence *c, uint32_t t) {
    c->due = t;
    c->timed = true;
}

/* The end of what was reported: a gap, or a burst, longer than any of the row's. */
static void check_end(const struct oh_ear_call *call, const struct oh_seg *last) {
    struct oh_cadence *c = &call->lane->cadence;
    const oh_tone_spec *row = &call->lane->plan->tones[c->row];
    bool gap = !(last->flags & OH_SEG_TONE);
    uint32_t most = oh_row_longest(row, gap);
    uint32_t lasts = last->end - last->start;
    if (lasts > most + most / 5 + (gap ? 250u : 400u) * OH_MS) {
        c->last_tone_end = gap ? last->start : last->end;
        c->told = 0;
        for (int p = 0; p < row->once + row->loop && gap; p++)
            if (oh_is_gap(&row->segments[p])) {
                int matched = oh_fit_walk(c, row, c->count - 1, p, (struct oh_fit){.matched = 1}).matched;
                c->told = (uint8_t)(matched > c->told ? matched : c->told);
            }
        say_end(call);
    }
}

/* The end of what was reported where other sounds have taken its place: somebody speaks. */
static void check_replaced(const struct oh_ear_call *call) {
    struct oh_cadence *c = &call->lane->cadence;
    const struct oh_track *k = &call->lane->track;
    const oh_tone_spec *row = &call->lane->plan->tones[c->row];
    uint32_t most = oh_row_longest(row, true), limit = most + most / 5 + 250 * OH_MS;
    if ((k->on && resembles(&k->seg, row)) || call->hop->t - c->last_like <= (limit > OTHER ? limit : OTHER))
        return;
    c->last_tone_end = c->last_like;
    c->told = 0;
    say_end(call);
}

void oh_cadence_answered(const struct oh_ear_call *call) {
    struct oh_cadence *c = &call->lane->cadence;
    if (!c->rings)
        return;
    say_end(call);
    c->count = 0;
    c->split = c->timed = c->rings = false;
    c->told = 0;
    c->cut = true;
}

/* The burst of ringing that the answer cut. */
static bool was_cut(const struct oh_ear_call *call) {
    const struct oh_lane *lane = call->lane;
    const struct oh_seg *seg = call->track & OH_TRACK_END ? call->ended : lane->track.on ? &lane->track.seg : NULL;
    return lane->cadence.cut && seg && (int32_t)(seg->start - lane->answered_at) < 0;
}

/* Could this gap, however long it grows, be one of ringing after the tone before it? */
static bool may_be_ringing(const struct oh_cadence *c, const oh_tone_plan *plan) {
    for (int i = 0; i < plan->count; i++) {
        const oh_tone_spec *row = &plan->tones[i];
        for (int p = 0; p < row->once + row->loop && row->tone == OH_TONE_RINGBACK; p++)
            if (oh_is_gap(&row->segments[p]) && oh_fit_walk(c, row, c->count - 1, p, (struct oh_fit){.matched = 1}).whole >= 1)
                return true;
    }
    return false;
}

/* Nothing is said in a gap but ringing, and that late: samples until the next look, on the grid of 100 ms. */
static uint32_t gap_look(const struct oh_cadence *c, const oh_tone_plan *plan, uint32_t lasts) {
    const uint32_t step = 100 * OH_MS, first = (uint32_t)LONG_GAP * OH_MS * 45 / 100, last = GIVE_UP + 1;
    uint32_t until = lasts < first ? first : may_be_ringing(c, plan) ? 0 : last;
    return until > lasts ? (until - lasts + step - 1) / step * step : step;
}

void oh_cadence_hop(const struct oh_ear_call *call) {
    struct oh_lane *lane = call->lane;
    struct oh_cadence *c = &lane->cadence;
    const struct oh_track *k = &lane->track;
    uint32_t t = call->hop->t;
    if (!lane->plan || (!c->count && !k->on && !call->track && !c->reported))
        return;
    if (was_cut(call))
        return;
    if (call->track & OH_TRACK_END) {
        struct oh_seg ended = *call->ended;
        ended.start = c->split ? c->from : ended.start;
        c->hinted = 0;
        take(c, lane->plan, &ended);
        wake(c, t);
    }
    if (call->track & OH_TRACK_START) {
        bool resumes = call->track & OH_TRACK_RESUME;
        c->split = c->split && resumes;
        if (c->count && resumes && c->segs[c->count - 1].start == (c->split ? c->from : k->seg.start)) {
            put_back(c);
            mind_dip(c, lane->plan, k);
        }
        wake(c, t);
    }
    if (call->track & OH_TRACK_DIP) {
        mind_dip(c, lane->plan, k);
        wake(c, t);
    }
    if (c->timed && (int32_t)(t - c->due) < 0)
        return;
    if (c->reported && !call->hop->held)
        check_replaced(call);
    struct oh_seg last = {0};
    bool tone = k->on && k->hops >= 1 && counts(c, &k->seg);
    int kept = c->count;
    if (tone) {
        last = k->seg;
        last.start = c->split ? c->from : last.start;
        last.end = k->miss ? k->off_edge : t - OH_WINDOW / 2; /* as far as the newest hop is sure of it */
        if ((int32_t)(last.end - last.start) < 0)
            last.end = last.start;
        if (c->count == 0 && last.start < 60 * OH_MS)
            last.flags |= OH_SEG_CUT;
        if (c->count && k->hops >= 4 && last.level_cdbm0 - reference(c) > 1300)
            kept = c->count = 0; /* as take() will find: what was before were no tones beside this one */
        close_gap(c, &last);
        uint32_t step = (k->hops < 5 ? 10u : k->hops < 21 ? 50u : 100u) * OH_MS, lasts = last.end - last.start;
        if (lasts < CONTINUOUS && lasts + step > CONTINUOUS)
            step = CONTINUOUS - lasts; /* a steady tone is told as soon as it may be */
        wake(c, t + step);
    } else if (c->count) {
        last.start = c->segs[c->count - 1].end;
        last.end = t - OH_WINDOW / 2;
        if ((int32_t)(last.end - last.start) < 0)
            last.end = last.start;
        wake(c, t + (k->on && k->hops < 5 ? 10u : 100u) * OH_MS);
    } else {
        wake(c, t + (k->on ? 20u : 1000u) * OH_MS);
        return;
    }
    if (call->hop->held) {
        c->count = (uint8_t)kept;
        return;
    }
    if (c->reported)
        check_end(call, &last);
    if (!c->reported || call->track & OH_TRACK_END || (k->on && k->hops == 4))
        judge(call, &last);
    hint_ringback(call, &last);
    if (c->count > kept)
        c->count--; /* the gap is closed for good only when the tone has ended */
    if (last.flags & OH_SEG_TONE)
        return;
    if (last.end - last.start > GIVE_UP) {
        c->count = 0;
        c->timed = false;
    } else if (!k->on && !c->reported) {
        wake(c, t + gap_look(c, lane->plan, last.end - last.start));
    }
}
