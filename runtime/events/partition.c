/* SPDX-License-Identifier: MIT */
#include "events/partition.h"

#include <stdio.h>

#include "base/alloc.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/time.h"
#include "events/position.h"
#include "store/commit.h"

enum { NAME = 300, AGAIN_MS = 500 };

static void warn(const struct partition *p, const char *what, const struct tn_err *err)
{
    tn_log(p->env->log, TN_LOG_warn, p->env->sink->name, "partition %u: %s: %s", p->number, what,
           err->text);
}

void partition_init(struct partition *p, const struct delivery_env *env,
                    const struct partition_ops *ops, void *arg, unsigned number)
{
    *p = (struct partition){.env = env, .ops = ops, .arg = arg, .number = number};
    p->last = &p->first;
    tn_map_init(&p->finished);
}

static void job_free(struct job *j)
{
    delivery_free(j->d);
    tn_free(j);
}

void partition_drop(struct partition *p)
{
    tn_call_cancel(p->call);
    p->call = NULL;
    p->lease = NULL;
    p->not_before_ms = 0;
    p->begun = p->leaving = p->reading = p->unsaved = p->storing = false;
    while (p->first) {
        struct job *j = p->first;
        p->first = j->next;
        job_free(j);
    }
    p->last = &p->first;
    p->count = p->bytes = 0;
    tn_map_clear(&p->finished, NULL);
    tn_map_init(&p->finished);
}

void partition_clear(struct partition *p)
{
    partition_drop(p);
    tn_map_clear(&p->finished, NULL);
}

/* ---- jobs ---- */

static void name_of(int64_t seq, const char *target, char out[NAME])
{
    snprintf(out, NAME, "%lld:%s", (long long)seq, target);
}

static void ended(void *arg, struct delivery *d)
{
    struct job *j = arg;
    if (d->outcome == OUTCOME_again) {
        d->state = DELIVERY_waits;
        j->due_ms = tn_now_ms() + d->pause_ms;
    }
    j->p->ops->turn(j->p->arg);
}

void partition_take(struct partition *p, const struct tn_event *e, const char *target)
{
    char name[NAME];
    name_of(e->seq, target, name);
    if (tn_map_get(&p->finished, tn_str(name))) return;
    struct job *j = TN_NEW(struct job);
    *j = (struct job){.p = p, .d = delivery_new(p->env, e, target, 0)};
    j->d->ended = ended;
    j->d->arg = j;
    *p->last = j;
    p->last = &j->next;
    p->count++;
    p->bytes += j->d->e.data.n;
}

/* ---- storing ---- */

/* Is the job's end stored, or in the commit under way? */
static bool settled(const struct job *j)
{
    return j->noted || j->storing;
}

/* The last event up to which all jobs have ended. */
static int64_t low_of(const struct partition *p)
{
    for (const struct job *j = p->first; j; j = j->next)
        if (!settled(j)) return j->d->e.seq - 1;
    return p->scanned;
}

static void write_position(const struct partition *p, bool idle, struct tn_buf *out)
{
    char name[NAME];
    int64_t low = low_of(p);
    struct tn_jw w;
    tn_jw_init(&w, out);
    tn_jw_object(&w);
    tn_jw_kint(&w, "seq", low);
    tn_jw_kbool(&w, "idle", idle);
    tn_jw_key(&w, TN_STR("done"));
    tn_jw_array(&w);
    for (const struct job *j = p->first; j; j = j->next) {
        if (!settled(j) || j->d->e.seq <= low) continue;
        name_of(j->d->e.seq, j->d->target, name);
        tn_jw_z(&w, name);
    }
    tn_jw_end(&w);
    tn_jw_end(&w);
}

static bool add_end(const struct job *j, struct tn_commit *c, struct tn_err *err)
{
    const struct delivery *d = j->d;
    switch (d->outcome) {
    case OUTCOME_done: return delivery_add_once(d, c, err);
    case OUTCOME_dead: return delivery_add_dead(d, c, err);
    case OUTCOME_retry: return delivery_add_ticket(d, c, d->pause_ms, err);
    default: return delivery_add_ticket(d, c, 0, err);
    }
}

/* Adds as many as a commit should hold; the others come with the next commit. */
static bool add_ends(struct partition *p, struct tn_commit *c, struct tn_err *err)
{
    bool ok = true;
    for (struct job *j = p->first; ok && j; j = j->next) {
        j->storing =
            j->d->state == DELIVERY_ended && !j->noted && tn_commit_bytes(c) < TN_LIMIT_COMMIT / 4;
        if (j->storing) ok = add_end(j, c, err);
    }
    return ok;
}

static void remove_stored(struct partition *p)
{
    struct job **at = &p->first;
    int64_t low = low_of(p);
    while (*at) {
        struct job *j = *at;
        /* A job beyond the position stays, so that the next position names it. */
        if (settled(j) && j->d->e.seq <= low) {
            *at = j->next;
            p->count--;
            p->bytes -= j->d->e.data.n;
            job_free(j);
            continue;
        }
        if (j->storing) j->noted = true;
        j->storing = false;
        at = &j->next;
    }
    p->last = at;
}

/* After a conflict another worker has the partition; else what has ended is stored a little later.
 */
static void store_failed(struct partition *p, const struct tn_err *err)
{
    for (struct job *j = p->first; j; j = j->next) j->storing = false;
    p->storing = false;
    p->unsaved = true;
    p->not_before_ms = tn_now_ms() + AGAIN_MS;
    warn(p, "the position cannot be stored", err);
    if (err->kind == TN_E_conflict)
        p->ops->lost(p->arg, p);
    else
        p->ops->turn(p->arg);
}

static void stored(void *arg, const struct tn_committed *done, const struct tn_err *err)
{
    struct partition *p = arg;
    p->call = NULL;
    if (err) {
        store_failed(p, err);
        return;
    }
    p->storing = false;
    p->not_before_ms = 0;
    p->version = done->ops[done->count - 1].version;
    remove_stored(p);
    p->ops->turn(p->arg);
}

void partition_store(struct partition *p, bool idle)
{
    struct tn_commit *c = tn_commit_new(p->env->store);
    struct tn_buf value;
    struct tn_err err;
    char key[TN_POSITION_NAME];
    tn_position_key(p->env->sink, p->number, key);
    tn_buf_init(&value, 256 * TN_KIB);
    p->idle = idle;
    bool ok = add_ends(p, c, &err);
    /* The position names the jobs that were added, so it is the last operation. */
    write_position(p, idle, &value);
    ok = ok && tn_buf_ok(&value, "the position of a consumer", &err) &&
         tn_commit_kv_set(c, TN_TEAM_SYSTEM, TN_POSITION_SPACE, tn_str(key), tn_buf_str(&value),
                          p->version, 0, &err);
    tn_buf_clear(&value);
    if (ok) {
        p->storing = true;
        p->unsaved = false;
        p->call = tn_store_commit(p->env->store, c, stored, p);
        return;
    }
    tn_commit_free(c);
    store_failed(p, &err);
}

bool partition_has_news(const struct partition *p)
{
    if (!p->begun || p->storing || p->not_before_ms > tn_now_ms()) return false;
    for (const struct job *j = p->first; j; j = j->next)
        if (j->d->state == DELIVERY_ended && !j->noted) return true;
    /* Everything has ended, and the stored position still names some of it. */
    return p->first && low_of(p) >= p->first->d->e.seq;
}

/* ---- the position ---- */

static void take_position(struct partition *p, const struct tn_kv *kv, struct tn_json *json)
{
    static char there;
    struct tn_arena arena;
    struct tn_str name;
    struct tn_jval root = tn_json_root(json);
    struct tn_position position = tn_position_of(root);
    tn_arena_init(&arena);
    p->version = kv->version;
    p->idle = position.idle;
    if (!p->idle) p->scanned = position.seq;
    for (struct tn_jiter it = tn_jiter(tn_jget_z(root, "done")); !p->idle && tn_jnext(&it);)
        if (tn_jtext(it.value, &arena, &name)) tn_map_put(&p->finished, name, &there);
    tn_arena_clear(&arena);
}

static void found_position(void *arg, struct tn_found *found, const struct tn_err *failed)
{
    struct partition *p = arg;
    struct tn_json *json = tn_json_new();
    const struct tn_kv *kv = failed ? NULL : tn_found_kv(found, 0, 0);
    struct tn_err err;
    p->call = NULL;
    if (kv && !tn_json_parse(json, kv->value, &err)) failed = &err;
    if (kv && !failed) take_position(p, kv, json);
    tn_json_free(json);
    if (failed) {
        warn(p, "the position cannot be read", failed);
        p->ops->lost(p->arg, p);
        return;
    }
    p->begun = true;
    p->ops->turn(p->arg);
}

void partition_begin(struct partition *p, struct tn_ticket *lease, int64_t since)
{
    struct tn_read *read = tn_read_new(TN_TEAM_SYSTEM);
    char key[TN_POSITION_NAME];
    tn_position_key(p->env->sink, p->number, key);
    p->lease = lease;
    p->idle = true;
    p->scanned = since;
    p->version = TN_NEW_ONLY;
    tn_read_kv(read, TN_POSITION_SPACE, tn_str(key));
    p->call = tn_store_read(p->env->store, read, NULL, found_position, p);
}
