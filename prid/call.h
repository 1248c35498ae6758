/* SPDX-License-Identifier: GPL-2.0-only
 *
 * Calls of a span: how they are found and how they end, each with one `cleared`. For span.c and orders.c. */
#ifndef PRID_CALL_H
#define PRID_CALL_H

#include "span.h"

#define DOWN_ALARMS (8 | 16 | 32 | 64 | 128) /* red, blue, LOS, LFA, LMFA */

/* Q.850 causes and locations that the daemon gives by itself. */
enum { NORMAL = 16, UNSPECIFIED = 31, NO_CIRCUIT = 34, OUT_OF_ORDER = 38, TEMPORARY = 41, UNAVAILABLE = 44, NO_CHANNEL = 82 };
enum { UNACCEPTABLE = 6, BAD_NUMBER = 28, BAD_REFERENCE = 81, TIMER_EXPIRY = 102 };
enum { USER = 0, PRIVATE_LOCAL = 1, PRIVATE_REMOTE = 5 };

int timeslot_of(int index); /* 0 to 29 -> 1 to 15, 17 to 31 */
int index_of(int timeslot); /* and back; -1 = carries no call */
int valid_cause(int cause); /* 31 for what is none */
bool is_number(const char *text);
void copy_number(char *out, const char *number); /* as far as it is one; out has DIGITS + 1 */

struct call *call_find(struct span *s, const q931_call *pri);
/* It is over: tell it, once, and free its place. */
void call_clear(struct span *s, struct call *c, int cause, int location, const char *who);
/* The same, and libpri shall forget it. */
void call_destroy(struct span *s, struct call *c, int cause, int location, const char *who);
/* How it ends; only the first decision counts. */
void call_decide(struct call *c, int cause, int location, const char *who);
void call_hang_up(struct span *s, struct call *c, int cause);
void call_clear_all(struct span *s, int cause);
void call_clear_stale(struct span *s, const q931_call *fresh);
/* The digits that wait go out as INFORMATION. */
void call_send_digits(struct span *s, struct call *c);

#endif
