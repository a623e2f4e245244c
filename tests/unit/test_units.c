/* SPDX-License-Identifier: MIT */
#include "scripts_rig.h"

#include "base/fault.h"
#include "bind/bind_map.h"
#include "scripts/decl.h"

static void no_upstream(void *arg, struct tn_http_exchange *x)
{
    (void)arg;
    tn_http_reply(x, 500, NULL, TN_STR(""));
}

static int open_rig(void **state)
{
    struct rig *r = TN_NEW(struct rig);
    rig_open(r, no_upstream, NULL);
    *state = r;
    return 0;
}

static int close_rig(void **state)
{
    rig_close(*state);
    tn_free(*state);
    return 0;
}

/* The files of this tree with some in front of them. */
static struct tn_fileset *with(const struct tn_embedded *more)
{
    struct tn_fileset *under = rig_files(), *over = tn_fileset_embedded(more);
    struct tn_fileset *f = tn_fileset_over(under, over);
    tn_fileset_unref(under);
    tn_fileset_unref(over);
    return f;
}

#define FILES(...)                                                                                 \
    (const struct tn_embedded[])                                                                   \
    {                                                                                              \
        __VA_ARGS__,                                                                               \
        {                                                                                          \
            NULL, NULL, 0                                                                          \
        }                                                                                          \
    }
#define TEXT(path, text)                                                                           \
    {                                                                                              \
        path, text, sizeof(text) - 1                                                               \
    }

struct faults {
    struct tn_err list[16];
    size_t n;
};

static void collect(void *arg, const struct tn_err *fault)
{
    struct faults *f = arg;
    if (f->n < 16) f->list[f->n] = *fault;
    f->n++;
}

static void expect_fault(struct rig *r, const struct tn_embedded *more, const char *file, int line,
                         const char *text)
{
    struct tn_err err;
    struct tn_fileset *f = with(more);
    struct tn_units *units = tn_units_load(&r->env, f, NULL, NULL, NULL, &err);
    tn_fileset_unref(f);
    assert_null(units);
    if (strcmp(err.file, file) != 0 || (line && err.line != line) || !strstr(err.text, text))
        fail_msg("%s:%d: %s", err.file, err.line, err.text);
}

/* ---- what is shipped ---- */

static void the_shipped_files_load(void **state)
{
    struct rig *r = *state;
    struct tn_units *units = rig_load(r, rig_files());
    const struct tn_decl *item = tn_units_resource(units, "item");
    const struct tn_decl *fusion = tn_units_adapter(units, "oracle_fusion");
    assert_non_null(item);
    assert_non_null(fusion);
    assert_string_equal(item->resource.path, "/api/v1/items");
    assert_string_equal(item->resource.plural, "items");
    assert_string_equal(fusion->adapter.title, "Oracle Fusion Cloud ERP");
    const struct tn_operation *o = tn_decl_operation(fusion, "sync_items");
    assert_non_null(o);
    assert_int_equal(o->n_filters, 3);
    assert_null(tn_decl_operation(fusion, "sync_boms"));
    assert_non_null(tn_units_mapping(units, "oracle_fusion/item"));
    assert_null(tn_units_mapping(units, "oracle_fusion/bom"));
    assert_ptr_equal(tn_unit_target(tn_units_find(units, "oracle_fusion"), "oracle_fusion/item"),
                     item);
    assert_null(tn_units_resource_at(units, tn_units_resources(units)));
    tn_units_unref(units);
}

static void defaults_of_the_fusion_config(void **state)
{
    struct rig *r = *state;
    struct tn_units *units = rig_load(r, rig_files());
    const struct tn_adapter *a = &tn_units_adapter(units, "oracle_fusion")->adapter;
    struct tn_json *json = tn_json_new();
    struct tn_buf out;
    struct tn_jw w;
    struct tn_err err;
    tn_buf_init(&out, TN_MIB);
    assert_true(tn_json_parse(json, tn_str(r->config), &err));
    assert_true(tn_field_check(a->fields, a->n_fields, tn_json_root(json), "config", 0, &err));
    tn_jw_init(&w, &out);
    tn_field_fill(a->fields, a->n_fields, tn_json_root(json), &w);
    assert_non_null(strstr(
        out.p, "\"syncInterval\":60,\"batchSize\":100,\"timeout\":30000,\"retryAttempts\":3"));
    assert_non_null(strstr(
        out.p,
        "\"dialect\":\"reference\",\"releaseVersion\":\"11.13.18.05\",\"authStyle\":\"basic\""));
    tn_buf_reset(&out);
    tn_jw_init(&w, &out);
    tn_field_mask(a->fields, a->n_fields, tn_json_root(json), "********", &w);
    assert_null(strstr(out.p, "secret-of-the-client"));
    tn_buf_clear(&out);
    tn_json_free(json);
    tn_units_unref(units);
}

static void a_unit_has_its_files_and_what_they_require(void **state)
{
    struct rig *r = *state;
    struct tn_units *units = rig_load(r, rig_files());
    struct tn_fileset *f = tn_unit_files(tn_units_find(units, "oracle_fusion"));
    char hash[65];
    assert_non_null(tn_fileset_find(f, TN_STR("scripts/adapters/oracle_fusion.lua")));
    assert_non_null(tn_fileset_find(f, TN_STR("mappings/oracle_fusion/item.lua")));
    assert_non_null(tn_fileset_find(f, TN_STR("stdlib/std/page.lua")));
    assert_non_null(tn_fileset_find(f, TN_STR("stdlib/std/oauth2.lua")));
    assert_non_null(tn_fileset_find(f, TN_STR("stdlib/std/connection.lua")));
    assert_null(tn_fileset_find(f, TN_STR("scripts/resources/item.lua")));
    tn_fileset_hash(f, hash);
    assert_string_equal(hash, tn_unit_generation(tn_units_find(units, "oracle_fusion")));
    tn_units_unref(units);
}

/* A generation that was stored is enough to load from. */
static void a_packed_set_loads_with_the_same_generations(void **state)
{
    struct rig *r = *state;
    struct tn_buf bytes;
    struct tn_err err;
    struct tn_units *units = rig_load(r, rig_files());
    struct tn_fileset *all = tn_fileset_over(tn_unit_files(tn_units_find(units, "core")),
                                             tn_unit_files(tn_units_find(units, "oracle_fusion")));
    tn_buf_init(&bytes, 8 * TN_MIB);
    tn_fileset_pack(all, &bytes);
    struct tn_fileset *again = tn_fileset_unpack(tn_buf_str(&bytes), &err);
    assert_non_null(again);
    struct tn_units *copy = rig_load(r, again);
    assert_string_equal(tn_unit_generation(tn_units_find(copy, "core")),
                        tn_unit_generation(tn_units_find(units, "core")));
    assert_string_equal(tn_unit_generation(tn_units_find(copy, "oracle_fusion")),
                        tn_unit_generation(tn_units_find(units, "oracle_fusion")));
    tn_fileset_unref(all);
    tn_buf_clear(&bytes);
    tn_units_unref(units);
    tn_units_unref(copy);
}

/* ---- reload ---- */

struct changes {
    char names[256];
    size_t n;
};

static void note_change(void *arg, const struct tn_unit_change *change)
{
    struct changes *c = arg;
    size_t at = strlen(c->names);
    snprintf(c->names + at, sizeof c->names - at, "%s%s%s ", change->name,
             change->previous ? "" : "+", change->generation ? "" : "-");
    c->n++;
}

static const char mapping_7[] =
    "local map = require \"tenon.map\"\n"
    "return map { reads = \"oracle_fusion.item\", writes = \"item\", key = \"externalId\",\n"
    "  set = { externalId = map.from \"ItemId\" :text(), partNumber = map.from \"ItemNumber\" "
    ":text() } }\n";

static struct tn_units *reload(struct rig *r, struct tn_units *old, struct tn_fileset *files_give)
{
    struct tn_err err;
    struct tn_units *units = tn_units_load(&r->env, files_give, old, NULL, NULL, &err);
    if (!units) fail_msg("%s:%d: %s", err.file, err.line, err.text);
    tn_fileset_unref(files_give);
    return units;
}

static void only_what_changed_is_loaded_anew(void **state)
{
    struct rig *r = *state;
    struct changes c = {0};
    struct tn_units *old = rig_load(r, rig_files());
    struct tn_units *same = reload(r, old, rig_files());
    assert_int_equal(tn_units_diff(old, same, note_change, &c), tn_units_count(same));
    assert_int_equal(c.n, 0);
    assert_ptr_equal(tn_units_find(old, "core"), tn_units_find(same, "core"));
    assert_ptr_equal(tn_units_find(old, "oracle_fusion"), tn_units_find(same, "oracle_fusion"));
    tn_units_unref(old);
    struct tn_units *now = reload(
        r, same,
        with(FILES({"mappings/oracle_fusion/item.lua", mapping_7, sizeof mapping_7 - 1},
                   TEXT("scripts/adapters/other.lua",
                        "local tn = require 'tenon'\nreturn tn.adapter { config = {} }\n"))));
    tn_units_diff(same, now, note_change, &c);
    assert_string_equal(c.names, "oracle_fusion other+ ");
    assert_ptr_equal(tn_units_find(same, "core"), tn_units_find(now, "core"));
    tn_units_unref(same);
    c = (struct changes){0};
    struct tn_units *less = reload(r, now, rig_files());
    tn_units_diff(now, less, note_change, &c);
    assert_string_equal(c.names, "oracle_fusion other- ");
    tn_units_unref(now);
    tn_units_unref(less);
}

/* A mapping is checked against the resource as it is now, though its own files are the same. */
static void a_changed_resource_checks_the_mappings_again(void **state)
{
    static const char item[] =
        "local tn = require \"tenon\"\n"
        "return tn.resource { path = \"/api/v1/items\", key = { \"partNumber\" },\n"
        "  fields = { tn.text \"partNumber\" { required = true }, tn.text \"externalId\" {} } }\n";
    struct rig *r = *state;
    struct tn_err err;
    struct tn_units *old = rig_load(r, rig_files());
    struct tn_fileset *f = with(FILES({"scripts/resources/item.lua", item, sizeof item - 1}));
    assert_null(tn_units_load(&r->env, f, old, NULL, NULL, &err));
    assert_string_equal(err.file, "mappings/oracle_fusion/item.lua");
    assert_non_null(tn_units_mapping(old, "oracle_fusion/item"));
    tn_fileset_unref(f);
    tn_units_unref(old);
}

static void a_required_file_is_part_of_the_generation(void **state)
{
    struct rig *r = *state;
    struct changes c = {0};
    const char *user = "local tn = require 'tenon'\nlocal u = require('lib.units')\n"
                       "return tn.adapter { title = u.title, config = {} }\n";
    const struct tn_embedded one[] = {{"scripts/adapters/other.lua", user, strlen(user)},
                                      TEXT("scripts/lib/units.lua", "return { title = 'one' }"),
                                      {NULL, NULL, 0}};
    const struct tn_embedded two[] = {{"scripts/adapters/other.lua", user, strlen(user)},
                                      TEXT("scripts/lib/units.lua", "return { title = 'two' }"),
                                      {NULL, NULL, 0}};
    struct tn_units *a = rig_load(r, with(one)), *b = reload(r, a, with(two));
    assert_string_equal(tn_units_adapter(a, "other")->adapter.title, "one");
    assert_string_equal(tn_units_adapter(b, "other")->adapter.title, "two");
    tn_units_diff(a, b, note_change, &c);
    assert_string_equal(c.names, "other ");
    tn_units_unref(a);
    tn_units_unref(b);
}

/* ---- faults ---- */

static void faults_name_file_and_line(void **state)
{
    struct rig *r = *state;
    expect_fault(r,
                 FILES(TEXT("scripts/adapters/bad.lua",
                            "local tn = require 'tenon'\nreturn tn.adapter {\n")),
                 "scripts/adapters/bad.lua", 3, "");
    expect_fault(r, FILES(TEXT("scripts/resources/bad.lua", "error('no')\n")),
                 "scripts/resources/bad.lua", 1, "no");
    expect_fault(
        r,
        FILES(TEXT("scripts/resources/bad.lua",
                   "local tn = require 'tenon'\nreturn tn.resource { path = '/bads', fields = {\n"
                   "  tn.list 'of' { tn.uuid 'part' { ref = 'itm' } } } }\n")),
        "scripts/resources/bad.lua", 3,
        "'ref' of 'part' names 'itm', which no resource is; did you mean 'item'?");
    expect_fault(
        r,
        FILES(TEXT("scripts/resources/bad.lua",
                   "local tn = require 'tenon'\nreturn tn.resource { path = '/bads', fields = {\n"
                   "  tn.object 'login' {\n    tn.secret 'word' {} } } }\n")),
        "scripts/resources/bad.lua", 4,
        "the secret 'word' lies inside of another field, where it would not be sealed: declare "
        "it beside that");
    expect_fault(
        r,
        FILES(TEXT("scripts/resources/bad.lua",
                   "local tn = require 'tenon'\nreturn tn.resource { path = '/bads', fields = {\n"
                   "  tn.list 'lines' {\n"
                   "    tn.state 'status' { 'new', new = { 'done' } } } } }\n")),
        "scripts/resources/bad.lua", 4,
        "the state 'status' lies inside of another field, where its moves would not be held: "
        "declare it beside that, or make it a text with 'values'");
    expect_fault(r, FILES(TEXT("scripts/resources/bad.lua", "while true do end\n")),
                 "scripts/resources/bad.lua", 1, "");
    expect_fault(r, FILES(TEXT("scripts/resources/bad.lua", "return 7\n")),
                 "scripts/resources/bad.lua", 0, "");
    expect_fault(r, FILES(TEXT("scripts/resources/bad.lua", "require 'std.nothing'\n")),
                 "scripts/resources/bad.lua", 1, "std.nothing");
    expect_fault(r,
                 FILES(TEXT("mappings/oracle_fusion/item.lua",
                            "local map = require \"tenon.map\"\n"
                            "return map { reads = \"oracle_fusion.item\", writes = \"itme\", key = "
                            "\"externalId\",\n"
                            "  set = { externalId = map.from \"ItemId\" :text() } }\n")),
                 "mappings/oracle_fusion/item.lua", 0, "itme");
    expect_fault(r,
                 FILES(TEXT("mappings/oracle_fusion/item.lua",
                            "local map = require \"tenon.map\"\n"
                            "return map { reads = \"oracle_fusion.item\", writes = \"item\", key = "
                            "\"externalId\",\n"
                            "  set = { externalId = map.from \"ItemId\" :text(),\n"
                            "          colour = map.from \"Colour\" } }\n")),
                 "mappings/oracle_fusion/item.lua", 4, "no such target field");
    expect_fault(
        r,
        FILES(TEXT("mappings/oracle_fusion/item.lua",
                   "local map = require \"tenon.map\"\n"
                   "return map { reads = \"oracle_fusion.item\", writes = \"item\", key = "
                   "\"externalId\",\n"
                   "  set = { externalId = map.from \"ItemId\" :text() },\n"
                   "  example = { give = { ItemId = 7 }, expect = { externalId = \"8\" } } }\n")),
        "mappings/oracle_fusion/item.lua", 0, "");
}

static void an_operation_needs_its_mapping(void **state)
{
    expect_fault(*state,
                 FILES(TEXT("scripts/adapters/other.lua",
                            "local tn = require 'tenon'\n"
                            "return tn.adapter { config = {}, operations = {\n"
                            "  sync_items = { entity = 'item', mapping = 'oracle_fusion/item',\n"
                            "    run = function() end } } }\n")),
                 "scripts/adapters/other.lua", 3,
                 "mappings/oracle_fusion/item.lua in the folder of other");
    expect_fault(*state,
                 FILES(TEXT("scripts/adapters/other.lua",
                            "local tn = require 'tenon'\n"
                            "return tn.adapter { config = {}, operations = {\n"
                            "  sync_items = { entity = 'item', run = function() end } } }\n")),
                 "scripts/adapters/other.lua", 3, "mapping");
}

static void check_lists_every_fault(void **state)
{
    struct rig *r = *state;
    struct tn_err err;
    struct faults faults = {.n = 0};
    struct tn_fileset *f = with(FILES(TEXT("mappings/x/item.lua", "return 1\n"),
                                      TEXT("scripts/adapters/a.lua", "error('a')\n"),
                                      TEXT("scripts/adapters/b.lua", "error('b')\n"),
                                      TEXT("scripts/resources/c.lua", "error('c')\n"),
                                      TEXT("scripts/surfaces/d.lua", "return {\n")));
    assert_null(tn_units_load(&r->env, f, NULL, collect, &faults, &err));
    tn_fileset_unref(f);
    assert_int_equal(faults.n, 5);
    assert_string_equal(faults.list[0].file, "scripts/resources/c.lua");
    assert_string_equal(err.file, faults.list[0].file);
    assert_string_equal(faults.list[1].file, "scripts/surfaces/d.lua");
    bool a = false, b = false, x = false;
    for (size_t i = 2; i < faults.n; i++) {
        a |= !strcmp(faults.list[i].file, "scripts/adapters/a.lua");
        b |= !strcmp(faults.list[i].file, "scripts/adapters/b.lua");
        x |= !strcmp(faults.list[i].file, "mappings/x/item.lua");
    }
    assert_true(a && b && x);
}

static void a_broken_resource_brings_no_faults_of_others(void **state)
{
    struct rig *r = *state;
    struct tn_err err;
    struct faults faults = {.n = 0};
    struct tn_fileset *f = with(FILES(TEXT("scripts/resources/item.lua", "return {\n")));
    assert_null(tn_units_load(&r->env, f, NULL, collect, &faults, &err));
    tn_fileset_unref(f);
    assert_int_equal(faults.n, 1);
}

static void nothing_at_all_is_an_empty_set(void **state)
{
    struct rig *r = *state;
    static const struct tn_embedded none[] = {{NULL, NULL, 0}};
    struct tn_units *units = rig_load(r, tn_fileset_embedded(none));
    assert_int_equal(tn_units_count(units), 1);
    assert_int_equal(tn_units_adapters(units), 0);
    tn_units_unref(units);
}

/* ---- integrations keep what they began with ---- */

static void a_connection_is_replaced_when_config_or_scripts_change(void **state)
{
    struct rig *r = *state;
    struct tn_err err;
    rig_connect(r);
    struct tn_connection *a = tn_connection_get(r->connections, 1, RIG_ID, &err);
    struct tn_connection *b = tn_connection_get(r->connections, 1, RIG_ID, &err);
    assert_ptr_equal(a, b);
    tn_connection_unref(b);
    rig_config(r, "\"batchSize\":7");
    b = tn_connection_get(r->connections, 1, RIG_ID, &err);
    assert_ptr_not_equal(a, b);
    tn_connection_unref(a);
    struct tn_fileset *f =
        with(FILES({"mappings/oracle_fusion/item.lua", mapping_7, sizeof mapping_7 - 1}));
    struct tn_units *now = reload(r, r->units, f);
    tn_connections_units(r->connections, now);
    tn_units_unref(now);
    a = tn_connection_get(r->connections, 1, RIG_ID, &err);
    assert_ptr_not_equal(a, b);
    assert_string_not_equal(tn_unit_generation(tn_connection_unit(a)),
                            tn_unit_generation(tn_connection_unit(b)));
    assert_non_null(tn_connection_mapping(b, "oracle_fusion/item", &err));
    assert_ptr_equal(tn_connection_mapping(b, "oracle_fusion/item", &err),
                     tn_connection_mapping(b, "oracle_fusion/item", &err));
    tn_connection_unref(a);
    tn_connection_unref(b);
    tn_connections_drop(r->connections, RIG_ID);
    tn_connections_drop(r->connections, RIG_ID);
}

static void an_adapter_that_is_gone_is_said(void **state)
{
    struct rig *r = *state;
    static const struct tn_embedded none[] = {{NULL, NULL, 0}};
    struct tn_err err;
    rig_connect(r);
    struct tn_units *empty = rig_load(r, tn_fileset_embedded(none));
    tn_connections_units(r->connections, empty);
    tn_units_unref(empty);
    assert_null(tn_connection_get(r->connections, 1, RIG_ID, &err));
    assert_int_equal(err.kind, TN_E_unavailable);
    assert_non_null(strstr(err.text, "oracle_fusion"));
}

/* ---- pins ---- */

static void a_pinned_unit_goes_by_its_own_files_and_the_others_do_not_see_them(void **state)
{
    struct rig *r = *state;
    static const char mapping[] =
        "local map = require 'tenon.map' return map { reads = 'x.y', writes = 'item', "
        "key = 'partNumber', set = { partNumber = map.from 'N' } }";
    struct tn_units *plain = rig_load(r, rig_files());
    struct tn_unit *unit = tn_units_find(plain, "oracle_fusion");
    char prefix[TN_PIN_LEN], hash[65];
    struct tn_fileset *newer =
        with(FILES({"mappings/oracle_fusion/item.lua", mapping, sizeof mapping - 1}));
    tn_split_pin("oracle_fusion", prefix);
    struct tn_fileset *moved = tn_fileset_moved(tn_unit_files(unit), prefix);
    struct tn_fileset *both = tn_fileset_over(newer, moved);
    struct tn_units *pinned = rig_load(r, both);
    assert_string_equal(tn_unit_generation(tn_units_find(pinned, "oracle_fusion")),
                        tn_unit_generation(unit));
    assert_string_equal(tn_unit_generation(tn_units_find(pinned, "core")),
                        tn_unit_generation(tn_units_find(plain, "core")));
    struct tn_fileset *own = tn_split_files(newer, "oracle_fusion");
    tn_fileset_hash(own, hash);
    assert_string_not_equal(hash, tn_unit_generation(unit));
    tn_fileset_unref(own);
    tn_fileset_unref(moved);
    tn_fileset_unref(newer);
    tn_units_unref(pinned);
    tn_units_unref(plain);
}

/* ---- want of memory ---- */

static const struct tn_embedded small_site[] = {
    TEXT("scripts/resources/thing.lua",
         "local tn = require 'tenon'\n"
         "return tn.resource { path = '/api/v1/things', key = { 'name' }, "
         "fields = { tn.text 'name' { required = true } } }\n"),
    TEXT("scripts/adapters/small.lua",
         "local tn = require 'tenon'\n"
         "return tn.adapter { config = {}, operations = { get = { entity = 'thing', "
         "direction = 'pull', mapping = 'small/thing', run = function() end } } }\n"),
    TEXT("mappings/small/thing.lua",
         "local map = require 'tenon.map'\n"
         "return map { reads = 'small.thing', writes = 'thing', key = 'name', "
         "set = { name = function(src) return src.N end } }\n"),
    {NULL, NULL, 0}};

/* The set that serves goes on, whichever allocation of the new one fails. */
static void a_failed_allocation_while_loading_leaves_the_old_set_serving(void **state)
{
    struct rig *r = *state;
    struct tn_units *old = rig_load(r, tn_fileset_embedded(small_site));
    size_t isolates = tn_host_isolates(r->host);
    struct tn_fileset *files = tn_fileset_embedded(small_site);
    int failed = 0;
    for (int i = 1;; i++) {
        char spec[64];
        struct tn_err err = {0};
        snprintf(spec, sizeof spec, "script.alloc=fail:%d+", i);
        tn_fault_arm(spec);
        struct tn_units *new = tn_units_load(&r->env, files, NULL, NULL, NULL, &err);
        bool passed = tn_fault_passes("script.alloc") < i;
        tn_fault_arm(NULL);
        if (!new) {
            failed++;
            assert_true(err.kind != TN_E_none && err.text[0]);
        }
        tn_units_unref(new);
        assert_int_equal(tn_host_isolates(r->host), isolates);
        assert_non_null(tn_units_mapping(old, "small/thing"));
        if (!passed) continue;
        assert_non_null(new);
        break;
    }
    assert_true(failed > 100);
    tn_fileset_unref(files);
    tn_units_unref(old);
}

/* After a swap each integration gets an isolate of the new generation when it is next needed. */
static void a_failed_allocation_while_connecting_fails_that_call_alone(void **state)
{
    struct rig *r = *state;
    rig_connect(r);
    size_t isolates = tn_host_isolates(r->host);
    int failed = 0;
    for (int i = 1;; i += 3) {
        char spec[64];
        struct tn_err err = {0};
        snprintf(spec, sizeof spec, "script.alloc=fail:%d+", i);
        tn_fault_arm(spec);
        struct tn_connection *c = tn_connection_get(r->connections, 1, RIG_ID, &err);
        bool passed = tn_fault_passes("script.alloc") < i;
        tn_fault_arm(NULL);
        if (!c) {
            failed++;
            assert_true(err.kind != TN_E_none && err.text[0]);
        }
        tn_connection_unref(c);
        tn_connections_drop(r->connections, RIG_ID);
        assert_int_equal(tn_host_isolates(r->host), isolates);
        if (passed) break;
    }
    assert_true(failed > 100);
    struct tn_err err;
    struct tn_connection *c = tn_connection_get(r->connections, 1, RIG_ID, &err);
    assert_non_null(c);
    tn_connection_unref(c);
}

#define ON_RIG(test) cmocka_unit_test_setup_teardown(test, open_rig, close_rig)

/* ---- rules ---- */

static const char a_rule[] = "local tn = require 'tenon'\n"
                             "return tn.rule {\n"
                             "  on = %s,\n"
                             "  %s\n"
                             "  run = function() end }\n";

static void rules_are_a_unit_of_their_own(void **state)
{
    struct rig *r = *state;
    static const char text[] = "local tn = require 'tenon' return tn.rule { on = 'item.*', run = "
                               "function() end }";
    struct tn_units *plain = rig_load(r, rig_files());
    struct tn_units *more = rig_load(r, with(FILES(TEXT("scripts/rules/changed.lua", text))));
    assert_null(tn_units_find(plain, "rules"));
    assert_int_equal(tn_units_rules(plain), 0);
    assert_non_null(tn_units_find(more, "rules"));
    assert_int_equal(tn_units_rules(more), 1);
    assert_string_equal(tn_units_rule_at(more, 0)->name, "changed");
    assert_string_equal(tn_unit_generation(tn_units_find(plain, "core")),
                        tn_unit_generation(tn_units_find(more, "core")));
    tn_units_unref(plain);
    tn_units_unref(more);
}

static void rules_that_would_never_run_are_refused(void **state)
{
    struct rig *r = *state;
    static const struct {
        const char *on, *more;
        int line;
        const char *says;
    } cases[] = {
        {"tn.webhook 'x' { signature = 'X' }", "", 3, "rules do not run on webhooks yet"},
        {"'itm.created'", "", 3, "'itm.created' never happens: there is no resource 'itm'"},
        {"'created'", "", 3, "'created' is no event"},
        {"{ 'item.created', 'item created' }", "", 3, "'item created' is no event"},
        {"'item.created'", "when = { data = { a = 1 } },", 4, "'when' compares 'data'"},
        {"'item.created'", "when = { a = { { 1 } } },", 4, "'when' compares 'a'"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[512];
        snprintf(text, sizeof text, a_rule, cases[i].on, cases[i].more);
        const struct tn_embedded files[] = {{"scripts/rules/x.lua", text, strlen(text)},
                                            {NULL, NULL, 0}};
        expect_fault(r, files, "scripts/rules/x.lua", cases[i].line, cases[i].says);
    }
    expect_fault(r, FILES(TEXT("scripts/adapters/rules.lua", "return 1")),
                 "scripts/adapters/rules.lua", 1, "a system cannot be called 'rules'");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_RIG(the_shipped_files_load),
        ON_RIG(defaults_of_the_fusion_config),
        ON_RIG(a_unit_has_its_files_and_what_they_require),
        ON_RIG(a_packed_set_loads_with_the_same_generations),
        ON_RIG(only_what_changed_is_loaded_anew),
        ON_RIG(a_changed_resource_checks_the_mappings_again),
        ON_RIG(a_required_file_is_part_of_the_generation),
        ON_RIG(faults_name_file_and_line),
        ON_RIG(an_operation_needs_its_mapping),
        ON_RIG(check_lists_every_fault),
        ON_RIG(a_broken_resource_brings_no_faults_of_others),
        ON_RIG(nothing_at_all_is_an_empty_set),
        ON_RIG(a_connection_is_replaced_when_config_or_scripts_change),
        ON_RIG(an_adapter_that_is_gone_is_said),
        ON_RIG(a_pinned_unit_goes_by_its_own_files_and_the_others_do_not_see_them),
        ON_RIG(rules_are_a_unit_of_their_own),
        ON_RIG(rules_that_would_never_run_are_refused),
        ON_RIG(a_failed_allocation_while_loading_leaves_the_old_set_serving),
        ON_RIG(a_failed_allocation_while_connecting_fails_that_call_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
