/* SPDX-License-Identifier: MIT */
/* shared.h - one memory page that all processes of a running Tenon share: which processes live,
 * what each worker is doing now and what it has done, and which isolates (script/isolate.h) are in
 * quarantine. The supervisor makes it before it forks; the fields are atomic, and there are no
 * locks.
 *
 * There is room for TN_SUSPECTS_MAX isolates. When it is full, a new one replaces the oldest that
 * is not in quarantine. When all are in quarantine, a new one is not noted, and the caller is told
 * so. */
#ifndef TN_LOOP_SHARED_H
#define TN_LOOP_SHARED_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "loop/counters.h"

/* A name has room for the longest that an integration's isolate can have. */
enum {
    TN_WORKERS_MAX = 64,
    TN_UNIT_NAME = 128,
    TN_SUSPECTS_MAX = 128,
    TN_OWED = -1,
    TN_DAMAGES_MAX = 32
};

enum tn_process_state {
    TN_PROCESS_none,
    TN_PROCESS_starting,
    TN_PROCESS_ready,
    TN_PROCESS_stopping
};

struct tn_shared_process {
    _Atomic int pid;
    _Atomic int state;       /* enum tn_process_state */
    _Atomic int64_t beat_us; /* monotonic time at which the loop last ran */
    _Atomic uint32_t restarts;
    _Atomic uint64_t scripts;    /* version of the scripts that a worker serves: grows with each
                                    change */
    char unit[TN_UNIT_NAME];     /* the isolate whose script runs now; "": none */
    unsigned char holder[16];    /* id under which this worker claims queue entries; zeroes: none
                                    yet */
    struct tn_counters counters; /* of a worker */
};

/* An isolate that was running when a worker died, or that overran its budget repeatedly. */
struct tn_shared_suspect {
    _Atomic uint64_t key; /* hash of its name; 0: the place is free */
    char unit[TN_UNIT_NAME];
    _Atomic int64_t since_us; /* monotonic time */
    _Atomic uint32_t deaths;
    _Atomic bool overran;
    _Atomic int owed;       /* who has to write the event of the quarantine: TN_OWED anyone, or
                               that worker; 0: no event */
    _Atomic bool by_deaths; /* the event is to say that workers died */
    char of[TN_UNIT_NAME];  /* the script unit that the isolate runs, if it is known */
};

/* A table of the database in which a statement met a damaged page. */
struct tn_shared_damage {
    _Atomic uint64_t key; /* of its name; 0: the place is free */
    char table[TN_UNIT_NAME];
    _Atomic bool named;
    _Atomic uint64_t met; /* statements */
};

struct tn_shared {
    struct tn_shared_process store, workers[TN_WORKERS_MAX];
    struct tn_shared_suspect suspects[TN_SUSPECTS_MAX];
    struct tn_shared_damage damages[TN_DAMAGES_MAX];
    _Atomic int worker_count;
    _Atomic uint64_t reload_failures, reloads;
    int64_t started_ms;
};

struct tn_shared *tn_shared_new(void); /* memory shared with child processes; NULL: errno says
                                          why */
void tn_shared_free(struct tn_shared *s);

/* For the supervisor: notes that a worker died while unit ran; returns how often that has happened.
 * 0: isolates in quarantine have all places, so it was not noted. */
uint32_t tn_shared_blame(struct tn_shared *s, const char *unit);
/* Two deaths put an isolate into quarantine until scripts change. */
bool tn_shared_quarantined(const struct tn_shared *s, const char *unit);
/* The isolate `unit` overran its budget repeatedly: it is in quarantine until its script unit `of`
 * changes, or somebody releases it. False: it was in quarantine already; or all places are taken by
 * others in quarantine, and it is not put there. */
bool tn_shared_overran(struct tn_shared *s, const char *unit, const char *of);
/* True: no other isolate can be put into quarantine. */
bool tn_shared_full(const struct tn_shared *s);
/* The suspect at place i (0 to TN_SUSPECTS_MAX - 1) if it is in quarantine; else NULL. */
const struct tn_shared_suspect *tn_shared_in_quarantine(const struct tn_shared *s, int i);
/* Each quarantine owes one event, even if it has ended meanwhile. Returns the suspect at place i if
 * this worker (numbered from 1) has to write its event. No other worker gets it until this one has
 * reported with tn_shared_told. NULL: no event is owed. */
const struct tn_shared_suspect *tn_shared_tell(struct tn_shared *s, int i, int worker);
void tn_shared_told(struct tn_shared *s, int i, int worker, bool ok);
/* A worker died: the events that it took with tn_shared_tell and did not report are owed again. */
void tn_shared_untell(struct tn_shared *s, int worker);
bool tn_shared_release(struct tn_shared *s, const char *unit); /* false: it was not in quarantine */
/* A script unit changed ("core": a change for all). Ends the quarantine of isolates that run it,
 * and of all that were running when a worker died. */
void tn_shared_pardon(struct tn_shared *s, const char *changed);

/* A statement met a damaged page of this table.  True: the first in any process.  When all places
 * are taken by other tables, it is not noted. */
bool tn_shared_damaged(struct tn_shared *s, const char *table);
/* The damage at place i, from 0 to TN_DAMAGES_MAX - 1; NULL: there is none. */
const struct tn_shared_damage *tn_shared_damage(const struct tn_shared *s, int i);

#endif
