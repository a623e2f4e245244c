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

/* Plain data; owned by the code that built it (in scripts/decl.c by an arena). */
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
    const char *const *values; /* permitted texts (of a state: its states); a NULL ends them;
                                  NULL: any text */
    const char *initial;       /* state: the state of a new record that names none */
    const char *const *first;  /* state: further states that a new record may have; a NULL ends
                                  them; NULL: none */
    const char *ref;           /* uuid: the entity whose record has this id; NULL: none */
    const struct tn_transition *moves; /* state: permitted changes; one with from NULL ends them;
                                          NULL: any */
    const struct tn_field *fields;     /* object: its members; list: one field, its element */
    size_t n_fields;                   /* 0: it may have any members, or any elements */
};

const char *tn_field_type_name(enum tn_field_type type); /* "text" */
enum tn_field_type tn_field_type_of(struct tn_str name); /* TN_FIELD_types: none */
const struct tn_field *tn_field_find(const struct tn_field *fields, size_t n, struct tn_str name);

enum {
    TN_FIELD_PARTIAL = 1,     /* missing members are not checked (PATCH) */
    TN_FIELD_OPEN = 2,        /* unknown members are permitted */
    TN_FIELD_FROM_OUTSIDE = 4 /* generated members are refused */
};
/* Checks the members of object. False: kind invalid; field is the path of the first faulty member
 * ("config.base_url"; path comes in front, "" adds nothing), text says what was expected. */
TN_MUST_CHECK bool tn_field_check(const struct tn_field *fields, size_t n, struct tn_jval object,
                                  const char *path, unsigned flags, struct tn_err *err);
/* The same for all faults: calls fn for each (at most 100) and returns how many there were. */
typedef void (*tn_field_fault_fn)(void *arg, const struct tn_err *fault);
size_t tn_field_check_all(const struct tn_field *fields, size_t n, struct tn_jval object,
                          const char *path, unsigned flags, tn_field_fault_fn fn, void *arg);
/* Writes object, and adds the default of each absent member: members keep their order, added ones
 * follow in declared order. Does the same for objects inside. */
void tn_field_fill(const struct tn_field *fields, size_t n, struct tn_jval object, struct tn_jw *w);
/* Does the same for one value; with f NULL it writes the value as it is. */
void tn_field_fill_value(const struct tn_field *f, struct tn_jval value, struct tn_jw *w);
/* Writes object with each secret that has a value replaced by mask. */
void tn_field_mask(const struct tn_field *fields, size_t n, struct tn_jval object, const char *mask,
                   struct tn_jw *w);
/* May a state field go from one state to the other?  Staying is always permitted. */
bool tn_field_may_move(const struct tn_field *field, struct tn_str from, struct tn_str to);
/* Checks the state fields of a record that changes from before to after. A new record (before is
 * absent) must have a permitted first state, or none. Calls fn for each fault: kind state for a
 * change that is not permitted, invalid for a first state. Returns how many there were. */
size_t tn_field_check_moves(const struct tn_field *fields, size_t n, struct tn_jval before,
                            struct tn_jval after, tn_field_fault_fn fn, void *arg);

#endif
