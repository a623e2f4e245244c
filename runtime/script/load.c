/* SPDX-License-Identifier: MIT */
/* load.c - compiles text to functions, and runs files for the values that they return. */
#include "script/load.h"

#include <lauxlib.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/hint.h"
#include "script/call.h"
#include "script/chunks.h"
#include "script/poll.h"

/* Registry keys: the values that require has returned; the files being loaded now. */
static const char LOADED[] = "tenon.loaded";
static const char LOADING[] = "tenon.loading";

/* The parser runs in C without hooks, so it gets its text in pieces, and each piece checks the
 * time. */
struct reader {
    struct tn_str rest;
};
enum { PIECE = 512 };

static const char *read_piece(lua_State *L, void *arg, size_t *n)
{
    struct reader *reader = arg;
    const char *piece = reader->rest.p;
    tn_script_poll(L);
    *n = reader->rest.n < PIECE ? reader->rest.n : PIECE;
    reader->rest.p += *n;
    reader->rest.n -= *n;
    return *n ? piece : NULL;
}

static const char *unreadable(struct tn_str text)
{
    if (tn_str_starts(text, "\x1b")) return "this is bytecode; only Lua source is accepted";
    if (tn_str_starts(text, "\xff\xfe") || tn_str_starts(text, "\xfe\xff"))
        return "the file is UTF-16; save it as UTF-8";
    if (text.n > TN_LIMIT_SCRIPT_FILE) return "the file is larger than 1 MiB";
    return NULL;
}

/* Skips a byte order mark and a first line that begins with '#'. */
static struct tn_str without_head(struct tn_str text)
{
    if (tn_str_starts(text, "\xef\xbb\xbf")) text.p += 3, text.n -= 3;
    if (text.n && text.p[0] == '#')
        while (text.n && text.p[0] != '\n') text.p++, text.n--;
    return text;
}

int tn_load_text(lua_State *L, struct tn_str text, const char *chunk)
{
    const char *why = unreadable(text);
    struct reader reader = {without_head(text)};
    if (!why) return lua_load(L, read_piece, &reader, chunk, "t");
    lua_pushstring(L, why);
    return LUA_ERRSYNTAX;
}

/* Turns the message "name:12: sentence near 'x'" on the stack into an error value of kind syntax,
 * and raises it. */
static void raise_syntax(lua_State *L, const char *path)
{
    struct tn_err err;
    const char *text = lua_tostring(L, -1), *at = text;
    int line = 1;
    for (const char *p = strchr(text, ':'); p; p = strchr(p + 1, ':')) {
        int digits = 0;
        if (sscanf(p + 1, "%d%n", &line, &digits) == 1 && strncmp(p + 1 + digits, ": ", 2) == 0) {
            at = p + digits + 3;
            break;
        }
    }
    if (at == text) line = 1;
    tn_fail(&err, TN_E_syntax, "%s", at);
    tn_fail_at(&err, path, line);
    tn_lua_raise(L, &err);
}

static void keep_text(struct tn_isolate *iso, const char *path, struct tn_str text)
{
    size_t i = 0;
    while (i < iso->n_files && strcmp(iso->files[i].path, path) != 0) i++;
    if (i == iso->n_files) {
        iso->files = tn_realloc(iso->files, ++iso->n_files * sizeof *iso->files);
        iso->files[i].path = tn_strdup(path);
    } else {
        tn_free(iso->files[i].text);
    }
    iso->files[i].text = tn_strndup(text.p, text.n);
    iso->files[i].n = text.n;
}

static int last_line(struct tn_str text)
{
    int line = 1;
    for (size_t i = 0; i + 1 < text.n; i++) line += text.p[i] == '\n';
    return line;
}

static _Noreturn void raise_at(lua_State *L, enum tn_kind kind, const char *path, int line,
                               const char *fmt, ...) TN_PRINTF(5, 6);
static _Noreturn void raise_at(lua_State *L, enum tn_kind kind, const char *path, int line,
                               const char *fmt, ...)
{
    struct tn_err err;
    va_list ap;
    va_start(ap, fmt);
    tn_failv(&err, kind, fmt, ap);
    va_end(ap);
    tn_fail_at(&err, path, line);
    tn_lua_raise(L, &err);
}

static void push_file(lua_State *L, const char *path, const char *chunk, struct tn_str text)
{
    struct tn_chunks *chunks = tn_isolate_of(L)->host->chunks;
    if (tn_chunks_push(chunks, L, chunk, text)) return;
    int status = tn_load_text(L, text, chunk);
    if (status == LUA_ERRSYNTAX) raise_syntax(L, path);
    if (status != LUA_OK) lua_error(L);
    tn_chunks_keep(chunks, L, chunk, text);
}

static void run_text(lua_State *L, const char *path, struct tn_str text)
{
    struct tn_isolate *iso = tn_isolate_of(L);
    if (iso->n_files >= TN_LIMIT_SCRIPT_FILES)
        raise_at(L, TN_E_too_large, path, 1, "more than %d files", TN_LIMIT_SCRIPT_FILES);
    if (text.n <= TN_LIMIT_SCRIPT_FILE) keep_text(iso, path, text);
    lua_pushfstring(L, "@%s", path);
    push_file(L, path, lua_tostring(L, -1), text);
    lua_remove(L, -2);
    int base = lua_gettop(L);
    lua_call(L, 0, LUA_MULTRET);
    int n = lua_gettop(L) - base + 1;
    if (n != 1 || lua_isnil(L, -1))
        raise_at(L, TN_E_script, path, last_line(text),
                 "the file has to return one value, its "
                 "declaration; it returns %s",
                 n > 1 ? "several" : "nothing");
}

/* Finds the text of a file, or false. Copies it, because the sources' text is valid only until
 * their next call. */
static bool find(struct tn_isolate *iso, const char *path, struct tn_str *text)
{
    return iso->sources && iso->sources->find(iso->sources_arg, path, text);
}

void tn_load_file(lua_State *L, const char *path)
{
    struct tn_isolate *iso = tn_isolate_of(L);
    struct tn_str text;
    if (!find(iso, path, &text)) raise_at(L, TN_E_not_found, path, 0, "there is no file %s", path);
    run_text(L, path, text);
}

/* ---- library functions of the runtime that are written in Lua ---- */

void tn_load_ours(lua_State *L, const char *source, const char *chunk)
{
    if (lua_rawgetp(L, LUA_REGISTRYINDEX, source) != LUA_TNIL) return;
    lua_pop(L, 1);
    if (luaL_loadbufferx(L, source, strlen(source), chunk, "t") != LUA_OK) lua_error(L);
    lua_pushvalue(L, -1);
    lua_rawsetp(L, LUA_REGISTRYINDEX, source);
}

/* ---- require ---- */

static const struct tn_module *find_module(const struct tn_isolate *iso, const char *name)
{
    const struct tn_module *m = iso->modules;
    while (m && m->name && strcmp(m->name, name) != 0) m++;
    return m && m->name ? m : NULL;
}

/* Turns "std.page" into "stdlib/std/page.lua" and "lib.units" into "scripts/lib/units.lua". False:
 * no module can have that name; this keeps scripts from naming files outside the two folders. */
static bool module_path(const char *name, char *path, size_t n)
{
    size_t len = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_.");
    if (name[len] || !len || len > 80 || name[0] == '.' || name[len - 1] == '.' ||
        strstr(name, ".."))
        return false;
    const char *root = strncmp(name, "std.", 4) == 0 ? "stdlib/" : "scripts/";
    int base = snprintf(path, n, "%s", root);
    snprintf(path + base, n - (size_t)base, "%s.lua", name);
    for (char *p = path + base; p < path + base + len; p++)
        if (*p == '.') *p = '/';
    return true;
}

static void raise_unknown(lua_State *L, const char *name)
{
    const struct tn_isolate *iso = tn_isolate_of(L);
    const char *names[64] = {NULL};
    size_t n = 0;
    for (const struct tn_module *m = iso->modules; m && m->name && n < 63; m++)
        names[n++] = m->name;
    struct tn_hint hint = tn_did_you_mean(tn_str(name), names);
    luaL_error(L, "there is no module '%s'%s", name,
               hint.text[0] ? hint.text
                            : "; scripts can require the modules of Tenon, std.* and files of the "
                              "scripts folder");
}

/* A file under require cannot give way, since another task might require the same file meanwhile.
 * So it gets more time. */
static void take_time(const struct tn_isolate *iso)
{
    if (iso->innermost) tn_watchdog_hold(&iso->innermost->frame, TN_LIMIT_SIDE_HELD_MS);
}

static void require_file(lua_State *L, const char *name)
{
    char path[128];
    struct tn_str text = {0};
    if (!module_path(name, path, sizeof path) || !find(tn_isolate_of(L), path, &text))
        raise_unknown(L, name);
    luaL_getsubtable(L, LUA_REGISTRYINDEX, LOADING);
    if (lua_getfield(L, -1, name) != LUA_TNIL)
        luaL_error(L, "'%s' requires itself, directly or through another file", name);
    lua_pop(L, 1);
    lua_pushboolean(L, 1);
    lua_setfield(L, -2, name);
    take_time(tn_isolate_of(L));
    run_text(L, path, text);
    lua_pushnil(L);
    lua_setfield(L, -3, name);
    lua_remove(L, -2);
}

int tn_load_require(lua_State *L)
{
    const char *name = luaL_checkstring(L, 1);
    lua_settop(L, 1);
    luaL_getsubtable(L, LUA_REGISTRYINDEX, LOADED);
    if (lua_getfield(L, 2, name) != LUA_TNIL) return 1;
    lua_pop(L, 1);
    const struct tn_module *module = find_module(tn_isolate_of(L), name);
    if (module && module->open) {
        lua_pushcfunction(L, module->open);
        lua_call(L, 0, 1);
    } else {
        require_file(L, name);
    }
    lua_pushvalue(L, -1);
    lua_setfield(L, 2, name);
    return 1;
}

/* ---- loading from outside ---- */

struct load {
    const char *path;
    struct tn_str text;
    bool given;
    int *ref;
};

static void load(lua_State *L, void *arg)
{
    const struct load *load = arg;
    lua_pushnil(L);
    lua_setfield(L, LUA_REGISTRYINDEX, LOADING); /* a failed load may have left entries */
    if (load->given)
        run_text(L, load->path, load->text);
    else
        tn_load_file(L, load->path);
    *load->ref = tn_isolate_keep(L);
}

bool tn_isolate_load(struct tn_isolate *iso, const char *path, int *ref, struct tn_err *err)
{
    struct load job = {.path = path, .ref = ref};
    *ref = LUA_NOREF;
    return tn_isolate_run(iso, TN_IN_SCRIPT, iso->load_ms, load, &job, err);
}

bool tn_isolate_load_text(struct tn_isolate *iso, const char *path, struct tn_str text, int *ref,
                          struct tn_err *err)
{
    struct load job = {.path = path, .text = text, .given = true, .ref = ref};
    *ref = LUA_NOREF;
    return tn_isolate_run(iso, TN_IN_SCRIPT, iso->load_ms, load, &job, err);
}
