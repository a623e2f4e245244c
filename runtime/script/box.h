/* SPDX-License-Identifier: MIT */
/* box.h - the values that declarations are made of: what a script file said, and where.  The module
 * that makes declarations pushes them (bind_tenon.c), who checks declarations reads them. */
#ifndef TN_SCRIPT_BOX_H
#define TN_SCRIPT_BOX_H

#include <lua.h>
#include <stdbool.h>

/* What tn.adapter {...}, tn.text "name" {...}, tn.auth.basic {...} give: a word and a name, the
 * place where it stands, and a table of options, whose fields the value shows as its own. */
struct tn_box {
    char what[16];  /* "adapter", "field", "auth", "webhook", "route" */
    char kind[32];  /* field: its type; auth: its kind; else "" */
    char name[128]; /* "" : none */
    char file[128];
    int line;
    bool filled; /* it has its options */
};
/* Pushes a new one; options: stack index of its table, or 0: it is to be called with one. */
void tn_box_push(lua_State *L, const char *what, const char *kind, const char *name, int options);
/* NULL: the value is none, or none of that sort (what NULL: any). */
const struct tn_box *tn_box_test(lua_State *L, int index, const char *what);
void tn_box_options(lua_State *L, int index); /* pushes its table, or nil */

#endif
