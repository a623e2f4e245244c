/* SPDX-License-Identifier: MIT */
/* tenon test - runs the examples of mappings, then Lua tests of scripts: each file in an isolate of
 * its own, without network, each test with a store of its own that is empty. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "access/secrets.h"
#include "base/alloc.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/time.h"
#include "bind/bind_map.h"
#include "bind/testing.h"
#include "cli/args.h"
#include "cli/cli.h"
#include "cli/scratch.h"
#include "cli/workshop.h"
#include "loop/loop.h"
#include "scripts/decl.h"

enum { PATHS_MAX = 256, FILES_MAX = 2000, TEST_MS = 10000, DEPTH_MAX = 8 };

static const char SUFFIX[] = ".test.lua", USUAL[] = "tests/lua", OWN[] = "tests";
/* On the first line of the file, so that lines keep their numbers. */
static const char HEAD[] =
    "local test, expect = require(\"std.test\").test, require(\"std.test\").expect ";
static const char FOOT[] = "\nreturn require(\"std.test\").all()\n";

struct testing {
    struct tn_workshop workshop;
    struct tn_log *log;             /* standard error, since results go to standard output */
    struct tn_scratch_store *store; /* NULL: there is none; scripts are told so */
    struct tn_secrets secrets;      /* with the key of its vault */
    int64_t teams;                  /* that tests had so far */
    struct tn_clock clock;          /* of the test that runs, and of the store */
    char *files[FILES_MAX];
    size_t n_files;
    bool tap, colour;
    size_t run, failed; /* tests and examples */
    size_t tests;       /* that files have, or would have if they loaded */
    size_t groups;      /* files of either */
    struct tn_example_watch examples;
};

/* One file's tests. */
struct suite {
    struct testing *t;
    struct bind_testing test;
    struct bind_context context;
    struct bind_owner owner;
    struct tn_isolate *iso;
    int all, runner; /* refs */
    size_t count, number;
    char name[256];
    bool ended, ok;
    struct tn_err err;
};

/* ---- which files ---- */

static bool add_path(struct testing *t, const char *path, int depth, struct tn_err *err);

static bool add_folder(struct testing *t, const char *path, int depth, struct tn_err *err)
{
    struct dirent **list;
    int n = scandir(path, &list, NULL, alphasort);
    bool ok = n >= 0 || tn_fail_errno(err, errno, path);
    for (int i = 0; i < n; i++) {
        char full[4096];
        const char *name = list[i]->d_name;
        struct stat st;
        snprintf(full, sizeof full, "%s/%s", path, name);
        bool wanted = name[0] != '.' && stat(full, &st) == 0 &&
                      (S_ISDIR(st.st_mode) ? depth < DEPTH_MAX : tn_str_ends(tn_str(name), SUFFIX));
        if (ok && wanted) ok = add_path(t, full, depth + 1, err);
        free(list[i]);
    }
    if (n >= 0) free(list);
    return ok;
}

static bool add_path(struct testing *t, const char *path, int depth, struct tn_err *err)
{
    struct stat st;
    if (stat(path, &st) < 0) return tn_fail_errno(err, errno, path);
    if (S_ISDIR(st.st_mode)) return add_folder(t, path, depth, err);
    if (t->n_files == FILES_MAX) return tn_fail(err, TN_E_too_large, "too many test files");
    t->files[t->n_files++] = tn_strdup(path);
    return true;
}

/* Neither a byte order mark nor a line for the shell is Lua: blanks, as lines keep their numbers.
 */
static void blank_head(char *p, size_t n)
{
    static const char mark[] = {'\xef', '\xbb', '\xbf'};
    if (n >= sizeof mark && memcmp(p, mark, sizeof mark) == 0) {
        memset(p, ' ', sizeof mark);
        p += sizeof mark;
        n -= sizeof mark;
    }
    if (n && *p == '#')
        for (; n && *p != '\n'; n--) *p++ = ' ';
}

/* The file between HEAD and FOOT: a chunk that returns the list of its tests. */
static bool read_text(const char *path, struct tn_buf *text, struct tn_err *err)
{
    const size_t head = sizeof HEAD - 1;
    FILE *f = fopen(path, "r");
    size_t n;
    if (!f) return tn_fail_errno(err, errno, path);
    tn_buf_adds(text, HEAD);
    do {
        char *at = tn_buf_reserve(text, 64 * TN_KIB);
        n = at ? fread(at, 1, 64 * TN_KIB, f) : 0;
        text->n += n;
    } while (n);
    fclose(f);
    if (text->n >= head) blank_head(text->p + head, text->n - head);
    tn_buf_adds(text, FOOT);
    return tn_buf_ok(text, path, err);
}

/* ---- results ---- */

/* Prints a text of a script so that it stays on one line: line breaks become `lf`, other control
 * bytes become blanks, and the bytes in `marked` get a backslash. */
static void put_text(const char *text, const char *lf, const char *marked)
{
    for (; *text; text++) {
        if (*text == '\n') {
            fputs(lf, stdout);
            continue;
        }
        if (strchr(marked, *text)) putchar('\\');
        putchar((unsigned char)*text < ' ' ? ' ' : *text);
    }
}

/* In TAP a "#" of a name would begin a directive: "# SKIP". */
static void put_name(const struct testing *t, const char *name)
{
    put_text(name, " ", t->tap ? "#\\" : "");
}

static void put_err(const struct tn_err *err, const char *head, const char *lf)
{
    fputs(head, stdout);
    if (err->file[0]) {
        put_text(err->file, " ", "");
        printf(":%d: ", err->line);
    }
    printf("[%s] ", tn_kind_name(err->kind));
    put_text(err->text, lf, "");
    putchar('\n');
}

static void put_result(const struct testing *t, const char *file, bool ok)
{
    const char *colour = !t->colour ? "" : ok ? "\033[32m" : "\033[31m";
    if (!t->tap) {
        printf("  %s%s%s ", colour, ok ? "ok" : "FAILED", t->colour ? "\033[0m" : "");
        return;
    }
    printf("%s %zu - ", ok ? "ok" : "not ok", t->run);
    put_name(t, file);
    printf(": ");
}

/* Counts one test or example and prints its line.  err NULL: it passed. */
static void say(struct testing *t, const char *file, const char *name, const struct tn_err *err)
{
    t->run++;
    t->failed += err != NULL;
    put_result(t, file, !err);
    put_name(t, name);
    putchar('\n');
    if (err && t->tap)
        put_err(err, "# ", "\n# ");
    else if (err)
        put_err(err, "         ", "\n         ");
}

static void begin_group(struct testing *t, const char *file)
{
    t->groups++;
    if (!t->tap) printf("%s\n", file);
}

static void put_empty(const struct testing *t, const char *file)
{
    fputs(t->tap ? "# " : "  ", stdout);
    if (t->tap) put_text(file, " ", "");
    printf("%sno test is in this file\n", t->tap ? ": " : "");
}

/* ---- examples of mappings, while these load ---- */

static void take_example(void *arg, const char *file, size_t number, const struct tn_err *err)
{
    struct testing *t = arg;
    char name[40];
    snprintf(name, sizeof name, "example %zu", number);
    if (number == 1) begin_group(t, file);
    say(t, file, name, err);
}

/* A file that does not load is a test that failed; the others go on. */
static void take_fault(void *arg, const struct tn_err *err)
{
    struct testing *t = arg;
    begin_group(t, err->file);
    say(t, err->file, "loads", err);
}

static bool open_workshop(struct testing *t, const char *site, struct tn_err *err)
{
    t->examples = (struct tn_example_watch){take_example, t};
    if (t->tap) printf("TAP version 13\n");
    bool ok = tn_workshop_salvage(&t->workshop, site, t->log, &t->examples, take_fault, t, err);
    if (!ok && t->tap) put_err(err, "Bail out! ", " ");
    return ok;
}

/* What tests put into the vault goes with the store, so any key will do. */
static void open_vault(struct testing *t)
{
    struct tn_err err;
    char key[33];
    for (size_t i = 0; i < sizeof key - 1; i++) key[i] = (char)('A' + i % 26);
    key[sizeof key - 1] = '\0';
    if (tn_secrets_from(&t->secrets, tn_str(key), TN_STR("tests"), &err))
        t->workshop.env.secrets = &t->secrets;
    else
        fprintf(stderr, "tests have no vault: %s\n", err.text);
}

static void open_store(struct testing *t)
{
    struct tn_err err;
    t->store = tn_scratch_store_open(t->workshop.loop, t->workshop.units, &t->clock, &err);
    if (!t->store) {
        fprintf(stderr, "tests have no store: %s\n", err.text);
        return;
    }
    t->workshop.env.store = tn_scratch_store_of(t->store);
    t->workshop.env.tools = tn_tx_tools_new();
    open_vault(t);
}

/* ---- one test ---- */

static int push_number(lua_State *L, void *arg)
{
    lua_pushinteger(L, (lua_Integer)((struct suite *)arg)->number);
    return 1;
}

static void test_done(void *arg, const struct tn_err *err)
{
    struct suite *s = arg;
    s->ended = true;
    s->ok = !err;
    if (err) s->err = *err;
}

static void take_name(lua_State *L, void *arg)
{
    struct suite *s = arg;
    tn_isolate_push(L, s->all);
    lua_getfield(L, -1, "names");
    lua_rawgeti(L, -1, (lua_Integer)s->number);
    snprintf(s->name, sizeof s->name, "%s", luaL_checkstring(L, -1));
}

static void run_test(struct suite *s)
{
    struct tn_task_call call = {.push = push_number, .done = test_done, .limit_ms = TEST_MS};
    s->ended = false;
    s->ok = tn_isolate_protect(s->iso, take_name, s, &s->err) &&
            tn_task_start(s->iso, s->runner, &call, s, &s->err) != NULL;
    while (s->ok && !s->ended) tn_loop_turn(s->t->workshop.loop, true);
}

/* ---- one file ---- */

static bool find_file(void *arg, const char *path, struct tn_str *text)
{
    const struct tn_file *file = tn_fileset_find(tn_units_files(arg), tn_str(path));
    if (file) *text = file->text;
    return file != NULL;
}

static const struct tn_sources sources = {find_file};

static void take_list(lua_State *L, void *arg)
{
    struct suite *s = arg;
    tn_isolate_push(L, s->all);
    lua_getfield(L, -1, "names");
    s->count = (size_t)luaL_len(L, -1);
    lua_pop(L, 1);
    lua_getfield(L, -1, "run");
    s->runner = tn_isolate_keep(L);
}

static bool load_suite(struct suite *s, const char *path, struct tn_err *err)
{
    struct tn_buf text;
    tn_buf_init(&text, TN_LIMIT_SCRIPT_FILE);
    bool ok = read_text(path, &text, err) &&
              tn_isolate_load_text(s->iso, path, tn_buf_str(&text), &s->all, err) &&
              tn_isolate_protect(s->iso, take_list, s, err);
    tn_buf_clear(&text);
    return ok;
}

static const struct tn_mapping *mapping_named(const void *units, const char *name)
{
    return tn_units_mapping(units, name);
}

static bool fill_config(struct tn_isolate *iso, const char *file, int ref, struct tn_jval config,
                        struct tn_jw *w, struct tn_err *err)
{
    struct tn_decl *decl = tn_decl_read(iso, file, ref, TN_DECL_adapter, err);
    bool ok = decl && tn_field_check(decl->adapter.fields, decl->adapter.n_fields, config, "config",
                                     0, err);
    if (ok) tn_field_fill(decl->adapter.fields, decl->adapter.n_fields, config, w);
    tn_decl_free(decl);
    return ok;
}

static bool open_suite(struct suite *s, const char *path, struct tn_err *err)
{
    struct testing *t = s->t;
    t->clock.stopped = false; /* the last test of another file may have stopped it */
    s->test.mapping = mapping_named;
    s->test.arg = t->workshop.units;
    s->test.config = fill_config;
    s->owner = (struct bind_owner){.env = &t->workshop.env,
                                   .resources =
                                       tn_unit_resources(tn_units_find(t->workshop.units, "core"))};
    snprintf(s->owner.name, sizeof s->owner.name, "test");
    s->context = (struct bind_context){.loop = t->workshop.loop,
                                       .log = t->log,
                                       .area = "test",
                                       .app = &s->owner,
                                       .test = &s->test};
    s->context.store = t->workshop.env.store;
    s->test.owner = &s->owner;
    s->test.clock = &t->clock;
    if (t->store) s->test.teams = &t->teams;
    struct tn_isolate_options o = {.name = "test",
                                   .sources = &sources,
                                   .sources_arg = t->workshop.units,
                                   .modules = bind_modules,
                                   .context = &s->context};
    s->iso = tn_isolate_new(t->workshop.host, &o, err);
    return s->iso && load_suite(s, path, err);
}

static void run_file(struct testing *t, const char *path)
{
    struct suite s = {.t = t, .all = LUA_NOREF, .runner = LUA_NOREF};
    struct tn_err err;
    begin_group(t, path);
    if (!open_suite(&s, path, &err)) {
        t->tests++;
        say(t, path, "loads", &err);
    } else {
        t->tests += s.count;
        if (!s.count) put_empty(t, path);
        for (s.number = 1; s.number <= s.count; s.number++) {
            run_test(&s);
            say(t, path, s.name, s.ok ? NULL : &s.err);
        }
    }
    tn_isolate_unref(s.iso);
}

/* A file that was meant to test something and does not is more likely a mistake than a success. */
static bool ran_none(const struct testing *t)
{
    struct tn_err err;
    if (t->tests || (t->run && !t->n_files)) return false;
    tn_fail(&err, TN_E_not_found, "no test was run: there is no test(...) in these files");
    tn_cli_fail(&err);
    return true;
}

static int run_all(struct testing *t, int64_t began)
{
    for (size_t i = 0; i < t->n_files; i++) run_file(t, t->files[i]);
    if (t->tap)
        printf("1..%zu\n", t->run);
    else
        printf("%zu tests in %zu files, %zu failed, %.2f s\n", t->run, t->groups, t->failed,
               (double)(tn_mono_us() - began) / 1e6);
    return t->failed || ran_none(t) ? TN_EXIT_failed : TN_EXIT_ok;
}

/* The tests of a site are in its folder tests. They may be missing, since the examples of its
 * mappings run in any case. */
static bool add_usual(struct testing *t, const char *site, struct tn_err *err)
{
    char own[4096];
    snprintf(own, sizeof own, "%s/%s", site ? site : "", OWN);
    if (site && access(own, F_OK) == 0) return add_path(t, own, 0, err);
    if (site && access(USUAL, F_OK) < 0) return true;
    return add_path(t, USUAL, 0, err);
}

static bool add_all(struct testing *t, const char *const *paths, size_t n, const char *site,
                    struct tn_err *err)
{
    bool ok = n || add_usual(t, site, err);
    for (size_t i = 0; ok && i < n; i++) ok = add_path(t, paths[i], 0, err);
    if (ok && n && !t->n_files)
        ok = tn_fail(err, TN_E_not_found, "there is no file *%s in %s", SUFFIX, paths[0]);
    return ok;
}

int tn_cli_test(int argc, char **argv)
{
    const char *site = NULL, *paths[PATHS_MAX];
    struct testing *t = TN_NEW(struct testing);
    struct tn_err err;
    size_t n;
    int status;
    int64_t began = tn_mono_us();
    const struct tn_arg table[] = {{"site", TN_ARG_text, &site, "DIR", "your own scripts"},
                                   {"tap", TN_ARG_flag, &t->tap, NULL, "results in TAP form"},
                                   {NULL, TN_ARG_flag, NULL, NULL, NULL}};
    if (!tn_args_parse(table, argc, argv, paths, PATHS_MAX, &n, &err)) {
        tn_free(t);
        return tn_cli_usage(&err, "test");
    }
    t->colour = tn_cli_terminal();
    t->log = tn_log_open(&(struct tn_log_options){.on_stderr = true}, &err);
    bool ok = t->log && add_all(t, paths, n, site, &err) && open_workshop(t, site, &err);
    if (ok && t->n_files) open_store(t);
    status = ok ? run_all(t, began) : tn_cli_fail(&err);
    tn_scratch_store_close(t->store);
    tn_tx_tools_free(t->workshop.env.tools);
    tn_workshop_close(&t->workshop);
    tn_log_close(t->log);
    for (size_t i = 0; i < t->n_files; i++) tn_free(t->files[i]);
    tn_free(t);
    return status;
}
