/* SPDX-License-Identifier: MIT */
/* Thousands of random commits and queries against a model that is nothing but arrays.
 * TENON_SEED repeats a run; TENON_STEPS makes it longer. */
#include "store_rig.h"

#include <sys/stat.h>

#include "base/str.h"

enum { RECORDS = 110, KEYS = 25, EXTERNALS = 25, TEAMS = 2, SPACES = 6, OPS = 40 };

struct mrec {
    bool live;
    struct tn_id id;
    int64_t team, version, order;
    int key, value, external; /* key, external -1: none; value -1: null */
    char hash;
    int keyed;      /* the operation of the commit that gave it its key; -1: it had it before */
    bool by_upsert; /* by that operation */
};
struct model {
    struct mrec r[RECORDS];
    int64_t kv[TEAMS + 1][SPACES]; /* versions */
    int64_t kv_value[TEAMS + 1][SPACES];
    int64_t order, events;
    struct tn_id gone[OPS]; /* deleted by the commit under way, and kept */
    int64_t gone_team[OPS];
    size_t gone_count;
};

/* The twin has the value of the key: what holds of the key holds of it, too. */
static const struct tn_column columns[] = {{"key", TN_COLUMN_text, true},
                                           {"value", TN_COLUMN_int, true},
                                           {"twin", TN_COLUMN_text, TN_USE_unique}};
static const struct tn_column other_columns[] = {
    {"key", TN_COLUMN_text, true}, {"value", TN_COLUMN_int, true}, {"extra", TN_COLUMN_text, true}};
static const struct tn_table things = {"things", columns, 3, {"key"}, "thing", true};
static const struct tn_table other_things = {"things", other_columns, 3, {"key"}, "thing", true};
static struct tn_origin source = {.entity = {"thing", 5}};

static uint64_t dice;
static unsigned roll(unsigned below)
{
    dice = dice * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(dice >> 33) % below;
}

static const char *body_of(const struct mrec *m, char out[120])
{
    char key[32] = "null", value[32] = "null";
    if (m->key >= 0) snprintf(key, sizeof key, "\"K%02d\"", m->key);
    if (m->value >= 0) snprintf(value, sizeof value, "%d", m->value);
    snprintf(out, 120, "{\"key\":%s,\"twin\":%s,\"value\":%s}", key, key, value);
    return out;
}

static struct mrec *by_external(struct model *m, int64_t team, int external)
{
    for (int i = 0; i < RECORDS; i++)
        if (m->r[i].live && m->r[i].team == team && m->r[i].external == external) return &m->r[i];
    return NULL;
}
static struct mrec *by_id(struct model *m, const struct tn_id *id)
{
    for (int i = 0; i < RECORDS; i++)
        if (m->r[i].live && memcmp(&m->r[i].id, id, sizeof *id) == 0) return &m->r[i];
    return NULL;
}
/* Who has the key: of those that were given it, the one that was first. */
static struct mrec *first_with_key(struct model *m, int64_t team, int key, bool unlinked)
{
    struct mrec *first = NULL;
    for (int i = 0; i < RECORDS && key >= 0; i++) {
        struct mrec *r = &m->r[i];
        if (!r->live || r->team != team || r->key != key || (unlinked && r->external >= 0))
            continue;
        if (!first || r->keyed < first->keyed) first = r;
    }
    return first;
}

/* ------------------------------------------------------------------ operations */

enum kind { PUT, PATCH, DELETE, UPSERT, KV_SET, KV_DELETE };
struct op {
    enum kind kind;
    int64_t team, based_on;
    struct tn_id id;
    int key, value, external;
    bool has_key, erase;
    char hash;
};

/* What an operation should come to. */
struct expected {
    enum tn_outcome_kind kind;
    int64_t record; /* its order; 0: none */
    bool adopted;
    bool left_out; /* by the round before */
};

static int some_key(void)
{
    return roll(10) ? (int)roll(KEYS) : -1;
}
static int some_value(void)
{
    return roll(8) ? (int)roll(20) : -1;
}

/* Of the records that there are before the commit; some take what another has. */
static struct op some_record_op(struct model *m, int64_t team)
{
    struct mrec *old = &m->r[roll(RECORDS)], *other = &m->r[roll(RECORDS)];
    for (int i = 0; i < 20 && !(old->live && old->team == team); i++) old = &m->r[roll(RECORDS)];
    bool known = old->live && roll(5);
    struct op o = {.team = team, .key = some_key(), .value = some_value(), .has_key = roll(2)};
    o.kind = (enum kind)roll(3);
    o.erase = roll(3) == 0;
    o.id = known ? old->id : tn_id_new();
    o.based_on = roll(2) ? TN_ANY : known ? old->version : TN_NEW_ONLY;
    if (roll(12) == 0) o.based_on = roll(3);
    if (o.kind == PATCH && !known) o.kind = PUT;
    if (o.kind == PATCH) o.based_on = TN_ANY;
    if (o.kind == PATCH && o.value < 0) o.value = 0; /* null takes a member away */
    if (other->live && roll(2)) o.key = other->key;
    o.has_key &= o.key >= 0;
    return o;
}

static struct op some_upsert(struct model *m, int64_t team)
{
    struct mrec *other = &m->r[roll(RECORDS)];
    struct op o = {.kind = UPSERT, .team = team, .key = some_key(), .value = some_value()};
    o.external = (int)roll(EXTERNALS);
    o.hash = (char)(1 + roll(6));
    if (other->live && roll(2)) o.key = other->key;
    return o;
}

static struct op some_kv(struct model *m, int64_t team)
{
    struct op o = {.team = team, .key = (int)roll(SPACES), .value = (int)roll(1000)};
    o.kind = roll(5) ? KV_SET : KV_DELETE;
    o.based_on = roll(4) ? m->kv[team][o.key] : (int64_t)roll(3) - 1;
    return o;
}

static void add_upsert(struct tn_commit *c, const struct op *o)
{
    struct mrec next = {.key = o->key, .value = o->value};
    char name[16], body[120];
    struct tn_err err;
    snprintf(name, sizeof name, "E%02d", o->external);
    struct tn_upsert u = {.team = o->team,
                          .table = "things",
                          .source = source,
                          .external_id = tn_str(name),
                          .body = tn_str(body_of(&next, body))};
    memset(u.hash, o->hash, sizeof u.hash);
    assert_true(tn_commit_upsert(c, &u, &err));
}

static void add_kv(struct tn_commit *c, const struct op *o)
{
    char key[8], text[16];
    struct tn_err err;
    snprintf(key, sizeof key, "k%d", o->key);
    snprintf(text, sizeof text, "%d", o->value);
    if (o->kind == KV_DELETE)
        assert_true(tn_commit_kv_delete(c, o->team, "space", tn_str(key), o->based_on, &err));
    else
        assert_true(
            tn_commit_kv_set(c, o->team, "space", tn_str(key), tn_str(text), o->based_on, 0, &err));
}

static void add(struct tn_commit *c, const struct op *o)
{
    struct mrec next = {.key = o->key, .value = o->value};
    char body[120];
    struct tn_err err;
    body_of(&next, body);
    if (o->kind == PATCH && !o->has_key) snprintf(body, sizeof body, "{\"value\":%d}", o->value);
    if (o->kind == PUT)
        assert_true(tn_commit_put(c, o->team, "things", &o->id, tn_str(body), o->based_on, &err));
    else if (o->kind == PATCH)
        assert_true(tn_commit_patch(c, o->team, "things", &o->id, tn_str(body), TN_ANY, &err));
    else if (o->kind == DELETE && o->erase)
        assert_true(tn_commit_erase(c, o->team, "things", &o->id, o->based_on, &err));
    else if (o->kind == DELETE)
        assert_true(tn_commit_delete(c, o->team, "things", &o->id, o->based_on, &err));
    else if (o->kind == UPSERT)
        add_upsert(c, o);
    else
        add_kv(c, o);
}

/* ------------------------------------------------------------------ what the model does */

static struct expected write_over(struct model *m, struct mrec *r, int at, bool upsert, int key,
                                  int value)
{
    if (r->key == key && r->value == value)
        return (struct expected){.kind = TN_DONE_unchanged, .record = r->order};
    if (r->key != key) {
        r->keyed = at;
        r->by_upsert = upsert;
    }
    r->key = key;
    r->value = value;
    r->version++;
    m->events++;
    return (struct expected){.kind = TN_DONE_updated, .record = r->order};
}

static struct mrec *new_record(struct model *m, const struct op *o, int at)
{
    struct mrec *r = m->r;
    while (r < m->r + RECORDS && r->live) r++;
    if (r == m->r + RECORDS) fail_msg("the model is too small");
    *r = (struct mrec){.live = true,
                       .team = o->team,
                       .version = 1,
                       .key = o->key,
                       .value = o->value,
                       .external = -1,
                       .order = ++m->order,
                       .keyed = at,
                       .by_upsert = o->kind == UPSERT};
    m->events++;
    return r;
}

/* An erased record that was only deleted before: was it there, and in this team? */
static bool forget_gone(struct model *m, const struct op *o)
{
    for (size_t i = 0; i < m->gone_count && o->erase; i++) {
        if (memcmp(&m->gone[i], &o->id, sizeof o->id) != 0 || m->gone_team[i] != o->team) continue;
        m->gone[i] = m->gone[--m->gone_count];
        m->gone_team[i] = m->gone_team[m->gone_count];
        return true;
    }
    return false;
}

/* False: the commit fails. */
static bool do_record(struct model *m, const struct op *o, int at, struct expected *e)
{
    struct mrec *r = by_id(m, &o->id);
    bool mine = r && r->team == o->team;
    *e = (struct expected){.kind = TN_DONE_unchanged};
    if (o->kind == DELETE) {
        bool kept = forget_gone(m, o);
        if (!mine && kept) e->kind = TN_DONE_deleted;
        if (!mine) return o->based_on == TN_ANY;
        if (o->based_on != TN_ANY && o->based_on != r->version) return false;
        r->live = false;
        m->events++;
        if (!o->erase) {
            m->gone_team[m->gone_count] = o->team;
            m->gone[m->gone_count++] = o->id;
        }
        e->kind = TN_DONE_deleted;
        return true;
    }
    if ((r && !mine) || (o->kind == PATCH && !r)) return false;
    if (o->based_on != TN_ANY && o->based_on != (r ? r->version : 0)) return false;
    if (r) {
        *e = write_over(m, r, at, false, o->kind == PATCH && !o->has_key ? r->key : o->key,
                        o->value);
        return true;
    }
    r = new_record(m, o, at);
    r->id = o->id;
    *e = (struct expected){.kind = TN_DONE_created, .record = r->order};
    return true;
}

static void do_upsert(struct model *m, const struct op *o, int at, struct expected *e)
{
    struct mrec *r = by_external(m, o->team, o->external), *old = r;
    if (e->left_out) {
        *e = (struct expected){.kind = TN_DONE_conflict, .left_out = true};
        return;
    }
    if (r && r->hash == o->hash) {
        *e = (struct expected){.kind = TN_DONE_unchanged, .record = r->order};
    } else if (r || (r = first_with_key(m, o->team, o->key, true))) {
        *e = write_over(m, r, at, true, o->key, o->value);
        e->adopted = !old;
    } else {
        r = new_record(m, o, at);
        *e = (struct expected){.kind = TN_DONE_created, .record = r->order};
    }
    r->external = o->external;
    r->hash = o->hash;
}

static bool do_kv(struct model *m, const struct op *o, struct expected *e)
{
    int64_t *version = &m->kv[o->team][o->key];
    if (o->based_on != TN_ANY && o->based_on != *version) return false;
    *e = (struct expected){.kind = o->kind == KV_SET ? TN_DONE_none
                                   : *version        ? TN_DONE_deleted
                                                     : TN_DONE_unchanged};
    *version = o->kind == KV_DELETE ? 0 : *version + 1;
    m->kv_value[o->team][o->key] = o->value;
    return true;
}

/* Once through the commit.  *again: somebody could not have its key. */
static enum tn_kind once(struct model *m, const struct op *ops, size_t count, struct expected *e,
                         bool *again)
{
    *again = false;
    m->gone_count = 0;
    for (int i = 0; i < RECORDS; i++) m->r[i].keyed = -1;
    for (size_t i = 0; i < count; i++) {
        bool ok = true;
        if (ops[i].kind == UPSERT)
            do_upsert(m, &ops[i], (int)i, &e[i]);
        else if (ops[i].kind == KV_SET || ops[i].kind == KV_DELETE)
            ok = do_kv(m, &ops[i], &e[i]);
        else
            ok = do_record(m, &ops[i], (int)i, &e[i]);
        if (!ok) return TN_E_conflict;
    }
    for (int i = 0; i < RECORDS; i++) {
        struct mrec *r = &m->r[i], *holder;
        if (!r->live || r->keyed < 0) continue;
        holder = first_with_key(m, r->team, r->key, false);
        if (!holder || holder == r) continue;
        *again = true;
        if (!r->by_upsert) return TN_E_key_taken;
        e[r->keyed].left_out = true;
    }
    return TN_E_none;
}

/* Until all that stay have their keys. */
static enum tn_kind settle(struct model *m, const struct model *before, const struct op *ops,
                           size_t count, struct expected *e)
{
    enum tn_kind kind;
    bool again;
    do {
        *m = *before;
        kind = once(m, ops, count, e, &again);
    } while (!kind && again);
    return kind;
}

/* After a number of rounds the store leaves out all upserts that still wait for a key; the model
 * goes on without end. True: it did so, and the model is told which. */
static bool take_given_up(const struct rig *r, size_t count, struct expected *e)
{
    bool given_up = false;
    for (size_t i = 0; r->ok && i < count; i++)
        given_up |= r->ops[i].kind == TN_DONE_conflict &&
                    strstr(r->ops[i].why->text, "depends on too many others");
    for (size_t i = 0; given_up && i < count; i++)
        e[i].left_out = e[i].left_out || r->ops[i].kind == TN_DONE_conflict;
    return given_up;
}

/* ------------------------------------------------------------------ a commit */

static size_t some_ops(struct model *m, struct op ops[OPS])
{
    size_t count = 1 + roll(6), upserts = roll(4) ? 0 : 1 + roll(OPS - 6);
    for (size_t i = 0; i < count; i++) {
        int64_t team = 1 + roll(TEAMS);
        unsigned which = roll(8);
        ops[i] = which == 0  ? some_kv(m, team)
                 : which < 5 ? some_record_op(m, team)
                             : some_upsert(m, team);
    }
    int64_t team = 1 + roll(TEAMS);
    for (; upserts > 0; upserts--) ops[count++] = some_upsert(m, team);
    return count;
}

static void expect_outcome(struct model *m, const struct tn_op_outcome *o, const struct op *op,
                           const struct expected *e)
{
    assert_int_equal(o->kind, e->kind);
    assert_int_equal(o->adopted, e->adopted);
    if (e->kind == TN_DONE_conflict) assert_int_equal(o->why->kind, TN_E_key_taken);
    for (int i = 0; i < RECORDS && e->record; i++) {
        struct mrec *r = &m->r[i];
        if (!r->live || r->order != e->record) continue;
        if (op->kind == UPSERT && e->kind == TN_DONE_created) r->id = o->id;
        assert_memory_equal(&r->id, &o->id, sizeof o->id);
    }
}

/* One random commit; the model keeps its state when the commit is to fail. */
static void step(struct rig *r, struct model *m)
{
    static struct model before;
    struct op ops[OPS];
    struct expected e[OPS] = {0};
    size_t count = some_ops(m, ops);
    enum tn_kind kind;
    struct tn_commit *c = tn_commit_new(r->store);
    for (size_t i = 0; i < count; i++) add(c, &ops[i]);
    before = *m;
    kind = settle(m, &before, ops, count, e);
    rig_commit(r, c);
    if (take_given_up(r, count, e)) kind = settle(m, &before, ops, count, e);
    if (r->ok == (kind != TN_E_none))
        fail_msg("%s, but the model says %s", r->ok ? "done" : r->err.text,
                 kind ? tn_kind_name(kind) : "yes");
    if (kind) {
        assert_int_equal(r->err.kind, kind);
        *m = before;
        return;
    }
    assert_int_equal(r->count, count);
    for (size_t i = 0; i < count; i++) expect_outcome(m, &r->ops[i], &ops[i], &e[i]);
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
    char body[120], name[16];
    if (!x->live) return;
    tn_buf_init(&hold, TN_LIMIT_RECORD);
    assert_true(tn_store_get(r->store, x->team, "things", &x->id, &row, &hold, &err));
    assert_int_equal(row.version, x->version);
    assert_true(tn_str_is(row.body, body_of(x, body)));
    assert_false(tn_store_get(r->store, 3 - x->team, "things", &x->id, &row, &hold, &err));
    int external = (int)roll(EXTERNALS);
    snprintf(name, sizeof name, "E%02d", external);
    assert_int_equal(by_external(m, x->team, external) != NULL,
                     tn_store_get_by_link(r->store, x->team, "things", &source, tn_str(name), &row,
                                          &hold, &err));
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
    long count = steps ? atol(steps) : 2000;
    (void)state;
    tn_random(&dice, sizeof dice);
    if (seed) dice = strtoull(seed, NULL, 10);
    print_message("TENON_SEED=%llu\n", (unsigned long long)dice);
    rig_open(&r);
    assert_true(rig_define(&r, &things));
    for (long i = 0; i < count; i++) {
        int live = 0;
        for (int k = 0; k < RECORDS; k++) live += m.r[k].live;
        if (live > RECORDS - OPS) { /* room for what one commit may add */
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
