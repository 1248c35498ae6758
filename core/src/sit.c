/* Special information tones (E.180; the US codings of SR-2275): three tones that rise, each 330 +-70 ms (US 274 or 380), no gap to speak of.
 *
 * The second tone settles it: nothing else in a network goes from 900-1000 Hz straight to 1300-1500 Hz. The first is often cut short
 * on the line, so any length will do there, and a pair of second and third tone is enough too. The US coding is named at the end of the
 * third tone: the nearest of the eight in pitch (within 20 Hz, by the scale of the third tone) and length. */
#include "lane.h"

enum { GAP = 70 * OH_MS, REPEAT = 2600 * OH_MS /* repeated after 1 s or 2 s it is the same tone */ };

static bool within(const struct oh_seg *s, int low, int high) {
    return s->dhz[1] == 0 && s->dhz[0] >= low * 10 && s->dhz[0] <= high * 10;
}

static int length_ms(const struct oh_seg *s) {
    return (int)(s->end - s->start) / OH_MS;
}

/* enum oh_sit of three tones, OH_SIT_NONE when they are the plain ITU form. The third tone is the same in all codings and thereby tells
 * how far the line shifts all frequencies. */
static int coding(const struct oh_seg *one, const struct oh_seg *two, const struct oh_seg *three) {
    static const struct {
        uint8_t code, high1, high2, long1, long2;
    } codes[] = {
        {OH_SIT_IC, 0, 0, 0, 0},  {OH_SIT_VC, 1, 0, 1, 0},  {OH_SIT_RO, 0, 1, 0, 1}, {OH_SIT_NC, 1, 1, 1, 1},
        {OH_SIT_RO2, 1, 0, 0, 1}, {OH_SIT_NC2, 0, 0, 1, 1}, {OH_SIT_IO, 0, 1, 1, 0}, {OH_SIT_FU, 1, 1, 0, 0},
    };
    float scale = 17767.0f / three->dhz[0];
    scale = scale > 0.975f && scale < 1.025f ? scale : 1;
    float f1 = one->dhz[0] * scale * 0.1f, f2 = two->dhz[0] * scale * 0.1f;
    float l1 = (float)length_ms(one), l2 = (float)length_ms(two);
    float best = 1e9f;
    int code = OH_SIT_NONE;
    for (int i = 0; i < 8; i++) {
        float d1 = oh_absf(f1 - (codes[i].high1 ? 985.2f : 913.8f)), d2 = oh_absf(f2 - (codes[i].high2 ? 1428.5f : 1370.6f));
        float t1 = oh_absf(l1 - (codes[i].long1 ? 380 : 274)), t2 = oh_absf(l2 - (codes[i].long2 ? 380 : 274));
        if (d1 > 19 || d2 > 22)
            continue;
        float cost = d1 * d1 / 100 + d2 * d2 / 100 + t1 * t1 / 1600 + t2 * t2 / 900;
        if (cost < best) {
            best = cost;
            code = codes[i].code;
        }
    }
    return code;
}

/* Second and third tone without a first: a whistle that climbs through both bands glides, they do not, and the marks and spaces of a text
 * telephone, which have their pitches, are shorter. */
static bool lone_pair(const struct oh_seg *second, const struct oh_seg *third) {
    return length_ms(third) > 240 && second->drift + third->drift <= 45;
}

static void say(const struct oh_ear_call *call, int tone, int detail, const struct oh_seg *seg) {
    struct oh_sit_state *s = &call->lane->sit;
    oh_event e = oh_ear_event(OH_EVENT_TONE, tone, seg);
    e.freq_dhz[0] = s->first.dhz[0];
    e.freq_dhz[1] = seg->dhz[0];
    e.cadence_ms[0] = (uint16_t)length_ms(&s->first);
    e.cadence_ms[2] = (uint16_t)length_ms(seg);
    e.detail = (uint8_t)detail;
    e.row = oh_plan_row(call->lane->plan, OH_TONE_SIT);
    e.confidence = 97;
    e.margin_cdb = 1000;
    oh_ear_raise(call, &e, s->first.start);
}

void oh_sit_hop(const struct oh_ear_call *call) {
    struct oh_sit_state *s = &call->lane->sit;
    const struct oh_track *k = &call->lane->track;
    uint32_t t = call->hop->t;
    const int longest = 1150; /* ms; 460 by the standards, but Malaysia plays 1 s each */
    if (call->track & OH_TRACK_END) {
        const struct oh_seg *seg = call->ended;
        if (within(seg, 860, 1045) && length_ms(seg) >= 60) {
            s->first = *seg;
            s->step = 1;
        } else if (within(seg, 1290, 1520) && length_ms(seg) >= 200 && length_ms(seg) <= longest) {
            if (!(s->step >= 1 && (int32_t)(seg->start - s->first.end) < GAP)) {
                s->first = *seg; /* the first tone was lost altogether */
                s->first.flags |= OH_SEG_CUT;
            }
            s->second = *seg;
            s->step = s->end && (int32_t)(seg->start - s->end) < GAP ? 0 : 2; /* 0: it falls from the third's pitch, as in Bulgaria */
        } else {
            if (s->step == 2 && s->said && within(seg, 1550, 1920) && length_ms(seg) >= 200) {
                int detail = s->first.flags & OH_SEG_CUT ? OH_SIT_NONE : coding(&s->first, &s->second, seg);
                if (detail != OH_SIT_NONE)
                    say(call, OH_TONE_SIT_US, detail, seg);
            }
            if (within(seg, 1550, 1920) && length_ms(seg) >= 60)
                s->end = seg->end;
            s->step = 0;
        }
    }
    if (!s->said && s->step && k->on && k->hops >= 4 && k->seg.purity >= 50) {
        const struct oh_seg *seg = &k->seg;
        bool rises = s->step == 1 ? within(seg, 1290, 1520) && length_ms(&s->first) >= 120 && length_ms(&s->first) <= longest
                                  : within(seg, 1550, 1920) && (!(s->first.flags & OH_SEG_CUT) || lone_pair(&s->second, seg));
        const struct oh_seg *before = s->step == 1 ? &s->first : &s->second;
        if (rises && (int32_t)(seg->start - before->end) < GAP && before->purity >= 50) {
            s->said = true;
            say(call, OH_TONE_SIT, 0, seg);
        }
    }
    if (s->said && !k->on && (int32_t)(t - k->last_end) > REPEAT && !call->hop->held) {
        oh_event e = oh_ear_event(OH_EVENT_TONE_END, OH_TONE_SIT, &s->second);
        e.at_sample = call->lane->now - (uint32_t)((uint32_t)call->lane->now - k->last_end);
        e.value = (k->last_end - s->first.start) / OH_MS;
        oh_ear_raise(call, &e, s->first.start);
        s->said = false;
        s->step = 0;
    }
}
