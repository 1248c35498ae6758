/* The part of DAHDI's kernel interface that the backend speaks: requests, events and records as the kernel has them on x86-64 and aarch64.
 *
 * Own table, so that neither header nor library of DAHDI is needed to build; tests/test_dahdi.c compares it with dahdi/user.h where that
 * is installed. */
#ifndef DAHDI_ABI_H
#define DAHDI_ABI_H

#include <stdint.h>

/*      name                    request      argument                                                      */
#define DA_FLUSH         0x4004da03u /* int: 1 received, 2 to send, 4 events, 7 all                        */
#define DA_GET_PARAMS    0xc088da05u /* struct da_params                                                   */
#define DA_GETEVENT      0x8004da08u /* int                                                                */
#define DA_SPANSTAT      0xc13ada0au /* struct da_span, spanno filled in                                   */
#define DA_SET_BUFINFO   0x4018da1bu /* struct da_buffers                                                  */
#define DA_SPECIFY       0x4004da26u /* int: channel number                                                */
#define DA_GETRXBITS     0x8004da2bu /* int: ABCD in the low nibble; the upper one may hold a neighbour's  */
#define DA_SETTXBITS     0x4004da2bu /* int                                                                */
#define DA_BUFFER_EVENTS 0x4004da69u /* int: 1 = tell overruns and underruns                               */

#define DA_ELAST 500 /* errno of read and write while an event waits */

enum {
    DA_EVENT_ALARM = 4,
    DA_EVENT_NOALARM = 5,
    DA_EVENT_BITSCHANGED = 13,
    DA_EVENT_REMOVED = 20,
    DA_EVENT_READ_OVERRUN = 29,
    DA_EVENT_WRITE_UNDERRUN = 30,
};

enum {
    DA_ALARM_RECOVER = 1,
    DA_ALARM_LOOPBACK = 2,
    DA_ALARM_YELLOW = 4,
    DA_ALARM_RED = 8,
    DA_ALARM_BLUE = 0x10,
    DA_ALARM_NOTOPEN = 0x20,
    DA_ALARM_LOS = 0x100,
    DA_ALARM_LFA = 0x200,
    DA_ALARM_LMFA = 0x400,
};

struct da_buffers {
    int32_t txpolicy, rxpolicy; /* 0 at once, 1 when full, 2 (to send) half full */
    int32_t count, octets;
    int32_t readbufs, writebufs; /* full ones, says the header; the kernel answers -1 (2.11.1) */
};

struct da_params {
    int32_t channel, span, position, signalling, capabilities;
    int32_t unused[5];
    int32_t law; /* 1 u-law, 2 A-law */
    int32_t idlebits;
    char name[40];
    int32_t times[11];
    uint32_t alarms;
};

struct da_span {
    int32_t span;
    char name[20];
    char description[40];
    int32_t alarms;
    int32_t txlevel, rxlevel;
    int32_t bpv, crc4, ebit, fas;
    uint32_t framing_errors, code_violations, bit_errors, prbs, errored_seconds;
    int32_t irq_misses;
    int32_t sync_source;
    int32_t channels_used, channels, spans;
    int32_t lbo, lineconfig;
    char lboname[40], location[40], manufacturer[40], devicetype[40];
    int32_t irq;
    int32_t linecompat;
    char spantype[6];
} __attribute__((packed));

#endif
