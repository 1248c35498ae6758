#include "announce.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lane.h"

struct announce_group {
    struct oh_print_group print;
    struct oh_match match[OH_LANES];
    uint32_t uses[OH_LANES]; /* the library that the match belongs to */
};

struct oh_announcer {
    const struct oh_library *library;
    uint32_t uses; /* counts the libraries */
    struct announce_group *groups;
};

struct oh_announcer *oh_announcer_new(int channels) {
    size_t groups = ((size_t)channels + OH_LANES - 1) / OH_LANES;
    struct oh_announcer *a = calloc(1, sizeof *a);
    if (!a)
        return NULL;
    a->groups = calloc(groups, sizeof *a->groups);
    if (!a->groups) {
        free(a);
        errno = ENOMEM;
        return NULL;
    }
    for (int c = 0; c < channels; c++)
        oh_print_forget(&a->groups[c / OH_LANES].print, c % OH_LANES);
    return a;
}

void oh_announcer_free(struct oh_announcer *a) {
    if (!a)
        return;
    free(a->groups);
    free(a);
}

size_t oh_announcer_bytes_per_channel(void) {
    return sizeof(struct announce_group) / OH_LANES;
}

void oh_announcer_use(struct oh_announcer *a, const struct oh_library *library) {
    a->library = library;
    a->uses++; /* matches of an older one start afresh at their next frame */
}

void oh_announcer_reset(struct oh_announcer *a, int channel) {
    struct announce_group *group = &a->groups[channel / OH_LANES];
    oh_print_forget(&group->print, channel % OH_LANES);
    group->uses[channel % OH_LANES] = 0;
}

static void raise_found(struct oh_lane *lane, const struct oh_verdict *v, struct oh_sink *sink) {
    struct oh_ear_call call = {.lane = lane, .sink = sink};
    uint64_t heard = (uint64_t)v->heard * OH_FRAME_SAMPLES;
    oh_event e = {.kind = OH_EVENT_ANNOUNCEMENT,
                  .row = 255,
                  .value = v->number,
                  .detail = v->sort,
                  .flags = v->named ? 0 : OH_FLAG_PROVISIONAL,
                  .confidence = v->confidence,
                  .margin_cdb = (int16_t)v->margin,
                  .rival = v->rival,
                  .score = v->score,
                  .rival_score = v->rival_score,
                  .place = (uint16_t)(v->heard < UINT16_MAX ? v->heard : UINT16_MAX)};
    oh_ear_raise(&call, &e, (uint32_t)(lane->now - (heard < lane->now ? heard : lane->now)));
}

void oh_announcer_frame(struct oh_announcer *a, int group, struct oh_lane *lane, int lanes, const uint8_t *valid,
                        const struct oh_spectrum two[2], struct oh_sink *sink) {
    if (!a->library)
        return;
    struct announce_group *g = &a->groups[group];
    struct oh_print prints[OH_LANES];
    uint32_t lost = 0;
    for (int i = 0; i < lanes; i++)
        if ((valid && valid[i] != OH_VALID_GOOD) || !(lane[i].armed & OH_DETECT_ANNOUNCE))
            lost |= 1u << i;
    oh_print_frame(&g->print, two, lost, prints);
    for (int i = 0; i < lanes; i++) {
        if (!(lane[i].armed & OH_DETECT_ANNOUNCE))
            continue;
        if (g->uses[i] != a->uses) {
            oh_match_reset(&g->match[i]);
            g->uses[i] = a->uses;
        }
        struct oh_verdict v;
        if (oh_match_frame(&g->match[i], a->library, &prints[i], &v))
            raise_found(&lane[i], &v, sink);
    }
}

int oh_shelf_put(struct oh_shelf *shelf, int channels, struct oh_library *library, uint32_t *order) {
    if (!shelf->announcer)
        shelf->announcer = oh_announcer_new(channels);
    if (!shelf->announcer)
        return -ENOMEM;
    uint32_t seen = atomic_load_explicit(&shelf->seen, memory_order_acquire);
    int room = -1;
    for (int i = 0; i < OH_SHELF_SLOTS; i++) {
        if (shelf->slot[i].library && shelf->slot[i].order < seen) { /* a newer one is in use */
            oh_library_release(shelf->slot[i].library);
            shelf->slot[i].library = NULL;
        }
        if (!shelf->slot[i].library)
            room = i;
    }
    if (room < 0)
        return -EAGAIN;
    *order = ++shelf->orders;
    shelf->slot[room].order = *order;
    shelf->slot[room].library = library;
    oh_library_hold(library);
    return 0;
}

void oh_shelf_take_back(struct oh_shelf *shelf, uint32_t order) {
    for (int i = 0; i < OH_SHELF_SLOTS; i++)
        if (shelf->slot[i].library && shelf->slot[i].order == order) {
            oh_library_release(shelf->slot[i].library);
            shelf->slot[i].library = NULL;
        }
    shelf->orders--;
}

void oh_shelf_free(struct oh_shelf *shelf) {
    for (int i = 0; i < OH_SHELF_SLOTS; i++)
        oh_library_release(shelf->slot[i].library);
    oh_announcer_free(shelf->announcer);
    memset(shelf->slot, 0, sizeof shelf->slot);
    shelf->announcer = NULL;
}
