/* SPDX-License-Identifier: MIT */
#include "bind/bind_tx.h"

#include <stdio.h>

#include "base/fault.h"
#include "base/limits.h"
#include "bind/bind_keep.h"
#include "store/commit.h"
#include "store/merge.h"

/* An event or an audit row. */
struct tx_note {
    struct tx_note *next;
    bool audit;
    const char *what; /* type or action */
    const char *table, *object;
    bool about; /* id counts */
    struct tn_id id;
    struct tn_str data;
};

struct tx_kv {
    struct tx_kv *next;
    struct tn_str key, value;    /* value absent: there is none */
    int64_t version, expires_ms; /* version: as it was read; TN_NEW_ONLY: there was none */
    bool changed;
};

void tx_init(struct tx *tx, const struct bind_desk *desk)
{
    *tx = (struct tx){.desk = *desk, .before = tn_json_new(), .after = tn_json_new()};
    tx->last = &tx->first;
    tx->notes_last = &tx->notes;
    tx->kvs_last = &tx->kvs;
    tn_map_init(&tx->records);
    tn_arena_init(&tx->arena);
    tn_buf_init(&tx->hold, TN_LIMIT_RECORD);
    tn_buf_init(&tx->merged, TN_LIMIT_RECORD);
    bind_record_reader_init(&tx->reader);
}

void tx_clear(struct tx *tx)
{
    tn_map_clear(&tx->records, NULL);
    tn_json_free(tx->before);
    tn_json_free(tx->after);
    tn_buf_clear(&tx->hold);
    tn_buf_clear(&tx->merged);
    bind_record_reader_clear(&tx->reader);
    tn_arena_clear(&tx->arena);
}

/* ---- what it holds ---- */

/* A copy that lives as long as the transaction; all of them together are bounded. */
static bool keep(struct tx *tx, struct tn_str text, struct tn_str *out, struct tn_err *err)
{
    if (text.n > TN_LIMIT_COMMIT - tx->bytes)
        return tn_fail(err, TN_E_too_large, "a transaction may read and write %u MiB in all",
                       TN_LIMIT_COMMIT / TN_MIB);
    tx->bytes += text.n;
    *out = (struct tn_str){tn_arena_strndup(&tx->arena, text.p ? text.p : "", text.n), text.n};
    return true;
}

static bool may_write(struct tx *tx, struct tn_err *err)
{
    if (!bind_may_write(&tx->desk, err)) return false;
    if (tx->writes++ < TN_LIMIT_TX_WRITES) return true;
    return tn_fail(err, TN_E_budget, "a transaction may write %d records, events and key-values",
                   TN_LIMIT_TX_WRITES);
}

static struct tn_str key_of(const struct tn_entity *resource, const struct tn_id *id, char out[200])
{
    char text[TN_ID_LEN + 1];
    tn_id_text(id, text);
    int n = snprintf(out, 200, "%s/%s", text, resource->name);
    return (struct tn_str){out, (size_t)n};
}

static struct tx_record *known(const struct tx *tx, const struct tn_entity *resource,
                               const struct tn_id *id)
{
    char key[200];
    return tn_map_get(&tx->records, key_of(resource, id, key));
}

/* Of a row that is not there only the id counts. */
static bool enter(struct tx *tx, const struct tn_entity *resource, bool there,
                  const struct bind_row *row, struct tn_str body, struct tx_record **out,
                  struct tn_err *err)
{
    char key[200];
    struct tn_str kept;
    if (tx->reads++ >= TN_LIMIT_TX_READS)
        return tn_fail(err, TN_E_budget, "a transaction may read %d records", TN_LIMIT_TX_READS);
    if (!keep(tx, body, &kept, err)) return false;
    struct tx_record *r = tn_arena_alloc(&tx->arena, sizeof *r);
    *r = (struct tx_record){.resource = resource, .there = there, .row = *row, .body = kept};
    *tx->last = r;
    tx->last = &r->next;
    tn_map_put(&tx->records, key_of(resource, &row->id, key), r);
    *out = r;
    return true;
}

static bool enter_new(struct tx *tx, const struct tn_entity *resource, const struct tn_id *id,
                      struct tx_record **out, struct tn_err *err)
{
    const struct bind_row row = {.id = *id};
    return enter(tx, resource, false, &row, TN_STR(""), out, err);
}

/* The record whether it is there or not. */
static bool look(struct tx *tx, const struct tn_entity *resource, const struct tn_id *id,
                 struct tx_record **out, struct tn_err *err)
{
    struct tn_row row;
    *out = known(tx, resource, id);
    if (*out) return true;
    if (tn_store_get(tx->desk.store, tx->desk.actor.team, resource->plural, id, &row, &tx->hold,
                     err)) {
        struct bind_row as = bind_row_of(&row);
        return enter(tx, resource, true, &as, row.body, out, err);
    }
    return err->kind == TN_E_not_found && enter_new(tx, resource, id, out, err);
}

bool tx_get(struct tx *tx, const struct tn_entity *resource, const struct tn_id *id,
            struct tx_record **out, struct tn_err *err)
{
    if (!look(tx, resource, id, out, err)) return false;
    if (!(*out)->there) *out = NULL;
    return true;
}

bool tx_note_row(struct tx *tx, const struct tn_entity *resource, const struct bind_row *row,
                 struct tn_str body, struct tx_record **out, struct tn_err *err)
{
    *out = known(tx, resource, &row->id);
    if (!*out && !enter(tx, resource, true, row, body, out, err)) return false;
    if (!(*out)->there) *out = NULL;
    return true;
}

/* ---- keys ---- */

static size_t key_length(const struct tn_entity *resource)
{
    size_t n = 0;
    while (resource->key && resource->key[n] && n < TN_STORE_KEY_MAX) n++;
    return n;
}

/* The key of a body as texts; false: it lacks a part, so it is subject to none. */
static bool key_in(const struct tn_entity *resource, struct tn_jval body, struct tn_arena *arena,
                   struct tn_str key[TN_STORE_KEY_MAX])
{
    size_t n = key_length(resource);
    for (size_t i = 0; i < n; i++) {
        struct tn_jval v = tn_jget_z(body, resource->key[i]);
        if (tn_jis(v, TN_JSON_absent) || tn_jis(v, TN_JSON_null)) return false;
        if (!tn_jtext(v, arena, &key[i])) key[i] = tn_jraw(v);
    }
    return n > 0;
}

static bool has_key(struct tx *tx, const struct tx_record *r, const struct tn_str *key,
                    size_t count)
{
    struct tn_str own[TN_STORE_KEY_MAX];
    struct tn_arena arena;
    struct tn_err err;
    tn_arena_init(&arena);
    bool same = tn_json_parse(tx->before, r->body, &err) &&
                key_in(r->resource, tn_json_root(tx->before), &arena, own);
    for (size_t i = 0; same && i < count; i++) same = tn_str_eq(own[i], key[i]);
    tn_arena_clear(&arena);
    return same;
}

bool tx_find(struct tx *tx, const struct tn_entity *resource, const struct tn_str *key,
             size_t count, struct tx_record **out, struct tn_err *err)
{
    struct tn_row row;
    for (*out = tx->first; *out; *out = (*out)->next)
        if ((*out)->resource == resource && (*out)->there && (*out)->changed &&
            has_key(tx, *out, key, count))
            return true;
    if (!tn_store_get_by_key(tx->desk.store, tx->desk.actor.team, resource->plural, key, count,
                             &row, &tx->hold, err))
        return err->kind == TN_E_not_found;
    struct bind_row as = bind_row_of(&row);
    struct tx_record *r = known(tx, resource, &row.id);
    /* The transaction gave it another key, or took it away. */
    if (r && (!r->there || r->changed)) return true;
    return tx_note_row(tx, resource, &as, row.body, out, err);
}

/* ---- writing records ---- */

static bool key_is_taken(const struct tn_entity *resource, const struct tn_str *key,
                         const struct tn_id *holder, struct tn_err *err)
{
    char id[TN_ID_LEN + 1];
    struct tn_buf detail;
    struct tn_jw w;
    tn_id_text(holder, id);
    tn_buf_init(&detail, TN_LIMIT_RECORD);
    tn_jw_init(&w, &detail);
    tn_jw_object(&w);
    tn_jw_key(&w, TN_STR("key"));
    tn_jw_object(&w);
    for (size_t i = 0; i < key_length(resource); i++) tn_jw_kstr(&w, resource->key[i], key[i]);
    tn_jw_end(&w);
    tn_jw_kz(&w, "holder", id);
    tn_jw_end(&w);
    tn_fail(err, TN_E_key_taken, "%s: another %s has '%.*s' already", resource->key[0],
            resource->name, TN_FMT(key[0]));
    tn_fail_field(err, "%s", resource->key[0]);
    if (!detail.failed) tn_fail_params(err, detail.p);
    tn_buf_clear(&detail);
    return false;
}

static bool key_is_free(struct tx *tx, const struct tn_entity *resource, const struct tn_id *id,
                        struct tn_jval body, struct tn_err *err)
{
    struct tn_str key[TN_STORE_KEY_MAX];
    struct tx_record *other = NULL;
    struct tn_arena arena;
    bool ok = true;
    tn_arena_init(&arena);
    if (key_in(resource, body, &arena, key))
        ok = tx_find(tx, resource, key, key_length(resource), &other, err);
    if (ok && other && memcmp(&other->row.id, id, sizeof *id) != 0)
        ok = key_is_taken(resource, key, &other->row.id, err);
    tn_arena_clear(&arena);
    return ok;
}

static void first_fault(void *arg, const struct tn_err *fault)
{
    struct tn_err *err = arg;
    if (err->kind == TN_E_none) *err = *fault;
}

static bool moves_well(const struct tn_entity *a, struct tn_jval before, struct tn_jval after,
                       struct tn_err *err)
{
    tn_err_clear(err);
    return tn_field_check_moves(a->fields, a->n_fields, before, after, first_fault, err) == 0;
}

/* The body holds what the resource declares, whoever writes it; *out has its defaults filled in. */
static bool check_body(struct tx *tx, const struct tx_record *r, struct tn_str body,
                       struct tn_str *out, struct tn_err *err)
{
    const struct tn_entity *a = r->resource;
    struct tn_buf filled;
    struct tn_jw w;
    if (!tn_json_parse(tx->after, body, err) ||
        !tn_field_check(a->fields, a->n_fields, tn_json_root(tx->after), "", 0, err) ||
        !key_is_free(tx, r->resource, &r->row.id, tn_json_root(tx->after), err))
        return false;
    if (r->there && (!tn_json_parse(tx->before, r->body, err) ||
                     !moves_well(a, tn_json_root(tx->before), tn_json_root(tx->after), err)))
        return false;
    tn_buf_init(&filled, TN_LIMIT_RECORD);
    tn_jw_init(&w, &filled);
    tn_field_fill(a->fields, a->n_fields, tn_json_root(tx->after), &w);
    bool ok = tn_buf_ok(&filled, "a record", err) && keep(tx, tn_buf_str(&filled), out, err);
    tn_buf_clear(&filled);
    return ok;
}

static bool write_body(struct tx *tx, struct tx_record *r, struct tn_str body, struct tn_err *err)
{
    struct tn_str kept;
    if (!may_write(tx, err) || !check_body(tx, r, body, &kept, err)) return false;
    r->changed |= !r->there || !tn_str_eq(kept, r->body);
    r->body = kept;
    r->there = true;
    return true;
}

static bool missing(const struct tn_entity *resource, const struct tn_id *id, struct tn_err *err)
{
    char text[TN_ID_LEN + 1];
    tn_id_text(id, text);
    return tn_fail(err, TN_E_not_found, "there is no %s '%s'", resource->name, text);
}

bool tx_create(struct tx *tx, const struct tn_entity *resource, struct tn_id *id,
               struct tn_str body, struct tn_err *err)
{
    static const struct tn_id none;
    struct tx_record *r;
    bool own = memcmp(id, &none, sizeof none) != 0;
    if (!own) *id = tn_id_new();
    /* Nobody else has a new one: it need not be looked for. */
    if (own ? !look(tx, resource, id, &r, err) : !enter_new(tx, resource, id, &r, err))
        return false;
    if (!r->there) {
        r->row.created_ms = r->row.updated_ms = tn_store_now(tx->desk.owner->env->store);
        return write_body(tx, r, body, err);
    }
    tn_fail(err, TN_E_conflict, "id: there is a %s of this id already", resource->name);
    return tn_fail_field(err, "id");
}

bool tx_put(struct tx *tx, const struct tn_entity *resource, const struct tn_id *id,
            struct tn_str body, struct tn_err *err)
{
    struct tx_record *r;
    if (!look(tx, resource, id, &r, err)) return false;
    return r->there ? write_body(tx, r, body, err) : missing(resource, id, err);
}

bool tx_patch(struct tx *tx, const struct tn_entity *resource, const struct tn_id *id,
              struct tn_str patch, struct tn_err *err)
{
    struct tx_record *r;
    if (!look(tx, resource, id, &r, err)) return false;
    if (!r->there) return missing(resource, id, err);
    if (!tn_json_parse(tx->before, r->body, err) || !tn_json_parse(tx->after, patch, err))
        return false;
    tn_buf_reset(&tx->merged);
    tn_merge_patch(&tx->merged, tn_json_root(tx->before), tn_json_root(tx->after));
    return tn_buf_ok(&tx->merged, "a record", err) &&
           write_body(tx, r, tn_buf_str(&tx->merged), err);
}

bool tx_delete(struct tx *tx, const struct tn_entity *resource, const struct tn_id *id,
               bool *was_there, struct tn_err *err)
{
    struct tx_record *r;
    if (!look(tx, resource, id, &r, err)) return false;
    *was_there = r->there;
    if (!r->there) return true;
    if (!may_write(tx, err)) return false;
    r->there = false;
    r->changed = true;
    return true;
}

/* ---- events, audit ---- */

static bool add_note(struct tx *tx, const struct tx_note *note, const char *what,
                     const char *object, struct tn_str data, struct tn_err *err)
{
    struct tn_str kept;
    if (!may_write(tx, err) || !keep(tx, data, &kept, err)) return false;
    struct tx_note *n = tn_arena_alloc(&tx->arena, sizeof *n);
    *n = *note;
    n->what = tn_arena_strdup(&tx->arena, what);
    n->object = object ? tn_arena_strdup(&tx->arena, object) : "";
    n->data = kept;
    *tx->notes_last = n;
    tx->notes_last = &n->next;
    return true;
}

bool tx_event(struct tx *tx, const char *type, const struct tn_entity *resource,
              const struct tn_id *id, struct tn_str data, struct tn_err *err)
{
    struct tx_note note = {.about = resource != NULL};
    if (resource) {
        note.table = resource->plural;
        note.id = *id;
    }
    return add_note(tx, &note, type, NULL, data, err);
}

bool tx_audit(struct tx *tx, const char *action, const char *object, struct tn_str detail,
              struct tn_err *err)
{
    struct tx_note note = {.audit = true};
    return add_note(tx, &note, action, object, detail, err);
}

/* ---- key-values ---- */

static bool look_kv(struct tx *tx, struct tn_str key, struct tx_kv **out, struct tn_err *err)
{
    for (*out = tx->kvs; *out; *out = (*out)->next)
        if (tn_str_eq((*out)->key, key)) return true;
    if (tx->reads++ >= TN_LIMIT_TX_READS)
        return tn_fail(err, TN_E_budget, "a transaction may read %d records", TN_LIMIT_TX_READS);
    struct tx_kv *kv = tn_arena_alloc(&tx->arena, sizeof *kv);
    kv->version = TN_NEW_ONLY;
    if (!keep(tx, key, &kv->key, err)) return false;
    if (keep_get(tx->desk.owner, bind_kv_space, key, &tx->hold, &kv->version, err)) {
        if (!keep(tx, tn_buf_str(&tx->hold), &kv->value, err)) return false;
    } else if (err->kind != TN_E_none) {
        return false;
    }
    *tx->kvs_last = kv;
    tx->kvs_last = &kv->next;
    *out = kv;
    return true;
}

bool tx_kv_get(struct tx *tx, struct tn_str key, struct tn_str *out, struct tn_err *err)
{
    struct tx_kv *kv;
    if (!look_kv(tx, key, &kv, err)) return false;
    *out = kv->value;
    return true;
}

bool tx_kv_set(struct tx *tx, struct tn_str key, struct tn_str value, int64_t expires_ms,
               struct tn_err *err)
{
    struct tx_kv *kv;
    struct tn_str kept = {NULL, 0};
    if (!may_write(tx, err) || !look_kv(tx, key, &kv, err) ||
        (value.p && !keep(tx, value, &kept, err)))
        return false;
    kv->value = kept;
    kv->expires_ms = expires_ms;
    kv->changed = true;
    return true;
}

/* ---- the commit ---- */

static bool add_record(const struct tx *tx, const struct tx_record *r, struct tn_commit *commit,
                       struct tn_err *err)
{
    int64_t team = tx->desk.actor.team;
    const char *table = r->resource->plural;
    int64_t version = r->row.version; /* 0: it was not there, and has not to be (TN_NEW_ONLY) */
    if (TN_FAULT("bind.tx.stale")) version++;
    if (r->changed && r->there)
        return tn_commit_put(commit, team, table, &r->row.id, r->body, version, err);
    if (r->changed && version)
        return tn_commit_delete(commit, team, table, &r->row.id, version, err);
    return tn_commit_expect(commit, team, table, &r->row.id, version, err);
}

static bool add_kv(const struct tx *tx, const struct tx_kv *kv, struct tn_commit *commit,
                   struct tn_err *err)
{
    int64_t team = tx->desk.owner->team;
    if (!kv->changed) return true;
    if (kv->value.p)
        return tn_commit_kv_set(commit, team, bind_kv_space, kv->key, kv->value, kv->version,
                                kv->expires_ms, err);
    return kv->version == TN_NEW_ONLY ||
           tn_commit_kv_delete(commit, team, bind_kv_space, kv->key, kv->version, err);
}

static bool add_note_to(const struct tx *tx, const struct tx_note *n, struct tn_commit *commit,
                        struct tn_err *err)
{
    int64_t team = tx->desk.actor.team;
    if (n->audit)
        return tn_commit_audit(commit, team, tx->desk.actor.name, n->what, n->object, n->data, err);
    return tn_commit_event(commit, team, n->what, n->table, n->about ? &n->id : NULL, n->data, err);
}

bool tx_build(struct tx *tx, struct tn_commit *commit, struct tn_err *err)
{
    bool ok = true;
    tn_commit_origin(commit, &tx->desk.actor.origin);
    for (const struct tx_record *r = tx->first; ok && r; r = r->next)
        ok = add_record(tx, r, commit, err);
    for (const struct tx_kv *kv = tx->kvs; ok && kv; kv = kv->next)
        ok = add_kv(tx, kv, commit, err);
    for (const struct tx_note *n = tx->notes; ok && n; n = n->next)
        ok = add_note_to(tx, n, commit, err);
    return ok;
}
