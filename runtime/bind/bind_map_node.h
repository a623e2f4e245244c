/* SPDX-License-Identifier: MIT */
/* bind_map_node.h - the nodes that the constructors of tenon.map make; for bind_map*.c alone.
 * A value is a chain of nodes, of which the script holds the last operator. Nodes never change,
 * so chains can share their beginning. */
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

/* A declaration: its user value 1 is the table with which the script called map. */
struct map_declaration {
    int line;
    char file[128];
};

/* The node at index; NULL: the value is no node. */
const struct map_node *map_node_at(lua_State *L, int index);
/* Raises kind invalid, with file and line of the script that called the constructor. */
_Noreturn int map_misuse(lua_State *L, const char *fmt, ...) TN_PRINTF(2, 3);
bool map_is_reject(lua_State *L, int index);
bool map_is_warn(lua_State *L, int index);

/* ---- the declaration as a spec (bind_map_spec.c) ---- */

struct map_example {
    struct tn_str give, expect; /* JSON; expect absent: the record is to be rejected */
};

struct map_spec {
    struct tn_arena arena; /* holds all texts of the spec */
    struct tn_buf scratch;
    struct tn_spec spec;
    const char *reads, *writes;
    int *functions; /* references (tn_isolate_keep) */
    size_t function_count;
    const struct tn_spec_field *out; /* fields to send back; value NULL: not sent */
    size_t out_count;
    struct map_example *examples;
    size_t example_count;
};
/* Reads the declaration on top of the stack. Raises, with file, line and field, when it is
 * wrong; the caller then has to release what s holds all the same. */
void map_spec_read(lua_State *L, struct map_spec *s);

/* ---- the source record for functions (bind_map_view.c) ---- */

void map_view_open(lua_State *L); /* metatables */
/* Pushes the root from which all views of one function call are made; it is closed at first. */
struct map_view_root *map_view_new(lua_State *L);
void map_view_set(struct map_view_root *root, struct tn_jval record);
void map_view_close(struct map_view_root *root); /* views that scripts kept raise from now on */
/* The JSON of the view at index; absent when the value is no view. */
struct tn_str map_view_raw(lua_State *L, int index);

#endif
