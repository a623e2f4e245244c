/* SPDX-License-Identifier: MIT */
#include "scripts/trial/shadow.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/alloc.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/time.h"
#include "scripts/library.h"
#include "scripts/trial/compare.h"
#include "loop/loop.h"
#include "script/errand.h"
#include "store/commit.h"
#include "store/read.h"
#include "sync/tap.h"

enum { SLICE_US = 2000, KEEP_EVERY_MS = 500, FOUND_MAX = 4 * TN_MIB, KEY_MAX = 128 };

static const char space[] = "shadow", wish_key[] = "shadow";

/* ---- the stored wish for a shadow ---- */

static void take_text(struct tn_jval v, const char *key, char *out, size_t room)
{
    struct tn_arena arena;
    struct tn_str text = {0};
    tn_arena_init(&arena);
    tn_jtext(tn_jget_z(v, key), &arena, &text);
    snprintf(out, room, "%.*s", TN_FMT(text));
    tn_arena_clear(&arena);
}

size_t tn_shadow_ask(struct tn_read *read)
{
    return tn_read_kv(read, tn_library_space, tn_str(wish_key));
}

bool tn_shadow_found(const struct tn_found *found, size_t question, struct tn_shadow_wish *out,
                     struct tn_err *err)
{
    const struct tn_err *why = tn_found_err(found, question);
    struct tn_json *json;
    bool ok;
    *out = (struct tn_shadow_wish){.from = ""};
    if (why) {
        *err = *why;
        return false;
    }
    json = tn_json_new();
    ok = tn_json_parse(json, tn_found_kv(found, question, 0)->value, err);
    if (ok) {
        struct tn_jval v = tn_json_root(json);
        take_text(v, "from", out->from, sizeof out->from);
        take_text(v, "to", out->to, sizeof out->to);
        take_text(v, "who", out->who, sizeof out->who);
        tn_jint(tn_jget_z(v, "since"), &out->since_ms);
        tn_jint(tn_jget_z(v, "until"), &out->until_ms);
    }
    tn_json_free(json);
    return ok;
}

bool tn_shadow_put(struct tn_commit *commit, const struct tn_shadow_wish *wish, struct tn_err *err)
{
    struct tn_buf value;
    struct tn_jw w;
    tn_buf_init(&value, 4 * TN_KIB);
    tn_jw_init(&w, &value);
    tn_jw_object(&w);
    tn_jw_kz(&w, "from", wish->from);
    tn_jw_kz(&w, "to", wish->to);
    tn_jw_kz(&w, "who", wish->who);
    tn_jw_kint(&w, "since", wish->since_ms);
    tn_jw_kint(&w, "until", wish->until_ms);
    tn_jw_end(&w);
    bool ok = tn_buf_ok(&value, "a shadow", err) &&
              tn_commit_kv_set(commit, TN_TEAM_SYSTEM, tn_library_space, tn_str(wish_key),
                               tn_buf_str(&value), TN_ANY, 0, err);
    tn_buf_clear(&value);
    return ok;
}

bool tn_shadow_same(const struct tn_shadow_wish *a, const struct tn_shadow_wish *b)
{
    return a->since_ms == b->since_ms && a->until_ms == b->until_ms && !strcmp(a->from, b->from) &&
           !strcmp(a->to, b->to);
}

/* The beginning of the keys under which findings are kept: "<set that serves>-<since>/". */
static void key_prefix(const struct tn_shadow_wish *wish, char key[KEY_MAX])
{
    snprintf(key, KEY_MAX, "%.16s-%" PRId64 "/", wish->to, wish->since_ms);
}

/* ---- the findings of a team ---- */

struct team {
    struct team *next;
    int64_t team, pages_left_out;
    int64_t unreadable; /* workers whose findings cannot be read */
    struct tn_findings *findings;
    struct tn_shadow *shadow;
    bool reading; /* findings of a predecessor are being read; until they are added nothing is
                     written */
    bool dirty;
};

struct page {
    struct page *next;
    struct team *team;
    char integration[64], operation[64], mapping[128];
    struct tn_str text, rows;
};

struct tn_shadow {
    struct tn_shadow_options o;
    unsigned refs; /* the worker's, and one for each source that is watched */
    bool stopped;
    struct tn_errand *loading;
    struct tn_compare *compare; /* NULL: the sets are still being loaded, or do not load */
    struct tn_err err;
    struct team *teams;
    struct page *queue, **tail; /* the first page may be in work */
    bool in_sample;
    size_t bytes;
    struct tn_timer *turn, *keep;
};

static void read_found(struct team *t, struct tn_jval found)
{
    int64_t pages = 0, workers = 0;
    tn_jint(tn_jget_z(found, "pagesLeftOut"), &pages);
    tn_jint(tn_jget_z(found, "workersUnreadable"), &workers);
    t->pages_left_out += pages;
    t->unreadable += workers;
    tn_findings_read(t->findings, found);
}

/* Counts findings that cannot be decrypted (another master key, damage). */
static void read_kept(const struct tn_found *found, const struct tn_secrets *secrets,
                      struct team *into)
{
    struct tn_json *json = tn_json_new();
    const struct tn_kv *kv;
    for (size_t i = 0; (kv = tn_found_kv(found, 0, i)); i++) {
        struct tn_buf text;
        struct tn_err err;
        tn_buf_init(&text, FOUND_MAX);
        if (tn_unseal(&secrets->payload, kv->value, kv->key, &text, &err) &&
            tn_json_parse(json, tn_buf_str(&text), &err))
            read_found(into, tn_json_root(json));
        else
            into->unreadable++;
        tn_buf_clear(&text);
    }
    tn_json_free(json);
}

static void own_key(const struct tn_shadow *s, char key[KEY_MAX])
{
    key_prefix(&s->o.wish, key);
    size_t n = strlen(key);
    snprintf(key + n, KEY_MAX - n, "%03d", s->o.worker);
}

static void write_found(const struct team *t, const struct tn_found *names, struct tn_jw *w)
{
    tn_jw_kint(w, "pagesLeftOut", t->pages_left_out);
    tn_jw_kint(w, "workersUnreadable", t->unreadable);
    tn_findings_write(t->findings, names, w);
}

static void kept(void *arg, const struct tn_committed *done, const struct tn_err *err)
{
    struct tn_log *log = arg;
    (void)done;
    if (err)
        tn_log(log, TN_LOG_warn, "scripts", "the findings of a shadow cannot be stored: %s",
               err->text);
}

static void keep_team(struct tn_shadow *s, struct team *t)
{
    struct tn_commit *commit = tn_commit_new(s->o.env->store);
    int64_t expires = tn_now_ms() + s->o.days * 86400 * 1000;
    struct tn_buf text, sealed;
    struct tn_jw w;
    struct tn_err err;
    char key[KEY_MAX];
    own_key(s, key);
    tn_buf_init(&text, FOUND_MAX);
    tn_buf_init(&sealed, FOUND_MAX + 4 * TN_KIB);
    tn_jw_init(&w, &text);
    tn_jw_object(&w);
    write_found(t, NULL, &w);
    tn_jw_end(&w);
    tn_seal(&s->o.secrets->payload, tn_buf_str(&text), tn_str(key), &sealed);
    if (tn_buf_ok(&text, "the findings of a shadow", &err) &&
        tn_buf_ok(&sealed, "the findings of a shadow", &err) &&
        tn_commit_kv_set(commit, t->team, space, tn_str(key), tn_buf_str(&sealed), TN_ANY, expires,
                         &err)) {
        tn_store_commit(s->o.env->store, commit, kept, s->o.env->log);
    } else {
        tn_commit_free(commit);
        kept(s->o.env->log, NULL, &err);
    }
    t->dirty = false;
    tn_buf_clear(&text);
    tn_buf_clear(&sealed);
}

static void keep_all(void *arg)
{
    struct tn_shadow *s = arg;
    for (struct team *t = s->teams; t; t = t->next)
        if (t->dirty && !t->reading) keep_team(s, t);
}

static void touch(struct tn_shadow *s, struct team *t)
{
    t->dirty = true;
    if (!tn_timer_armed(s->keep)) tn_timer_set(s->keep, KEEP_EVERY_MS);
}

static void unref(struct tn_shadow *s);

static void predecessor_found(void *arg, struct tn_found *found, const struct tn_err *err)
{
    struct team *t = arg;
    struct tn_shadow *s = t->shadow;
    t->reading = false;
    if (!err) err = tn_found_err(found, 0);
    if (!err)
        read_kept(found, s->o.secrets, t);
    else if (err->kind != TN_E_cancelled)
        tn_log(s->o.env->log, TN_LOG_warn, "scripts", "the findings of a shadow: %s", err->text);
    if (s->stopped && t->dirty && (!err || err->kind != TN_E_cancelled)) keep_team(s, t);
    unref(s);
}

/* Reads what a worker kept that died, so that this worker, which took its place, adds to it. */
static void read_predecessor(struct tn_shadow *s, struct team *t)
{
    struct tn_read *read = tn_read_new(t->team);
    char key[KEY_MAX];
    own_key(s, key);
    tn_read_kv_list(read, space, tn_str(key), TN_STR(""), TN_LIMIT_PAGE);
    t->reading = true;
    s->refs++;
    tn_store_read(s->o.env->store, read, NULL, predecessor_found, t);
}

static struct team *team_of(struct tn_shadow *s, int64_t team)
{
    for (struct team *t = s->teams; t; t = t->next)
        if (t->team == team) return t;
    struct team *t = TN_NEW(struct team);
    t->team = team;
    t->shadow = s;
    t->findings = tn_findings_new();
    t->next = s->teams;
    s->teams = t;
    read_predecessor(s, t);
    return t;
}

/* ---- pages ---- */

static void drop_page(struct tn_shadow *s)
{
    struct page *p = s->queue;
    s->queue = p->next;
    if (!s->queue) s->tail = &s->queue;
    s->bytes -= p->text.n;
    tn_free((char *)p->text.p);
    tn_free((char *)p->rows.p);
    tn_free(p);
}

static void work(void *arg)
{
    struct tn_shadow *s = arg;
    int64_t until = tn_mono_us() + SLICE_US;
    if (!s->compare) return;
    while (s->queue && tn_mono_us() < until) {
        struct page *p = s->queue;
        struct tn_sample sample = {p->integration, p->operation, p->mapping, p->text, p->rows};
        if (!s->in_sample) s->in_sample = tn_compare_sample(s->compare, &sample, p->team->findings);
        enum tn_compared how = s->in_sample ? tn_compare_step(s->compare, until) : TN_COMPARED_all;
        if (how == TN_COMPARED_waits) return;
        s->in_sample = how == TN_COMPARED_more;
        if (s->in_sample) break;
        touch(s, p->team);
        drop_page(s);
    }
    if (s->queue) tn_timer_set(s->turn, 0);
}

struct watch {
    struct tn_shadow *shadow;
    int64_t team;
    char integration[64], operation[64], mapping[128];
};

static void look(void *arg, const struct tn_source_page *page)
{
    struct watch *watch = arg;
    struct tn_shadow *s = watch->shadow;
    if (s->stopped || (!s->compare && !s->loading)) return;
    if (s->compare && !tn_compare_differs(s->compare, watch->mapping)) return;
    struct team *t = team_of(s, watch->team);
    if (s->bytes + page->text.n > TN_LIMIT_SHADOW_BYTES) {
        t->pages_left_out++;
        touch(s, t);
        return;
    }
    struct page *p = TN_NEW(struct page);
    p->team = t;
    memcpy(p->integration, watch->integration, sizeof p->integration);
    memcpy(p->operation, watch->operation, sizeof p->operation);
    memcpy(p->mapping, watch->mapping, sizeof p->mapping);
    p->text = (struct tn_str){tn_strndup(page->text.p, page->text.n), page->text.n};
    p->rows = (struct tn_str){tn_strndup(page->rows.p, page->rows.n), page->rows.n};
    s->bytes += p->text.n;
    *s->tail = p;
    s->tail = &p->next;
    tn_timer_set(s->turn, 0);
}

static void unref(struct tn_shadow *s)
{
    if (--s->refs) return;
    while (s->teams) {
        struct team *t = s->teams;
        s->teams = t->next;
        tn_findings_free(t->findings);
        tn_free(t);
    }
    tn_free(s);
}

static void closed(void *arg)
{
    struct watch *watch = arg;
    unref(watch->shadow);
    tn_free(watch);
}

static const struct tn_tap tap = {.look = look, .closed = closed};

void tn_shadow_watch(struct tn_shadow *s, const struct tn_run_request *r, struct tn_source *source)
{
    struct watch *watch = TN_NEW(struct watch);
    watch->shadow = s;
    s->refs++;
    watch->team = r->team;
    snprintf(watch->integration, sizeof watch->integration, "%s", r->integration);
    snprintf(watch->operation, sizeof watch->operation, "%s", r->operation);
    tn_source_mapping(source, watch->mapping, sizeof watch->mapping);
    tn_source_tap(source, &tap, watch);
}

/* ---- life ---- */

static void compare_wakes(void *arg)
{
    struct tn_shadow *s = arg;
    tn_timer_set(s->turn, 0);
}

static void load_both(void *arg)
{
    struct tn_shadow *s = arg;
    s->compare = tn_compare_new(s->o.env->host, s->o.from, s->o.to, compare_wakes, s, &s->err);
}

static void both_loaded(void *arg)
{
    struct tn_shadow *s = arg;
    s->loading = NULL;
    if (s->compare) {
        tn_timer_set(s->turn, 0);
        return;
    }
    while (s->queue) drop_page(s);
    tn_log(s->o.env->log, TN_LOG_warn, "scripts", "there is no shadow of %.12s: %s", s->o.wish.from,
           s->err.text);
}

struct tn_shadow *tn_shadow_start(const struct tn_shadow_options *o)
{
    struct tn_shadow *s = TN_NEW(struct tn_shadow);
    s->o = *o;
    tn_fileset_ref(o->from);
    tn_fileset_ref(o->to);
    s->refs = 1;
    s->tail = &s->queue;
    s->turn = tn_timer_new(o->loop, work, s);
    s->keep = tn_timer_new(o->loop, keep_all, s);
    s->loading = tn_errand_start(o->env->host, load_both, both_loaded, s);
    return s;
}

const struct tn_shadow_wish *tn_shadow_wish(const struct tn_shadow *s)
{
    return &s->o.wish;
}

static void say_end(const struct tn_shadow *s)
{
    for (const struct team *t = s->teams; t; t = t->next) {
        struct tn_findings_sum sum;
        tn_findings_sum(t->findings, &sum);
        tn_log(
            s->o.env->log, sum.changed || sum.failing ? TN_LOG_warn : TN_LOG_info, "scripts",
            "shadow of %.12s beside %.12s, this worker, team %lld: %lld records, %lld same, %lld "
            "changed, %lld newly failing, %lld newly fixed",
            s->o.wish.from, s->o.wish.to, (long long)t->team, (long long)sum.records,
            (long long)sum.same, (long long)sum.changed, (long long)sum.failing,
            (long long)sum.fixed);
    }
}

void tn_shadow_stop(struct tn_shadow *s)
{
    if (!s) return;
    keep_all(s);
    say_end(s);
    s->stopped = true;
    tn_errand_stop(s->loading);
    tn_fileset_unref(s->o.from);
    tn_fileset_unref(s->o.to);
    tn_timer_free(s->turn);
    tn_timer_free(s->keep);
    tn_compare_free(s->compare);
    while (s->queue) drop_page(s);
    unref(s);
}

/* ---- the findings of all workers ---- */

struct showing {
    struct tn_store *store;
    const struct tn_secrets *secrets;
    int64_t team;
    struct tn_shadow_wish wish;
    bool running;
    struct team all;
    tn_shadow_shown_fn done;
    void *arg;
};

static void show_end(struct showing *g, struct tn_str json, const struct tn_err *err)
{
    g->done(g->arg, json, err);
    tn_findings_free(g->all.findings);
    tn_free(g);
}

static void show(struct showing *g, const struct tn_found *names)
{
    const struct tn_shadow_wish *wish = &g->wish;
    char text[TN_TIME_LEN + 1];
    struct tn_buf out;
    struct tn_jw w;
    struct tn_err err;
    tn_buf_init(&out, 4 * FOUND_MAX);
    tn_jw_init(&w, &out);
    tn_jw_object(&w);
    tn_jw_kz(&w, "state", g->running ? "running" : "ended");
    tn_jw_kz(&w, "generation", wish->to);
    tn_jw_kz(&w, "previous", wish->from);
    tn_jw_kz(&w, "actor", wish->who);
    tn_time_text(wish->since_ms, text);
    tn_jw_kz(&w, "since", text);
    tn_time_text(wish->until_ms, text);
    tn_jw_kz(&w, "until", text);
    write_found(&g->all, names, &w);
    tn_jw_end(&w);
    if (tn_buf_ok(&out, "what a shadow found", &err))
        show_end(g, tn_buf_str(&out), NULL);
    else
        show_end(g, TN_STR(""), &err);
    tn_buf_clear(&out);
}

static void names_found(void *arg, struct tn_found *found, const struct tn_err *err)
{
    if (err)
        show_end(arg, TN_STR(""), err);
    else
        show(arg, found);
}

static void read_names(struct showing *g)
{
    struct tn_read *read = tn_read_new(g->team);
    if (tn_findings_ask(g->all.findings, read)) {
        tn_store_read(g->store, read, NULL, names_found, g);
        return;
    }
    tn_read_free(read);
    show(g, NULL);
}

static void kept_found(void *arg, struct tn_found *found, const struct tn_err *err)
{
    struct showing *g = arg;
    if (!err) err = tn_found_err(found, 0);
    if (err) {
        show_end(g, TN_STR(""), err);
        return;
    }
    read_kept(found, g->secrets, &g->all);
    read_names(g);
}

void tn_shadow_show(struct tn_store *store, const struct tn_secrets *secrets, int64_t team,
                    const struct tn_shadow_wish *wish, bool running, tn_shadow_shown_fn done,
                    void *arg)
{
    struct showing *g = TN_NEW(struct showing);
    struct tn_read *read = tn_read_new(team);
    char prefix[KEY_MAX];
    *g = (struct showing){.store = store,
                          .secrets = secrets,
                          .team = team,
                          .wish = *wish,
                          .running = running,
                          .all = {.findings = tn_findings_new()},
                          .done = done,
                          .arg = arg};
    key_prefix(wish, prefix);
    tn_read_kv_list(read, space, tn_str(prefix), TN_STR(""), TN_LIMIT_PAGE);
    tn_store_read(store, read, NULL, kept_found, g);
}
