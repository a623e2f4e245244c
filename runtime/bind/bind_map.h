/* SPDX-License-Identifier: MIT */
/* bind_map.h - require "tenon.map": compiles a mapping that is declared in Lua into a plan
 * (mapping/plan.h).
 * Life: the isolate loads the file; tn_mapping_load checks the declaration that the file
 * returned, compiles it and runs its examples; tn_mapping_free. */
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
    const char *key;    /* target field with the external id; "": the key is a value of its own */
    size_t examples;    /* how many examples ran at loading */
};

/* A loaded mapping: a plan whose functions run in the isolate. */
struct tn_mapping;

/* Gets the result of each example; err NULL: it passed. With a watch, an example that fails
 * stops neither the other examples nor the loading of its mapping. */
struct tn_example_watch {
    void (*each)(void *arg, const char *file, size_t number, const struct tn_err *err);
    void *arg;
};

/* Checks and compiles the declaration under ref and runs its examples. ref is what
 * tn_isolate_load gave for the mapping's file; it stays the caller's. Keeps a reference to the
 * isolate. targets: the fields of the resource (NULL ends; NULL: not checked). watch NULL: an
 * example that fails is a fault of the file. NULL: err has file, line, field and what was
 * expected; nothing is kept. */
TN_MUST_CHECK struct tn_mapping *tn_mapping_load(struct tn_isolate *isolate, int ref,
                                                 const char *const *targets,
                                                 const struct tn_example_watch *watch,
                                                 struct tn_err *err);
/* Checks the declaration without making a plan. name gets the name of the resource that the
 * mapping writes ("item"), with which the caller finds the targets. False: err as above. */
TN_MUST_CHECK bool tn_mapping_writes(struct tn_isolate *isolate, int ref, char *name, size_t room,
                                     struct tn_err *err);
void tn_mapping_free(struct tn_mapping *m); /* NULL does nothing */
const struct tn_plan *tn_mapping_plan(const struct tn_mapping *m);
const struct tn_map_info *tn_mapping_info(const struct tn_mapping *m);
/* The plan for the other direction: from one of our records to one of the other system. NULL:
 * err names the fields that cannot be inverted. For each of them the mapping has to say in `out`
 * what is sent. */
TN_MUST_CHECK const struct tn_plan *tn_mapping_back(const struct tn_mapping *m, struct tn_err *err);
/* Tells for each of the n fields whether and how it can be sent back. */
const struct tn_way_back *tn_mapping_ways(const struct tn_mapping *m, size_t *n);
/* How many of the last function calls, in a row, failed with kind budget. At three the caller
 * should stop using the isolate. */
unsigned tn_mapping_overruns(const struct tn_mapping *m);

#endif
