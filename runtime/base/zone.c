/* SPDX-License-Identifier: MIT */
/* zone.c - fixed offsets, and the zone database's files (RFC 8536). */
#include "base/zone.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/time.h"

enum { ZONE_FILE_MAX = 256 * 1024, HEADER = 44 };

/* The yearly change of the clocks: the rule that holds after the last listed change. */
struct rule {
    bool dst;                 /* the zone has summer time */
    int64_t standard, summer; /* seconds east */
    struct turn {
        char kind; /* 'M' month.week.day, 'J' day 1-365, 'n' day 0-365 */
        int month, week, day;
        int64_t at; /* seconds into that day, local time */
    } begin, end;
};

struct tn_zone {
    size_t count;    /* number of listed changes */
    int64_t *when;   /* UTC seconds */
    int64_t *offset; /* count + 1: [0] before the first change */
    bool has_rule;
    struct rule rule;
};

static uint32_t be32(const unsigned char *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static int64_t be64(const unsigned char *p)
{
    return (int64_t)((uint64_t)be32(p) << 32 | be32(p + 4));
}

static struct tn_zone *fixed(int64_t offset)
{
    struct tn_zone *z = TN_NEW(struct tn_zone);
    z->offset = tn_alloc(sizeof *z->offset);
    z->offset[0] = offset;
    return z;
}

static bool read_offset(struct tn_str s, int64_t *out)
{
    uint64_t h, m = 0;
    if (s.n < 3 || (s.p[0] != '+' && s.p[0] != '-')) return false;
    struct tn_str rest = {s.p + 3, s.n - 3};
    if (rest.n && rest.p[0] == ':') rest = (struct tn_str){rest.p + 1, rest.n - 1};
    if (!tn_str_u64((struct tn_str){s.p + 1, 2}, &h) || h > 23) return false;
    if (s.n > 3 && (rest.n != 2 || !tn_str_u64(rest, &m) || m > 59)) return false;
    *out = (int64_t)(h * 3600 + m * 60) * (s.p[0] == '-' ? -1 : 1);
    return true;
}

/* ---- the rule: a POSIX TZ text such as CET-1CEST,M3.5.0,M10.5.0/3 ---- */

static bool rule_name(const char **s)
{
    const char *p = *s;
    if (*p == '<') {
        while (*p && *p != '>') p++;
        if (*p++ != '>') return false;
    } else {
        while ((*p >= 'A' && *p <= 'Z') || (*p >= 'a' && *p <= 'z')) p++;
    }
    bool some = p > *s;
    *s = p;
    return some;
}

static bool rule_number(const char **s, int *out)
{
    char *end;
    if (**s < '0' || **s > '9') return false;
    long v = strtol(*s, &end, 10);
    if (v > 1000) return false;
    *out = (int)v;
    *s = end;
    return true;
}

/* [+-]hh[:mm[:ss]] */
static bool rule_time(const char **s, int64_t *out)
{
    int part[3] = {0};
    bool neg = **s == '-';
    if (**s == '-' || **s == '+') ++*s;
    for (int i = 0; i < 3; i++) {
        if (!rule_number(s, &part[i])) return false;
        if (**s != ':') break;
        ++*s;
    }
    *out = part[0] * 3600 + part[1] * 60 + part[2];
    if (neg) *out = -*out;
    return true;
}

static bool rule_turn(const char **s, struct turn *t)
{
    if (*(*s)++ != ',') return false;
    t->kind = 'n';
    t->at = 7200;
    if (**s == 'M' || **s == 'J') t->kind = *(*s)++;
    if (t->kind == 'M') {
        if (!rule_number(s, &t->month) || *(*s)++ != '.' || !rule_number(s, &t->week) ||
            *(*s)++ != '.' || !rule_number(s, &t->day))
            return false;
        if (t->month < 1 || t->month > 12 || t->week < 1 || t->week > 5 || t->day > 6) return false;
    } else if (!rule_number(s, &t->day) || t->day > 365) {
        return false;
    }
    if (**s != '/') return true;
    ++*s;
    return rule_time(s, &t->at);
}

static bool read_rule(const char *s, struct rule *r)
{
    *r = (struct rule){0};
    if (!rule_name(&s) || !rule_time(&s, &r->standard)) return false;
    r->standard = -r->standard;
    if (!*s) return true;
    if (!rule_name(&s)) return false;
    r->dst = true;
    r->summer = r->standard + 3600;
    if (*s && *s != ',') {
        if (!rule_time(&s, &r->summer)) return false;
        r->summer = -r->summer;
    }
    return rule_turn(&s, &r->begin) && rule_turn(&s, &r->end) && !*s;
}

/* Returns the local seconds since 1970 at which the clocks change in that year. */
static int64_t turn_at(const struct turn *t, int64_t year)
{
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    int64_t day;
    if (t->kind == 'M') {
        int64_t first = tn_days(year, (unsigned)t->month, 1);
        int64_t length =
            (t->month == 12 ? tn_days(year + 1, 1, 1) : tn_days(year, (unsigned)t->month + 1, 1)) -
            first;
        int64_t weekday = ((first + 4) % 7 + 7) % 7;
        day = (t->day - weekday + 7) % 7 + 7 * (t->week - 1);
        while (day >= length) day -= 7;
        day += first;
    } else {
        day = tn_days(year, 1, 1) + t->day;
        if (t->kind == 'J') day -= !(leap && t->day >= 60);
    }
    return day * 86400 + t->at;
}

static int64_t year_of(int64_t seconds)
{
    int64_t year = 1970 + seconds / 31556952;
    while (tn_days(year + 1, 1, 1) * 86400 <= seconds) year++;
    while (tn_days(year, 1, 1) * 86400 > seconds) year--;
    return year;
}

static int64_t rule_offset(const struct rule *r, int64_t utc)
{
    if (!r->dst) return r->standard;
    int64_t year = year_of(utc + r->standard);
    int64_t begin = turn_at(&r->begin, year) - r->standard;
    int64_t end = turn_at(&r->end, year) - r->summer;
    bool summer = begin < end ? utc >= begin && utc < end : utc >= begin || utc < end;
    return summer ? r->summer : r->standard;
}

/* ---- the file ---- */

/* Reads the second half of a version 2 file, which has 64-bit times. */
static bool read_changes(struct tn_zone *z, const unsigned char *p, size_t n)
{
    if (n < HEADER) return false;
    size_t isut = be32(p + 20), isstd = be32(p + 24), leap = be32(p + 28), times = be32(p + 32);
    size_t types = be32(p + 36), chars = be32(p + 40);
    if (times > 10000 || !types || types > 256 || chars > 4096 || leap > 1000) return false;
    if (isut > types || isstd > types) return false;
    size_t body = times * 9 + types * 6 + chars + leap * 12 + isstd + isut;
    if (n < HEADER + body + 2 || p[HEADER + body] != '\n' || p[n - 1] != '\n') return false;
    const unsigned char *when = p + HEADER, *which = when + times * 8, *type = which + times;
    z->count = times;
    z->when = tn_alloc((times + 1) * sizeof *z->when);
    z->offset = tn_alloc((times + 1) * sizeof *z->offset);
    z->offset[0] = (int32_t)be32(type);
    for (size_t i = 0; i < times; i++) {
        if (which[i] >= types) return false;
        z->when[i] = be64(when + i * 8);
        z->offset[i + 1] = (int32_t)be32(type + which[i] * 6u);
    }
    char text[128] = "";
    size_t length = n - HEADER - body - 2;
    if (length >= sizeof text) return false;
    memcpy(text, p + HEADER + body + 1, length);
    z->has_rule = length && read_rule(text, &z->rule);
    return true;
}

static bool read_file(struct tn_zone *z, const unsigned char *p, size_t n)
{
    if (n < HEADER || memcmp(p, "TZif", 4) != 0 || p[4] < '2') return false;
    size_t skip = (size_t)be32(p + 32) * 5 + (size_t)be32(p + 36) * 6 + be32(p + 40) +
                  (size_t)be32(p + 28) * 8 + be32(p + 24) + be32(p + 20) + HEADER;
    return n > skip && read_changes(z, p + skip, n - skip);
}

static bool name_ok(struct tn_str name)
{
    if (!name.n || name.n > 64 || name.p[0] == '/') return false;
    for (size_t i = 0; i < name.n; i++) {
        char c = name.p[i];
        bool letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
        if (!letter && !strchr("_+-/", c)) return false;
    }
    return true;
}

static struct tn_zone *open_zone(struct tn_str name)
{
    char path[128];
    snprintf(path, sizeof path, "/usr/share/zoneinfo/%.*s", TN_FMT(name));
    FILE *f = fopen(path, "rbe");
    if (!f) return NULL;
    unsigned char *bytes = tn_alloc(ZONE_FILE_MAX);
    size_t n = fread(bytes, 1, ZONE_FILE_MAX, f);
    fclose(f);
    struct tn_zone *z = TN_NEW(struct tn_zone);
    if (!read_file(z, bytes, n)) {
        tn_zone_free(z);
        z = NULL;
    }
    tn_free(bytes);
    return z;
}

/* Names of Windows, and the zones that CLDR gives for them (windowsZones.xml, territory 001). */
static const struct {
    const char *windows, *name;
} windows_zones[] = {
    {"AUS Central Standard Time", "Australia/Darwin"},
    {"AUS Eastern Standard Time", "Australia/Sydney"},
    {"Alaskan Standard Time", "America/Anchorage"},
    {"Arab Standard Time", "Asia/Riyadh"},
    {"Arabian Standard Time", "Asia/Dubai"},
    {"Arabic Standard Time", "Asia/Baghdad"},
    {"Argentina Standard Time", "America/Argentina/Buenos_Aires"},
    {"Atlantic Standard Time", "America/Halifax"},
    {"Cen. Australia Standard Time", "Australia/Adelaide"},
    {"Central America Standard Time", "America/Guatemala"},
    {"Central Europe Standard Time", "Europe/Budapest"},
    {"Central European Standard Time", "Europe/Warsaw"},
    {"Central Standard Time", "America/Chicago"},
    {"Central Standard Time (Mexico)", "America/Mexico_City"},
    {"China Standard Time", "Asia/Shanghai"},
    {"E. Africa Standard Time", "Africa/Nairobi"},
    {"E. Australia Standard Time", "Australia/Brisbane"},
    {"E. South America Standard Time", "America/Sao_Paulo"},
    {"Eastern Standard Time", "America/New_York"},
    {"Egypt Standard Time", "Africa/Cairo"},
    {"FLE Standard Time", "Europe/Kyiv"},
    {"GMT Standard Time", "Europe/London"},
    {"GTB Standard Time", "Europe/Bucharest"},
    {"Greenwich Standard Time", "Atlantic/Reykjavik"},
    {"Hawaiian Standard Time", "Pacific/Honolulu"},
    {"India Standard Time", "Asia/Kolkata"},
    {"Iran Standard Time", "Asia/Tehran"},
    {"Israel Standard Time", "Asia/Jerusalem"},
    {"Korea Standard Time", "Asia/Seoul"},
    {"Mountain Standard Time", "America/Denver"},
    {"New Zealand Standard Time", "Pacific/Auckland"},
    {"Newfoundland Standard Time", "America/St_Johns"},
    {"Pacific Standard Time", "America/Los_Angeles"},
    {"Pakistan Standard Time", "Asia/Karachi"},
    {"Romance Standard Time", "Europe/Paris"},
    {"Russian Standard Time", "Europe/Moscow"},
    {"SA Pacific Standard Time", "America/Bogota"},
    {"SA Western Standard Time", "America/La_Paz"},
    {"SE Asia Standard Time", "Asia/Bangkok"},
    {"Singapore Standard Time", "Asia/Singapore"},
    {"South Africa Standard Time", "Africa/Johannesburg"},
    {"Taipei Standard Time", "Asia/Taipei"},
    {"Tasmania Standard Time", "Australia/Hobart"},
    {"Tokyo Standard Time", "Asia/Tokyo"},
    {"Turkey Standard Time", "Europe/Istanbul"},
    {"US Eastern Standard Time", "America/Indiana/Indianapolis"},
    {"US Mountain Standard Time", "America/Phoenix"},
    {"W. Australia Standard Time", "Australia/Perth"},
    {"W. Central Africa Standard Time", "Africa/Lagos"},
    {"W. Europe Standard Time", "Europe/Berlin"},
};

static struct tn_str without_windows(struct tn_str name)
{
    for (size_t i = 0; i < sizeof windows_zones / sizeof *windows_zones; i++)
        if (tn_str_eq_nocase(name, tn_str(windows_zones[i].windows)))
            return tn_str(windows_zones[i].name);
    return name;
}

struct tn_zone *tn_zone_new(struct tn_str asked, struct tn_err *err)
{
    struct tn_str name = without_windows(asked);
    int64_t offset;
    if (tn_str_is(name, "UTC") || tn_str_is(name, "Z")) return fixed(0);
    if (read_offset(name, &offset)) return fixed(offset);
    struct tn_zone *z = name_ok(name) ? open_zone(name) : NULL;
    if (!z)
        tn_fail(err, TN_E_invalid,
                "no zone \"%.*s\": expected \"UTC\", an offset as \"+02:00\", or a name as "
                "\"Europe/Berlin\" or \"W. Europe Standard Time\"",
                TN_FMT(asked));
    return z;
}

void tn_zone_free(struct tn_zone *z)
{
    if (!z) return;
    tn_free(z->when);
    tn_free(z->offset);
    tn_free(z);
}

static int64_t offset_at(const struct tn_zone *z, int64_t utc)
{
    size_t low = 0, high = z->count;
    while (low < high) {
        size_t mid = (low + high) / 2;
        if (z->when[mid] <= utc)
            low = mid + 1;
        else
            high = mid;
    }
    if (low == z->count && z->has_rule) return rule_offset(&z->rule, utc);
    return z->offset[low];
}

int64_t tn_zone_offset(const struct tn_zone *z, int64_t utc)
{
    return offset_at(z, utc);
}

/* Returns the second in (low, high] from which on the offset differs from that at low. */
static int64_t change_between(const struct tn_zone *z, int64_t low, int64_t high)
{
    int64_t before = offset_at(z, low);
    while (high - low > 1) {
        int64_t mid = low + (high - low) / 2;
        if (offset_at(z, mid) == before)
            low = mid;
        else
            high = mid;
    }
    return high;
}

enum tn_wall tn_zone_wall(const struct tn_zone *z, int64_t local_ms, int64_t *utc_ms,
                          int64_t *jump_ms)
{
    int64_t local = local_ms / 1000 - (local_ms % 1000 < 0), ms = local_ms - local * 1000;
    /* Around a change, only two offsets can apply: those of the day before and of the day after. */
    int64_t before = offset_at(z, local - 86400);
    int64_t after = offset_at(z, local + 86400);
    int64_t first = local - before, second = local - after;
    bool first_ok = offset_at(z, first) == before, second_ok = offset_at(z, second) == after;
    int64_t utc = first; /* a skipped time counts as if the clock had not been put forward */
    if (first_ok && second_ok)
        utc = first < second ? first : second;
    else if (second_ok)
        utc = second;
    *utc_ms = utc * 1000 + ms;
    if (!first_ok && !second_ok) {
        *jump_ms = change_between(z, second, first) * 1000;
        return TN_WALL_skipped;
    }
    *jump_ms = *utc_ms;
    return first_ok && second_ok && first != second ? TN_WALL_twice : TN_WALL_once;
}

int64_t tn_zone_utc(const struct tn_zone *z, int64_t local_ms)
{
    int64_t utc, jump;
    tn_zone_wall(z, local_ms, &utc, &jump);
    return utc;
}
