/* SPDX-License-Identifier: MIT */
/* Declarations, from the text of a file to the structs that C reads, and what a mistake in it says.
 */
#include "script_fixture.h"

#include "base/json.h"
#include "bind/bind.h"
#include "scripts/decl.h"

static const struct tn_module modules[] = {{"tenon", luaopen_tenon}, {NULL, NULL}};

static struct tn_decl *read_as(struct tn_isolate *iso, const char *text, enum tn_decl_kind kind,
                               struct tn_err *err)
{
    int ref;
    tn_err_clear(err);
    if (!tn_isolate_load_text(iso, "scripts/adapters/demo.lua", tn_str(text), &ref, err))
        return NULL;
    struct tn_decl *decl = tn_decl_read(iso, "scripts/adapters/demo.lua", ref, kind, err);
    tn_isolate_release(iso, ref);
    return decl;
}

static struct tn_isolate *isolate(void **state)
{
    struct tn_isolate_options o = {.name = "decl", .modules = modules};
    return fixture_isolate(*state, &o);
}

static struct tn_decl *must_read(struct tn_isolate *iso, const char *text, enum tn_decl_kind kind)
{
    struct tn_err err;
    struct tn_decl *decl = read_as(iso, text, kind, &err);
    if (!decl) fail_msg("%s:%d: %s", err.file, err.line, err.text);
    return decl;
}

/* ---- adapters ---- */

static const char adapter_text[] =
    "local tn = require \"tenon\"\n"
    "return tn.adapter {\n"
    "  title = \"Demo ERP\", type = \"ERP\", base = \"base_url\",\n"
    "  config = {\n"
    "    tn.url \"base_url\" { required = true, title = \"Base address\" },\n"
    "    tn.text \"user\" { required = true, min = 1, max = 80 },\n"
    "    tn.secret \"password\" { required = true },\n"
    "    tn.int \"batch\" { default = 100, min = 1, max = 500 },\n"
    "    tn.list \"scopes\" { of = \"text\", default = { \"a\", \"b\" } },\n"
    "    tn.text \"dialect\" { values = { \"reference\", \"real\" }, default = \"reference\" },\n"
    "    tn.decimal \"factor\" { min = \"0.10\" },\n"
    "  },\n"
    "  auth = tn.auth.basic { user = \"user\", password = \"password\" },\n"
    "  health = function(conn) return { version = \"1\" } end,\n"
    "  operations = {\n"
    "    sync_items = { entity = \"item\", mapping = \"demo/item\", title = \"Items\", run = "
    "print,\n"
    "      filters = { tn.text \"class\" { values = { \"A\", \"B\" } }, tn.time \"since\" } },\n"
    "    sync_boms = { entity = \"bom\", direction = \"pull\", run = function() end },\n"
    "  },\n"
    "  webhook = { signature = \"X-Signature\", secret = \"password\", type = \"kind\",\n"
    "    id = \"body\", replay_window = \"90s\", retry = { \"1s\", \"2m\" },\n"
    "    runs = { b = \"sync_boms\", a = { operation = \"sync_items\", since = \"since\",\n"
    "      filters = { class = \"data.class\" } } } },\n"
    "}\n";

static void adapters_become_structs(void **state)
{
    struct tn_isolate *iso = isolate(state);
    struct tn_decl *decl = must_read(iso, adapter_text, TN_DECL_adapter);
    const struct tn_adapter *a = &decl->adapter;
    assert_string_equal(decl->name, "demo");
    assert_int_equal(decl->line, 2);
    assert_string_equal(a->title, "Demo ERP");
    assert_string_equal(a->base, "base_url");
    assert_int_equal(a->n_fields, 7);
    assert_int_equal(a->fields[0].type, TN_FIELD_url);
    assert_string_equal(a->fields[0].title, "Base address");
    assert_int_equal(a->fields[0].line, 5);
    assert_true(a->fields[0].required);
    assert_string_equal(a->fields[1].max, "80");
    assert_string_equal(a->fields[3].default_json, "100");
    assert_string_equal(a->fields[4].default_json, "[\"a\",\"b\"]");
    assert_int_equal(a->fields[4].fields[0].type, TN_FIELD_text);
    assert_string_equal(a->fields[5].values[1], "real");
    assert_string_equal(a->fields[6].min, "0.10");
    assert_string_equal(a->auth.kind, "basic");
    assert_string_equal(a->auth.options[0].key, "password");
    assert_int_not_equal(a->health, LUA_NOREF);
    assert_string_equal(a->operations[0].name, "sync_items");
    assert_int_equal(a->operations[0].line, 16);
    assert_string_equal(a->operations[0].mapping, "demo/item");
    assert_int_equal(a->operations[0].n_filters, 2);
    assert_string_equal(a->operations[1].name, "sync_boms");
    assert_int_not_equal(a->operations[1].run, LUA_NOREF);
    assert_null(a->operations[2].name);
    assert_string_equal(a->webhook->signature, "X-Signature");
    assert_string_equal(a->webhook->type, "kind");
    assert_int_equal(a->webhook->same, TN_SAME_body);
    assert_int_equal(a->webhook->same_ms, 90000);
    assert_int_equal(a->webhook->retry.count, 2);
    assert_int_equal(a->webhook->retry.pause_ms[1], 120000);
    const struct tn_hook_run *runs = a->webhook->runs;
    assert_string_equal(runs[0].event, "a");
    assert_string_equal(runs[0].since, "since");
    assert_string_equal(runs[0].filters[0].value, "data.class");
    assert_string_equal(runs[1].operation, "sync_boms");
    assert_null(runs[1].since);
    assert_null(runs[2].event);
    tn_decl_free(decl);
    tn_isolate_unref(iso);
}

/* The declaration as a Lua value shows its keys. */
static int push_decl(lua_State *L, void *arg)
{
    const struct tn_decl *decl = arg;
    tn_isolate_push(L, decl->ref);
    return 1;
}

struct shown {
    const struct tn_decl *decl;
    struct fixture_text out;
};
static int push_shown(lua_State *L, void *arg)
{
    return push_decl(L, (void *)(uintptr_t)((struct shown *)arg)->decl);
}
static void take_shown(lua_State *L, int n, void *arg)
{
    fixture_take(L, n, &((struct shown *)arg)->out);
}

static void declarations_are_values_in_lua(void **state)
{
    struct tn_isolate *iso = isolate(state);
    struct shown shown = {.decl = must_read(iso, adapter_text, TN_DECL_adapter)};
    struct tn_err err;
    int ref = fixture_load(
        iso, "return function(a) return a.auth.kind, a.auth.user, a.config[1].name, a.base, "
             "a.nothing, a.health().version, pcall(function() a.x = 1 end) end");
    assert_true(tn_isolate_call(iso, ref, push_shown, take_shown, &shown, &err));
    assert_true(tn_str_starts(tn_str(shown.out.text), "basic user base_url base_url nil 1 false "));
    tn_decl_free((struct tn_decl *)(uintptr_t)shown.decl);
    tn_isolate_unref(iso);
}

/* ---- resources, surfaces, rules ---- */

static void resources_become_structs(void **state)
{
    struct tn_isolate *iso = isolate(state);
    struct tn_decl *decl = must_read(
        iso,
        "local tn = require 'tenon'\n"
        "return tn.resource {\n"
        "  path = '/api/v1/orders', scope = 'team', key = { 'externalId' },\n"
        "  fields = { tn.uuid 'id' { generated = true }, tn.text 'externalId' {},\n"
        "    tn.int 'quantity' { required = true, min = 1 },\n"
        "    tn.state 'status' { 'pending', pending = { 'running', 'cancelled' }, running = { "
        "'done' },\n"
        "      first = { 'done' } },\n"
        "    tn.uuid 'customer' { ref = 'customer' },\n"
        "    tn.list 'parts' { tn.text 'number' { required = true }, tn.decimal 'amount' },\n"
        "    tn.object 'site' { tn.text 'name' } },\n"
        "  list = { filter = { 'status' }, sort = { 'quantity', 'createdAt' }, page = { 20, max = "
        "100 } },\n"
        "}",
        TN_DECL_resource);
    const struct tn_entity *r = &decl->resource;
    assert_string_equal(r->path, "/api/v1/orders");
    assert_string_equal(r->plural, "demos");
    assert_string_equal(r->key[0], "externalId");
    assert_int_equal(r->n_fields, 7);
    const struct tn_field *status = tn_field_find(r->fields, r->n_fields, TN_STR("status"));
    assert_string_equal(status->initial, "pending");
    assert_string_equal(status->default_json, "\"pending\"");
    assert_string_equal(status->values[0], "pending");
    assert_non_null(status->values[3]);
    assert_null(status->values[4]);
    assert_string_equal(status->first[0], "done");
    assert_null(status->first[1]);
    assert_string_equal(tn_field_find(r->fields, r->n_fields, TN_STR("customer"))->ref, "customer");
    assert_true(tn_field_may_move(status, TN_STR("pending"), TN_STR("running")));
    assert_false(tn_field_may_move(status, TN_STR("pending"), TN_STR("done")));
    assert_false(tn_field_may_move(status, TN_STR("done"), TN_STR("pending")));
    assert_true(tn_field_may_move(status, TN_STR("done"), TN_STR("done")));
    const struct tn_field *parts = tn_field_find(r->fields, r->n_fields, TN_STR("parts"));
    assert_int_equal(parts->fields[0].type, TN_FIELD_object);
    assert_int_equal(parts->fields[0].n_fields, 2);
    assert_int_equal(r->page, 20);
    assert_int_equal(r->page_max, 100);
    tn_decl_free(decl);
    tn_isolate_unref(iso);
}

static void surfaces_and_rules_become_structs(void **state)
{
    struct tn_isolate *iso = isolate(state);
    struct tn_decl *decl = must_read(
        iso,
        "local tn = require 'tenon'\n"
        "return tn.surface { path = '/v2',\n"
        "  routes = { tn.route { 'GET', '/ping', function() return 200 end, auth = 'none' },\n"
        "             tn.route { 'POST', '/jobs/{id}', function(req) return 201 end } } }",
        TN_DECL_surface);
    assert_string_equal(decl->surface.path, "/v2");
    assert_true(decl->surface.routes[0].open);
    assert_string_equal(decl->surface.routes[1].path, "/jobs/{id}");
    assert_false(decl->surface.routes[1].open);
    assert_null(decl->surface.routes[2].method);
    tn_decl_free(decl);
    decl = must_read(iso,
                     "local tn = require 'tenon'\n"
                     "return tn.rule {\n"
                     "  on = { 'order.created', 'order.updated' },\n"
                     "  when = { type = { 'a', 'b' } }, once = 'id', run = function(event) end }",
                     TN_DECL_rule);
    assert_string_equal(decl->rule.events[1], "order.updated");
    assert_string_equal(decl->rule.when_json, "{\"type\":[\"a\",\"b\"]}");
    assert_string_equal(decl->rule.once, "id");
    tn_decl_free(decl);
    decl = must_read(
        iso,
        "local tn = require 'tenon' return tn.rule { on = 'item.created', run = function() end }",
        TN_DECL_rule);
    assert_string_equal(decl->rule.events[0], "item.created");
    assert_string_equal(decl->rule.when_json, "{}");
    tn_decl_free(decl);
    tn_isolate_unref(iso);
}

/* ---- mistakes ---- */

/* An adapter with this in its webhook, on line 6 (7 when a first line is put before). */
#define HOOK(inside)                                                                               \
    "return tn.adapter {\n  config = {}, operations = {\n    sync = { entity = \"i\", run = "      \
    "print,"                                                                                       \
    "\n      filters = { tn.text \"number\", tn.time \"since\" } } },\n  webhook = { " inside      \
    " } }"
static const struct {
    enum tn_decl_kind kind;
    const char *body; /* after: local tn = require "tenon" */
    int line;
    const char *says;
} mistakes[] = {
    {TN_DECL_adapter, "return tn.adapter {\n  config = {},\n  helth = function() end,\n}", 4,
     "unknown key 'helth' in tn.adapter; did you mean 'health'?"},
    {TN_DECL_adapter, "return tn.adapter {\n  config = {},\n  colour = 1,\n}", 4,
     "unknown key 'colour' in tn.adapter; it takes: title, type, base, config, auth, tls, health, "
     "operations, webhook"},
    {TN_DECL_adapter, "return tn.adapter {\n  title = 7,\n  config = {},\n}", 3,
     "'title' in tn.adapter has to be a text, not a whole number"},
    {TN_DECL_adapter, "return tn.adapter {\n  title = \"x\",\n}", 2,
     "tn.adapter needs 'config' (a table)"},
    {TN_DECL_adapter, "return {}", 1,
     "this file has to return an adapter, made with tn.adapter { ... }; it returns a table"},
    {TN_DECL_resource, "return tn.adapter { config = {} }", 2,
     "this file has to return a resource, made with tn.resource { ... }; it returns adapter"},
    {TN_DECL_adapter,
     "return tn.adapter {\n  config = {\n    tn.text \"a\",\n    tn.text \"b\" { requird = true "
     "},\n  }}",
     5, "unknown key 'requird' in b; did you mean 'required'?"},
    {TN_DECL_adapter,
     "return tn.adapter {\n  config = {\n    tn.text \"a\",\n    tn.int \"a\",\n  }}", 5,
     "the field 'a' is there already, in line 4"},
    {TN_DECL_adapter, "return tn.adapter {\n  config = { \"base_url\" } }", 2,
     "config has to be a list of fields such as tn.text \"name\" { ... }; number 1 is a text"},
    {TN_DECL_adapter,
     "return tn.adapter {\n  config = {\n    tn.int \"n\" { min = 5,\n      default = 3 } } }", 5,
     "the default of 'n': it has to be 5 or more"},
    {TN_DECL_adapter, "return tn.adapter {\n  config = {\n    tn.int \"n\" { default = \"x\" } } }",
     4, "the default of 'n': it has to be a whole number, not a string"},
    {TN_DECL_adapter, "return tn.adapter {\n  config = { tn.int \"n\" { min = \"a\" } } }", 3,
     "'min' has to be a number"},
    {TN_DECL_adapter, "return tn.adapter {\n  config = { tn.int \"n\" { min = 3, max = 2 } } }", 3,
     "'min' of 'n' is larger than its 'max'"},
    {TN_DECL_adapter, "return tn.adapter {\n  config = { tn.text \"n\" { pattern = \"[a\" } } }", 3,
     "'pattern': malformed pattern (missing ']')"},
    {TN_DECL_adapter,
     "return tn.adapter {\n  config = { tn.text \"user\" },\n"
     "  auth = tn.auth.basic { user = \"usr\", password = \"pw\" } }",
     4, "auth: 'password' names the config field 'pw', which is not declared"},
    {TN_DECL_adapter,
     "return tn.adapter {\n  config = { tn.text \"user\" },\n"
     "  auth = {\n    kind = \"session\", of = { \"usr\" } } }",
     5, "auth: 'of' names the config field 'usr', which is not declared; did you mean 'user'?"},
    {TN_DECL_adapter, "return tn.adapter {\n  config = {},\n  base = \"url\" }", 4,
     "'base' names the config field 'url', which is not declared"},
    {TN_DECL_adapter,
     "return tn.adapter {\n  config = {},\n  operations = {\n    sync = { entity = \"item\" } } }",
     5, "sync needs 'run' (a function)"},
    {TN_DECL_adapter,
     "return tn.adapter {\n  config = {},\n  operations = {\n    sync = { run = function() end } } "
     "}",
     5, "sync needs 'entity' (a text)"},
    {TN_DECL_adapter,
     "return tn.adapter {\n  config = {},\n  operations = {\n    sync = { entity = \"i\",\n"
     "      direction = \"sideways\", run = function() end } } }",
     6, "'direction' of sync has to be \"pull\", not \"sideways\""},
    {TN_DECL_adapter,
     "return tn.adapter {\n  config = {},\n  operations = {\n    sync = { entity = \"i\",\n"
     "      on_key_conflict = \"merge\", run = function() end } } }",
     6, "'on_key_conflict' of sync has to be \"adopt\" or \"refuse\", not \"merge\""},
    {TN_DECL_adapter, "return tn.adapter {\n  config = {},\n  connect = print }", 4,
     "'connect' has no effect in this version; leave it out"},
    {TN_DECL_adapter, "return tn.adapter {\n  config = {},\n  pull = { item = print } }", 4,
     "'pull' has no effect in this version; give each operation a function 'run'"},
    {TN_DECL_adapter, "return tn.adapter {\n  config = {},\n  push = { item = print } }", 4,
     "'push' has no effect in this version; leave it out"},
    {TN_DECL_adapter, "return tn.adapter {\n  config = {},\n  modules = { \"items\" } }", 4,
     "'modules' has no effect in this version; leave it out"},
    {TN_DECL_adapter,
     "return tn.adapter {\n  config = {},\n  operations = {\n    sync = { entity = \"i\", run = "
     "print,\n      schedule = \"0 2 * * *\" } } }",
     6,
     "'schedule' has no effect in this version; leave it out: syncs start by call, webhook or "
     "rule"},
    {TN_DECL_adapter,
     "return tn.adapter {\n  config = {},\n  operations = {\n    sync = { entity = \"i\", run = "
     "print,\n      direction = \"push\" } } }",
     6,
     "direction = \"push\" has no effect in this version; leave the operation out: records are "
     "pulled only"},
    {TN_DECL_adapter,
     "return tn.adapter {\n  config = {},\n  webhook = { signature = \"X\",\n    replay_window = "
     "\"5m\" } }",
     5, "'replay_window' goes with id = \"body\" alone: ids of senders are remembered for 30 days"},
    {TN_DECL_adapter, "return tn.adapter {\n  config = {},\n  webhook = { id = \"id\" } }", 4,
     "'id' has to be \"body\", { header = \"...\" } or { path = \"...\" }, not \"id\""},
    {TN_DECL_adapter, HOOK("runs = { x = \"snc\" }"), 6,
     "the webhook's event 'x' runs 'snc', but there is no such operation; did you mean 'sync'?"},
    {TN_DECL_adapter, HOOK("runs = { x = 7 }"), 6,
     "the webhook's event 'x' has to name an operation, not a whole number"},
    {TN_DECL_adapter, HOOK("runs = { x = { operation = \"sync\", sinc = \"since\" } }"), 6,
     "unknown key 'sinc' in runs of tn.webhook; did you mean 'since'?"},
    {TN_DECL_adapter, HOOK("runs = { x = { since = \"since\" } }"), 6,
     "runs of tn.webhook needs 'operation' (a text)"},
    {TN_DECL_adapter, HOOK("runs = { x = { operation = \"sync\", since = \"sinze\" } }"), 6,
     "the webhook's event 'x': 'sync' has no filter 'sinze'; did you mean 'since'?"},
    {TN_DECL_adapter, HOOK("runs = { x = { operation = \"sync\", since = \"number\" } }"), 6,
     "the webhook's event 'x': 'since' names the filter 'number', which takes no time"},
    {TN_DECL_adapter,
     HOOK("runs = { x = { operation = \"sync\", filters = { numbr = \"data.n\" } } }"), 6,
     "the webhook's event 'x': 'sync' has no filter 'numbr'; did you mean 'number'?"},
    {TN_DECL_adapter,
     HOOK("runs = { x = { operation = \"sync\", filters = { since = \"at\" } },\n      y = { "
          "operation = \"sync\", since = \"since\" } }"),
     6,
     "the webhook's event 'x': the filter 'since' cannot come out of the payload, since event 'y' "
     "gives it the time of the last good run"},
    {TN_DECL_adapter, HOOK("runs = { x = { operation = \"sync\", filters = { number = 7 } } }"), 6,
     "the webhook's event 'x': the filter 'number' needs a path in the payload, such as "
     "\"data.number\""},
    {TN_DECL_adapter, HOOK("id = {}"), 6, "'id' has to name either a header or a path"},
    {TN_DECL_adapter, HOOK("id = { header = \"X\", path = \"y\" }"), 6,
     "'id' has to name either a header or a path"},
    {TN_DECL_adapter, HOOK("id = { heder = \"X\" }"), 6,
     "unknown key 'heder' in id of tn.webhook; did you mean 'header'?"},
    {TN_DECL_adapter, HOOK("id = \"body\", replay_window = \"31d\""), 6,
     "'replay_window' has to be a span such as \"5m\", of at most \"30d\""},
    {TN_DECL_adapter, HOOK("replay_window = \"5m\""), 6,
     "'replay_window' goes with id = \"body\" alone: ids of senders are remembered for 30 days"},
    {TN_DECL_adapter, HOOK("retry = { \"soon\" }"), 6,
     "'retry': \"soon\" is no pause: write \"5s\", \"30m\", \"2h\"; at most \"7d\""},
    {TN_DECL_adapter,
     "return tn.adapter {\n  config = {},\n  webhook = tn.webhook \"x\" { signature = \"X\" } }", 4,
     "'name' has no effect in this version; write tn.webhook { ... }"},
    {TN_DECL_adapter,
     "return tn.adapter {\n  config = { tn.text \"user\" },\n  auth = tn.auth.basic { user = "
     "\"user\",\n    pasword = \"user\" } }",
     5, "unknown key 'pasword' in tn.auth.basic; did you mean 'password'?"},
    {TN_DECL_adapter, "return tn.adapter {\n  config = {},\n  auth = tn.auth.bearer {} }", 4,
     "tn.auth.bearer needs 'token' (a text)"},
    {TN_DECL_resource, "return tn.resource {\n  path = \"/items\", fields = {},\n  actions = {} }",
     4, "'actions' has no effect in this version; leave it out"},
    {TN_DECL_resource, "return tn.resource {\n  path = \"/items\", fields = {},\n  events = {} }",
     4,
     "'events' has no effect in this version; leave it out: the types are \"<name>.created\" and "
     "so on"},
    {TN_DECL_surface, "return tn.surface {\n  scope = \"mes\", routes = {} }", 3,
     "'scope' has no effect in this version; leave it out"},
    {TN_DECL_surface,
     "return tn.surface {\n  routes = {\n    tn.route { \"GET\", \"/x\", print, scope = \"mes\" } "
     "} }",
     4, "'scope' has no effect in this version; leave it out"},
    {TN_DECL_resource, "return tn.resource {\n  path = \"items\", fields = {} }", 3,
     "'path' has to be a path such as \"/api/v1/items\", not \"items\""},
    {TN_DECL_resource,
     "return tn.resource {\n  path = \"/items\", fields = { tn.text \"status\" },\n"
     "  list = { filter = { \"statu\" } } }",
     4, "'filter' names the field 'statu', which is not declared; did you mean 'status'?"},
    {TN_DECL_resource,
     "return tn.resource {\n  path = \"/items\", fields = {},\n  list = { page = { 10, max = 5 } } "
     "}",
     4, "'page' has to be { usual, max = largest }, between 1 and 500"},
    {TN_DECL_resource,
     "return tn.resource {\n  path = \"/items\", fields = { tn.state \"s\" { new = {} } } }", 3,
     "the state field 's' needs its first state: { \"new\", new = { ... } }"},
    {TN_DECL_resource,
     "return tn.resource {\n  path = \"/items\", fields = { tn.state \"s\" { \"new\", new = {},\n"
     "    first = { \"nw\" } } } }",
     4, "'first' names 'nw', which is no state; did you mean 'new'?"},
    {TN_DECL_resource,
     "return tn.resource {\n  path = \"/items\", fields = { tn.state \"s\" { \"new\",\n"
     "    new = { \"done\" }, dnoe = { \"new\" } } } }",
     4, "the state field 's' has moves from 'dnoe', but no move leads there; did you mean 'done'?"},
    {TN_DECL_resource,
     "return tn.resource {\n  path = \"/items\", fields = { tn.list \"l\" { tn.text \"a\" } },\n"
     "  list = { filter = { \"l\" } } }",
     4, "'filter' names 'l', a list: only fields with one plain value can be looked for"},
    {TN_DECL_resource,
     "return tn.resource {\n  path = \"/items\", fields = { tn.text \"a\" },\n"
     "  key = { \"createdAt\" } }",
     4, "'key' names 'createdAt', which Tenon gives: a key is made of fields of the resource"},
    {TN_DECL_resource,
     "return tn.resource {\n  path = \"/items\", fields = { tn.text \"a\", tn.text \"b\", tn.text "
     "\"c\",\n"
     "    tn.text \"d\", tn.text \"e\" },\n  key = { \"a\", \"b\", \"c\", \"d\", \"e\" } }",
     5, "'key' has 5 fields: the limit is 4"},
    {TN_DECL_resource,
     "local f, u = {}, {}\nfor i = 1, 65 do u[i] = \"f\" .. i f[i] = tn.text(u[i]) end\n"
     "return tn.resource {\n  path = \"/items\", fields = f,\n  list = { filter = u } }",
     6, "65 fields are in 'key', 'filter' or 'sort' or are unique: the limit is 64"},
    {TN_DECL_resource,
     "return tn.resource {\n  path = \"/items\", fields = {\n    tn.secret \"a\" { unique = true } "
     "} "
     "}",
     4, "'unique' is for text, int, time, date, uuid and url fields, and 'a' is secret"},
    {TN_DECL_resource,
     "return tn.resource {\n  path = \"/items\", fields = {\n"
     "    tn.text \"a\" { unique = true, default = \"x\" } } }",
     4, "'a' is unique and has a default, which two records would have"},
    {TN_DECL_resource,
     "return tn.resource {\n  path = \"/items\", fields = {\n"
     "    tn.object \"o\" { tn.text \"a\" { unique = true } } } }",
     4, "'unique' has no effect on 'a' inside of 'o': it is for the fields of a resource"},
    {TN_DECL_adapter, "return tn.adapter {\n  config = { tn.text \"a\" { unique = true } } }", 3,
     "'unique' has no effect on 'a' inside of 'config': it is for the fields of a resource"},
    {TN_DECL_resource,
     "return tn.resource {\n  path = \"/items\", fields = {\n    tn.int \"a\" { generated = true } "
     "} }",
     4, "'generated' is for uuid and time fields, and 'a' is int"},
    {TN_DECL_resource,
     "return tn.resource {\n  path = \"/items\", fields = {\n    tn.text \"a\" { ref = \"b\" } } }",
     4, "'ref' is for uuid fields, and 'a' is text"},
    {TN_DECL_surface,
     "return tn.surface {\n  routes = {\n    tn.route { \"GET\", function() end } } }", 4,
     "a route is tn.route { \"GET\", \"/path/{id}\", function(request) ... end }"},
    {TN_DECL_surface,
     "return tn.surface {\n  routes = {\n    tn.route { \"FETCH\", \"/x\", function() end } } }", 4,
     "a route's method is one of GET, POST, PUT, PATCH, DELETE, not \"FETCH\""},
    {TN_DECL_rule, "return tn.rule {\n  on = {}, run = function() end }", 3, "'on' names no event"},
    {TN_DECL_rule, "return tn.rule {\n  on = (\"*\"):rep(101), run = function() end }", 3,
     "an event of 'on' has 100 characters at most"},
    {TN_DECL_rule, "return tn.rule {\n  on = \"x\" }", 2, "tn.rule needs 'run' (a function)"},
};

static void mistakes_are_told(void **state)
{
    struct tn_isolate *iso = isolate(state);
    for (size_t i = 0; i < sizeof mistakes / sizeof *mistakes; i++) {
        struct tn_err err;
        char text[1024];
        snprintf(text, sizeof text, "local tn = require \"tenon\"\n%s\n", mistakes[i].body);
        struct tn_decl *decl = read_as(iso, text, mistakes[i].kind, &err);
        assert_null(decl);
        if (err.line != mistakes[i].line || strcmp(err.text, mistakes[i].says) != 0)
            fail_msg("%s\n -> %s:%d: %s", mistakes[i].body, err.file, err.line, err.text);
        assert_string_equal(err.file, "scripts/adapters/demo.lua");
    }
    tn_isolate_unref(iso);
}

static void misuse_raises(void **state)
{
    static const struct {
        const char *body, *says;
    } bodies[] = {
        {"tn.text()", "bad argument #1 to 'text'"},
        {"tn.text ''", "a field's name has 1 to 100 characters"},
        {"tn.text 'a' {} {}", "has its options already"},
        {"tn.text 'a' (7)", "table expected"},
        {"tn.adapter()", "table expected"},
        {"tn.auth.basic(7)", "table expected"},
        {"tn.txt 'a'", "did you mean 'text'?"},
        {"tn.fail('nonsense', 'x')", "no kind of error"},
        {"tn.fail('timeout', 'too slow')", "too slow"},
    };
    struct tn_isolate *iso = isolate(state);
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        struct fixture_text out;
        char text[256];
        snprintf(text, sizeof text, "local tn = require 'tenon' %s", bodies[i].body);
        fixture_run(iso, &out, text);
        if (!strstr(out.text, bodies[i].says)) fail_msg("%s -> %s", bodies[i].body, out.text);
    }
    struct fixture_text out;
    fixture_run(iso, &out,
                "local tn = require 'tenon' local ok, e = pcall(tn.fail, 'timeout', 'slow', 'a.b') "
                "return ok, e.kind, e.message, e.status, e.retry, e.field, e.line, tostring(e)");
    assert_string_equal(out.text, "false timeout slow 504 true a.b nil slow");
    fixture_run(iso, &out, "local tn = require 'tenon' tn.fail('timeout', 'slow')");
    assert_string_equal(out.text, "timeout: slow");
    tn_isolate_unref(iso);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, fixture_open, fixture_close)
    const struct CMUnitTest tests[] = {
        T(adapters_become_structs),  T(declarations_are_values_in_lua),
        T(resources_become_structs), T(surfaces_and_rules_become_structs),
        T(mistakes_are_told),        T(misuse_raises)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
