/* SPDX-License-Identifier: MIT */
/* bind.h - the modules that scripts can require, and the functions with which modules are written.
 * bind.c lists all modules in one table; each bind_<module>.c holds one module. Misuse by a
 * script raises (luaL_check*). A failure of the world returns nil, err. A function that waits
 * parks its task (script/task.h). */
#ifndef TN_BIND_BIND_H
#define TN_BIND_BIND_H

#include <lauxlib.h>
#include <lua.h>

#include "base/err.h"
#include "base/json.h"
#include "script/isolate.h"
#include "script/task.h"

struct tn_loop;
struct tn_log;
struct tn_field;
struct tn_http_client;
struct tn_store;

/* What the modules of an isolate work with. The application fills it in before it makes the
 * isolate (option `context`); it outlives the isolate. Pointers may be NULL: modules that need
 * them answer unavailable. */
struct bind_context {
    struct tn_loop *loop;
    struct tn_log *log;
    const char *area; /* the area of the script's log lines: "integrations:plant_7" */
    struct tn_http_client *http;
    struct tn_store *store;
    const char *integration; /* name of the integration; NULL: the isolate belongs to none */
    const char *config_json; /* decrypted, defaults filled in; NULL: none (yet) */
    const struct tn_field *config_fields; /* what the adapter declares */
    size_t n_config_fields;
    bool guarded; /* several overruns in a row put the isolate out of use, as they do an
                     integration's */
    struct bind_testing *test; /* NULL: the isolate runs no tests (testing.h) */
    void *app;                 /* data of the application for some modules */
};

/* All modules that scripts can require. */
extern const struct tn_module bind_modules[];

/* Returns the isolate's context, never NULL; raises when the isolate has none. */
const struct bind_context *bind_context(lua_State *L);

/* ---- failures ---- */

int bind_fail(lua_State *L, const struct tn_err *err);            /* pushes nil, err; returns 2 */
_Noreturn int bind_raise(lua_State *L, const struct tn_err *err); /* raises err; does not return */

/* ---- objects ---- */

/* A class of userdata. drop is called once for each object: by the collector, when the task that
 * owns the object ends, or by bind_drop. It must not touch Lua. */
struct bind_class {
    const char *name;           /* "tenon.http.call"; in messages and as metatable key */
    void (*drop)(void *object); /* NULL: nothing to do */
    const luaL_Reg *methods;    /* NULL: none; names with "__" are metamethods */
    bool pure;                  /* drop and methods touch only the object */
};
/* Pushes a zeroed object and returns it. If a task is running it owns the object, which is
 * dropped when the task ends. */
void *bind_new(lua_State *L, size_t size, const struct bind_class *class);
/* The same, but no task owns the object: it lives until the collector frees it. */
void *bind_new_free(lua_State *L, size_t size, const struct bind_class *class);
/* Returns the object at index. Raises when it is of another class, or was dropped ("stale
 * handle"). */
void *bind_as(lua_State *L, int index, const struct bind_class *class);
void *bind_is(lua_State *L, int index,
              const struct bind_class *class); /* the same; NULL when bind_as would raise */
void bind_drop(void *object); /* drops the object now; dropping it twice does nothing */
/* Adds these functions to the table on top of the stack. The host calls each with the floor
 * (docs/script-host.md), so they may touch all data of the process. */
void bind_functions(lua_State *L, const luaL_Reg *functions);
/* The same for functions that touch only their arguments and their Lua state, and that may run
 * on several threads at once. */
void bind_pure_functions(lua_State *L, const luaL_Reg *functions);
/* Pushes a read-only table with these functions; reading any other name from it raises. */
void bind_library(lua_State *L, const luaL_Reg *functions);
void bind_pure_library(lua_State *L, const luaL_Reg *functions);

/* ---- arguments ---- */

struct tn_str bind_str(lua_State *L, int index); /* raises unless a string */
struct tn_str bind_opt_str(lua_State *L, int index, const char *otherwise);
/* Is the value a plain table, without __index and __mode? Reading such a table runs no code of
 * the script, and the table keeps its values alive. C may point to texts of plain tables only. */
bool bind_is_plain(lua_State *L, int index);
void bind_plain(lua_State *L, int index, const char *what); /* raises: "<what> has to be ..." */
/* Reads a text from a table of options, which has to be plain. Absent when the table is nil or
 * lacks the key. Raises on a value of another type and names the key. The text lives as long as
 * the table holds it. */
struct tn_str bind_opt_key_str(lua_State *L, int table, const char *key);
int64_t bind_opt_key_int(lua_State *L, int table, const char *key, int64_t otherwise);
/* Reads option 'limit': rows of one question, 1 to TN_LIMIT_PAGE. */
int64_t bind_opt_limit(lua_State *L, int table, int64_t otherwise);
bool bind_opt_key_bool(lua_State *L, int table, const char *key, bool otherwise);
/* Raises on a key of the options that is not in names (NULL ends); the message names the nearest
 * key. */
void bind_check_keys(lua_State *L, int table, const char *const *names);

/* ---- JSON and Lua (bind_json.c) ---- */

/* Pushes the value: a 64-bit integer as a Lua integer, any other number as a decimal, null as
 * tenon.json.null, an array as a marked table, an absent value as nil. Raises when memory runs
 * out. */
void bind_json_push(lua_State *L, struct tn_jval v);
/* Writes the value at index as JSON. False: kind invalid; field is the path of a value that has
 * no JSON form (a function, a cycle, mixed keys, NaN, bytes that are not UTF-8). The caller then
 * has to drop the content of w's buffer. */
TN_MUST_CHECK bool bind_json_write(lua_State *L, int index, struct tn_jw *w, struct tn_err *err);
void bind_json_push_null(lua_State *L);
bool bind_json_is_null(lua_State *L, int index);
void bind_json_mark_array(
    lua_State *L, int index); /* marks the table, so that it is written as [] when it is empty */
bool bind_json_is_array(lua_State *L, int index);

/* ---- decimals (bind_decimal.c) ---- */

/* Pushes the number that is written so: a Lua integer if it is one and fits, else a decimal. */
void bind_decimal_push(lua_State *L, struct tn_str lexeme);
/* Pushes a JSON number by its value: 5, 5.0 and 5e0 are the Lua integer 5; a number with a
 * fraction, or beyond 64 bits, is a decimal. Raises when the number is too long to calculate with.
 */
void bind_decimal_push_value(lua_State *L, struct tn_str lexeme);
/* Gives Lua numbers the methods of decimals: (10):div(4, 2). */
void bind_decimal_methods(lua_State *L);
/* The number as the decimal at index writes it; absent when the value is no decimal. */
struct tn_str bind_decimal_text(lua_State *L, int index);

int luaopen_tenon(lua_State *L);
int luaopen_tenon_json(lua_State *L);
int luaopen_tenon_time(lua_State *L);
int luaopen_tenon_log(lua_State *L);
int luaopen_tenon_crypto(lua_State *L);
int luaopen_tenon_decimal(lua_State *L);
int luaopen_tenon_map(lua_State *L);
int luaopen_tenon_http(lua_State *L);
int luaopen_tenon_kv(lua_State *L);
int luaopen_tenon_vault(lua_State *L);
int luaopen_tenon_csv(lua_State *L);
int luaopen_tenon_xml(lua_State *L);
int luaopen_tenon_fixed(lua_State *L);
int luaopen_tenon_config(lua_State *L);
int luaopen_tenon_gate(lua_State *L);
int luaopen_tenon_store(lua_State *L);
int luaopen_tenon_event(lua_State *L);
int luaopen_tenon_test(lua_State *L);
int luaopen_bind_cjson(lua_State *L);
int luaopen_bind_cjson_safe(lua_State *L);

#endif
