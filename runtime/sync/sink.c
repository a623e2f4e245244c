/* SPDX-License-Identifier: MIT */
#include "sync/sink.h"

#include <stdio.h>

#include "base/fault.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/time.h"
#include "loop/loop.h"
#include "store/commit.h"
#include "store/read.h"
#include "sync/aside.h"
#include "sync/match.h"
#include "sync/diff.h"
#include "sync/retry.h"
#include "sync/run_totals.h"

enum {
    CHUNK_BYTES = 6 * 1024 * 1024,
    QUARANTINE_BYTES = 10 * 1024 * 1024, /* leaves room for the row in TN_LIMIT_COMMIT */
    CONFLICTS_MAX = 8,
    PAUSE_MAX = 30000,
    DIFF_MEMBERS = 50,
    PASSES_MAX = 16, /* over what is kept aside */
    FORM_MAX = 16 * 1024 * 1024
};

enum job { JOB_none, JOB_page, JOB_asides, JOB_end, JOB_stop };

/* A commit that is on its way; outlives a sink that was dropped. */
struct flight {
    struct tn_sink *sink;
    size_t *items;      /* of the batch, one an upsert */
    size_t first;       /* operation of the first of them */
    size_t aside_next;  /* the first item that is not looked at for what is kept aside */
    size_t count, next; /* next: the first item of the chunk that follows */
    size_t row_at;      /* operation that writes the run's row */
    size_t filed;       /* misfits of the batch that are in quarantine once it is done */
    bool last, asides_left;
};

struct tn_sink {
    struct tn_sink_options o;
    char *table, *entity, *generation;
    char run[TN_ID_LEN + 1], integration[TN_ID_LEN + 1], operation[65];
    struct tn_id run_id, integration_id;
    struct tn_origin origin;
    int64_t team;
    struct tn_match *compare; /* NULL: there is no source */
    struct tn_match *recheck; /* of a page on its way, while compare is at the next */
    struct tn_timer *pause;
    struct flight *flight;
    struct tn_call *reading; /* the row, after a conflict */
    struct tn_err conflict;  /* why it is read */
    struct tn_buf form;      /* bodies of rows while a commit is built */

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

    bool stale, mending; /* the page has stale items; they, and misfits, are sent once more */
    bool written;        /* all of the page but these: bad records, those that are cured, its row */
    size_t told, filed;  /* misfits of the batch that are in the counts; in quarantine */
    struct tn_aside *aside; /* NULL: nothing is kept aside */
    size_t aside_at;        /* the first item of the batch that may have to be kept aside yet */
    struct tn_batch group;  /* of what is kept aside, at the end */
    bool whole, last_pass, moved;
    int passes;
    tn_sink_compared_fn compared;
    void *compared_arg;
    int64_t quarantine_left;
};

static void attempt(void *arg);
static void next_group(struct tn_sink *s);
static void plan_again(struct tn_sink *s);

static struct tn_match *make_compare(const struct tn_sink *s, bool bodies)
{
    const struct tn_match_options o = {
        .store = s->o.store,
        .team = s->team,
        .source = s->origin,
        .integration = s->integration,
        .table = s->table,
        .resource = s->o.resource,
        .resources = s->o.resources,
        .plan = s->o.plan,
        .sealer = s->o.sealer,
        .retry = s->o.retry != NULL,
        .bodies = bodies,
    };
    return s->o.table ? tn_match_new(&o) : NULL;
}

static struct tn_aside *make_aside(const struct tn_sink *s, const struct tn_run_view *v)
{
    const struct tn_aside_options o = {
        .store = s->o.store,
        .team = s->team,
        .source = s->origin,
        .table = s->table,
        .resource = s->o.resource,
        .run = s->run,
        .attempt = v->attempt,
        .afresh = !v->cursor.n,
        .since_ms = v->started_at,
        .seal = s->o.seal,
        .unseal = s->o.unseal,
        .seal_arg = s->o.seal_arg,
    };
    return tn_aside_new(&o);
}

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
    s->compare = make_compare(s, v->dry_run);
    if (o->adopt && o->full && o->resource && !v->dry_run) s->aside = make_aside(s, v);
    tn_batch_init(&s->group);
    s->pause = tn_timer_new(o->loop, attempt, s);
    tn_buf_init(&s->form, FORM_MAX);
    return s;
}

void tn_sink_free(struct tn_sink *s)
{
    if (!s) return;
    if (s->flight) s->flight->sink = NULL;
    tn_call_cancel(s->reading);
    tn_match_free(s->compare);
    tn_match_free(s->recheck);
    tn_aside_free(s->aside);
    tn_batch_clear(&s->group);
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

static void on_compared(void *arg, const struct tn_err *err)
{
    struct tn_sink *s = arg;
    s->compared(s->compared_arg, err);
}

void tn_sink_compare(struct tn_sink *s, struct tn_batch *b, tn_sink_compared_fn done, void *arg)
{
    s->compared = done;
    s->compared_arg = arg;
    tn_match_slice(s->compare, b, on_compared, s);
}

static void diff_item(const struct tn_batch *b, const struct tn_batch_item *it, struct tn_jw *w)
{
    struct tn_str before = it->before ? it->before->body : TN_STR("");
    tn_jw_object(w);
    tn_jw_kstr(w, "externalId", it->external_id);
    tn_jw_kz(w, "change", it->state == TN_ITEM_new ? "created" : "updated");
    tn_jw_key(w, TN_STR("fields"));
    tn_diff_members(before, tn_batch_body(b, it), DIFF_MEMBERS, w);
    tn_jw_end(w);
}

void tn_sink_diff(const struct tn_batch *b, unsigned *left, struct tn_buf *diffs)
{
    for (size_t i = 0; i < b->count && *left; i++) {
        const struct tn_batch_item *it = &b->items[i];
        size_t before = diffs->n;
        struct tn_jw w;
        if (it->state != TN_ITEM_new && it->state != TN_ITEM_changed) continue;
        if (diffs->n) diffs->p[--diffs->n] = '\0';
        tn_buf_addc(diffs, diffs->n ? ',' : '[');
        tn_jw_init(&w, diffs);
        diff_item(b, it, &w);
        tn_buf_addc(diffs, ']');
        --*left;
        if (!diffs->failed) continue;
        tn_run_list_cut(diffs, before);
        *left = 0;
    }
}

/* ------------------------------------------------------------------ building commits */

/* The item stays out and goes to quarantine, and the rest goes on. */
static void refuse(struct tn_sink *s, size_t item, enum tn_kind kind, const char *why,
                   struct tn_str faults)
{
    struct tn_run_fault *f = &tn_batch_misfit(s->batch, item)->fault;
    f->code = tn_run_code(kind);
    f->message = tn_batch_keep(s->batch, tn_str(why));
    f->faults = faults;
}

static const char *advice(const struct tn_sink *s, const struct tn_op_outcome *o)
{
    if (!o->adoptable) return "";
    if (!s->o.adopt) return ", or let the operation say on_key_conflict = \"adopt\"";
    return ", or wait for a run without filters: it settles which of the two is there";
}

/* Says what can be done about it, too. */
static void refuse_key(struct tn_sink *s, size_t item, const struct tn_op_outcome *o)
{
    char text[sizeof o->why->text + 200];
    bool key = o->why->kind == TN_E_key_taken;
    snprintf(text, sizeof text, "%s%s%s", o->why->text,
             key ? "; let the mapping make the keys differ or remove the old record" : "",
             advice(s, o));
    refuse(s, item, o->why->kind, text,
           key ? tn_match_taken(s->compare, s->batch, o->why) : TN_STR(""));
}

/* It counts as failed until the end of the run knows more. */
static void keep_aside(struct tn_sink *s, size_t item, const struct tn_op_outcome *o)
{
    struct tn_batch_item *it = &s->batch->items[item];
    struct tn_run_fault *f = tn_arena_alloc(&s->batch->memory, sizeof *f);
    *f = (struct tn_run_fault){
        .code = tn_run_code(o->why->kind),
        .message = tn_batch_keep(s->batch, tn_str(o->why->text)),
        .faults = tn_match_taken(s->compare, s->batch, o->why),
    };
    s->late.created -= it->state == TN_ITEM_new;
    s->late.updated -= it->state == TN_ITEM_changed;
    s->late.failed++;
    it->state = TN_ITEM_same;
    it->aside = f;
}

static bool add_upsert(struct tn_sink *s, struct tn_commit *c, struct tn_batch_item *it,
                       struct tn_err *err)
{
    static const struct tn_id none;
    struct tn_upsert u = {.team = s->team,
                          .table = s->table,
                          .source = s->origin,
                          .external_id = it->external_id,
                          .body = tn_batch_body(s->batch, it),
                          .based_on = it->before ? it->before->version : 0,
                          .id = it->before || tn_id_eq(&it->id, &none) ? NULL : &it->id,
                          .named = it->named,
                          .named_count = it->named_count};
    memcpy(u.hash, it->hash, sizeof u.hash);
    if (u.based_on && TN_FAULT("sync.stale")) u.based_on++;
    return tn_commit_upsert(c, &u, err);
}

/* Stores what the store refused and the end of the run is to settle.  What is too large for that
 * is refused for good. */
static bool add_asides(struct tn_sink *s, struct tn_commit *c, struct flight *f, struct tn_err *err)
{
    struct tn_batch *b = s->batch;
    size_t i = s->aside_at;
    for (; i < s->from && tn_commit_bytes(c) < CHUNK_BYTES; i++) {
        struct tn_batch_item *it = &b->items[i];
        if (!it->aside || tn_aside_keep(s->aside, c, b, it, it->aside, s->view->pages, err))
            continue;
        if (err->kind != TN_E_too_large) return false;
        tn_batch_misfit(b, i)->fault = *it->aside;
        b->misfits[b->misfit_count - 1].fault.record = it->external_id;
        s->told++;
        s->o.refused(s->o.arg, &b->misfits[b->misfit_count - 1].fault);
        it->aside = NULL;
    }
    f->aside_next = i;
    while (i < b->count && !b->items[i].aside) i++;
    f->asides_left = i < b->count;
    return true;
}

static bool add_records(struct tn_sink *s, struct tn_commit *c, struct flight *f,
                        struct tn_err *err)
{
    struct tn_batch *b = s->batch;
    size_t i = s->from;
    if (s->aside && !add_asides(s, c, f, err)) return false;
    if (s->job == JOB_asides && !s->from && !s->mending && !tn_aside_unlink(s->aside, c, b, err))
        return false;
    f->first = tn_commit_count(c);
    f->items = tn_alloc((b->count - i + 1) * sizeof *f->items);
    for (; i < b->count && tn_commit_bytes(c) < CHUNK_BYTES; i++) {
        struct tn_batch_item *it = &b->items[i];
        if (it->state != TN_ITEM_new && it->state != TN_ITEM_changed) continue;
        if (s->mending && !it->stale) continue;
        if (add_upsert(s, c, it, err))
            f->items[f->count++] = i;
        else if (err->kind == TN_E_invalid || err->kind == TN_E_too_large)
            refuse(s, i, TN_E_conflict, err->text, TN_STR(""));
        else
            return false;
    }
    f->next = i;
    /* Records out of quarantine leave it once the store has taken them, and what is kept aside is
     * known then. */
    f->last = i == b->count && !((s->o.retry || s->aside) && (f->count || s->stale));
    f->last = f->last && !f->asides_left;
    return true;
}

static void mix(uint64_t h[2], unsigned char byte)
{
    h[0] = (h[0] ^ byte) * 0x100000001b3u;
    h[1] = (h[1] + byte) * 0xff51afd7ed558ccdu;
    h[1] ^= h[1] >> 29;
}

/* A record without an id is known in quarantine by its bytes, so that it lies there only once. */
static struct tn_str quarantine_key(const struct tn_batch_bad *bad, char out[48])
{
    uint64_t h[2] = {0xcbf29ce484222325u, 0x9E3779B97F4A7C15u};
    if (bad->external_id.n) return bad->external_id;
    for (size_t i = 0; i < bad->payload.n; i++) mix(h, (unsigned char)bad->payload.p[i]);
    int n =
        snprintf(out, 48, "?%016llx%016llx", (unsigned long long)h[0], (unsigned long long)h[1]);
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
    if (f->faults.n) tn_jw_kraw(&w, "faults", f->faults);
    tn_jw_kz(&w, "generation", s->generation);
    tn_jw_kbool(&w, "sealed", s->o.seal != NULL);
    tn_jw_kstr(&w, "payload", s->o.seal ? tn_buf_str(&sealed) : bad->payload);
    tn_jw_end(&w);
    tn_buf_clear(&sealed);
    return ok && tn_buf_ok(&s->form, "a quarantined record", err);
}

/* A record has one row in quarantine, so its id is made of who it is. */
static struct tn_id quarantine_id(const struct tn_sink *s, struct tn_str key)
{
    const struct tn_str parts[] = {
        {(const char *)s->integration_id.b, sizeof s->integration_id.b}, s->origin.entity, key};
    uint64_t h[2] = {0xcbf29ce484222325u, 0x9E3779B97F4A7C15u};
    struct tn_id id;
    for (int i = 0; i < 3; i++) {
        for (size_t at = 0; at < parts[i].n; at++) mix(h, (unsigned char)parts[i].p[at]);
        mix(h, 0xff); /* occurs in no UTF-8 */
    }
    _Static_assert(sizeof h == sizeof id.b, "both are 128 bits");
    memcpy(id.b, h, sizeof id.b);
    id.b[6] =
        (unsigned char)(0x80 | (id.b[6] & 0x0f)); /* UUID, version 8: made by a rule of ours */
    id.b[8] = (unsigned char)(0x80 | (id.b[8] & 0x3f));
    return id;
}

static bool add_quarantined(struct tn_sink *s, struct tn_commit *c, const struct tn_batch_bad *bad,
                            struct tn_err *err)
{
    char hold[48];
    struct tn_str key = quarantine_key(bad, hold);
    struct tn_id id = quarantine_id(s, key);
    if (write_quarantined(s, bad, key, err) &&
        tn_commit_put(c, s->team, "quarantine", &id, tn_buf_str(&s->form), TN_ANY, err))
        return true;
    return err->kind == TN_E_too_large; /* listed and counted all the same */
}

static bool add_all_quarantined(struct tn_sink *s, struct tn_commit *c,
                                const struct tn_batch_bad *bad, size_t n, struct tn_err *err)
{
    for (size_t i = 0; i < n && s->quarantine_left > 0; i++) {
        if (tn_commit_bytes(c) >= QUARANTINE_BYTES) break;
        if (!add_quarantined(s, c, &bad[i], err)) return false;
        s->quarantine_left--;
        tn_match_quarantined(s->compare);
    }
    return true;
}

static bool add_quarantine(struct tn_sink *s, struct tn_commit *c, struct tn_err *err)
{
    const struct tn_batch *b = s->batch;
    if (s->o.retry)
        return tn_retry_settle(s->o.retry, c, b, s->retry_at, s->view, s->generation, err);
    for (size_t i = 0; i < b->cured_count && !s->written; i++)
        if (!tn_commit_delete(c, s->team, "quarantine", &b->cured[i], TN_ANY, err)) return false;
    return (s->written || add_all_quarantined(s, c, b->bad, b->bad_count, err)) &&
           add_all_quarantined(s, c, b->misfits + s->filed, b->misfit_count - s->filed, err);
}

/* The row of the run is stored with its page, but with a retry once all of it is mended. */
static bool row_goes_along(const struct tn_sink *s)
{
    return !s->written || s->o.retry;
}

static bool add_row(struct tn_sink *s, struct tn_commit *c, struct tn_err *err)
{
    struct tn_run_view v = *s->view; /* its texts stay where they are */
    v.cancel |= s->cancelled;
    if (s->aside) tn_run_counts_add(&v.counts, s->late); /* what it tells is in this commit */
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

static bool has_batch(const struct tn_sink *s)
{
    return s->job == JOB_page || s->job == JOB_asides;
}

static bool build(struct tn_sink *s, struct tn_commit *c, struct flight *f, struct tn_err *err)
{
    struct tn_str as_it_was = {NULL, 0};
    tn_commit_origin(c, &s->integration_id, (unsigned)s->view->depth);
    f->last = true;
    if (has_batch(s) && !add_records(s, c, f, err)) return false;
    if (!f->last) return tn_commit_expect(c, s->team, "run", &s->run_id, s->o.row_version, err);
    if (has_batch(s) && !add_quarantine(s, c, err)) return false;
    if (has_batch(s)) f->filed = s->batch->misfit_count;
    if (s->job == JOB_asides && !tn_aside_forget(s->aside, c, s->batch, err)) return false;
    if (!row_goes_along(s))
        return tn_commit_expect(c, s->team, "run", &s->run_id, s->o.row_version, err);
    if (s->aside && s->job == JOB_page && !tn_aside_put_seen(s->aside, c, s->view->pages, err))
        return false;
    if (s->aside && s->job == JOB_end && !tn_aside_close(s->aside, c, err)) return false;
    f->row_at = tn_commit_count(c);
    if (!add_row(s, c, err)) return false;
    if (s->job == JOB_end) return tn_run_totals_add(c, s->view, err) && add_farewell(s, c, err);
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

/* Misfits that were foretold otherwise: the store would not take them, or what they were judged
 * over has changed. */
static void tell_misfits(struct tn_sink *s)
{
    for (; s->told < s->batch->misfit_count; s->told++) {
        const struct tn_batch_bad *bad = &s->batch->misfits[s->told];
        bool counted = s->job == JOB_asides; /* as failed, since it was kept aside */
        s->late.created -= !counted && bad->fresh;
        s->late.updated -= !counted && !bad->fresh;
        s->late.failed += !counted;
        s->o.refused(s->o.arg, &bad->fault);
    }
}

static size_t next_stale(const struct tn_batch *b, size_t i)
{
    while (i < b->count && !b->items[i].stale) i++;
    return i;
}

static void mend(struct tn_sink *s, size_t from);

static void on_judged(void *arg, const struct tn_err *err)
{
    struct tn_sink *s = arg;
    if (err)
        failed(s, err);
    else
        mend(s, tn_match_upto(s->recheck));
}

/* Judges stale items over the records as they are now, then sends them. */
static void mend(struct tn_sink *s, size_t from)
{
    size_t next = next_stale(s->batch, from);
    if (!s->recheck) s->recheck = make_compare(s, false);
    tell_misfits(s);
    if (next < s->batch->count)
        tn_match_again(s->recheck, s->batch, next, on_judged, s);
    else
        attempt(s);
}

/* We have the run still when its row changed only because somebody asked for the run's end. */
static void take_row(struct tn_sink *s, const struct tn_row *row)
{
    struct tn_run_view now;
    struct tn_err err;
    tn_run_view_init(&now);
    bool read = row && tn_run_view_decode(row->body, &now, &err);
    bool ours = read && now.status == TN_RUN_running && now.attempt == s->view->attempt;
    bool gone = read ? !ours : !row;
    bool moved = ours && row->version != s->o.row_version;
    if (ours) {
        s->o.row_version = row->version;
        s->cancelled |= now.cancel;
    }
    tn_run_view_clear(&now);
    if (gone)
        finish(s, TN_SUNK_lost, &s->conflict);
    else if (s->job == JOB_stop && !moved) /* the lease was lost, the row is as we left it */
        finish(s, TN_SUNK_lost, &s->conflict);
    else if (++s->conflicts > CONFLICTS_MAX)
        finish(s, TN_SUNK_failed, &s->conflict);
    else if (s->job == JOB_asides && !moved)
        plan_again(s);
    else
        tn_timer_set(s->pause, 0);
}

static void on_row(void *arg, struct tn_found *found, const struct tn_err *err)
{
    struct tn_sink *s = arg;
    s->reading = NULL;
    if (!err) err = tn_found_err(found, 0);
    if (!err)
        take_row(s, tn_found_row(found, 0, 0));
    else if (++s->conflicts > CONFLICTS_MAX)
        finish(s, TN_SUNK_failed, &s->conflict);
    else
        tn_timer_set(s->pause, 0);
}

/* Finds out who has the run now. */
static void reread(struct tn_sink *s, const struct tn_err *conflict)
{
    struct tn_read *read = tn_read_new(s->team);
    s->conflict = *conflict;
    tn_read_get(read, "run", &s->run_id);
    s->reading = tn_store_read(s->o.store, read, NULL, on_row, s);
}

/* What was kept aside counted as failed until now. */
static void settle_aside(struct tn_sink *s, size_t item, const struct tn_op_outcome *o)
{
    struct tn_batch_item *it = &s->batch->items[item];
    it->stale = o->kind == TN_DONE_conflict && o->why->code == TN_CODE_stale &&
                s->conflicts < CONFLICTS_MAX;
    s->stale |= it->stale;
    if (it->stale) return;
    if (o->kind == TN_DONE_conflict) {
        if (s->last_pass)
            refuse_key(s, item, o);
        else
            it->state = TN_ITEM_same;
        return;
    }
    s->late.failed--;
    s->late.created += o->kind == TN_DONE_created;
    s->late.updated += o->kind == TN_DONE_updated;
    s->late.unchanged += o->kind == TN_DONE_unchanged;
    s->moved = true;
    tn_aside_done(s->aside, item);
}

/* The store looks again at what was compared before: what it found otherwise is set right. */
static void settle_item(struct tn_sink *s, size_t item, const struct tn_op_outcome *o)
{
    struct tn_batch_item *it = &s->batch->items[item];
    bool foretold_new = it->state == TN_ITEM_new;
    if (s->job == JOB_asides) {
        settle_aside(s, item, o);
        return;
    }
    it->stale = false;
    switch (o->kind) {
    case TN_DONE_conflict:
        it->stale = o->why->code == TN_CODE_stale && s->conflicts < CONFLICTS_MAX;
        s->stale |= it->stale;
        if (!it->stale && s->aside && o->adoptable)
            keep_aside(s, item, o);
        else if (!it->stale)
            refuse_key(s, item, o);
        return;
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

static void mend_page(struct tn_sink *s)
{
    s->conflicts++;
    s->mending = true;
    s->stale = false;
    s->from = s->aside_at = 0;
    mend(s, 0);
}

static void stored(struct tn_sink *s, const struct flight *f, const struct tn_committed *done)
{
    for (size_t i = 0; i < f->count; i++) settle_item(s, f->items[i], &done->ops[f->first + i]);
    for (; s->aside_at < f->aside_next; s->aside_at++) s->batch->items[s->aside_at].aside = NULL;
    if (has_batch(s)) tell_misfits(s);
    s->tries = 0;
    if (s->job == JOB_asides && f->count) (void)TN_FAULT("sync.asides.moved");
    if (!f->last) {
        s->from = f->next;
        if (s->stale && s->from == s->batch->count)
            mend_page(s);
        else
            attempt(s);
        return;
    }
    if (row_goes_along(s)) s->o.row_version = done->ops[f->row_at].version;
    s->written = true;
    s->filed = f->filed;
    if (s->aside && s->job == JOB_page) tn_aside_stored(s->aside);
    if (has_batch(s) && (s->stale || s->filed < s->batch->misfit_count)) {
        mend_page(s);
        return;
    }
    if (s->job == JOB_page) s->retry_at += s->batch->rows;
    if (s->job == JOB_asides)
        next_group(s);
    else
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

static void begin_batch(struct tn_sink *s)
{
    s->from = s->aside_at = 0;
    s->stale = s->mending = s->written = false;
}

static void begin(struct tn_sink *s, enum job job, const struct tn_run_view *v, tn_sink_fn done,
                  void *arg)
{
    s->job = job;
    s->view = v;
    s->done = done;
    s->arg = arg;
    s->tries = s->conflicts = 0;
    begin_batch(s);
}

void tn_sink_page(struct tn_sink *s, struct tn_batch *b, const struct tn_run_view *v,
                  tn_sink_fn done, void *arg)
{
    s->batch = b;
    s->told = b->misfit_count;
    s->filed = 0;
    if (s->aside) tn_aside_see(s->aside, b);
    begin(s, JOB_page, v, done, arg);
    tn_timer_set(s->pause, 0);
}

void tn_sink_end(struct tn_sink *s, const struct tn_run_view *v, tn_sink_fn done, void *arg)
{
    begin(s, JOB_end, v, done, arg);
    tn_timer_set(s->pause, 0);
}

void tn_sink_stop(struct tn_sink *s, const struct tn_run_view *v, tn_sink_fn done, void *arg)
{
    begin(s, JOB_stop, v, done, arg);
    tn_timer_set(s->pause, 0);
}

/* ------------------------------------------------------------------ what was kept aside */

void tn_sink_seen(struct tn_sink *s, const struct tn_batch *b)
{
    if (s->aside) tn_aside_see(s->aside, b);
}

bool tn_sink_keeps_aside(const struct tn_sink *s)
{
    return s->aside != NULL;
}

static void refuse_group(struct tn_sink *s)
{
    for (size_t i = 0; i < s->group.count; i++) {
        struct tn_run_fault f;
        if (s->whole && s->group.items[i].state == TN_ITEM_new) continue;
        tn_aside_refuse(s->aside, &s->group, i, s->whole, &f);
        struct tn_run_fault *to = &tn_batch_misfit(&s->group, i)->fault;
        f.record = to->record;
        *to = f;
    }
}

/* Sends what can be written, once it is judged over the record that it takes over. */
static void write_group(struct tn_sink *s)
{
    size_t sent = 0;
    if (s->last_pass) refuse_group(s);
    for (size_t i = 0; i < s->group.count; i++) {
        struct tn_batch_item *it = &s->group.items[i];
        it->stale = it->state == TN_ITEM_new;
        sent += it->stale;
    }
    if (sent || s->group.misfit_count)
        mend(s, 0);
    else
        next_group(s);
}

static void on_group(void *arg, const struct tn_err *err)
{
    struct tn_sink *s = arg;
    if (err) {
        finish(s, TN_SUNK_failed, err);
    } else if (s->group.count) {
        write_group(s);
    } else if (s->last_pass) {
        finish(s, TN_SUNK_stored, NULL);
    } else {
        s->last_pass = !s->moved || ++s->passes == PASSES_MAX;
        s->moved = false;
        tn_aside_rewind(s->aside);
        next_group(s);
    }
}

static void read_group(struct tn_sink *s)
{
    tn_batch_reset(&s->group);
    s->batch = &s->group;
    s->told = s->filed = 0;
    begin_batch(s);
    tn_aside_next(s->aside, &s->group, s->whole, on_group, s);
}

static void next_group(struct tn_sink *s)
{
    s->conflicts = 0;
    read_group(s);
}

/* Somebody changed a record that was to be taken over. */
static void plan_again(struct tn_sink *s)
{
    tn_aside_again(s->aside);
    read_group(s);
}

static void on_opened(void *arg, const struct tn_err *err)
{
    struct tn_sink *s = arg;
    if (err)
        finish(s, TN_SUNK_failed, err);
    else
        next_group(s);
}

void tn_sink_asides(struct tn_sink *s, const struct tn_run_view *v, bool whole, tn_sink_fn done,
                    void *arg)
{
    begin(s, JOB_asides, v, done, arg);
    s->whole = whole;
    s->last_pass = !whole;
    tn_aside_open(s->aside, on_opened, s);
}
