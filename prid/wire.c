/* SPDX-License-Identifier: GPL-2.0-only */
#include "wire.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

void wire_init(struct wire *w, int fd) {
    memset(w, 0, sizeof *w);
    w->fd = fd;
}

void wire_free(struct wire *w) {
    if (w->fd >= 0)
        close(w->fd);
    free(w->out);
    wire_init(w, -1);
}

bool wire_fill(struct wire *w) {
    size_t room = sizeof w->in - w->in_used;
    if (room == 0)
        return true; /* wire_next() makes room first */
    ssize_t got = recv(w->fd, w->in + w->in_used, room, MSG_DONTWAIT);
    if (got > 0)
        w->in_used += (size_t)got;
    return got > 0 || (got < 0 && (errno == EAGAIN || errno == EINTR));
}

static void split(char *text, struct wire_line *line) {
    line->words = 0;
    for (char *at = text; *at != '\0' && line->words < WIRE_WORDS;) {
        while (*at == ' ' || *at == '\t' || *at == '\r')
            *at++ = '\0';
        if (*at == '\0')
            break;
        line->word[line->words++] = at;
        at += strcspn(at, " \t\r");
    }
}

bool wire_next(struct wire *w, struct wire_line *line, bool *too_long) {
    static char text[WIRE_LINE]; /* one thread; what it holds lives until the next call */
    *too_long = false;
    line->words = 0;
    for (;;) {
        char *end = memchr(w->in, '\n', w->in_used);
        if (end == NULL) {
            if (w->in_used < WIRE_LINE && !w->skipping)
                return false;
            bool first = !w->skipping;
            w->skipping = true;
            w->in_used = 0;
            *too_long = first;
            return first;
        }
        size_t length = (size_t)(end - w->in);
        bool tail = w->skipping, fits = length < WIRE_LINE;
        if (fits && !tail) {
            memcpy(text, w->in, length);
            text[length] = '\0';
            if (strlen(text) < length)
                text[0] = '\1'; /* a NUL inside: no verb begins with that */
        }
        w->in_used -= length + 1;
        memmove(w->in, end + 1, w->in_used);
        w->skipping = false;
        if (tail)
            continue;
        *too_long = !fits;
        if (fits)
            split(text, line);
        if (fits && line->words == 0)
            continue; /* an empty line says nothing */
        return true;
    }
}

const char *wire_get(const struct wire_line *line, const char *key) {
    size_t length = strlen(key);
    for (int n = 1; n < line->words; n++)
        if (strncmp(line->word[n], key, length) == 0 && line->word[n][length] == '=')
            return line->word[n] + length + 1;
    return NULL;
}

bool wire_number(const char *text, int64_t lo, int64_t hi, int64_t *out) {
    if (text == NULL || *text == '\0')
        return false;
    char *end;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    if (errno || *end != '\0' || value < lo || value > hi)
        return false;
    *out = value;
    return true;
}

bool wire_get_number(const struct wire_line *line, const char *key, int64_t lo, int64_t hi, int64_t *out) {
    const char *text = wire_get(line, key);
    return text == NULL || wire_number(text, lo, hi, out);
}

void wire_say(struct wire *w, const char *format, ...) {
    if (w->fd < 0 || w->broken)
        return;
    if (w->out_size - w->out_used < 2 * WIRE_LINE) {
        if (w->out_sent > 0) {
            w->out_used -= w->out_sent;
            memmove(w->out, w->out + w->out_sent, w->out_used);
            w->out_sent = 0;
        }
        if (w->out_size - w->out_used < 2 * WIRE_LINE) {
            size_t size = w->out_size ? 2 * w->out_size : 65536;
            char *bigger = size > WIRE_QUEUE ? NULL : realloc(w->out, size);
            if (bigger == NULL) {
                w->broken = true;
                return;
            }
            w->out = bigger;
            w->out_size = size;
        }
    }
    va_list args;
    va_start(args, format);
    int length = vsnprintf(w->out + w->out_used, WIRE_LINE - 1, format, args);
    va_end(args);
    if (length < 0)
        return;
    size_t said = (size_t)length < WIRE_LINE - 1 ? (size_t)length : WIRE_LINE - 2;
    w->out[w->out_used + said] = '\n';
    w->out_used += said + 1;
}

void wire_flush(struct wire *w) {
    while (w->fd >= 0 && !w->broken && w->out_sent < w->out_used) {
        ssize_t sent = send(w->fd, w->out + w->out_sent, w->out_used - w->out_sent, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent < 0) {
            if (errno == EINTR)
                continue;
            if (errno != EAGAIN)
                w->broken = true;
            return;
        }
        w->out_sent += (size_t)sent;
    }
    if (w->out_sent == w->out_used)
        w->out_sent = w->out_used = 0;
}

bool wire_waiting(const struct wire *w) {
    return w->fd >= 0 && w->out_sent < w->out_used;
}
