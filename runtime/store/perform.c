/* SPDX-License-Identifier: MIT */
/* perform.c - carries out one commit inside the transaction of its group: all of it or nothing. If
 * keys clashed and the end of the commit may settle the clash (unique.h), it does the commit once
 * more. */
#include <string.h>

#include "store/unique.h"
#include "store/wire.h"

static void back_out(struct tn_writer *w)
{
    while (w->undo_count) {
        struct tn_undo *u = &w->undo[--w->undo_count];
        u->tally->value = u->value;
    }
    w->run.count = 0;
}

static enum tn_step operations(struct tn_writer *w, struct tn_str value, struct tn_buf *result,
                               struct tn_err *err)
{
    struct tn_wire in = tn_wire(value);
    tn_take_i64(&in);
    w->origin = tn_take_id(&in);
    w->depth = tn_take_u8(&in);
    w->fresh = tn_id_new();
    w->slot_count = w->source_count = w->named_count = w->op = 0;
    while (in.p < in.end && !in.bad) {
        enum tn_step step = tn_writer_operation(w, &in, result, err);
        if (step != TN_STEP_ok) return step;
    }
    if (in.bad) {
        tn_fail(err, TN_E_invalid, "the commit value is damaged");
        return TN_STEP_refused;
    }
    return tn_writer_flush_events(w, err) ? TN_STEP_ok : TN_STEP_broken;
}

static bool run(struct tn_writer *w, const char *sql, struct tn_err *err)
{
    sqlite3_stmt *st = tn_db_sql(&w->db, sql, err);
    return st && tn_writer_run(w, st, "working", err);
}

bool tn_writer_savepoint(struct tn_writer *w, struct tn_err *err)
{
    if (w->alone || w->saved) return true;
    w->saved = run(w, "SAVEPOINT one", err);
    return w->saved;
}

static bool release(struct tn_writer *w, struct tn_err *err)
{
    return !w->saved || run(w, "RELEASE one", err);
}

/* The database and the tallies are as before the commit.  One without a savepoint wrote nothing. */
static bool take_back(struct tn_writer *w, struct tn_err *err)
{
    back_out(w);
    if (w->alone) return tn_db_exec(&w->db, "ROLLBACK; BEGIN IMMEDIATE", err);
    return !w->saved || run(w, "ROLLBACK TO one", err);
}

/* Takes the commit back and writes the answer that says why. */
static enum tn_step refuse(struct tn_writer *w, size_t at, struct tn_buf *result,
                           struct tn_err *err)
{
    struct tn_err why = *err;
    if (!take_back(w, err) || !release(w, err)) return TN_STEP_broken;
    result->n = at;
    tn_put_err(result, &why);
    *err = why;
    return TN_STEP_refused;
}

/* Does all operations once; the second time it uses what the first found about clashes of keys. */
static enum tn_step run_through(struct tn_writer *w, struct tn_str value, struct tn_buf *result,
                                struct tn_err *err)
{
    static const char room[4];
    size_t at = result->n;
    for (;;) {
        bool again = false;
        tn_put_err(result, NULL);
        tn_buf_add(result, room, sizeof room);
        tn_put_i64(result, w->now);
        enum tn_step step = operations(w, value, result, err);
        if (step == TN_STEP_ok && w->unique) step = tn_unique_settle(w, &again, err);
        if (step != TN_STEP_ok || !again) return step;
        if (!take_back(w, err)) return TN_STEP_broken;
        tn_unique_again(w);
        tn_arena_reset(&w->arena);
        result->n = at;
    }
}

enum tn_step tn_writer_apply(struct tn_writer *w, struct tn_str value, bool alone,
                             struct tn_buf *result, struct tn_err *err)
{
    size_t at = result->n;
    w->undo_count = 0;
    w->alone = alone;
    w->saved = false;
    tn_err_clear(err);
    enum tn_step step = run_through(w, value, result, err);
    if (step == TN_STEP_ok && !tn_buf_ok(result, "the answer to a commit", err))
        step = alone || w->saved ? TN_STEP_refused : TN_STEP_broken;
    if (step == TN_STEP_refused)
        step = refuse(w, at, result, err);
    else if (step == TN_STEP_ok) {
        uint32_t count = (uint32_t)w->op;
        memcpy(result->p + at + 1, &count, sizeof count);
        if (!release(w, err)) step = TN_STEP_broken;
    }
    tn_unique_free(w);
    tn_arena_reset(&w->arena);
    return step;
}
