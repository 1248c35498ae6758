/* Libraries as files. Little-endian, 32 bits each unless said: "OHLIB" 13 10 26, version, clips, frames, CRC-32 of what follows; then of each clip
 * its number, frames and sort; then bits, sure bits and, in octets, marks of all frames.
 *
 * Version 3: the speech of a clip lies under it. Older ones are refused. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "library.h"

static const uint8_t magic[8] = {'O', 'H', 'L', 'I', 'B', 13, 10, 26};
enum { FILE_VERSION = 3, HEAD_BYTES = 24, CLIP_BYTES = 12, FRAME_BYTES = 9 };

static void put32(uint8_t **at, uint32_t x) {
    for (int i = 0; i < 4; i++)
        *(*at)++ = (uint8_t)(x >> (8 * i));
}

static uint32_t get32(const uint8_t **at) {
    uint32_t x = 0;
    for (int i = 0; i < 4; i++)
        x |= (uint32_t) * (*at)++ << (8 * i);
    return x;
}

static uint32_t crc32_of(const uint8_t *data, size_t size) {
    static const uint32_t nibble[16] = {0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4, 0x4db26158, 0x5005713c,
                                        0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c, 0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c};
    uint32_t crc = 0xffffffff;
    for (size_t i = 0; i < size; i++) {
        crc ^= data[i];
        crc = crc >> 4 ^ nibble[crc & 15];
        crc = crc >> 4 ^ nibble[crc & 15];
    }
    return ~crc;
}

size_t oh_library_bytes(const oh_library *library) {
    return library ? HEAD_BYTES + (size_t)library->clips * CLIP_BYTES + (size_t)library->frames * FRAME_BYTES : 0;
}

int oh_library_pack(const oh_library *library, void *data, size_t bytes) {
    if (!library || !data || bytes < oh_library_bytes(library))
        return -EINVAL;
    uint8_t *head = data, *at = head + HEAD_BYTES;
    for (uint32_t c = 0; c < library->clips; c++) {
        put32(&at, library->clip[c].number);
        put32(&at, library->clip[c].frames);
        put32(&at, library->clip[c].sort);
    }
    for (uint32_t f = 0; f < library->frames; f++)
        put32(&at, library->bits[f]);
    for (uint32_t f = 0; f < library->frames; f++)
        put32(&at, library->sure[f]);
    memcpy(at, library->twin, library->frames);
    at += library->frames;
    uint32_t crc = crc32_of(head + HEAD_BYTES, (size_t)(at - head) - HEAD_BYTES);
    memcpy(head, magic, sizeof magic);
    head += sizeof magic;
    put32(&head, FILE_VERSION);
    put32(&head, library->clips);
    put32(&head, library->frames);
    put32(&head, crc);
    return 0;
}

static oh_library *refuse(char *why, int room, int error, const char *format, ...) __attribute__((format(printf, 4, 5)));

static oh_library *refuse(char *why, int room, int error, const char *format, ...) {
    if (why && room > 0) {
        va_list more;
        va_start(more, format);
        vsnprintf(why, (size_t)room, format, more);
        va_end(more);
    }
    errno = error;
    return NULL;
}

oh_library *oh_library_unpack(const void *data, size_t bytes, char *why, int room) {
    const uint8_t *at = data;
    if (!data || bytes < HEAD_BYTES)
        return refuse(why, room, EBADMSG, "%zu octets are too few for a library", bytes);
    if (memcmp(at, magic, sizeof magic) != 0)
        return refuse(why, room, EBADMSG, "not a library of announcements: it does not begin with OHLIB");
    at += sizeof magic;
    uint32_t version = get32(&at), clips = get32(&at), frames = get32(&at), crc = get32(&at);
    if (version != FILE_VERSION)
        return refuse(why, room, EPROTONOSUPPORT, "library of version %u, and only version %d is known: make it again from its clips",
                      version, FILE_VERSION);
    if (clips < 1 || clips > OH_LIBRARY_CLIPS)
        return refuse(why, room, EBADMSG, "%u clips, and a library has 1 to %d", clips, OH_LIBRARY_CLIPS);
    if (frames < clips * (uint64_t)OH_CLIP_LEAST || frames > OH_LIBRARY_FRAMES)
        return refuse(why, room, EBADMSG, "%u frames for %u clips, and there must be %u to %d", frames, clips, clips * OH_CLIP_LEAST,
                      OH_LIBRARY_FRAMES);
    uint64_t wanted = HEAD_BYTES + (uint64_t)clips * CLIP_BYTES + (uint64_t)frames * FRAME_BYTES;
    if (bytes != wanted)
        return refuse(why, room, EBADMSG, "%zu octets, and %u clips with %u frames take %llu: cut short or added to", bytes, clips, frames,
                      (unsigned long long)wanted);
    if (crc32_of(at, bytes - HEAD_BYTES) != crc)
        return refuse(why, room, EBADMSG, "checksum is wrong: the file is damaged, copy it again");
    struct oh_library *l = oh_library_empty(clips, frames);
    if (!l)
        return refuse(why, room, ENOMEM, "no memory for %u frames", frames);
    uint32_t first = 0;
    for (uint32_t c = 0; c < clips; c++) {
        uint32_t number = get32(&at), n = get32(&at), sort = get32(&at);
        if (n < OH_CLIP_LEAST || n > frames - first || sort > 255) {
            oh_library_destroy(l);
            return refuse(why, room, EBADMSG, "clip %u has %u frames and sort %u, which cannot be", c, n, sort);
        }
        l->clip[c] = (struct oh_library_clip){number, first, n, (uint8_t)sort, false};
        for (uint32_t i = 0; i < n; i++)
            l->owner[first + i] = (uint16_t)c;
        first += n;
    }
    if (first != frames) {
        oh_library_destroy(l);
        return refuse(why, room, EBADMSG, "the clips have %u frames together, and the header says %u", first, frames);
    }
    for (uint32_t f = 0; f < frames; f++)
        l->bits[f] = get32(&at);
    for (uint32_t f = 0; f < frames; f++)
        l->sure[f] = get32(&at);
    for (uint32_t f = 0; f < frames; f++)
        l->twin[f] = *at++ & (OH_TWIN_NUMBER | OH_TWIN_SORT);
    if (!oh_library_index(l)) {
        oh_library_destroy(l);
        return refuse(why, room, ENOMEM, "no memory for the index over %u frames", frames);
    }
    oh_library_own(l);
    return l;
}
