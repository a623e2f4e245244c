/* SPDX-License-Identifier: MIT */
/* bind_map.h - require "tenon.map": a mapping declared in Lua becomes a compiled plan.
 * Life: the isolate loads the file; tn_mapping_load checks the declaration that it returned,
 * compiles it and runs its examples; tn_mapping_free. */
#ifndef TN_BIND_BIND_MAP_H
#define TN_BIND_BIND_MAP_H

#include <lua.h>
#include <stddef.h>

#include "mapping/apply.h"
#include "mapping/reverse.h"

struct tn_isolate;

struct tn_map_info {
    const char *file;   /* "mappings/oracle_fusion/item.lua" */
    const char *reads;  /* "oracle_fusion.item" */
    const char *writes; /* "item" */
    const char *key;    /* the target field that is the external id; "": a value of its own */
    size_t examples;    /* how many examples ran when the file was loaded */
};

/* A loaded mapping: a plan whose functions run in the isolate. */
struct tn_mapping;

/* A watcher gets the result of each example; err NULL: it passed. With a watcher, an example that
 * fails stops neither the other examples nor the loading of its mapping. */
struct tn_example_watch {
    void (*each)(void *arg, const char *file, size_t number, const struct tn_err *err);
    void *arg;
};

/* Checks and compiles the declaration under ref (what tn_isolate_load kept of a mapping file; it
 * stays the caller's) and runs its examples.  Keeps a reference to the isolate.  targets: the
 * fields that the resource has (NULL ends; NULL: not checked).  watch may be NULL: an example that
 * fails is a fault of the file.
 * NULL: err has file, line, field and what was expected; nothing is kept. */
TN_MUST_CHECK struct tn_mapping *tn_mapping_load(struct tn_isolate *isolate, int ref,
                                                 const char *const *targets,
                                                 const struct tn_example_watch *watch,
                                                 struct tn_err *err);
/* Checks the declaration without making a plan, and copies the name of the resource that it writes
 * ("item"), with which the caller looks up the targets. False: err, as above. */
TN_MUST_CHECK bool tn_mapping_writes(struct tn_isolate *isolate, int ref, char *name, size_t room,
                                     struct tn_err *err);
void tn_mapping_free(struct tn_mapping *m); /* NULL does nothing */
const struct tn_plan *tn_mapping_plan(const struct tn_mapping *m);
const struct tn_map_info *tn_mapping_info(const struct tn_mapping *m);
/* The plan for the other direction, which makes one of their records from one of ours. NULL: err
 * names the fields that cannot be inverted; for each of them the mapping's `out` has to say what is
 * sent. */
TN_MUST_CHECK const struct tn_plan *tn_mapping_back(const struct tn_mapping *m, struct tn_err *err);
/* Which field can be sent back, and how; n of them. */
const struct tn_way_back *tn_mapping_ways(const struct tn_mapping *m, size_t *n);
/* How many functions in a row failed with kind budget so far; at three the caller should stop using
 * the isolate. */
unsigned tn_mapping_overruns(const struct tn_mapping *m);

#endif
