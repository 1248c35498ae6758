/* Special information tones (E.180; the US codings of SR-2275): three tones that rise, each 330 +-70 ms (US 274 or 380), no gap to speak of.
 *
 * The second tone settles it: nothing else in a network goes from 900-1000 Hz straight to 1300-1500 Hz. The first is often cut short
 * on the line, so any length will do there, and a pair of second and third tone is enough too. The US coding is named at the end of the
 * third tone, when the measured frequencies lie within 14 Hz of the coding's; where the pitch says one thing and the length another,
 * the pitch of both tones and the length of the second decide (the first may have been cut). */
#include "lane.h"

enum { GAP = 70 * OH_MS, SHORT_MS = 327, REPEAT = 2600 * OH_MS /* repeated after 1 s or 2 s it is the same tone */ };

static bool within(const struct oh_seg *s, int low, int high) {
    return s->dhz[1] == 0 && s->dhz[0] >= low * 10 && s->dhz[0] <= high * 10;
}

static int length_ms(const struct oh_seg *s) {
    return (int)(s->end - s->start) / OH_MS;
}

/* enum oh_sit of three tones, OH_SIT_NONE when they are the plain ITU form. */
static int coding(const struct oh_seg *one, const struct oh_seg *two) {
    int f1 = one->dhz[0], f2 = two->dhz[0];
    bool low1 = f1 > 9138 - 140 && f1<9138 + 140, high1 = f1> 9852 - 140 && f1 < 9852 + 140;
    bool low2 = f2 > 13706 - 140 && f2<13706 + 140, high2 = f2> 14285 - 140 && f2 < 14285 + 140;
    if (!(low1 || high1) || !(low2 || high2))
        return OH_SIT_NONE;
    bool long1 = length_ms(one) > SHORT_MS, long2 = length_ms(two) > SHORT_MS;
    if (low1 && low2)
        return long2 ? OH_SIT_NC2 : OH_SIT_IC;
    if (high1 && low2)
        return long2 ? OH_SIT_RO2 : OH_SIT_VC;
    if (low1)
        return long2 ? OH_SIT_RO : OH_SIT_IO;
    (void)long1;
    return long2 ? OH_SIT_NC : OH_SIT_FU;
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
            s->step = 2;
        } else {
            if (s->step == 2 && s->said && within(seg, 1550, 1920) && length_ms(seg) >= 200) {
                int detail = s->first.flags & OH_SEG_CUT ? OH_SIT_NONE : coding(&s->first, &s->second);
                if (detail != OH_SIT_NONE)
                    say(call, OH_TONE_SIT_US, detail, seg);
                s->end = seg->end;
            }
            s->step = 0;
        }
    }
    if (!s->said && s->step && k->on && k->hops >= 4 && k->seg.purity >= 50) {
        const struct oh_seg *seg = &k->seg;
        bool rises =
            s->step == 1 ? within(seg, 1290, 1520) && length_ms(&s->first) >= 120 && length_ms(&s->first) <= longest : within(seg, 1550, 1920);
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
