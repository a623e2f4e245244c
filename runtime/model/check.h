/* SPDX-License-Identifier: MIT */
/* check.h - does a record keep the rules of its entity?  The one place that decides: a fault has
 * the same code, path and sentence whichever way the record came (REST, sync, script, import). What
 * only the store can know (keys, versions) it says itself; tx.h asks for references. */
#ifndef TN_MODEL_CHECK_H
#define TN_MODEL_CHECK_H

#include "model/entity.h"

enum { TN_FAULTS_MAX = 100 };

/* What is wrong with a value: all of it, the first hundred kept.
 * Life: init; add; clear. */
struct tn_faults {
    struct tn_err *v; /* each with kind, code, field, text, params */
    size_t n, total;
};
void tn_faults_init(struct tn_faults *f);
void tn_faults_clear(struct tn_faults *f);
void tn_faults_add(void *faults, const struct tn_err *fault); /* a tn_field_fault_fn */
/* The first as the failure of the whole; false.  There has to be one. */
bool tn_faults_fail(const struct tn_faults *f, struct tn_err *err);
/* The array of all: [{"code", "path", "params", "message"}, ...]. */
void tn_faults_write(const struct tn_faults *f, struct tn_jw *w);

/* The members of a record, system fields aside.  before: as it is stored; absent: it is new.  flags
 * are those of tn_field_check, but TN_FIELD_PARTIAL.  False: faults got what is wrong. */
TN_MUST_CHECK bool tn_check(const struct tn_entity *e, struct tn_jval before, struct tn_jval after,
                            unsigned flags, struct tn_faults *faults);
/* Writes the record as it is to be stored: without system fields, with defaults and with what is
 * generated (a new UUID, the time now) where a new record lacks it; of an old one, what was
 * generated then.  Secrets that are masked or left out stay what they were. */
void tn_check_fill(const struct tn_entity *e, struct tn_jval before, struct tn_jval after,
                   int64_t now_ms, struct tn_jw *w);

/* Makes the text that a secret is stored as.  belongs ties it to its place: "<id>/item/pin". */
struct tn_sealer {
    void (*seal)(const void *self, struct tn_str secret, struct tn_str belongs, struct tn_buf *out);
    const void *self;
};
/* Writes a filled record with its secrets sealed; those that before has are sealed already. */
void tn_check_seal(const struct tn_entity *e, const struct tn_id *id,
                   const struct tn_sealer *sealer, struct tn_jval before, struct tn_jval filled,
                   struct tn_jw *w);

/* The references that a record names. */
typedef void (*tn_reference_fn)(void *arg, const struct tn_field *field, struct tn_str path,
                                const struct tn_id *id);
void tn_check_references(const struct tn_entity *e, struct tn_jval record, tn_reference_fn fn,
                         void *arg);
/* The fault of one whose record is not there. */
void tn_check_no_such(const struct tn_field *field, struct tn_str path, const struct tn_id *id,
                      struct tn_err *err);
/* The fault of one whose key another record has; err is what the store says of that record. */
void tn_check_taken(const struct tn_entity *e, const struct tn_str *key, struct tn_err *err);

#define TN_SECRET_MASK "********"

#endif
