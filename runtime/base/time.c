/* SPDX-License-Identifier: MIT */
#include "base/time.h"

#include <stdio.h>
#include <time.h>

enum { DAY_MS = 86400000 };

int64_t tn_now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int64_t tn_clock_ms(const struct tn_clock *clock)
{
    return clock && clock->stopped ? clock->ms : tn_now_ms();
}

int64_t tn_cpu_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

int64_t tn_mono_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

int64_t tn_days(int64_t year, unsigned month, unsigned day)
{
    year -= month <= 2;
    int64_t era = (year >= 0 ? year : year - 399) / 400;
    int64_t of_era = year - era * 400;
    int64_t of_year = (153 * ((int64_t)month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

void tn_civil(int64_t days, int64_t *year, unsigned *month, unsigned *day)
{
    days += 719468;
    int64_t era = (days >= 0 ? days : days - 146096) / 146097;
    int64_t doe = days - era * 146097;
    int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    int64_t mp = (5 * doy + 2) / 153;
    *day = (unsigned)(doy - (153 * mp + 2) / 5 + 1);
    *month = (unsigned)(mp < 10 ? mp + 3 : mp - 9);
    *year = yoe + era * 400 + (*month <= 2);
}

unsigned tn_month_days(int64_t year, unsigned month)
{
    static const unsigned char length[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return length[month - 1] + (unsigned)(month == 2 && leap);
}

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

static int64_t floor_rest(int64_t a, int64_t b)
{
    return a % b + (a % b < 0 ? b : 0);
}

/* value as n digits, leading zeros included */
static void put(char *p, int64_t value, int n)
{
    for (int i = n - 1; i >= 0; i--, value /= 10) p[i] = (char)('0' + value % 10);
}

void tn_time_text(int64_t ms, char out[TN_TIME_LEN + 1])
{
    int64_t days = floor_div(ms, DAY_MS), rest = floor_rest(ms, DAY_MS);
    int64_t year;
    unsigned month, day;
    tn_civil(days, &year, &month, &day);
    memcpy(out, "0000-00-00T00:00:00.000Z", TN_TIME_LEN + 1);
    put(out, year < 0 ? 0 : year, 4);
    put(out + 5, month, 2);
    put(out + 8, day, 2);
    put(out + 11, rest / 3600000, 2);
    put(out + 14, rest / 60000 % 60, 2);
    put(out + 17, rest / 1000 % 60, 2);
    put(out + 20, rest % 1000, 3);
}

/* Takes exactly n digits off the front of s. */
static bool digits(struct tn_str *s, size_t n, unsigned *out)
{
    uint64_t v;
    if (s->n < n || !tn_str_u64((struct tn_str){s->p, n}, &v)) return false;
    *out = (unsigned)v;
    s->p += n;
    s->n -= n;
    return true;
}

static bool take(struct tn_str *s, char c)
{
    if (!s->n || s->p[0] != c) return false;
    s->p++;
    s->n--;
    return true;
}

static bool date_ok(unsigned year, unsigned month, unsigned day)
{
    return year >= 1 && month >= 1 && month <= 12 && day >= 1 && day <= tn_month_days(year, month);
}

static bool take_fraction(struct tn_str *s, int64_t *ms)
{
    unsigned seen = 0;
    if (!take(s, '.') && !take(s, ',')) return true;
    for (int64_t scale = 100; s->n && s->p[0] >= '0' && s->p[0] <= '9'; s->p++, s->n--, seen++) {
        *ms += (s->p[0] - '0') * scale;
        scale /= 10;
    }
    return seen > 0;
}

static bool take_offset(struct tn_str *s, int64_t *ms)
{
    unsigned h, m;
    if (take(s, 'Z') || take(s, 'z')) return true;
    bool west = take(s, '-');
    if (!west && !take(s, '+')) return false;
    if (!digits(s, 2, &h)) return false;
    take(s, ':');
    if (!digits(s, 2, &m) || h > 23 || m > 59) return false;
    int64_t offset = ((int64_t)h * 60 + m) * 60000;
    *ms += west ? offset : -offset;
    return true;
}

bool tn_time_parse(struct tn_str s, int64_t *ms)
{
    unsigned year, month, day, h = 0, m = 0, sec = 0;
    int64_t t = 0;
    if (!digits(&s, 4, &year) || !take(&s, '-') || !digits(&s, 2, &month) || !take(&s, '-') ||
        !digits(&s, 2, &day) || !date_ok(year, month, day))
        return false;
    if (s.n) {
        if (!take(&s, 'T') && !take(&s, 't') && !take(&s, ' ')) return false;
        if (!digits(&s, 2, &h) || !take(&s, ':') || !digits(&s, 2, &m)) return false;
        if (take(&s, ':') && (!digits(&s, 2, &sec) || !take_fraction(&s, &t))) return false;
        if (!take_offset(&s, &t) || s.n || h > 23 || m > 59 || sec > 59) return false;
    }
    *ms = t + tn_days(year, month, day) * DAY_MS + ((int64_t)h * 3600 + m * 60 + sec) * 1000;
    return true;
}

static const char *const month_names[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                          "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
static const char *const day_names[] = {"Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"};

void tn_time_http(int64_t ms, char out[30])
{
    int64_t days = floor_div(ms, DAY_MS), rest = floor_rest(ms, DAY_MS);
    int64_t year;
    unsigned month, day;
    tn_civil(days, &year, &month, &day);
    snprintf(out, 30, "%s, 00 %s 0000 00:00:00 GMT", day_names[(days % 7 + 7) % 7],
             month_names[month - 1]);
    put(out + 5, day, 2);
    put(out + 12, year < 0 ? 0 : year, 4);
    put(out + 17, rest / 3600000, 2);
    put(out + 20, rest / 60000 % 60, 2);
    put(out + 23, rest / 1000 % 60, 2);
}

bool tn_time_parse_http(struct tn_str text, int64_t *ms)
{
    char copy[64], name[4];
    int day, year, h, m, s, end = 0;
    if (!text.n || text.n >= sizeof copy) return false;
    memcpy(copy, text.p, text.n);
    copy[text.n] = '\0';
    if (sscanf(copy, "%*3s, %2d %3s %4d %2d:%2d:%2d GMT%n", &day, name, &year, &h, &m, &s, &end) !=
            6 &&
        sscanf(copy, "%*[A-Za-z], %2d-%3[A-Za-z]-%2d %2d:%2d:%2d GMT%n", &day, name, &year, &h, &m,
               &s, &end) != 6 &&
        sscanf(copy, "%*3s %3s %2d %2d:%2d:%2d %4d%n", name, &day, &h, &m, &s, &year, &end) != 6)
        return false;
    if ((size_t)end != text.n) return false;
    if (year < 100) year += year < 70 ? 2000 : 1900;
    for (unsigned month = 0; month < 12; month++) {
        if (strcmp(name, month_names[month]) != 0) continue;
        if (year < 0 || day < 0 || !date_ok((unsigned)year, month + 1, (unsigned)day)) return false;
        if (h < 0 || h > 23 || m < 0 || m > 59 || s < 0 || s > 60) return false;
        *ms = tn_days(year, month + 1, (unsigned)day) * DAY_MS +
              ((int64_t)h * 3600 + m * 60 + s) * 1000;
        return true;
    }
    return false;
}
