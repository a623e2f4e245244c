/* SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "mapping/coerce.h"

#include "base/decimal.h"
#include "base/time.h"
#include "mapping/spec.h"

enum { EXACT_DIGITS = 64 }; /* digits behind the point when no scale is given */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static size_t digits_end(struct tn_str s, size_t i)
{
    while (i < s.n && is_digit(s.p[i])) i++;
    return i;
}

/* Is s a JSON number, except that it may have leading zeros, or no digit before the point? */
static bool number_shape(struct tn_str s)
{
    size_t i = s.n && s.p[0] == '-', end = digits_end(s, i);
    if (end == i && (i == s.n || s.p[i] != '.')) return false;
    i = end;
    if (i < s.n && s.p[i] == '.') {
        end = digits_end(s, i + 1);
        if (end == i + 1) return false;
        i = end;
    }
    if (i < s.n && (s.p[i] == 'e' || s.p[i] == 'E')) {
        i++;
        if (i < s.n && (s.p[i] == '+' || s.p[i] == '-')) i++;
        end = digits_end(s, i);
        if (end == i) return false;
        i = end;
    }
    return i == s.n;
}

/* Would our JSON reader accept it? */
static bool readable(struct tn_str s)
{
    struct tn_decimal d = {0};
    struct tn_err err;
    if (s.n <= 20 && !memchr(s.p, 'e', s.n) && !memchr(s.p, 'E', s.n)) return true;
    bool ok = tn_decimal_parse(&d, s, &err);
    tn_decimal_clear(&d);
    return ok;
}

bool tn_coerce_number(struct tn_str text, char room[TN_COERCE_MAX], struct tn_str *lexeme)
{
    struct tn_str s = tn_str_trim(text);
    if (s.n > 1 && s.p[0] == '+' && s.p[1] != '-') {
        s.p++;
        s.n--;
    }
    if (s.n > TN_LIMIT_NUMBER || !number_shape(s)) return false;
    bool neg = s.p[0] == '-';
    size_t zeros = neg;
    while (zeros + 1 < s.n && s.p[zeros] == '0' && is_digit(s.p[zeros + 1])) zeros++;
    bool bare = s.p[zeros] == '.';
    if (zeros > neg || bare) {
        room[0] = '-';
        room[neg] = '0';
        memcpy(room + neg + bare, s.p + zeros, s.n - zeros);
        s = (struct tn_str){room, s.n - zeros + neg + bare};
    }
    if (!readable(s)) return false;
    *lexeme = s;
    return true;
}

/* Reads the usual case: at most 18 digits and nothing else. */
static bool small_int(struct tn_str s, int64_t *out)
{
    size_t i = s.n && s.p[0] == '-';
    int64_t v = 0;
    if (s.n - i == 0 || s.n - i > 18) return false;
    bool neg = i;
    for (; i < s.n; i++) {
        if (!is_digit(s.p[i])) return false;
        v = v * 10 + (s.p[i] - '0');
    }
    *out = neg ? -v : v;
    return true;
}

int tn_coerce_compare(struct tn_str a, struct tn_str b)
{
    struct tn_decimal x = {0}, y = {0};
    struct tn_err err;
    int64_t i, j;
    if (small_int(a, &i) && small_int(b, &j)) return (i > j) - (i < j);
    int order =
        tn_decimal_parse(&x, a, &err) && tn_decimal_parse(&y, b, &err) ? tn_decimal_cmp(&x, &y) : 0;
    tn_decimal_clear(&x);
    tn_decimal_clear(&y);
    return order;
}

/* Puts the text of d into room, and clears d. False: ok is false, or the text does not fit. */
static bool give_text(struct tn_decimal *d, bool ok, char room[TN_COERCE_MAX], struct tn_str *out)
{
    struct tn_buf b;
    tn_buf_init(&b, TN_LIMIT_NUMBER);
    if (ok) tn_decimal_text(d, &b);
    tn_decimal_clear(d);
    ok = ok && !b.failed;
    if (ok) {
        memcpy(room, b.p, b.n);
        *out = (struct tn_str){room, b.n};
    }
    tn_buf_clear(&b);
    return ok;
}

/* Adds one to the last digit. False: the number would need another digit in front. */
static bool add_one(char *first, char *end)
{
    while (end-- > first) {
        if (*end == '.') continue;
        if (*end != '9') return ++*end, true;
        *end = '0';
    }
    return false;
}

/* Rounds a number of only digits and a point: adds zeros or drops digits. False: the number or the
 * rounding is not that simple, so tn_decimal has to do it. */
static bool short_decimal(struct tn_str s, int64_t scale, int rounding, char room[TN_COERCE_MAX],
                          struct tn_str *out)
{
    size_t point = s.n;
    if (s.n > 24 || scale > 64) return false;
    for (size_t i = 0; i < s.n; i++) {
        room[i] = s.p[i];
        if (s.p[i] == '.')
            point = i;
        else if (!is_digit(s.p[i]))
            return false;
    }
    char *end = room + s.n, *cut = room + point + (scale ? 1 + scale : 0);
    if (end > cut) {
        if (rounding != TN_ROUND_half_up && rounding != TN_ROUND_down) return false;
        bool up = rounding == TN_ROUND_half_up && cut[scale == 0] >= '5';
        if (up && !add_one(room, cut)) return false;
    } else {
        if (point == s.n && scale) *end++ = '.';
        while (end < cut) *end++ = '0';
    }
    *out = (struct tn_str){room, (size_t)(cut - room)};
    return true;
}

bool tn_coerce_decimal(struct tn_str lexeme, int64_t scale, int rounding, char room[TN_COERCE_MAX],
                       struct tn_str *out)
{
    struct tn_decimal d = {0}, r = {0};
    struct tn_err err;
    bool exact = rounding == TN_ROUND_none;
    if (short_decimal(lexeme, scale, rounding, room, out)) return true;
    bool ok = tn_decimal_parse(&d, lexeme, &err) &&
              tn_decimal_round(&r, &d, (int)scale, exact ? TN_ROUND_down : (enum tn_round)rounding,
                               &err) &&
              (!exact || tn_decimal_cmp(&d, &r) == 0);
    tn_decimal_clear(&d);
    return give_text(&r, ok, room, out);
}

bool tn_coerce_integer(struct tn_str lexeme, char room[TN_COERCE_MAX], struct tn_str *out)
{
    int64_t small;
    if (small_int(lexeme, &small) && !(small == 0 && lexeme.p[0] == '-')) {
        *out = lexeme;
        return true;
    }
    return tn_coerce_decimal(lexeme, 0, TN_ROUND_none, room, out) && !memchr(out->p, 'e', out->n);
}

bool tn_coerce_ratio(struct tn_str v, struct tn_str factor, struct tn_str divisor, int64_t scale,
                     int rounding, char room[TN_COERCE_MAX], struct tn_str *out)
{
    struct tn_decimal x = {0}, f = {0}, d = {0}, q = {0}, back = {0};
    struct tn_err err;
    bool exact = scale < 0 || rounding == TN_ROUND_none;
    int digits = scale < 0 ? EXACT_DIGITS : (int)scale;
    bool ok =
        tn_decimal_parse(&x, v, &err) && tn_decimal_parse(&f, factor, &err) &&
        tn_decimal_parse(&d, divisor, &err) && tn_decimal_mul(&x, &x, &f, &err) &&
        tn_decimal_div(&q, &x, &d, digits, exact ? TN_ROUND_down : (enum tn_round)rounding, &err) &&
        (!exact || (tn_decimal_mul(&back, &q, &d, &err) && tn_decimal_cmp(&back, &x) == 0));
    tn_decimal_clear(&x);
    tn_decimal_clear(&f);
    tn_decimal_clear(&d);
    tn_decimal_clear(&back);
    if (!give_text(&q, ok, room, out)) return false;
    if (scale >= 0 || !memchr(out->p, '.', out->n)) return true;
    while (out->p[out->n - 1] == '0') out->n--;
    out->n -= out->p[out->n - 1] == '.';
    return true;
}

bool tn_coerce_word(struct tn_str text, bool *out)
{
    static const struct {
        const char *word;
        bool value;
    } words[] = {{"true", true}, {"false", false}, {"yes", true}, {"no", false},
                 {"y", true},    {"n", false},     {"1", true},   {"0", false},
                 {"t", true},    {"f", false},     {"on", true},  {"off", false}};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (tn_str_eq_nocase(text, tn_str(words[i].word))) {
            *out = words[i].value;
            return true;
        }
    return false;
}

struct unit {
    const char *name, *kind, *factor; /* factor: how many of the kind's smallest unit, exactly */
};

static const struct unit units[] = {
    {"mg", "mass", "1"},
    {"g", "mass", "1000"},
    {"kg", "mass", "1000000"},
    {"t", "mass", "1000000000"},
    {"oz", "mass", "28349.523125"},
    {"lb", "mass", "453592.37"},
    {"um", "length", "0.001"},
    {"mm", "length", "1"},
    {"cm", "length", "10"},
    {"m", "length", "1000"},
    {"km", "length", "1000000"},
    {"in", "length", "25.4"},
    {"ft", "length", "304.8"},
    {"yd", "length", "914.4"},
    {"mm2", "area", "1"},
    {"cm2", "area", "100"},
    {"m2", "area", "1000000"},
    {"in2", "area", "645.16"},
    {"ft2", "area", "92903.04"},
    {"ml", "volume", "1"},
    {"l", "volume", "1000"},
    {"m3", "volume", "1000000"},
    {"gal", "volume", "3785.411784"},
    {"ms", "time", "1"},
    {"s", "time", "1000"},
    {"min", "time", "60000"},
    {"h", "time", "3600000"},
    {"d", "time", "86400000"},
    {"ea", "count", "1"},
    {"pair", "count", "2"},
    {"dozen", "count", "12"},
    {"gross", "count", "144"},
    {"hundred", "count", "100"},
    {"thousand", "count", "1000"},
};

static const struct unit *unit_of(struct tn_str name)
{
    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
        if (tn_str_is(name, units[i].name)) return &units[i];
    return NULL;
}

bool tn_coerce_unit(struct tn_str from, struct tn_str to, struct tn_str *factor,
                    struct tn_str *divisor)
{
    const struct unit *a = unit_of(from), *b = unit_of(to);
    if (!a || !b || strcmp(a->kind, b->kind) != 0) return false;
    *factor = tn_str(a->factor);
    *divisor = tn_str(b->factor);
    return true;
}

/* Takes exactly n digits off the front of s. */
static inline bool take_digits(struct tn_str *s, size_t n, unsigned *out)
{
    unsigned v = 0;
    if (s->n < n) return false;
    for (size_t i = 0; i < n; i++) {
        if (!is_digit(s->p[i])) return false;
        v = v * 10 + (unsigned)(s->p[i] - '0');
    }
    s->p += n;
    s->n -= n;
    *out = v;
    return true;
}

static inline bool take_char(struct tn_str *s, char c)
{
    if (!s->n || s->p[0] != c) return false;
    s->p++;
    s->n--;
    return true;
}

static bool moment_ok(const struct tn_moment *m)
{
    static const unsigned char length[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    if (m->year < 1 || m->month < 1 || m->month > 12 || m->day < 1) return false;
    bool leap = m->year % 4 == 0 && (m->year % 100 != 0 || m->year % 400 == 0);
    return m->day <= length[m->month - 1] + (unsigned)(m->month == 2 && leap) && m->hour < 24 &&
           m->minute < 60 && m->second < 60;
}

static bool take_fraction(struct tn_str *s, struct tn_moment *m)
{
    unsigned scale = 100;
    size_t seen = 0;
    for (m->milli = 0; s->n && is_digit(s->p[0]); s->p++, s->n--, seen++, scale /= 10)
        m->milli += (unsigned)(s->p[0] - '0') * scale;
    return seen > 0;
}

static bool take_offset(struct tn_str *s, struct tn_moment *m)
{
    unsigned h, min = 0;
    m->zoned = true;
    m->offset = 0;
    if (take_char(s, 'Z') || take_char(s, 'z')) return true;
    bool west = take_char(s, '-');
    if (!west && !take_char(s, '+')) return false;
    if (!take_digits(s, 2, &h)) return false;
    if (take_char(s, ':') || s->n) {
        if (!take_digits(s, 2, &min)) return false;
    }
    if (h > 23 || min > 59) return false;
    m->offset = (int)(h * 60 + min);
    if (west) m->offset = -m->offset;
    return true;
}

static bool take_date(struct tn_str *s, struct tn_moment *m)
{
    unsigned year;
    if (!take_digits(s, 4, &year) || !take_char(s, '-') || !take_digits(s, 2, &m->month) ||
        !take_char(s, '-') || !take_digits(s, 2, &m->day))
        return false;
    m->year = (int)year;
    return true;
}

static bool read_iso(struct tn_str s, struct tn_moment *m)
{
    if (!take_date(&s, m)) return false;
    if (!s.n) return true;
    if (!take_char(&s, 'T') && !take_char(&s, ' ') && !take_char(&s, 't')) return false;
    if (!take_digits(&s, 2, &m->hour) || !take_char(&s, ':') || !take_digits(&s, 2, &m->minute))
        return false;
    if (take_char(&s, ':')) {
        if (!take_digits(&s, 2, &m->second)) return false;
        if ((take_char(&s, '.') || take_char(&s, ',')) && !take_fraction(&s, m)) return false;
    }
    return !s.n || (take_offset(&s, m) && !s.n);
}

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

static void from_ms(int64_t ms, struct tn_moment *m)
{
    char text[TN_TIME_LEN + 1];
    tn_time_text(ms, text);
    *m = (struct tn_moment){.month = 1, .day = 1, .zoned = true};
    read_iso((struct tn_str){text, TN_TIME_LEN}, m);
}

static bool read_epoch(struct tn_str s, int64_t unit, struct tn_moment *m)
{
    int64_t v;
    s = tn_str_trim(s);
    /* only the years 0001 to 9999 */
    if (!small_int(s, &v) || v > 253402300799999 / unit || v < -62135596800000 / unit) return false;
    from_ms(v * unit, m);
    return true;
}

static const char *const months[] = {"jan", "feb", "mar", "apr", "may", "jun",
                                     "jul", "aug", "sep", "oct", "nov", "dec"};

static bool take_month(struct tn_str *s, struct tn_moment *m)
{
    if (s->n < 3) return false;
    for (unsigned i = 0; i < 12; i++)
        if (tn_str_eq_nocase((struct tn_str){s->p, 3}, tn_str(months[i]))) {
            m->month = i + 1;
            s->p += 3;
            s->n -= 3;
            return true;
        }
    return false;
}

static bool take_half(struct tn_str *s, int *half)
{
    if (s->n < 2 || (s->p[1] != 'M' && s->p[1] != 'm')) return false;
    if (s->p[0] == 'A' || s->p[0] == 'a')
        *half = 0;
    else if (s->p[0] == 'P' || s->p[0] == 'p')
        *half = 1;
    else
        return false;
    s->p += 2;
    s->n -= 2;
    return true;
}

/* Takes one or two digits, which spaces may precede. */
static bool take_loose(struct tn_str *s, unsigned *out)
{
    while (take_char(s, ' ')) {
    }
    return take_digits(s, 2, out) || take_digits(s, 1, out);
}

static bool take_year2(struct tn_str *s, struct tn_moment *m)
{
    unsigned y;
    if (!take_digits(s, 2, &y)) return false;
    m->year = (int)y + (y < 69 ? 2000 : 1900);
    return true;
}

/* What a format gives beside the fields of the moment. */
struct marks {
    int half; /* 0 AM, 1 PM, -1 neither */
    unsigned day_of_year;
};

/* Takes two digits; with loose also one. */
static bool take_pair(struct tn_str *s, bool loose, unsigned *out)
{
    return take_digits(s, 2, out) || (loose && take_digits(s, 1, out));
}

static bool take_field(struct tn_str *s, char what, bool loose, struct tn_moment *m,
                       struct marks *marks)
{
    unsigned year;
    switch (what) {
    case 'Y':
        if (!take_digits(s, 4, &year)) return false;
        m->year = (int)year;
        return true;
    case 'y': return take_year2(s, m);
    case 'm': return take_pair(s, loose, &m->month);
    case 'j': return take_digits(s, 3, &marks->day_of_year) && marks->day_of_year;
    case 'b': return take_month(s, m);
    case 'd': return take_pair(s, loose, &m->day);
    case 'e': return take_loose(s, &m->day);
    case 'H': return take_pair(s, loose, &m->hour);
    case 'I': return take_loose(s, &m->hour) && m->hour >= 1 && m->hour <= 12;
    case 'M': return take_digits(s, 2, &m->minute);
    case 'S': return take_digits(s, 2, &m->second);
    case 'f': return take_fraction(s, m);
    case 'p': return take_half(s, &marks->half);
    case 'z': return take_offset(s, m);
    case 'F': return take_date(s, m);
    case 'T':
        return take_digits(s, 2, &m->hour) && take_char(s, ':') && take_digits(s, 2, &m->minute) &&
               take_char(s, ':') && take_digits(s, 2, &m->second);
    case '%': return take_char(s, '%');
    default: return false;
    }
}

/* Counts the days from January 1st of the year. False: the year has no such day. */
static bool set_day_of_year(struct tn_moment *m, unsigned day)
{
    int64_t year;
    if (day < 1 || m->year < 1) return false;
    tn_civil(tn_days(m->year, 1, 1) + day - 1, &year, &m->month, &m->day);
    return year == m->year;
}

static bool read_format(struct tn_str s, struct tn_str f, struct tn_moment *m)
{
    struct marks marks = {.half = -1};
    bool joined = false; /* the field stands right behind another one */
    for (size_t i = 0; i < f.n; i++) {
        if (f.p[i] == '%' && i + 1 < f.n) {
            bool bare = f.p[++i] == '-' && i + 1 < f.n;
            i += bare;
            /* Between texts it is clear where a number of one digit begins and ends. */
            bool ends = i + 1 == f.n || (f.p[i + 1] != '%' && !is_digit(f.p[i + 1]));
            if (!take_field(&s, f.p[i], bare || (ends && !joined), m, &marks)) return false;
            joined = true;
            continue;
        } else if (f.p[i] == ' ') {
            if (!take_char(&s, ' ') && !take_char(&s, '\t')) return false;
            while (take_char(&s, ' ') || take_char(&s, '\t')) {
            }
        } else if (!take_char(&s, f.p[i])) {
            return false;
        }
        joined = false;
    }
    if (marks.half >= 0) {
        if (m->hour < 1 || m->hour > 12) return false;
        m->hour = m->hour % 12 + 12 * (unsigned)marks.half;
    }
    return !s.n && (!marks.day_of_year || set_day_of_year(m, marks.day_of_year));
}

/* ---- formats with a name ---- */

enum named { NAMED_none, NAMED_seconds, NAMED_millis, NAMED_odata, NAMED_cyyddd };

static enum named named(struct tn_str format)
{
    if (tn_str_is(format, "epoch") || tn_str_is(format, "%s")) return NAMED_seconds;
    if (tn_str_is(format, "epoch_ms")) return NAMED_millis;
    if (tn_str_is(format, "/Date()/")) return NAMED_odata;
    return tn_str_is(format, "cyyddd") ? NAMED_cyyddd : NAMED_none;
}

bool tn_moment_numeric(struct tn_str format)
{
    enum named n = named(format);
    return n != NAMED_none && n != NAMED_odata;
}

/* Reads OData's /Date(1493596800000)/; an offset behind the number does not move the instant. */
static bool read_odata(struct tn_str s, struct tn_moment *m)
{
    static const char head[] = "/Date(", tail[] = ")/";
    s = tn_str_trim(s);
    size_t extra = sizeof head + sizeof tail - 2;
    if (s.n <= extra || memcmp(s.p, head, sizeof head - 1) != 0 ||
        memcmp(s.p + s.n - 2, tail, 2) != 0)
        return false;
    s = (struct tn_str){s.p + sizeof head - 1, s.n - extra};
    size_t end = digits_end(s, s.p[0] == '-');
    if (end < s.n && s.p[end] != '+' && s.p[end] != '-') return false;
    if (end < s.n && (end + 1 == s.n || digits_end(s, end + 1) != s.n)) return false;
    return read_epoch((struct tn_str){s.p, end}, 1, m);
}

/* Reads a date of JD Edwards: centuries since 1900, year, day of the year. */
static bool read_cyyddd(struct tn_str s, struct tn_moment *m)
{
    int64_t v;
    s = tn_str_trim(s);
    if (s.n > 6 || !small_int(s, &v) || v < 1) return false;
    m->year = (int)(1900 + v / 1000);
    return set_day_of_year(m, (unsigned)(v % 1000));
}

static bool read_named(enum named how, struct tn_str text, struct tn_moment *out)
{
    switch (how) {
    case NAMED_seconds: return read_epoch(text, 1000, out);
    case NAMED_millis: return read_epoch(text, 1, out);
    case NAMED_odata: return read_odata(text, out);
    case NAMED_cyyddd: return read_cyyddd(text, out);
    case NAMED_none: break;
    }
    return false;
}

/* 24:00:00 is the beginning of the next day. */
static bool end_of_day(struct tn_moment *m)
{
    int64_t year;
    if (m->hour != 24) return true;
    if (m->minute || m->second || m->milli || m->month < 1 || m->month > 12) return false;
    if (m->day < 1 || m->day > tn_month_days(m->year, m->month)) return false;
    tn_civil(tn_days(m->year, m->month, m->day) + 1, &year, &m->month, &m->day);
    m->year = (int)year;
    m->hour = 0;
    return year <= 9999;
}

bool tn_moment_read(struct tn_str text, struct tn_str format, struct tn_moment *out)
{
    *out = (struct tn_moment){.month = 1, .day = 1};
    enum named how = named(format);
    if (how != NAMED_none) return read_named(how, text, out);
    bool ok = format.p ? read_format(tn_str_trim(text), format, out) : read_iso(text, out);
    return ok && end_of_day(out) && moment_ok(out);
}

const char *tn_moment_format_fault(struct tn_str f)
{
    bool year = false;
    if (!f.p || named(f) != NAMED_none) return NULL;
    for (size_t i = 0; i < f.n; i++) {
        if (f.p[i] != '%') continue;
        if (++i == f.n) return "it ends in %";
        if (f.p[i] == '-' && i + 1 < f.n && memchr("mdHI", f.p[i + 1], 4)) i++;
        if (!memchr("YymbdejHIMSfpzTF%", f.p[i], 17))
            return "it may contain %Y %y %m %b %d %e %j %H %I %M %S %f %p %z %T %F %% %-m %-d %-H "
                   "%-I and plain text; or it is \"epoch\" (seconds since 1970, also \"%s\"), "
                   "\"epoch_ms\", \"/Date()/\" or \"cyyddd\"";
        if (f.p[i] == 'Y' || f.p[i] == 'y' || f.p[i] == 'F') year = true;
    }
    return year ? NULL : "it has no year (%Y, %y or %F)";
}

static inline char *put2(char *w, unsigned v)
{
    w[0] = (char)('0' + v / 10);
    w[1] = (char)('0' + v % 10);
    return w + 2;
}

static void write_moment(const struct tn_moment *m, char out[TN_MOMENT_LEN + 1])
{
    char *w = put2(put2(out, (unsigned)m->year / 100), (unsigned)m->year % 100);
    *w++ = '-';
    w = put2(w, m->month);
    *w++ = '-';
    w = put2(w, m->day);
    *w++ = 'T';
    w = put2(w, m->hour);
    *w++ = ':';
    w = put2(w, m->minute);
    *w++ = ':';
    w = put2(w, m->second);
    *w++ = '.';
    *w++ = (char)('0' + m->milli / 100);
    w = put2(w, m->milli % 100);
    memcpy(w, "Z", 2);
}

static int64_t local_ms(const struct tn_moment *m)
{
    int64_t minutes = tn_days(m->year, m->month, m->day) * 1440 + m->hour * 60 + m->minute;
    return (minutes * 60 + m->second) * 1000 + m->milli;
}

bool tn_moment_utc(const struct tn_moment *m, const struct tn_zone *zone,
                   char out[TN_MOMENT_LEN + 1])
{
    if (m->zoned && m->offset == 0) {
        write_moment(m, out);
        return true;
    }
    if (!m->zoned && !zone) return false;
    int64_t ms =
        m->zoned ? local_ms(m) - (int64_t)m->offset * 60000 : tn_zone_utc(zone, local_ms(m));
    int64_t first = tn_days(1, 1, 1), last = tn_days(10000, 1, 1), day = floor_div(ms, 86400000);
    if (day < first || day >= last) return false;
    tn_time_text(ms, out);
    return true;
}

static inline uint64_t eight(const char *p)
{
    uint64_t v;
    memcpy(&v, p, sizeof v);
    return v;
}

/* Do the eight bytes at p match form: a digit where form has 0, else the same byte? A byte that
 * differs sets its high bit, in the sum or before it. A carry can only come from a byte that
 * differs, so it changes no answer. */
static inline bool like(const char *p, const char form[9])
{
    char most[8];
    for (int i = 0; i < 8; i++) most[i] = form[i] == '0' ? 0x7F - 9 : 0x7F;
    uint64_t apart = eight(p) ^ eight(form);
    return !(((apart + eight(most)) | apart) & 0x8080808080808080u);
}

static inline unsigned pair(const char *p)
{
    return (unsigned)(p[0] - '0') * 10 + (unsigned)(p[1] - '0');
}

/* Reads Z or an offset, as minutes to subtract. */
static inline bool quick_offset(struct tn_str s, int *minutes)
{
    *minutes = 0;
    if (s.n == 1) return s.p[0] == 'Z';
    if (s.n != 6 || (s.p[0] != '+' && s.p[0] != '-') || s.p[3] != ':') return false;
    if (!is_digit(s.p[1]) || !is_digit(s.p[2]) || !is_digit(s.p[4]) || !is_digit(s.p[5]))
        return false;
    unsigned hours = pair(s.p + 1), rest = pair(s.p + 4);
    if (hours > 23 || rest > 59) return false;
    *minutes = (int)(hours * 60 + rest);
    if (s.p[0] == '-') *minutes = -*minutes;
    return true;
}

bool tn_moment_quick(struct tn_str text, char out[TN_MOMENT_LEN])
{
    const char *p = text.p;
    struct tn_str rest = {p + 19, text.n - 19};
    int offset;
    if (text.n < 20 || !like(p, "0000-00-") || !like(p + 8, "00T00:00") ||
        !like(p + 11, "00:00:00"))
        return false;
    struct tn_moment m = {.year = (int)(pair(p) * 100 + pair(p + 2)),
                          .month = pair(p + 5),
                          .day = pair(p + 8),
                          .hour = pair(p + 11),
                          .minute = pair(p + 14),
                          .second = pair(p + 17)};
    if (take_char(&rest, '.') && !take_fraction(&rest, &m)) return false;
    if (!moment_ok(&m) || !quick_offset(rest, &offset)) return false;
    int utc = (int)(m.hour * 60 + m.minute) - offset;
    if (utc < 0 || utc >= 24 * 60) return false;
    memcpy(out, p, 20);
    put2(out + 11, (unsigned)utc / 60);
    put2(out + 14, (unsigned)utc % 60);
    out[19] = '.';
    out[20] = (char)('0' + m.milli / 100);
    put2(out + 21, m.milli % 100);
    out[23] = 'Z';
    return true;
}

/* ---- writing by a format ---- */

static unsigned day_of_year(const struct tn_moment *m)
{
    return (unsigned)(tn_days(m->year, m->month, m->day) - tn_days(m->year, 1, 1)) + 1;
}

/* Writes a number without a zero in front. */
static int write_bare(char what, const struct tn_moment *m, char *w, size_t n)
{
    unsigned v = what == 'm'   ? m->month
                 : what == 'd' ? m->day
                 : what == 'H' ? m->hour
                               : (m->hour + 11) % 12 + 1;
    return snprintf(w, n, "%u", v);
}

static int write_field(char what, const struct tn_moment *m, char *w, size_t n)
{
    int offset = m->offset < 0 ? -m->offset : m->offset;
    const char *name = months[m->month - 1];
    switch (what) {
    case 'Y': return snprintf(w, n, "%04d", m->year);
    case 'y': return snprintf(w, n, "%02d", m->year % 100);
    case 'm': return snprintf(w, n, "%02u", m->month);
    case 'b': return snprintf(w, n, "%c%s", name[0] - 32, name + 1);
    case 'd': return snprintf(w, n, "%02u", m->day);
    case 'e': return snprintf(w, n, "%2u", m->day);
    case 'j': return snprintf(w, n, "%03u", day_of_year(m));
    case 'H': return snprintf(w, n, "%02u", m->hour);
    case 'I': return snprintf(w, n, "%02u", (m->hour + 11) % 12 + 1);
    case 'M': return snprintf(w, n, "%02u", m->minute);
    case 'S': return snprintf(w, n, "%02u", m->second);
    case 'f': return snprintf(w, n, "%03u", m->milli);
    case 'p': return snprintf(w, n, "%s", m->hour < 12 ? "AM" : "PM");
    case 'z':
        return snprintf(w, n, "%c%02d:%02d", m->offset < 0 ? '-' : '+', offset / 60, offset % 60);
    case 'F': return snprintf(w, n, "%04d-%02u-%02u", m->year, m->month, m->day);
    case 'T': return snprintf(w, n, "%02u:%02u:%02u", m->hour, m->minute, m->second);
    default: return snprintf(w, n, "%c", what);
    }
}

bool tn_moment_text(const struct tn_moment *from, struct tn_str format, const struct tn_zone *zone,
                    char room[TN_MOMENT_TEXT], struct tn_str *out)
{
    struct tn_moment m = *from;
    int64_t utc = local_ms(&m) - (int64_t)m.offset * 60000;
    size_t n = 0;
    enum named how = named(format);
    if (how != NAMED_none && how != NAMED_cyyddd) {
        n = (size_t)snprintf(room, TN_MOMENT_TEXT, how == NAMED_odata ? "/Date(%lld)/" : "%lld",
                             (long long)(how == NAMED_seconds ? floor_div(utc, 1000) : utc));
        *out = (struct tn_str){room, n};
        return true;
    }
    if (m.zoned) {
        int64_t offset = zone ? tn_zone_offset(zone, floor_div(utc, 1000)) : 0;
        if (utc + offset * 1000 < -62135596800000 || utc + offset * 1000 > 253402300799999)
            return false;
        from_ms(utc + offset * 1000, &m);
        m.offset = (int)(offset / 60);
    }
    if (how == NAMED_cyyddd) {
        if (m.year < 1900 || m.year > 2899) return false;
        n = (size_t)snprintf(room, TN_MOMENT_TEXT, "%u",
                             (unsigned)(m.year - 1900) * 1000 + day_of_year(&m));
        *out = (struct tn_str){room, n};
        return true;
    }
    for (size_t i = 0; i < format.n; i++) {
        char one[2] = {format.p[i], '\0'};
        bool field = one[0] == '%' && i + 1 < format.n;
        bool bare = field && format.p[i + 1] == '-' && i + 2 < format.n;
        size_t left = TN_MOMENT_TEXT - n;
        i += (size_t)field + bare;
        int wrote = bare    ? write_bare(format.p[i], &m, room + n, left)
                    : field ? write_field(format.p[i], &m, room + n, left)
                            : snprintf(room + n, left, "%s", one);
        if (wrote < 0 || (size_t)wrote >= left) return false;
        n += (size_t)wrote;
    }
    *out = (struct tn_str){room, n};
    return true;
}
