/* SPDX-License-Identifier: MIT */
#include "mapping/amount.h"

static bool begins(struct tn_str s, struct tn_str with)
{
    return with.n && s.n >= with.n && memcmp(s.p, with.p, with.n) == 0;
}

static bool ends(struct tn_str s, struct tn_str with)
{
    return with.n && s.n >= with.n && memcmp(s.p + s.n - with.n, with.p, with.n) == 0;
}

static bool take_first(struct tn_str *s, struct tn_str what)
{
    if (!begins(*s, what)) return false;
    s->p += what.n;
    s->n -= what.n;
    return true;
}

static bool take_last(struct tn_str *s, struct tn_str what)
{
    if (!ends(*s, what)) return false;
    s->n -= what.n;
    return true;
}

static const char *const spaces[] = {" ", "\t", "\xC2\xA0", "\xE2\x80\x89", "\xE2\x80\xAF"};
static const char *const signs[] = {"+", "-", "\xE2\x88\x92"};
enum { SPACES = sizeof spaces / sizeof *spaces, SIGNS = sizeof signs / sizeof *signs };

static void trim(struct tn_str *s)
{
    for (size_t i = 0; i < SPACES;)
        i = take_first(s, tn_str(spaces[i])) || take_last(s, tn_str(spaces[i])) ? 0 : i + 1;
}

/* Takes spaces, the currency and one sign off both ends. False: there are two of one kind. */
static bool strip(struct tn_str *s, struct tn_str currency, bool *negative)
{
    bool sign = false, money = false, found = true;
    while (found) {
        trim(s);
        found = take_first(s, currency) || take_last(s, currency);
        if (found && money) return false;
        money |= found;
        for (size_t i = 0; i < SIGNS && !found; i++) {
            found = take_first(s, tn_str(signs[i])) || take_last(s, tn_str(signs[i]));
            if (found && sign) return false;
            sign |= found;
            if (found) *negative = i > 0;
        }
    }
    return true;
}

static bool take_group(struct tn_str *s, char group)
{
    char one[2] = {group, '\0'};
    if (!group) return false;
    if (group != ' ') return take_first(s, tn_str(one));
    for (size_t i = 0; i < SPACES; i++)
        if (take_first(s, tn_str(spaces[i]))) return true;
    return false;
}

/* Moves digits to *w, at most `most`; returns how many. */
static size_t take_digits(struct tn_str *s, char **w, size_t most)
{
    size_t n = 0;
    while (n < most && n < s->n && s->p[n] >= '0' && s->p[n] <= '9') n++;
    memcpy(*w, s->p, n);
    *w += n;
    s->p += n;
    s->n -= n;
    return n;
}

/* Moves the digits before the point. False: a group has not three digits. */
static bool take_whole(struct tn_str *s, char group, char **w, size_t *digits)
{
    *digits = take_digits(s, w, s->n);
    bool grouped = take_group(s, group);
    if (grouped && (*digits < 1 || *digits > 3)) return false;
    while (grouped) {
        if (take_digits(s, w, 3) != 3) return false;
        *digits += 3;
        grouped = take_group(s, group);
    }
    return true;
}

/* Puts a point before the last `implied` of the digits in room, with zeros in front if needed. */
static char *imply(char *begin, char *end, size_t implied)
{
    size_t n = (size_t)(end - begin), lack = n <= implied ? implied + 1 - n : 0;
    memmove(begin + lack, begin, n);
    memset(begin, '0', lack);
    end += lack;
    memmove(end - implied + 1, end - implied, implied);
    end[-(ptrdiff_t)implied] = '.';
    return end + 1;
}

bool tn_amount_read(struct tn_str text, const struct tn_amount *how, char room[TN_COERCE_MAX],
                    struct tn_str *out)
{
    char digits[TN_LIMIT_NUMBER + 32], *w = digits, *begin;
    struct tn_str s = text;
    bool negative = false;
    size_t whole, fraction = 0;
    if (s.n > TN_LIMIT_NUMBER || !strip(&s, how->currency, &negative)) return false;
    if (negative) *w++ = '-';
    begin = w;
    if (!take_whole(&s, how->group, &w, &whole)) return false;
    if (s.n && s.p[0] == how->point && !how->implied) {
        *w++ = '.';
        s.p++;
        s.n--;
        fraction = take_digits(&s, &w, s.n);
        if (!fraction) return false;
    }
    if (s.n || whole + fraction == 0) return false;
    if (how->implied) w = imply(begin, w, (size_t)how->implied);
    struct tn_str number = {digits, (size_t)(w - digits)}, read;
    char space[TN_COERCE_MAX];
    if (!tn_coerce_number(number, space, &read)) return false;
    memcpy(room, read.p, read.n);
    *out = (struct tn_str){room, read.n};
    return true;
}
