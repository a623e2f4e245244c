/* SPDX-License-Identifier: MIT */
#include "events/dispatch.h"

#include <stdio.h>

#include "base/alloc.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/map.h"
#include "base/time.h"
#include "crypto/digest.h"
#include "events/event.h"
#include "loop/loop.h"
#include "store/commit.h"
#include "store/read.h"

enum {
    LEASE_MS =
        7 * 24 * 3600 * 1000, /* a lease ends with its holder; this time is the last resort */
    LOOK_MS = 5000,           /* between two attempts of a worker without the lease to claim it */
    SOON_MS = 500,            /* between two looks at rules that may not run */
    SAVE_MS = 5000,           /* a cursor that only skipped events is stored this late */
    PAUSE_MS = 500,
    BATCH = 100
};

static const char queue[] = "rules", key[] = "dispatch";
static const char space[] = "rules", cursor[] = "cursor", once_space[] = "rule.once";

/* LOOKS: the store is asked whether the job ran before. DONE and DEAD: the job is freed once that
 * is stored. */
enum state { WAITS, LOOKS, RUNS, DONE, DEAD };

/* One rule for one event. */
struct job {
    struct job *next;
    struct tn_dispatch *d;
    struct tn_event e; /* texts are its own */
    char *rule, *type, *table, *data, *once, *order;
    enum state state;
    bool storing, noted; /* its end is part of the commit under way; of one that was stored */
    bool first_time;     /* the store said that nothing ran with its id before */
    struct look *look;   /* while it LOOKS */
    size_t question;
    int tries;
    int64_t due_ms;
    void *run;
    struct tn_err err;
};

/* Asks the store, for one team, whether jobs with these ids ran before. */
struct look {
    struct look *next;
    struct tn_dispatch *d;
    int64_t team;
    struct tn_read *read; /* NULL: it was sent */
    struct tn_call *call;
};

/* The argument of a commit's callback; d is NULL once the dispatcher is closed. */
struct tie {
    struct tie *next;
    struct tn_dispatch *d;
};

struct tn_dispatch {
    struct tn_dispatch_options o;
    struct tn_timer *turn, *look, *save;
    struct tie *ties;
    struct job *first, **last;
    size_t count, running;
    struct look *looks;
    struct tn_call *cursor_call, *log_call; /* under way, or NULL */
    bool claiming, holding, storing, unsaved, saving, restart;
    bool begun; /* the position in the log is known */
    bool news;  /* there may be events behind scanned */
    struct tn_id entry;
    int64_t lease;
    int64_t scanned; /* all events up to here became jobs or concern no rule */
    int64_t version; /* of the stored cursor */
    bool had_rules;
    int64_t since;          /* the newest event when this process got to know rules */
    struct tn_map finished; /* read with the cursor: "seq:rule" of runs that need not be repeated */
};

static struct tie *tie_new(struct tn_dispatch *d)
{
    struct tie *t = TN_NEW(struct tie);
    *t = (struct tie){.next = d->ties, .d = d};
    d->ties = t;
    return t;
}

/* NULL: it was closed meanwhile. */
static struct tn_dispatch *untie(struct tie *t)
{
    struct tn_dispatch *d = t->d;
    for (struct tie **at = d ? &d->ties : NULL; at && *at; at = &(*at)->next) {
        if (*at != t) continue;
        *at = t->next;
        break;
    }
    tn_free(t);
    return d;
}

/* ---- jobs ---- */

static char *copy(struct tn_str s)
{
    return tn_strndup(s.p ? s.p : "", s.n);
}

static void job_free(struct job *j)
{
    if (j->run) j->d->o.rules->cancel(j->run);
    tn_free(j->rule);
    tn_free(j->type);
    tn_free(j->table);
    tn_free(j->data);
    tn_free(j->once);
    tn_free(j->order);
    tn_free(j);
}

/* An id has any length and any bytes, so its digest is the key. */
static void read_once(struct job *j)
{
    struct tn_buf id, name;
    char hex[TN_SHA256_HEX];
    tn_buf_init(&id, 2 * TN_LIMIT_RECORD);
    tn_buf_init(&name, TN_KIB);
    if (j->d->o.rules->once(j->d->o.rules_self, j->rule, &j->e, &id)) {
        tn_sha256_hex(id.p, id.n, hex);
        tn_buf_addf(&name, "%s/%s", j->rule, hex);
        j->once = tn_strndup(name.p, name.n);
    }
    tn_buf_clear(&id);
    tn_buf_clear(&name);
}

/* Runs of one rule for one record come one after the other. Runs for events about no record go side
 * by side. */
static void set_order(struct job *j)
{
    static const struct tn_id none;
    char id[TN_ID_LEN + 1], text[300];
    if (memcmp(&j->e.record, &none, sizeof none) == 0) return;
    tn_id_text(&j->e.record, id);
    snprintf(text, sizeof text, "%s %s", id, j->rule);
    j->order = tn_strdup(text);
}

static struct job *job_add(struct tn_dispatch *d, const struct tn_event *e, const char *rule)
{
    struct job *j = TN_NEW(struct job);
    *j = (struct job){.d = d, .e = *e, .rule = tn_strdup(rule)};
    j->e.type = (struct tn_str){j->type = copy(e->type), e->type.n};
    j->e.table = (struct tn_str){j->table = copy(e->table), e->table.n};
    j->e.data = (struct tn_str){j->data = copy(e->data), e->data.n};
    read_once(j);
    set_order(j);
    *d->last = j;
    d->last = &j->next;
    d->count++;
    return j;
}

static void drop_looks(struct tn_dispatch *d)
{
    while (d->looks) {
        struct look *l = d->looks;
        d->looks = l->next;
        tn_call_cancel(l->call);
        tn_read_free(l->read);
        tn_free(l);
    }
}

/* Drops all jobs and the questions that were asked for them. */
static void drop_jobs(struct tn_dispatch *d)
{
    drop_looks(d);
    tn_call_cancel(d->log_call);
    tn_call_cancel(d->cursor_call);
    d->log_call = d->cursor_call = NULL;
    d->begun = false;
    while (d->first) {
        struct job *j = d->first;
        d->first = j->next;
        job_free(j);
    }
    d->last = &d->first;
    d->count = d->running = 0;
}

static void finished_name(const struct job *j, char out[300])
{
    snprintf(out, 300, "%lld:%s", (long long)j->e.seq, j->rule);
}

/* ---- reading the log ---- */

static void refuse_depth(struct job *j)
{
    j->state = DEAD;
    tn_fail(&j->err, TN_E_budget,
            "rules have set off one another %d times in a row (this event is the work of one), so "
            "none is run for it",
            TN_LIMIT_RULE_DEPTH);
    tn_log(j->d->o.log, TN_LOG_error, "rules", "rule %s is not run for event %lld (%s): %s",
           j->rule, (long long)j->e.seq, j->type, j->err.text);
}

static void turn_soon(struct tn_dispatch *d)
{
    tn_timer_set(d->turn, 0);
}

struct taking {
    struct tn_dispatch *d;
    const struct tn_event *e;
    bool deep;
};

static void take_rule(void *arg, const char *rule)
{
    const struct taking *t = arg;
    char name[300];
    struct job *j = job_add(t->d, t->e, rule);
    finished_name(j, name);
    if (tn_map_get(&t->d->finished, tn_str(name)))
        j->state = DONE;
    else if (t->deep)
        refuse_depth(j);
}

static void take_event(struct tn_dispatch *d, const struct tn_event *e)
{
    struct taking t = {d, e, tn_event_depth(&e->origin) >= TN_LIMIT_RULE_DEPTH};
    d->o.rules->concerned(d->o.rules_self, e, take_rule, &t);
    d->scanned = e->seq;
    d->unsaved = true;
}

/* Events that do not fit are read again once the first unfinished run is done. */
static void take_log(struct tn_dispatch *d, const struct tn_found *found)
{
    const struct tn_tail *tail = tn_found_tail(found, 0);
    const struct tn_event *e;
    int64_t before = d->scanned;
    for (size_t i = 0; d->count < TN_LIMIT_RULE_AHEAD && (e = tn_found_event(found, 0, i)); i++)
        take_event(d, e);
    if (tail->gap)
        tn_log(d->o.log, TN_LOG_warn, "rules", "events were removed before rules had seen them");
    if (d->scanned > before && d->scanned < tail->head) d->news = true;
}

static void log_found(void *arg, struct tn_found *found, const struct tn_err *err)
{
    struct tn_dispatch *d = arg;
    d->log_call = NULL;
    if (!err) err = tn_found_err(found, 0);
    if (err) {
        tn_log(d->o.log, TN_LOG_warn, "rules", "the log cannot be read: %s", err->text);
        d->news = true;
        tn_timer_set(d->turn, SOON_MS);
        return;
    }
    take_log(d, found);
    turn_soon(d);
}

static void read_log(struct tn_dispatch *d)
{
    if (!d->news || d->log_call || d->count >= TN_LIMIT_RULE_AHEAD) return;
    struct tn_read *read = tn_read_new(TN_TEAM_ALL);
    d->news = false;
    tn_read_tail(read, TN_PARTITION_DEFAULT, d->scanned, BATCH);
    d->log_call = tn_store_read(d->o.store, read, NULL, log_found, d);
}

/* ---- running ---- */

static void try_again(struct job *j, const struct tn_err *err)
{
    int64_t pause = (int64_t)j->d->o.pause_ms << (j->tries - 1);
    j->state = WAITS;
    j->due_ms = tn_now_ms() + pause;
    tn_log(j->d->o.log, TN_LOG_warn, "rules",
           "rule %s failed for event %lld (%s), try %d of %d, again in %lld ms: %s:%d: %s", j->rule,
           (long long)j->e.seq, j->type, j->tries, TN_LIMIT_RULE_TRIES, (long long)pause, err->file,
           err->line, err->text);
}

static void give_up(struct job *j, const struct tn_err *err)
{
    j->state = DEAD;
    j->err = *err;
    tn_log(j->d->o.log, TN_LOG_error, "rules",
           "rule %s is given up for event %lld (%s) after %d tries: %s:%d: %s", j->rule,
           (long long)j->e.seq, j->type, j->tries, err->file, err->line, err->text);
}

static void run_done(void *arg, const struct tn_err *err, bool innocent)
{
    struct job *j = arg;
    j->run = NULL;
    j->d->running--;
    if (!err) {
        j->state = DONE;
    } else if (innocent) {
        j->state = WAITS;
    } else if (++j->tries >= TN_LIMIT_RULE_TRIES || err->kind == TN_E_budget) {
        give_up(j,
                err); /* a run that overran its budget would do so again, so it is not repeated */
    } else {
        try_again(j, err);
    }
    turn_soon(j->d);
}

/* Handles the answer to the look of a job; NULL: reading failed, so the store is asked again soon.
 */
static void looked(struct job *j, const struct tn_found *found)
{
    j->look = NULL;
    j->state = WAITS;
    if (!found)
        j->due_ms = tn_now_ms() + SOON_MS;
    else if (tn_found_kv(found, j->question, 0))
        j->state = DONE;
    else
        j->first_time = true;
}

static void looks_found(void *arg, struct tn_found *found, const struct tn_err *err)
{
    struct look *l = arg;
    struct tn_dispatch *d = l->d;
    struct look **at = &d->looks;
    if (err) tn_log(d->o.log, TN_LOG_warn, "rules", "ids of rules cannot be read: %s", err->text);
    for (struct job *j = d->first; j; j = j->next)
        if (j->look == l) looked(j, found);
    while (*at != l) at = &(*at)->next;
    *at = l->next;
    tn_free(l);
    turn_soon(d);
}

/* Asks whether the job ran before with this id. One question covers all jobs that start in a turn.
 */
static void look_for(struct job *j)
{
    struct tn_dispatch *d = j->d;
    struct look *l = d->looks;
    while (l && (l->team != j->e.team || !l->read)) l = l->next;
    if (!l) {
        l = TN_NEW(struct look);
        *l = (struct look){
            .next = d->looks, .d = d, .team = j->e.team, .read = tn_read_new(j->e.team)};
        d->looks = l;
    }
    j->state = LOOKS;
    j->look = l;
    j->question = tn_read_kv(l->read, once_space, tn_str(j->once));
}

static void send_looks(struct tn_dispatch *d)
{
    for (struct look *l = d->looks; l; l = l->next) {
        if (!l->read) continue;
        l->call = tn_store_read(d->o.store, l->read, NULL, looks_found, l);
        l->read = NULL;
    }
}

static void start(struct job *j)
{
    struct tn_dispatch *d = j->d;
    struct tn_err err;
    if (j->once && !j->first_time) {
        look_for(j);
        return;
    }
    j->run = d->o.rules->start(d->o.rules_self, j->rule, &j->e, run_done, j, &err);
    if (j->run) {
        j->state = RUNS;
        d->running++;
    } else if (err.kind == TN_E_not_found) {
        j->state = DONE; /* the rule is gone */
    } else if (++j->tries >= TN_LIMIT_RULE_TRIES) {
        give_up(j, &err);
    } else {
        try_again(j, &err);
    }
}

/* Puts name into the set; false: it was in it. NULL is never in it. */
static bool first_of(struct tn_map *set, const char *name)
{
    static char there;
    if (!name) return true;
    if (tn_map_get(set, tn_str(name))) return false;
    tn_map_put(set, tn_str(name), &there);
    return true;
}

/* Starts the jobs that may run; returns the ms until another one may, or -1. */
static int64_t start_all(struct tn_dispatch *d)
{
    struct tn_map orders, ids;
    int64_t now = tn_now_ms(), wait = -1;
    tn_map_init(&orders);
    tn_map_init(&ids);
    for (struct job *j = d->first; j && d->running < TN_LIMIT_RULE_TASKS; j = j->next) {
        bool turn = j->state == DONE || j->state == DEAD || first_of(&orders, j->order);
        /* Two jobs with one id run one after the other: the store knows the id only once the first
         * is stored. */
        if (!first_of(&ids, j->once)) turn = false;
        if (j->state != WAITS || !turn) continue;
        if (j->due_ms <= now)
            start(j);
        else if (wait < 0 || j->due_ms - now < wait)
            wait = j->due_ms - now;
    }
    tn_map_clear(&orders, NULL);
    tn_map_clear(&ids, NULL);
    send_looks(d);
    return wait;
}

/* ---- the cursor ---- */

/* Is the job's end stored, or in the commit under way? */
static bool settled(const struct job *j)
{
    return j->noted || j->storing;
}

/* The last event up to which all jobs have ended. */
static int64_t low_of(const struct tn_dispatch *d)
{
    for (const struct job *j = d->first; j; j = j->next)
        if (!settled(j)) return j->e.seq - 1;
    return d->scanned;
}

static void write_cursor(const struct tn_dispatch *d, bool idle, struct tn_buf *out)
{
    char name[300];
    int64_t low = low_of(d);
    struct tn_jw w;
    tn_jw_init(&w, out);
    tn_jw_object(&w);
    tn_jw_kint(&w, "seq", low);
    tn_jw_kbool(&w, "idle", idle);
    tn_jw_key(&w, TN_STR("done"));
    tn_jw_array(&w);
    for (const struct job *j = d->first; j; j = j->next) {
        if (!settled(j) || j->e.seq <= low) continue;
        finished_name(j, name);
        tn_jw_z(&w, name);
    }
    tn_jw_end(&w);
    tn_jw_end(&w);
}

/* Leaves out a payload that is too large or cannot be sealed; the row has the event's number. */
static void write_payload(const struct job *j, struct tn_buf *out)
{
    const struct tn_dispatch_options *o = &j->d->o;
    struct tn_buf plain;
    struct tn_err err;
    tn_buf_init(&plain, TN_LIMIT_RECORD);
    o->rules->json(o->rules_self, &j->e, &plain);
    bool ok = tn_buf_ok(&plain, "an event", &err);
    if (ok && o->seal)
        ok = o->seal(o->seal_arg, tn_buf_str(&plain), out, &err);
    else
        tn_buf_addstr(out, tn_buf_str(&plain));
    if (!ok || !tn_buf_ok(out, "an event", &err)) tn_buf_reset(out);
    tn_buf_clear(&plain);
}

/* Adds a quarantine row with the event for which the rule was given up. */
static bool add_dead(const struct job *j, struct tn_commit *commit, struct tn_err *err)
{
    struct tn_buf row, payload;
    struct tn_jw w;
    char seq[24];
    tn_buf_init(&row, 2 * TN_LIMIT_RECORD);
    tn_buf_init(&payload, 2 * TN_LIMIT_RECORD);
    write_payload(j, &payload);
    snprintf(seq, sizeof seq, "%lld", (long long)j->e.seq);
    tn_jw_init(&w, &row);
    tn_jw_object(&w);
    tn_jw_kz(&w, "operation", "rule");
    tn_jw_kz(&w, "entity", j->rule);
    tn_jw_kz(&w, "external_id", seq);
    tn_jw_kz(&w, "type", j->type);
    tn_jw_kz(&w, "status", "open");
    tn_jw_kz(&w, "reason", j->err.text);
    tn_jw_kz(&w, "kind", tn_kind_name(j->err.kind));
    tn_jw_kz(&w, "field", j->err.field);
    tn_jw_kz(&w, "file", j->err.file);
    tn_jw_kint(&w, "line", j->err.line);
    tn_jw_kint(&w, "tries", j->tries);
    tn_jw_kz(&w, "generation", j->d->o.rules->generation(j->d->o.rules_self));
    tn_jw_kbool(&w, "sealed", j->d->o.seal != NULL);
    tn_jw_kstr(&w, "payload", tn_buf_str(&payload));
    tn_jw_end(&w);
    bool ok =
        tn_buf_ok(&row, "a row of the quarantine", err) &&
        tn_commit_put(commit, j->e.team, "quarantine", NULL, tn_buf_str(&row), TN_NEW_ONLY, err);
    tn_buf_clear(&row);
    tn_buf_clear(&payload);
    return ok;
}

static bool add_once(const struct job *j, struct tn_commit *commit, struct tn_err *err)
{
    int64_t until = tn_now_ms() + (int64_t)TN_LIMIT_RULE_ONCE_DAYS * 24 * 3600 * 1000;
    return !j->once || tn_commit_kv_set(commit, j->e.team, once_space, tn_str(j->once), TN_STR("1"),
                                        TN_ANY, until, err);
}

/* Adds as many as a commit should hold; the others come with the next commit. */
static bool add_jobs(struct tn_dispatch *d, struct tn_commit *commit, struct tn_err *err)
{
    bool ok = true;
    for (struct job *j = d->first; ok && j; j = j->next) {
        j->storing = (j->state == DONE || j->state == DEAD) && !j->noted &&
                     tn_commit_bytes(commit) < TN_LIMIT_COMMIT / 4;
        if (!j->storing) continue;
        ok = j->state == DEAD ? add_dead(j, commit, err) : add_once(j, commit, err);
    }
    return ok;
}

static void store_nothing(struct tn_dispatch *d)
{
    for (struct job *j = d->first; j; j = j->next) j->storing = false;
}

/* Another worker has moved the cursor: all that is under way here is that worker's now. */
static void lose(struct tn_dispatch *d, const struct tn_err *err)
{
    tn_log(d->o.log, TN_LOG_warn, "rules", "another worker runs the rules now: %s", err->text);
    d->holding = false;
    drop_jobs(d);
    tn_timer_set(d->look, LOOK_MS);
}

/* The run's row and its id are stored. */
static void note(struct job *j)
{
    j->storing = false;
    j->noted = true;
    j->state = DONE;
    tn_free(j->once);
    j->once = NULL;
}

static void remove_stored(struct tn_dispatch *d)
{
    struct job **at = &d->first;
    int64_t low = low_of(d);
    while (*at) {
        struct job *j = *at;
        /* A job beyond the cursor stays, so that the next cursor names it. */
        bool goes = (j->storing || j->noted) && j->e.seq <= low;
        if (!goes) {
            if (j->storing) note(j);
            at = &j->next;
            continue;
        }
        *at = j->next;
        d->count--;
        job_free(j);
    }
    d->last = at;
}

static void begin(struct tn_dispatch *d);

static void stored(void *arg, const struct tn_committed *done, const struct tn_err *err)
{
    struct tn_dispatch *d = untie(arg);
    if (!d) return;
    d->storing = false;
    if (err) store_nothing(d);
    if (!err) d->version = done->ops[done->count - 1].version;
    if (!err && d->restart) {
        d->restart = false;
        drop_jobs(d);
        begin(d);
    } else if (!err) {
        remove_stored(d);
        turn_soon(d);
    } else if (err->kind == TN_E_conflict) {
        lose(d, err);
    } else {
        tn_log(d->o.log, TN_LOG_warn, "rules", "the progress of rules cannot be stored: %s",
               err->text);
        d->unsaved = true;
        tn_timer_set(d->turn, SOON_MS);
    }
}

static void store(struct tn_dispatch *d, bool idle)
{
    struct tn_commit *commit = tn_commit_new(d->o.store);
    struct tn_buf value;
    struct tn_err err;
    tn_buf_init(&value, 256 * TN_KIB);
    bool ok = add_jobs(d, commit, &err);
    write_cursor(
        d, idle,
        &value); /* the cursor names the jobs that were added, so it is the last operation */
    if (ok && tn_buf_ok(&value, "the cursor of the rules", &err) &&
        tn_commit_kv_set(commit, TN_TEAM_SYSTEM, space, tn_str(cursor), tn_buf_str(&value),
                         d->version, 0, &err)) {
        d->storing = true;
        d->unsaved = false;
        tn_store_commit(d->o.store, commit, stored, tie_new(d));
    } else {
        tn_commit_free(commit);
        store_nothing(d);
        tn_log(d->o.log, TN_LOG_error, "rules", "the progress of rules cannot be stored: %s",
               err.text);
        tn_timer_set(d->turn, SOON_MS);
    }
    tn_buf_clear(&value);
}

static bool has_news(const struct tn_dispatch *d)
{
    int64_t low = low_of(d);
    for (const struct job *j = d->first; j; j = j->next)
        if (j->state == DEAD || (j->state == DONE && (!j->noted || j->e.seq <= low))) return true;
    return false;
}

/* ---- a turn ---- */

static void passed_by(void *arg)
{
    struct tn_dispatch *d = arg;
    d->saving = false;
    if (d->begun && !d->storing && d->unsaved && d->had_rules) store(d, false);
}

static void turn(void *arg)
{
    struct tn_dispatch *d = arg;
    if (!d->begun || !d->had_rules) return;
    read_log(d);
    bool ready = !d->first || d->o.rules->ready(d->o.rules_self);
    int64_t wait = ready ? start_all(d) : SOON_MS;
    if (!d->storing && has_news(d)) store(d, false);
    if (d->unsaved && !d->storing && !d->saving) {
        d->saving = true;
        tn_timer_set(d->save, SAVE_MS);
    }
    if (wait >= 0) tn_timer_set(d->turn, wait);
}

/* ---- the lease ---- */

static bool take_name(struct tn_dispatch *d, struct tn_jval v, struct tn_arena *arena)
{
    static char there;
    struct tn_str name;
    if (tn_jtext(v, arena, &name)) tn_map_put(&d->finished, name, &there);
    return true;
}

/* Finds the position in the log: behind the stored cursor or, if there were no rules before, at the
 * event at which this process first knew rules. */
static bool take_cursor(struct tn_dispatch *d, const struct tn_kv *kv, bool *idle,
                        struct tn_err *err)
{
    struct tn_json *json = tn_json_new();
    struct tn_arena arena;
    bool ok = !kv || tn_json_parse(json, kv->value, err);
    *idle = true;
    tn_arena_init(&arena);
    tn_map_clear(&d->finished, NULL);
    tn_map_init(&d->finished);
    d->version = kv ? kv->version : TN_NEW_ONLY;
    d->scanned = d->since;
    if (kv && ok) {
        struct tn_jval root = tn_json_root(json);
        tn_jbool(tn_jget_z(root, "idle"), idle);
        if (!*idle) tn_jint(tn_jget_z(root, "seq"), &d->scanned);
        for (struct tn_jiter it = tn_jiter(tn_jget_z(root, "done")); !*idle && tn_jnext(&it);)
            take_name(d, it.value, &arena);
    }
    tn_json_free(json);
    tn_arena_clear(&arena);
    return ok;
}

static void cursor_found(void *arg, struct tn_found *found, const struct tn_err *failed)
{
    struct tn_dispatch *d = arg;
    struct tn_err err;
    bool idle;
    d->cursor_call = NULL;
    if (!failed && !take_cursor(d, tn_found_kv(found, 0, 0), &idle, &err)) failed = &err;
    if (failed) {
        tn_log(d->o.log, TN_LOG_error, "rules", "the cursor cannot be read: %s", failed->text);
        d->holding = false;
        tn_timer_set(d->look, LOOK_MS);
        return;
    }
    d->begun = d->news = true;
    if (d->had_rules && idle)
        store(d, false);
    else if (!d->had_rules && !idle)
        store(d, true);
    turn_soon(d);
}

/* Stores in the cursor that there are rules from now on, or none any more. There are no jobs at
 * this moment. */
static void begin(struct tn_dispatch *d)
{
    struct tn_read *read = tn_read_new(TN_TEAM_SYSTEM);
    tn_read_kv(read, space, tn_str(cursor));
    d->cursor_call = tn_store_read(d->o.store, read, NULL, cursor_found, d);
}

static void claimed(void *arg, const struct tn_entry *entries, size_t count, int64_t next_due_ms,
                    const struct tn_err *err)
{
    struct tn_dispatch *d = untie(arg);
    (void)next_due_ms;
    if (!d) return;
    d->claiming = false;
    if (err || !count) {
        tn_timer_set(d->look, LOOK_MS);
        return;
    }
    d->holding = true;
    d->entry = entries[0].id;
    d->lease = entries[0].lease;
    begin(d);
}

static void look(void *arg)
{
    struct tn_dispatch *d = arg;
    if (d->claiming || d->holding) return;
    d->claiming = true;
    tn_store_claim(d->o.store, queue, 1, LEASE_MS, claimed, tie_new(d));
}

static void queued(void *arg, const struct tn_committed *done, const struct tn_err *err)
{
    struct tn_dispatch *d = untie(arg);
    (void)done;
    if (!d) return;
    if (err) tn_log(d->o.log, TN_LOG_warn, "rules", "no entry could be made: %s", err->text);
    tn_timer_set(d->look, 0);
}

/* Makes the only queue entry; one that exists stays. */
static void make_entry(struct tn_dispatch *d)
{
    struct tn_commit *commit = tn_commit_new(d->o.store);
    struct tn_err err;
    if (tn_commit_queue_put(commit, TN_TEAM_SYSTEM, queue, tn_str(key), tn_now_ms(), TN_STR("{}"),
                            &err))
        tn_store_commit(d->o.store, commit, queued, tie_new(d));
    else
        tn_commit_free(commit);
}

/* ---- life ---- */

static void changed(void *arg, const struct tn_changes *changes)
{
    struct tn_dispatch *d = arg;
    for (size_t i = 0; i < changes->count; i++)
        if (changes->items[i].kind == TN_CHANGED_queue &&
            tn_str_is(changes->items[i].name, queue) && !d->holding)
            tn_timer_set(d->look, 0);
    if (!d->holding || (!changes->all && changes->head <= d->scanned)) return;
    d->news = true;
    turn_soon(d);
}

/* Notes whether there are rules; true when that has changed. */
static bool note_rules(struct tn_dispatch *d)
{
    bool any = d->o.rules->any(d->o.rules_self), news = any != d->had_rules;
    if (any && news) d->since = tn_store_head(d->o.store);
    d->had_rules = any;
    return news;
}

void tn_dispatch_wake(struct tn_dispatch *d)
{
    bool news = note_rules(d) && d->holding;
    if (news && d->storing) {
        d->restart = true;
    } else if (news) {
        drop_jobs(d);
        begin(d);
    }
    turn_soon(d);
}

struct tn_dispatch *tn_dispatch_open(const struct tn_dispatch_options *o)
{
    struct tn_dispatch *d = TN_NEW(struct tn_dispatch);
    d->o = *o;
    if (!d->o.pause_ms) d->o.pause_ms = PAUSE_MS;
    d->last = &d->first;
    d->turn = tn_timer_new(o->loop, turn, d);
    d->look = tn_timer_new(o->loop, look, d);
    d->save = tn_timer_new(o->loop, passed_by, d);
    tn_map_init(&d->finished);
    tn_store_on_change(o->store, changed, d);
    note_rules(d);
    make_entry(d);
    return d;
}

static void gone(void *arg, const struct tn_committed *done, const struct tn_err *err)
{
    (void)arg, (void)done, (void)err;
}

static void hand_on(struct tn_dispatch *d)
{
    struct tn_commit *commit = tn_commit_new(d->o.store);
    struct tn_str as_it_was = {NULL, 0};
    struct tn_err err;
    if (tn_commit_reschedule(commit, &d->entry, d->lease, tn_now_ms(), as_it_was, &err))
        tn_store_commit(d->o.store, commit, gone, NULL);
    else
        tn_commit_free(commit);
}

void tn_dispatch_close(struct tn_dispatch *d)
{
    if (!d) return;
    tn_store_off_change(d->o.store, changed, d);
    if (d->holding) hand_on(d);
    drop_jobs(d);
    for (struct tie *t = d->ties; t; t = t->next) t->d = NULL; /* their callbacks free them */
    tn_timer_free(d->turn);
    tn_timer_free(d->look);
    tn_timer_free(d->save);
    tn_map_clear(&d->finished, NULL);
    tn_free(d);
}
