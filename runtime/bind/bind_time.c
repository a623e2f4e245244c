/* SPDX-License-Identifier: MIT */
/* bind_time.c - require "tenon.time": instants as whole milliseconds since 1970 in UTC. */
#include "bind/bind.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/time.h"
#include "bind/bind_test.h"
#include "loop/loop.h"

enum { SLEEP_MAX_MS = 60000 };

static int l_now(lua_State *L)
{
    lua_pushinteger(L, bind_now(L));
    return 1;
}

static int l_parse(lua_State *L)
{
    struct tn_err err;
    int64_t ms;
    struct tn_str text = bind_str(L, 1);
    if (tn_time_parse(text, &ms) || tn_time_parse_http(text, &ms)) {
        lua_pushinteger(L, ms);
        return 1;
    }
    tn_fail(&err, TN_E_invalid, "'%.*s' is no time such as 2026-01-31T08:09:10Z",
            text.n > 60 ? 60 : (int)text.n, text.p);
    return bind_fail(L, &err);
}

static lua_Integer check_instant(lua_State *L, int index)
{
    /* the years 0000 to 9999 */
    lua_Integer ms = luaL_checkinteger(L, index);
    luaL_argcheck(L, ms >= -62167219200000 && ms <= 253402300799999, index,
                  "no time of the years 0 to 9999");
    return ms;
}

static int l_iso(lua_State *L)
{
    char text[TN_TIME_LEN + 1];
    tn_time_text(lua_isnoneornil(L, 1) ? bind_now(L) : check_instant(L, 1), text);
    lua_pushstring(L, text);
    return 1;
}

static int l_http(lua_State *L)
{
    char text[30];
    tn_time_http(lua_isnoneornil(L, 1) ? bind_now(L) : check_instant(L, 1), text);
    lua_pushstring(L, text);
    return 1;
}

static int put_number(luaL_Buffer *b, lua_State *L, int width, int64_t v)
{
    char text[32];
    int n = snprintf(text, sizeof text, "%0*lld", width, (long long)v);
    (void)L;
    luaL_addlstring(b, text, (size_t)n);
    return n;
}

/* %Y %m %d %H %M %S %L (milliseconds) %j (day of the year) %s (seconds since 1970) %% */
static int l_format(lua_State *L)
{
    char iso[TN_TIME_LEN + 1];
    lua_Integer ms = check_instant(L, 1);
    struct tn_str f = bind_str(L, 2);
    luaL_Buffer b;
    tn_time_text(ms, iso);
    luaL_buffinit(L, &b);
    for (size_t i = 0; i < f.n; i++) {
        if (f.p[i] != '%') {
            luaL_addchar(&b, f.p[i]);
            continue;
        }
        switch (++i < f.n ? f.p[i] : 0) {
        case 'Y': luaL_addlstring(&b, iso, 4); break;
        case 'm': luaL_addlstring(&b, iso + 5, 2); break;
        case 'd': luaL_addlstring(&b, iso + 8, 2); break;
        case 'H': luaL_addlstring(&b, iso + 11, 2); break;
        case 'M': luaL_addlstring(&b, iso + 14, 2); break;
        case 'S': luaL_addlstring(&b, iso + 17, 2); break;
        case 'L': luaL_addlstring(&b, iso + 20, 3); break;
        case 's': put_number(&b, L, 1, (ms - (ms % 1000 + 1000) % 1000) / 1000); break;
        case 'j': {
            int64_t year = strtol(iso, NULL, 10),
                    day = (ms - (ms % 86400000 + 86400000) % 86400000) / 86400000;
            put_number(&b, L, 3, day - tn_days(year, 1, 1) + 1);
            break;
        }
        case '%': luaL_addchar(&b, '%'); break;
        default:
            return luaL_error(L, "format: %%Y %%m %%d %%H %%M %%S %%L %%j %%s and %%%% are known");
        }
    }
    luaL_pushresult(&b);
    return 1;
}

static int l_date(lua_State *L)
{
    int64_t year = luaL_checkinteger(L, 1), month = luaL_checkinteger(L, 2),
            day = luaL_checkinteger(L, 3);
    char text[48];
    int64_t ms;
    snprintf(text, sizeof text, "%04lld-%02lld-%02lld", (long long)year, (long long)month,
             (long long)day);
    if (!tn_time_parse(tn_str(text), &ms)) return luaL_error(L, "%s is no date", text);
    lua_pushinteger(L, ms);
    return 1;
}

/* "90s", "15m", "2h", "1d", "250ms" in milliseconds. */
static int l_duration(lua_State *L)
{
    static const struct {
        const char *unit;
        int64_t ms;
    } units[] = {{"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000}};
    struct tn_str s = bind_str(L, 1), digits = s;
    struct tn_err err;
    uint64_t n;
    while (digits.n && (digits.p[digits.n - 1] < '0' || digits.p[digits.n - 1] > '9')) digits.n--;
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        if (!tn_str_is((struct tn_str){s.p + digits.n, s.n - digits.n}, units[i].unit)) continue;
        if (!tn_str_u64(digits, &n) || n > 1000000000) break;
        lua_pushinteger(L, (lua_Integer)n * units[i].ms);
        return 1;
    }
    tn_fail(&err, TN_E_invalid, "'%.*s' is no duration such as 90s, 15m, 2h, 1d or 250ms",
            s.n > 40 ? 40 : (int)s.n, s.p);
    return bind_fail(L, &err);
}

/* ---- sleep ---- */

struct nap {
    struct tn_task *task;
    struct tn_timer *timer;
};

static void drop_nap(void *object)
{
    tn_timer_free(((struct nap *)object)->timer);
}
static const struct bind_class NAP = {.name = "tenon.time.nap", .drop = drop_nap};

static void wake_up(void *arg)
{
    tn_task_wake(((struct nap *)arg)->task);
}

static int slept(lua_State *L, int status, lua_KContext ctx)
{
    (void)L, (void)status;
    bind_drop((void *)ctx);
    return 0;
}

static int l_sleep(lua_State *L)
{
    lua_Number s = luaL_checknumber(L, 1);
    luaL_argcheck(L, s >= 0 && s <= SLEEP_MAX_MS / 1000, 1, "0 to 60 seconds");
    struct tn_task *task = tn_task_self(L);
    if (bind_test_sleep(L, (int64_t)(s * 1000))) return 0;
    struct nap *nap = bind_new(L, sizeof *nap, &NAP);
    nap->task = task;
    nap->timer = tn_timer_new(tn_host_loop(tn_isolate_host(tn_isolate_of(L))), wake_up, nap);
    tn_timer_set(nap->timer, (int64_t)(s * 1000));
    return tn_task_park(L, slept, nap);
}

static const luaL_Reg functions[] = {
    {"date", l_date},   {"duration", l_duration}, {"format", l_format},
    {"http", l_http},   {"iso", l_iso},           {"now", l_now},
    {"parse", l_parse}, {"sleep", l_sleep},       {NULL, NULL}};

int luaopen_tenon_time(lua_State *L)
{
    bind_library(L, functions);
    return 1;
}
