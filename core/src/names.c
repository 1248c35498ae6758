/* Names of the signals, as C, Python, MQTT and JSON write them. */
#include "offhook.h"

const char *oh_tone_name(int tone) {
    static const char *const names[OH_TONE_COUNT] = {
        "none",    "dial",    "dial_special", "dial_second", "dial_recall",  "ringback", "busy",         "congestion", "unobtainable",
        "sit",     "sit_us",  "call_waiting", "record",      "confirmation", "payphone", "intrusion",    "howler",     "holding",
        "warning", "fax_cng", "fax_ced",      "ans_pr",      "ansam",        "ansam_pr", "v21_preamble", "bell_ans",   "tty",
        "cot2010", "cot2000", "dtmf",         "r2_fwd",      "r2_bwd",       "beep",
    };
    return tone >= 0 && tone < OH_TONE_COUNT ? names[tone] : 0;
}
