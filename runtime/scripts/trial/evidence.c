/* SPDX-License-Identifier: MIT */
#include "scripts/trial/evidence.h"

#include <stdio.h>
#include <stdlib.h>

#include "access/integration.h"
#include "base/alloc.h"
#include "base/limits.h"
#include "base/time.h"
#include "store/commit.h"
#include "store/store.h"
#include "sync/tap.h"

enum { ROW_MAX = 64 * 1024, SAMPLE_MAX = 512 * 1024, SEALED_MAX = 2 * TN_MIB, KEY_MAX = 256 };

static const char space[] = "evidence";

/* ---- keeping ---- */

struct watched {
    struct tn_store *store;
    const struct tn_secrets *secrets;
    struct tn_json *json;
    int64_t team, pages, days;
    unsigned slot;
    char prefix[KEY_MAX - 16]; /* "<integration>/<operation>/" */
    char mapping[128];
};

/* Takes the first pages, then ever fewer, so that a long run costs little more than a short one. */
static bool wanted(int64_t page)
{
    return page < TN_LIMIT_EVIDENCE_PAGES || (page & (page - 1)) == 0;
}

/* The rows as they came, byte for byte. */
static void add_rows(struct watched *w, const struct tn_source_page *page, struct tn_jw *to)
{
    struct tn_json_rows rows;
    struct tn_err err;
    size_t bytes = 0;
    if (!tn_json_rows_open(&rows, w->json, page->text, page->rows, &err)) return;
    for (int n = 0; n < TN_LIMIT_EVIDENCE_ROWS && tn_json_rows_next(&rows, &err);) {
        struct tn_str raw = tn_jraw(tn_json_root(w->json));
        if (raw.n > ROW_MAX) continue;
        bytes += raw.n;
        if (bytes > SAMPLE_MAX) return;
        tn_jw_raw(to, raw);
        n++;
    }
}

static void kept(void *arg, const struct tn_committed *done, const struct tn_err *err)
{
    (void)arg, (void)done, (void)err;
}

static void keep(struct watched *w, struct tn_str sample)
{
    struct tn_commit *commit = tn_commit_new(w->store);
    int64_t until = tn_now_ms() + w->days * 86400 * 1000;
    struct tn_buf sealed;
    struct tn_err err;
    char key[KEY_MAX], next[24], next_key[KEY_MAX];
    snprintf(key, sizeof key, "%s%02u", w->prefix, w->slot);
    snprintf(next_key, sizeof next_key, "%snext", w->prefix);
    w->slot = (w->slot + 1) % TN_LIMIT_EVIDENCE_PAGES;
    snprintf(next, sizeof next, "%u", w->slot);
    tn_buf_init(&sealed, SEALED_MAX);
    tn_seal(&w->secrets->payload, sample, tn_str(key), &sealed);
    if (tn_buf_ok(&sealed, "a sample", &err) &&
        tn_commit_kv_set(commit, w->team, space, tn_str(key), tn_buf_str(&sealed), TN_ANY, until,
                         &err) &&
        tn_commit_kv_set(commit, w->team, space, tn_str(next_key), tn_str(next), TN_ANY, until,
                         &err))
        tn_store_commit(w->store, commit, kept, NULL);
    else
        tn_commit_free(commit);
    tn_buf_clear(&sealed);
}

static void sample(void *arg, const struct tn_source_page *page)
{
    struct watched *w = arg;
    struct tn_buf text;
    struct tn_jw to;
    struct tn_err err;
    if (!wanted(w->pages++)) return;
    tn_buf_init(&text, SEALED_MAX);
    tn_jw_init(&to, &text);
    tn_jw_object(&to);
    tn_jw_kz(&to, "mapping", w->mapping);
    tn_jw_key(&to, TN_STR("rows"));
    tn_jw_array(&to);
    add_rows(w, page, &to);
    tn_jw_end(&to);
    tn_jw_end(&to);
    if (tn_buf_ok(&text, "a sample", &err)) keep(w, tn_buf_str(&text));
    tn_buf_clear(&text);
}

static void closed(void *arg)
{
    struct watched *w = arg;
    tn_json_free(w->json);
    tn_free(w);
}

static const struct tn_tap tap = {.look = sample, .closed = closed};

/* The slot of the ring that is written next. */
static unsigned next_slot(const struct watched *w)
{
    struct tn_buf value;
    struct tn_err err;
    char key[KEY_MAX];
    unsigned slot = 0;
    snprintf(key, sizeof key, "%snext", w->prefix);
    tn_buf_init(&value, 64);
    if (tn_store_kv_get(w->store, w->team, space, tn_str(key), &value, NULL, &err))
        slot = (unsigned)strtoul(value.p, NULL, 10) % TN_LIMIT_EVIDENCE_PAGES;
    tn_buf_clear(&value);
    return slot;
}

void tn_evidence_watch(struct tn_store *store, const struct tn_secrets *secrets, int64_t days,
                       const struct tn_run_request *r, struct tn_source *source)
{
    if (!days) return;
    struct watched *w = TN_NEW(struct watched);
    w->store = store;
    w->days = days;
    w->secrets = secrets;
    w->team = r->team;
    w->json = tn_json_new();
    snprintf(w->prefix, sizeof w->prefix, "%.63s/%.63s/", r->integration, r->operation);
    tn_source_mapping(source, w->mapping, sizeof w->mapping);
    w->slot = next_slot(w);
    tn_source_tap(source, &tap, w);
}

/* ---- forgetting ---- */

struct forgetting {
    struct tn_commit *commit;
    int64_t team;
    struct tn_err *err;
    char after[KEY_MAX];
    bool ok, more;
};

static bool forget_one(void *arg, struct tn_str key, struct tn_str value, int64_t version)
{
    struct forgetting *f = arg;
    (void)value, (void)version;
    f->more = true;
    snprintf(f->after, sizeof f->after, "%.*s", TN_FMT(key));
    f->ok = tn_commit_kv_delete(f->commit, f->team, space, key, TN_ANY, f->err);
    return f->ok;
}

bool tn_evidence_forget(struct tn_store *store, int64_t team, const char *id,
                        struct tn_commit *commit, struct tn_err *err)
{
    struct forgetting f = {.commit = commit, .team = team, .err = err, .ok = true, .more = true};
    char prefix[80];
    snprintf(prefix, sizeof prefix, "%.63s/", id);
    while (f.ok && f.more) {
        char after[KEY_MAX];
        f.more = false;
        snprintf(after, sizeof after, "%s", f.after);
        if (!tn_store_kv_list(store, team, space, tn_str(prefix), tn_str(after), 1, forget_one, &f,
                              err))
            return false;
    }
    return f.ok;
}

/* ---- reading ---- */

void tn_evidence_init(struct tn_evidence *e)
{
    memset(e, 0, sizeof *e);
    tn_buf_init(&e->text, SEALED_MAX);
}

void tn_evidence_clear(struct tn_evidence *e)
{
    tn_buf_clear(&e->text);
}

struct taking {
    struct tn_evidence *e;
    const struct tn_secrets *secrets;
    bool found, sample;
};

static void name_parts(struct tn_evidence *e)
{
    struct tn_str rest = tn_str(e->after), id, operation;
    tn_str_split(&rest, '/', &id);
    tn_str_split(&rest, '/', &operation);
    snprintf(e->integration, sizeof e->integration, "%.*s", TN_FMT(id));
    snprintf(e->operation, sizeof e->operation, "%.*s", TN_FMT(operation));
}

/* Skips a sample that cannot be decrypted (another master key, damage). */
static bool take(void *arg, struct tn_str key, struct tn_str value, int64_t version)
{
    struct taking *t = arg;
    struct tn_err err;
    (void)version;
    t->found = true;
    snprintf(t->e->after, sizeof t->e->after, "%.*s", TN_FMT(key));
    tn_buf_reset(&t->e->text);
    t->sample = !tn_str_ends(key, "/next") &&
                tn_unseal(&t->secrets->payload, value, key, &t->e->text, &err);
    return false;
}

static bool understand(struct tn_evidence *e, struct tn_json *json)
{
    struct tn_err err;
    struct tn_arena arena;
    struct tn_str mapping = {0};
    if (!tn_json_parse(json, tn_buf_str(&e->text), &err)) return false;
    tn_arena_init(&arena);
    tn_jtext(tn_jget_z(tn_json_root(json), "mapping"), &arena, &mapping);
    snprintf(e->mapping, sizeof e->mapping, "%.*s", TN_FMT(mapping));
    tn_arena_clear(&arena);
    e->rows = tn_jraw(tn_jget_z(tn_json_root(json), "rows"));
    return e->rows.n > 0;
}

bool tn_evidence_next(struct tn_store *store, const struct tn_secrets *secrets, int64_t team,
                      struct tn_json *json, struct tn_evidence *e, struct tn_err *err)
{
    for (;;) {
        struct taking t = {.e = e, .secrets = secrets};
        char after[sizeof e->after];
        snprintf(after, sizeof after, "%s", e->after);
        if (!tn_store_kv_list(store, team, space, TN_STR(""), tn_str(after), 1, take, &t, err))
            return false;
        if (!t.found) return tn_fail(err, TN_E_not_found, "no more samples");
        if (!t.sample || !understand(e, json)) continue;
        name_parts(e);
        return true;
    }
}

void tn_evidence_name(void *arg, const char *integration, char *out, size_t room)
{
    const struct tn_evidence_names *n = arg;
    struct tn_integration i;
    struct tn_err err;
    tn_integration_init(&i);
    bool there = tn_integration_load(&i, n->store, n->secrets, n->team, tn_str(integration), &err);
    if (there)
        snprintf(out, room, "%.*s", TN_FMT(i.name));
    else
        snprintf(out, room, "%s", integration);
    tn_integration_clear(&i);
}
