/* SPDX-License-Identifier: MIT */
/* shared.h - the one page that all processes of a running Tenon see: who lives, and what each worker
 * is doing right now.  Made by the supervisor before it forks; plain atomics, no locks. */
#ifndef TN_LOOP_SHARED_H
#define TN_LOOP_SHARED_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum { TN_WORKERS_MAX = 64, TN_UNIT_NAME = 64, TN_SUSPECTS_MAX = 32 };

enum tn_process_state { TN_PROCESS_none, TN_PROCESS_starting, TN_PROCESS_ready, TN_PROCESS_stopping };

struct tn_shared_process {
    _Atomic int pid;
    _Atomic int state;                     /* enum tn_process_state */
    _Atomic int64_t beat_us;               /* monotonic; the loop was alive then */
    _Atomic uint32_t restarts;
    _Atomic uint64_t scripts;              /* which scripts a worker serves: grows with each change */
    char unit[TN_UNIT_NAME];               /* the script unit that runs at this moment; "": none */
    unsigned char holder[16];              /* who claims work in this place; zeroes: nobody yet */
};

/* An isolate that was running when a worker died, or that overran its budget time after time. */
struct tn_shared_suspect {
    char unit[TN_UNIT_NAME];
    _Atomic uint32_t deaths;
    _Atomic bool overran;
    char of[TN_UNIT_NAME];                 /* the script unit that it runs, if that is known */
};

struct tn_shared {
    struct tn_shared_process store, workers[TN_WORKERS_MAX];
    struct tn_shared_suspect suspects[TN_SUSPECTS_MAX];
    _Atomic int worker_count;
    _Atomic uint64_t reload_failures, reloads;
    int64_t started_ms;
};

struct tn_shared *tn_shared_new(void);             /* mapped shared; NULL: errno */
void tn_shared_free(struct tn_shared *s);

/* Supervisor: notes that a worker died while unit ran; answers how often that has happened. */
uint32_t tn_shared_blame(struct tn_shared *s, const char *unit);
/* Two deaths put a unit into quarantine until scripts change. */
bool tn_shared_quarantined(const struct tn_shared *s, const char *unit);
/* It overran its budget time after time: in quarantine until the script unit that it runs changes,
 * or somebody releases it.  False: it was already, or there is no room to note it. */
bool tn_shared_overran(struct tn_shared *s, const char *unit, const char *of);
bool tn_shared_release(struct tn_shared *s, const char *unit);     /* false: it was not there */
/* This script unit changed ("core": all go by it): another chance for those that run it, and for
 * all that were running when a worker died. */
void tn_shared_pardon(struct tn_shared *s, const char *changed);

#endif
