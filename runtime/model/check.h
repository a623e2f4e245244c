/* SPDX-License-Identifier: MIT */
/* check.h - decides whether a record keeps the rules of its entity. REST, sync, scripts and
 * import all use it, so a fault has the same code, path and message for each. The store checks
 * keys and versions; tx.h checks references. */
#ifndef TN_MODEL_CHECK_H
#define TN_MODEL_CHECK_H

#include "model/entity.h"

enum { TN_FAULTS_MAX = 100 };

/* The faults of a value: the first hundred, and the number of all. Life: init; add; clear. */
struct tn_faults {
    struct tn_err *v; /* each with kind, code, field, text, params */
    size_t n, total;
};
void tn_faults_init(struct tn_faults *f);
void tn_faults_clear(struct tn_faults *f);
void tn_faults_add(void *faults, const struct tn_err *fault); /* a tn_field_fault_fn */
/* Copies the first fault to err; returns false. There has to be one. */
bool tn_faults_fail(const struct tn_faults *f, struct tn_err *err);
/* Writes the array of all faults: [{"code", "path", "params", "message"}, ...]. */
void tn_faults_write(const struct tn_faults *f, struct tn_jw *w);

enum { TN_CHECK_MERGED = 8 }; /* the record was merged from a patch: a secret it lacks goes */
/* Checks the members of a record except system fields. before: the stored record; absent: the
 * record is new. flags: those of tn_field_check except TN_FIELD_PARTIAL, and TN_CHECK_MERGED.
 * False: the faults were added. */
TN_MUST_CHECK bool tn_check(const struct tn_entity *e, struct tn_jval before, struct tn_jval after,
                            unsigned flags, struct tn_faults *faults);
/* Writes the record as it is to be stored: without system fields, with defaults and with what is
 * generated (a new UUID, the time now) where a new record lacks it; of an old one, what was
 * generated then.  Secrets that are masked stay what they were; those that are left out, too,
 * unless flags has TN_CHECK_MERGED. */
void tn_check_fill(const struct tn_entity *e, struct tn_jval before, struct tn_jval after,
                   unsigned flags, int64_t now_ms, struct tn_jw *w);

/* Makes the text that is stored for a secret. belongs binds it to its place: "<id>/item/pin". */
struct tn_sealer {
    void (*seal)(const void *self, struct tn_str secret, struct tn_str belongs, struct tn_buf *out);
    const void *self;
};
/* Writes a filled record with its secrets sealed. Secrets that it took from before are sealed
 * already. */
void tn_check_seal(const struct tn_entity *e, const struct tn_id *id,
                   const struct tn_sealer *sealer, struct tn_jval before, struct tn_jval filled,
                   struct tn_jw *w);

/* Calls fn for each reference in a record. */
typedef void (*tn_reference_fn)(void *arg, const struct tn_field *field, struct tn_str path,
                                const struct tn_id *id);
void tn_check_references(const struct tn_entity *e, struct tn_jval record, tn_reference_fn fn,
                         void *arg);
/* Fills err with the fault of a reference whose record does not exist. */
void tn_check_no_such(const struct tn_field *field, struct tn_str path, const struct tn_id *id,
                      struct tn_err *err);
/* err is what the store says of a record whose key another one has (kind key_taken): becomes the
 * fault of the field. */
void tn_check_say_taken(const struct tn_entity *e, struct tn_err *err);
/* Is such an err about the key of the entity?  Else it is about a unique field. */
bool tn_check_is_key_taken(const struct tn_entity *e, const struct tn_err *err);

#define TN_SECRET_MASK "********"

#endif
