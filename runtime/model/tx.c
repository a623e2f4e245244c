/* SPDX-License-Identifier: MIT */
#include "model/tx.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/fault.h"
#include "base/limits.h"
#include "base/map.h"
#include "model/audit.h"
#include "store/commit.h"
#include "store/merge.h"
#include "store/read.h"

enum { KEY_TEXT = 200 };

/* An event or an audit row that the transaction will write. */
struct note {
    struct note *next;
    bool audit;
    const char *what; /* type of the event, or action */
    const char *object;
    const struct tn_entity *about; /* NULL: about no record */
    struct tn_id id;
    struct tn_str data;
};

struct kv {
    struct kv *next;
    struct tn_str key, value;    /* value absent: the key-value is missing or deleted */
    int64_t version, expires_ms; /* version: when it was read; TN_NEW_ONLY: it was missing */
    bool changed;
};

/* One question of the next fetch: a record by id or by key, or a key-value (entity NULL). */
struct wanted {
    struct wanted *next;
    const struct tn_entity *entity;
    struct tn_id id;
    const struct tn_str *key; /* NULL: ask by id */
    size_t question;
};

/* The result of a look-up by key; record NULL: no record had the key. */
struct by_key {
    struct by_key *next;
    const struct tn_entity *entity;
    const struct tn_str *key;
    struct tn_tx_record *record;
};

/* A commit under way; it may outlive its transaction. */
struct flight {
    struct tn_tx *tx;
};

struct tn_tx_tools {
    struct tn_json *before, *after;
    struct tn_buf merged, filled;
};

struct tn_tx {
    struct tn_tx_env env;
    struct tn_actor actor;
    struct tn_map records; /* by name_of */
    struct tn_tx_record *first, **last;
    struct by_key *keys;
    struct note *notes, **notes_last;
    struct kv *kvs, **kvs_last;
    struct wanted *wanted, **wanted_last;
    struct tn_call *call;
    struct flight *flight;
    void (*then)(struct tn_tx *tx,
                 const struct tn_err *err); /* called when everything is fetched */
    tn_tx_fn done;
    void *arg;
    struct tn_faults faults;
    struct tn_err broken; /* why the commit could not be sent; kind none: it could */
    size_t reads, writes, bytes;
    struct tn_arena arena;
    int64_t *versions; /* after the commit: versions of the records, in their order */
};

static const struct tn_jval nothing;

struct tn_tx_tools *tn_tx_tools_new(void)
{
    struct tn_tx_tools *tools = TN_NEW(struct tn_tx_tools);
    tools->before = tn_json_new();
    tools->after = tn_json_new();
    tn_buf_init(&tools->merged, TN_LIMIT_RECORD);
    tn_buf_init(&tools->filled, TN_LIMIT_RECORD);
    return tools;
}

void tn_tx_tools_free(struct tn_tx_tools *tools)
{
    if (!tools) return;
    tn_json_free(tools->before);
    tn_json_free(tools->after);
    tn_buf_clear(&tools->merged);
    tn_buf_clear(&tools->filled);
    tn_free(tools);
}

struct tn_tx *tn_tx_new(const struct tn_tx_env *env, const struct tn_actor *actor)
{
    struct tn_tx *tx = TN_NEW(struct tn_tx);
    tx->env = *env;
    tx->actor = *actor;
    tx->last = &tx->first;
    tx->notes_last = &tx->notes;
    tx->kvs_last = &tx->kvs;
    tx->wanted_last = &tx->wanted;
    tn_map_init(&tx->records);
    tn_arena_init(&tx->arena);
    tn_faults_init(&tx->faults);
    return tx;
}

void tn_tx_free(struct tn_tx *tx)
{
    if (!tx) return;
    tn_call_cancel(tx->call);
    if (tx->flight) tx->flight->tx = NULL;
    tn_map_clear(&tx->records, NULL);
    tn_faults_clear(&tx->faults);
    tn_free(tx->versions);
    tn_arena_clear(&tx->arena);
    tn_free(tx);
}

const struct tn_actor *tn_tx_actor(const struct tn_tx *tx)
{
    return &tx->actor;
}

const struct tn_faults *tn_tx_faults(const struct tn_tx *tx)
{
    return &tx->faults;
}

/* ---- memory of the transaction ---- */

/* Copies a text for the life of the transaction. The size of all copies together is limited. */
static bool keep(struct tn_tx *tx, struct tn_str text, struct tn_str *out, struct tn_err *err)
{
    if (text.n > TN_LIMIT_COMMIT - tx->bytes)
        return tn_fail(err, TN_E_too_large, "a transaction may read and write %u MiB in all",
                       TN_LIMIT_COMMIT / TN_MIB);
    tx->bytes += text.n;
    *out = (struct tn_str){tn_arena_strndup(&tx->arena, text.p ? text.p : "", text.n), text.n};
    return true;
}

static bool may_read_on(struct tn_tx *tx, struct tn_err *err)
{
    return tx->reads++ < TN_LIMIT_TX_READS ||
           tn_fail(err, TN_E_budget, "a transaction may read %d records", TN_LIMIT_TX_READS);
}

static bool may_write(struct tn_tx *tx, const char *what, const char *verb, struct tn_err *err)
{
    if (!tn_actor_must(&tx->actor, what, verb, err)) return false;
    return tx->writes++ < TN_LIMIT_TX_WRITES ||
           tn_fail(err, TN_E_budget, "a transaction may write %d records, events and key-values",
                   TN_LIMIT_TX_WRITES);
}

/* The bytes of the id, then the entity's name. */
static struct tn_str name_of(const struct tn_entity *e, const struct tn_id *id, char out[KEY_TEXT])
{
    size_t n = strnlen(e->name, KEY_TEXT - sizeof *id);
    memcpy(out, id, sizeof *id);
    memcpy(out + sizeof *id, e->name, n);
    return (struct tn_str){out, sizeof *id + n};
}

static struct tn_tx_record *known(const struct tn_tx *tx, const struct tn_entity *e,
                                  const struct tn_id *id)
{
    char name[KEY_TEXT];
    return tn_map_get(&tx->records, name_of(e, id, name));
}

/* Adds a record that was read; row NULL: there is no such record. */
static bool enter(struct tn_tx *tx, const struct tn_entity *e, const struct tn_id *id,
                  const struct tn_row *row, struct tn_tx_record **out, struct tn_err *err)
{
    char name[KEY_TEXT];
    struct tn_str body;
    if (!may_read_on(tx, err) || !keep(tx, row ? row->body : TN_STR(""), &body, err)) return false;
    struct tn_tx_record *r = tn_arena_alloc(&tx->arena, sizeof *r);
    *r = (struct tn_tx_record){.entity = e, .id = *id, .there = row != NULL, .body = body};
    if (row) {
        r->version = row->version;
        r->created_ms = row->created_ms;
        r->updated_ms = row->updated_ms;
    }
    *tx->last = r;
    tx->last = &r->next;
    tn_map_put(&tx->records, name_of(e, id, name), r);
    *out = r;
    return true;
}

/* ---- asking ---- */

static const struct tn_str *copy_key(struct tn_tx *tx, const struct tn_str *key, size_t n)
{
    struct tn_str *copy = tn_arena_alloc(&tx->arena, n * sizeof *copy);
    for (size_t i = 0; i < n; i++)
        copy[i] = (struct tn_str){tn_arena_strndup(&tx->arena, key[i].p, key[i].n), key[i].n};
    return copy;
}

static struct wanted *want(struct tn_tx *tx, const struct tn_entity *e, const struct tn_str *key)
{
    struct wanted *w = tn_arena_alloc(&tx->arena, sizeof *w);
    *w = (struct wanted){.entity = e, .key = key};
    *tx->wanted_last = w;
    tx->wanted_last = &w->next;
    return w;
}

static bool same_key(const struct tn_str *a, const struct tn_str *b, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!tn_str_eq(a[i], b[i])) return false;
    return true;
}

static struct by_key *key_known(const struct tn_tx *tx, const struct tn_entity *e,
                                const struct tn_str *key)
{
    size_t n = tn_entity_key_length(e);
    for (struct by_key *k = tx->keys; k; k = k->next)
        if (k->entity == e && same_key(k->key, key, n)) return k;
    return NULL;
}

static struct kv *kv_known(const struct tn_tx *tx, struct tn_str key)
{
    struct kv *kv = tx->kvs;
    while (kv && !tn_str_eq(kv->key, key)) kv = kv->next;
    return kv;
}

void tn_tx_ask(struct tn_tx *tx, const struct tn_entity *e, const struct tn_id *id)
{
    if (known(tx, e, id)) return;
    for (const struct wanted *w = tx->wanted; w; w = w->next)
        if (w->entity == e && !w->key && tn_id_eq(&w->id, id)) return;
    want(tx, e, NULL)->id = *id;
}

void tn_tx_ask_key(struct tn_tx *tx, const struct tn_entity *e, const struct tn_str *key)
{
    if (!key_known(tx, e, key)) want(tx, e, copy_key(tx, key, tn_entity_key_length(e)));
}

void tn_tx_ask_kv(struct tn_tx *tx, struct tn_str key)
{
    if (!kv_known(tx, key)) want(tx, NULL, copy_key(tx, &key, 1));
}

bool tn_tx_asks(const struct tn_tx *tx)
{
    return tx->wanted != NULL;
}

/* ---- taking answers ---- */

static bool take_kv(struct tn_tx *tx, const struct wanted *w, const struct tn_found *found,
                    struct tn_err *err)
{
    const struct tn_kv *there = tn_found_kv(found, w->question, 0);
    if (kv_known(tx, *w->key)) return true;
    if (!may_read_on(tx, err)) return false;
    struct kv *kv = tn_arena_alloc(&tx->arena, sizeof *kv);
    *kv = (struct kv){.key = *w->key, .version = there ? there->version : TN_NEW_ONLY};
    if (there && !keep(tx, there->value, &kv->value, err)) return false;
    *tx->kvs_last = kv;
    tx->kvs_last = &kv->next;
    return true;
}

static bool take_key(struct tn_tx *tx, const struct wanted *w, const struct tn_row *row,
                     struct tn_err *err)
{
    struct by_key *k = tn_arena_alloc(&tx->arena, sizeof *k);
    *k = (struct by_key){.next = tx->keys, .entity = w->entity, .key = w->key};
    if (row) k->record = known(tx, w->entity, &row->id);
    if (row && !k->record && !enter(tx, w->entity, &row->id, row, &k->record, err)) return false;
    tx->keys = k;
    return true;
}

static bool take_one(struct tn_tx *tx, const struct wanted *w, const struct tn_found *found,
                     struct tn_err *err)
{
    const struct tn_err *failed = tn_found_err(found, w->question);
    struct tn_tx_record *r;
    if (failed && failed->kind != TN_E_not_found) {
        *err = *failed;
        return false;
    }
    if (!w->entity) return take_kv(tx, w, found, err);
    const struct tn_row *row = tn_found_row(found, w->question, 0);
    if (w->key) return take_key(tx, w, row, err);
    return known(tx, w->entity, &w->id) || enter(tx, w->entity, &w->id, row, &r, err);
}

static int64_t team_of(const struct tn_tx *tx, const struct wanted *w)
{
    return w->entity ? tn_entity_team(w->entity, tx->actor.team) : tx->env.kv_team;
}

/* Takes the answers in. One read has one team; the questions of another team stay for the next
 * read. */
static bool take_all(struct tn_tx *tx, const struct tn_found *found, struct tn_err *err)
{
    struct wanted *w = tx->wanted, *next;
    int64_t team = w ? team_of(tx, w) : 0;
    tx->wanted = NULL;
    tx->wanted_last = &tx->wanted;
    for (; w; w = next) {
        next = w->next;
        w->next = NULL;
        if (team_of(tx, w) != team) {
            *tx->wanted_last = w;
            tx->wanted_last = &w->next;
        } else if (!take_one(tx, w, found, err)) {
            return false;
        }
    }
    return true;
}

static void finish(struct tn_tx *tx, const struct tn_err *err)
{
    tn_tx_fn done = tx->done;
    tx->done = NULL;
    done(tx->arg, err);
}

static void ask_store(struct tn_tx *tx);

static void on_found(void *arg, struct tn_found *found, const struct tn_err *failed)
{
    struct tn_tx *tx = arg;
    struct tn_err err;
    tx->call = NULL;
    if (!failed && !take_all(tx, found, &err)) failed = &err;
    if (!failed && tx->wanted)
        ask_store(tx);
    else
        tx->then(tx, failed);
}

static size_t ask_one(struct tn_tx *tx, struct tn_read *read, const struct wanted *w)
{
    if (!w->entity) return tn_read_kv(read, tx->env.kv_space, *w->key);
    if (!w->key) return tn_read_get(read, w->entity->plural, &w->id);
    return tn_read_key(read, w->entity->plural, w->key, tn_entity_key_length(w->entity));
}

static void ask_store(struct tn_tx *tx)
{
    const struct tn_read_options o = {.one_snapshot = true};
    int64_t team = tx->wanted ? team_of(tx, tx->wanted) : tx->actor.team;
    struct tn_read *read = tn_read_new(team);
    for (struct wanted *w = tx->wanted; w; w = w->next)
        if (team_of(tx, w) == team) w->question = ask_one(tx, read, w);
    tx->call = tn_store_read(tx->env.store, read, &o, on_found, tx);
}

void tn_tx_fetch(struct tn_tx *tx, tn_tx_fn done, void *arg)
{
    tx->done = done;
    tx->arg = arg;
    tx->then = finish;
    ask_store(tx);
}

/* ---- looking ---- */

static bool look(struct tn_tx *tx, const struct tn_entity *e, const struct tn_id *id,
                 struct tn_tx_record **out, struct tn_err *err)
{
    *out = known(tx, e, id);
    return *out ||
           tn_fail(err, TN_E_internal, "a step looks at a %s that was not fetched", e->name);
}

bool tn_tx_get(struct tn_tx *tx, const struct tn_entity *e, const struct tn_id *id,
               struct tn_tx_record **out, struct tn_err *err)
{
    if (!look(tx, e, id, out, err)) return false;
    if (!(*out)->there) *out = NULL;
    return true;
}

bool tn_tx_note(struct tn_tx *tx, const struct tn_entity *e, const struct tn_row *row,
                struct tn_tx_record **out, struct tn_err *err)
{
    *out = known(tx, e, &row->id);
    if (!*out && !enter(tx, e, &row->id, row, out, err)) return false;
    if (!(*out)->there) *out = NULL;
    return true;
}

static bool has_key(struct tn_tx *tx, const struct tn_tx_record *r, const struct tn_str *key)
{
    struct tn_str own[TN_STORE_KEY_MAX];
    struct tn_arena arena;
    struct tn_err err;
    tn_arena_init(&arena);
    bool same = tn_json_parse(tx->env.tools->before, r->body, &err) &&
                tn_entity_key_in(r->entity, tn_json_root(tx->env.tools->before), &arena, own) &&
                same_key(own, key, tn_entity_key_length(r->entity));
    tn_arena_clear(&arena);
    return same;
}

bool tn_tx_find(struct tn_tx *tx, const struct tn_entity *e, const struct tn_str *key,
                struct tn_tx_record **out, struct tn_err *err)
{
    for (*out = tx->first; *out; *out = (*out)->next)
        if ((*out)->entity == e && (*out)->there && (*out)->changed && has_key(tx, *out, key))
            return true;
    const struct by_key *k = key_known(tx, e, key);
    if (!k)
        return tn_fail(err, TN_E_internal, "a step looks for a %s that was not fetched", e->name);
    /* the transaction may have changed that record's key, or deleted it */
    if (k->record && k->record->there && !k->record->changed) *out = k->record;
    return true;
}

bool tn_tx_expect(struct tn_tx *tx, const struct tn_entity *e, const struct tn_id *id,
                  int64_t version, struct tn_err *err)
{
    struct tn_tx_record *r;
    char text[TN_ID_LEN + 1];
    if (!look(tx, e, id, &r, err)) return false;
    if (r->there && r->version == version) return true;
    tn_id_text(id, text);
    tn_fail(err, TN_E_stale, "%s '%s' is of version %lld now, not of %lld: read it again", e->name,
            text, (long long)r->version, (long long)version);
    return tn_fail_code(err, TN_CODE_stale, "{\"version\":%lld}", (long long)r->version);
}

/* ---- writing records ---- */

/* Writes what is stored for the checked body, which is in tx->env.tools->after. */
static bool fill(struct tn_tx *tx, const struct tn_tx_record *r, struct tn_jval before,
                 unsigned flags, struct tn_str *out, struct tn_err *err)
{
    struct tn_jw w;
    tn_buf_reset(&tx->env.tools->filled);
    tn_jw_init(&w, &tx->env.tools->filled);
    tn_check_fill(r->entity, before, tn_json_root(tx->env.tools->after), flags,
                  tn_store_now(tx->env.store), &w);
    if (!tn_buf_ok(&tx->env.tools->filled, "a record", err)) return false;
    if (tx->env.sealer.seal && tn_entity_has_secrets(r->entity)) {
        if (!tn_json_parse(tx->env.tools->after, tn_buf_str(&tx->env.tools->filled), err))
            return false;
        tn_buf_reset(&tx->env.tools->merged);
        tn_jw_init(&w, &tx->env.tools->merged);
        tn_check_seal(r->entity, &r->id, &tx->env.sealer, before,
                      tn_json_root(tx->env.tools->after), &w);
        return tn_buf_ok(&tx->env.tools->merged, "a record", err) &&
               keep(tx, tn_buf_str(&tx->env.tools->merged), out, err);
    }
    return keep(tx, tn_buf_str(&tx->env.tools->filled), out, err);
}

/* more: TN_CHECK_MERGED or 0. */
static bool write_body(struct tn_tx *tx, struct tn_tx_record *r, struct tn_str body, unsigned more,
                       struct tn_err *err)
{
    unsigned flags = TN_FIELD_FROM_OUTSIDE | more;
    struct tn_jval before = nothing;
    struct tn_str kept;
    tn_faults_clear(&tx->faults);
    if (!may_write(tx, r->entity->name, r->there ? "update" : "create", err) ||
        !tn_json_parse(tx->env.tools->after, body, err))
        return false;
    if (r->there) {
        if (!tn_json_parse(tx->env.tools->before, r->body, err)) return false;
        before = tn_json_root(tx->env.tools->before);
    }
    if (!tn_check(r->entity, before, tn_json_root(tx->env.tools->after), flags, &tx->faults))
        return tn_faults_fail(&tx->faults, err);
    if (!fill(tx, r, before, flags, &kept, err)) return false;
    r->changed |= !r->there || !tn_str_eq(kept, r->body);
    r->body = kept;
    r->there = true;
    return true;
}

static bool missing(const struct tn_entity *e, const struct tn_id *id, struct tn_err *err)
{
    char text[TN_ID_LEN + 1];
    tn_id_text(id, text);
    return tn_fail(err, TN_E_not_found, "there is no %s '%s'", e->name, text);
}

bool tn_tx_create(struct tn_tx *tx, const struct tn_entity *e, struct tn_id *id, struct tn_str body,
                  struct tn_err *err)
{
    static const struct tn_id none;
    struct tn_tx_record *r;
    bool own = memcmp(id, &none, sizeof none) != 0;
    if (!own) *id = tn_id_new();
    /* a new id was made here, so no record can have it */
    if (own ? !look(tx, e, id, &r, err) : !enter(tx, e, id, NULL, &r, err)) return false;
    if (!r->there) {
        r->created_ms = r->updated_ms = tn_store_now(tx->env.store);
        return write_body(tx, r, body, 0, err);
    }
    tn_fail(err, TN_E_conflict, "id: there is a %s of this id already", e->name);
    return tn_fail_field(err, "id");
}

bool tn_tx_put(struct tn_tx *tx, const struct tn_entity *e, const struct tn_id *id,
               struct tn_str body, struct tn_err *err)
{
    struct tn_tx_record *r;
    if (!look(tx, e, id, &r, err)) return false;
    return r->there ? write_body(tx, r, body, 0, err) : missing(e, id, err);
}

bool tn_tx_patch(struct tn_tx *tx, const struct tn_entity *e, const struct tn_id *id,
                 struct tn_str patch, struct tn_err *err)
{
    struct tn_tx_record *r;
    struct tn_str merged;
    if (!look(tx, e, id, &r, err)) return false;
    if (!r->there) return missing(e, id, err);
    if (!tn_json_parse(tx->env.tools->before, r->body, err) ||
        !tn_json_parse(tx->env.tools->after, patch, err))
        return false;
    tn_buf_reset(&tx->env.tools->merged);
    tn_merge_patch(&tx->env.tools->merged, tn_json_root(tx->env.tools->before),
                   tn_json_root(tx->env.tools->after));
    return tn_buf_ok(&tx->env.tools->merged, "a record", err) &&
           keep(tx, tn_buf_str(&tx->env.tools->merged), &merged, err) &&
           write_body(tx, r, merged, TN_CHECK_MERGED, err);
}

bool tn_tx_delete(struct tn_tx *tx, const struct tn_entity *e, const struct tn_id *id, bool hard,
                  bool *was_there, struct tn_err *err)
{
    struct tn_tx_record *r;
    if (!look(tx, e, id, &r, err)) return false;
    *was_there = r->there;
    if (!r->there) return true;
    if (!may_write(tx, e->name, hard ? "purge" : "delete", err)) return false;
    r->there = false;
    r->changed = true;
    r->hard = hard;
    return true;
}

/* ---- events, audit ---- */

static bool add_note(struct tn_tx *tx, const struct note *note, const char *what,
                     const char *object, struct tn_str data, struct tn_err *err)
{
    struct tn_str kept;
    if (!keep(tx, data, &kept, err)) return false;
    struct note *n = tn_arena_alloc(&tx->arena, sizeof *n);
    *n = *note;
    n->what = tn_arena_strdup(&tx->arena, what);
    n->object = object ? tn_arena_strdup(&tx->arena, object) : "";
    n->data = kept;
    *tx->notes_last = n;
    tx->notes_last = &n->next;
    return true;
}

bool tn_tx_event(struct tn_tx *tx, const char *type, const struct tn_entity *e,
                 const struct tn_id *id, struct tn_str data, struct tn_err *err)
{
    struct note note = {.about = e};
    if (e) note.id = *id;
    return may_write(tx, "event", "create", err) && add_note(tx, &note, type, NULL, data, err);
}

bool tn_tx_audit(struct tn_tx *tx, const char *action, const char *object, struct tn_str detail,
                 struct tn_err *err)
{
    struct note note = {.audit = true};
    return add_note(tx, &note, action, object, detail, err);
}

/* ---- key-values ---- */

static bool look_kv(struct tn_tx *tx, struct tn_str key, struct kv **out, struct tn_err *err)
{
    *out = kv_known(tx, key);
    return *out || tn_fail(err, TN_E_internal, "a step looks at a key-value that was not fetched");
}

bool tn_tx_kv_get(struct tn_tx *tx, struct tn_str key, struct tn_str *out, struct tn_err *err)
{
    struct kv *kv;
    if (!look_kv(tx, key, &kv, err)) return false;
    *out = kv->value;
    return true;
}

bool tn_tx_kv_set(struct tn_tx *tx, struct tn_str key, struct tn_str value, int64_t expires_ms,
                  struct tn_err *err)
{
    struct kv *kv;
    struct tn_str kept = {NULL, 0};
    if (!may_write(tx, "event", "create", err) || !look_kv(tx, key, &kv, err) ||
        (value.p && !keep(tx, value, &kept, err)))
        return false;
    kv->value = kept;
    kv->expires_ms = expires_ms;
    kv->changed = true;
    return true;
}

/* ---- references ---- */

/* A walk over the references of all records that the transaction writes. */
struct references {
    struct tn_tx *tx;
    bool ask; /* true: asks for the records; false: checks that they exist */
};

static void one_reference(void *arg, const struct tn_field *f, struct tn_str path,
                          const struct tn_id *id)
{
    const struct references *walk = arg;
    struct tn_tx *tx = walk->tx;
    struct tn_err err;
    const struct tn_entity *e = tn_entities_find(tx->env.entities, tn_str(f->ref));
    const struct tn_tx_record *r = e ? known(tx, e, id) : NULL;
    if (e && walk->ask) tn_tx_ask(tx, e, id);
    if (walk->ask || (r && r->there)) return;
    tn_check_no_such(f, path, id, &err);
    tn_faults_add(&tx->faults, &err);
}

static bool each_reference(struct tn_tx *tx, bool ask, struct tn_err *err)
{
    struct references walk = {tx, ask};
    tn_faults_clear(&tx->faults);
    for (const struct tn_tx_record *r = tx->first; r; r = r->next) {
        if (!r->changed || !r->there || !tn_entity_has_references(r->entity)) continue;
        if (!tn_json_parse(tx->env.tools->after, r->body, err)) return false;
        tn_check_references(r->entity, tn_json_root(tx->env.tools->after), one_reference, &walk);
    }
    return tx->faults.n == 0 || tn_faults_fail(&tx->faults, err);
}

/* ---- the commit ---- */

static bool is_erased(const struct tn_tx_record *r)
{
    return r->changed && !r->there && r->version && r->hard;
}

static bool add_record(const struct tn_tx *tx, const struct tn_tx_record *r,
                       struct tn_commit *commit, struct tn_err *err)
{
    int64_t team = tn_entity_team(r->entity, tx->actor.team);
    const char *table = r->entity->plural;
    int64_t version = r->version; /* 0 means TN_NEW_ONLY: the record has to be missing still */
    if (TN_FAULT("model.tx.stale")) version++;
    if (r->changed && r->there)
        return tn_commit_put(commit, team, table, &r->id, r->body, version, err);
    if (is_erased(r)) return tn_commit_erase(commit, team, table, &r->id, version, err);
    if (r->changed && version) return tn_commit_delete(commit, team, table, &r->id, version, err);
    return tn_commit_expect(commit, team, table, &r->id, version, err);
}

static bool add_kv(const struct tn_tx *tx, const struct kv *kv, struct tn_commit *commit,
                   struct tn_err *err)
{
    int64_t team = tx->env.kv_team;
    if (!kv->changed) return true;
    if (kv->value.p)
        return tn_commit_kv_set(commit, team, tx->env.kv_space, kv->key, kv->value, kv->version,
                                kv->expires_ms, err);
    return kv->version == TN_NEW_ONLY ||
           tn_commit_kv_delete(commit, team, tx->env.kv_space, kv->key, kv->version, err);
}

static bool add_note_to(const struct tn_tx *tx, const struct note *n, struct tn_commit *commit,
                        struct tn_err *err)
{
    int64_t team = tx->actor.team;
    if (n->audit) return tn_audit(commit, team, &tx->actor, n->what, n->object, n->data, err);
    if (!n->about) return tn_commit_event(commit, team, n->what, NULL, NULL, n->data, err);
    return tn_commit_event(commit, tn_entity_team(n->about, team), n->what, n->about->plural,
                           &n->id, n->data, err);
}

/* A record that goes with its history leaves this row alone behind. */
static bool audit_erased(const struct tn_tx *tx, const struct tn_tx_record *r,
                         struct tn_commit *commit, struct tn_err *err)
{
    char action[128], id[TN_ID_LEN + 1];
    if (!is_erased(r)) return true;
    snprintf(action, sizeof action, "%s.purge", r->entity->name);
    tn_id_text(&r->id, id);
    return tn_audit(commit, tx->actor.team, &tx->actor, action, id, TN_STR(""), err);
}

static bool build(struct tn_tx *tx, struct tn_commit *commit, struct tn_err *err)
{
    bool ok = true;
    tn_commit_origin(commit, &tx->actor.origin, tx->actor.depth);
    for (const struct tn_tx_record *r = tx->first; ok && r; r = r->next)
        ok = add_record(tx, r, commit, err);
    for (const struct kv *kv = tx->kvs; ok && kv; kv = kv->next) ok = add_kv(tx, kv, commit, err);
    for (const struct note *n = tx->notes; ok && n; n = n->next)
        ok = add_note_to(tx, n, commit, err);
    for (const struct tn_tx_record *r = tx->first; ok && r; r = r->next)
        ok = audit_erased(tx, r, commit, err);
    return ok;
}

static size_t count_records(const struct tn_tx *tx)
{
    size_t n = 0;
    for (const struct tn_tx_record *r = tx->first; r; r = r->next) n++;
    return n;
}

/* Notes the new versions. The first operations of the commit are the records, in their order. */
static void note_versions(struct tn_tx *tx, const struct tn_committed *done)
{
    size_t n = count_records(tx);
    tx->versions = tn_alloc((n + 1) * sizeof *tx->versions);
    for (size_t i = 0; i < n; i++) tx->versions[i] = done->ops[i].version;
    for (struct tn_tx_record *r = tx->first; r; r = r->next) {
        if (!r->changed || !r->there) continue;
        if (!r->version) r->created_ms = r->updated_ms = done->at_ms;
        if (r->updated_ms < done->at_ms) r->updated_ms = done->at_ms;
    }
}

/* ---- keys that are taken ---- */

/* The record whose operation the store refused. The first operations are the records, in their
 * order. */
static const struct tn_tx_record *refused(const struct tn_tx *tx, const struct tn_err *err)
{
    char *end;
    unsigned long n = strtoul(err->field, &end, 10);
    const struct tn_tx_record *r = *end || !err->field[0] ? NULL : tx->first;
    while (r && n--) r = r->next;
    return r && r->there && r->changed ? r : NULL;
}

static bool looked_for_key(struct tn_tx *tx, const struct tn_tx_record *r)
{
    struct tn_str key[TN_STORE_KEY_MAX];
    struct tn_json *json = tx->env.tools->after;
    struct tn_arena arena;
    struct tn_err ignored;
    tn_arena_init(&arena);
    bool looked = tn_json_parse(json, r->body, &ignored) &&
                  tn_entity_key_in(r->entity, tn_json_root(json), &arena, key) &&
                  key_known(tx, r->entity, key);
    tn_arena_clear(&arena);
    return looked;
}

/* Who looked for the key and found no record has read what is no longer so: a conflict, and the
 * steps are to be made anew. */
static void see_to_key(struct tn_tx *tx, struct tn_err *err)
{
    const struct tn_tx_record *r = refused(tx, err);
    if (!r) return;
    if (tn_check_is_key_taken(r->entity, err) && looked_for_key(tx, r))
        err->kind = TN_E_conflict;
    else
        tn_check_say_taken(r->entity, err);
}

static void on_committed(void *arg, const struct tn_committed *done, const struct tn_err *err)
{
    struct flight *flight = arg;
    struct tn_tx *tx = flight->tx;
    tn_free(flight);
    if (!tx) return;
    tx->flight = NULL;
    if (done) note_versions(tx, done);
    struct tn_err said;
    if (err && err->kind == TN_E_key_taken) {
        said = *err;
        see_to_key(tx, &said);
        err = &said;
    }
    finish(tx, err);
}

/* ---- sending ---- */

static bool send_it(struct tn_tx *tx, struct tn_err *err)
{
    struct tn_commit *commit = tn_commit_new(tx->env.store);
    if (!each_reference(tx, false, err) || !build(tx, commit, err)) {
        tn_commit_free(commit);
        return false;
    }
    tx->flight = TN_NEW(struct flight);
    tx->flight->tx = tx;
    tn_store_commit(tx->env.store, commit, on_committed, tx->flight);
    return true;
}

/* True: there is nothing to write and nothing to check. */
static bool is_idle(const struct tn_tx *tx)
{
    const struct kv *kv = tx->kvs;
    while (kv && !kv->changed) kv = kv->next;
    return !tx->first && !tx->notes && !kv;
}

static void send(struct tn_tx *tx, const struct tn_err *failed)
{
    struct tn_err err = tx->broken;
    if (failed || is_idle(tx))
        finish(tx, failed);
    else if (err.kind || !send_it(tx, &err))
        finish(tx, &err);
}

/* Sends the commit, or calls done in a later turn: done must not be called within this call. */
static void try_to_send(struct tn_tx *tx)
{
    if (!send_it(tx, &tx->broken)) ask_store(tx);
}

void tn_tx_commit(struct tn_tx *tx, tn_tx_fn done, void *arg)
{
    tx->done = done;
    tx->arg = arg;
    tx->then = send;
    tn_err_clear(&tx->broken);
    if (each_reference(tx, true, &tx->broken) && !tx->wanted && !is_idle(tx))
        try_to_send(tx);
    else
        ask_store(tx);
}

int64_t tn_tx_version(const struct tn_tx *tx, const struct tn_tx_record *r)
{
    size_t i = 0;
    for (const struct tn_tx_record *o = tx->first; o != r; o = o->next) i++;
    return tx->versions[i];
}
