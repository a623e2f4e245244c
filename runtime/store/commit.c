/* SPDX-License-Identifier: MIT */
#include "store/commit.h"

#include "base/limits.h"
#include "base/time.h"
#include "store/commit_value.h"
#include "store/driver.h"
#include "store/shape.h"
#include "store/wire.h"

enum { SLOTS_MAX = 1000, NAMED_MAX = 1000, KEY_MAX = 512 };

struct tn_commit_source {
    int64_t team;
    struct tn_id integration;
    struct tn_str entity;
};

struct tn_commit_named {
    size_t number; /* at or above named_count: its announcement was taken back */
};

/* The state of a commit before an operation is added, to go back to if the operation fails. */
struct mark {
    size_t n, tables, sources, named;
};

struct tn_commit *tn_commit_new(struct tn_store *store)
{
    struct tn_commit *c = TN_NEW(struct tn_commit);
    static const char zeros[TN_COMMIT_HEADER];
    c->store = store;
    tn_buf_init(&c->value, TN_LIMIT_COMMIT);
    tn_arena_init(&c->arena);
    tn_map_init(&c->named);
    tn_buf_add(&c->value, zeros, sizeof zeros);
    return c;
}

void tn_commit_free(struct tn_commit *c)
{
    if (!c) return;
    for (size_t i = 0; i < c->table_count; i++) tn_shape_unref(c->tables[i]);
    tn_free(c->tables);
    tn_free(c->sources);
    tn_map_clear(&c->named, NULL);
    tn_arena_clear(&c->arena);
    tn_buf_clear(&c->value);
    tn_free(c);
}

size_t tn_commit_count(const struct tn_commit *c)
{
    return c->count;
}

size_t tn_commit_bytes(const struct tn_commit *c)
{
    return c->value.n;
}

void tn_commit_origin(struct tn_commit *c, const struct tn_id *integration, unsigned depth)
{
    if (!c->value.p) return;
    memcpy(c->value.p + 8, integration->b, sizeof integration->b);
    c->value.p[24] = (char)(depth > 255 ? 255 : depth);
}

struct tn_str tn_commit_value(struct tn_commit *c)
{
    return tn_buf_str(&c->value);
}

static struct mark mark(const struct tn_commit *c)
{
    return (struct mark){c->value.n, c->table_count, c->source_count, c->named_count};
}

static bool undo(struct tn_commit *c, struct mark m)
{
    c->value.n = m.n;
    c->value.failed = false;
    while (c->table_count > m.tables) tn_shape_unref(c->tables[--c->table_count]);
    c->source_count = m.sources;
    c->named_count = m.named;
    return false;
}

static bool finish(struct tn_commit *c, struct mark m, struct tn_err *err)
{
    if (!tn_buf_ok(&c->value, "a commit", err)) return undo(c, m);
    c->count++;
    return true;
}

static bool team_ok(int64_t team, struct tn_err *err)
{
    if (team >= 0) return true;
    return tn_fail(err, TN_E_invalid, "a write has to name one team");
}

static bool based_on_ok(int64_t based_on, struct tn_err *err)
{
    if (based_on >= TN_ANY) return true;
    return tn_fail(err, TN_E_invalid, "%lld is no version", (long long)based_on);
}

static bool name_ok(const char *name, const char *what, struct tn_err *err)
{
    if (name && *name && strlen(name) <= TN_STORE_NAME_MAX) return true;
    return tn_fail(err, TN_E_invalid, "the %s has to have a name of 1 to %d characters", what,
                   TN_STORE_NAME_MAX);
}

/* Returns the slot of a table, and announces the table on first use. -1: err says why. */
static int table_slot(struct tn_commit *c, const char *name, struct tn_err *err)
{
    for (size_t i = c->table_count; i > 0; i--)
        if (strcmp(c->tables[i - 1]->table.name, name) == 0) return (int)i - 1;
    struct tn_shape *d = c->store->ops->decl(c->store, name, err);
    if (!d) return -1;
    if (c->table_count == SLOTS_MAX) {
        tn_fail(err, TN_E_too_large, "a commit may touch %d tables", SLOTS_MAX);
        return -1;
    }
    c->tables = tn_realloc(c->tables, (c->table_count + 1) * sizeof(struct tn_shape *));
    c->tables[c->table_count] = tn_shape_ref(d);
    tn_put_u8(&c->value, TN_OP_table);
    tn_put_str(&c->value, tn_str(name));
    tn_put_u8(&c->value, (unsigned)d->real_count);
    for (size_t i = 0; i < d->real_count; i++)
        tn_put_str(&c->value, tn_str(d->table.columns[d->real[i]].name));
    return (int)c->table_count++;
}

static int source_slot(struct tn_commit *c, int64_t team, const struct tn_origin *source,
                       struct tn_err *err)
{
    for (size_t i = c->source_count; i > 0; i--) {
        const struct tn_commit_source *s = &c->sources[i - 1];
        if (s->team == team && tn_str_eq(s->entity, source->entity) &&
            memcmp(&s->integration, &source->integration, sizeof s->integration) == 0)
            return (int)i - 1;
    }
    if (c->source_count == SLOTS_MAX || source->entity.n > TN_LIMIT_SOURCE) {
        tn_fail(err, TN_E_too_large, "a commit may name %d sources, of up to %d bytes", SLOTS_MAX,
                TN_LIMIT_SOURCE);
        return -1;
    }
    c->sources = tn_realloc(c->sources, (c->source_count + 1) * sizeof *c->sources);
    c->sources[c->source_count] = (struct tn_commit_source){
        team,
        source->integration,
        {tn_arena_strndup(&c->arena, source->entity.p ? source->entity.p : "", source->entity.n),
         source->entity.n}};
    tn_put_u8(&c->value, TN_OP_source);
    tn_put_i64(&c->value, team);
    tn_put_id(&c->value, &source->integration);
    tn_put_str(&c->value, source->entity);
    return (int)c->source_count++;
}

/* Number of a record that an upsert names, announced on first use.  -1: err says why. */
static int64_t named_slot(struct tn_commit *c, const struct tn_named *n, struct tn_err *err)
{
    char key[sizeof(int) + sizeof n->team + sizeof n->id.b];
    int slot = team_ok(n->team, err) ? table_slot(c, n->table, err) : -1;
    if (slot < 0) return -1;
    memcpy(key, &slot, sizeof slot);
    memcpy(key + sizeof slot, &n->team, sizeof n->team);
    memcpy(key + sizeof slot + sizeof n->team, n->id.b, sizeof n->id.b);
    struct tn_str name = {key, sizeof key};
    struct tn_commit_named *known = tn_map_get(&c->named, name);
    if (known && known->number < c->named_count) return (int64_t)known->number;
    if (!known) {
        known = tn_arena_alloc(&c->arena, sizeof *known);
        tn_map_put(&c->named, name, known);
    }
    known->number = c->named_count++;
    tn_put_u8(&c->value, TN_OP_named);
    tn_put_u16(&c->value, (unsigned)slot);
    tn_put_i64(&c->value, n->team);
    tn_put_id(&c->value, &n->id);
    return (int64_t)known->number;
}

/* Announces the records that an upsert names and writes their numbers to the list. */
static bool name_all(struct tn_commit *c, const struct tn_upsert *u, uint32_t *list,
                     struct tn_err *err)
{
    if (u->named_count > NAMED_MAX)
        return tn_fail(err, TN_E_too_large, "a record may name %d others, this one names %zu",
                       NAMED_MAX, u->named_count);
    for (size_t i = 0; i < u->named_count; i++) {
        int64_t number = named_slot(c, &u->named[i], err);
        if (number < 0) return false;
        list[i] = (uint32_t)number;
    }
    return true;
}

static void put_cell(struct tn_buf *b, const struct tn_cell *cell)
{
    tn_put_u8(b, cell->type);
    switch (cell->type) {
    case TN_CELL_null: break;
    case TN_CELL_int: tn_put_i64(b, cell->i); break;
    case TN_CELL_real: tn_put_real(b, cell->d); break;
    case TN_CELL_text: tn_put_str(b, cell->s); break;
    }
}

/* Parses body, which has to be an object, with the store's reader. */
static bool parse_object(struct tn_commit *c, struct tn_str body, struct tn_err *err)
{
    if (body.n > TN_LIMIT_RECORD)
        return tn_fail(err, TN_E_too_large, "a record of %zu bytes: the limit is %u", body.n,
                       TN_LIMIT_RECORD);
    if (!tn_json_parse(c->store->json, body, err)) return false;
    if (tn_jis(tn_json_root(c->store->json), TN_JSON_object)) return true;
    return tn_fail(err, TN_E_invalid, "a record has to be a JSON object, this is %s",
                   tn_json_type_name(tn_jtype(tn_json_root(c->store->json))));
}

/* Not every driver can store a text with U+0000 in a key column. */
static bool key_ok(const struct tn_shape *d, size_t real, const struct tn_cell *cell,
                   struct tn_err *err)
{
    const struct tn_column *column = tn_shape_real(d, real);
    if (!(d->in_keys >> real & 1) || cell->type != TN_CELL_text ||
        !memchr(cell->s.p, '\0', cell->s.n))
        return true;
    tn_fail(err, TN_E_invalid, "'%s' is part of the key of %s, or unique: it may not hold U+0000",
            column->name, d->table.name);
    return tn_fail_field(err, "%s", column->name);
}

/* Checks the key columns in a patch, which the store's reader has parsed. */
static bool patch_ok(struct tn_commit *c, int slot, struct tn_err *err)
{
    const struct tn_shape *d = c->tables[slot];
    struct tn_jval root = tn_json_root(c->store->json);
    struct tn_arena arena;
    bool ok = true;
    tn_arena_init(&arena);
    for (size_t i = 0; ok && i < d->real_count; i++) {
        const struct tn_column *column = tn_shape_real(d, i);
        if (!(d->in_keys >> i & 1)) continue;
        struct tn_cell cell = tn_cell_of(column->type, tn_jget_z(root, column->name), &arena);
        ok = key_ok(d, i, &cell, err);
    }
    tn_arena_clear(&arena);
    return ok;
}

/* Writes the values of the real columns in the announced order, then the body. */
static bool put_body(struct tn_commit *c, int slot, struct tn_str body, struct tn_err *err)
{
    const struct tn_shape *d = c->tables[slot];
    struct tn_jval root = tn_json_root(c->store->json);
    struct tn_arena arena;
    bool ok = true;
    tn_arena_init(&arena);
    for (size_t i = 0; ok && i < d->real_count; i++) {
        const struct tn_column *column = &d->table.columns[d->real[i]];
        struct tn_cell cell = tn_cell_of(column->type, tn_jget_z(root, column->name), &arena);
        ok = key_ok(d, i, &cell, err);
        put_cell(&c->value, &cell);
    }
    tn_arena_clear(&arena);
    tn_put_str(&c->value, body);
    return ok;
}

/* Writes the beginning of an operation on one record. */
static int record_op(struct tn_commit *c, enum tn_op op, int64_t team, const char *table,
                     const struct tn_id *id, int64_t based_on, struct tn_err *err)
{
    if (!team_ok(team, err) || !based_on_ok(based_on, err)) return -1;
    int slot = table_slot(c, table, err);
    if (slot < 0) return -1;
    tn_put_u8(&c->value, op);
    tn_put_u16(&c->value, (unsigned)slot);
    tn_put_i64(&c->value, team);
    tn_put_id(&c->value, id);
    tn_put_i64(&c->value, based_on);
    return slot;
}

bool tn_commit_put(struct tn_commit *c, int64_t team, const char *table, const struct tn_id *id,
                   struct tn_str body, int64_t based_on, struct tn_err *err)
{
    static const struct tn_id made = {{0}};
    struct mark m = mark(c);
    if (!id && based_on != TN_NEW_ONLY)
        return tn_fail(err, TN_E_invalid, "a record without an id can only be a new one");
    int slot = record_op(c, TN_OP_put, team, table, id ? id : &made, based_on, err);
    if (slot < 0 || !parse_object(c, body, err) || !put_body(c, slot, body, err)) return undo(c, m);
    return finish(c, m, err);
}

bool tn_commit_patch(struct tn_commit *c, int64_t team, const char *table, const struct tn_id *id,
                     struct tn_str patch, int64_t based_on, struct tn_err *err)
{
    struct mark m = mark(c);
    int slot = record_op(c, TN_OP_patch, team, table, id, based_on, err);
    if (slot < 0 || !parse_object(c, patch, err) || !patch_ok(c, slot, err)) return undo(c, m);
    tn_put_str(&c->value, patch);
    return finish(c, m, err);
}

bool tn_commit_delete(struct tn_commit *c, int64_t team, const char *table, const struct tn_id *id,
                      int64_t based_on, struct tn_err *err)
{
    struct mark m = mark(c);
    if (record_op(c, TN_OP_delete, team, table, id, based_on, err) < 0) return undo(c, m);
    return finish(c, m, err);
}

bool tn_commit_erase(struct tn_commit *c, int64_t team, const char *table, const struct tn_id *id,
                     int64_t based_on, struct tn_err *err)
{
    struct mark m = mark(c);
    if (record_op(c, TN_OP_erase, team, table, id, based_on, err) < 0) return undo(c, m);
    return finish(c, m, err);
}

bool tn_commit_expect(struct tn_commit *c, int64_t team, const char *table, const struct tn_id *id,
                      int64_t version, struct tn_err *err)
{
    struct mark m = mark(c);
    if (record_op(c, TN_OP_expect, team, table, id, version, err) < 0) return undo(c, m);
    return finish(c, m, err);
}

bool tn_commit_totals(struct tn_commit *c, int64_t team, const char *table, const struct tn_id *id,
                      const struct tn_total_change *changes, size_t count, struct tn_err *err)
{
    struct mark m = mark(c);
    if (record_op(c, TN_OP_totals, team, table, id, TN_ANY, err) < 0) return undo(c, m);
    tn_put_u32(&c->value, (uint32_t)count);
    for (size_t i = 0; i < count; i++) {
        if (!name_ok(changes[i].name, "total", err)) return undo(c, m);
        tn_put_str(&c->value, tn_str(changes[i].name));
        tn_put_u8(&c->value, changes[i].how);
        tn_put_i64(&c->value, changes[i].value);
    }
    return finish(c, m, err);
}

static bool external_ok(struct tn_str external_id, struct tn_err *err)
{
    if (external_id.n == 0 || external_id.n > TN_LIMIT_EXTERNAL_ID)
        return tn_fail(err, TN_E_invalid, "an external id has to have 1 to %d bytes",
                       TN_LIMIT_EXTERNAL_ID);
    if (!memchr(external_id.p, '\0', external_id.n)) return true;
    return tn_fail(err, TN_E_invalid, "an external id may not hold U+0000");
}

bool tn_commit_upsert(struct tn_commit *c, const struct tn_upsert *u, struct tn_err *err)
{
    struct mark m = mark(c);
    uint32_t named[NAMED_MAX];
    if (!team_ok(u->team, err) || !external_ok(u->external_id, err) ||
        !based_on_ok(u->based_on, err))
        return false;
    int slot = table_slot(c, u->table, err);
    int source = slot < 0 ? -1 : source_slot(c, u->team, &u->source, err);
    if (source < 0 || !name_all(c, u, named, err) || !parse_object(c, u->body, err))
        return undo(c, m);
    tn_put_u8(&c->value, TN_OP_upsert);
    tn_put_u16(&c->value, (unsigned)slot);
    tn_put_u16(&c->value, (unsigned)source);
    tn_put_u8(&c->value, (u->merge ? TN_UPSERT_merge : 0) | (u->id ? TN_UPSERT_id : 0) |
                             (u->named_count ? TN_UPSERT_names : 0));
    if (u->id) tn_put_id(&c->value, u->id);
    if (u->named_count) tn_put_u16(&c->value, (unsigned)u->named_count);
    for (size_t i = 0; i < u->named_count; i++) tn_put_u32(&c->value, named[i]);
    tn_put_i64(&c->value, u->based_on);
    tn_buf_add(&c->value, u->hash, TN_HASH_LEN);
    tn_put_str(&c->value, u->external_id);
    if (!put_body(c, slot, u->body, err)) return undo(c, m);
    return finish(c, m, err);
}

bool tn_commit_link(struct tn_commit *c, int64_t team, const char *table, const struct tn_id *id,
                    const struct tn_origin *source, struct tn_str external_id,
                    const unsigned char hash[TN_HASH_LEN], struct tn_err *err)
{
    struct mark m = mark(c);
    if (!team_ok(team, err) || !external_ok(external_id, err)) return false;
    int slot = table_slot(c, table, err);
    int from = slot < 0 ? -1 : source_slot(c, team, source, err);
    if (from < 0) return undo(c, m);
    tn_put_u8(&c->value, TN_OP_link);
    tn_put_u16(&c->value, (unsigned)slot);
    tn_put_u16(&c->value, (unsigned)from);
    tn_put_id(&c->value, id);
    tn_buf_add(&c->value, hash, TN_HASH_LEN);
    tn_put_str(&c->value, external_id);
    return finish(c, m, err);
}

bool tn_commit_unlink(struct tn_commit *c, int64_t team, const struct tn_origin *source,
                      struct tn_str external_id, struct tn_err *err)
{
    struct mark m = mark(c);
    if (!team_ok(team, err) || !external_ok(external_id, err)) return false;
    int from = source_slot(c, team, source, err);
    if (from < 0) return undo(c, m);
    tn_put_u8(&c->value, TN_OP_unlink);
    tn_put_u16(&c->value, (unsigned)from);
    tn_put_str(&c->value, external_id);
    return finish(c, m, err);
}

static bool json_or_nothing(struct tn_commit *c, struct tn_str data, struct tn_err *err)
{
    return data.n == 0 || tn_json_parse(c->store->json, data, err);
}

bool tn_commit_event(struct tn_commit *c, int64_t team, const char *type, const char *table,
                     const struct tn_id *id, struct tn_str data, struct tn_err *err)
{
    static const struct tn_id none;
    struct mark m = mark(c);
    if (!team_ok(team, err) || !name_ok(type, "event", err) || !json_or_nothing(c, data, err))
        return false;
    int slot = table ? table_slot(c, table, err) : 0xffff;
    if (slot < 0) return undo(c, m);
    tn_put_u8(&c->value, TN_OP_event);
    tn_put_u16(&c->value, (unsigned)slot);
    tn_put_i64(&c->value, team);
    tn_put_id(&c->value, table && id ? id : &none);
    tn_put_str(&c->value, tn_str(type));
    tn_put_str(&c->value, data);
    return finish(c, m, err);
}

static void write_known(struct tn_jw *w, const char *key, const char *text)
{
    if (text && text[0]) tn_jw_kz(w, key, text);
}

bool tn_commit_audit(struct tn_commit *c, int64_t team, const struct tn_audit *row,
                     struct tn_err *err)
{
    struct tn_buf body;
    struct tn_jw w;
    char at[TN_TIME_LEN + 1];
    if (!json_or_nothing(c, row->detail, err)) return false;
    tn_time_text(tn_store_now(c->store), at);
    tn_buf_init(&body, TN_LIMIT_RECORD);
    tn_jw_init(&w, &body);
    tn_jw_object(&w);
    tn_jw_kz(&w, "at", at);
    tn_jw_kz(&w, "actor", row->actor);
    write_known(&w, "actor_kind", row->actor_kind);
    write_known(&w, "actor_id", row->actor_id);
    write_known(&w, "request", row->request);
    write_known(&w, "address", row->address);
    tn_jw_kz(&w, "action", row->action);
    tn_jw_kz(&w, "object", row->object);
    if (row->detail.n) tn_jw_kraw(&w, "detail", row->detail);
    tn_jw_end(&w);
    bool ok = tn_buf_ok(&body, "an audit row", err) &&
              tn_commit_put(c, team, "audit", NULL, tn_buf_str(&body), TN_NEW_ONLY, err);
    tn_buf_clear(&body);
    return ok;
}

static bool kv_op(struct tn_commit *c, enum tn_op op, int64_t team, const char *space,
                  struct tn_str key, int64_t based_on, struct tn_err *err)
{
    if (!team_ok(team, err) || !name_ok(space, "space", err) || !based_on_ok(based_on, err))
        return false;
    if (key.n > TN_LIMIT_KV_KEY)
        return tn_fail(err, TN_E_too_large, "a key of %zu bytes: the limit is %d", key.n,
                       TN_LIMIT_KV_KEY);
    tn_put_u8(&c->value, op);
    tn_put_i64(&c->value, team);
    tn_put_str(&c->value, tn_str(space));
    tn_put_str(&c->value, key);
    tn_put_i64(&c->value, based_on);
    return true;
}

bool tn_commit_kv_set(struct tn_commit *c, int64_t team, const char *space, struct tn_str key,
                      struct tn_str value, int64_t based_on, int64_t expires_ms, struct tn_err *err)
{
    struct mark m = mark(c);
    if (!kv_op(c, TN_OP_kv_set, team, space, key, based_on, err)) return false;
    tn_put_i64(&c->value, expires_ms);
    tn_put_str(&c->value, value);
    return finish(c, m, err);
}

bool tn_commit_kv_delete(struct tn_commit *c, int64_t team, const char *space, struct tn_str key,
                         int64_t based_on, struct tn_err *err)
{
    struct mark m = mark(c);
    return kv_op(c, TN_OP_kv_delete, team, space, key, based_on, err) && finish(c, m, err);
}

static bool queue_op(struct tn_commit *c, enum tn_op op, int64_t team, const char *queue,
                     struct tn_str key, struct tn_err *err)
{
    if (!team_ok(team, err) || !name_ok(queue, "queue", err)) return false;
    if (key.n > TN_LIMIT_QUEUE_KEY)
        return tn_fail(err, TN_E_too_large, "a key of %zu bytes: the limit is %d", key.n,
                       TN_LIMIT_QUEUE_KEY);
    tn_put_u8(&c->value, op);
    tn_put_i64(&c->value, team);
    tn_put_str(&c->value, tn_str(queue));
    tn_put_str(&c->value, key);
    return true;
}

bool tn_commit_queue_put(struct tn_commit *c, const struct tn_queue_put *q, struct tn_err *err)
{
    struct mark m = mark(c);
    if (q->order.n > KEY_MAX)
        return tn_fail(err, TN_E_too_large, "an order of %zu bytes: the limit is %d", q->order.n,
                       KEY_MAX);
    if (!queue_op(c, TN_OP_queue_put, q->team, q->queue, q->key, err)) return false;
    tn_put_str(&c->value, q->order);
    tn_put_i64(&c->value, q->due_ms);
    tn_put_str(&c->value, q->payload);
    return finish(c, m, err);
}

bool tn_commit_dequeue(struct tn_commit *c, int64_t team, const char *queue, struct tn_str key,
                       struct tn_err *err)
{
    struct mark m = mark(c);
    if (key.n == 0) return tn_fail(err, TN_E_invalid, "an entry without a key cannot be named");
    return queue_op(c, TN_OP_dequeue, team, queue, key, err) && finish(c, m, err);
}

bool tn_commit_settle(struct tn_commit *c, const struct tn_id *entry, int64_t lease,
                      struct tn_err *err)
{
    struct mark m = mark(c);
    tn_put_u8(&c->value, TN_OP_settle);
    tn_put_id(&c->value, entry);
    tn_put_i64(&c->value, lease);
    return finish(c, m, err);
}

bool tn_commit_reschedule(struct tn_commit *c, const struct tn_id *entry, int64_t lease,
                          int64_t due_ms, struct tn_str payload, struct tn_err *err)
{
    struct mark m = mark(c);
    tn_put_u8(&c->value, TN_OP_reschedule);
    tn_put_id(&c->value, entry);
    tn_put_i64(&c->value, lease);
    tn_put_i64(&c->value, due_ms);
    tn_put_u8(&c->value, payload.p != NULL);
    tn_put_str(&c->value, payload);
    return finish(c, m, err);
}

static void take_outcome(struct tn_wire *w, struct tn_op_outcome *o, struct tn_arena *arena)
{
    unsigned kind = tn_take_u8(w);
    *o = (struct tn_op_outcome){
        .kind = (enum tn_outcome_kind)(kind & ~(unsigned)TN_OUTCOME_adopted), .id = tn_take_id(w)};
    bool flag = kind & TN_OUTCOME_adopted;
    o->version = tn_take_i64(w);
    if (o->kind == TN_DONE_conflict) {
        struct tn_err *why = tn_arena_alloc(arena, sizeof *why);
        tn_take_err(w, why);
        o->why = why;
        o->adoptable = flag;
    } else {
        o->adopted = flag;
    }
}

void tn_commit_answer(struct tn_str result, tn_commit_fn done, void *arg)
{
    struct tn_wire w = tn_wire(result);
    struct tn_committed c = {0};
    struct tn_err err;
    tn_take_err(&w, &err);
    if (err.kind) {
        done(arg, NULL, &err);
        return;
    }
    c.count = tn_take_u32(&w);
    c.at_ms = tn_take_i64(&w);
    struct tn_op_outcome *ops = tn_alloc((c.count + 1) * sizeof *ops);
    struct tn_arena arena;
    tn_arena_init(&arena);
    for (size_t i = 0; i < c.count && !w.bad; i++) take_outcome(&w, &ops[i], &arena);
    c.ops = ops;
    done(arg, &c, NULL);
    tn_arena_clear(&arena);
    tn_free(ops);
}

void tn_put_err(struct tn_buf *b, const struct tn_err *err)
{
    tn_put_u8(b, err ? err->kind : TN_E_none);
    if (!err || err->kind == TN_E_none) return;
    tn_put_u8(b, err->code);
    tn_put_str(b, tn_str(err->field));
    tn_put_str(b, tn_str(err->text));
    tn_put_str(b, tn_str(err->params));
}

void tn_take_err(struct tn_wire *w, struct tn_err *err)
{
    tn_err_clear(err);
    unsigned kind = tn_take_u8(w);
    if (w->bad || kind >= TN_E_count) {
        tn_fail(err, TN_E_internal, "the store process answered something unreadable");
        return;
    }
    if (kind == TN_E_none) return;
    unsigned code = tn_take_u8(w);
    struct tn_str field = tn_take_str(w), text = tn_take_str(w);
    struct tn_str detail = tn_take_str(w);
    tn_fail(err, (enum tn_kind)kind, "%.*s", TN_FMT(text));
    if (field.n) tn_fail_field(err, "%.*s", TN_FMT(field));
    if (code < TN_CODE_count) err->code = (enum tn_code)code;
    if (detail.n < sizeof err->params) {
        memcpy(err->params, detail.p, detail.n);
        err->params[detail.n] = '\0';
    }
}
