/* SPDX-License-Identifier: MIT */
/* source.h - an adapter as the sync engine sees it: structs of functions, no Lua.
 * scripts/source.c implements them over Lua; tests fake them in C. */
#ifndef TN_SYNC_SOURCE_H
#define TN_SYNC_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

struct tn_entities;
struct tn_entity;
struct tn_loading;
struct tn_plan;
struct tn_retry;

/* A record of a page that could not be read: the others go on without it. */
struct tn_source_bad {
    struct tn_str message; /* "line 7: 3 cells, but the header has 4" */
    struct tn_str payload; /* its bytes as they came */
    size_t line;           /* in the answer, from 1 */
};

/* One page of records as the peer sent it. */
struct tn_source_page {
    struct tn_str text;   /* the whole answer, exact bytes; borrowed until release */
    struct tn_str rows;   /* path of the array of records in it; "" = the text is the array */
    struct tn_str cursor; /* JSON: where a later run goes on after this page; absent: nowhere */
    const struct tn_source_bad *bad;
    size_t bad_count;
    int64_t total; /* records in all as far as the peer says, for progress; -1: unknown */
    void *handle;  /* the source's own */
};

/* Answers one next(): a page; or NULL with err->kind none: no more pages; or NULL with the failure.
 */
typedef void (*tn_source_fn)(void *arg, const struct tn_source_page *page,
                             const struct tn_err *err);

struct tn_source_ops {
    /* Asks for the next page; done is called once, in a later turn of the loop.  The source may
     * fetch one page ahead.  One next at a time. */
    void (*next)(void *self, tn_source_fn done, void *arg);
    /* The page's bytes are no longer needed. */
    void (*release)(void *self, const struct tn_source_page *page);
    /* Ends it, whatever is under way; done is not called any more; self is gone. */
    void (*close)(void *self);
};

/* The adapter's side of one run, opened for it and closed after it.  It stays on the generation
 * that it began with, even if scripts are reloaded meanwhile. */
struct tn_source {
    const struct tn_source_ops *ops;
    void *self;
    const struct tn_plan *plan;       /* how a record becomes ours; lives as long as the source */
    const char *table;                /* where records go: the resource's table */
    const struct tn_entity *resource; /* whose rules they keep; NULL: none are known */
    const struct tn_entities *resources; /* that references name; NULL: none */
    const char *entity;                  /* "item": part of the link's key */
    bool adopt; /* a record that was made anew over there keeps its record here (on_key_conflict) */
    const char *mapping;          /* "mappings/oracle_fusion/item.lua" */
    char generation[65];          /* SHA-256 in hex of the unit's files */
    const struct tn_retry *retry; /* its records come from quarantine (retry.h); NULL: no */
    const int64_t *replaced_us;   /* as tn_mono_us, when other scripts took over; 0: not yet.  Lives
                                   * as long as the source; NULL: never */
};

/* Functions of the installed adapters.  All answers come in a later turn of the loop. */
struct tn_run_request {
    int64_t team;            /* as the store numbers them */
    const char *integration; /* id (UUID text) */
    const char *operation;   /* "sync_items" */
    struct tn_str filters;   /* JSON object */
    struct tn_str cursor;    /* JSON: go on from here; absent: from the start */
    unsigned depth;          /* runs of rules in a row that led to the run */
    bool retry;              /* the records come from quarantine: nothing is asked of the peer */
};
/* err: why it cannot be loaded, or NULL. */
typedef void (*tn_loaded_fn)(void *arg, const struct tn_err *err);

struct tn_adapter_ops {
    /* Loads the scripts that open needs, which may take long, while others go on; done is called
     * once, in a later turn.  NULL: there is nothing to load.  The function may be NULL. */
    struct tn_loading *(*load)(void *self, const struct tn_run_request *r, tn_loaded_fn done,
                               void *arg);
    void (*stop)(struct tn_loading *loading); /* before done was called, which is not then */
    /* Fills *out.  False: no such integration or operation, disabled, or its scripts do not load.
     */
    bool (*open)(void *self, const struct tn_run_request *r, struct tn_source *out,
                 struct tn_err *err);
};

#endif
