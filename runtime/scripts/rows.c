/* SPDX-License-Identifier: MIT */
#include "scripts/rows.h"

#include <stdio.h>

#include "base/alloc.h"
#include "base/map.h"
#include "store/read.h"

enum { KEY_MAX = 256, TRIES = 8 };

struct tn_rows_call {
    struct tn_rows_call *next, **link;
    struct tn_rows *rows;
    struct tn_call *call;
    int64_t team;
    char *id;
    bool again; /* the row may have changed since it was asked for */
    int asked;  /* how often the row was asked for */
    tn_rows_fn done;
    void *arg;
};

struct tn_rows {
    struct tn_store *store;
    const struct tn_secrets *secrets;
    struct tn_map at_hand; /* answers of the store, by team and id or name */
    struct tn_rows_call *calls;
};

struct tn_rows *tn_rows_new(struct tn_store *store, const struct tn_secrets *secrets)
{
    struct tn_rows *r = TN_NEW(struct tn_rows);
    *r = (struct tn_rows){.store = store, .secrets = secrets};
    tn_map_init(&r->at_hand);
    return r;
}

static void let_go(void *found)
{
    tn_found_unref(found);
}

void tn_rows_free(struct tn_rows *r)
{
    if (!r) return;
    tn_map_clear(&r->at_hand, let_go);
    tn_free(r);
}

/* ---- rows in memory ---- */

static struct tn_str key_of(int64_t team, const char *id, char key[KEY_MAX])
{
    int n = snprintf(key, KEY_MAX, "%lld/%.200s", (long long)team, id);
    return (struct tn_str){key, (size_t)n};
}

bool tn_rows_has(const struct tn_rows *r, int64_t team, const char *id)
{
    char key[KEY_MAX];
    return tn_map_get(&r->at_hand, key_of(team, id, key)) != NULL;
}

bool tn_rows_find(const struct tn_rows *r, int64_t team, const char *id, struct tn_integration *out,
                  struct tn_err *err)
{
    char key[KEY_MAX];
    const struct tn_found *found = tn_map_get(&r->at_hand, key_of(team, id, key));
    if (found) return tn_integration_found(out, found, 0, r->secrets, tn_str(id), err);
    return tn_fail(err, TN_E_unavailable, "integration '%s' is being changed; try again", id);
}

/* ---- reading ---- */

static void call_free(struct tn_rows_call *c)
{
    *c->link = c->next;
    if (c->next) c->next->link = c->link;
    tn_free(c->id);
    tn_free(c);
}

static void call_end(struct tn_rows_call *c, const struct tn_err *err)
{
    tn_rows_fn done = c->done;
    void *arg = c->arg;
    call_free(c);
    done(arg, err);
}

/* Keeps the answer if it can be decrypted. */
static bool take(struct tn_rows_call *c, struct tn_found *found, struct tn_err *err)
{
    struct tn_rows *r = c->rows;
    struct tn_integration i;
    char key[KEY_MAX];
    tn_integration_init(&i);
    bool ok = tn_integration_found(&i, found, 0, r->secrets, tn_str(c->id), err);
    tn_integration_clear(&i);
    if (!ok) return false;
    tn_found_unref(tn_map_put(&r->at_hand, key_of(c->team, c->id, key), tn_found_ref(found)));
    return true;
}

static void ask(struct tn_rows_call *c);

static void row_found(void *arg, struct tn_found *found, const struct tn_err *err)
{
    struct tn_rows_call *c = arg;
    struct tn_err why;
    c->call = NULL;
    if (c->again && c->asked < TRIES) {
        ask(c);
        return;
    }
    if (!err && c->again &&
        !tn_fail(&why, TN_E_unavailable,
                 "integration '%s' changed each time it was read; try again", c->id))
        err = &why;
    if (!err && !take(c, found, &why)) err = &why;
    call_end(c, err);
}

static void ask(struct tn_rows_call *c)
{
    struct tn_read *read = tn_read_new(c->team);
    c->again = false;
    c->asked++;
    tn_integration_ask(read, tn_str(c->id));
    c->call = tn_store_read(c->rows->store, read, NULL, row_found, c);
}

struct tn_rows_call *tn_rows_read(struct tn_rows *r, int64_t team, const char *id, tn_rows_fn done,
                                  void *arg)
{
    struct tn_rows_call *c = TN_NEW(struct tn_rows_call);
    *c = (struct tn_rows_call){.rows = r, .team = team, .done = done, .arg = arg};
    c->id = tn_strdup(id);
    c->next = r->calls;
    c->link = &r->calls;
    if (c->next) c->next->link = &c->next;
    r->calls = c;
    ask(c);
    return c;
}

void tn_rows_stop(struct tn_rows_call *c)
{
    if (!c) return;
    tn_call_cancel(c->call);
    call_free(c);
}

/* ---- changes ---- */

/* Has running reads ask again, because the answer on its way may be older than the change. id
 * NULL: all of them. */
static void ask_again(struct tn_rows *r, const char *id)
{
    struct tn_id record;
    for (struct tn_rows_call *c = r->calls; c; c = c->next)
        if (!id || !tn_id_parse(tn_str(c->id), &record) || strcmp(c->id, id) == 0) c->again = true;
}

/* Finds an entry of this record, under its id or its name; NULL: there is none. */
static const struct tn_map_entry *entry_of(const struct tn_rows *r, const struct tn_id *id)
{
    const struct tn_map_entry *e;
    size_t at = 0;
    while ((e = tn_map_next(&r->at_hand, &at)))
        if (memcmp(&tn_found_row(e->value, 0, 0)->id, id, sizeof *id) == 0) return e;
    return NULL;
}

void tn_rows_drop(struct tn_rows *r, const char *id)
{
    const struct tn_map_entry *e;
    struct tn_id record;
    ask_again(r, id);
    if (!tn_id_parse(tn_str(id), &record)) return;
    while ((e = entry_of(r, &record)))
        tn_found_unref(tn_map_remove(&r->at_hand, (struct tn_str){e->key, e->n}));
}

void tn_rows_forget(struct tn_rows *r)
{
    ask_again(r, NULL);
    tn_map_clear(&r->at_hand, let_go);
    tn_map_init(&r->at_hand);
}
