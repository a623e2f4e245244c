/* SPDX-License-Identifier: MIT */
#include "sync/aside.h"

#include <stdio.h>

#include "base/limits.h"
#include "base/time.h"
#include "store/commit.h"
#include "store/read.h"

enum { GROUP = 100, CHUNKS = 100, CLOSED_MAX = 20000, ENTRY_MAX = 12 * 1024 * 1024 };

/* Rows that a crashed run leaves behind end by themselves. */
static const int64_t KEPT_MS = INT64_C(30) * 24 * 3600 * 1000;
static const char kept_space[] = "run.aside", seen_space[] = "run.seen";

/* What an item of the group can do. */
enum fate {
    FATE_unknown,
    FATE_on_path,
    FATE_plain, /* be written: the key is free, or the commit frees it */
    FATE_move,  /* take over the record that has the key */
    FATE_seen,  /* nothing: the external id that has the key came, too */
    FATE_taken  /* nothing: another record takes it over */
};
enum { NOBODY = -1 };

struct entry {
    struct tn_str key; /* of its key-value */
    struct tn_str why, faults;
    enum fate fate;
    bool linked, done;
    struct tn_id holder; /* of the key; zeroes: none */
    int64_t version;
    struct tn_str old; /* the external id that the source has for the holder; n 0: none */
    int waits_for;     /* the item of the group that has this external id, or NOBODY */
    size_t links;      /* question for the links of the holder */
};

struct tn_aside {
    struct tn_aside_options o;
    struct tn_buf pending; /* hashes of external ids that came and are not stored yet */
    struct tn_buf form, sealed;
    struct tn_json *json;
    struct tn_arena memory; /* of the group */

    uint64_t *set; /* hashes of all that came; 0: free */
    size_t set_count, set_size;
    bool unreadable;      /* records came whose external ids are not known */
    int epoch;            /* attempts before it are void */
    struct tn_buf chunks; /* keys of what was seen, each with a NUL */
    size_t chunk_count;
    char *after, *group_after; /* keys: of the last chunk or entry; before the group */

    struct entry entries[GROUP];
    struct tn_batch *b;
    bool plan;
    struct tn_call *call;
    tn_aside_fn done;
    void *arg;
};

struct tn_aside *tn_aside_new(const struct tn_aside_options *o)
{
    struct tn_aside *a = TN_NEW(struct tn_aside);
    a->o = *o;
    a->json = tn_json_new();
    tn_arena_init(&a->memory);
    tn_buf_init(&a->pending, TN_LIMIT_COMMIT);
    tn_buf_init(&a->form, ENTRY_MAX);
    tn_buf_init(&a->sealed, ENTRY_MAX);
    tn_buf_init(&a->chunks, TN_LIMIT_COMMIT);
    return a;
}

void tn_aside_free(struct tn_aside *a)
{
    if (!a) return;
    tn_call_cancel(a->call);
    tn_json_free(a->json);
    tn_arena_clear(&a->memory);
    tn_buf_clear(&a->pending);
    tn_buf_clear(&a->form);
    tn_buf_clear(&a->sealed);
    tn_buf_clear(&a->chunks);
    tn_free(a->set);
    tn_free(a->after);
    tn_free(a->group_after);
    tn_free(a);
}

/* ------------------------------------------------------------------ while pages come */

/* Never 0.  Seeded by the run, so that two ids which look alike to it do not in the next. */
static uint64_t hash_of(const struct tn_aside *a, struct tn_str id)
{
    uint64_t h = 0xcbf29ce484222325u;
    for (const char *p = a->o.run; *p; p++) h = (h ^ (unsigned char)*p) * 0x100000001b3u;
    for (size_t i = 0; i < id.n; i++) {
        h = (h ^ (unsigned char)id.p[i]) * 0x9E3779B97F4A7C15u;
        h ^= h >> 29;
    }
    h *= 0xff51afd7ed558ccdu;
    h ^= h >> 32;
    return h ? h : 1;
}

static void note(struct tn_aside *a, uint64_t hash)
{
    tn_buf_add(&a->pending, &hash, sizeof hash);
}

void tn_aside_see(struct tn_aside *a, const struct tn_batch *b)
{
    for (size_t i = 0; i < b->count; i++) note(a, hash_of(a, b->items[i].external_id));
    for (size_t i = 0; i < b->bad_count; i++) {
        struct tn_str id = b->bad[i].external_id;
        note(a, id.n ? hash_of(a, id) : 0);
    }
}

/* "<run>/<attempt>/<page>/<more>", so that keys lie in the order of the pages. */
static struct tn_str key_of(const struct tn_aside *a, int64_t page, struct tn_str more,
                            char out[700])
{
    int n = snprintf(out, 700, "%s/%06d/%010lld/%.*s", a->o.run, a->o.attempt, (long long)page,
                     TN_FMT(more));
    return (struct tn_str){out, (size_t)n};
}

static int attempt_of(const struct tn_aside *a, struct tn_str key)
{
    size_t at = strlen(a->o.run) + 1;
    int attempt = 0;
    for (size_t i = at; i < key.n && key.p[i] >= '0' && key.p[i] <= '9'; i++)
        attempt = attempt * 10 + (key.p[i] - '0');
    return attempt;
}

bool tn_aside_put_seen(struct tn_aside *a, struct tn_commit *c, int64_t page, struct tn_err *err)
{
    char key[700];
    struct tn_buf value;
    if (!a->pending.n) return true;
    tn_buf_init(&value, TN_LIMIT_COMMIT);
    tn_buf_addc(&value, a->o.afresh ? 'A' : 'G');
    tn_buf_addstr(&value, tn_buf_str(&a->pending));
    bool ok = tn_buf_ok(&a->pending, "the list of records that came", err) &&
              tn_commit_kv_set(c, a->o.team, seen_space, key_of(a, page, TN_STR(""), key),
                               tn_buf_str(&value), TN_ANY, tn_now_ms() + KEPT_MS, err);
    tn_buf_clear(&value);
    return ok;
}

void tn_aside_stored(struct tn_aside *a)
{
    tn_buf_reset(&a->pending);
}

bool tn_aside_keep(struct tn_aside *a, struct tn_commit *c, const struct tn_batch *b,
                   const struct tn_batch_item *it, const struct tn_run_fault *f, int64_t page,
                   struct tn_err *err)
{
    char key[700], hash[2 * sizeof it->hash + 1];
    struct tn_jw w;
    tn_hex(it->hash, sizeof it->hash, hash);
    tn_buf_reset(&a->form);
    tn_jw_init(&w, &a->form);
    tn_jw_object(&w);
    tn_jw_kstr(&w, "id", it->external_id);
    tn_jw_kz(&w, "hash", hash);
    tn_jw_kstr(&w, "why", f->message);
    tn_jw_kstr(&w, "faults", f->faults);
    tn_jw_kstr(&w, "payload", it->payload);
    tn_jw_kstr(&w, "body", (struct tn_str){b->bodies.p + it->at, it->n});
    tn_jw_end(&w);
    tn_buf_reset(&a->sealed);
    return tn_buf_ok(&a->form, "a record that is kept aside", err) &&
           (!a->o.seal || a->o.seal(a->o.seal_arg, tn_buf_str(&a->form), &a->sealed, err)) &&
           tn_commit_kv_set(c, a->o.team, kept_space, key_of(a, page, it->external_id, key),
                            tn_buf_str(a->o.seal ? &a->sealed : &a->form), TN_ANY,
                            tn_now_ms() + KEPT_MS, err);
}

/* ------------------------------------------------------------------ what came */

static void finish(struct tn_aside *a, const struct tn_err *err)
{
    a->done(a->arg, err);
}

static void insert(struct tn_aside *a, uint64_t hash)
{
    size_t at = hash & (a->set_size - 1);
    while (a->set[at] && a->set[at] != hash) at = (at + 1) & (a->set_size - 1);
    a->set_count += !a->set[at];
    a->set[at] = hash;
}

static void grow(struct tn_aside *a)
{
    uint64_t *old = a->set;
    size_t size = a->set_size;
    a->set_size = size ? size * 2 : 1024;
    a->set = tn_alloc(a->set_size * sizeof *a->set);
    memset(a->set, 0, a->set_size * sizeof *a->set);
    a->set_count = 0;
    for (size_t i = 0; i < size; i++)
        if (old[i]) insert(a, old[i]);
    tn_free(old);
}

static void add_hashes(struct tn_aside *a, struct tn_str list)
{
    uint64_t hash;
    for (; list.n >= sizeof hash; list.p += sizeof hash, list.n -= sizeof hash) {
        memcpy(&hash, list.p, sizeof hash);
        a->unreadable |= !hash;
        if (!hash) continue;
        if (a->set_count * 2 >= a->set_size) grow(a);
        insert(a, hash);
    }
}

static bool came(const struct tn_aside *a, struct tn_str id)
{
    uint64_t hash = hash_of(a, id);
    if (!a->set_size) return false;
    for (size_t at = hash & (a->set_size - 1); a->set[at]; at = (at + 1) & (a->set_size - 1))
        if (a->set[at] == hash) return true;
    return false;
}

static void begin_epoch(struct tn_aside *a, int attempt)
{
    a->epoch = attempt;
    a->set_count = 0;
    if (a->set_size) memset(a->set, 0, a->set_size * sizeof *a->set);
    a->unreadable = false;
}

static void take_chunk(struct tn_aside *a, const struct tn_kv *kv)
{
    int attempt = attempt_of(a, kv->key);
    if (a->chunk_count < CLOSED_MAX) {
        tn_buf_addstr(&a->chunks, kv->key);
        tn_buf_addc(&a->chunks, '\0');
        a->chunk_count++;
    }
    if (!kv->value.n) return;
    if (kv->value.p[0] == 'A' && attempt > a->epoch) begin_epoch(a, attempt);
    add_hashes(a, (struct tn_str){kv->value.p + 1, kv->value.n - 1});
}

static void keep_after(struct tn_aside *a, struct tn_str key)
{
    tn_free(a->after);
    a->after = tn_strndup(key.p, key.n);
}

static void ask_chunks(struct tn_aside *a);

static void on_chunks(void *arg, struct tn_found *found, const struct tn_err *err)
{
    struct tn_aside *a = arg;
    a->call = NULL;
    if (!err) err = tn_found_err(found, 0);
    if (err) {
        finish(a, err);
        return;
    }
    const struct tn_list *list = tn_found_list(found, 0);
    for (size_t i = 0; i < list->count; i++) take_chunk(a, tn_found_kv(found, 0, i));
    if (list->count) keep_after(a, tn_found_kv(found, 0, list->count - 1)->key);
    if (list->count && list->more) {
        ask_chunks(a);
        return;
    }
    if (a->o.afresh && a->o.attempt > a->epoch) begin_epoch(a, a->o.attempt);
    add_hashes(a, tn_buf_str(&a->pending));
    tn_aside_rewind(a);
    finish(a, NULL);
}

static size_t list_on(const struct tn_aside *a, struct tn_read *read, const char *space,
                      size_t limit)
{
    char prefix[TN_ID_LEN + 2];
    snprintf(prefix, sizeof prefix, "%s/", a->o.run);
    return tn_read_kv_list(read, space, tn_str(prefix), tn_str(a->after ? a->after : ""), limit);
}

static void ask_chunks(struct tn_aside *a)
{
    struct tn_read *read = tn_read_new(a->o.team);
    list_on(a, read, seen_space, CHUNKS);
    a->call = tn_store_read(a->o.store, read, NULL, on_chunks, a);
}

void tn_aside_open(struct tn_aside *a, tn_aside_fn done, void *arg)
{
    a->done = done;
    a->arg = arg;
    tn_aside_rewind(a);
    ask_chunks(a);
}

void tn_aside_rewind(struct tn_aside *a)
{
    tn_free(a->after);
    a->after = NULL;
}

void tn_aside_again(struct tn_aside *a)
{
    tn_free(a->after);
    a->after = a->group_after ? tn_strdup(a->group_after) : NULL;
}

/* ------------------------------------------------------------------ what each can do */

static int item_named(const struct tn_aside *a, struct tn_str external_id)
{
    for (size_t i = a->b->count; i > 0; i--)
        if (tn_str_eq(a->b->items[i - 1].external_id, external_id)) return (int)i - 1;
    return NOBODY;
}

static enum fate first_fate(struct tn_aside *a, size_t i)
{
    struct entry *e = &a->entries[i];
    e->waits_for = NOBODY;
    if (!e->old.n && !tn_id_eq(&e->holder, &(struct tn_id){{0}}))
        return e->linked ? FATE_move : FATE_plain;
    if (!e->old.n || tn_str_eq(e->old, a->b->items[i].external_id)) return FATE_plain;
    e->waits_for = item_named(a, e->old);
    if (e->waits_for != NOBODY) return FATE_unknown;
    return a->unreadable || came(a, e->old) ? FATE_seen : FATE_move;
}

/* Items wait for each other in chains: what the last can do, all can.  In a ring all can be
 * written, for they exchange their keys. */
static void follow(struct tn_aside *a, int first)
{
    enum fate fate = FATE_plain;
    int i = first;
    while (a->entries[i].fate == FATE_unknown) {
        a->entries[i].fate = FATE_on_path;
        i = a->entries[i].waits_for;
    }
    if (a->entries[i].fate != FATE_on_path) fate = a->entries[i].fate;
    for (i = first; a->entries[i].fate == FATE_on_path; i = a->entries[i].waits_for)
        a->entries[i].fate = fate;
}

/* Of two that would take over one record the first does. */
static void share(struct tn_aside *a, size_t i)
{
    struct entry *e = &a->entries[i];
    for (size_t k = 0; k < i && e->fate == FATE_move; k++) {
        const struct entry *other = &a->entries[k];
        if (other->fate != FATE_move || !tn_id_eq(&other->holder, &e->holder)) continue;
        bool same = tn_str_eq(a->b->items[k].external_id, a->b->items[i].external_id);
        e->fate = same ? FATE_plain : FATE_taken;
    }
}

/* Nobody takes over a record that its own item does not leave. */
static bool stop_chains(struct tn_aside *a)
{
    bool any = false;
    for (size_t i = 0; i < a->b->count; i++) {
        struct entry *e = &a->entries[i];
        if (e->fate != FATE_move || e->waits_for == NOBODY) continue;
        if (a->entries[e->waits_for].fate == FATE_move) continue;
        e->fate = FATE_taken;
        any = true;
    }
    return any;
}

static void make_plan(struct tn_aside *a)
{
    for (size_t i = 0; i < a->b->count; i++)
        if (a->entries[i].fate == FATE_unknown) follow(a, (int)i);
    for (size_t i = 0; i < a->b->count; i++) share(a, i);
    while (stop_chains(a)) continue;
    for (size_t i = 0; i < a->b->count; i++) {
        struct tn_batch_item *it = &a->b->items[i];
        it->moves = a->entries[i].fate == FATE_move;
        if (!it->moves && a->entries[i].fate != FATE_plain) it->state = TN_ITEM_same;
    }
    finish(a, NULL);
}

static bool is_ours(const struct tn_aside *a, const struct tn_link *link)
{
    return tn_id_eq(&link->source.integration, &a->o.source.integration) &&
           tn_str_eq(link->source.entity, a->o.source.entity);
}

/* Another run may have heard of the external id since this one began: then it is there. */
static void on_links(void *arg, struct tn_found *found, const struct tn_err *err)
{
    struct tn_aside *a = arg;
    a->call = NULL;
    for (size_t i = 0; i < a->b->count && !err; i++) {
        struct entry *e = &a->entries[i];
        if (e->links == SIZE_MAX) continue;
        err = tn_found_err(found, e->links);
        for (size_t k = 0; !err && k < tn_found_list(found, e->links)->count; k++) {
            const struct tn_link *link = tn_found_link(found, e->links, k);
            if (is_ours(a, link) && link->agreed_ms >= a->o.since_ms) e->fate = FATE_seen;
        }
    }
    if (err)
        finish(a, err);
    else
        make_plan(a);
}

static void ask_links(struct tn_aside *a)
{
    struct tn_read *read = NULL;
    for (size_t i = 0; i < a->b->count; i++) {
        struct entry *e = &a->entries[i];
        e->links = SIZE_MAX;
        if (e->fate != FATE_move || !e->old.n) continue;
        if (!read) read = tn_read_new(a->o.team);
        e->links = tn_read_links(read, a->o.table, &e->holder);
    }
    if (read)
        a->call = tn_store_read(a->o.store, read, NULL, on_links, a);
    else
        make_plan(a);
}

static void on_holders(void *arg, struct tn_found *found, const struct tn_err *err)
{
    struct tn_aside *a = arg;
    a->call = NULL;
    for (size_t q = 0; q < 2 && !err; q++) err = tn_found_err(found, q);
    if (err) {
        finish(a, err);
        return;
    }
    for (size_t i = 0; i < a->b->count; i++) {
        const struct tn_seen *holder = tn_found_seen(found, 1, i);
        struct entry *e = &a->entries[i];
        e->linked = tn_found_seen(found, 0, i)->state != TN_SEEN_new;
        e->holder = holder->record;
        e->version = holder->version;
        e->old =
            (struct tn_str){tn_arena_strndup(&a->memory, holder->holder.p ? holder->holder.p : "",
                                             holder->holder.n),
                            holder->holder.n};
    }
    for (size_t i = 0; i < a->b->count; i++) a->entries[i].fate = first_fate(a, i);
    ask_links(a);
}

static void key_in(struct tn_aside *a, const struct tn_batch_item *it,
                   struct tn_str key[TN_STORE_KEY_MAX])
{
    struct tn_err err;
    key[0] = (struct tn_str){NULL, 0};
    if (!tn_json_parse(a->json, tn_batch_body(a->b, it), &err) ||
        !tn_entity_key_in(a->o.resource, tn_json_root(a->json), &a->memory, key)) {
        key[0] = (struct tn_str){NULL, 0};
        return;
    }
    for (size_t k = 0; k < tn_entity_key_length(a->o.resource); k++)
        key[k].p = tn_arena_strndup(&a->memory, key[k].p, key[k].n);
}

/* Asks twice: whether each is linked, and (under a name that no link has) who has its key. */
static void ask_holders(struct tn_aside *a)
{
    struct tn_source_item items[GROUP];
    struct tn_page_of page = {
        .table = a->o.table, .source = a->o.source, .items = items, .count = a->b->count};
    struct tn_read *read = tn_read_new(a->o.team);
    for (size_t i = 0; i < a->b->count; i++) {
        items[i].external_id = a->b->items[i].external_id;
        memcpy(items[i].hash, a->b->items[i].hash, sizeof items[i].hash);
        key_in(a, &a->b->items[i], items[i].key);
    }
    (void)tn_read_page(read, &page);
    for (size_t i = 0; i < a->b->count; i++) items[i].external_id = TN_STR("");
    page.key_count = tn_entity_key_length(a->o.resource);
    (void)tn_read_page(read, &page);
    a->call = tn_store_read(a->o.store, read, &(struct tn_read_options){.one_snapshot = true},
                            on_holders, a);
}

/* ------------------------------------------------------------------ the next group */

static bool unhex(struct tn_str text, unsigned char *out, size_t n)
{
    if (text.n != 2 * n) return false;
    for (size_t i = 0; i < 2 * n; i++) {
        int c = text.p[i];
        int v = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
        if (v < 0) return false;
        out[i / 2] = (unsigned char)(i % 2 ? out[i / 2] << 4 | v : v);
    }
    return true;
}

static bool take_entry(struct tn_aside *a, const struct tn_kv *kv, struct tn_err *err)
{
    struct tn_str id, hash, body, payload, why, faults, text = kv->value;
    unsigned char bytes[32];
    if (a->o.unseal) {
        tn_buf_reset(&a->sealed);
        if (!a->o.unseal(a->o.seal_arg, text, &a->sealed, err)) return false;
        text = tn_buf_str(&a->sealed);
    }
    if (!tn_json_parse(a->json, text, err)) return false;
    struct tn_jval root = tn_json_root(a->json);
    if (!tn_jtext(tn_jget_z(root, "id"), &a->memory, &id) ||
        !tn_jtext(tn_jget_z(root, "hash"), &a->memory, &hash) ||
        !tn_jtext(tn_jget_z(root, "body"), &a->memory, &body) ||
        !tn_jtext(tn_jget_z(root, "payload"), &a->memory, &payload) ||
        !tn_jtext(tn_jget_z(root, "why"), &a->memory, &why) ||
        !tn_jtext(tn_jget_z(root, "faults"), &a->memory, &faults) ||
        !unhex(hash, bytes, sizeof bytes))
        return tn_fail(err, TN_E_corrupt, "a record that run %s keeps aside is damaged", a->o.run);
    struct entry *e = &a->entries[a->b->count];
    *e = (struct entry){
        .key = {tn_arena_strndup(&a->memory, kv->key.p, kv->key.n), kv->key.n},
        .why = {tn_arena_strndup(&a->memory, why.p, why.n), why.n},
        .faults = {tn_arena_strndup(&a->memory, faults.p, faults.n), faults.n},
    };
    return tn_batch_add(a->b, id, body, payload, bytes, err);
}

static void on_group(void *arg, struct tn_found *found, const struct tn_err *failed)
{
    struct tn_aside *a = arg;
    struct tn_err err;
    a->call = NULL;
    if (!failed) failed = tn_found_err(found, 0);
    const struct tn_list *list = failed ? NULL : tn_found_list(found, 0);
    tn_arena_reset(&a->memory);
    for (size_t i = 0; !failed && i < list->count; i++) {
        const struct tn_kv *kv = tn_found_kv(found, 0, i);
        keep_after(a, kv->key);
        if (attempt_of(a, kv->key) >= a->epoch && !take_entry(a, kv, &err)) failed = &err;
    }
    if (failed || (!a->b->count && !list->count))
        finish(a, failed);
    else if (!a->b->count)
        tn_aside_next(a, a->b, a->plan, a->done, a->arg);
    else if (a->plan)
        ask_holders(a);
    else
        finish(a, NULL);
}

void tn_aside_next(struct tn_aside *a, struct tn_batch *b, bool plan, tn_aside_fn done, void *arg)
{
    struct tn_read *read = tn_read_new(a->o.team);
    a->b = b;
    a->plan = plan;
    a->done = done;
    a->arg = arg;
    tn_free(a->group_after);
    a->group_after = a->after ? tn_strdup(a->after) : NULL;
    list_on(a, read, kept_space, GROUP);
    a->call = tn_store_read(a->o.store, read, NULL, on_group, a);
}

/* ------------------------------------------------------------------ writing the group */

bool tn_aside_unlink(struct tn_aside *a, struct tn_commit *c, const struct tn_batch *b,
                     struct tn_err *err)
{
    const struct tn_aside_options *o = &a->o;
    for (size_t i = 0; i < b->count; i++) {
        const struct entry *e = &a->entries[i];
        if (b->items[i].state != TN_ITEM_new || e->fate != FATE_move) continue;
        if (e->waits_for != NOBODY && b->items[e->waits_for].state != TN_ITEM_new) continue;
        if (!tn_commit_expect(c, o->team, o->table, &e->holder, e->version, err)) return false;
        if (e->linked && !tn_commit_unlink(c, o->team, &o->source, b->items[i].external_id, err))
            return false;
        if (e->old.n && e->waits_for == NOBODY &&
            !tn_commit_unlink(c, o->team, &o->source, e->old, err))
            return false;
    }
    return true;
}

void tn_aside_done(struct tn_aside *a, size_t item)
{
    a->entries[item].done = true;
}

static const char *reason(const struct tn_aside *a, const struct entry *e, bool whole)
{
    if (!whole)
        return "the run did not see all that the source has, so it is not known whether that one "
               "is still there; a full run that gets to its end decides";
    if (a->unreadable)
        return "some records of this run could not be read, and that one may be among them; let "
               "them be readable and run again";
    if (e->fate == FATE_taken)
        return "another record of this run takes that one over; let the mapping make the keys "
               "differ";
    return "that one came, too; let the mapping make the keys differ or remove the old record";
}

void tn_aside_refuse(const struct tn_aside *a, struct tn_batch *b, size_t item, bool whole,
                     struct tn_run_fault *f)
{
    const struct entry *e = &a->entries[item];
    struct tn_buf text;
    tn_buf_init(&text, 8000);
    tn_buf_addf(&text, "%.*s: %s", TN_FMT(e->why), reason(a, e, whole));
    *f = (struct tn_run_fault){.code = tn_run_code(TN_E_key_taken)};
    f->message = tn_batch_keep(b, text.failed ? e->why : tn_buf_str(&text));
    f->faults = tn_batch_keep(b, e->faults);
    tn_buf_clear(&text);
}

bool tn_aside_forget(struct tn_aside *a, struct tn_commit *c, const struct tn_batch *b,
                     struct tn_err *err)
{
    for (size_t i = 0; i < b->count; i++) {
        const struct entry *e = &a->entries[i];
        if (!e->done && b->items[i].state != TN_ITEM_misfit) continue;
        if (!tn_commit_kv_delete(c, a->o.team, kept_space, e->key, TN_ANY, err)) return false;
    }
    return true;
}

bool tn_aside_close(struct tn_aside *a, struct tn_commit *c, struct tn_err *err)
{
    const char *key = a->chunks.p;
    for (size_t i = 0; i < a->chunk_count; i++, key += strlen(key) + 1)
        if (!tn_commit_kv_delete(c, a->o.team, seen_space, tn_str(key), TN_ANY, err)) return false;
    return true;
}
