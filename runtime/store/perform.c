/* SPDX-License-Identifier: MIT */
/* perform.c - one commit inside the transaction of its group: all of it or nothing, and done once
 * more when keys clashed and the end of the commit may settle the clash (unique.h). */
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

static bool savepoint(struct tn_writer *w, const char *sql, bool alone, struct tn_err *err)
{
    sqlite3_stmt *st = alone ? NULL : tn_db_sql(&w->db, sql, err);
    return alone || (st && tn_writer_run(w, st, "working", err));
}

/* The database and the tallies are as before the commit. */
static bool take_back(struct tn_writer *w, bool alone, struct tn_err *err)
{
    back_out(w);
    return savepoint(w, "ROLLBACK TO one", alone, err) &&
           (!alone || tn_db_exec(&w->db, "ROLLBACK; BEGIN IMMEDIATE", err));
}

/* Takes the commit back and writes the answer that says why. */
static enum tn_step refuse(struct tn_writer *w, bool alone, size_t at, struct tn_buf *result,
                           struct tn_err *err)
{
    struct tn_err why = *err;
    if (!take_back(w, alone, err) || !savepoint(w, "RELEASE one", alone, err))
        return TN_STEP_broken;
    result->n = at;
    tn_put_err(result, &why);
    *err = why;
    return TN_STEP_refused;
}

/* Does all operations once; the second time it uses what the first found about clashes of keys. */
static enum tn_step run_through(struct tn_writer *w, struct tn_str value, bool alone,
                                struct tn_buf *result, struct tn_err *err)
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
        if (!take_back(w, alone, err)) return TN_STEP_broken;
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
    tn_err_clear(err);
    if (!savepoint(w, "SAVEPOINT one", alone, err)) return TN_STEP_broken;
    enum tn_step step = run_through(w, value, alone, result, err);
    if (step == TN_STEP_ok && !tn_buf_ok(result, "the answer to a commit", err))
        step = TN_STEP_refused;
    if (step == TN_STEP_refused)
        step = refuse(w, alone, at, result, err);
    else if (step == TN_STEP_ok) {
        uint32_t count = (uint32_t)w->op;
        memcpy(result->p + at + 1, &count, sizeof count);
        if (!savepoint(w, "RELEASE one", alone, err)) step = TN_STEP_broken;
    }
    tn_unique_free(w);
    tn_arena_reset(&w->arena);
    return step;
}
