/* SPDX-License-Identifier: MIT */
#include "sync/sink.h"

#include <stdio.h>

#include "base/limits.h"
#include "base/log.h"
#include "base/time.h"
#include "loop/loop.h"
#include "store/commit.h"
#include "store/store.h"
#include "sync/diff.h"
#include "sync/retry.h"

enum {
    COMPARE_STEP = 250,
    CHUNK_BYTES = 6 * 1024 * 1024,
    QUARANTINE_BYTES = 10 * 1024 * 1024, /* leaves room for the row in TN_LIMIT_COMMIT */
    CONFLICTS_MAX = 8,
    PAUSE_MAX = 30000,
    DIFF_MEMBERS = 50,
    FORM_MAX = 16 * 1024 * 1024
};

enum job { JOB_none, JOB_page, JOB_end, JOB_stop };

/* A commit that is on its way; outlives a sink that was dropped. */
struct flight {
    struct tn_sink *sink;
    size_t *items;      /* of the batch, one an upsert: the commit's first operations */
    size_t count, next; /* next: the first item of the chunk that follows */
    size_t row_at;      /* operation that writes the run's row */
    bool last;
};

struct tn_sink {
    struct tn_sink_options o;
    char *table, *entity, *generation;
    char run[TN_ID_LEN + 1], integration[TN_ID_LEN + 1], operation[65];
    struct tn_id run_id, integration_id;
    struct tn_origin origin;
    int64_t team;
    struct tn_timer *pause;
    struct flight *flight;
    struct tn_buf form; /* bodies of rows while a commit is built */

    enum job job;
    struct tn_batch *batch;
    const struct tn_run_view *view;
    tn_sink_fn done;
    void *arg;
    size_t from;     /* first item that is not yet stored */
    size_t retry_at; /* the first row of the batch among those of the retry */
    int tries, conflicts;
    struct tn_run_counts late;
    bool cancelled;

    bool quarantined; /* this integration has records in quarantine */
    bool looked;      /* ... was looked up */
    int64_t quarantine_left;
};

static void attempt(void *arg);

struct tn_sink *tn_sink_new(const struct tn_sink_options *o, const struct tn_run_view *v)
{
    struct tn_sink *s = TN_NEW(struct tn_sink);
    s->o = *o;
    s->table = tn_strdup(o->table ? o->table : "");
    s->entity = tn_strdup(o->entity ? o->entity : "");
    s->generation = tn_strdup(o->generation ? o->generation : "");
    snprintf(s->run, sizeof s->run, "%s", v->id);
    snprintf(s->integration, sizeof s->integration, "%s", v->integration);
    snprintf(s->operation, sizeof s->operation, "%s", v->operation);
    (void)tn_id_parse(tn_str(s->run), &s->run_id);
    (void)tn_id_parse(tn_str(s->integration), &s->integration_id);
    s->origin = (struct tn_origin){.integration = s->integration_id, .entity = tn_str(s->entity)};
    s->team = v->team;
    s->quarantine_left = TN_LIMIT_SYNC_QUARANTINE;
    s->pause = tn_timer_new(o->loop, attempt, s);
    tn_buf_init(&s->form, FORM_MAX);
    return s;
}

void tn_sink_free(struct tn_sink *s)
{
    if (!s) return;
    if (s->flight) s->flight->sink = NULL;
    tn_timer_free(s->pause);
    tn_buf_clear(&s->form);
    tn_free(s->table);
    tn_free(s->entity);
    tn_free(s->generation);
    tn_free(s);
}

struct tn_run_counts tn_sink_late(struct tn_sink *s)
{
    struct tn_run_counts late = s->late;
    s->late = (struct tn_run_counts){0};
    return late;
}

bool tn_sink_cancelled(const struct tn_sink *s)
{
    return s->cancelled;
}

/* ------------------------------------------------------------------ compare */

static bool found_cured(void *arg, const struct tn_row *row)
{
    struct tn_batch *b = arg;
    if (b->cured_count == b->cured_room) {
        b->cured_room = b->cured_room ? b->cured_room * 2 : 16;
        b->cured = tn_realloc(b->cured, b->cured_room * sizeof *b->cured);
    }
    b->cured[b->cured_count++] = row->id;
    return true;
}

/* Rows of this integration and entity in quarantine; ids NULL: any. */
static bool query_quarantine(struct tn_sink *s, const struct tn_str *ids, size_t count,
                             size_t limit, tn_row_fn fn, void *arg, struct tn_err *err)
{
    struct tn_str integration = tn_str(s->integration), entity = tn_str(s->entity);
    struct tn_filter filters[3] = {
        {"integration", TN_FILTER_eq, &integration, 1},
        {"entity", TN_FILTER_eq, &entity, 1},
        {"external_id", TN_FILTER_in, ids, count},
    };
    struct tn_query q = {.team = s->team,
                         .table = "quarantine",
                         .filters = filters,
                         .filter_count = ids ? 3 : 2,
                         .limit = limit};
    struct tn_page page;
    tn_page_init(&page);
    bool ok = tn_store_query(s->o.store, &q, fn, arg, &page, err);
    tn_page_clear(&page);
    return ok;
}

static bool note_row(void *arg, const struct tn_row *row)
{
    struct tn_id *id = arg;
    *id = row->id;
    return false;
}

static bool find_cured(struct tn_sink *s, struct tn_batch *b, const struct tn_str *ids,
                       size_t count, struct tn_err *err)
{
    static const struct tn_id none;
    struct tn_id any = none;
    if (!s->looked) {
        if (!query_quarantine(s, NULL, 0, 1, note_row, &any, err)) return false;
        s->quarantined = memcmp(&any, &none, sizeof any) != 0;
        s->looked = true;
    }
    return !s->quarantined || query_quarantine(s, ids, count, 0, found_cured, b, err);
}

bool tn_sink_compare(struct tn_sink *s, struct tn_batch *b, struct tn_err *err)
{
    struct tn_str ids[COMPARE_STEP];
    unsigned char hashes[COMPARE_STEP][TN_HASH_LEN];
    bool found[COMPARE_STEP];
    struct tn_batch_item *items = b->items + b->compared;
    size_t n = b->count - b->compared < COMPARE_STEP ? b->count - b->compared : COMPARE_STEP;
    if (n == 0) return true;
    for (size_t i = 0; i < n; i++) ids[i] = items[i].external_id;
    if (!tn_store_link_hashes(s->o.store, s->team, &s->origin, ids, n, hashes, found, err))
        return false;
    if (!s->o.retry && !find_cured(s, b, ids, n, err)) return false;
    for (size_t i = 0; i < n; i++) {
        if (items[i].state == TN_ITEM_twice) continue;
        bool same = found[i] && memcmp(hashes[i], items[i].hash, TN_HASH_LEN) == 0;
        items[i].state = !found[i] ? TN_ITEM_new : same ? TN_ITEM_same : TN_ITEM_changed;
        b->changes += !same;
    }
    b->compared += n;
    return true;
}

static void diff_item(struct tn_sink *s, const struct tn_batch *b, const struct tn_batch_item *it,
                      struct tn_jw *w)
{
    struct tn_buf hold;
    struct tn_row row;
    struct tn_err err;
    tn_buf_init(&hold, TN_LIMIT_RECORD);
    bool known = it->state == TN_ITEM_changed &&
                 tn_store_get_by_link(s->o.store, s->team, s->table, &s->origin, it->external_id,
                                      &row, &hold, &err);
    tn_jw_object(w);
    tn_jw_kstr(w, "externalId", it->external_id);
    tn_jw_kz(w, "change", it->state == TN_ITEM_new ? "created" : "updated");
    tn_jw_key(w, TN_STR("fields"));
    tn_diff_members(known ? row.body : TN_STR(""), tn_batch_body(b, it), DIFF_MEMBERS, w);
    tn_jw_end(w);
    tn_buf_clear(&hold);
}

void tn_sink_diff(struct tn_sink *s, const struct tn_batch *b, unsigned *left, struct tn_buf *diffs)
{
    for (size_t i = 0; i < b->count && *left; i++) {
        const struct tn_batch_item *it = &b->items[i];
        size_t before = diffs->n;
        struct tn_jw w;
        if (it->state != TN_ITEM_new && it->state != TN_ITEM_changed) continue;
        if (diffs->n) diffs->p[--diffs->n] = '\0';
        tn_buf_addc(diffs, diffs->n ? ',' : '[');
        tn_jw_init(&w, diffs);
        diff_item(s, b, it, &w);
        tn_buf_addc(diffs, ']');
        --*left;
        if (!diffs->failed) continue;
        tn_run_list_cut(diffs, before);
        *left = 0;
    }
}

/* ------------------------------------------------------------------ building commits */

/* The item stays out, is counted as failed from the next commit on, and the rest goes on. */
static void refuse(struct tn_sink *s, struct tn_batch_item *it, enum tn_kind kind, const char *why)
{
    struct tn_run_fault f = {
        .code = tn_run_code(kind), .record = it->external_id, .message = tn_str(why)};
    s->late.created -= it->state == TN_ITEM_new;
    s->late.updated -= it->state == TN_ITEM_changed;
    s->late.failed++;
    it->state = TN_ITEM_refused;
    it->refused_code = f.code;
    it->refused =
        (struct tn_str){tn_arena_strndup(&s->batch->memory, why, f.message.n), f.message.n};
    s->o.refused(s->o.arg, &f);
}

/* Says what can be done about it, too. */
static void refuse_key(struct tn_sink *s, struct tn_batch_item *it, const struct tn_op_outcome *o)
{
    char text[sizeof o->why->text + 160];
    bool key = o->why->kind == TN_E_key_taken;
    snprintf(text, sizeof text, "%s%s%s", o->why->text,
             key ? "; let the mapping make the keys differ or remove the old record" : "",
             o->adoptable && !s->o.adopt ? ", or let the operation say on_key_conflict = \"adopt\""
                                         : "");
    refuse(s, it, o->why->kind, text);
}

static bool add_upsert(struct tn_sink *s, struct tn_commit *c, struct tn_batch_item *it,
                       struct tn_err *err)
{
    struct tn_upsert u = {.team = s->team,
                          .table = s->table,
                          .source = s->origin,
                          .external_id = it->external_id,
                          .body = tn_batch_body(s->batch, it),
                          .on_key_conflict = s->o.adopt ? TN_KEY_adopt : TN_KEY_refuse};
    memcpy(u.hash, it->hash, sizeof u.hash);
    return tn_commit_upsert(c, &u, err);
}

/* The rest of the page: what is there is not to be taken for a record that was made anew. */
static bool add_present(struct tn_sink *s, struct tn_commit *c, const struct flight *f,
                        struct tn_err *err)
{
    const struct tn_batch *b = s->batch;
    struct tn_str *ids = tn_alloc((b->count + b->bad_count + 1) * sizeof *ids);
    size_t n = 0, fresh = 0, next = 0;
    for (size_t i = 0; i < b->count; i++) {
        bool said = next < f->count && f->items[next] == i;
        fresh += said && b->items[i].state == TN_ITEM_new;
        next += said;
        if (!said) ids[n++] = b->items[i].external_id;
    }
    for (size_t i = 0; i < b->bad_count; i++)
        if (b->bad[i].external_id.n) ids[n++] = b->bad[i].external_id;
    bool ok = !fresh || !n || tn_commit_present(c, s->team, &s->origin, ids, n, err);
    tn_free(ids);
    return ok;
}

static bool add_records(struct tn_sink *s, struct tn_commit *c, struct flight *f,
                        struct tn_err *err)
{
    struct tn_batch *b = s->batch;
    size_t i = s->from;
    f->items = tn_alloc((b->count - i + 1) * sizeof *f->items);
    for (; i < b->count && tn_commit_bytes(c) < CHUNK_BYTES; i++) {
        struct tn_batch_item *it = &b->items[i];
        if (it->state != TN_ITEM_new && it->state != TN_ITEM_changed) continue;
        if (add_upsert(s, c, it, err))
            f->items[f->count++] = i;
        else if (err->kind == TN_E_invalid || err->kind == TN_E_too_large)
            refuse(s, it, TN_E_conflict, err->text);
        else
            return false;
    }
    f->next = i;
    /* Records out of quarantine leave it once the store has taken them. */
    f->last = i == b->count && !(s->o.retry && f->count);
    return !s->o.adopt || add_present(s, c, f, err);
}

/* A record without an id is known in quarantine by its bytes, so that it lies there only once. */
static struct tn_str quarantine_key(const struct tn_batch_bad *bad, char out[48])
{
    uint64_t a = 0xcbf29ce484222325u, b = 0x9E3779B97F4A7C15u;
    if (bad->external_id.n) return bad->external_id;
    for (size_t i = 0; i < bad->payload.n; i++) {
        a = (a ^ (unsigned char)bad->payload.p[i]) * 0x100000001b3u;
        b = (b + (unsigned char)bad->payload.p[i]) * 0xff51afd7ed558ccdu;
        b ^= b >> 29;
    }
    int n = snprintf(out, 48, "?%016llx%016llx", (unsigned long long)a, (unsigned long long)b);
    return (struct tn_str){out, (size_t)n};
}

static bool write_quarantined(struct tn_sink *s, const struct tn_batch_bad *bad, struct tn_str key,
                              struct tn_err *err)
{
    const struct tn_run_fault *f = &bad->fault;
    struct tn_buf sealed;
    struct tn_jw w;
    tn_buf_init(&sealed, FORM_MAX);
    bool ok = !s->o.seal || s->o.seal(s->o.seal_arg, bad->payload, &sealed, err);
    tn_buf_reset(&s->form);
    tn_jw_init(&w, &s->form);
    tn_jw_object(&w);
    tn_jw_kz(&w, "integration", s->integration);
    tn_jw_kz(&w, "run", s->run);
    tn_jw_kz(&w, "operation", s->operation);
    tn_jw_kz(&w, "entity", s->entity);
    tn_jw_kstr(&w, "external_id", key);
    tn_jw_kz(&w, "status", "open");
    tn_jw_kint(&w, "attempts", 1);
    tn_jw_kz(&w, "code", f->code);
    tn_jw_kstr(&w, "reason", f->message);
    tn_jw_kstr(&w, "field", f->field);
    tn_jw_kstr(&w, "file", f->file);
    tn_jw_kint(&w, "line", f->line);
    tn_jw_kz(&w, "generation", s->generation);
    tn_jw_kbool(&w, "sealed", s->o.seal != NULL);
    tn_jw_kstr(&w, "payload", s->o.seal ? tn_buf_str(&sealed) : bad->payload);
    tn_jw_end(&w);
    tn_buf_clear(&sealed);
    return ok && tn_buf_ok(&s->form, "a quarantined record", err);
}

static bool add_quarantined(struct tn_sink *s, struct tn_commit *c, const struct tn_batch_bad *bad,
                            struct tn_err *err)
{
    char hold[48];
    struct tn_str key = quarantine_key(bad, hold);
    struct tn_id id = tn_id_new();
    if (!query_quarantine(s, &key, 1, 1, note_row, &id, err)) return false;
    if (write_quarantined(s, bad, key, err) &&
        tn_commit_put(c, s->team, "quarantine", &id, tn_buf_str(&s->form), TN_ANY, err))
        return true;
    return err->kind == TN_E_too_large; /* listed and counted all the same */
}

static bool add_quarantine(struct tn_sink *s, struct tn_commit *c, struct tn_err *err)
{
    const struct tn_batch *b = s->batch;
    if (s->o.retry)
        return tn_retry_settle(s->o.retry, c, b, s->retry_at, s->view, s->generation, err);
    for (size_t i = 0; i < b->cured_count; i++)
        if (!tn_commit_delete(c, s->team, "quarantine", &b->cured[i], TN_ANY, err)) return false;
    for (size_t i = 0; i < b->bad_count && s->quarantine_left > 0; i++) {
        if (tn_commit_bytes(c) >= QUARANTINE_BYTES) break;
        if (!add_quarantined(s, c, &b->bad[i], err)) return false;
        s->quarantine_left--;
        s->quarantined = true;
    }
    return true;
}

static bool add_row(struct tn_sink *s, struct tn_commit *c, struct tn_err *err)
{
    struct tn_run_view v = *s->view; /* its texts stay where they are */
    v.cancel |= s->cancelled;
    tn_buf_reset(&s->form);
    tn_run_view_encode(&v, &s->form);
    return tn_buf_ok(&s->form, "the row of a run", err) &&
           tn_commit_put(c, s->team, "run", &s->run_id, tn_buf_str(&s->form), s->o.row_version,
                         err);
}

/* Gives up the run's place among the active runs and in the queue. */
static bool add_farewell(struct tn_sink *s, struct tn_commit *c, struct tn_err *err)
{
    char key[128];
    int n = snprintf(key, sizeof key, "%s/%s", s->integration, s->operation);
    return tn_commit_kv_delete(c, s->team, TN_RUN_ACTIVE_SPACE, (struct tn_str){key, (size_t)n},
                               TN_ANY, err) &&
           tn_commit_dequeue(c, s->team, TN_RUN_QUEUE, tn_str(s->run), err);
}

static bool build(struct tn_sink *s, struct tn_commit *c, struct flight *f, struct tn_err *err)
{
    struct tn_str as_it_was = {NULL, 0};
    tn_commit_origin(c, &s->integration_id);
    f->last = true;
    if (s->job == JOB_page && !add_records(s, c, f, err)) return false;
    if (!f->last) return tn_commit_expect(c, s->team, "run", &s->run_id, s->o.row_version, err);
    if (s->job == JOB_page && !add_quarantine(s, c, err)) return false;
    f->row_at = tn_commit_count(c);
    if (!add_row(s, c, err)) return false;
    if (s->job == JOB_end) return add_farewell(s, c, err);
    if (s->job == JOB_stop)
        return tn_commit_reschedule(c, &s->o.entry, s->o.lease, tn_now_ms(), as_it_was, err);
    return true;
}

/* ------------------------------------------------------------------ writing */

static void finish(struct tn_sink *s, enum tn_sunk how, const struct tn_err *err)
{
    tn_sink_fn done = s->done;
    s->job = JOB_none;
    done(s->arg, how, err);
}

static int64_t pause_ms(const struct tn_sink *s)
{
    int64_t ms = s->o.retry_ms;
    for (int i = 1; i < s->tries && ms < PAUSE_MAX; i++) ms *= 2;
    return ms < PAUSE_MAX ? ms : PAUSE_MAX;
}

/* Storing the end of a run is tried again for ever: until it is stored, the run counts as under
 * way. */
static void failed(struct tn_sink *s, const struct tn_err *err)
{
    bool again = tn_kind_retry(err->kind) && s->tries < s->o.retry_max;
    if (s->job == JOB_end && err->kind != TN_E_cancelled) again = true;
    if (!again) {
        finish(s, TN_SUNK_failed, err);
        return;
    }
    s->tries++;
    tn_log(s->o.log, TN_LOG_warn, "sync", "run %s: the store says %s: %s; try %d in %lld ms",
           s->run, tn_kind_name(err->kind), err->text, s->tries, (long long)pause_ms(s));
    tn_timer_set(s->pause, pause_ms(s));
}

/* Finds out who has the run now.  We have it still when the row changed only because somebody asked
 * for the run's end. */
static void reread(struct tn_sink *s, const struct tn_err *conflict)
{
    struct tn_run_view now;
    struct tn_row row;
    struct tn_buf hold;
    struct tn_err err;
    tn_run_view_init(&now);
    tn_buf_init(&hold, TN_LIMIT_RECORD);
    bool read = tn_store_get(s->o.store, s->team, "run", &s->run_id, &row, &hold, &err) &&
                tn_run_view_decode(row.body, &now, &err);
    bool ours = read && now.status == TN_RUN_running && now.attempt == s->view->attempt;
    bool gone = read ? !ours : err.kind == TN_E_not_found;
    bool moved = ours && row.version != s->o.row_version;
    if (ours) {
        s->o.row_version = row.version;
        s->cancelled |= now.cancel;
    }
    tn_run_view_clear(&now);
    tn_buf_clear(&hold);
    if (gone)
        finish(s, TN_SUNK_lost, conflict);
    else if (s->job == JOB_stop && !moved) /* the lease was lost, the row is as we left it */
        finish(s, TN_SUNK_lost, conflict);
    else if (++s->conflicts > CONFLICTS_MAX)
        finish(s, TN_SUNK_failed, conflict);
    else
        tn_timer_set(s->pause, 0);
}

/* The store looks again at what was compared before: what it found otherwise is set right. */
static void settle_item(struct tn_sink *s, struct tn_batch_item *it, const struct tn_op_outcome *o)
{
    bool foretold_new = it->state == TN_ITEM_new;
    switch (o->kind) {
    case TN_DONE_conflict: refuse_key(s, it, o); return;
    case TN_DONE_created:
        s->late.created += !foretold_new;
        s->late.updated -= !foretold_new;
        return;
    case TN_DONE_updated:
        s->late.created -= foretold_new;
        s->late.updated += foretold_new;
        return;
    case TN_DONE_unchanged:
        s->late.created -= foretold_new;
        s->late.updated -= !foretold_new;
        s->late.unchanged++;
        return;
    default: return;
    }
}

static void stored(struct tn_sink *s, const struct flight *f, const struct tn_committed *done)
{
    for (size_t i = 0; i < f->count; i++)
        settle_item(s, &s->batch->items[f->items[i]], &done->ops[i]);
    s->tries = s->conflicts = 0;
    if (!f->last) {
        s->from = f->next;
        attempt(s);
        return;
    }
    s->o.row_version = done->ops[f->row_at].version;
    if (s->job == JOB_page) s->retry_at += s->batch->rows;
    finish(s, TN_SUNK_stored, NULL);
}

static void on_commit(void *arg, const struct tn_committed *done, const struct tn_err *err)
{
    struct flight *f = arg;
    struct tn_sink *s = f->sink;
    if (s) {
        s->flight = NULL;
        if (!err)
            stored(s, f, done);
        else if (err->kind == TN_E_conflict)
            reread(s, err);
        else
            failed(s, err);
    }
    tn_free(f->items);
    tn_free(f);
}

static void attempt(void *arg)
{
    struct tn_sink *s = arg;
    struct flight *f = TN_NEW(struct flight);
    struct tn_commit *c = tn_commit_new(s->o.store);
    struct tn_err err;
    if (!build(s, c, f, &err)) {
        tn_commit_free(c);
        tn_free(f->items);
        tn_free(f);
        failed(s, &err);
        return;
    }
    f->sink = s;
    s->flight = f;
    tn_store_commit(s->o.store, c, on_commit, f);
}

static void begin(struct tn_sink *s, enum job job, const struct tn_run_view *v, tn_sink_fn done,
                  void *arg)
{
    s->job = job;
    s->view = v;
    s->done = done;
    s->arg = arg;
    s->from = 0;
    s->tries = s->conflicts = 0;
    tn_timer_set(s->pause, 0);
}

void tn_sink_page(struct tn_sink *s, struct tn_batch *b, const struct tn_run_view *v,
                  tn_sink_fn done, void *arg)
{
    s->batch = b;
    begin(s, JOB_page, v, done, arg);
}

void tn_sink_end(struct tn_sink *s, const struct tn_run_view *v, tn_sink_fn done, void *arg)
{
    begin(s, JOB_end, v, done, arg);
}

void tn_sink_stop(struct tn_sink *s, const struct tn_run_view *v, tn_sink_fn done, void *arg)
{
    begin(s, JOB_stop, v, done, arg);
}
