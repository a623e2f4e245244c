/* SPDX-License-Identifier: MIT */
/* box.h - the values that declarations are made of: they hold what a script file declared, and at
 * which line. The module that makes declarations pushes them (bind_tenon.c); code that checks
 * declarations reads them. */
#ifndef TN_SCRIPT_BOX_H
#define TN_SCRIPT_BOX_H

#include <lua.h>
#include <stdbool.h>

/* The value of tn.adapter {...}, tn.text "name" {...}, tn.auth.basic {...}: a word and a name, the
 * place in the file, and a table of options, whose fields can be read from the value itself. */
struct tn_box {
    char what[16];  /* "adapter", "field", "auth", "webhook", "route" */
    char kind[32];  /* field: its type; auth: its kind; else "" */
    char name[128]; /* "": no name */
    char file[128];
    int line;
    bool filled;
};
/* Pushes a new box. options: stack index of its table, or 0: the script will call the box with a
 * table. */
void tn_box_push(lua_State *L, const char *what, const char *kind, const char *name, int options);
/* NULL: the value is no box, or has another `what` (what NULL: any). */
const struct tn_box *tn_box_test(lua_State *L, int index, const char *what);
void tn_box_options(lua_State *L, int index); /* pushes its table, or nil */

#endif
