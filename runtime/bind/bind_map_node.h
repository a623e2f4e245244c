/* SPDX-License-Identifier: MIT */
/* bind_map_node.h - what the constructors of tenon.map make, for the files bind_map*.c.
 * A value is a chain of nodes, the last operator first; nodes never change, so that chains can
 * share their beginning. */
#ifndef TN_BIND_BIND_MAP_NODE_H
#define TN_BIND_BIND_MAP_NODE_H

#include <lua.h>

#include "mapping/apply.h"

enum map_what {
    MAP_SOURCE,
    MAP_STEP,
    MAP_TEST,
    MAP_DEFAULT,
    MAP_REQUIRED,
    MAP_SECRET,
    MAP_ON_FAULT
};

struct map_node {
    enum map_what what;
    int line;                  /* line of the script at which the constructor was called */
    enum tn_from from;         /* SOURCE */
    enum tn_op op;             /* STEP */
    enum tn_test test;         /* TEST */
    enum tn_on_fault on_fault; /* ON_FAULT; STEP: of a look-up that misses */
    int64_t i, j;
    int mode;
};

/* User values of a node, as Lua values. */
enum { MAP_PREV = 1, MAP_A, MAP_B, MAP_VALUES };

extern const char MAP_NODE[], MAP_DECLARATION[]; /* names of metatables */

/* The declaration: user value 1 is the table that map was called with. */
struct map_declaration {
    int line;
    char file[128];
};

/* NULL: the value is none. */
const struct map_node *map_node_at(lua_State *L, int index);
/* Raises kind invalid at file and line of the script that is calling. */
_Noreturn int map_misuse(lua_State *L, const char *fmt, ...) TN_PRINTF(2, 3);
bool map_is_reject(lua_State *L, int index);
bool map_is_warn(lua_State *L, int index);

/* ---- the declaration as a spec (bind_map_spec.c) ---- */

struct map_example {
    struct tn_str give, expect; /* JSON; expect absent: the record is to be rejected */
};

struct map_spec {
    struct tn_arena arena; /* holds all of it */
    struct tn_buf scratch;
    struct tn_spec spec;
    const char *reads, *writes;
    int *functions; /* references (tn_isolate_keep) */
    size_t function_count;
    const struct tn_spec_field *out; /* what is sent back; value NULL: not */
    size_t out_count;
    struct map_example *examples;
    size_t example_count;
};
/* Reads the declaration on top of the stack.  Raises, with file, line and field, when it is wrong;
 * what s holds by then is to be released all the same. */
void map_spec_read(lua_State *L, struct map_spec *s);

/* ---- the record as functions see it (bind_map_view.c) ---- */

void map_view_open(lua_State *L); /* metatables */
/* Pushes the view from which the views of one function call hang; it starts closed. */
struct map_view_root *map_view_new(lua_State *L);
void map_view_set(struct map_view_root *root, struct tn_jval record);
void map_view_close(struct map_view_root *root); /* views that scripts kept raise from now on */
/* The JSON of the view at index; absent when it is none. */
struct tn_str map_view_raw(lua_State *L, int index);

#endif
