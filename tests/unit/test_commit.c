/* SPDX-License-Identifier: MIT */
/* Thousands of random commits and queries against a model that is nothing but arrays.
 * TENON_SEED repeats a run; TENON_STEPS makes it longer. */
#include "store_rig.h"

#include <sys/stat.h>

#include "base/str.h"

enum { RECORDS = 60, KEYS = 25, EXTERNALS = 25, TEAMS = 2, SPACES = 6 };

struct mrec {
    bool live;
    struct tn_id id;
    int64_t team, version, order;
    int key, value, external; /* key, external -1: none; value -1: null */
    char hash;
};
struct model {
    struct mrec r[RECORDS];
    int64_t kv[TEAMS + 1][SPACES]; /* versions */
    int64_t kv_value[TEAMS + 1][SPACES];
    int64_t order, events;
};

static const struct tn_column columns[] = {{"key", TN_COLUMN_text, true},
                                           {"value", TN_COLUMN_int, true}};
static const struct tn_column other_columns[] = {
    {"key", TN_COLUMN_text, true}, {"value", TN_COLUMN_int, true}, {"extra", TN_COLUMN_text, true}};
static const struct tn_table things = {"things", columns, 2, {"key"}, "thing", true};
static const struct tn_table other_things = {"things", other_columns, 3, {"key"}, "thing", true};
static struct tn_origin source = {.entity = {"thing", 5}};

static uint64_t dice;
static unsigned roll(unsigned below)
{
    dice = dice * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(dice >> 33) % below;
}

static const char *body_of(const struct mrec *m, char out[100])
{
    char key[32] = "null", value[32] = "null";
    if (m->key >= 0) snprintf(key, sizeof key, "\"K%02d\"", m->key);
    if (m->value >= 0) snprintf(value, sizeof value, "%d", m->value);
    snprintf(out, 100, "{\"key\":%s,\"value\":%s}", key, value);
    return out;
}

static struct mrec *by_key(struct model *m, int64_t team, int key)
{
    for (int i = 0; i < RECORDS; i++)
        if (m->r[i].live && m->r[i].team == team && key >= 0 && m->r[i].key == key) return &m->r[i];
    return NULL;
}
static struct mrec *by_external(struct model *m, int64_t team, int external)
{
    for (int i = 0; i < RECORDS; i++)
        if (m->r[i].live && m->r[i].team == team && m->r[i].external == external) return &m->r[i];
    return NULL;
}
static struct mrec *free_slot(struct model *m)
{
    for (int i = 0; i < RECORDS; i++)
        if (!m->r[i].live) return &m->r[i];
    return NULL;
}

/* What an operation should come to. */
struct expected {
    enum tn_outcome_kind kind;
    struct mrec *record;
    bool fails, fresh;
    int64_t life; /* order of the record then: its slot may be used anew */
};

static struct expected write_over(struct model *m, struct mrec *r, int key, int value)
{
    struct mrec *holder = by_key(m, r->team, key);
    if (r->key == key && r->value == value)
        return (struct expected){TN_DONE_unchanged, r, false, false, 0};
    if (holder && holder != r) return (struct expected){.fails = true};
    r->key = key;
    r->value = value;
    r->version++;
    m->events++;
    return (struct expected){TN_DONE_updated, r, false, false, 0};
}

static struct expected model_new(struct model *m, int64_t team, int key, int value)
{
    struct mrec *r = free_slot(m);
    *r = (struct mrec){.live = true,
                       .team = team,
                       .version = 1,
                       .key = key,
                       .value = value,
                       .external = -1,
                       .order = ++m->order};
    m->events++;
    return (struct expected){TN_DONE_created, r, false, true, 0};
}

static int some_key(void)
{
    return roll(10) ? (int)roll(KEYS) : -1;
}
static int some_value(void)
{
    return roll(8) ? (int)roll(20) : -1;
}

static struct expected do_put(struct rig *r, struct model *m, struct tn_commit *c, int64_t team)
{
    struct mrec *old = &m->r[roll(RECORDS)], next = {.key = some_key(), .value = some_value()};
    struct tn_id id = old->live && roll(4) ? old->id : tn_id_new();
    bool there = old->live && memcmp(&id, &old->id, sizeof id) == 0;
    int64_t based_on = roll(3) ? (there ? old->version : 0) : (int64_t)roll(4) - 1;
    struct tn_err err;
    char body[100];
    (void)r;
    assert_true(
        tn_commit_put(c, team, "things", &id, tn_str(body_of(&next, body)), based_on, &err));
    struct expected fails = {.fails = true};
    if (there && old->team != team) return fails;
    if (based_on != TN_ANY && based_on != (there ? old->version : 0)) return fails;
    if (there) return write_over(m, old, next.key, next.value);
    if (by_key(m, team, next.key) || !free_slot(m)) return fails;
    struct expected e = model_new(m, team, next.key, next.value);
    e.record->id = id;
    e.fresh = false;
    return e;
}

static struct expected do_delete(struct model *m, struct tn_commit *c, int64_t team)
{
    struct mrec *old = &m->r[roll(RECORDS)];
    struct tn_id id = old->live ? old->id : tn_id_new();
    int64_t based_on = old->live && roll(2) ? old->version : TN_ANY;
    struct tn_err err;
    assert_true(tn_commit_delete(c, team, "things", &id, based_on, &err));
    if (!old->live || old->team != team) {
        if (based_on != TN_ANY) return (struct expected){.fails = true};
        return (struct expected){TN_DONE_unchanged, NULL, false, false, 0};
    }
    old->live = false;
    m->events++;
    return (struct expected){TN_DONE_deleted, NULL, false, false, 0};
}

static struct expected do_patch(struct model *m, struct tn_commit *c, int64_t team)
{
    struct mrec *old = &m->r[roll(RECORDS)];
    struct tn_id id = old->live ? old->id : tn_id_new();
    int value = (int)roll(20);
    char patch[64];
    struct tn_err err;
    snprintf(patch, sizeof patch, "{\"value\":%d}", value);
    assert_true(tn_commit_patch(c, team, "things", &id, tn_str(patch), TN_ANY, &err));
    if (!old->live || old->team != team) return (struct expected){.fails = true};
    return write_over(m, old, old->key, value);
}

static struct expected do_upsert(struct model *m, struct tn_commit *c, int64_t team)
{
    struct mrec next = {.key = some_key(), .value = some_value()};
    int external = (int)roll(EXTERNALS);
    char hash = (char)(1 + roll(6)), name[16], body[100];
    struct tn_err err;
    snprintf(name, sizeof name, "E%02d", external);
    struct tn_upsert u = {.team = team,
                          .table = "things",
                          .source = source,
                          .external_id = tn_str(name),
                          .body = tn_str(body_of(&next, body))};
    memset(u.hash, hash, sizeof u.hash);
    assert_true(tn_commit_upsert(c, &u, &err));
    struct mrec *linked = by_external(m, team, external), *holder = by_key(m, team, next.key);
    struct expected conflict = {.kind = TN_DONE_conflict}, e;
    if (linked && linked->hash == hash)
        return (struct expected){TN_DONE_unchanged, linked, false, false, 0};
    if (linked && holder && holder != linked) return conflict;
    if (!linked && holder && holder->external >= 0) return conflict;
    if (linked || holder) {
        e = write_over(m, linked ? linked : holder, next.key, next.value);
    } else {
        if (!free_slot(m)) return (struct expected){.fails = true};
        e = model_new(m, team, next.key, next.value);
    }
    e.record->external = external;
    e.record->hash = hash;
    return e;
}

static struct expected do_kv(struct model *m, struct tn_commit *c, int64_t team)
{
    int space = (int)roll(SPACES), value = (int)roll(1000);
    int64_t *version = &m->kv[team][space], based_on = roll(3) ? *version : (int64_t)roll(3) - 1;
    char key[8], text[16];
    struct tn_err err;
    snprintf(key, sizeof key, "k%d", space);
    snprintf(text, sizeof text, "%d", value);
    bool drop = roll(5) == 0;
    if (drop)
        assert_true(tn_commit_kv_delete(c, team, "space", tn_str(key), based_on, &err));
    else
        assert_true(
            tn_commit_kv_set(c, team, "space", tn_str(key), tn_str(text), based_on, 0, &err));
    if (based_on != TN_ANY && based_on != *version) return (struct expected){.fails = true};
    enum tn_outcome_kind kind = !drop      ? TN_DONE_none
                                : *version ? TN_DONE_deleted
                                           : TN_DONE_unchanged;
    *version = drop ? 0 : *version + 1;
    m->kv_value[team][space] = value;
    return (struct expected){kind, NULL, false, false, 0};
}

/* One random commit; the model keeps its state when the commit is to fail. */
static void step(struct rig *r, struct model *m)
{
    static struct model before;
    struct expected e[5];
    size_t count = 1 + roll(5);
    bool fails = false;
    struct tn_commit *c = tn_commit_new(r->store);
    before = *m;
    for (size_t i = 0; i < count && !fails; i++) {
        int64_t team = 1 + roll(TEAMS);
        switch (roll(8)) {
        case 0:
        case 1: e[i] = do_put(r, m, c, team); break;
        case 2: e[i] = do_delete(m, c, team); break;
        case 3: e[i] = do_patch(m, c, team); break;
        case 4: e[i] = do_kv(m, c, team); break;
        default: e[i] = do_upsert(m, c, team); break;
        }
        fails = e[i].fails;
        e[i].life = e[i].record ? e[i].record->order : 0;
        if (fails) count = i + 1;
        /* the store makes the ids of upserts: ask for them before anything else names the record */
        if (!fails && e[i].fresh) count = i + 1;
    }
    bool full = fails && !free_slot(&before);
    rig_commit(r, c);
    if (full && r->ok) { /* the model had no room; forget this run of luck */
        fail_msg("the model is too small");
    }
    if (r->ok == fails)
        fail_msg("%s, but the model says %s", r->ok ? "done" : r->err.text, fails ? "no" : "yes");
    if (fails) {
        assert_int_equal(r->err.kind, TN_E_conflict);
        *m = before;
        return;
    }
    assert_int_equal(r->count, count);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(r->ops[i].kind, e[i].kind);
        if (!e[i].record || !e[i].record->live || e[i].record->order != e[i].life) continue;
        if (e[i].fresh) e[i].record->id = r->ops[i].id;
        assert_memory_equal(&e[i].record->id, &r->ops[i].id, sizeof(struct tn_id));
    }
    assert_int_equal(rig_head(r), m->events);
}

/* ------------------------------------------------------------------ queries */

static int sort_value, descending; /* what compare goes by */

static int compare(const void *a, const void *b)
{
    const struct mrec *x = *(struct mrec *const *)a, *y = *(struct mrec *const *)b;
    int64_t p = sort_value ? x->value : x->order, q = sort_value ? y->value : y->order;
    if (p == q) {
        p = x->order;
        q = y->order;
    }
    int c = (p > q) - (p < q);
    return descending ? -c : c;
}

struct list {
    struct tn_id ids[RECORDS + 1];
    size_t n;
};
static bool add_id(void *arg, const struct tn_row *row)
{
    struct list *l = arg;
    assert_true(l->n < RECORDS);
    l->ids[l->n++] = row->id;
    return true;
}

static void expect_query(struct rig *r, struct model *m)
{
    struct mrec *rows[RECORDS];
    size_t n = 0;
    int64_t team = 1 + roll(TEAMS);
    int least = (int)roll(22) - 2;
    struct list got = {.n = 0};
    struct tn_page page;
    struct tn_buf cursor;
    struct tn_err err;
    char text[16];
    sort_value = (int)roll(2);
    descending = sort_value ? (int)roll(2) : 0;
    for (int i = 0; i < RECORDS; i++) {
        struct mrec *x = &m->r[i];
        if (x->live && x->team == team && (least < 0 || x->value >= least)) rows[n++] = x;
    }
    qsort(rows, n, sizeof rows[0], compare);
    snprintf(text, sizeof text, "%d", least);
    struct tn_str v = tn_str(text);
    struct tn_filter f = {"value", TN_FILTER_ge, &v, 1};
    struct tn_query q = {.team = team,
                         .table = "things",
                         .filters = &f,
                         .filter_count = least >= 0,
                         .total = true,
                         .sort = {{"value", descending}},
                         .sort_count = (size_t)sort_value,
                         .limit = 1 + roll(20)};
    tn_page_init(&page);
    tn_buf_init(&cursor, 1000);
    do {
        if (!tn_store_query(r->store, &q, add_id, &got, &page, &err)) fail_msg("%s", err.text);
        assert_int_equal(page.total, n);
        tn_buf_reset(&cursor);
        tn_buf_addstr(&cursor, tn_buf_str(&page.next));
        q.cursor = tn_buf_str(&cursor);
    } while (page.more);
    tn_buf_clear(&cursor);
    tn_page_clear(&page);
    assert_int_equal(got.n, n);
    for (size_t i = 0; i < n; i++)
        assert_memory_equal(&got.ids[i], &rows[i]->id, sizeof(struct tn_id));
}

static void expect_record(struct rig *r, struct model *m)
{
    struct mrec *x = &m->r[roll(RECORDS)];
    struct tn_buf hold;
    struct tn_row row;
    struct tn_err err;
    char body[100], name[16];
    if (!x->live) return;
    tn_buf_init(&hold, TN_LIMIT_RECORD);
    assert_true(tn_store_get(r->store, x->team, "things", &x->id, &row, &hold, &err));
    assert_int_equal(row.version, x->version);
    assert_true(tn_str_is(row.body, body_of(x, body)));
    assert_false(tn_store_get(r->store, 3 - x->team, "things", &x->id, &row, &hold, &err));
    if (x->external >= 0) {
        snprintf(name, sizeof name, "E%02d", x->external);
        assert_true(tn_store_get_by_link(r->store, x->team, "things", &source, tn_str(name), &row,
                                         &hold, &err));
        assert_memory_equal(&row.id, &x->id, sizeof x->id);
    }
    int64_t version = 1 + roll((unsigned)x->version);
    if (!tn_store_as_of(r->store, x->team, "things", &x->id, version, 0, &row, &hold, &err))
        fail_msg("%s", err.text);
    assert_int_equal(row.version, version);
    tn_buf_clear(&hold);
}

static void expect_kv(struct rig *r, struct model *m)
{
    int64_t team = 1 + roll(TEAMS), version;
    int space = (int)roll(SPACES);
    struct tn_buf value;
    struct tn_err err;
    char key[8], text[24];
    snprintf(key, sizeof key, "k%d", space);
    tn_buf_init(&value, 100);
    bool there = tn_store_kv_get(r->store, team, "space", tn_str(key), &value, &version, &err);
    assert_int_equal(there, m->kv[team][space] > 0);
    if (there) {
        snprintf(text, sizeof text, "%lld", (long long)m->kv_value[team][space]);
        assert_int_equal(version, m->kv[team][space]);
        assert_true(tn_str_is(tn_buf_str(&value), text));
    }
    tn_buf_clear(&value);
}

static void random_commits_and_queries_agree_with_a_model(void **state)
{
    struct rig r;
    static struct model m;
    const char *seed = getenv("TENON_SEED"), *steps = getenv("TENON_STEPS");
    long count = steps ? atol(steps) : 4000;
    (void)state;
    tn_random(&dice, sizeof dice);
    if (seed) dice = strtoull(seed, NULL, 10);
    print_message("TENON_SEED=%llu\n", (unsigned long long)dice);
    rig_open(&r);
    assert_true(rig_define(&r, &things));
    for (long i = 0; i < count; i++) {
        int live = 0;
        for (int k = 0; k < RECORDS; k++) live += m.r[k].live;
        if (live > RECORDS - 6) { /* room for what one commit may add */
            struct tn_err err;
            struct tn_commit *c = tn_commit_new(r.store);
            struct mrec *x = &m.r[roll(RECORDS)];
            if (x->live) {
                assert_true(tn_commit_delete(c, x->team, "things", &x->id, TN_ANY, &err));
                x->live = false;
                m.events++;
            }
            assert_true(rig_commit(&r, c));
            continue;
        }
        step(&r, &m);
        expect_record(&r, &m);
        expect_kv(&r, &m);
        if (i % 4 == 0) expect_query(&r, &m);
        if (roll(200) == 0) { /* the store process is replaced */
            tn_store_server_close(r.server);
            rig_serve(&r);
        }
        if (roll(400) == 0) assert_true(rig_define(&r, roll(2) ? &things : &other_things));
    }
    rig_close(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_commits_and_queries_agree_with_a_model)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
