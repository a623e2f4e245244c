/* SPDX-License-Identifier: MIT */
/* bind_keep.h - shared by tenon.kv and tenon.vault: reads and writes of key-values of one owner
 * (owner.h), for which a task waits. */
#ifndef TN_BIND_BIND_KEEP_H
#define TN_BIND_BIND_KEEP_H

#include "base/buf.h"
#include "bind/bind.h"
#include "bind/owner.h"

extern const char bind_kv_space[]; /* of tenon.kv */

enum { KEEP_KEY = 512, KEEP_VALUE = 256 * 1024 };

/* Gets the owner and the store of the isolate that runs L; false: kind unavailable. */
bool keep_ready(lua_State *L, const struct bind_owner **owner, struct tn_err *err);
/* "<owner>/<key>" into out; raises when the key at index is empty or longer than 300 bytes. */
struct tn_str keep_key(lua_State *L, const struct bind_owner *owner, int index, char out[KEEP_KEY]);
/* Reads the argument at index, in seconds from now, as an instant in ms; 0 (never) when it is
 * missing. */
int64_t keep_expiry(lua_State *L, int index);
/* Pushes an object that holds an empty buffer and frees it, so that a Lua error leaks nothing. */
struct tn_buf *keep_hold(lua_State *L);
/* Pushes the bytes of that buffer as a string and frees them; returns 1. */
int keep_push(lua_State *L, struct tn_buf *held);
/* Pushes the Lua values for a value that was read; returns how many it pushed. */
typedef int (*keep_push_fn)(lua_State *L, const struct bind_owner *owner, struct tn_str key,
                            struct tn_str value);
/* Parks the task until the value is read. The script gets the values that push pushes; nil when
 * there is no value; nil and err when the read failed. The module function returns the result of
 * this call. */
int keep_get(lua_State *L, const struct bind_owner *owner, const char *space, struct tn_str key,
             keep_push_fn push);
/* Writes one key-value and parks the task until it is committed; the script gets true, or nil and
 * err. The module function returns the result of this call. */
int keep_set(lua_State *L, const struct bind_owner *owner, const char *space, struct tn_str key,
             struct tn_str value, int64_t expires_ms);
int keep_delete(lua_State *L, const struct bind_owner *owner, const char *space, struct tn_str key);
/* Adds `by` to a stored whole number, or to 0 when none is stored. When several tasks add at
 * once, every addition counts. The script gets the sum. */
int keep_add(lua_State *L, const struct bind_owner *owner, const char *space, struct tn_str key,
             int64_t by);

#endif
