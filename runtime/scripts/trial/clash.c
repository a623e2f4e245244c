/* SPDX-License-Identifier: MIT */
#include "scripts/trial/clash.h"

#include <stdio.h>

#include "base/alloc.h"
#include "base/map.h"
#include "crypto/digest.h"
#include "store/read.h"

enum { RECORDS_MAX = 200000, PAGE = 100, KEY_MAX = 64 * TN_KIB };

struct tn_clash {
    struct tn_store *store;
    const struct tn_units *from, *to;
    size_t at;       /* resource of to */
    size_t rule;     /* of that resource: 0 its key, then its unique fields; each reads them all */
    bool open;       /* its records are being read now */
    bool *unchecked; /* one per resource */
    struct tn_map seen;
    struct tn_call *call;
    struct tn_buf cursor, key;
    struct tn_json *json;
    struct tn_err err; /* the clash, or why records cannot be read */
    void (*wake)(void *arg);
    void *arg;
};

struct tn_clash *tn_clash_new(struct tn_store *store, const struct tn_units *from,
                              const struct tn_units *to, void (*wake)(void *arg), void *arg)
{
    struct tn_clash *c = TN_NEW(struct tn_clash);
    size_t room = (tn_units_resources(to) + 1) * sizeof *c->unchecked;
    c->store = store;
    c->from = from;
    c->to = to;
    c->wake = wake;
    c->arg = arg;
    c->unchecked = memset(tn_alloc(room), 0, room);
    c->json = tn_json_new();
    tn_map_init(&c->seen);
    tn_buf_init(&c->cursor, KEY_MAX);
    tn_buf_init(&c->key, KEY_MAX);
    return c;
}

void tn_clash_free(struct tn_clash *c)
{
    if (!c) return;
    tn_call_cancel(c->call);
    tn_free(c->unchecked);
    tn_json_free(c->json);
    tn_map_clear(&c->seen, tn_free);
    tn_buf_clear(&c->cursor);
    tn_buf_clear(&c->key);
    tn_free(c);
}

/* ---- which tables are read ---- */

static const struct tn_entity *resource(const struct tn_clash *c)
{
    return &tn_units_resource_at(c->to, c->at)->resource;
}

static bool same_key(const char *const *a, const char *const *b)
{
    size_t i = 0;
    if (!a || !b) return a == b;
    while (a[i] && b[i] && strcmp(a[i], b[i]) == 0) i++;
    return !a[i] && !b[i];
}

/* NULL: the rule is the key. */
static const struct tn_field *unique_field(const struct tn_clash *c)
{
    return c->rule ? &resource(c)->fields[c->rule - 1] : NULL;
}

/* A resource that is new has no records. */
static bool is_new_rule(const struct tn_clash *c)
{
    const struct tn_entity *new = resource(c), *old = NULL;
    const struct tn_field *f = unique_field(c), *was;
    for (size_t i = 0; !old && i < tn_units_resources(c->from); i++) {
        old = &tn_units_resource_at(c->from, i)->resource;
        if (strcmp(old->plural, new->plural) != 0) old = NULL;
    }
    if (!old) return false;
    if (!f) return new->key && !same_key(old->key, new->key);
    was = tn_field_find(old->fields, old->n_fields, tn_str(f->name));
    return f->unique && !(was && was->unique && was->type == f->type);
}

/* ---- the records of a table ---- */

static bool take_part(struct tn_clash *c, const char *name)
{
    struct tn_jval part = tn_jget_z(tn_json_root(c->json), name);
    if (tn_jis(part, TN_JSON_absent) || tn_jis(part, TN_JSON_null)) return false;
    tn_buf_addc(&c->key, '\n');
    tn_buf_addstr(&c->key, tn_jraw(part));
    return true;
}

/* False: the record lacks a part of the key, so it is not subject to it. */
static bool take_key(struct tn_clash *c, const struct tn_row *row)
{
    const struct tn_field *f = unique_field(c);
    struct tn_err err;
    bool whole = true;
    tn_buf_reset(&c->key);
    tn_buf_addf(&c->key, "%lld", (long long)row->team);
    if (!tn_json_parse(c->json, row->body, &err)) return false;
    if (f) return take_part(c, f->name) && !c->key.failed;
    for (const char *const *name = resource(c)->key; whole && *name; name++)
        whole = take_part(c, *name);
    return whole && !c->key.failed;
}

/* In the words of the store.  c->key: the team and the values, a line each. */
static bool tell(struct tn_clash *c, const struct tn_id *one, const struct tn_id *other)
{
    const struct tn_field *f = unique_field(c);
    char id[TN_ID_LEN + 1], twin[TN_ID_LEN + 1], values[300];
    struct tn_str rest = tn_buf_str(&c->key), part;
    size_t at = 0;
    tn_id_text(one, twin);
    tn_id_text(other, id);
    tn_str_split(&rest, '\n', &part);
    for (size_t i = 0; tn_str_split(&rest, '\n', &part) && at < sizeof values; i++) {
        if (part.n > 1 && part.p[0] == '"') part = (struct tn_str){part.p + 1, part.n - 2};
        at += (size_t)snprintf(values + at, sizeof values - at, "%s%s '%.*s'", i ? ", " : "",
                               f ? f->name : resource(c)->key[i], TN_FMT(part));
    }
    tn_fail(&c->err, TN_E_conflict,
            "table %s keeps its shape: the records %s and %s both have %s, which would have to be "
            "unique: change one of them first",
            resource(c)->plural, twin, id, values);
    return tn_fail_field(&c->err, "%s", f ? f->name : resource(c)->key[0]);
}

/* False: another record would have the same key. */
static bool look(struct tn_clash *c, const struct tn_row *row)
{
    unsigned char digest[TN_SHA256_LEN];
    if (!take_key(c, row)) return true;
    tn_sha256(c->key.p, c->key.n, digest);
    const struct tn_str name = {(const char *)digest, sizeof digest / 2};
    const struct tn_id *twin = tn_map_get(&c->seen, name);
    if (twin) return tell(c, twin, &row->id);
    struct tn_id *id = tn_alloc(sizeof *id);
    *id = row->id;
    tn_map_put(&c->seen, name, id);
    return true;
}

static void clear_seen(struct tn_clash *c)
{
    tn_map_clear(&c->seen, tn_free);
    tn_map_init(&c->seen);
}

/* Goes on to the next rule of the resource, or to the next resource. */
static void next_rule(struct tn_clash *c)
{
    if (c->rule++ < resource(c)->n_fields) return;
    c->rule = 0;
    c->at++;
}

static void close_table(struct tn_clash *c)
{
    c->open = false;
    clear_seen(c);
    tn_buf_reset(&c->cursor);
    next_rule(c);
}

enum { PAGE_QUESTION, COUNT_QUESTION };

/* False: c->err. */
static bool take_page(struct tn_clash *c, const struct tn_found *found)
{
    const struct tn_list *list;
    const struct tn_row *row;
    const struct tn_err *why = tn_found_err(found, PAGE_QUESTION);
    if (!why && !c->open) why = tn_found_err(found, COUNT_QUESTION);
    if (why) {
        c->err = *why;
        return false;
    }
    if (!c->open && tn_found_list(found, COUNT_QUESTION)->total > RECORDS_MAX) {
        c->unchecked[c->at] = true;
        close_table(c);
        return true;
    }
    c->open = true;
    for (size_t i = 0; (row = tn_found_row(found, PAGE_QUESTION, i)); i++)
        if (!look(c, row)) return false;
    list = tn_found_list(found, PAGE_QUESTION);
    tn_buf_reset(&c->cursor);
    if (list->more)
        tn_buf_addstr(&c->cursor, list->next);
    else
        close_table(c);
    return true;
}

static void page_found(void *arg, struct tn_found *found, const struct tn_err *err)
{
    struct tn_clash *c = arg;
    c->call = NULL;
    if (err)
        c->err = *err;
    else if (take_page(c, found))
        tn_err_clear(&c->err);
    c->wake(c->arg);
}

static void read_page(struct tn_clash *c)
{
    const char *table = resource(c)->plural;
    struct tn_read *read = tn_read_new(TN_TEAM_ALL);
    tn_read_query(read, &(struct tn_query){.table = table,
                                           .limit = PAGE,
                                           .cursor = c->cursor.n ? tn_buf_str(&c->cursor)
                                                                 : (struct tn_str){0}});
    if (!c->open) tn_read_count(read, table);
    c->call = tn_store_read(c->store, read, NULL, page_found, c);
}

bool tn_clash_step(struct tn_clash *c, struct tn_err *err)
{
    while (!c->err.kind && c->at < tn_units_resources(c->to)) {
        if (c->open || is_new_rule(c)) {
            read_page(c);
            return true;
        }
        next_rule(c);
    }
    *err = c->err;
    return false;
}

void tn_clash_write(const struct tn_clash *c, struct tn_jw *w)
{
    tn_jw_key(w, TN_STR("keysNotChecked"));
    tn_jw_array(w);
    for (size_t i = 0; i < tn_units_resources(c->to); i++)
        if (c->unchecked[i]) tn_jw_str(w, tn_str(tn_units_resource_at(c->to, i)->resource.plural));
    tn_jw_end(w);
}
