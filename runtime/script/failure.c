/* SPDX-License-Identifier: MIT */
/* failure.c - errors between C and Lua: error values, positions, and the message of a failed
 * call. */
#include "script/failure.h"

#include <lauxlib.h>
#include <stdio.h>
#include <stdlib.h>

#include "script/away.h"

static const char CLASS[] = "tenon.error";
static const char MEMORY[] = "not enough memory";

/* ---- error values ---- */

const struct tn_err *tn_lua_test_err(lua_State *L, int index)
{
    return luaL_testudata(L, index, CLASS);
}

void tn_lua_push_err(lua_State *L, const struct tn_err *err)
{
    struct tn_err *box = lua_newuserdatauv(L, sizeof *box, 1);
    *box = *err;
    luaL_setmetatable(L, CLASS);
}

int tn_lua_raise(lua_State *L, const struct tn_err *err)
{
    tn_lua_push_err(L, err);
    lua_error(L);
    abort(); /* never reached: lua_error is not declared _Noreturn */
}

static void push_text(lua_State *L, const char *text)
{
    if (text[0])
        lua_pushstring(L, text);
    else
        lua_pushnil(L);
}

static int l_index(lua_State *L)
{
    const struct tn_err *err = luaL_checkudata(L, 1, CLASS);
    struct tn_str key = tn_str(luaL_checkstring(L, 2));
    if (tn_str_is(key, "kind"))
        lua_pushstring(L, tn_kind_name(err->kind));
    else if (tn_str_is(key, "message"))
        lua_pushstring(L, err->text);
    else if (tn_str_is(key, "status"))
        lua_pushinteger(L, tn_kind_status(err->kind));
    else if (tn_str_is(key, "retry"))
        lua_pushboolean(L, tn_kind_retry(err->kind));
    else if (tn_str_is(key, "file"))
        push_text(L, err->file);
    else if (tn_str_is(key, "line") && err->line)
        lua_pushinteger(L, err->line);
    else if (tn_str_is(key, "field"))
        push_text(L, err->field);
    else if (tn_str_is(key, "code"))
        push_text(L, tn_code_name(err->code));
    else if (tn_str_is(key, "faults"))
        lua_getiuservalue(L, 1, 1);
    else
        lua_pushnil(L);
    return 1;
}

static int l_tostring(lua_State *L)
{
    const struct tn_err *err = luaL_checkudata(L, 1, CLASS);
    if (err->file[0])
        lua_pushfstring(L, "%s:%d: %s", err->file, err->line, err->text);
    else
        lua_pushstring(L, err->text);
    return 1;
}

static const luaL_Reg methods[] = {{"__index", l_index}, {"__tostring", l_tostring}, {NULL, NULL}};

void tn_failure_open(lua_State *L)
{
    luaL_newmetatable(L, CLASS);
    luaL_setfuncs(L, methods, 0);
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "__metatable");
    lua_pop(L, 1);
}

/* ---- positions ---- */

/* Lua finds a level by counting from the innermost one each time, so walking a deep recursion would
 * take quadratic time. This limits the walk. */
enum { LEVELS_MAX = 200 };

static bool level_at(lua_State *L, int level, lua_Debug *ar)
{
    return level < LEVELS_MAX && lua_getstack(L, level, ar);
}

static bool users(const lua_Debug *ar)
{
    return ar->currentline > 0 && ar->source[0] == '@' && strncmp(ar->source, "@stdlib/", 8) != 0;
}

/* Finds the innermost frame, from level on, that is in a file of the user. False: there is none. */
static bool find_user(lua_State *L, int level, lua_Debug *ar)
{
    for (; level_at(L, level, ar); level++)
        if (lua_getinfo(L, "Sl", ar) && users(ar)) return true;
    return false;
}

void tn_lua_where(lua_State *L, char *file, size_t n, int *line)
{
    lua_Debug ar;
    *line = 0;
    file[0] = '\0';
    if (!find_user(L, 0, &ar)) return;
    snprintf(file, n, "%s", ar.source + 1);
    *line = ar.currentline;
}

static void note_trace(struct tn_isolate *iso, lua_State *L, int level)
{
    lua_Debug ar;
    size_t n = 0, room = sizeof iso->trace;
    iso->trace[0] = '\0';
    for (int shown = 0; shown < 16 && n < room && level_at(L, level, &ar); level++) {
        lua_getinfo(L, "Sln", &ar);
        if (!users(&ar)) continue;
        n +=
            (size_t)snprintf(iso->trace + n, room - n, "%s:%d in %s%s\n", ar.source + 1,
                             ar.currentline, ar.name ? ar.namewhat : "", ar.name ? "" : "the file");
        if (ar.name && n > 1 && n < room)
            n += (size_t)snprintf(iso->trace + n - 1, room - n + 1, " '%s'\n", ar.name) - 1;
        shown++;
    }
}

void tn_failure_note(struct tn_isolate *iso, lua_State *L, int level)
{
    lua_Debug ar;
    iso->fault_line = 0;
    iso->fault_file[0] = '\0';
    if (find_user(L, level, &ar)) {
        snprintf(iso->fault_file, sizeof iso->fault_file, "%s", ar.source + 1);
        iso->fault_line = ar.currentline;
    }
    note_trace(iso, L, level);
}

int tn_failure_handler(lua_State *L)
{
    struct tn_isolate *iso = tn_isolate_of(L);
    tn_failure_note(iso, L, 1);
    return 1;
}

/* ---- the end of a budget ---- */

static _Noreturn void stop(struct tn_isolate *iso, lua_State *L)
{
    if (!iso->stop_line) {
        tn_lua_where(L, iso->stop_file, sizeof iso->stop_file, &iso->stop_line);
        note_trace(iso, L, 0);
    }
    iso->parking = iso->gave_way = iso->homing = false; /* a yield that was begun is given up */
    lua_pushliteral(L, "the time for this call is used up");
    lua_error(L);
    abort();
}

/* Gives way. A hook may yield before an instruction or a line, but not when a function is being
 * entered. */
static void give_way(lua_State *L, const lua_Debug *ar)
{
    if (ar->event != LUA_HOOKCOUNT && ar->event != LUA_HOOKLINE) return;
    lua_sethook(L, NULL, 0, 0);
    tn_isolate_give_way(L, 0, NULL);
}

/* Ends a call whose budget is used up. A call whose slice is over gives way; if it cannot, because
 * a C function is around it, this removes the hook, and the next tick of the watchdog sets it
 * again. */
void tn_failure_hook(lua_State *L, lua_Debug *ar)
{
    struct tn_isolate *iso = tn_isolate_of(L);
    struct tn_frame *frame = iso->innermost ? &iso->innermost->frame : NULL;
    if (frame && tn_watchdog_expired(frame)) stop(iso, L);
    if (frame && tn_watchdog_due(frame) && tn_isolate_may_give_way(iso, L)) {
        give_way(L, ar);
        return;
    }
    lua_sethook(L, NULL, 0, 0);
    if (!frame) return; /* the hook is left on a coroutine whose call has ended */
    if (frame->place == TN_IN_HOST && lua_getinfo(L, "S", ar) && ar->what[0] != 'C')
        tn_watchdog_found_script(frame);
    if (tn_watchdog_held_out(frame)) stop(iso, L);
}

/* ---- reading a failure ---- */

/* Replaces bytes that a log or an answer cannot take, so that the text becomes clean UTF-8. */
static void clean(char *text, size_t room)
{
    size_t n = strlen(text), i = 0;
    while (i < n) {
        size_t k = 1;
        while (k <= 4 && i + k <= n && !tn_utf8_valid(text + i, k)) k++;
        if (k <= 4 && i + k <= n) {
            i += k;
        } else if (n == room - 1 && n - i < 4) {
            text[i] = '\0'; /* the text was cut in the middle of a character */
            return;
        } else {
            text[i++] = '?';
        }
    }
}

/* Splits "scripts/x.lua:12: sentence" into position and sentence; returns the sentence. */
static const char *split_position(const char *text, char *file, size_t n, int *line)
{
    const char *colon = strchr(text, ':');
    int digits = 0, number = 0;
    if (!colon || colon == text || (size_t)(colon - text) >= n) return text;
    if (sscanf(colon + 1, "%d%n", &number, &digits) != 1 || number < 1) return text;
    if (colon[1 + digits] != ':' || colon[2 + digits] != ' ') return text;
    snprintf(file, n, "%.*s", (int)(colon - text), text);
    *line = number;
    return colon + 3 + digits;
}

/* Does the name that Lua shortened ("...ters/x.lua") stand for this file? */
static bool same_file(const char *shown, const char *file)
{
    if (strncmp(shown, "...", 3) == 0) return tn_str_ends(tn_str(file), shown + 3);
    return strcmp(shown, file) == 0;
}

struct words {
    const char *text; /* valid as long as the value is on the stack */
    size_t n;
    const char *kind;
};

/* Gets the text of an error value. It runs the script's own __tostring, so call it only in
 * protected mode. */
static int l_words(lua_State *L)
{
    struct words *words = lua_touserdata(L, 2);
    if (lua_type(L, 1) == LUA_TTABLE && !luaL_getmetafield(L, 1, "__tostring")) {
        lua_pushliteral(L, "kind");
        if (lua_rawget(L, 1) == LUA_TSTRING) words->kind = lua_tostring(L, -1);
        lua_pushliteral(L, "message");
        if (lua_rawget(L, 1) == LUA_TSTRING) lua_replace(L, 1);
    }
    words->text = luaL_tolstring(L, 1, &words->n);
    lua_pushstring(L, words->kind ? words->kind : "script");
    return 2;
}

static const char *untold(lua_State *L, int index)
{
    switch (lua_type(L, index)) {
    case LUA_TNIL: return "the script raised an error without a message (nil)";
    case LUA_TTABLE: return "the script raised a table without a message";
    default: return "the script raised an error that cannot be shown";
    }
}

static void from_value(lua_State *L, struct tn_err *err)
{
    struct words words = {NULL, 0, NULL};
    int value = lua_gettop(L);
    if (lua_isnil(L, value) || !lua_checkstack(L, 4)) {
        tn_fail(err, TN_E_script, "%s", untold(L, value));
        return;
    }
    bool plain = lua_type(L, value) == LUA_TTABLE;
    lua_pushcfunction(L, l_words);
    lua_pushvalue(L, value);
    lua_pushlightuserdata(L, &words);
    if (lua_pcall(L, 2, 2, 0) != LUA_OK) {
        tn_fail(err, TN_E_script, "%s", untold(L, value));
    } else {
        enum tn_kind kind = tn_kind_of(lua_tostring(L, -1));
        const char *text = lua_tostring(L, -2);
        if (kind == TN_E_count || kind == TN_E_none) kind = TN_E_script;
        if (plain && strncmp(text, "table: ", 7) == 0) text = untold(L, value);
        tn_fail(err, kind, "%s", text[0] ? text : "the script raised an empty message");
    }
    lua_settop(L, value);
}

/* Finds the loaded file that Lua's message names; NULL: none, or a file of stdlib/. */
static const char *meant(const struct tn_isolate *iso, const char *shown)
{
    for (size_t i = 0; i < iso->n_files; i++) {
        const char *path = iso->files[i].path;
        if (same_file(shown, path)) return strncmp(path, "stdlib/", 7) == 0 ? NULL : path;
    }
    return NULL;
}

/* Sets the position of err: the one in the message if there is one (error(text, 2) blames the
 * caller), else the place where the error was raised. */
static void place(const struct tn_isolate *iso, struct tn_err *err)
{
    char shown[sizeof err->file] = "";
    int line = 0;
    if (err->line) return;
    const char *sentence = split_position(err->text, shown, sizeof shown, &line);
    const char *file = meant(iso, shown);
    if (sentence != err->text) memmove(err->text, sentence, strlen(sentence) + 1);
    if (file)
        tn_fail_at(err, file, line);
    else if (iso->fault_line)
        tn_fail_at(err, iso->fault_file, iso->fault_line);
}

/* Did the call fail because a budget was used up? Then err says so, even if the script turned the
 * error into another one. */
static bool overrun(const struct tn_isolate *iso, lua_State *L, int status,
                    const struct tn_entry *entry, struct tn_err *err)
{
    const struct tn_frame *late = tn_watchdog_expired(&entry->frame);
    if (late) {
        tn_fail(err, TN_E_budget, "it ran for more than %d ms of CPU time%s and was stopped",
                late->stubborn ? late->held_ms : entry->ms,
                late->stubborn ? " inside one call of a library function" : "");
        if (iso->stop_line) tn_fail_at(err, iso->stop_file, iso->stop_line);
        return true;
    }
    const char *text = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : "";
    if (status != LUA_ERRMEM && !(iso->refused && strstr(text, MEMORY))) return false;
    if (iso->refused && iso->max_bytes >= TN_MIB)
        tn_fail(err, TN_E_budget, "memory limit (%zu MiB) reached", iso->max_bytes / TN_MIB);
    else if (iso->refused)
        tn_fail(err, TN_E_budget, "memory limit (%zu KiB) reached", iso->max_bytes / TN_KIB);
    else
        tn_fail(err, TN_E_no_memory, "there is not enough memory to run the script");
    if (iso->fault_line) tn_fail_at(err, iso->fault_file, iso->fault_line);
    return true;
}

void tn_failure_read(struct tn_isolate *iso, lua_State *L, int status, const struct tn_entry *entry,
                     struct tn_err *err)
{
    const struct tn_err *raised = tn_lua_test_err(L, -1);
    if (!overrun(iso, L, status, entry, err)) {
        if (raised)
            *err = *raised;
        else
            from_value(L, err);
        if (!overrun(iso, L, LUA_OK, entry, err)) place(iso, err);
    }
    clean(err->text, sizeof err->text);
    lua_pop(L, 1);
}

void tn_failure_take(struct tn_isolate *iso, lua_State *co, int status, struct tn_entry *entry,
                     struct tn_err *err)
{
    if (status != LUA_ERRMEM) tn_failure_note(iso, co, 0);
    entry->frame.running = iso->L;
    if (!lua_checkstack(iso->L, 4)) {
        tn_fail(err, TN_E_script, "the script failed");
        return;
    }
    lua_xmove(co, iso->L, 1);
    tn_failure_read(iso, iso->L, status, entry, err);
}
