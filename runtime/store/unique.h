/* SPDX-License-Identifier: MIT */
/* unique.h - for store/ alone: lets a commit write keys that another record still has.
 * A key is what has to be unique: the key of the table, or the value of a unique column.
 * SQLite checks a unique key at once, but a commit is judged by its end: two records may exchange
 * their keys.  The first clash of a commit therefore begins a wait: from then on a record that gets
 * another key is written without it, and the end of the commit gives each its own, in the order of
 * the operations.  A key that is taken then fails a put or a patch, and with it the commit; an
 * upsert is left out, and the commit is done again with that verdict.
 * Life: made by the first clash of a commit, tn_unique_free at its end. A commit without a clash
 * never makes one. */
#ifndef TN_STORE_UNIQUE_H
#define TN_STORE_UNIQUE_H

#include "store/operation.h"

/* The upsert that writes a record. */
struct tn_by {
    int64_t source;
    struct tn_str external_id;
};

/* One round through the operations of the commit. */
struct tn_unique {
    bool waits;
    int round;
    struct tn_arena arena, kept; /* of this round; of the whole commit */
    struct tn_want *first, **last;
    struct tn_map by_record, by_key; /* to struct tn_want; to struct tn_claim */
    struct tn_map present;
    struct tn_verdict **verdicts; /* by operation */
    size_t verdict_count;
    struct tn_shadow_row {
        struct tn_wtable *t;
        int64_t n;
    } * shadows;
    size_t shadow_count, shadow_room;
};

static inline bool tn_unique_waits(const struct tn_writer *w)
{
    return w->unique && w->unique->waits;
}

/* As tn_rec_create and tn_rec_change, but a key that is taken waits for the end of the commit, so
 * they do not refuse.  by NULL: a put or a patch. */
enum tn_step tn_unique_create(struct tn_writer *w, struct tn_wtable *t, struct tn_rec *r,
                              const struct tn_cell *cells, const struct tn_by *by,
                              struct tn_err *err);
enum tn_step tn_unique_change(struct tn_writer *w, struct tn_wtable *t, const struct tn_rec *old,
                              struct tn_rec *r, const struct tn_cell *cells, const struct tn_by *by,
                              struct tn_err *err);
/* Writes a row whose body stays as it is (its links change). */
bool tn_unique_keep(struct tn_writer *w, struct tn_wtable *t, const struct tn_rec *r,
                    const struct tn_cell *cells, struct tn_err *err);
/* Finds a record for which the source has no external id: the one that has the table's key, else
 * the first that waits for it. Returns 1, 0, -1 as tn_rec_find does. */
int tn_unique_adoptable(struct tn_writer *w, struct tn_wtable *t, const struct tn_wsource *source,
                        const struct tn_cell *cells, struct tn_rec *r, struct tn_err *err);
/* The record is removed: it wants no key any more. */
void tn_unique_gone(struct tn_writer *w, const struct tn_wtable *t, int64_t n);
/* Begins the wait. */
void tn_unique_begin(struct tn_writer *w);

/* Why the last round leaves one of the upserts out. */
struct tn_verdict {
    bool adoptable; /* the source knows the holder under another external id */
    struct tn_err why;
};
/* The verdict on the operation under way; NULL: none. */
const struct tn_verdict *tn_unique_verdict(const struct tn_writer *w);
/* Notes that the source has this external id, because the commit names it. */
void tn_unique_present(struct tn_writer *w, int64_t source, struct tn_str external_id);
/* Copies the cells, with null in these columns (a bit for each real one). */
void tn_cells_without(const struct tn_wtable *t, const struct tn_cell *cells, uint64_t columns,
                      struct tn_cell out[TN_STORE_COLUMNS_MAX]);
/* Writes a key for people: "partNumber 'A1', organizationCode 'V1'"; long values are cut. */
void tn_key_text(const struct tn_shape *d, const struct tn_shape_key *key,
                 const struct tn_cell *cells, struct tn_buf *out);
/* Notes that a row of the table that replaces t could not get its key yet. */
void tn_unique_shadow(struct tn_writer *w, struct tn_wtable *t, int64_t n);

/* At the end of a commit that met a clash: gives the keys.  refused: the commit is not possible.
 * *again: the commit has to be taken back and done again; call tn_unique_again before that. */
enum tn_step tn_unique_settle(struct tn_writer *w, bool *again, struct tn_err *err);
void tn_unique_again(struct tn_writer *w);
void tn_unique_free(struct tn_writer *w);

#endif
