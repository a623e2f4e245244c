/* SPDX-License-Identifier: MIT */
#include "scripts/trial/evidence.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/limits.h"
#include "base/time.h"
#include "store/commit.h"
#include "store/read.h"
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
    struct tn_call *call;                 /* reads which slot is next */
    char *early[TN_LIMIT_EVIDENCE_PAGES]; /* samples taken before the slot was known */
    size_t early_length[TN_LIMIT_EVIDENCE_PAGES], early_count;
    bool closed;
    char prefix[KEY_MAX - 16]; /* "<integration>/<operation>/" */
    char mapping[128];
};

/* Takes the first pages of a run, then only those whose number is a power of two, so that a long
 * run costs little more than a short one. */
static bool wanted(int64_t page)
{
    return page < TN_LIMIT_EVIDENCE_PAGES || (page & (page - 1)) == 0;
}

/* Adds the first rows of a page as the peer sent them, byte for byte. */
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

/* Keeps the sample, or holds it until the slot is known: the run does not wait. */
static void keep_in_turn(struct watched *w, struct tn_str sample)
{
    if (!w->call) {
        keep(w, sample);
    } else if (w->early_count < TN_LIMIT_EVIDENCE_PAGES) {
        w->early[w->early_count] = tn_strndup(sample.p, sample.n);
        w->early_length[w->early_count++] = sample.n;
    }
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
    if (tn_buf_ok(&text, "a sample", &err)) keep_in_turn(w, tn_buf_str(&text));
    tn_buf_clear(&text);
}

static void watched_free(struct watched *w)
{
    while (w->early_count) tn_free(w->early[--w->early_count]);
    tn_json_free(w->json);
    tn_free(w);
}

static void closed(void *arg)
{
    struct watched *w = arg;
    w->closed = true;
    if (!w->call) watched_free(w);
}

static const struct tn_tap tap = {.look = sample, .closed = closed};

static void slot_found(void *arg, struct tn_found *found, const struct tn_err *err)
{
    struct watched *w = arg;
    w->call = NULL;
    if (!err && !tn_found_err(found, 0)) {
        char text[16];
        snprintf(text, sizeof text, "%.*s", TN_FMT(tn_found_kv(found, 0, 0)->value));
        w->slot = (unsigned)strtoul(text, NULL, 10) % TN_LIMIT_EVIDENCE_PAGES;
    }
    for (size_t i = 0; !err && i < w->early_count; i++)
        keep(w, (struct tn_str){w->early[i], w->early_length[i]});
    while (w->early_count) tn_free(w->early[--w->early_count]);
    if (w->closed) watched_free(w);
}

/* Reads which slot of the ring is written next. */
static void read_slot(struct watched *w)
{
    struct tn_read *read = tn_read_new(w->team);
    char key[KEY_MAX];
    snprintf(key, sizeof key, "%snext", w->prefix);
    tn_read_kv(read, space, tn_str(key));
    w->call = tn_store_read(w->store, read, NULL, slot_found, w);
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
    read_slot(w);
    tn_source_tap(source, &tap, w);
}

/* ---- forgetting ---- */

struct forgetting {
    struct tn_store *store;
    struct tn_commit *commit;
    int64_t team;
    char prefix[80], after[KEY_MAX];
    void (*done)(void *arg, const struct tn_err *err);
    void *arg;
};

static void forget_next(struct forgetting *f);

static bool forget_these(struct forgetting *f, const struct tn_found *found, struct tn_err *err)
{
    const struct tn_kv *kv;
    const struct tn_err *why = tn_found_err(found, 0);
    if (why) {
        *err = *why;
        return false;
    }
    for (size_t i = 0; (kv = tn_found_kv(found, 0, i)); i++) {
        snprintf(f->after, sizeof f->after, "%.*s", TN_FMT(kv->key));
        if (!tn_commit_kv_delete(f->commit, f->team, space, kv->key, TN_ANY, err)) return false;
    }
    return true;
}

static void kept_found(void *arg, struct tn_found *found, const struct tn_err *err)
{
    struct forgetting *f = arg;
    struct tn_err why;
    if (!err && !forget_these(f, found, &why)) err = &why;
    if (!err && tn_found_list(found, 0)->more) {
        forget_next(f);
        return;
    }
    f->done(f->arg, err);
    tn_free(f);
}

static void forget_next(struct forgetting *f)
{
    struct tn_read *read = tn_read_new(f->team);
    tn_read_kv_list(read, space, tn_str(f->prefix), tn_str(f->after), TN_LIMIT_PAGE);
    tn_store_read(f->store, read, NULL, kept_found, f);
}

void tn_evidence_forget(struct tn_store *store, int64_t team, const char *id,
                        struct tn_commit *commit, void (*done)(void *arg, const struct tn_err *err),
                        void *arg)
{
    struct forgetting *f = TN_NEW(struct forgetting);
    *f = (struct forgetting){
        .store = store, .commit = commit, .team = team, .done = done, .arg = arg};
    snprintf(f->prefix, sizeof f->prefix, "%.63s/", id);
    forget_next(f);
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

static void name_parts(struct tn_evidence *e)
{
    struct tn_str rest = tn_str(e->after), id, operation;
    tn_str_split(&rest, '/', &id);
    tn_str_split(&rest, '/', &operation);
    snprintf(e->integration, sizeof e->integration, "%.*s", TN_FMT(id));
    snprintf(e->operation, sizeof e->operation, "%.*s", TN_FMT(operation));
}

/* Skips a sample that cannot be decrypted (another master key, damage). */
static bool take(struct tn_evidence *e, const struct tn_kv *kv, const struct tn_secrets *secrets)
{
    struct tn_err err;
    snprintf(e->after, sizeof e->after, "%.*s", TN_FMT(kv->key));
    tn_buf_reset(&e->text);
    return !tn_str_ends(kv->key, "/next") &&
           tn_unseal(&secrets->payload, kv->value, kv->key, &e->text, &err);
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

size_t tn_evidence_ask(const struct tn_evidence *e, struct tn_read *read)
{
    return tn_read_kv_list(read, space, TN_STR(""), tn_str(e->after), 1);
}

bool tn_evidence_found(struct tn_evidence *e, const struct tn_found *found, size_t question,
                       const struct tn_secrets *secrets, struct tn_json *json, bool *sample,
                       struct tn_err *err)
{
    const struct tn_err *why = tn_found_err(found, question);
    if (why) {
        *err = *why;
        return false;
    }
    const struct tn_kv *kv = tn_found_kv(found, question, 0);
    if (!kv) return tn_fail(err, TN_E_not_found, "no more samples");
    *sample = take(e, kv, secrets) && understand(e, json);
    if (*sample) name_parts(e);
    return true;
}
