/* SPDX-License-Identifier: MIT */
/* decl_read.h - functions with which decl*.c, and no other file, read declarations.
 * A reader runs inside tn_isolate_protect. It raises faults and allocates in the declaration's
 * arena. */
#ifndef TN_SCRIPTS_DECL_READ_H
#define TN_SCRIPTS_DECL_READ_H

#include "script/box.h"
#include "scripts/declared.h"

struct owner { /* decl comes first: every declaration is one of these */
    struct tn_decl decl;
    struct tn_arena arena;
    int *refs;
    size_t n_refs;
};

struct reading {
    lua_State *L;
    const char *file;
    int line; /* where the table that is being read begins */
    struct owner *out;
};

enum { D_TEXT = 1, D_INT = 2, D_BOOL = 4, D_FUNCTION = 8, D_TABLE = 16, D_BOX = 32, D_ANY = 64 };
/* A key that a table takes. The name "#" permits values without keys, "#any" permits all other
 * keys. */
struct key {
    const char *name;
    unsigned types;
    bool required;
};

/* Checks a table against its keys; raises the fault that stands first in the file. table:
 * absolute stack index; what: how messages call the table ("tn.adapter"). */
void tn_decl_check(struct reading *r, int table, const struct key *keys, const char *what);
/* The same for a table that has a name of its own: "sync_items", which is an "operation". */
void tn_decl_check_named(struct reading *r, int table, const struct key *keys, const char *what,
                         const char *name);
/* Raises when word has no effect in this version (not_yet.h). */
void tn_decl_refuse_vain(struct reading *r, const char *what, const char *word);
/* Raises a fault with the declaration's file and this line. */
_Noreturn void tn_decl_fault(struct reading *r, int line, const char *fmt, ...) TN_PRINTF(3, 4);
/* Describes the type of a value for a message: "a text", "a function". */
const char *tn_decl_type(lua_State *L, int index);
/* The line on which key is given, searched from r->line on. */
int tn_decl_key_line(struct reading *r, const char *key);

const char *tn_decl_text(struct reading *r, int index); /* copied */
void *tn_decl_array(struct reading *r, size_t n,
                    size_t size);              /* zeroed, with one more element at the end */
int tn_decl_ref(struct reading *r, int index); /* released with the declaration */

/* Read members of a table that tn_decl_check has checked. */
bool tn_decl_push(struct reading *r, int table,
                  const char *key); /* false: the key is missing, nothing is pushed */
const char *tn_decl_opt_text(struct reading *r, int table, const char *key); /* NULL: none */
int tn_decl_opt_ref(struct reading *r, int table, const char *key);          /* LUA_NOREF: none */
const char *const *tn_decl_texts(struct reading *r, int table, const char *what);
const char *const *tn_decl_opt_texts(struct reading *r, int table, const char *key);
size_t tn_decl_count(lua_State *L, int table); /* of all keys */

/* decl_field.c: a list of fields; *n gets their number. */
const struct tn_field *tn_decl_fields(struct reading *r, int table, const char *what, size_t *n);
/* Raises where one of these is unique: they are no fields of a record. */
void tn_decl_not_unique(struct reading *r, const struct tn_field *fields, size_t n,
                        const char *inside);
/* decl_surface.c: member "retry", the pauses between tries; without it tn_backoff_hours, and an
 * empty list permits one try. */
void tn_decl_retry(struct reading *r, int table, struct tn_backoff *out);
/* The JSON of the value at index; raises when it has none. */
const char *tn_decl_json(struct reading *r, int index, const char *what);

void tn_decl_read_adapter(struct reading *r, int table);
void tn_decl_read_resource(struct reading *r, int table);
void tn_decl_read_surface(struct reading *r, int table);
void tn_decl_read_rule(struct reading *r, int table);

#endif
