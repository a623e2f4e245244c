/* SPDX-License-Identifier: MIT */
#include "base/duration.h"

#include <stdio.h>

enum { DIGITS = 12 };
static const int64_t DAYS_MAX = 1000000, MS_MAX = 86400000000000, MONTHS_MAX = 100000;

/* Takes a number off the front of s; of its fraction, it keeps three digits. */
static bool take_number(struct tn_str *s, uint64_t *whole, uint64_t *thousandths)
{
    size_t n = 0;
    while (n < s->n && s->p[n] >= '0' && s->p[n] <= '9') n++;
    if (!n || n > DIGITS || !tn_str_u64((struct tn_str){s->p, n}, whole)) return false;
    s->p += n, s->n -= n;
    *thousandths = 0;
    if (!s->n || (s->p[0] != '.' && s->p[0] != ',')) return true;
    s->p++, s->n--;
    uint64_t scale = 100;
    for (n = 0; n < s->n && s->p[n] >= '0' && s->p[n] <= '9'; n++, scale /= 10)
        *thousandths += (uint64_t)(s->p[n] - '0') * scale;
    s->p += n, s->n -= n;
    return n > 0;
}

/* Adds one number with its unit. Units come in the order of the table, each at most once; *order is
 * the first one that may still come. */
static bool add_part(struct tn_duration *d, char unit, bool time, uint64_t n, uint64_t thousandths,
                     int *order)
{
    static const struct {
        char unit;
        bool time;
        int64_t months, days, ms;
    } units[] = {{'Y', false, 12, 0, 0}, {'M', false, 1, 0, 0},      {'W', false, 0, 7, 0},
                 {'D', false, 0, 1, 0},  {'H', true, 0, 0, 3600000}, {'M', true, 0, 0, 60000},
                 {'S', true, 0, 0, 1000}};
    for (int i = *order; i < 7; i++) {
        if (units[i].unit != unit || units[i].time != time) continue;
        if (n > (uint64_t)MS_MAX || (thousandths && !time)) return false;
        d->months += (int64_t)n * units[i].months;
        d->days += (int64_t)n * units[i].days;
        if (time && (int64_t)n > MS_MAX / units[i].ms) return false;
        d->ms += (int64_t)n * units[i].ms + (int64_t)thousandths * units[i].ms / 1000;
        *order = i + 1;
        return true;
    }
    return false;
}

static bool in_bounds(const struct tn_duration *d)
{
    return d->months <= MONTHS_MAX && d->days <= DAYS_MAX && d->days * 86400000 + d->ms <= MS_MAX;
}

static bool read_iso(struct tn_str s, struct tn_duration *d)
{
    bool time = false, fraction = false;
    int order = 0;
    uint64_t n, thousandths;
    if (!s.n) return false;
    while (s.n) {
        if (s.p[0] == 'T') {
            if (time || s.n == 1) return false;
            time = true;
            s.p++, s.n--;
        }
        if (fraction || !take_number(&s, &n, &thousandths) || !s.n) return false;
        fraction = thousandths > 0;
        if (!add_part(d, s.p[0], time, n, thousandths, &order)) return false;
        s.p++, s.n--;
    }
    return in_bounds(d);
}

static bool read_plain(struct tn_str s, struct tn_duration *d)
{
    static const struct {
        const char *unit;
        int64_t ms;
    } units[] = {{"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000}};
    uint64_t n, none;
    if (!take_number(&s, &n, &none) || none) return false;
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        if (!tn_str_is(s, units[i].unit)) continue;
        if (n > 1000000000) return false;
        d->ms = (int64_t)n * units[i].ms;
        return in_bounds(d);
    }
    return false;
}

bool tn_duration_read(struct tn_str s, struct tn_duration *out)
{
    *out = (struct tn_duration){0};
    bool minus = s.n && s.p[0] == '-';
    if (minus) s.p++, s.n--;
    if (!s.n || s.p[0] != 'P') return !minus && s.n && read_plain(s, out);
    if (!read_iso((struct tn_str){s.p + 1, s.n - 1}, out)) return false;
    if (minus) *out = (struct tn_duration){-out->months, -out->days, -out->ms};
    return true;
}

void tn_duration_text(int64_t ms, char out[TN_DURATION_LEN])
{
    uint64_t left = ms < 0 ? -(uint64_t)ms : (uint64_t)ms;
    uint64_t days = left / 86400000, h = left / 3600000 % 24, m = left / 60000 % 60;
    uint64_t s = left / 1000 % 60, rest = left % 1000;
    int n = snprintf(out, TN_DURATION_LEN, "%sP", ms < 0 ? "-" : "");
    char *p = out + n, *end = out + TN_DURATION_LEN;
    if (days) p += snprintf(p, (size_t)(end - p), "%lluD", (unsigned long long)days);
    if (left % 86400000 || !days) p += snprintf(p, (size_t)(end - p), "T");
    if (h) p += snprintf(p, (size_t)(end - p), "%lluH", (unsigned long long)h);
    if (m) p += snprintf(p, (size_t)(end - p), "%lluM", (unsigned long long)m);
    if (rest) {
        p += snprintf(p, (size_t)(end - p), "%llu.%03llu", (unsigned long long)s,
                      (unsigned long long)rest);
        while (p[-1] == '0') p--;
        snprintf(p, (size_t)(end - p), "S");
    } else if (s || !left) {
        snprintf(p, (size_t)(end - p), "%lluS", (unsigned long long)s);
    }
}
