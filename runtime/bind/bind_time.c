/* SPDX-License-Identifier: MIT */
/* bind_time.c - require "tenon.time": points in time as whole milliseconds since 1970 in UTC. */
#include "bind/bind.h"

#include <stdio.h>

#include "base/cron.h"
#include "base/duration.h"
#include "base/time.h"
#include "base/zone.h"
#include "bind/testing.h"
#include "loop/loop.h"
#include "mapping/coerce.h"

enum { SLEEP_MAX_MS = 60000, DAY_MS = 86400000, ZONES_KEPT = 64 };

/* ---- zones ---- */

static const char ZONES[] = "tenon.time.zones"; /* registry key of a table of zones by name */

struct place {
    struct tn_zone *zone;
};

static void drop_place(void *object)
{
    tn_zone_free(((struct place *)object)->zone);
}
static const struct bind_class PLACE = {
    .name = "tenon.time.place", .drop = drop_place, .pure = true};

/* Pushes the table of zones that the isolate has opened. It keeps only a few, because the names
 * may come from data. */
static void push_zones(lua_State *L)
{
    bool kept = lua_getfield(L, LUA_REGISTRYINDEX, ZONES) == LUA_TTABLE;
    if (kept) {
        lua_getfield(L, -1, "");
        kept = lua_tointeger(L, -1) < ZONES_KEPT;
        lua_pop(L, 1);
    }
    if (kept) return;
    lua_pop(L, 1);
    lua_newtable(L);
    lua_pushvalue(L, -1);
    lua_setfield(L, LUA_REGISTRYINDEX, ZONES);
}

static void keep_zone(lua_State *L, int zones, int name)
{
    lua_pushvalue(L, name);
    lua_pushvalue(L, -2);
    lua_rawset(L, zones);
    lua_getfield(L, zones, "");
    lua_pushinteger(L, lua_tointeger(L, -1) + 1);
    lua_setfield(L, zones, "");
    lua_pop(L, 1);
}

/* Finds the zone that is named at index; the stack keeps it alive. No name: UTC, and *zone is
 * NULL. False: err, there is no such zone. */
static bool check_zone(lua_State *L, int index, const struct tn_zone **zone, struct tn_err *err)
{
    *zone = NULL;
    if (lua_isnoneornil(L, index)) return true;
    struct tn_str name = bind_str(L, index);
    if (strlen(name.p) != name.n) luaL_argerror(L, index, "a zone's name has no zero byte");
    if (!name.n) return tn_zone_new(name, err) != NULL;
    push_zones(L);
    int zones = lua_gettop(L);
    lua_pushvalue(L, index);
    lua_rawget(L, zones);
    struct place *place = bind_is(L, -1, &PLACE);
    if (!place) {
        place = bind_new_free(L, sizeof *place, &PLACE);
        place->zone = tn_zone_new(name, err);
        if (!place->zone) return false;
        keep_zone(L, zones, index);
    }
    *zone = place->zone;
    return true;
}

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

/* The offset from UTC at that moment, in seconds to the east. */
static int64_t offset_of(const struct tn_zone *zone, int64_t ms)
{
    return zone ? tn_zone_offset(zone, floor_div(ms, 1000)) : 0;
}

static int64_t utc_of(const struct tn_zone *zone, int64_t local_ms)
{
    return zone ? tn_zone_utc(zone, local_ms) : local_ms;
}

/* ---- instants ---- */

static bool in_range(int64_t ms)
{
    return ms >= -62167219200000 && ms <= 253402300799999; /* the years 0000 to 9999 */
}

static lua_Integer check_instant(lua_State *L, int index)
{
    lua_Integer ms = luaL_checkinteger(L, index);
    luaL_argcheck(L, in_range(ms), index, "not a time in the years 0 to 9999");
    return ms;
}

static int push_instant(lua_State *L, int64_t ms)
{
    struct tn_err err;
    if (in_range(ms)) {
        lua_pushinteger(L, ms);
        return 1;
    }
    tn_fail(&err, TN_E_invalid, "that is not a time in the years 0 to 9999");
    return bind_fail(L, &err);
}

static int l_now(lua_State *L)
{
    lua_pushinteger(L, bind_now(L));
    return 1;
}

static bool read_local(struct tn_str text, const struct tn_zone *zone, int64_t *ms)
{
    struct tn_moment m;
    if (!tn_moment_read(text, (struct tn_str){NULL, 0}, &m)) return false;
    *ms = tn_days(m.year, m.month, m.day) * DAY_MS +
          ((int64_t)m.hour * 3600 + m.minute * 60 + m.second) * 1000 + m.milli;
    *ms = m.zoned ? *ms - (int64_t)m.offset * 60000 : utc_of(zone, *ms);
    return true;
}

/* parse(text, zone) */
static int l_parse(lua_State *L)
{
    struct tn_err err;
    int64_t ms;
    struct tn_str text = bind_str(L, 1);
    const struct tn_zone *zone;
    bool local = !lua_isnoneornil(L, 2);
    if (!check_zone(L, 2, &zone, &err)) return bind_fail(L, &err);
    if (local && read_local(text, zone, &ms)) return push_instant(L, ms);
    if (tn_time_parse(text, &ms) || tn_time_parse_http(text, &ms)) return push_instant(L, ms);
    tn_fail(&err, TN_E_invalid, "'%.*s' is no time such as 2026-01-31T08:09:10Z",
            text.n > 60 ? 60 : (int)text.n, text.p);
    return bind_fail(L, &err);
}

/* "+01:00"; room for 8 bytes */
static void offset_text(int64_t seconds, char out[8])
{
    int64_t minutes = (seconds < 0 ? -seconds : seconds) / 60 % 6000;
    snprintf(out, 8, "%c%02d:%02d", seconds < 0 ? '-' : '+', (int)(minutes / 60),
             (int)(minutes % 60));
}

/* iso(ms, zone) */
static int l_iso(lua_State *L)
{
    char text[TN_TIME_LEN + 8];
    struct tn_err err;
    const struct tn_zone *zone;
    int64_t ms = lua_isnoneornil(L, 1) ? bind_now(L) : check_instant(L, 1);
    if (!check_zone(L, 2, &zone, &err)) return bind_fail(L, &err);
    int64_t offset = offset_of(zone, ms);
    tn_time_text(ms + offset * 1000, text);
    if (zone && offset) offset_text(offset, text + TN_TIME_LEN - 1);
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

static void put_number(luaL_Buffer *b, int width, int64_t v)
{
    char text[32];
    int n = snprintf(text, sizeof text, "%0*lld", width, (long long)v);
    luaL_addlstring(b, text, (size_t)n);
}

/* Adds the text for one letter of a format. iso is the local time as text, local the same in
 * milliseconds. */
static bool put_letter(luaL_Buffer *b, char letter, const char *iso, int64_t local, int64_t offset)
{
    int64_t day = floor_div(local, DAY_MS), year;
    unsigned month, of_month;
    char text[8];
    tn_civil(day, &year, &month, &of_month);
    switch (letter) {
    case 'Y': luaL_addlstring(b, iso, 4); return true;
    case 'y': luaL_addlstring(b, iso + 2, 2); return true;
    case 'm': luaL_addlstring(b, iso + 5, 2); return true;
    case 'd': luaL_addlstring(b, iso + 8, 2); return true;
    case 'H': luaL_addlstring(b, iso + 11, 2); return true;
    case 'M': luaL_addlstring(b, iso + 14, 2); return true;
    case 'S': luaL_addlstring(b, iso + 17, 2); return true;
    case 'L': luaL_addlstring(b, iso + 20, 3); return true;
    case 'F': luaL_addlstring(b, iso, 10); return true;
    case 'T': luaL_addlstring(b, iso + 11, 8); return true;
    case 's': put_number(b, 1, floor_div(local - offset * 1000, 1000)); return true;
    case 'j': put_number(b, 3, day - tn_days(year, 1, 1) + 1); return true;
    case 'u': put_number(b, 1, (day % 7 + 10) % 7 + 1); return true;
    case 'z':
        offset_text(offset, text);
        luaL_addstring(b, text);
        return true;
    case '%': luaL_addchar(b, '%'); return true;
    default: return false;
    }
}

/* format(ms, format, zone) */
static int l_format(lua_State *L)
{
    char iso[TN_TIME_LEN + 1];
    struct tn_err err;
    const struct tn_zone *zone;
    lua_Integer ms = check_instant(L, 1);
    struct tn_str f = bind_str(L, 2);
    luaL_Buffer b;
    if (!check_zone(L, 3, &zone, &err)) return bind_fail(L, &err);
    int64_t offset = offset_of(zone, ms);
    tn_time_text(ms + offset * 1000, iso);
    luaL_buffinit(L, &b);
    for (size_t i = 0; i < f.n; i++) {
        if (f.p[i] != '%')
            luaL_addchar(&b, f.p[i]);
        else if (!put_letter(&b, ++i < f.n ? f.p[i] : 0, iso, ms + offset * 1000, offset))
            return luaL_error(L, "format: %%Y %%y %%m %%d %%H %%M %%S %%L %%F %%T %%j %%u %%z %%s "
                                 "and %%%% are known");
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

/* ---- parts ---- */

static void set_part(lua_State *L, const char *name, int64_t v)
{
    lua_pushinteger(L, v);
    lua_setfield(L, -2, name);
}

/* parts(ms, zone) */
static int l_parts(lua_State *L)
{
    struct tn_err err;
    const struct tn_zone *zone;
    int64_t year, ms = check_instant(L, 1);
    unsigned month, day;
    if (!check_zone(L, 2, &zone, &err)) return bind_fail(L, &err);
    int64_t offset = offset_of(zone, ms), local = ms + offset * 1000;
    int64_t days = floor_div(local, DAY_MS), rest = local - days * DAY_MS;
    tn_civil(days, &year, &month, &day);
    lua_createtable(L, 0, 10);
    set_part(L, "year", year);
    set_part(L, "month", month);
    set_part(L, "day", day);
    set_part(L, "hour", rest / 3600000);
    set_part(L, "minute", rest / 60000 % 60);
    set_part(L, "second", rest / 1000 % 60);
    set_part(L, "ms", rest % 1000);
    set_part(L, "weekday", (days % 7 + 10) % 7 + 1);
    set_part(L, "yearday", days - tn_days(year, 1, 1) + 1);
    set_part(L, "offset", offset / 60);
    return 1;
}

/* from{year, month, day, hour, minute, second, ms, zone} */
static int l_from(lua_State *L)
{
    static const char *const keys[] = {"year", "month", "day",     "hour",    "minute", "second",
                                       "ms",   "zone",  "weekday", "yearday", "offset", NULL};
    struct tn_err err;
    const struct tn_zone *zone;
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 1);
    bind_check_keys(L, 1, keys);
    int64_t year = bind_opt_key_int(L, 1, "year", -1), month = bind_opt_key_int(L, 1, "month", 1);
    int64_t day = bind_opt_key_int(L, 1, "day", 1), hour = bind_opt_key_int(L, 1, "hour", 0);
    int64_t minute = bind_opt_key_int(L, 1, "minute", 0);
    int64_t second = bind_opt_key_int(L, 1, "second", 0), ms = bind_opt_key_int(L, 1, "ms", 0);
    lua_getfield(L, 1, "zone");
    if (!check_zone(L, 2, &zone, &err)) return bind_fail(L, &err);
    if (year < 0 || year > 9999 || month < 1 || month > 12 || day < 1 ||
        day > tn_month_days(year, (unsigned)month) || hour < 0 || hour > 23 || minute < 0 ||
        minute > 59 || second < 0 || second > 59 || ms < 0 || ms > 999) {
        tn_fail(&err, TN_E_invalid, "there is no such time: %lld-%lld-%lld %lld:%lld:%lld.%lld",
                (long long)year, (long long)month, (long long)day, (long long)hour,
                (long long)minute, (long long)second, (long long)ms);
        return bind_fail(L, &err);
    }
    int64_t days = tn_days(year, (unsigned)month, (unsigned)day);
    return push_instant(
        L, utc_of(zone, days * DAY_MS + ((hour * 60 + minute) * 60 + second) * 1000 + ms));
}

/* ---- durations ---- */

static int no_duration(lua_State *L, struct tn_str s)
{
    struct tn_err err;
    tn_fail(&err, TN_E_invalid,
            "'%.*s' is no duration such as PT15M, P1D, 90s, 15m, 2h, 1d or 250ms",
            s.n > 40 ? 40 : (int)s.n, s.p);
    return bind_fail(L, &err);
}

/* "90s", "15m", "2h", "1d", "250ms", "PT15M" in milliseconds; a day is 24 hours. */
static int l_duration(lua_State *L)
{
    struct tn_str s = bind_str(L, 1);
    struct tn_duration d;
    struct tn_err err;
    if (!tn_duration_read(s, &d)) return no_duration(L, s);
    if (d.months) {
        tn_fail(&err, TN_E_invalid, "'%.*s' has no fixed length: months and years are for time.add",
                s.n > 40 ? 40 : (int)s.n, s.p);
        return bind_fail(L, &err);
    }
    lua_pushinteger(L, d.days * DAY_MS + d.ms);
    return 1;
}

static int l_duration_text(lua_State *L)
{
    char text[TN_DURATION_LEN];
    tn_duration_text(luaL_checkinteger(L, 1), text);
    lua_pushstring(L, text);
    return 1;
}

static int64_t amount(lua_State *L, int table, const char *key)
{
    int64_t v = bind_opt_key_int(L, table, key, 0);
    if (v < -1000000000000 || v > 1000000000000) luaL_error(L, "%s: that is too much", key);
    return v;
}

static void read_amounts(lua_State *L, int table, struct tn_duration *d)
{
    static const char *const keys[] = {"years",   "months",  "weeks", "days", "hours",
                                       "minutes", "seconds", "ms",    NULL};
    bind_check_keys(L, table, keys);
    d->months = amount(L, table, "years") * 12 + amount(L, table, "months");
    d->days = amount(L, table, "weeks") * 7 + amount(L, table, "days");
    d->ms = amount(L, table, "hours") * 3600000 + amount(L, table, "minutes") * 60000 +
            amount(L, table, "seconds") * 1000 + amount(L, table, "ms");
}

/* Adds months, then days, in the calendar. The time of day stays the same; a day that the new
 * month does not have becomes its last day. */
static int64_t add_calendar(int64_t local, const struct tn_duration *d)
{
    int64_t days = floor_div(local, DAY_MS), rest = local - days * DAY_MS, year;
    unsigned month, day;
    tn_civil(days, &year, &month, &day);
    int64_t months = year * 12 + (month - 1) + d->months;
    year = floor_div(months, 12);
    month = (unsigned)(months - year * 12) + 1;
    if (day > tn_month_days(year, month)) day = tn_month_days(year, month);
    return (tn_days(year, month, day) + d->days) * DAY_MS + rest;
}

/* add(ms, duration, zone) */
static int l_add(lua_State *L)
{
    struct tn_duration d;
    struct tn_err err;
    const struct tn_zone *zone;
    int64_t ms = check_instant(L, 1);
    if (lua_type(L, 2) == LUA_TTABLE)
        read_amounts(L, 2, &d);
    else if (!tn_duration_read(bind_str(L, 2), &d))
        return no_duration(L, bind_str(L, 2));
    if (!check_zone(L, 3, &zone, &err)) return bind_fail(L, &err);
    if (d.months < -120000 || d.months > 120000 || d.days < -4000000 || d.days > 4000000)
        return push_instant(L, INT64_MAX);
    if (d.months || d.days) ms = utc_of(zone, add_calendar(ms + offset_of(zone, ms) * 1000, &d));
    return push_instant(L, ms + d.ms);
}

/* cron_next(expression, after, zone) */
static int l_cron_next(lua_State *L)
{
    struct tn_cron cron;
    struct tn_err err;
    const struct tn_zone *zone;
    int64_t next, after = lua_isnoneornil(L, 2) ? bind_now(L) : check_instant(L, 2);
    if (!tn_cron_read(bind_str(L, 1), &cron, &err) || !check_zone(L, 3, &zone, &err))
        return bind_fail(L, &err);
    if (tn_cron_next(&cron, zone, after, &next)) return push_instant(L, next);
    tn_fail(&err, TN_E_not_found, "cron: the expression gives no time within the next 30 years");
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

static int sleep_now(lua_State *L)
{
    lua_Number s = luaL_checknumber(L, 1);
    luaL_argcheck(L, s >= 0 && s * 1000 <= SLEEP_MAX_MS, 1, "0 to 60 seconds");
    struct tn_task *task = tn_task_self(L);
    if (bind_testing_sleep(L, (int64_t)(s * 1000))) return 0;
    struct nap *nap = bind_new(L, sizeof *nap, &NAP);
    nap->task = task;
    nap->timer = tn_timer_new(tn_host_loop(tn_isolate_host(tn_isolate_of(L))), wake_up, nap);
    tn_timer_set(nap->timer, (int64_t)(s * 1000));
    return tn_task_park(L, slept, nap);
}

static int l_sleep(lua_State *L)
{
    return tn_lua_host_call(L, sleep_now);
}

static const luaL_Reg functions[] = {{"add", l_add},
                                     {"cron_next", l_cron_next},
                                     {"date", l_date},
                                     {"duration", l_duration},
                                     {"duration_text", l_duration_text},
                                     {"format", l_format},
                                     {"from", l_from},
                                     {"http", l_http},
                                     {"iso", l_iso},
                                     {"now", l_now},
                                     {"parse", l_parse},
                                     {"parts", l_parts},
                                     {"sleep", l_sleep},
                                     {NULL, NULL}};

int luaopen_tenon_time(lua_State *L)
{
    bind_pure_library(L, functions);
    return 1;
}
