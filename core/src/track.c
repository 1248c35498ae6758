/* The tone tracker: finds steady tones in the spectrum and cuts the time into stretches of tone and of anything else.
 *
 * A hop is tonal when one or two peaks hold most of its power. Three tonal hops at one place make a tone; from then on only the bins
 * around its peaks are watched, so that noise or talk elsewhere does not end it, and it has ended when those bins stay under a quarter
 * of its mean power for three hops. A drop-out shorter than the window's half does not get that far, and one of up to 32 ms is mended.
 *
 * Edges are finer than hops: the window's shape says how much of it was filled from the amplitude of the hop on the edge, which gives
 * the instant to a few milliseconds.
 *
 * Sines closer than 100 Hz, and amplitude modulation, blur into one swaying peak in a 32 ms window. When a tone sways, its last 128 ms
 * are mixed down and looked at in steps of 7.8 Hz (zoom). That costs a few microseconds, once per such tone. */
#include "lane.h"

#define DROP_OUT    (32 * OH_MS)
#define SHORT_BURST (90 * OH_MS) /* between breaks that can be a pattern's */
#define SETTLED     15           /* hops after which two sines are no fluke */
#define CLOSE       24           /* up to this bin (750 Hz) networks use sines closer than a bin or two */

float oh_hop_power(const struct oh_hop *h, int first, int last) {
    float sum = 0;
    if (first < OH_BIN_LOW)
        first = OH_BIN_LOW;
    if (last > OH_BIN_TOP + 10)
        last = OH_BIN_TOP + 10;
    for (int k = first; k <= last; k++)
        sum += oh_hop_p(h, k);
    return sum;
}

float oh_hop_hz(const struct oh_hop *h, int k) {
    static const float side[2] = {1, -1}; /* no branch: which way a peak leans nobody can foretell */
    /* the middle of a sum of three may lie beside the peak */
    int down = oh_hop_p(h, k - 1) > oh_hop_p(h, k), up = oh_hop_p(h, k + 1) > oh_hop_p(h, k);
    k += (up & ~down) - down;
    float here = oh_hop_p(h, k), below = oh_hop_p(h, k - 1), above = oh_hop_p(h, k + 1);
    if (!(here > 0))
        return 0;
    float r = oh_sqrtf(oh_maxf(below, above) / here);
    float shift = (2 * r - 1) / (r + 1);
    return ((float)k + shift * side[below > above]) * OH_BIN_HZ;
}

/* Variance of the power over the bins around the peak, in bins^2: 0.333 for one steady sine wherever it lies between bins, more when
 * there is a second one or a modulation. */
float oh_hop_width(const struct oh_hop *h, int k) {
    float sum = 0, first = 0, second = 0;
    for (int i = -3; i <= 3; i++) {
        float p = oh_hop_p(h, k + i);
        sum += p;
        first += p * (float)i;
        second += p * (float)(i * i);
    }
    if (!(sum > 0))
        return 0;
    float mean = first / sum;
    return second / sum - mean * mean;
}

bool oh_hop_overtone(const struct oh_hop *h, int dhz) {
    int k = (int)((float)dhz * 0.1f / OH_BIN_HZ + 0.5f), twice = (int)((float)dhz * 0.2f / OH_BIN_HZ + 0.5f);
    return twice + 1 <= OH_BIN_TOP && oh_hop_power(h, twice - 1, twice + 1) > 0.03f * oh_hop_power(h, k - 1, k + 1);
}

/* Share x (0 to 1) of the window's length that holds tone, from the share of the amplitude: inverse of x - sin(2 pi x) / 2 pi. */
static float filled(float amplitude) {
    static const float at[17] = {0.0f,    0.2185f, 0.2811f, 0.3279f, 0.3676f, 0.4034f, 0.4367f, 0.4687f, 0.5f,
                                 0.5313f, 0.5633f, 0.5966f, 0.6324f, 0.6721f, 0.7189f, 0.7815f, 1.0f};
    if (amplitude <= 0)
        return 0;
    if (amplitude >= 1)
        return 1;
    float x = amplitude * 16;
    int i = (int)x;
    return at[i] + (at[i + 1] - at[i]) * (x - (float)i);
}

/* Power in the watched bins. */
static float ranges_power(const struct oh_hop *h, const struct oh_track *k) {
    float sum = 0, second = 0;
    for (int bin = k->lo[0]; bin <= k->hi[0]; bin++)
        sum += oh_hop_p(h, bin);
    for (int bin = k->lo[1]; bin <= k->hi[1]; bin++)
        second += oh_hop_p(h, bin);
    return sum + second;
}

static int16_t lowest(int bin) {
    return (int16_t)(bin > OH_BIN_LOW ? bin : OH_BIN_LOW);
}

static void choose_ranges(struct oh_track *k, const struct oh_hop *h) {
    const struct oh_spectrum *s = h->spec;
    int k1 = s->k1[h->lane], k2 = s->k2[h->lane];
    bool two = s->s2[h->lane] > 0.08f * s->s1[h->lane] && s->s2[h->lane] > 0.06f * h->total;
    k->lo[1] = 0;
    k->hi[1] = -1;
    k->k[0] = (int16_t)k1;
    k->k[1] = -1;
    if (!two) {
        k->lo[0] = lowest(k1 - 3);
        k->hi[0] = (int16_t)(k1 + 3);
        return;
    }
    int low = k1 < k2 ? k1 : k2, high = k1 < k2 ? k2 : k1;
    k->k[0] = (int16_t)low;
    k->k[1] = (int16_t)high;
    k->lo[0] = lowest(low - 2);
    if (high - low <= 5) {
        k->hi[0] = (int16_t)(high + 2);
    } else {
        k->hi[0] = (int16_t)(low + 2);
        k->lo[1] = (int16_t)(high - 2);
        k->hi[1] = (int16_t)(high + 2);
    }
}

/* -- zoom ------------------------------------------------------------------------------------------------------------------- */

enum { ZOOM_POINTS = 64, ZOOM_SPAN = 14, ZOOM_BINS = 2 * ZOOM_SPAN + 1, ZOOM_ROW = 32 };

typedef float four __attribute__((vector_size(16)));

static struct {
    float cosine[1024];
    float re[ZOOM_POINTS][ZOOM_ROW], im[ZOOM_POINTS][ZOOM_ROW]; /* of the bins at each point, ZOOM_BINS used */
} zoom_tables;

void oh_track_init(void) {
    for (int i = 0; i < 1024; i++)
        zoom_tables.cosine[i] = (float)oh_cos_turn(i / 1024.0);
    for (int b = 0; b < ZOOM_POINTS; b++)
        for (int i = 0; i < ZOOM_BINS; i++) {
            uint32_t phase = (uint32_t)(16 * b * (i - ZOOM_SPAN)) & 1023;
            zoom_tables.re[b][i] = zoom_tables.cosine[phase];
            zoom_tables.im[b][i] = zoom_tables.cosine[(phase + 256) & 1023];
        }
}

/* Two sines or an amplitude modulation inside the tone's own bins: mix the newest samples down to the middle, sum by 16 (triangle), and
 * search 64 bins of 7.8 Hz for peaks. samples: 512 to 1024. */
static void zoom(struct oh_track *k, const struct oh_ring *ring, int samples) {
    static _Thread_local float audio[1024];
    const float *cosine = zoom_tables.cosine;
    samples = samples / 16 * 16;
    if (samples > 1024)
        samples = 1024;
    float middle = k->k[1] >= 0 ? (float)(k->k[0] + k->k[1]) * 0.5f : (k->f_n > 0 ? k->f_sum[0] / k->f_n / OH_BIN_HZ : (float)k->k[0]);
    int step = (int)(middle * 4 + 0.5f); /* of 7.8125 Hz */
    oh_ring_read(ring, samples, audio);
    float re[ZOOM_POINTS + 1], im[ZOOM_POINTS + 1];
    int points = samples / 16;
    four weight[16]; /* of a block's samples in this point, real and imaginary, and in the next */
    for (int i = 0; i < 16; i++) {
        uint32_t phase = (uint32_t)(i * step) & 1023;
        float c = cosine[phase], s = cosine[(phase + 256) & 1023]; /* cos, -sin */
        float up = ((float)i + 0.5f) / 16;
        weight[i] = (four){c * (1 - up), s * (1 - up), c * up, s * up};
    }
    float next_re = 0, next_im = 0;
    for (int b = 0; b < points; b++) {
        const float *x = audio + 16 * b;
        four even = x[0] * weight[0], odd = x[1] * weight[1];
        for (int i = 2; i < 16; i += 2) {
            even += x[i] * weight[i];
            odd += x[i + 1] * weight[i + 1];
        }
        even += odd;
        uint32_t phase = (uint32_t)(16 * b * step) & 1023;
        float c = cosine[phase], s = cosine[(phase + 256) & 1023];
        re[b] = next_re + (even[0] * c - even[1] * s);
        im[b] = next_im + (even[0] * s + even[1] * c);
        next_re = even[2] * c - even[3] * s;
        next_im = even[2] * s + even[3] * c;
    }
    four x[ZOOM_ROW / 4] = {{0}}, y[ZOOM_ROW / 4] = {{0}};
    for (int b = 0; b < points; b++) {
        float w = 0.5f - 0.5f * cosine[((b * 1024 + 512) / points) & 1023]; /* Hann */
        float r = re[b] * w, q = im[b] * w;
        for (int i = 0; i < ZOOM_ROW / 4; i++) {
            four c, s;
            memcpy(&c, &zoom_tables.re[b][4 * i], sizeof c);
            memcpy(&s, &zoom_tables.im[b][4 * i], sizeof s);
            x[i] += r * c - q * s;
            y[i] += r * s + q * c;
        }
    }
    enum { SPAN = ZOOM_SPAN, SIZE = ZOOM_BINS };
    float power[ZOOM_ROW];
    float most = 0;
    for (int i = 0; i < ZOOM_ROW / 4; i++) {
        four p = x[i] * x[i] + y[i] * y[i];
        memcpy(&power[4 * i], &p, sizeof p);
    }
    for (int i = 0; i < SIZE; i++)
        most = oh_maxf(most, power[i]);
    float hz[3], amount[3];
    int found = 0;
    for (int i = 1; i < SIZE - 1; i++) {
        if (power[i] < 0.04f * most || power[i] < power[i - 1] || power[i] <= power[i + 1])
            continue;
        float l = oh_sqrtf(power[i - 1]), m = oh_sqrtf(power[i]), r = oh_sqrtf(power[i + 1]);
        float shift = (r - l) / (2 * (2 * m - l - r) + 1e-9f);
        float f = ((float)(step + i - SPAN) + shift) * 7.8125f;
        int at = found < 3 ? found++ : -1;
        for (int j = 0; j < 3 && at < 0; j++)
            if (amount[j] < power[i])
                at = j;
        if (at >= 0) {
            hz[at] = f;
            amount[at] = power[i];
        }
    }
    k->zoomed = 1;
    k->stale = true;
    k->seg.dhz[1] = 0;
    k->seg.am_dhz = 0;
    if (found == 0)
        return;
    if (found == 3) {
        for (int a = 0; a < 2; a++) /* by frequency */
            for (int b = 0; b < 2 - a; b++)
                if (hz[b] > hz[b + 1]) {
                    float t = hz[b];
                    hz[b] = hz[b + 1];
                    hz[b + 1] = t;
                    t = amount[b];
                    amount[b] = amount[b + 1];
                    amount[b + 1] = t;
                }
        float below = hz[1] - hz[0], above = hz[2] - hz[1];
        if (amount[1] > 0.9f * amount[0] && amount[1] > 0.9f * amount[2] && oh_absf(below - above) < 7) {
            k->seg.dhz[0] = (uint16_t)(hz[1] * 10 + 0.5f);
            k->seg.am_dhz = (uint16_t)((below + above) * 5 + 0.5f);
            return;
        }
        int weak = amount[0] < amount[1] ? (amount[0] < amount[2] ? 0 : 2) : (amount[1] < amount[2] ? 1 : 2);
        for (int j = weak; j < 2; j++) {
            hz[j] = hz[j + 1];
            amount[j] = amount[j + 1];
        }
        found = 2;
    }
    if (found == 2) {
        int lower = hz[0] < hz[1] ? 0 : 1;
        k->seg.dhz[0] = (uint16_t)(hz[lower] * 10 + 0.5f);
        k->seg.dhz[1] = (uint16_t)(hz[1 - lower] * 10 + 0.5f);
        return;
    }
    k->seg.dhz[0] = (uint16_t)(hz[0] * 10 + 0.5f);
}

/* -- the tone that is on ------------------------------------------------------------------------------------------------------ */

static bool sways(const struct oh_track *k) {
    if (k->k[1] >= 0 && k->hi[1] < k->lo[1])
        return true; /* two peaks that touch */
    return k->k[1] < 0 && k->f_n >= 3 && (k->w_max > 1.7f * k->w_min || k->f_max - k->f_min > 9 || k->width > 0.4f * k->f_n);
}

/* Bring the segment's figures up to date. */
static void describe(struct oh_track *k) {
    float n = k->f_n > 0 ? k->f_n : 1;
    if (!k->zoomed && k->f_n == 0 && k->waiting) { /* too short for more */
        k->seg.dhz[0] = (uint16_t)(k->wait_f[0] * 10 + 0.5f);
        k->seg.dhz[1] = (uint16_t)(k->wait_f[1] * 10 + 0.5f);
    } else if (!k->zoomed) {
        k->seg.dhz[0] = (uint16_t)(k->f_sum[0] / n * 10 + 0.5f);
        k->seg.dhz[1] = k->k[1] >= 0 ? (uint16_t)(k->f_sum[1] / n * 10 + 0.5f) : 0;
    }
    k->seg.flags = (uint8_t)(k->seg.flags & ~(OH_SEG_EARLY | OH_SEG_BEAT));
    if (k->hops < 8)
        k->seg.flags |= OH_SEG_EARLY;
    if (sways(k))
        k->seg.flags |= OH_SEG_BEAT;
    k->seg.level_cdbm0 = (int16_t)oh_cdb(k->level);
    k->seg.purity = (uint8_t)((k->f_n > 0 ? k->purity / n : k->wait_purity) * 100);
    k->seg.hops = (uint8_t)k->f_n;
    k->seg.drift = (uint8_t)(k->f_n > 0 ? oh_minf(k->f_max - k->f_min, 255) : 0);
    k->seg.sway = (uint8_t)oh_minf(k->w_max / k->w_min * 10, 255);
    k->seg.width = (uint8_t)oh_minf(k->width / n * 100, 255);
    k->stale = false;
}

float oh_track_hz(const struct oh_track *k) {
    return k->on && k->k[1] < 0 && k->f_n > 0 ? k->f_sum[0] / k->f_n : 0;
}

/* When the sound began: from the totals of the hops over the edge. now: time of this hop, first: of the first tonal one. */
static uint32_t onset(const struct oh_track *k, const struct oh_hop *h, uint32_t first) {
    const struct oh_watch *w = h->watch;
    int past = w->past_n[h->lane];
    float before = 1e9f;
    for (int i = 0; i < past; i++)
        before = oh_minf(before, w->past[(w->hops - (uint32_t)i) % OH_PAST][h->lane]);
    float best = 1;
    uint32_t at = first - (uint32_t)OH_WINDOW / 2;
    bool found = false;
    for (int i = 0; i < past; i++) {
        uint32_t t = h->t - (uint32_t)i * OH_HOP;
        if ((int32_t)(t - (first - 2 * OH_HOP)) < 0)
            break;
        float a = oh_sqrtf(oh_maxf(w->past[(w->hops - (uint32_t)i) % OH_PAST][h->lane] - before, 0) / k->level);
        if (oh_absf(a - 0.5f) < best && a > 0.04f && a < 0.96f) {
            best = oh_absf(a - 0.5f);
            at = t - (uint32_t)(filled(a) * OH_WINDOW);
            found = true;
        }
    }
    if (before > 0.4f * k->level || !found) {
        if ((int32_t)(first - k->last_end) < 100 * OH_MS && k->last_end)
            at = k->last_end; /* tone to tone: the end of one is the start of the next */
    }
    return at;
}

static void begin(struct oh_track *k, const struct oh_hop *h) {
    k->on = 1;
    k->stale = true;
    k->hops = 0;
    k->miss = 0;
    k->zoomed = 0;
    k->change = 0;
    k->resumed = 0;
    k->waiting = 0;
    choose_ranges(k, h);
    k->level = ranges_power(h, k);
    k->level_n = 1;
    k->w_min = k->w_max = k->level;
    k->f_min = 1e9f;
    k->f_max = 0;
    k->f_sum[0] = k->f_sum[1] = k->f_n = 0;
    k->purity = 0;
    k->width = 0;
    k->off_ratio = 2;
    k->dip_hops = 0;
    k->apart = k->together = 0;
    memset(&k->seg, 0, sizeof k->seg);
    k->seg.flags = OH_SEG_TONE;
    k->seg.start = onset(k, h, h->t - 2 * OH_HOP);
    k->seg.end = h->t;
    k->dip = k->dip_before = (struct oh_dip){k->seg.start, k->seg.start};
}

/* Add the hop that waited to the tone's figures: the tone went on after it, so its window held nothing else. */
static void count(struct oh_track *k) {
    float w = k->wait_w;
    k->level_n = oh_minf(k->level_n + 1, 50);
    k->level += (w - k->level) / k->level_n;
    k->w_min = oh_minf(k->w_min, w);
    k->w_max = oh_maxf(k->w_max, w);
    if (k->f_n < 100) {
        k->f_min = oh_minf(k->f_min, k->wait_f[0]);
        k->f_max = oh_maxf(k->f_max, k->wait_f[0]);
        k->f_sum[0] += k->wait_f[0];
        k->f_sum[1] += k->wait_f[1];
        k->purity += k->wait_purity;
        k->width += k->wait_width;
        k->f_n += 1;
    }
}

static void follow(struct oh_track *k, const struct oh_hop *h, float w, float hz) {
    k->hops = (uint8_t)(k->hops < 255 ? k->hops + 1 : 255);
    k->stale = true;
    if (k->hops < 2) {
        /* the window was still filling: only now is the level known, and with it the edge */
        uint32_t start = k->seg.start;
        k->level = oh_maxf(w, k->level);
        k->seg.start = onset(k, h, k->seg.end - 2 * OH_HOP);
        choose_ranges(k, h);
        k->level = ranges_power(h, k);
        k->level_n = 1;
        k->w_min = k->w_max = k->level;
        if (k->resumed)
            k->seg.start = start;
        else
            k->dip.start = k->dip.end = k->seg.start;
        return;
    }
    if (k->waiting && w > 0.5f * k->wait_w)
        count(k);
    k->waiting = 1;
    k->wait_w = w;
    if (k->f_n >= 100)
        return; /* measured well enough */
    k->wait_f[0] = k->k[1] >= 0 ? oh_hop_hz(h, k->k[0]) : hz > 0 ? hz : h->watch->hz[h->lane];
    k->wait_f[1] = k->k[1] >= 0 ? oh_hop_hz(h, k->k[1]) : 0;
    k->wait_purity = oh_minf(w / h->total, 1);
    k->wait_width = k->k[1] < 0 ? h->watch->width[h->lane] : 0.333f;
}

/* The hop nearest to half amplitude tells when the tone ended. */
static void note_end(struct oh_track *k, const struct oh_hop *h, float ratio) {
    float a = oh_sqrtf(ratio);
    if (oh_absf(a - 0.5f) < oh_absf(k->off_ratio - 0.5f)) {
        k->off_ratio = a;
        k->off_edge = h->t - OH_WINDOW + (uint32_t)(filled(a) * OH_WINDOW);
    }
}

static void finish(struct oh_track *k, const struct oh_ring *ring, struct oh_seg *ended, uint32_t now, uint32_t end) {
    k->seg.end = end;
    int late = (int)(now - end), samples = (int)(end - k->seg.start);
    if (!k->zoomed && k->k[0] <= CLOSE && k->purity > 0.6f * k->f_n && sways(k) && late >= 0 && samples >= 400 && late + samples <= 1024) {
        struct oh_ring there = *ring;
        there.next -= late;
        there.next += there.next < 0 ? OH_RING_FRAMES * OH_FRAME_SAMPLES : 0;
        zoom(k, &there, samples);
    }
    describe(k);
    *ended = k->seg;
    k->before = k->seg;
    k->before_level = k->level;
    k->dip_ended = k->dip;
    k->on = 0;
    k->last_end = end;
}

void oh_track_jump(struct oh_track *k) {
    if (k->on)
        k->seg.flags |= OH_SEG_CUT | OH_SEG_FUZZY;
    k->tries = 0;
}

/* A break of 10 ms and more leaves a dip in the power of the hops. Every sample lies under 3.2 windows whose weights add up to the same, so
 * the missing amplitudes of the hops add up to the length of the break, and their middle is its middle. Returns OH_TRACK_DIP when it is over. */
static int dip(struct oh_track *k, uint32_t t, float ratio) {
    float missing = 1 - oh_sqrtf(oh_minf(ratio, 1));
    if (missing > 0.05f && k->dip_hops < 12) {
        if (k->dip_hops == 0) {
            k->dip_sum = k->dip_middle = 0;
            k->deep = false;
        }
        k->dip_sum += missing;
        k->dip_middle += missing * (float)k->dip_hops;
        k->deep |= ratio < 0.5f;
        k->dip_hops++;
        return OH_TRACK_NONE;
    }
    bool whole = k->dip_hops > 0 && k->dip_hops < 12 && k->deep;
    uint32_t first = t - k->dip_hops * OH_HOP - OH_WINDOW / 2;
    k->dip_hops = missing > 0.05f ? k->dip_hops : 0;
    if (!whole)
        return OH_TRACK_NONE;
    uint32_t middle = first + (uint32_t)(k->dip_middle / k->dip_sum * OH_HOP), half = (uint32_t)(k->dip_sum * OH_HOP / 2);
    if ((int32_t)(middle - half - k->dip.end) < SHORT_BURST)
        return OH_TRACK_NONE; /* a beat */
    k->dip_before = k->dip;
    k->dip = (struct oh_dip){middle - half, middle + half};
    return OH_TRACK_DIP;
}

/* The second sine was a moment's noise: go on with the stronger one alone. */
static void forget_second(struct oh_track *k, bool upper) {
    k->k[0] = upper ? k->k[1] : k->k[0];
    k->k[1] = -1;
    k->lo[0] = lowest(k->k[0] - 3);
    k->hi[0] = (int16_t)(k->k[0] + 3);
    k->lo[1] = 0;
    k->hi[1] = -1;
    k->zoomed = 0;
    k->stale = true;
    if (upper) {
        k->f_sum[0] = k->f_sum[1];
        k->f_min = 1e9f;
        k->f_max = 0;
    }
}

/* One of two sines is gone while the other goes on, or a second one has come: another tone follows without a gap. */
static bool becomes_another(struct oh_track *k, const struct oh_hop *h) {
    const struct oh_spectrum *s = h->spec;
    bool pair = k->k[1] >= 0, other, upper = false;
    if (pair && k->k[1] - k->k[0] < 3)
        return false;
    if (pair) {
        float low = oh_hop_power(h, k->k[0] - 1, k->k[0] + 1), high = oh_hop_power(h, k->k[1] - 1, k->k[1] + 1);
        upper = high > low;
        other = oh_minf(low, high) < 0.02f * oh_maxf(low, high);
        k->together = (uint8_t)(k->together + (!other && k->together < 255));
    } else {
        float one = s->s1[h->lane], two = s->s2[h->lane];
        other = two > 0.15f * one && one + two > 0.85f * h->total && h->total > 1.25f * k->level;
    }
    k->apart = (uint8_t)(other ? k->apart + 1 : 0);
    if (k->apart < 5)
        return false;
    k->apart = 0;
    if (!pair || k->together >= SETTLED)
        return true;
    forget_second(k, upper);
    return false;
}

/* The tone that may be coming is still where it was. Two sines 40 or 50 Hz apart beat in step with the hops: every other one shows them
 * together, the next one only the stronger. */
static bool stays(const struct oh_track *k, float hz) {
    float step = oh_absf(hz - k->try_hz);
    bool beats = hz < 31.25f * CLOSE && step < 60 && (k->tries < 2 || oh_absf(hz - k->try_before) < 15);
    return k->tries && (step < (k->tries < 2 ? 40.0f : 25.0f) || beats);
}

int oh_track_hop(struct oh_track *k, const struct oh_hop *h, const struct oh_ring *ring, struct oh_seg *ended) {
    int saw = OH_TRACK_NONE;
    if (h->held) {
        k->tries = 0;
        k->dip_hops = 0;
        if (k->on)
            k->seg.flags |= OH_SEG_FUZZY;
        return saw;
    }
    float hz = h->tonal ? h->watch->hz[h->lane] : 0;
    bool louder = false;
    if (k->on) {
        float w = ranges_power(h, k);
        float ratio = k->level > 0 ? w / k->level : 0;
        bool there = ratio > 0.25f && w > 0.3f * h->total;
        louder = k->hops >= 4 && h->total > 5 * k->level;
        if (k->hops >= 4)
            saw = dip(k, h->t, ratio);
        if (louder && h->tonal) {
            k->change = 0;
        } else if (there) {
            k->miss = 0;
            if (ratio > 0.7f)
                k->off_ratio = 2;
            else
                note_end(k, h, ratio);
            if (ratio > 0.5f || k->hops < 2)
                follow(k, h, w, hz);
            /* a step in frequency inside the watched bins */
            if (k->k[1] < 0 && k->f_n >= 4 && h->tonal && oh_absf(hz - k->f_sum[0] / k->f_n) > 14) {
                if (k->change == 0 || oh_absf(hz - k->change_hz) > 6) {
                    k->change = 1;
                    k->change_hz = hz;
                } else if (++k->change >= 5) {
                    finish(k, ring, ended, h->t, h->t - 5 * OH_HOP - OH_WINDOW / 2 + OH_HOP);
                    begin(k, h);
                    k->seg.start = k->dip.start = k->dip.end = k->last_end;
                    return OH_TRACK_BOTH;
                }
            } else {
                k->change = 0;
            }
            if (k->hops >= 8 && becomes_another(k, h)) {
                finish(k, ring, ended, h->t, h->t - 4 * OH_HOP - OH_WINDOW / 2);
                begin(k, h);
                k->seg.start = k->dip.start = k->dip.end = k->last_end;
                return OH_TRACK_BOTH;
            }
            if (!k->zoomed && k->hops == 14 && k->k[0] <= CLOSE && sways(k))
                zoom(k, ring, 1024);
        } else {
            k->miss++;
            note_end(k, h, ratio);
        }
    }
    if (!k->on || k->miss || louder) {
        k->tries = (uint8_t)(!h->tonal ? 0 : stays(k, hz) ? k->tries + 1 : 1);
        k->try_before = k->try_hz;
        k->try_hz = hz;
    } else {
        k->tries = 0;
    }
    /* A faint rest at the same pitch is its own modulation, or its echo: no new tone, and some patience. */
    bool rest = k->on && k->miss && h->tonal && k->f_n > 0 && k->k[1] < 0 && oh_absf(hz - k->f_sum[0] / k->f_n) < 15;
    if (rest && !louder)
        k->tries = 0;
    if (k->on && (k->miss >= (rest ? 7 : 4) || (k->miss >= 2 && k->tries >= 3) || (louder && k->tries >= 3))) {
        finish(k, ring, ended, h->t, louder ? h->t - OH_WINDOW / 2 - 2 * OH_HOP : k->off_edge);
        saw = OH_TRACK_END;
    }
    if (!k->on && k->tries >= 3) {
        begin(k, h);
        k->tries = 0;
        saw |= OH_TRACK_START;
        int32_t gap = (int32_t)(k->seg.start - k->last_end);
        float was = k->before.dhz[0] * 0.1f;
        bool as_loud = k->level > 0.16f * k->before_level && k->level < 6 * k->before_level;
        if (as_loud && k->last_end && gap < DROP_OUT && gap > -DROP_OUT && oh_absf(hz - was) < 15 && !k->before.dhz[1]) {
            k->dip_before = k->dip_ended;
            k->dip = (struct oh_dip){k->before.end, k->seg.start};
            k->seg.start = k->before.start;
            k->seg.flags |= k->before.flags & (OH_SEG_CUT | OH_SEG_FUZZY);
            k->resumed = 1;
            saw |= OH_TRACK_RESUME;
        }
    }
    if (k->on) {
        k->seg.end = k->miss ? k->off_edge : h->t;
        if (k->stale && (k->hops < 12 || k->hops % 8 == 0)) /* the figures settle */
            describe(k);
    }
    return saw;
}
