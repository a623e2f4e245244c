/* SPDX-License-Identifier: MIT */
#include "base/cron.h"

#include "base/time.h"
#include "base/zone.h"

enum { TEXT_MAX = 1000, YEARS_AHEAD = 30, MINUTE_MS = 60000, DAY_MS = 86400000 };

/* ---- reading ---- */

struct field {
    const char *word;
    unsigned low, high;
    const char *names; /* three letters for each value, the first for low; NULL: no names */
};

static const struct field fields[] = {
    {"minute", 0, 59, NULL},
    {"hour", 0, 23, NULL},
    {"day of the month", 1, 31, NULL},
    {"month", 1, 12, "janfebmaraprmayjunjulaugsepoctnovdec"},
    {"day of the week", 0, 7, "sunmontuewedthufrisat"},
};

static const struct {
    const char *name, *fields;
} shorthands[] = {
    {"@yearly", "0 0 1 1 *"}, {"@annually", "0 0 1 1 *"}, {"@monthly", "0 0 1 * *"},
    {"@weekly", "0 0 * * 0"}, {"@daily", "0 0 * * *"},    {"@midnight", "0 0 * * *"},
    {"@hourly", "0 * * * *"},
};

static bool wrong(const struct field *f, struct tn_str part, struct tn_err *err)
{
    return tn_fail(err, TN_E_invalid, "cron, %s: '%.*s' is no %s %u to %u, *, range a-b or step /n",
                   f->word, part.n > 40 ? 40 : (int)part.n, part.p, f->word, f->low, f->high);
}

static bool read_name(const struct field *f, struct tn_str s, unsigned *out)
{
    if (!f->names || s.n != 3) return false;
    for (unsigned i = 0; f->names[3 * i]; i++) {
        if (!tn_str_eq_nocase(s, (struct tn_str){f->names + 3 * i, 3})) continue;
        *out = f->low + i;
        return true;
    }
    return false;
}

static bool read_value(const struct field *f, struct tn_str s, unsigned *out)
{
    uint64_t v;
    if (read_name(f, s, out)) return true;
    if (!s.n || s.n > 2 || !tn_str_u64(s, &v) || v < f->low || v > f->high) return false;
    *out = (unsigned)v;
    return true;
}

/* Reads one part: a, a-b or *, each perhaps with a step /n. "a/n" is every n-th value from a to the
 * end. */
static bool read_part(const struct field *f, struct tn_str part, uint64_t *bits)
{
    struct tn_str range = part, step_text = part;
    unsigned low = f->low, high = f->high;
    uint64_t step = 1;
    bool stepped = memchr(part.p, '/', part.n) != NULL;
    if (stepped) {
        tn_str_split(&step_text, '/', &range);
        if (!tn_str_u64(step_text, &step) || step_text.n > 2 || !step || step > f->high)
            return false;
    }
    if (f->low == 0 && f->high == 7) high = 6; /* so that * does not set Sunday twice (0 and 7) */
    if (!tn_str_is(range, "*")) {
        struct tn_str first = range, last = range;
        bool pair = memchr(range.p, '-', range.n) != NULL;
        if (pair) tn_str_split(&last, '-', &first);
        if (!read_value(f, first, &low) || (pair && !read_value(f, last, &high))) return false;
        if (!pair && !stepped) high = low;
        if (high < low) return false;
    }
    for (uint64_t v = low; v <= high; v += step) *bits |= (uint64_t)1 << v;
    return true;
}

static bool read_field(const struct field *f, struct tn_str text, uint64_t *bits,
                       struct tn_err *err)
{
    struct tn_str part;
    *bits = 0;
    if (text.p[text.n - 1] == ',') return wrong(f, text, err);
    while (text.n) {
        tn_str_split(&text, ',', &part);
        if (!part.n || !read_part(f, part, bits)) return wrong(f, part.n ? part : text, err);
    }
    return true;
}

static bool blank(char c)
{
    return c == ' ' || c == '\t';
}

/* The next word of the text; false at its end. */
static bool next_word(struct tn_str *text, struct tn_str *word)
{
    while (text->n && blank(text->p[0])) text->p++, text->n--;
    *word = (struct tn_str){text->p, 0};
    while (text->n && !blank(text->p[0])) text->p++, text->n--, word->n++;
    return word->n > 0;
}

static bool starts_with_star(struct tn_str s)
{
    return s.p[0] == '*';
}

static struct tn_str expand(struct tn_str text)
{
    for (size_t i = 0; i < sizeof shorthands / sizeof *shorthands; i++)
        if (tn_str_eq_nocase(tn_str_trim(text), tn_str(shorthands[i].name)))
            return tn_str(shorthands[i].fields);
    return text;
}

/* False when no date fits: 31 February never comes, and the schedule would wait for ever. */
static bool has_day(const struct tn_cron *c)
{
    if (c->weekdays_given) return true;
    for (unsigned month = 1; month <= 12; month++) {
        uint32_t days = (1u << tn_month_days(2000, month)) - 1;
        if (c->months >> month & 1 && c->days >> 1 & days) return true;
    }
    return false;
}

bool tn_cron_read(struct tn_str text, struct tn_cron *c, struct tn_err *err)
{
    uint64_t bits[5];
    struct tn_str word[5], rest;
    if (text.n > TEXT_MAX)
        return tn_fail(err, TN_E_too_large, "cron: more than %d bytes", TEXT_MAX);
    rest = expand(text);
    for (size_t i = 0; i < 5; i++) {
        if (!next_word(&rest, &word[i]))
            return tn_fail(err, TN_E_invalid,
                           "cron: %zu fields, but it has five: minute hour day month weekday", i);
        if (!read_field(&fields[i], word[i], &bits[i], err)) return false;
    }
    if (next_word(&rest, &word[0]))
        return tn_fail(err, TN_E_invalid,
                       "cron: more than the five fields minute hour day month weekday");
    *c = (struct tn_cron){.minutes = bits[0],
                          .hours = (uint32_t)bits[1],
                          .days = (uint32_t)bits[2],
                          .months = (uint32_t)bits[3],
                          .weekdays = (uint8_t)((bits[4] | bits[4] >> 7) & 127),
                          .any_hour = bits[1] == (1u << 24) - 1,
                          .days_given = !starts_with_star(word[2]),
                          .weekdays_given = !starts_with_star(word[4])};
    return has_day(c) || tn_fail(err, TN_E_invalid, "cron: there is no such day in these months");
}

/* ---- when next ---- */

static int64_t floor_to(int64_t v, int64_t unit)
{
    return v - (v % unit + unit) % unit;
}

static bool day_fits(const struct tn_cron *c, int64_t day)
{
    int64_t year;
    unsigned month, of_month;
    tn_civil(day, &year, &month, &of_month);
    if (!(c->months >> month & 1)) return false;
    bool date = c->days >> of_month & 1, weekday = c->weekdays >> ((day % 7 + 11) % 7) & 1;
    if (c->days_given && c->weekdays_given) return date || weekday;
    return date && weekday; /* a field that is * fits every day */
}

static int64_t local_of(const struct tn_zone *zone, int64_t utc_ms)
{
    int64_t seconds = floor_to(utc_ms, 1000) / 1000;
    return zone ? utc_ms + tn_zone_offset(zone, seconds) * 1000 : utc_ms;
}

/* Returns the UTC milliseconds at which the schedule fires for that wall time. */
static int64_t fires_at(const struct tn_zone *zone, int64_t local_ms)
{
    int64_t utc = local_ms, jump;
    if (zone && tn_zone_wall(zone, local_ms, &utc, &jump) == TN_WALL_skipped) return jump;
    return utc;
}

/* Finds, among the wall times of that day, the first that fires after the moment. */
static bool next_of_day(const struct tn_cron *c, const struct tn_zone *zone, int64_t day,
                        int64_t after_ms, int64_t *next_ms)
{
    for (int64_t hour = 0; hour < 24; hour++) {
        if (!(c->hours >> hour & 1)) continue;
        for (int64_t minute = 0; minute < 60; minute++) {
            if (!(c->minutes >> minute & 1)) continue;
            *next_ms = fires_at(zone, day * DAY_MS + (hour * 60 + minute) * MINUTE_MS);
            if (*next_ms > after_ms) return true;
        }
    }
    return false;
}

static bool next_by_wall(const struct tn_cron *c, const struct tn_zone *zone, int64_t after_ms,
                         int64_t *next_ms)
{
    /* Start a day earlier: when the clocks skip midnight, a time of the day before fires at the
     * jump. */
    int64_t day = floor_to(local_of(zone, after_ms), DAY_MS) / DAY_MS - 1;
    for (int64_t last = day + YEARS_AHEAD * 366; day < last; day++)
        if (day_fits(c, day) && next_of_day(c, zone, day, after_ms, next_ms)) return true;
    return false;
}

/* Tries each minute of real time; skips days that do not fit as a whole. */
static bool next_by_time(const struct tn_cron *c, const struct tn_zone *zone, int64_t after_ms,
                         int64_t *next_ms)
{
    int64_t at = floor_to(after_ms, MINUTE_MS) + MINUTE_MS;
    for (int64_t last = at + (int64_t)YEARS_AHEAD * 366 * DAY_MS; at < last;) {
        int64_t local = local_of(zone, at), day = floor_to(local, DAY_MS) / DAY_MS;
        if (!day_fits(c, day)) {
            int64_t begin = fires_at(zone, (day + 1) * DAY_MS);
            at = begin > at ? floor_to(begin, MINUTE_MS) : at + MINUTE_MS;
        } else if (c->minutes >> (floor_to(local, MINUTE_MS) / MINUTE_MS % 60 + 60) % 60 & 1) {
            *next_ms = at;
            return true;
        } else {
            at += MINUTE_MS;
        }
    }
    return false;
}

bool tn_cron_next(const struct tn_cron *c, const struct tn_zone *zone, int64_t after_ms,
                  int64_t *next_ms)
{
    return c->any_hour ? next_by_time(c, zone, after_ms, next_ms)
                       : next_by_wall(c, zone, after_ms, next_ms);
}
