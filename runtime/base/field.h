/* SPDX-License-Identifier: MIT */
/* field.h - a declared field of a record, a config or a request, and the check of JSON against it.
 * Adapters' config and resources' fields become arrays of these; validation, masking, OpenAPI, the
 * console's forms and columns all read them. */
#ifndef TN_BASE_FIELD_H
#define TN_BASE_FIELD_H

#include "base/err.h"
#include "base/json.h"
#include "base/str.h"

enum tn_field_type {
    TN_FIELD_text,
    TN_FIELD_int,
    TN_FIELD_decimal,
    TN_FIELD_bool,
    TN_FIELD_time,
    TN_FIELD_date,
    TN_FIELD_uuid,
    TN_FIELD_url,
    TN_FIELD_secret,
    TN_FIELD_state,
    TN_FIELD_list,
    TN_FIELD_object,
    TN_FIELD_any,
    TN_FIELD_types
};

struct tn_transition {
    const char *from;
    const char *const *to; /* NULL ends */
};

/* Plain data; owned by whoever built it (scripts/decl.c: an arena). */
struct tn_field {
    const char *name;
    const char *title, *help; /* for people; NULL: none */
    enum tn_field_type type;
    int line;                       /* in the file that declares it; 0: none */
    bool required, generated, null; /* null: null is a value it may have */
    bool unique;                    /* no two records of a team have the same value */
    const char *default_json;       /* NULL: none */
    const char *min, *max;     /* numbers: value; text: characters; list: elements; NULL: none */
    const char *pattern;       /* Lua pattern for text; NULL: any */
    const char *const *values; /* permitted texts; NULL ends; NULL: any.  state: its states */
    const char *initial;       /* state: what a new record has unless it says otherwise */
    const char *const *first; /* state: what else a new record may have; NULL ends; NULL: nothing */
    const char *ref;          /* uuid: the entity of which a record has this id; NULL: none */
    const struct tn_transition *moves; /* state: permitted changes; from NULL ends; NULL: any */
    const struct tn_field *fields;     /* object: members; list: of one, the element */
    size_t n_fields;                   /* 0: any members, any elements */
};

const char *tn_field_type_name(enum tn_field_type type); /* "text" */
enum tn_field_type tn_field_type_of(struct tn_str name); /* TN_FIELD_types: none */
const struct tn_field *tn_field_find(const struct tn_field *fields, size_t n, struct tn_str name);

enum {
    TN_FIELD_PARTIAL = 1,     /* what is missing is not looked at (PATCH) */
    TN_FIELD_OPEN = 2,        /* unknown members are let through */
    TN_FIELD_FROM_OUTSIDE = 4 /* members that are generated may not be given */
};
/* Checks the members of object.  False: kind invalid, field is the path of the first offender
 * ("config.base_url"; path is put in front, "" puts nothing), text says what was expected. */
TN_MUST_CHECK bool tn_field_check(const struct tn_field *fields, size_t n, struct tn_jval object,
                                  const char *path, unsigned flags, struct tn_err *err);
/* The same, all offenders: fn for each (at most 100); returns how many there were. */
typedef void (*tn_field_fault_fn)(void *arg, const struct tn_err *fault);
size_t tn_field_check_all(const struct tn_field *fields, size_t n, struct tn_jval object,
                          const char *path, unsigned flags, tn_field_fault_fn fn, void *arg);
/* Writes object with the defaults of absent members filled in: source order first, then declared
 * order.  Objects inside are filled likewise. */
void tn_field_fill(const struct tn_field *fields, size_t n, struct tn_jval object, struct tn_jw *w);
/* One value likewise; f NULL: as it is. */
void tn_field_fill_value(const struct tn_field *f, struct tn_jval value, struct tn_jw *w);
/* Writes object with each secret that has a value replaced by mask. */
void tn_field_mask(const struct tn_field *fields, size_t n, struct tn_jval object, const char *mask,
                   struct tn_jw *w);
/* May a state field go from one state to the other?  Staying is always permitted. */
bool tn_field_may_move(const struct tn_field *field, struct tn_str from, struct tn_str to);
/* Does every state field of the record go only where it may, between these two?  Of a new record
 * (before is absent): does it have the first state, or none?  fn for each that does not: kind state
 * (a move), invalid (a first state); returns how many there were. */
size_t tn_field_check_moves(const struct tn_field *fields, size_t n, struct tn_jval before,
                            struct tn_jval after, tn_field_fault_fn fn, void *arg);

#endif
