/* SPDX-License-Identifier: MIT */
/* The stubs for editors say what the C tables say: each module has a stub, each function of a
 * module and each method of its objects is in it, and nothing else is; of modules that are files
 * they have as many parameters, too. */
#include <dirent.h>
#include <stdlib.h>

#include "script_fixture.h"

#include "base/alloc.h"
#include "base/buf.h"
#include "base/field.h"
#include "bind/bind.h"

enum { NAMES = 200, ANY = -1 };
struct names {
    char name[NAMES][48];
    int params[NAMES]; /* ANY: nothing tells how many */
    int n;
};

static int find(const struct names *names, struct tn_str name)
{
    for (int i = 0; i < names->n; i++)
        if (tn_str_is(name, names->name[i])) return i;
    return -1;
}

static void add_function(struct names *names, struct tn_str name, int params)
{
    assert_true(names->n < NAMES && name.n < 48);
    if (find(names, name) >= 0) return;
    names->params[names->n] = params;
    snprintf(names->name[names->n++], 48, "%.*s", TN_FMT(name));
}

static void add(struct names *names, struct tn_str name)
{
    add_function(names, name, ANY);
}

static char *read_source(const char *path)
{
    char full[512];
    snprintf(full, sizeof full, "%s/../../%s", FIXTURES, path);
    FILE *f = fopen(full, "rb");
    if (!f) return NULL;
    struct tn_buf text;
    char part[4096];
    size_t n;
    tn_buf_init(&text, TN_MIB);
    while ((n = fread(part, 1, sizeof part, f)) > 0) tn_buf_add(&text, part, n);
    fclose(f);
    return tn_buf_take(&text, &n);
}

static bool name_byte(char c)
{
    return c == '_' || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* Rows {"name", l_name} of all luaL_Reg tables of a file; metamethods are no business of callers.
 */
static void names_in_c(const char *text, struct names *out)
{
    for (const char *p = text; (p = strstr(p, "{\"")); p++) {
        struct tn_str name = {p + 2, 0};
        while (name_byte(name.p[name.n])) name.n++;
        const char *after = name.p + name.n;
        if (after[0] != '"' || after[1] != ',' || tn_str_starts(name, "__")) continue;
        after += 2;
        while (*after == ' ' || *after == '\n') after++;
        const char *end = after;
        while (name_byte(*end)) end++;
        /* a function, then the end of the row */
        if (end > after && *end == '}' && *after >= 'a') add(out, name);
    }
}

/* Of "(path, query)"; a method has itself, too. */
static int params_in_stub(const char *open, bool method)
{
    struct tn_str list = {open + 1, strcspn(open + 1, ")")};
    int n = method + (list.n > 0);
    for (size_t i = 0; i < list.n; i++) n += list.p[i] == ',';
    return memmem(list.p, list.n, "...", 3) ? ANY : n;
}

/* "function x.name(" and "function X:name(" */
static void names_in_stub(const char *text, struct names *out)
{
    for (const char *p = text; (p = strstr(p, "\nfunction ")); p++) {
        const char *open = strchr(p, '('), *at = open;
        while (name_byte(at[-1])) at--;
        add_function(out, (struct tn_str){at, (size_t)(open - at)},
                     params_in_stub(open, at[-1] == ':'));
    }
}

static bool agree(int params, int other)
{
    return params == ANY || other == ANY || params == other;
}

static void compare(const char *module, const struct names *real, const struct names *stub)
{
    for (int i = 0; i < real->n; i++) {
        int at = find(stub, tn_str(real->name[i]));
        if (at < 0) fail_msg("%s: %s is not in stdlib/meta", module, real->name[i]);
        if (!agree(real->params[i], stub->params[at]))
            fail_msg("%s: %s has %d parameters, in stdlib/meta %d", module, real->name[i],
                     real->params[i], stub->params[at]);
    }
    for (int i = 0; i < stub->n; i++)
        if (find(real, tn_str(stub->name[i])) < 0)
            fail_msg("%s: %s is in stdlib/meta only", module, stub->name[i]);
}

/* Objects of a module that have files of their own. */
static void add_objects(const char *module, struct names *c)
{
    static const char *const files[][2] = {{"tenon.http", "runtime/bind/bind_stream.c"},
                                           {"tenon.http", "runtime/bind/http_reply.c"},
                                           {"tenon.store", "runtime/bind/bind_transaction.c"}};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        if (strcmp(module, files[i][0]) != 0) continue;
        char *source = read_source(files[i][1]);
        assert_non_null(source);
        names_in_c(source, c);
        tn_free(source);
    }
}

/* The words of "tenon" that come from lists. */
static void add_words(struct names *c)
{
    static const char *const words[] = {"adapter", "resource", "surface", "rule",   "route",
                                        "none",    "basic",    "bearer",  "api_key"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) add(c, tn_str(words[i]));
    for (int type = 0; type < TN_FIELD_types; type++) add(c, tn_str(tn_field_type_name(type)));
}

static void stubs_say_what_the_tables_say(void **state)
{
    (void)state;
    for (const struct tn_module *m = bind_modules; m->name; m++) {
        if (!m->open || strcmp(m->name, "cjson.safe") == 0) continue; /* a file; as cjson */
        char path[128];
        const char *dot = strchr(m->name, '.');
        struct names c = {.n = 0}, stub = {.n = 0};
        snprintf(path, sizeof path, "runtime/bind/bind_%s.c", dot ? dot + 1 : m->name);
        char *source = read_source(path);
        if (!source) fail_msg("%s has no %s", m->name, path);
        snprintf(path, sizeof path, "stdlib/meta/%s.lua", m->name);
        char *meta = read_source(path);
        if (!meta) fail_msg("%s has no %s", m->name, path);
        names_in_c(source, &c);
        names_in_stub(meta, &stub);
        add_objects(m->name, &c);
        if (strcmp(m->name, "tenon") == 0) add_words(&c);
        compare(m->name, &c, &stub);
        if (!strstr(meta, "---@meta") || !strstr(meta, "```lua"))
            fail_msg("%s: the stub has no ---@meta line or no example", path);
        tn_free(source);
        tn_free(meta);
    }
}

/* Every module opens, and is read-only. */
static void modules_open(void **state)
{
    struct bind_context context = {.area = "test"};
    struct tn_isolate_options o = {.name = "all", .modules = bind_modules, .context = &context};
    struct tn_isolate *iso = fixture_isolate(*state, &o);
    for (const struct tn_module *m = bind_modules; m->name; m++) {
        struct fixture_text out;
        char text[256];
        if (!m->open) continue;
        snprintf(text, sizeof text,
                 "local m = require '%s' return m == require '%s', (pcall(function() m.get = 1 "
                 "end)), (pcall(rawset, m, 'x', 1))",
                 m->name, m->name);
        fixture_run(iso, &out, text);
        if (strcmp(out.text, "true false false") != 0) fail_msg("%s: %s", m->name, out.text);
    }
    tn_isolate_unref(iso);
}

static bool is_listed(const char *name)
{
    const struct tn_module *m = bind_modules;
    while (m->name && strcmp(m->name, name) != 0) m++;
    return m->name && !m->open;
}

static void modules_that_are_files_are_listed(void **state)
{
    DIR *dir = opendir(FIXTURES "/../../stdlib/std");
    (void)state;
    assert_non_null(dir);
    for (struct dirent *e; (e = readdir(dir));) {
        char name[300];
        if (e->d_name[0] == '.') continue;
        snprintf(name, sizeof name, "std.%.*s", (int)(strcspn(e->d_name, ".")), e->d_name);
        if (!is_listed(name)) fail_msg("%s is not in bind_modules", name);
    }
    closedir(dir);
}

/* ---- modules that are files ---- */

static bool find_file(void *arg, const char *path, struct tn_str *text)
{
    char **held = arg;
    tn_free(*held);
    *held = read_source(path);
    if (*held) *text = tn_str(*held);
    return *held != NULL;
}

static const struct tn_sources sources = {find_file};

/* What their stubs are about as well: methods of objects that they make. */
static const struct {
    const char *module, *made;
} objects[] = {{"std.connection", "new({}, {})"}, {"std.test", "expect(1)"}};

/* What the runtime, or std itself, calls, and scripts do not. */
static const char *const inner[] = {"std.connection.new",    "std.connection.run",
                                    "std.connection.health", "std.connection.explain",
                                    "std.test.all",          NULL};

static bool is_inner(const char *module, const char *name)
{
    char full[100];
    snprintf(full, sizeof full, "%s.%s", module, name);
    for (const char *const *i = inner; *i; i++)
        if (strcmp(*i, full) == 0) return true;
    return false;
}

struct value {
    const char *module;
    int ref;
    struct names *out;
};

static void take_functions(lua_State *L, struct value *v)
{
    for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1)) {
        lua_Debug info;
        if (lua_type(L, -2) != LUA_TSTRING || !lua_isfunction(L, -1)) continue;
        if (is_inner(v->module, lua_tostring(L, -2))) continue;
        lua_pushvalue(L, -1);
        lua_getinfo(L, ">Su", &info);
        bool told = *info.what == 'L' && !info.isvararg;
        add_function(v->out, tn_str(lua_tostring(L, -2)), told ? info.nparams : ANY);
    }
}

static void take_value(lua_State *L, void *arg)
{
    struct value *v = arg;
    tn_isolate_push(L, v->ref);
    take_functions(L, v);
    if (luaL_getmetafield(L, -1, "__index") == LUA_TTABLE) take_functions(L, v);
}

/* The functions of what the text makes. */
static void names_in_value(struct tn_isolate *iso, const char *module, const char *text,
                           struct names *out)
{
    struct tn_err err;
    struct value v = {.module = module, .ref = fixture_load(iso, text), .out = out};
    if (!tn_isolate_protect(iso, take_value, &v, &err)) fail_msg("%s: %s", text, err.text);
    tn_isolate_release(iso, v.ref);
}

static void names_in_file(struct tn_isolate *iso, const char *module, struct names *out)
{
    char text[200];
    snprintf(text, sizeof text, "return require '%s'", module);
    names_in_value(iso, module, text, out);
    for (size_t i = 0; i < sizeof objects / sizeof *objects; i++) {
        if (strcmp(objects[i].module, module) != 0) continue;
        snprintf(text, sizeof text, "return require('%s').%s", module, objects[i].made);
        names_in_value(iso, module, text, out);
    }
}

static void stubs_say_what_the_files_say(void **state)
{
    char *held = NULL;
    struct bind_context context = {.area = "test"};
    struct tn_isolate_options o = {.name = "all",
                                   .sources = &sources,
                                   .sources_arg = &held,
                                   .modules = bind_modules,
                                   .context = &context};
    struct tn_isolate *iso = fixture_isolate(*state, &o);
    for (const struct tn_module *m = bind_modules; m->name; m++) {
        char path[128];
        struct names real = {.n = 0}, stub = {.n = 0};
        if (m->open) continue;
        snprintf(path, sizeof path, "stdlib/meta/%s.lua", m->name);
        char *meta = read_source(path);
        if (!meta) fail_msg("%s has no %s", m->name, path);
        names_in_stub(meta, &stub);
        names_in_file(iso, m->name, &real);
        compare(m->name, &real, &stub);
        tn_free(meta);
    }
    tn_isolate_unref(iso);
    tn_free(held);
}

static void unknown_modules_and_names_are_named(void **state)
{
    static const struct {
        const char *text, *says;
    } cases[] = {
        {"return require('tenon.stor')", "no module 'tenon.stor'; did you mean 'tenon.store'?"},
        {"return require('std.sesion')", "no module 'std.sesion'; did you mean 'std.session'?"},
        {"return require('tenon').txt", "tenon has no 'txt'; did you mean 'text'?"},
        {"return require('tenon').auth.basik", "tn.auth has no 'basik'; did you mean 'basic'?"},
        {"return require('tenon').auth.oauth2",
         "tn.auth has no 'oauth2'; did you mean 'std.oauth2'?"},
        {"return require('tenon').auth.session",
         "tn.auth has no 'session'; did you mean 'std.session'?"},
        {"return require('tenon').moonlight", "tenon has no 'moonlight'"},
        {"return require('tenon')[1]", "tenon has no '1'"},
        {"return require('tenon.crypto').sha265", "this module has no 'sha265'; did you mean 'sha"},
        {"return require('tenon.json').decoed", "tenon.json has no 'decoed'; did you mean 'decode"},
    };
    struct bind_context context = {.area = "test"};
    struct tn_isolate_options o = {.name = "all", .modules = bind_modules, .context = &context};
    struct tn_isolate *iso = fixture_isolate(*state, &o);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct fixture_text out;
        fixture_run(iso, &out, cases[i].text);
        if (!strstr(out.text, cases[i].says)) fail_msg("%s: %s", cases[i].text, out.text);
    }
    tn_isolate_unref(iso);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stubs_say_what_the_tables_say),
        cmocka_unit_test(modules_that_are_files_are_listed),
        cmocka_unit_test_setup_teardown(stubs_say_what_the_files_say, fixture_open, fixture_close),
        cmocka_unit_test_setup_teardown(modules_open, fixture_open, fixture_close),
        cmocka_unit_test_setup_teardown(unknown_modules_and_names_are_named, fixture_open,
                                        fixture_close)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
