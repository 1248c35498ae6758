/* SPDX-License-Identifier: GPL-2.0-only */
#include "frame.h"

#define Q931             0x08 /* protocol discriminator */
#define IE_CAUSE         0x08
#define IE_CHANNEL       0x18
#define IE_PROGRESS      0x1e
#define RELEASE_COMPLETE 0x5a
#define ADDRESS_OCTETS   2
#define I_FRAME_HEAD     4 /* address and control */

static const struct {
    int type;
    const char *name;
} names[] = {
    /* Q.931 table 4-2 */
    {0x01, "ALERTING"},
    {0x02, "CALL_PROCEEDING"},
    {0x03, "PROGRESS"},
    {0x05, "SETUP"},
    {0x07, "CONNECT"},
    {0x0d, "SETUP_ACK"},
    {0x0f, "CONNECT_ACK"},
    {0x20, "USER_INFORMATION"},
    {0x21, "SUSPEND_REJECT"},
    {0x22, "RESUME_REJECT"},
    {0x24, "HOLD"},
    {0x25, "SUSPEND"},
    {0x26, "RESUME"},
    {0x28, "HOLD_ACK"},
    {0x2d, "SUSPEND_ACK"},
    {0x2e, "RESUME_ACK"},
    {0x30, "HOLD_REJECT"},
    {0x31, "RETRIEVE"},
    {0x33, "RETRIEVE_ACK"},
    {0x37, "RETRIEVE_REJECT"},
    {0x45, "DISCONNECT"},
    {0x46, "RESTART"},
    {0x4d, "RELEASE"},
    {0x4e, "RESTART_ACK"},
    {0x5a, "RELEASE_COMPLETE"},
    {0x60, "SEGMENT"},
    {0x62, "FACILITY"},
    {0x64, "REGISTER"},
    {0x6e, "NOTIFY"},
    {0x75, "STATUS_ENQUIRY"},
    {0x79, "CONGESTION_CONTROL"},
    {0x7b, "INFORMATION"},
    {0x7d, "STATUS"},
};

const char *frame_name(int type) {
    for (size_t n = 0; n < sizeof names / sizeof *names; n++)
        if (names[n].type == type)
            return names[n].name;
    return "?";
}

enum frame_link frame_link(const uint8_t *octets, size_t count) {
    if (count < 3)
        return FRAME_OTHER;
    switch (octets[2] & 0xef) { /* without the P/F bit */
    case 0x6f:
        return FRAME_SABME;
    case 0x63:
        return FRAME_UA;
    case 0x43:
        return FRAME_DISC;
    case 0x0f:
        return FRAME_DM;
    default:
        return FRAME_OTHER;
    }
}

static void element(struct frame *f, int id, const uint8_t *ie, size_t length) {
    if (id == IE_CAUSE && length >= 2) {
        size_t at = (ie[0] & 0x80) ? 1 : 2; /* octet 3a (recommendation) may stand between */
        if (at < length) {
            f->location = ie[0] & 0x0f;
            f->cause = ie[at] & 0x7f;
        }
    } else if (id == IE_CHANNEL && length >= 3 && f->timeslot < 0) {
        size_t at = (ie[0] & 0x40) ? 3 : 2; /* an interface identifier stands before the number */
        if (at < length)
            f->timeslot = ie[at] & 0x7f;
    } else if (id == IE_PROGRESS && length >= 2 && f->progress < 0) {
        f->progress = ie[1] & 0x7f;
    }
}

bool frame_look(const uint8_t *octets, size_t count, struct frame *out) {
    /* An I-frame has bit 1 of its control field clear; everything else carries no call control on a point-to-point link. */
    if (count < I_FRAME_HEAD + 4 || (octets[ADDRESS_OCTETS] & 1) || octets[I_FRAME_HEAD] != Q931)
        return false;
    const uint8_t *at = octets + I_FRAME_HEAD + 1, *end = octets + count;
    size_t reference_octets = *at++ & 0x0f;
    if (reference_octets > 2 || (size_t)(end - at) < reference_octets + 1)
        return false;
    *out = (struct frame){.cause = -1, .timeslot = -1, .progress = -1};
    for (size_t n = 0; n < reference_octets; n++)
        out->reference = (out->reference << 8) | (n == 0 ? *at++ & 0x7f : *at++);
    out->from_callee = reference_octets > 0 && (at[-(ptrdiff_t)reference_octets] & 0x80);
    out->type = *at++;
    while (at < end) {
        if (*at & 0x80) { /* single octet element */
            at++;
            continue;
        }
        if (end - at < 2 || (size_t)(end - at - 2) < at[1])
            break; /* cut short: what came before it counts */
        element(out, at[0], at + 2, at[1]);
        at += 2 + at[1];
    }
    return true;
}
