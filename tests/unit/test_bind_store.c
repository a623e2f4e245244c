/* SPDX-License-Identifier: MIT */
/* What scripts do with records: read, look for, change in transactions; and what they may not. */
#include "store_stage.h"

#include "access/secrets.h"
#include "base/fault.h"
#include "bind/testing.h"

static const char ORDER[] =
    "local id = assert(store.transaction(function(tx) return tx:create('order', { number = 'A1', "
    "quantity = 5, price = dec '0.10', more = { big = 300000047274444, list = json.array {}, "
    "none = json.null } }) end)) ";

static const char *with_order(char out[4096], const char *text)
{
    snprintf(out, 4096, "%s%s", ORDER, text);
    return out;
}

/* ---- reading ---- */

static void records_are_exact(void **state)
{
    char text[4096];
    stage_expect(*state,
                 with_order(text,
                            "local o = store.get('order', id) return o.id == id, o.version, "
                            "#o.createdAt, o.price, o.status, math.type(o.more.big), show(o.more)"),
                 "true 1 24 0.10 open integer "
                 "{\"big\":300000047274444,\"list\":[],\"none\":null}");
    stage_expect(*state, "local o = store.find('order', { number = 'A1' }) return o.quantity", "5");
    stage_expect(*state, "return store.find('order', { number = 'A2' })", "nil");
    stage_expect(*state, "return store.get('order', 'no-uuid')", "nil");
    stage_expect(*state, "return store.get('order', '01890a5d-ac96-774b-bcce-b302099a8057')",
                 "nil");
}

static void many(struct stage *s)
{
    stage_expect(
        s,
        "assert(store.transaction(function(tx) for i = 1, 95 do tx:create('order', { number "
        "= ('N%02d'):format(i), quantity = i, urgent = i % 2 == 0, price = dec('0.5') * i, "
        "note = i > 90 and 'last' or nil, due = '2026-01-01T00:00:00Z' }) end return 1 "
        "end))",
        "");
}

static void queries_filter_sort_and_page(void **state)
{
    struct stage *s = *state;
    many(s);
    static const char head[] = "local function n(where, more) local q = { where = where, limit = "
                               "500 } for k, v in pairs(more or {}) do q[k] = v end local p, err = "
                               "store.query('order', q) return p and #p.rows or err.message end "
                               "return ";
    static const struct {
        const char *ask, *answer;
    } asks[] = {
        {"n{ quantity = 7 }", "1"},
        {"n{ quantity = { ne = 7 } }", "94"},
        {"n{ quantity = { 1, 2, 300 } }, n{ quantity = { ['in'] = { 4, 5 } } }", "2 2"},
        {"n{ quantity = { lt = 10 } }, n{ quantity = { le = 10 } }", "9 10"},
        {"n{ quantity = { gt = 90 } }, n{ quantity = { ge = 90 } }", "5 6"},
        {"n{ quantity = { ge = 10, lt = 20 }, urgent = true }", "5"},
        {"n{ number = { prefix = 'N9' } }, n{ number = { contains = '5' } }", "6 19"},
        {"n{ note = json.null }, n{ note = { null = false } }, n{ note = { null = true } }",
         "90 5 90"},
        {"n{ price = { ge = dec '47.0' } }, n{ price = { lt = 1.25 } }", "2 2"},
        {"n{ due = { ge = '2026-01-01T00:00:00Z' } }, n{ createdAt = { lt = '2020-01-01' } }",
         "95 0"},
        {"n{ quantity = 'many' }", "'many' is not a whole number"},
        {"n({}, { limit = 3 })", "3"},
    };
    for (size_t i = 0; i < sizeof asks / sizeof *asks; i++) {
        char text[1024];
        snprintf(text, sizeof text, "%s%s", head, asks[i].ask);
        stage_expect(s, text, asks[i].answer);
    }
    stage_expect(s,
                 "local p = store.query('order', { sort = '-quantity', limit = 2, total = true }) "
                 "return p.rows[1].quantity, p.rows[2].quantity, p.more, p.total, #p.next > 5, "
                 "store.query('order', { sort = '-quantity', limit = 2, cursor = p.next "
                 "}).rows[1].quantity, json.is_array(p.rows)",
                 "95 94 true 95 true 93 true");
    stage_expect(s,
                 "local p = store.query('order', { sort = { 'urgent', '-number' }, limit = 1 }) "
                 "return p.rows[1].number",
                 "N95");
    stage_expect(s, "local p = store.query('order') return #p.rows, p.total", "10 nil");
}

static void each_walks_all_pages(void **state)
{
    struct stage *s = *state;
    many(s);
    stage_expect(s,
                 "local n, sum = 0, 0 for o in store.each('order', { limit = 7, sort = "
                 "'quantity' }) do n = n + 1 sum = sum + o.quantity end return n, sum",
                 "95 4560");
    stage_expect(s,
                 "local n = 0 for o in store.each('order', { limit = 7, max = 20 }) do n = n + 1 "
                 "end return n",
                 "20");
    stage_expect(s,
                 "local n = 0 for o in store.each('order', { where = { quantity = 500 } }) do n "
                 "= n + 1 end return n",
                 "0");
}

static void a_record_is_found_by_its_link(void **state)
{
    struct stage *s = *state;
    struct tn_commit *c = tn_commit_new(s->rig.env.store);
    struct tn_err err;
    struct tn_upsert u = {.team = 1,
                          .table = "orders",
                          .external_id = TN_STR("EXT-1"),
                          .body = TN_STR("{\"number\":\"L1\"}")};
    assert_true(tn_id_parse(tn_str(RIG_ID), &u.source.integration));
    u.source.entity = TN_STR("order");
    assert_true(tn_commit_upsert(c, &u, &err));
    static const char row[] = "{\"name\":\"plant_7\",\"adapter\":\"oracle_fusion\"}";
    assert_true(
        tn_commit_put(c, 1, "integration", &u.source.integration, tn_str(row), TN_ANY, &err));
    s->flag = false;
    tn_store_commit(s->rig.env.store, c, stage_committed, &s->flag);
    while (!s->flag) tn_loop_turn(s->rig.loop, true);
    stage_expect(s,
                 "return store.by_link('order', 'EXT-1').number, store.by_link('order', 'EXT-1', "
                 "'plant_7').number, store.by_link('order', 'EXT-2'), store.by_link('order', "
                 "'EXT-1', 'plant_8')",
                 "L1 L1 nil nil");
}

static void misuse_raises(void **state)
{
    static const char *const uses[][2] = {
        {"store.get()", "string expected"},
        {"store.get('ordr', 'x')", "there is no resource 'ordr'; did you mean 'order'?"},
        {"store.get('order', 7)", "string expected"},
        {"store.find('order', {})", "the key of order needs 'number'"},
        {"store.find('order', { numbr = 1 })", "did you mean 'number'?"},
        {"store.find('line', { order = 1 })", "line has no key"},
        {"store.query('order', { were = {} })", "did you mean 'where'?"},
        {"store.query('order', { where = { quantty = 1 } })", "did you mean 'quantity'?"},
        {"store.query('order', { where = { quantity = { gte = 1 } } })", "no operator 'gte'"},
        {"store.query('order', { where = { quantity = { lt = {} } } })", "a value to compare with"},
        {"store.query('order', { limit = 501 })", "from 1 to 500"},
        {"store.query('order', { sort = 'colour' })", "order has no field 'colour'"},
        {"store.each('order', { max = 0 })", "from 1 to"},
        {"store.transaction(7)", "function expected"},
        {"load(function() store.transaction(function() end) end)", "waits for an answer"},
    };
    for (size_t i = 0; i < sizeof uses / sizeof *uses; i++)
        stage_says(*state, uses[i][0], uses[i][1]);
}

/* ---- transactions ---- */

static void writes_are_checked_like_any_other(void **state)
{
    static const char *const bodies[][2] = {
        {"{}", "invalid: number: it is required"},
        {"{ number = 'X', quantity = 0 }", "invalid: quantity: it has to be 1 or more"},
        {"{ number = 'X', quantity = 'five' }", "invalid: quantity: it has to be a whole number"},
        {"{ number = 'X', quantty = 1 }", "invalid: quantty: there is no such field; did you mean"},
        {"{ number = 'X', status = 'lost' }", "invalid: status: "},
        {"{ number = 'X', more = print }", "invalid: more: a function has no JSON form"},
        {"{ number = 'X', id = 'seven' }", "invalid: id: it has to be a UUID"},
    };
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        char text[512];
        snprintf(text, sizeof text, "store.transaction(function(tx) tx:create('order', %s) end)",
                 bodies[i][0]);
        stage_says(*state, text, bodies[i][1]);
    }
    struct stage *s = *state;
    assert_string_equal(s->err.file, "scripts/test.lua");
    assert_int_equal(s->err.line, 1);
    stage_expect(s, "return #store.query('order').rows", "0");
}

static void a_transaction_sees_its_own_writes(void **state)
{
    char text[4096];
    stage_expect(
        *state,
        with_order(
            text,
            "return store.transaction(function(tx) "
            "local o = tx:get('order', id) o.quantity = 6 o.note = 'x' tx:put('order', o.id, o) "
            "tx:patch('order', id, { note = json.null, urgent = true }) "
            "local b = tx:create('order', { number = 'B' }) "
            "local seen = tx:get('order', id) "
            "local found = tx:find('order', { number = 'B' }).id == b "
            "tx:patch('order', b, { number = 'C' }) "
            "local gone = tx:find('order', { number = 'B' }) "
            "local c = tx:create('order', { number = 'D' }) "
            "local deleted, again = tx:delete('order', c), tx:delete('order', c) "
            "local p = tx:query('order', { where = { number = 'A1' } }) "
            "return seen.quantity, seen.note, seen.urgent, found, gone, deleted, again, "
            "#p.rows, p.rows[1].quantity, tx:get('order', c) end)"),
        "6 nil true true nil true false 1 6 nil");
    stage_expect(*state,
                 "local o = store.find('order', { number = 'A1' }) return o.version, "
                 "o.quantity, o.price, show(o.more), #store.query('order').rows",
                 "2 6 0.10 {\"big\":300000047274444,\"list\":[],\"none\":null} 2");
}

static void what_is_raised_undoes_everything(void **state)
{
    char text[4096];
    stage_says(*state,
               with_order(text,
                          "local kept local ok, err = pcall(store.transaction, function(tx) "
                          "kept = tx tx:patch('order', id, { quantity = 9 }) error('no') end) "
                          "return ok, err, store.get('order', id).quantity, pcall(kept.get, "
                          "kept, 'order', id)"),
               "stale handle");
    stage_says(*state,
               "local ok, err = pcall(store.transaction, function(tx) tx:create('order', {}) "
               "end) return ok, err.kind, err.field",
               "false invalid number");
    struct stage *s = *state;
    stage_expect(s, "return store.find('order', { number = 'A1' }).quantity", "5");
}

static void a_transaction_cannot_be_ended_from_inside(void **state)
{
    stage_expect(*state,
                 "return store.transaction(function(tx) return tx.__close, tx.__gc, "
                 "tx.__index, type(tx.get) end)",
                 "nil nil nil function");
    stage_says(*state,
               "return pcall(store.transaction, function(tx) tx:create('order', { number = 'C1' }) "
               "do local t <close> = tx end return 1 end)",
               "closed by its function");
    stage_says(*state,
               "return pcall(store.transaction, function(tx) do local t <close> = tx end "
               "tx:create('order', { number = 'C1' }) end)",
               "stale handle");
    stage_expect(*state, "return store.find('order', { number = 'C1' })", "nil");
}

static void an_event_told_while_another_is_read_changes_nothing_of_it(void **state)
{
    stage_says(*state,
               "local told = pcall(store.transaction, function(tx) local id = tx:create('order', { "
               "number = 'E1' }) local sly = setmetatable({}, { __index = function(_, key) "
               "pcall(tx.event, tx, 'order.inner', { text = ('i'):rep(40000) }) return key == "
               "'resource' and 'order' or id end }) tx:event('order.outer', { text = 'outer' }, { "
               "record = sly }) end) local seen = {} for _, e in ipairs(event.after(0).events) do "
               "seen[#seen + 1] = e.type .. '=' .. tostring(e.data and e.data.text):sub(1, 9) end "
               "return 'outer=' .. tostring(told), table.concat(seen, ' ')",
               "outer=false");
    struct stage *s = *state;
    assert_null(strstr(s->out, "order.outer=iii"));
}

static void questions_are_plain_tables(void **state)
{
    static const char *const bad[] = {
        "store.query('order', sly { where = { number = 'A1' } })",
        "store.query('order', { where = sly { number = 'A1' } })",
        "store.query('order', { where = { number = sly { eq = 'A1' } } })",
        "store.query('order', { where = { number = { ['in'] = sly { 'A1' } } } })",
        "store.query('order', { sort = sly { 'number' } })",
        "store.each('order', sly { max = 1 })",
        "store.find('order', sly { number = 'A1' })",
        "store.transaction(function(tx) tx:find('order', sly { number = 'A1' }) end)",
        "event.after(0, sly { limit = 1 })",
        "event.after(0, { types = sly { 'order.*' } })",
        "event.emit('a.b', {}, sly { record = {} })",
        "event.emit('a.b', {}, { record = sly {} })",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char text[1024];
        snprintf(text, sizeof text,
                 "local function sly(t) return setmetatable({}, { __index = t, __len = function() "
                 "return #t end }) end return %s",
                 bad[i]);
        stage_says(*state, text, "has to be a plain table");
    }
    stage_expect(*state,
                 "return #store.query('order', { where = { number = json.array { 'A1' } }, sort = "
                 "json.array { 'number' } }).rows",
                 "0");
}

static void texts_to_look_for_are_short(void **state)
{
    static const char *const bad[] = {
        "store.query('order', { where = { number = long } })",
        "store.query('order', { where = { number = { long } } })",
        "store.query('order', { where = { number = { prefix = long } } })",
        "store.query('order', { cursor = long })",
        "store.each('order', { where = { number = long } })",
        "store.find('order', { number = long })",
        "store.by_link('order', long)",
        "store.transaction(function(tx) tx:find('order', { number = long }) end)",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char text[512];
        snprintf(text, sizeof text, "local long = ('x'):rep(65537) return %s", bad[i]);
        stage_says(*state, text, "64 KiB at most");
    }
    stage_says(*state,
               "local list = {} for i = 1, 17 do list[i] = ('x'):rep(65536) end return "
               "store.query('order', { where = { number = list } })",
               "1024 KiB at most in all");
    stage_expect(*state, "return store.find('order', { number = ('x'):rep(65536) })", "nil");
}

static void walks_are_few_and_end(void **state)
{
    struct stage *s = *state;
    many(s);
    stage_expect(
        s,
        "local n = 0 for i = 1, 70 do for o in store.each('order', { limit = 50 }) do n = n "
        "+ 1 end end return n",
        "6650");
    stage_expect(s, "for i = 1, 500 do store.each 'order' end return 1", "1");
    stage_says(s,
               "local kept = {} return pcall(function() for i = 1, 65 do kept[i] = { "
               "store.each 'order' } end end)",
               "64 walks over rows or records are open already");
    stage_expect(s, "for o in store.each 'order' do return 1 end", "1");
    stage_expect(s,
                 "local step, walk = store.each('order', { max = 2 }) return step(walk) ~= nil, "
                 "step(walk) ~= nil, step(walk), step(walk)",
                 "true true nil");
}

static void keys_and_states_hold(void **state)
{
    char text[4096];
    stage_says(*state,
               with_order(text,
                          "local runs = 0 local ok, err = store.transaction(function(tx) runs = "
                          "runs + 1 tx:create('order', { number = 'A1' }) end) return ok, "
                          "err.kind, err.field, err.code, runs, err.message"),
               "nil key_taken number taken 1 number: another order has 'A1' already");
    stage_expect(*state,
                 "local id = store.find('order', { number = 'A1' }).id "
                 "assert(store.transaction(function(tx) tx:patch('order', id, { status = 'done' }) "
                 "return 1 end)) return select(2, pcall(store.transaction, function(tx) "
                 "tx:patch('order', id, { status = 'open' }) end)).field, store.get('order', "
                 "id).status",
                 "status done");
    stage_expect(*state,
                 "local id = store.find('order', { number = 'A1' }).id local err = select(2, "
                 "pcall(store.transaction, function(tx) tx:patch('order', id, { status = 'open' }) "
                 "end)) return err.kind, err.code, #err.faults, show(err.faults[1].params)",
                 "state move 1 {\"from\":\"done\",\"to\":\"open\"}");
    stage_says(*state,
               "store.transaction(function(tx) tx:put('order', "
               "'01890a5d-ac96-774b-bcce-b302099a8057', { number = 'Z' }) end)",
               "not_found: there is no order '01890a5d");
    stage_says(*state,
               "local o = store.find('order', { number = 'A1' }) "
               "store.transaction(function(tx) local b = tx:create('order', { number = 'B' "
               "}) tx:put('order', b, o) end)",
               "this is another record");
    stage_says(*state, "store.transaction(function(tx) event.emit('a.b') end)", "in a transaction");
}

/* Both are in the middle at once: one of them is run again. */
static void two_who_count_lose_nothing(void **state)
{
    struct stage *s = *state;
    struct stage *other = TN_NEW(struct stage);
    char text[4096];
    stage_run(s, with_order(text, ""));
    static const char add[] =
        "local id = store.find('order', { number = 'A1' }).id local runs = 0 for i = 1, 20 do "
        "assert(store.transaction(function(tx) runs = runs + 1 local o = tx:get('order', id) "
        "tx:patch('order', id, { quantity = o.quantity + 1 }) return true end)) end return runs";
    static const char wrap[] = "local store = require 'tenon.store' return function() %s end";
    const struct tn_task_call how = {.take = stage_take, .done = stage_done};
    int ref;
    snprintf(text, sizeof text, wrap, add);
    assert_true(tn_isolate_load_text(s->iso, "scripts/o.lua", tn_str(text), &ref, &s->err));
    s->flag = false;
    assert_non_null(tn_task_start(s->iso, ref, &how, other, &s->err));
    assert_non_null(tn_task_start(s->iso, ref, &how, s, &s->err));
    rig_until(&s->rig, &s->flag);
    rig_until(&s->rig, &other->flag);
    int runs = atoi(s->out) + atoi(other->out);
    if (runs <= 40) fail_msg("%s and %s: there was no conflict", s->out, other->out);
    stage_expect(s, "return store.find('order', { number = 'A1' }).quantity", "45");
    tn_free(other);
}

/* A function that changes under every try ends with conflict. */
static const char *at_every_try(void)
{
    return "local id = store.find('order', { number = 'A1' }).id local runs = 0 "
           "local ok, err = store.transaction(function(tx) runs = runs + 1 local o = "
           "tx:get('order', id) tx:patch('order', id, { quantity = o.quantity + 1 }) end) "
           "return ok, err and err.kind, runs";
}

static void conflicts_end_after_eight_tries(void **state)
{
    struct stage *s = *state;
    char text[4096];
    stage_run(s, with_order(text, ""));
    tn_fault_arm("model.tx.stale=fail:1+");
    stage_expect(s, at_every_try(), "nil conflict 8");
    tn_fault_arm(NULL);
    stage_expect(s, at_every_try(), "true nil 1");
}

/* ---- events, audit, key-values ---- */

static void a_transaction_is_one_commit_of_all(void **state)
{
    char text[4096];
    stage_expect(
        *state,
        with_order(
            text,
            "kv.put('seen', '1') assert(store.transaction(function(tx) tx:patch('order', id, { "
            "quantity = 7 }) tx:event('order.taken', { n = 1 }, { record = { 'order', id } }) "
            "tx:audit('order.take', id, { why = 'test' }) tx:kv_put('seen', tx:kv_get('seen') "
            ".. '2') tx:kv_put('new', 'x') tx:kv_delete('never') end)) local all = {} for _, e "
            "in ipairs(event.after(0, { types = { 'order.*' } }).events) do all[#all + 1] = "
            "e.type .. ':' .. e.record.resource .. ':' .. e.record.version end return "
            "table.concat(all, ' '), kv.get('seen'), kv.get('new')"),
        "order.created:order:1 order.updated:order:2 order.taken:order:2 12 x");
    struct stage *s = *state;
    int64_t rows = 0;
    assert_true(tn_store_count(s->rig.env.store, 1, "audit", &rows, &s->err));
    assert_int_equal(rows, 1);
}

/* Two tasks look for the record and create it when it is not there; what the later one said. */
static const char *who_came_late(struct stage *s, struct stage *other, const char *id)
{
    static const char body[] =
        "local store = require 'tenon.store' return function() local runs, seen = 0 "
        "assert(store.transaction(function(tx) runs = runs + 1 "
        "local id = '01890a5d-ac96-774b-bcce-%s' seen = tx:get('order', id) ~= nil "
        "if seen then tx:create('order', { number = 'second %s' }) "
        "else tx:create('order', { id = id, number = 'first %s' }) end end)) return runs, seen end";
    const struct tn_task_call how = {.take = stage_take, .done = stage_done};
    char text[sizeof body + 40];
    int ref;
    snprintf(text, sizeof text, body, id, id + 8, id + 8);
    assert_true(tn_isolate_load_text(s->iso, "scripts/o.lua", tn_str(text), &ref, &s->err));
    s->flag = other->flag = false;
    assert_non_null(tn_task_start(s->iso, ref, &how, other, &s->err));
    assert_non_null(tn_task_start(s->iso, ref, &how, s, &s->err));
    rig_until(&s->rig, &s->flag);
    rig_until(&s->rig, &other->flag);
    return strcmp(s->out, "1 false") == 0 ? other->out : s->out;
}

/* The other task creates the record between the look and the commit of this one; when it is so much
 * earlier that the record is seen at once, they try again with another. */
static void what_was_not_there_is_checked_too(void **state)
{
    struct stage *other = TN_NEW(struct stage);
    const char *late = "1 true";
    for (int i = 1000; i < 1050 && strcmp(late, "1 true") == 0; i++) {
        char id[20];
        snprintf(id, sizeof id, "b302099a%04d", i);
        late = who_came_late(*state, other, id);
    }
    assert_string_equal(late, "2 true");
    tn_free(other);
}

/* Each looks for the key and creates the record when there is none: one of them finds it when it is
 * run again. */
static void who_finds_nothing_and_creates_it_comes_first_or_finds_it(void **state)
{
    struct stage *s = *state, *other = TN_NEW(struct stage);
    static const char body[] =
        "local store = require 'tenon.store' return function() for i = 1, 20 do "
        "assert(store.transaction(function(tx) if not tx:find('order', { number = 'K' .. i }) then "
        "tx:create('order', { number = 'K' .. i }) end end)) end return 'well' end";
    const struct tn_task_call how = {.take = stage_take, .done = stage_done};
    int ref;
    assert_true(tn_isolate_load_text(s->iso, "scripts/o.lua", tn_str(body), &ref, &s->err));
    s->flag = false;
    assert_non_null(tn_task_start(s->iso, ref, &how, other, &s->err));
    assert_non_null(tn_task_start(s->iso, ref, &how, s, &s->err));
    rig_until(&s->rig, &s->flag);
    rig_until(&s->rig, &other->flag);
    assert_string_equal(s->out, "well");
    assert_string_equal(other->out, "well");
    stage_expect(s, "return #store.query('order', { limit = 100 }).rows", "20");
    tn_free(other);
}

/* ---- who sees what ---- */

static void a_team_sees_its_own_alone(void **state)
{
    struct stage *s = *state;
    struct bind_owner owner;
    struct bind_context context;
    char text[4096];
    stage_run(s, with_order(text, "event.emit('a.b')"));
    struct tn_isolate *iso = stage_isolate(s, &owner, &context, 2);
    assert_string_equal(
        stage_run_in(s, iso, NULL,
                     "return #store.query('order').rows, store.find('order', { number "
                     "= 'A1' }), #event.after(0).events"),
        "0 nil 0");
    /* The task's own team counts, not the isolate's. */
    const struct tn_actor actor = {.team = 1, .name = "a test", .grants = "*:*"};
    assert_string_equal(stage_run_in(s, iso, &actor, "return #store.query('order').rows"), "1");
    tn_isolate_unref(iso);
    iso = stage_isolate(s, &owner, &context, 0);
    assert_string_equal(stage_run_in(s, iso, NULL,
                                     "local v, err = store.query('order') return v, err.kind, "
                                     "select(2, event.emit('a.b')).kind, select(2, "
                                     "store.transaction(print)).kind"),
                        "nil forbidden forbidden "
                        "forbidden");
    tn_isolate_unref(iso);
    iso = stage_isolate(s, &owner, &context, 1);
    context.store = NULL;
    assert_string_equal(
        stage_run_in(s, iso, NULL,
                     "return select(2, store.get('order', 'x')).kind, select(2, "
                     "event.after(0)).kind, select(2, store.transaction(print)).kind"),
        "unavailable unavailable unavailable");
    tn_isolate_unref(iso);
}

/* ---- bounds ---- */

static void reads_wait_and_are_refused_where_nothing_can(void **state)
{
    struct stage *s = *state;
    char text[4096];
    stage_expect(s, with_order(text, "for i = 1, 1000 do store.get('order', id) end return 'all'"),
                 "all");
    static const char *const reads[] = {
        "store.get('order', 'x')",
        "store.find('order', { number = 'A1' })",
        "store.query('order')",
        "store.by_link('order', 'x')",
        "event.after(0)",
        "kv.get('x')",
        "(function() local step, walk = store.each 'order' return step(walk) end)()",
    };
    for (size_t i = 0; i < sizeof reads / sizeof *reads; i++) {
        snprintf(text, sizeof text, "return select(2, load(function() return %s end))", reads[i]);
        stage_says(s, text, "the store cannot be read here");
    }
    static const char body[] = "local store = require 'tenon.store' return function()\n"
                               "store.get('order', 'x') end";
    int ref;
    assert_true(tn_isolate_load_text(s->iso, "scripts/o.lua", tn_str(body), &ref, &s->err));
    assert_false(tn_isolate_call(s->iso, ref, NULL, NULL, NULL, &s->err));
    assert_int_equal(s->err.kind, TN_E_script);
    assert_non_null(strstr(s->err.text, "in a mapping's function"));
    assert_string_equal(s->err.file, "scripts/o.lua");
    assert_int_equal(s->err.line, 2);
    static const char loads[] = "require 'tenon.store'.get('order', 'x') return print";
    assert_false(tn_isolate_load_text(s->iso, "scripts/p.lua", tn_str(loads), &ref, &s->err));
    assert_non_null(strstr(s->err.text, "while a file is loaded"));
}

/* The script gave what it has under way to another task, which cannot go on with it. */
static void what_waits_is_its_own_tasks_alone(void **state)
{
    struct stage *s = *state, *other = TN_NEW(struct stage);
    static const char body[] =
        "local store = require 'tenon.store' local tx, step, walk, first, seen "
        "return function() "
        "if first then "
        "while not tx do store.query('order', { limit = 1 }) end "
        "local taken, walked = select(2, pcall(tx.get, tx, 'order', 'x')), "
        "select(2, pcall(step, walk)) seen = true return taken, walked end "
        "first = true step, walk = store.each 'order' "
        "return store.transaction(function(t) tx = t "
        "repeat t:query('order', { limit = 1 }) until seen return 'alone' end) end";
    const struct tn_task_call how = {.take = stage_take, .done = stage_done};
    int ref;
    assert_true(tn_isolate_load_text(s->iso, "scripts/o.lua", tn_str(body), &ref, &s->err));
    s->flag = false;
    assert_non_null(tn_task_start(s->iso, ref, &how, other, &s->err));
    assert_non_null(tn_task_start(s->iso, ref, &how, s, &s->err));
    rig_until(&s->rig, &s->flag);
    rig_until(&s->rig, &other->flag);
    assert_string_equal(other->out, "alone");
    assert_non_null(strstr(s->out, "another task began this transaction"));
    assert_non_null(strstr(s->out, "another task began this walk"));
    tn_free(other);
}

/* ---- who may what ---- */

static void who_only_reads_writes_nothing(void **state)
{
    struct stage *s = *state;
    const struct tn_actor reader = {.team = 1, .name = "key reader", .grants = "*:read"};
    assert_string_equal(
        stage_run_in(s, s->iso, &reader,
                     "local function refused(fn) local ok, err = pcall(store.transaction, fn) "
                     "return not ok and err.kind end return refused(function(tx) "
                     "tx:create('line', {}) end), refused(function(tx) tx:event('a.b') end), "
                     "refused(function(tx) tx:kv_put('a', 'b') end), select(2, "
                     "event.emit('a.b')).kind, select(2, require 'tenon'.sync('a', 'b')).kind, "
                     "#store.query('line').rows, store.transaction(function(tx) "
                     "return tx:kv_get('a') or 'none' end)"),
        "forbidden forbidden forbidden forbidden forbidden 0 none");
    const struct tn_actor writer = {.team = 1, .name = "key w", .grants = "line:create"};
    assert_string_equal(stage_run_in(s, s->iso, &writer,
                                     "local id = store.transaction(function(tx) return "
                                     "tx:create('line', {}) end) return select(2, "
                                     "pcall(store.transaction, function(tx) tx:delete('line', id) "
                                     "end)).message"),
                        "key w may not do this: it needs the permission line:delete");
}

static void all_that_is_wrong_with_a_record_is_said(void **state)
{
    stage_expect(*state,
                 "local ok, err = pcall(store.transaction, function(tx) tx:create('order', { "
                 "quantity = 0, colour = 'red' }) end) local codes = {} for i, f in "
                 "ipairs(err.faults) do codes[i] = f.path .. '=' .. f.code end "
                 "table.sort(codes) return err.kind, err.code, err.message == "
                 "err.faults[1].message, table.concat(codes, ' ')",
                 "invalid unknown true colour=unknown number=required quantity=too_small");
    stage_expect(*state,
                 "local ok, err = pcall(store.transaction, function(tx) tx:put('order', 'x', { "
                 "number = 'A' }) end) return err.kind, err.code, err.faults",
                 "not_found nil nil");
}

/* Nothing is sent: the disk, which would fail, is not asked. */
static void what_does_nothing_needs_no_commit(void **state)
{
    tn_fault_arm("store.commit=fail:1+");
    const char *got = stage_run(*state, "return store.transaction(function(tx) tx:kv_get('none') "
                                        "return 'done' end), store.transaction(print)");
    tn_fault_arm(NULL);
    assert_string_equal(got, "done true");
}

static void a_transaction_is_bounded(void **state)
{
    stage_says(*state,
               "store.transaction(function(tx) for i = 1, 1001 do tx:create('line', {}) end "
               "end)",
               "budget: a transaction may ");
    stage_says(*state, "store.transaction(function(tx) for i = 1, 1001 do tx:event('a.b') end end)",
               "budget: a transaction may write 1000");
    stage_says(*state,
               "local big = ('x'):rep(3000000) store.transaction(function(tx) for i = 1, 10 do "
               "tx:create('line', { more = big }) end end)",
               "too_large: a transaction may");
    stage_expect(*state, "return #store.query('line').rows", "0");
}

/* ---- the store is away, or full ---- */

static void failures_of_the_store_are_answers(void **state)
{
    struct stage *s = *state;
    char text[4096];
    stage_run(s, with_order(text, ""));
    static const char write[] =
        "local ok, err = store.transaction(function(tx) tx:create('line', {}) "
        "end) return ok, err and err.kind";
    tn_fault_arm("store.vfs.full=fail:1+");
    const char *got = stage_run(s, write);
    tn_fault_arm(NULL);
    if (strcmp(got, "nil disk_full") != 0 && strcmp(got, "nil io") != 0) fail_msg("%s", got);
    stage_expect(s, write, "true nil");
}

static void a_cancelled_task_leaves_nothing(void **state)
{
    struct stage *s = *state;
    static const char body[] = "local store = require 'tenon.store' return function() "
                               "store.transaction(function(tx) tx:create('line', {}) end) end";
    const struct tn_task_call how = {.done = stage_done};
    int ref;
    assert_true(tn_isolate_load_text(s->iso, "scripts/o.lua", tn_str(body), &ref, &s->err));
    s->flag = false;
    struct tn_task *task = tn_task_start(s->iso, ref, &how, s, &s->err);
    assert_non_null(task);
    while (!tn_store_pending(s->rig.env.store)) tn_loop_turn(s->rig.loop, true);
    tn_task_cancel(task);
    rig_until(&s->rig, &s->flag);
    assert_int_equal(s->err.kind, TN_E_cancelled);
    stage_run(s, "store.transaction(function(tx) tx:create('line', {}) end)");
}

/* At every turn of the loop: while it starts, reads, runs on, commits. */
static void a_task_cancelled_while_it_reads_leaves_nothing(void **state)
{
    struct stage *s = *state;
    static const char body[] =
        "local store, event = require 'tenon.store', require 'tenon.event' return function() "
        "store.get('order', '01890a5d-ac96-774b-bcce-b302099a8057') store.by_link('order', 'x', "
        "'plant_8') for o in store.each 'order' do end event.after(0) "
        "store.transaction(function(tx) tx:get('order', '01890a5d-ac96-774b-bcce-b302099a8057') "
        "tx:find('order', { number = 'A1' }) tx:query('order') tx:kv_get('x') tx:create('line', "
        "{}) end) end";
    const struct tn_task_call how = {.done = stage_done};
    bool ended = false;
    int ref;
    assert_true(tn_isolate_load_text(s->iso, "scripts/o.lua", tn_str(body), &ref, &s->err));
    for (int turns = 0; !ended; turns++) {
        s->flag = false;
        struct tn_task *task = tn_task_start(s->iso, ref, &how, s, &s->err);
        assert_non_null(task);
        for (int i = 0; i < turns && !s->flag; i++) tn_loop_turn(s->rig.loop, true);
        ended = s->flag;
        if (!ended) tn_task_cancel(task);
        rig_until(&s->rig, &s->flag);
        assert_int_equal(s->err.kind, ended ? TN_E_none : TN_E_cancelled);
    }
    assert_string_equal(stage_run(s, "return store.transaction(function(tx) return 'well' end)"),
                        "well");
}

/* ---- reads that come late, and in another order ---- */

static int open_shuffled(void **state)
{
    setenv("TENON_STORE_READS", "random:4711", 1);
    int status = stage_open(state);
    unsetenv("TENON_STORE_READS");
    return status;
}

/* The store of this test goes by the real clock, for which the seconds of 1970 are over. */
static void lifetimes_are_counted_by_the_clock_of_scripts(void **state)
{
    struct stage *s = *state;
    struct tn_clock clock = {.stopped = true};
    struct bind_testing test = {.clock = &clock};
    struct tn_secrets secrets;
    struct tn_err err;
    assert_true(tn_secrets_from(
        &secrets, TN_STR("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"),
        TN_STR("salt"), &err));
    s->rig.env.secrets = &secrets;
    static const char vault[] =
        "local vault = require 'tenon.vault' assert(vault.put('t', 'x', 60)) "
        "return vault.get('t')";
    static const char kv[] = "local kv = require 'tenon.kv' assert(kv.put('t', 'x', 60)) "
                             "return kv.get('t')";
    stage_expect(s, vault, "x");
    stage_expect(s, kv, "x");
    s->context.test = &test;
    stage_expect(s, vault, "nil");
    stage_expect(s, kv, "nil");
    s->context.test = NULL;
    s->rig.env.secrets = NULL;
    tn_secrets_wipe(&secrets);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, stage_open, stage_close)
    const struct CMUnitTest tests[] = {T(records_are_exact),
                                       T(queries_filter_sort_and_page),
                                       T(each_walks_all_pages),
                                       T(a_record_is_found_by_its_link),
                                       T(misuse_raises),
                                       T(writes_are_checked_like_any_other),
                                       T(a_transaction_sees_its_own_writes),
                                       T(what_is_raised_undoes_everything),
                                       T(a_transaction_cannot_be_ended_from_inside),
                                       T(an_event_told_while_another_is_read_changes_nothing_of_it),
                                       T(questions_are_plain_tables),
                                       T(texts_to_look_for_are_short),
                                       T(walks_are_few_and_end),
                                       T(keys_and_states_hold),
                                       T(two_who_count_lose_nothing),
                                       T(conflicts_end_after_eight_tries),
                                       T(a_transaction_is_one_commit_of_all),
                                       T(what_was_not_there_is_checked_too),
                                       T(who_finds_nothing_and_creates_it_comes_first_or_finds_it),
                                       T(a_team_sees_its_own_alone),
                                       T(reads_wait_and_are_refused_where_nothing_can),
                                       T(a_transaction_is_bounded),
                                       T(failures_of_the_store_are_answers),
                                       T(lifetimes_are_counted_by_the_clock_of_scripts),
                                       T(a_cancelled_task_leaves_nothing),
                                       T(what_waits_is_its_own_tasks_alone),
                                       T(who_only_reads_writes_nothing),
                                       T(all_that_is_wrong_with_a_record_is_said),
                                       T(what_does_nothing_needs_no_commit),
                                       T(a_task_cancelled_while_it_reads_leaves_nothing),
#undef T
#define T(name) cmocka_unit_test_setup_teardown(name, open_shuffled, stage_close)
                                       T(records_are_exact),
                                       T(queries_filter_sort_and_page),
                                       T(each_walks_all_pages),
                                       T(a_record_is_found_by_its_link),
                                       T(a_transaction_sees_its_own_writes),
                                       T(a_transaction_is_one_commit_of_all),
                                       T(two_who_count_lose_nothing),
                                       T(what_was_not_there_is_checked_too),
                                       T(a_task_cancelled_while_it_reads_leaves_nothing)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
