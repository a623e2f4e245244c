/* SPDX-License-Identifier: MIT */
/* tenon new - writes a start that runs: a site, an adapter, a mapping, a resource, a rule, a
 * surface or a test, with its test and the settings of editors. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/embed.h"
#include "base/hint.h"
#include "base/limits.h"
#include "bind/bind_map.h"
#include "cli/args.h"
#include "cli/cli.h"
#include "cli/start.h"
#include "cli/workshop.h"
#include "mapping/apply.h"
#include "scripts/shipped.h"

enum { SAMPLE_MAX = 16 * 1024 * 1024, NAME_MAX_LEN = 60 };

static const char *const kinds[] = {"site", "adapter", "mapping", "resource",
                                    "rule", "surface", "test",    NULL};

struct new_options {
    const char *site, *entity, *from, *openapi;
    const char *kind, *name;
    char of_name[NAME_MAX_LEN + 1]; /* the entity that the name of a mapping ends with */
};

static bool is(const char *a, const char *b)
{
    return strcmp(a, b) == 0;
}

/* ---- the command line ---- */

static bool check_kind(const char *kind, struct tn_err *err)
{
    for (const char *const *k = kinds; *k; k++)
        if (is(*k, kind)) return true;
    struct tn_hint hint = tn_did_you_mean(tn_str(kind), kinds);
    return tn_fail(err, TN_E_invalid, "there is no kind '%s'%s", kind,
                   hint.text[0]
                       ? hint.text
                       : ": it is site, adapter, mapping, resource, rule, surface or test");
}

static bool is_word(struct tn_str s)
{
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";
    if (!s.n || s.p[0] == '-' || s.n > NAME_MAX_LEN) return false;
    for (size_t i = 0; i < s.n; i++)
        if (!s.p[i] || !strchr(letters, s.p[i])) return false;
    return true;
}

static bool check_mapping_name(struct new_options *o, struct tn_err *err)
{
    struct tn_str rest = tn_str(o->name), system;
    tn_str_split(&rest, '/', &system);
    if (!rest.p || !is_word(system) || !is_word(rest))
        return tn_fail(err, TN_E_invalid,
                       "a mapping is called SYSTEM/ENTITY, as in: tenon new mapping acme/item; not "
                       "'%.80s'",
                       o->name);
    snprintf(o->of_name, sizeof o->of_name, "%.*s", TN_FMT(rest));
    if (!o->entity) o->entity = o->of_name;
    return true;
}

static bool check_name(struct new_options *o, struct tn_err *err)
{
    if (is(o->kind, "site")) return true;
    if (is(o->kind, "mapping")) return check_mapping_name(o, err);
    bool resource = is(o->kind, "resource");
    if (!is_word(tn_str(o->name)) || (resource && strchr(o->name, '-')))
        return tn_fail(err, TN_E_invalid,
                       "'%.80s' cannot be the name of a file of scripts: it has letters, digits%s "
                       "'_', at most %d",
                       o->name, resource ? " and" : ", '-' and", NAME_MAX_LEN);
    if (is(o->kind, "adapter") && (is(o->name, tn_core_name) || is(o->name, tn_rules_name)))
        return tn_fail(err, TN_E_invalid,
                       "a system cannot be called '%s': that is a unit of Tenon's own", o->name);
    return true;
}

static bool check_options(struct new_options *o, size_t words, struct tn_err *err)
{
    if (words) {
        if (!check_kind(o->kind, err)) return false;
    }
    if (words != 2)
        return tn_fail(err, TN_E_invalid,
                       "new takes a kind and a name, as in: tenon new adapter "
                       "acme");
    if (o->from && !is(o->kind, "mapping"))
        return tn_fail(err, TN_E_invalid, "--from goes with new mapping alone");
    if (o->openapi && !is(o->kind, "adapter"))
        return tn_fail(err, TN_E_invalid, "--openapi goes with new adapter alone");
    if (o->site && is(o->kind, "site"))
        return tn_fail(err, TN_E_invalid,
                       "new site takes the folder as its name: --site is for "
                       "what is put into one");
    if (is(o->kind, "site")) o->site = o->name;
    if (!o->site) o->site = ".";
    if (!check_name(o, err)) return false;
    if (!o->entity) o->entity = "item";
    return true;
}

/* ---- what the templates get ---- */

static void put_fields(struct tn_jw *w, const struct tn_entity *e)
{
    tn_jw_key(w, TN_STR("fields"));
    tn_jw_array(w);
    for (size_t i = 0; i < e->n_fields; i++) {
        const struct tn_field *f = &e->fields[i];
        tn_jw_object(w);
        tn_jw_kz(w, "name", f->name);
        tn_jw_kz(w, "type", tn_field_type_name(f->type));
        tn_jw_kbool(w, "required", f->required);
        tn_jw_kbool(w, "generated", f->generated);
        if (f->min) tn_jw_kz(w, "min", f->min);
        if (f->pattern) tn_jw_kz(w, "pattern", f->pattern);
        if (f->values) {
            tn_jw_key(w, TN_STR("values"));
            tn_jw_array(w);
            for (const char *const *v = f->values; *v; v++) tn_jw_str(w, tn_str(*v));
            tn_jw_end(w);
        }
        tn_jw_end(w);
    }
    tn_jw_end(w);
}

static void put_resources(struct tn_jw *w, const struct tn_units *units)
{
    tn_jw_key(w, TN_STR("resources"));
    tn_jw_array(w);
    for (size_t i = 0; i < tn_units_resources(units); i++) {
        const struct tn_entity *e = &tn_units_resource_at(units, i)->resource;
        tn_jw_object(w);
        tn_jw_kz(w, "name", e->name);
        tn_jw_kz(w, "plural", e->plural);
        tn_jw_key(w, TN_STR("key"));
        tn_jw_array(w);
        for (const char *const *key = e->key; key && *key; key++) tn_jw_str(w, tn_str(*key));
        tn_jw_end(w);
        put_fields(w, e);
        tn_jw_end(w);
    }
    tn_jw_end(w);
}

static bool read_whole(const char *path, struct tn_buf *text, struct tn_err *err)
{
    FILE *f = fopen(path, "r");
    size_t n;
    if (!f) return tn_fail_errno(err, errno, path);
    do {
        char *at = tn_buf_reserve(text, 64 * TN_KIB);
        n = at ? fread(at, 1, 64 * TN_KIB, f) : 0;
        text->n += n;
    } while (n);
    bool ok = !ferror(f) || tn_fail_errno(err, errno, path);
    fclose(f);
    if (!ok || !tn_buf_ok(text, path, err)) return false;
    struct tn_str content = tn_buf_str(text);
    if (tn_str_starts(content, "\xef\xbb\xbf")) {
        memmove(text->p, text->p + 3, text->n - 3);
        text->n -= 3;
    }
    if (tn_utf8_valid(text->p, text->n)) return true;
    tn_fail(err, TN_E_syntax, "it is not UTF-8: save a sample as UTF-8 to begin with");
    return tn_fail_at(err, path, 0);
}

static const char *format_of(const char *path)
{
    static const char *const formats[] = {"json", "ndjson", "csv", "xml", NULL};
    const char *dot = strrchr(path, '.');
    for (const char *const *f = formats; dot && *f; f++)
        if (strcasecmp(dot + 1, *f) == 0) return *f;
    return NULL;
}

/* Adds the file that an option names, as { path, format, text }. */
static bool put_file(struct tn_jw *w, const char *key, const char *path, struct tn_err *err)
{
    struct tn_buf text;
    const char *format = format_of(path);
    if (is(key, "from") && !format)
        return tn_fail(err, TN_E_invalid,
                       "--from takes a file that ends with .json, .ndjson, .csv or .xml, not '%s'",
                       path);
    tn_buf_init(&text, SAMPLE_MAX);
    bool ok = read_whole(path, &text, err);
    if (ok) {
        tn_jw_key(w, tn_str(key));
        tn_jw_object(w);
        tn_jw_kz(w, "path", path);
        tn_jw_kz(w, "format", format ? format : "");
        tn_jw_kstr(w, "text", tn_buf_str(&text));
        tn_jw_end(w);
    }
    tn_buf_clear(&text);
    return ok;
}

static bool put_request(const struct new_options *o, const struct tn_units *units,
                        struct tn_buf *out, struct tn_err *err)
{
    struct tn_jw w;
    tn_jw_init(&w, out);
    tn_jw_object(&w);
    tn_jw_kz(&w, "kind", o->kind);
    tn_jw_kz(&w, "name", o->name);
    tn_jw_kz(&w, "site", o->site);
    tn_jw_kz(&w, "entity", o->entity);
    put_resources(&w, units);
    bool ok = (!o->from || put_file(&w, "from", o->from, err)) &&
              (!o->openapi || put_file(&w, "openapi", o->openapi, err));
    tn_jw_end(&w);
    return ok && tn_buf_ok(out, "the request", err);
}

static bool check_entity(const struct new_options *o, const struct tn_units *units,
                         struct tn_err *err)
{
    if (tn_units_resource(units, o->entity)) return true;
    const struct tn_entities *all = tn_unit_resources(tn_units_find(units, tn_core_name));
    struct tn_hint hint = tn_entities_hint(all, tn_str(o->entity));
    return tn_fail(err, TN_E_invalid, "there is no resource '%s'%s%s", o->entity, hint.text,
                   is(o->kind, "mapping") ? ": a mapping ends with the entity that it writes, or "
                                            "--entity names it"
                                          : "");
}

/* ---- the examples of mappings ---- */

static void pass_example(void *arg, const char *file, size_t number, const struct tn_err *err)
{
    (void)arg, (void)file, (void)number, (void)err;
}

static void pass_fault(void *arg, const struct tn_err *err)
{
    struct tn_err *last = arg;
    if (tn_str_starts(tn_str(err->file), "mappings/")) *last = *err;
}

/* Is the path one that the server loads? */
static bool is_script(const char *path)
{
    return tn_str_starts(tn_str(path), "scripts/") || tn_str_starts(tn_str(path), "mappings/");
}

static struct tn_fileset *with_start(const struct tn_fileset *files, const struct tn_start *start,
                                     struct tn_err *err)
{
    struct tn_fileset *all = tn_fileset_over(files, NULL);
    for (size_t i = 0; all && i < start->n; i++) {
        if (!is_script(start->v[i].path)) continue;
        struct tn_fileset *one = tn_fileset_one(start->v[i].path, tn_str(start->v[i].text), err);
        struct tn_fileset *more = one ? tn_fileset_over(all, one) : NULL;
        tn_fileset_unref(one);
        tn_fileset_unref(all);
        all = more;
    }
    return all;
}

/* Maps give and puts what comes out into the place of the example's expectation. */
static bool expect_of(const struct tn_mapping *m, const char *name, struct tn_str give,
                      struct tn_start *start, struct tn_err *err)
{
    char word[2 * NAME_MAX_LEN + 16];
    struct tn_json *record = tn_json_new();
    struct tn_apply *apply = tn_apply_new(tn_mapping_plan(m));
    struct tn_outcome outcome;
    struct tn_buf out;
    tn_buf_init(&out, TN_LIMIT_RECORD);
    bool ok = tn_json_parse(record, give, err);
    if (ok && !tn_apply_record(apply, tn_json_root(record), &out, &outcome))
        ok = tn_fail(err, TN_E_mapping, "the first record of the sample cannot be mapped: %s: %s",
                     outcome.faults[0].field, outcome.faults[0].text);
    if (ok) {
        const char *open = memmem(out.p, out.n, "]]", 2) ? "[==[" : "[[";
        const char *close = open[1] == '=' ? "]==]" : "]]";
        struct tn_buf text;
        tn_buf_init(&text, 2 * TN_LIMIT_RECORD);
        tn_buf_adds(&text, open);
        tn_buf_addstr(&text, tn_buf_str(&out));
        tn_buf_adds(&text, close);
        snprintf(word, sizeof word, "[[@EXPECT:%s@]]", name);
        tn_start_exchange(start, word, tn_buf_str(&text));
        tn_buf_clear(&text);
    }
    tn_buf_clear(&out);
    tn_apply_free(apply);
    tn_json_free(record);
    return ok;
}

/* Completes the examples of the mappings among the files: what they expect is what the mapping
 * makes. */
static bool complete(struct tn_workshop *w, struct tn_jval files, struct tn_start *start,
                     struct tn_err *err)
{
    const struct tn_example_watch pass = {pass_example, NULL};
    struct tn_err fault;
    tn_fail(&fault, TN_E_mapping, "the mapping does not load");
    struct tn_fileset *all = with_start(tn_units_files(w->units), start, err);
    bool ok = all != NULL;
    if (!ok) return false;
    w->env.examples = &pass;
    struct tn_units *units = tn_units_salvage(&w->env, all, pass_fault, &fault);
    tn_fileset_unref(all);
    for (struct tn_jiter it = tn_jiter(files); ok && tn_jnext(&it);) {
        struct tn_arena arena;
        struct tn_str name, give;
        tn_arena_init(&arena);
        if (tn_jtext(tn_jget_z(it.value, "mapping"), &arena, &name) &&
            tn_jtext(tn_jget_z(it.value, "give"), &arena, &give)) {
            const char *z = tn_arena_strndup(&arena, name.p, name.n);
            const struct tn_mapping *m = tn_units_mapping(units, z);
            if (!m) *err = fault;
            ok = m && expect_of(m, z, give, start, err);
        }
        tn_arena_clear(&arena);
    }
    tn_units_unref(units);
    return ok;
}

/* ---- the settings of editors ---- */

static const char LUARC[] =
    "{\n"
    "  \"$schema\": "
    "\"https://raw.githubusercontent.com/LuaLS/vscode-lua/master/setting/schema.json\",\n"
    "  \"runtime.version\": \"Lua 5.4\",\n"
    "  \"runtime.path\": [\"scripts/?.lua\", \".tenon/meta/?.lua\"],\n"
    "  \"workspace.library\": [\".tenon/meta\"],\n"
    "  \"workspace.checkThirdParty\": false,\n"
    "  \"diagnostics.globals\": [\"test\", \"expect\"]\n"
    "}\n";

static void add_editor(struct tn_start *start)
{
    static const char stubs[] = "stdlib/meta/";
    tn_start_add(start, ".luarc.json", tn_str(LUARC), true);
    for (const struct tn_embedded *e = tn_shipped_pages; e->path; e++) {
        char path[256];
        if (!tn_str_starts(tn_str(e->path), stubs)) continue;
        snprintf(path, sizeof path, ".tenon/meta/%s", e->path + strlen(stubs));
        tn_start_add(start, path, (struct tn_str){e->text, e->n}, true);
    }
}

/* ---- all of it ---- */

static bool is_true(struct tn_jval v)
{
    bool value;
    return tn_jbool(v, &value) && value;
}

static void take_files(struct tn_jval files, struct tn_start *start)
{
    for (struct tn_jiter it = tn_jiter(files); tn_jnext(&it);) {
        struct tn_arena arena;
        struct tn_str path, text;
        tn_arena_init(&arena);
        if (tn_jtext(tn_jget_z(it.value, "path"), &arena, &path) &&
            tn_jtext(tn_jget_z(it.value, "text"), &arena, &text))
            tn_start_add(start, tn_arena_strndup(&arena, path.p, path.n), text,
                         is_true(tn_jget_z(it.value, "keep")));
        tn_arena_clear(&arena);
    }
}

static void say_next(const struct new_options *o, struct tn_jval answer)
{
    struct tn_arena arena;
    struct tn_str note;
    tn_arena_init(&arena);
    if (tn_jtext(tn_jget_z(answer, "note"), &arena, &note)) printf("%.*s\n", TN_FMT(note));
    printf("next: tenon check --site %s && tenon test --site %s\n", o->site, o->site);
    tn_arena_clear(&arena);
}

static bool make(const struct new_options *o, struct tn_workshop *w, struct tn_err *err)
{
    struct tn_buf request, answer;
    struct tn_json *json = tn_json_new();
    struct tn_start start = {.n = 0};
    tn_buf_init(&request, 8 * (size_t)SAMPLE_MAX);
    tn_buf_init(&answer, SAMPLE_MAX);
    bool ok = check_entity(o, w->units, err) && put_request(o, w->units, &request, err) &&
              tn_start_make(w->host, &request, &answer, err) &&
              tn_json_parse(json, tn_buf_str(&answer), err);
    struct tn_jval files = ok ? tn_jget_z(tn_json_root(json), "files") : (struct tn_jval){0};
    if (ok) take_files(files, &start);
    ok = ok && complete(w, files, &start, err);
    if (ok) add_editor(&start);
    ok = ok && tn_start_write(&start, o->site, err);
    if (ok) say_next(o, tn_json_root(json));
    tn_start_clear(&start);
    tn_json_free(json);
    tn_buf_clear(&request);
    tn_buf_clear(&answer);
    return ok;
}

static void ignore_fault(void *arg, const struct tn_err *err)
{
    (void)arg, (void)err;
}

int tn_cli_new(int argc, char **argv)
{
    struct new_options o = {.site = NULL};
    const char *words[2] = {NULL, NULL};
    struct tn_workshop workshop;
    struct tn_err err;
    size_t n;
    const struct tn_arg table[] = {
        {"site", TN_ARG_text, &o.site, "DIR", "the folder it is put into; the current one"},
        {"entity", TN_ARG_text, &o.entity, "NAME", "the resource it is about; item"},
        {"from", TN_ARG_text, &o.from, "FILE", "mapping: propose fields from .json, .csv or .xml"},
        {"openapi", TN_ARG_text, &o.openapi, "FILE", "adapter: from a description in JSON"},
        {NULL, TN_ARG_flag, NULL, NULL, NULL}};
    if (!tn_args_parse(table, argc, argv, words, 2, &n, &err)) return tn_cli_usage(&err, "new");
    o.kind = words[0];
    o.name = words[1];
    if (!check_options(&o, n, &err)) return tn_cli_usage(&err, "new");
    const char *site = access(o.site, F_OK) == 0 ? o.site : NULL;
    bool ok = tn_workshop_salvage(&workshop, site, NULL, NULL, ignore_fault, NULL, &err) &&
              make(&o, &workshop, &err);
    tn_workshop_close(&workshop);
    return ok ? TN_EXIT_ok : tn_cli_fail(&err);
}
