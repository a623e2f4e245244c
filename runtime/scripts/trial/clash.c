/* SPDX-License-Identifier: MIT */
#include "scripts/trial/clash.h"

#include "base/alloc.h"
#include "base/map.h"
#include "base/time.h"
#include "crypto/digest.h"
#include "store/store.h"

enum { RECORDS_MAX = 200000, PAGE = 100, KEY_MAX = 64 * TN_KIB };

struct tn_clash {
    struct tn_store *store;
    const struct tn_units *from, *to;
    size_t at;       /* resource of to */
    bool open;       /* its records are being read now */
    bool *unchecked; /* one per resource */
    struct tn_map seen;
    struct tn_page page;
    struct tn_buf cursor, key;
    struct tn_json *json;
    struct tn_err err; /* of the record at hand */
};

struct tn_clash *tn_clash_new(struct tn_store *store, const struct tn_units *from,
                              const struct tn_units *to)
{
    struct tn_clash *c = TN_NEW(struct tn_clash);
    size_t room = (tn_units_resources(to) + 1) * sizeof *c->unchecked;
    c->store = store;
    c->from = from;
    c->to = to;
    c->unchecked = memset(tn_alloc(room), 0, room);
    c->json = tn_json_new();
    tn_map_init(&c->seen);
    tn_page_init(&c->page);
    tn_buf_init(&c->cursor, KEY_MAX);
    tn_buf_init(&c->key, KEY_MAX);
    return c;
}

void tn_clash_free(struct tn_clash *c)
{
    if (!c) return;
    tn_free(c->unchecked);
    tn_json_free(c->json);
    tn_map_clear(&c->seen, NULL);
    tn_page_clear(&c->page);
    tn_buf_clear(&c->cursor);
    tn_buf_clear(&c->key);
    tn_free(c);
}

/* ---- which tables ---- */

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

/* A resource that is new has no records. */
static bool has_other_key(const struct tn_clash *c)
{
    const struct tn_entity *new = resource(c);
    for (size_t i = 0; i < tn_units_resources(c->from); i++) {
        const struct tn_entity *old = &tn_units_resource_at(c->from, i)->resource;
        if (strcmp(old->plural, new->plural) == 0) return new->key && !same_key(old->key, new->key);
    }
    return false;
}

/* ---- its records ---- */

/* False: the record lacks a part of the key, so it is not subject to it. */
static bool take_key(struct tn_clash *c, const struct tn_row *row)
{
    struct tn_err err;
    tn_buf_reset(&c->key);
    tn_buf_addf(&c->key, "%lld", (long long)row->team);
    if (!tn_json_parse(c->json, row->body, &err)) return false;
    for (const char *const *name = resource(c)->key; *name; name++) {
        struct tn_jval part = tn_jget_z(tn_json_root(c->json), *name);
        if (tn_jis(part, TN_JSON_absent) || tn_jis(part, TN_JSON_null)) return false;
        tn_buf_addc(&c->key, '\n');
        tn_buf_addstr(&c->key, tn_jraw(part));
    }
    return !c->key.failed;
}

static bool look(void *arg, const struct tn_row *row)
{
    struct tn_clash *c = arg;
    unsigned char digest[TN_SHA256_LEN];
    char id[TN_ID_LEN + 1];
    if (!take_key(c, row)) return true;
    tn_sha256(c->key.p, c->key.n, digest);
    if (!tn_map_put(&c->seen, (struct tn_str){(const char *)digest, sizeof digest / 2}, c))
        return true;
    tn_id_text(&row->id, id);
    return tn_fail(&c->err, TN_E_conflict,
                   "table %s keeps its shape: record %s has the same key as another one would",
                   resource(c)->plural, id);
}

/* False: it cannot be read. */
static bool read_page(struct tn_clash *c)
{
    struct tn_query q = {.team = TN_TEAM_ALL,
                         .table = resource(c)->plural,
                         .limit = PAGE,
                         .cursor = c->cursor.n ? tn_buf_str(&c->cursor) : (struct tn_str){0}};
    tn_page_clear(&c->page);
    tn_page_init(&c->page);
    if (!tn_store_query(c->store, &q, look, c, &c->page, &c->err)) return false;
    tn_buf_reset(&c->cursor);
    if (c->page.more) tn_buf_addstr(&c->cursor, tn_buf_str(&c->page.next));
    return !c->err.kind;
}

static void open_table(struct tn_clash *c)
{
    int64_t count;
    tn_map_clear(&c->seen, NULL);
    tn_map_init(&c->seen);
    tn_buf_reset(&c->cursor);
    c->open = has_other_key(c) &&
              tn_store_count(c->store, TN_TEAM_ALL, resource(c)->plural, &count, &c->err);
    if (c->open && count > RECORDS_MAX) {
        c->unchecked[c->at] = true;
        c->open = false;
    }
}

/* False: c->err. */
static bool go_on(struct tn_clash *c)
{
    if (!c->open) open_table(c);
    if (c->open && !read_page(c)) return false;
    c->open = c->open && c->page.more;
    if (!c->open) c->at++;
    return !c->err.kind;
}

bool tn_clash_step(struct tn_clash *c, int64_t until_us, struct tn_err *err)
{
    tn_err_clear(&c->err);
    while (c->at < tn_units_resources(c->to) && go_on(c))
        if (tn_mono_us() >= until_us) return true;
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
