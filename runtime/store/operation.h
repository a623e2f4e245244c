/* SPDX-License-Identifier: MIT */
/* operation.h - for store/ only: functions that the files share which carry out the operations of a
 * commit value. operations.c lists all operations; record.c finds, makes and changes records;
 * upsert.c writes the records of sources, many at a time. */
#ifndef TN_STORE_OPERATION_H
#define TN_STORE_OPERATION_H

#include "store/shape.h"
#include "store/wire.h"
#include "store/writer.h"

struct tn_by; /* unique.h */

/* A table, as the commit announced it. */
struct tn_wslot {
    struct tn_wtable *table;
    unsigned count;
    signed char at[TN_STORE_COLUMNS_MAX]; /* index of each real column among the announced ones;
                                             -1: not announced */
};
struct tn_wsource {
    int64_t no, team;
};

/* Copies s into the arena of the current commit. */
static inline struct tn_str tn_keep(struct tn_writer *w, struct tn_str s)
{
    return (struct tn_str){tn_arena_strndup(&w->arena, s.p, s.n), s.n};
}

/* ---- how an operation ends ---- */

static inline enum tn_step tn_step_of(bool ok)
{
    return ok ? TN_STEP_ok : TN_STEP_broken;
}
enum tn_step tn_step_conflict(struct tn_writer *w, struct tn_err *err, const char *text);
enum tn_step tn_step_damaged(struct tn_err *err);
/* Append the outcome; id and r may be NULL. Always return ok. */
enum tn_step tn_step_done(struct tn_writer *w, struct tn_buf *result, enum tn_outcome_kind kind,
                          const struct tn_id *id, int64_t version);
enum tn_step tn_step_adopted(struct tn_writer *w, struct tn_buf *result, enum tn_outcome_kind kind,
                             const struct tn_rec *r);
enum tn_step tn_step_left_out(struct tn_writer *w, struct tn_buf *result, const struct tn_rec *r,
                              bool adoptable, const struct tn_err *why);
/* Fills err: the record's version is not the one on which the write was based. */
void tn_stale(const struct tn_rec *r, int64_t based_on, struct tn_err *err);

/* ---- reading operations; a missing part marks the wire as bad ---- */

struct tn_wslot *tn_take_slot(struct tn_writer *w, struct tn_wire *in);
struct tn_wsource *tn_take_source(struct tn_writer *w, struct tn_wire *in);
/* Looks once whether a record is there, however many upserts of the commit name it. */
enum tn_step tn_announce_named(struct tn_writer *w, struct tn_wire *in, struct tn_err *err);
/* Reads the announced cells and the body behind them; takes cells that are missing from the
 * body. */
bool tn_take_body(struct tn_writer *w, struct tn_wire *in, const struct tn_wslot *s,
                  struct tn_cell *cells, struct tn_str *body, struct tn_err *err);

/* ---- record.c; texts of a record that is found are in the arena ---- */

/* 1: found, 0: there is none, -1: err says why. */
int tn_rec_find_n(struct tn_writer *w, struct tn_wtable *t, int64_t n, struct tn_rec *r,
                  struct tn_err *err);
int tn_rec_find(struct tn_writer *w, struct tn_wtable *t, int64_t team, const struct tn_id *id,
                struct tn_rec *r, struct tn_err *err);
/* Finds records of other teams, too, because an id must be free in all teams. */
int tn_rec_find_any(struct tn_writer *w, struct tn_wtable *t, const struct tn_id *id,
                    struct tn_rec *r, struct tn_err *err);
/* The record that has this key of t->decl; none has one of which the cells lack a part. */
int tn_rec_find_key(struct tn_writer *w, struct tn_wtable *t, int64_t team,
                    const struct tn_shape_key *key, const struct tn_cell *cells, struct tn_rec *r,
                    struct tn_err *err);
/* Another record than number n that has one of the keys of these cells; *key gets which. */
int tn_rec_find_holder(struct tn_writer *w, struct tn_wtable *t, int64_t team, int64_t n,
                       const struct tn_cell *cells, const struct tn_shape_key **key,
                       struct tn_rec *r, struct tn_err *err);

/* Gives the number for the next record of the table. */
bool tn_rec_next_n(struct tn_writer *w, struct tn_wtable *t, int64_t *n, struct tn_err *err);
/* r has everything except version and times. refused: its key or id is taken. */
enum tn_step tn_rec_create(struct tn_writer *w, struct tn_wtable *t, struct tn_rec *r,
                           const struct tn_cell *cells, struct tn_err *err);
/* Creates TN_ROWS_MANY records at once, in the order of n. refused: one of the keys is taken, and
 * none was created. */
enum tn_step tn_rec_create_many(struct tn_writer *w, struct tn_wtable *t, struct tn_rec *r,
                                struct tn_cell (*cells)[TN_STORE_COLUMNS_MAX], struct tn_err *err);
/* Changes record old into r (same n and id). Links of old keep the state both sides agreed on, but
 * for the link of the upsert that makes the change (by; NULL: none), which its caller renews.
 * refused: as for create. */
enum tn_step tn_rec_change(struct tn_writer *w, struct tn_wtable *t, const struct tn_rec *old,
                           struct tn_rec *r, const struct tn_cell *cells, const struct tn_by *by,
                           struct tn_err *err);
/* Both remove a record with its links. drop is for a record that is too old: it keeps nothing of it
 * and adds no event. remove does all that a delete does. */
bool tn_rec_drop(struct tn_writer *w, struct tn_wtable *t, const struct tn_rec *r,
                 struct tn_err *err);
bool tn_rec_remove(struct tn_writer *w, struct tn_wtable *t, const struct tn_rec *r,
                   struct tn_err *err);
/* Removes former versions, and the last state of a deleted record. *kept: there were any. */
bool tn_rec_forget(struct tn_writer *w, struct tn_wtable *t, int64_t team, const struct tn_id *id,
                   bool *kept, struct tn_err *err);
/* Appends body changed by a patch (RFC 7396), or with members replaced by those of `over`. */
bool tn_rec_merged(struct tn_writer *w, struct tn_str body, struct tn_str over, bool patch,
                   struct tn_str *out, struct tn_err *err);
bool tn_link_drop(struct tn_writer *w, int64_t source, struct tn_str external_id,
                  struct tn_err *err);

/* ---- upsert.c ---- */

/* Gives the external id of the record in a source, from the record's list of links; n 0: none. */
struct tn_str tn_link_of_source(struct tn_str list, int64_t source);
enum tn_step tn_op_upsert(struct tn_writer *w, struct tn_wire *in, struct tn_buf *result,
                          struct tn_err *err);
enum tn_step tn_op_link(struct tn_writer *w, struct tn_wire *in, struct tn_buf *result,
                        struct tn_err *err);
enum tn_step tn_op_unlink(struct tn_writer *w, struct tn_wire *in, struct tn_buf *result,
                          struct tn_err *err);

#endif
