/* SPDX-License-Identifier: GPL-2.0-only
 *
 * The lines that travel over the control socket: a verb, then words, then key=value pairs, ended by a newline.
 *
 *   dial 12 77 called=13800138000 calling=075526001234
 *   answered 12 77 t=81723645123 connected=13800138000
 *
 * Words hold no blanks; the only text with blanks is that of notice and error, which is the rest of its line. */
#ifndef PRID_WIRE_H
#define PRID_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WIRE_LINE  512       /* longest line, newline included; a longer one is refused whole */
#define WIRE_WORDS 24        /* words of a line */
#define WIRE_QUEUE (8 << 20) /* octets that may wait for a client that does not read; then it is dropped */

struct wire {
    int fd; /* -1 = nobody is there */
    char in[4 * WIRE_LINE];
    size_t in_used;
    bool skipping; /* inside a line that is too long */
    char *out;
    size_t out_used, out_sent, out_size;
    bool broken; /* to be closed */
};

/* One line, taken apart in place. */
struct wire_line {
    int words;
    char *word[WIRE_WORDS];
};

void wire_init(struct wire *w, int fd);
void wire_free(struct wire *w); /* closes the socket */

/* Read what is there. false: the client has gone. */
bool wire_fill(struct wire *w);
/* Next whole line, or false. *too_long: what was skipped instead; line->words is 0 then. The words live until the next call. */
bool wire_next(struct wire *w, struct wire_line *line, bool *too_long);
/* Value of key, or NULL. */
const char *wire_get(const struct wire_line *line, const char *key);
/* A number from lo to hi in *out; false when it is none. */
bool wire_number(const char *text, int64_t lo, int64_t hi, int64_t *out);
/* The same by key; absent leaves *out as it is and is true. */
bool wire_get_number(const struct wire_line *line, const char *key, int64_t lo, int64_t hi, int64_t *out);

/* Queue one line; the newline is added. A client that does not read is marked broken. */
void wire_say(struct wire *w, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Send what is queued, as far as the socket takes it. */
void wire_flush(struct wire *w);
bool wire_waiting(const struct wire *w); /* is anything left to send? */

#endif
