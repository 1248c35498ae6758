/* SPDX-License-Identifier: GPL-2.0-only
 *
 * What the client orders. */
#include "call.h"

#include <string.h>

static void refuse_dial(struct span *s, int channel, uint32_t serial, int cause) {
    wire_say(s->wire, "cleared %d %u t=%lld cause=%d location=%d who=driver", channel, serial, (long long)now_us(), cause, PRIVATE_LOCAL);
}

static void dial(struct span *s, int index, uint32_t serial, const struct wire_line *line) {
    int channel = s->number * CHANNELS + index;
    const char *called = wire_get(line, "called"), *calling = wire_get(line, "calling");
    int64_t called_plan = PRI_NATIONAL_ISDN, calling_plan = PRI_NATIONAL_ISDN, presentation = 0, overlap = 0;
    bool numbers = wire_get_number(line, "called_plan", 0, 127, &called_plan) &&
                   wire_get_number(line, "calling_plan", 0, 127, &calling_plan) &&
                   wire_get_number(line, "presentation", 0, 127, &presentation) && wire_get_number(line, "overlap", 0, DIGITS, &overlap);
    if (calling == NULL)
        calling = "";
    if (called == NULL || (called[0] == '\0' && overlap == 0) || !is_number(called) || !is_number(calling) || !numbers) {
        refuse_dial(s, channel, serial, BAD_NUMBER);
        return;
    }
    if (s->alarms & DOWN_ALARMS || !s->in_service) {
        refuse_dial(s, channel, serial, OUT_OF_ORDER);
        return;
    }
    q931_call *pri = s->blocked[index] || s->call[index].pri != NULL ? NULL : pri_new_call(s->pri);
    struct pri_sr *sr = pri == NULL ? NULL : pri_sr_new();
    if (sr == NULL) {
        if (pri != NULL)
            pri_destroycall(s->pri, pri);
        refuse_dial(s, channel, serial, UNAVAILABLE);
        return;
    }
    call_clear_stale(s, pri);
    struct call *c = &s->call[index];
    *c = (struct call){.pri = pri, .serial = serial, .channel = channel, .ours = true, .told = true, .reference = -1};
    char first[DIGITS + 1];
    copy_number(first, called);
    if (overlap > 0) {
        c->overlap = true;
        if ((size_t)overlap < strlen(first)) {
            copy_number(c->digits, first + overlap);
            first[overlap] = '\0';
        }
    }
    pri_sr_set_channel(sr, timeslot_of(index), 1, 0);
    pri_sr_set_bearer(sr, s->options->speech ? PRI_TRANS_CAP_SPEECH : PRI_TRANS_CAP_3_1K_AUDIO, PRI_LAYER_1_ALAW);
    pri_sr_set_called(sr, first, (int)called_plan, overlap == 0);
    if (calling[0] != '\0') {
        char number[DIGITS + 1];
        copy_number(number, calling);
        pri_sr_set_caller(sr, number, NULL, (int)calling_plan, (int)presentation);
    }
    int failed = pri_setup(s->pri, pri, sr);
    pri_sr_free(sr);
    if (failed)
        call_destroy(s, c, BAD_NUMBER, PRIVATE_LOCAL, "driver");
}

static void digits(struct span *s, struct call *c, const char *more) {
    if (more == NULL || !is_number(more) || strlen(c->digits) + strlen(more) > DIGITS)
        wire_say(s->wire, "error digits %d: 1 to %d of 0-9 * # A-D", c->channel, DIGITS);
    else if (!c->ours || !c->overlap || (c->responded && !c->acked))
        wire_say(s->wire, "error digits %d: the called number of this call is complete", c->channel);
    else {
        strcat(c->digits, more);
        if (c->acked)
            call_send_digits(s, c);
    }
}

static void answer(struct span *s, struct call *c, int timeslot, const char *connected) {
    if (connected != NULL && connected[0] != '\0' && is_number(connected)) {
        struct pri_party_connected_line line;
        memset(&line, 0, sizeof line);
        line.id.number.valid = 1;
        line.id.number.plan = PRI_NATIONAL_ISDN;
        line.id.number.presentation = PRES_ALLOWED_USER_NUMBER_PASSED_SCREEN;
        copy_number(line.id.number.str, connected);
        pri_connected_line_update(s->pri, c->pri, &line);
    }
    c->answered = true;
    pri_answer(s->pri, c->pri, timeslot, 0);
}

/* Orders of the side that was called. */
static bool callee_order(struct span *s, struct call *c, const struct wire_line *line) {
    const char *verb = line->word[0];
    int timeslot = timeslot_of(c->channel % CHANNELS);
    int64_t in_band = 0, cause = -1;
    if (!wire_get_number(line, "inband", 0, 1, &in_band) || !wire_get_number(line, "cause", 1, 127, &cause))
        return false;
    if (strcmp(verb, "proceeding") == 0)
        pri_proceeding(s->pri, c->pri, timeslot, (int)in_band);
    else if (strcmp(verb, "progress") == 0 && cause < 0)
        pri_progress(s->pri, c->pri, timeslot, (int)in_band);
    else if (strcmp(verb, "progress") == 0)
        pri_progress_with_cause(s->pri, c->pri, timeslot, (int)in_band, (int)cause);
    else if (strcmp(verb, "alerting") == 0)
        pri_acknowledge(s->pri, c->pri, timeslot, (int)in_band);
    else if (strcmp(verb, "answer") == 0)
        answer(s, c, timeslot, wire_get(line, "connected"));
    else
        return false;
    c->responded = c->responded || strcmp(verb, "progress") != 0; /* PROGRESS leaves the call where it was */
    return true;
}

void span_command(struct span *s, int index, const struct wire_line *line) {
    const char *verb = line->word[0];
    if (strcmp(verb, "block") == 0 || strcmp(verb, "unblock") == 0) {
        s->blocked[index] = verb[0] == 'b';
        return;
    }
    int64_t serial = 0, cause = NORMAL;
    bool has_serial = line->words > 2 && wire_number(line->word[2], 0, UINT32_MAX, &serial);
    struct call *c = &s->call[index];
    if (!has_serial) {
        wire_say(s->wire, "error %.40s %d: a serial must follow the channel", verb, s->number * CHANNELS + index);
    } else if (strcmp(verb, "dial") == 0) {
        dial(s, index, (uint32_t)serial, line);
    } else if (c->pri == NULL || c->serial != (uint32_t)serial || !c->told) {
        return; /* it has ended meanwhile: that is ordinary */
    } else if (strcmp(verb, "hangup") == 0) {
        if (!wire_get_number(line, "cause", 1, 127, &cause)) {
            wire_say(s->wire, "error hangup %d: cause is 1 to 127; 31 is taken", c->channel);
            cause = UNSPECIFIED;
        }
        call_hang_up(s, c, (int)cause);
    } else if (c->hanging) {
        return;
    } else if (strcmp(verb, "digits") == 0) {
        digits(s, c, line->words > 3 ? line->word[3] : NULL);
    } else if (c->ours || !callee_order(s, c, line)) {
        wire_say(s->wire, "error %.40s %d: no such order for this call", verb, c->channel);
    }
}
