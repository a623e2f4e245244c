/* SPDX-License-Identifier: MIT */
#include "base/pattern.h"

#include <ctype.h>
#include <stdio.h>

/* The matcher calls itself for the rest of the pattern, at most DEPTH deep. Every path through it
 * counts a step, so that a search of exponential time ends at its limit. */
enum { DEPTH = 200, STEPS = 4096 };

static const char *match(struct tn_pattern *m, const char *s, const char *p);

static const char *fail(struct tn_pattern *m, const char *text)
{
    if (!m->error[0]) snprintf(m->error, sizeof m->error, "%s", text);
    return NULL;
}

static inline const char *pattern_end(const struct tn_pattern *m)
{
    return m->pattern.p + m->pattern.n;
}

static inline const char *subject_end(const struct tn_pattern *m)
{
    return m->subject.p + m->subject.n;
}

/* Returns the byte at p; past the end a zero, like the terminator of Lua's strings. */
static inline unsigned char at(const struct tn_pattern *m, const char *p)
{
    return p < pattern_end(m) ? (unsigned char)*p : 0;
}

static inline bool step(struct tn_pattern *m)
{
    if (m->error[0]) return false;
    if (++m->steps % STEPS != 0 || !m->more || m->more(m->arg)) return true;
    fail(m, "stopped");
    return false;
}

/* Returns the place behind the item (character, class or set) that begins at p; NULL: malformed. */
static const char *item_end(struct tn_pattern *m, const char *p)
{
    const char *end = pattern_end(m);
    if (*p == '%') {
        if (p + 1 == end) return fail(m, "malformed pattern (ends with '%')");
        return p + 2;
    }
    if (*p++ != '[') return p;
    if (at(m, p) == '^') p++;
    do {
        if (p >= end) return fail(m, "malformed pattern (missing ']')");
        if (*p++ == '%') p++;
    } while (at(m, p) != ']');
    return p + 1;
}

static bool in_class(unsigned char c, unsigned char class)
{
    bool in;
    switch (tolower(class)) {
    case 'a': in = isalpha(c); break;
    case 'c': in = iscntrl(c); break;
    case 'd': in = isdigit(c); break;
    case 'g': in = isgraph(c); break;
    case 'l': in = islower(c); break;
    case 'p': in = ispunct(c); break;
    case 's': in = isspace(c); break;
    case 'u': in = isupper(c); break;
    case 'w': in = isalnum(c); break;
    case 'x': in = isxdigit(c); break;
    case 'z': in = c == 0; break;
    default: return class == c;
    }
    return isupper(class) ? !in : in;
}

/* p is at the '[', last at its ']'. */
static bool in_set(unsigned char c, const char *p, const char *last)
{
    bool found = true;
    if (p[1] == '^') found = false, p++;
    while (++p < last) {
        if (*p == '%') {
            p++;
            if (in_class(c, (unsigned char)*p)) return found;
        } else if (p[1] == '-' && p + 2 < last) {
            p += 2;
            if ((unsigned char)p[-2] <= c && c <= (unsigned char)*p) return found;
        } else if ((unsigned char)*p == c) {
            return found;
        }
    }
    return !found;
}

/* Does the byte at s match the item from p to end? */
static inline bool fits(const struct tn_pattern *m, const char *s, const char *p, const char *end)
{
    if (s >= subject_end(m)) return false;
    unsigned char c = (unsigned char)*s;
    switch (*p) {
    case '.': return true;
    case '%': return in_class(c, (unsigned char)p[1]);
    case '[': return in_set(c, p, end - 1);
    default: return (unsigned char)*p == c;
    }
}

/* Matches %bxy; p is at x. */
static const char *balance(struct tn_pattern *m, const char *s, const char *p)
{
    if (p + 1 >= pattern_end(m)) return fail(m, "malformed pattern (missing arguments to '%b')");
    const char *end = subject_end(m);
    if (s >= end || *s != *p) return NULL;
    for (size_t open = 1; ++s < end;) {
        if (!step(m)) return NULL;
        if (*s == p[1]) {
            if (--open == 0) return s + 1;
        } else if (*s == *p) {
            open++;
        }
    }
    return NULL;
}

static const char *longest(struct tn_pattern *m, const char *s, const char *p, const char *end)
{
    ptrdiff_t n = 0;
    while (fits(m, s + n, p, end)) {
        if (!step(m)) return NULL;
        n++;
    }
    for (; n >= 0; n--) {
        const char *found = match(m, s + n, end + 1);
        if (found || !step(m)) return found;
    }
    return NULL;
}

static const char *shortest(struct tn_pattern *m, const char *s, const char *p, const char *end)
{
    for (;;) {
        const char *found = match(m, s, end + 1);
        if (found || !step(m)) return found;
        if (!fits(m, s, p, end)) return NULL;
        s++;
    }
}

static const char *open_capture(struct tn_pattern *m, const char *s, const char *p, int what)
{
    if (m->level >= TN_PATTERN_CAPTURES) return fail(m, "too many captures");
    m->capture[m->level].at = s;
    m->capture[m->level].n = what;
    m->level++;
    const char *found = match(m, s, p);
    if (!found) m->level--;
    return found;
}

static const char *close_capture(struct tn_pattern *m, const char *s, const char *p)
{
    int i = m->level - 1;
    while (i >= 0 && m->capture[i].n != TN_CAPTURE_open) i--;
    if (i < 0) return fail(m, "invalid pattern capture");
    m->capture[i].n = s - m->capture[i].at;
    const char *found = match(m, s, p);
    if (!found) m->capture[i].n = TN_CAPTURE_open;
    return found;
}

/* Matches %1: the text of that capture again. */
static const char *again(struct tn_pattern *m, const char *s, unsigned char digit)
{
    int i = digit - '1';
    if (i < 0 || i >= m->level || m->capture[i].n == TN_CAPTURE_open) {
        char text[40];
        snprintf(text, sizeof text, "invalid capture index %%%d", i + 1);
        return fail(m, text);
    }
    ptrdiff_t n = m->capture[i].n;
    if (n < 0 || subject_end(m) - s < n || memcmp(m->capture[i].at, s, (size_t)n) != 0) return NULL;
    return s + n;
}

/* Matches %f[set]; p is at the '['. Returns the place behind the set if s is a frontier, else
 * NULL. */
static const char *frontier(struct tn_pattern *m, const char *s, const char *p)
{
    if (at(m, p) != '[') return fail(m, "missing '[' after '%f' in pattern");
    const char *end = item_end(m, p);
    if (!end) return NULL;
    /* NOLINTNEXTLINE(clang-analyzer-core.uninitialized.Assign): s is never before the subject */
    unsigned char before = s == m->subject.p ? 0 : (unsigned char)s[-1];
    unsigned char here = s < subject_end(m) ? (unsigned char)*s : 0;
    return !in_set(before, p, end - 1) && in_set(here, p, end - 1) ? end : NULL;
}

/* Matches one item with its suffix. True: continue with *s and *p; false: *s is the result. */
static bool single(struct tn_pattern *m, const char **s, const char **p)
{
    const char *end = item_end(m, *p), *found;
    if (!end) return *s = NULL, false;
    switch (at(m, end)) {
    case '*': return *s = longest(m, *s, *p, end), false;
    case '-': return *s = shortest(m, *s, *p, end), false;
    case '+': return *s = fits(m, *s, *p, end) ? longest(m, *s + 1, *p, end) : NULL, false;
    case '?':
        if (fits(m, *s, *p, end) && (found = match(m, *s + 1, end + 1))) return *s = found, false;
        *p = end + 1;
        return true;
    default:
        if (!fits(m, *s, *p, end)) return *s = NULL, false;
        ++*s;
        *p = end;
        return true;
    }
}

/* Matches an item that begins with '%'. Parameters and result are those of single. */
static bool escape(struct tn_pattern *m, const char **s, const char **p)
{
    unsigned char c = at(m, *p + 1);
    if (c == 'b') {
        *s = balance(m, *s, *p + 2);
        *p += 4;
        return *s != NULL;
    }
    if (c == 'f') {
        *p = frontier(m, *s, *p + 2);
        if (!*p) *s = NULL;
        return *s != NULL;
    }
    if (isdigit(c)) {
        *s = again(m, *s, c);
        *p += 2;
        return *s != NULL;
    }
    return single(m, s, p);
}

static const char *walk(struct tn_pattern *m, const char *s, const char *p)
{
    bool on = true;
    while (on && p < pattern_end(m)) {
        if (!step(m)) return NULL;
        switch (*p) {
        case '(':
            if (at(m, p + 1) == ')') return open_capture(m, s, p + 2, TN_CAPTURE_position);
            return open_capture(m, s, p + 1, TN_CAPTURE_open);
        case ')': return close_capture(m, s, p + 1);
        case '$':
            if (p + 1 == pattern_end(m)) return s == subject_end(m) ? s : NULL;
            on = single(m, &s, &p);
            break;
        case '%': on = escape(m, &s, &p); break;
        default: on = single(m, &s, &p);
        }
    }
    return s;
}

static const char *match(struct tn_pattern *m, const char *s, const char *p)
{
    if (m->depth >= DEPTH) return fail(m, "pattern too complex");
    m->depth++;
    s = walk(m, s, p);
    m->depth--;
    return m->error[0] ? NULL : s;
}

void tn_pattern_init(struct tn_pattern *m, struct tn_str subject, struct tn_str pattern)
{
    m->subject = subject;
    m->pattern = pattern;
    m->level = m->depth = 0;
    m->steps = 0;
    m->error[0] = '\0';
    m->more = NULL;
    m->arg = NULL;
}

const char *tn_pattern_match(struct tn_pattern *m, const char *s)
{
    m->level = m->depth = 0;
    return match(m, s, m->pattern.p);
}

struct steps {
    uint32_t left;
};

static bool some_more(void *arg)
{
    struct steps *steps = arg;
    if (steps->left < STEPS) return false;
    steps->left -= STEPS;
    return true;
}

bool tn_pattern_find(struct tn_str subject, struct tn_str pattern, uint32_t max_steps)
{
    struct tn_pattern m;
    struct steps steps = {max_steps};
    bool anchored = pattern.n && pattern.p[0] == '^';
    if (anchored) pattern.p++, pattern.n--;
    if (!subject.p) subject.p = "";
    tn_pattern_init(&m, subject, pattern);
    m.more = some_more;
    m.arg = &steps;
    for (const char *s = subject.p; s <= subject.p + subject.n; s++) {
        if (tn_pattern_match(&m, s)) return true;
        if (anchored || m.error[0]) return false;
    }
    return false;
}

bool tn_pattern_plain(struct tn_str pattern)
{
    for (size_t i = 0; i < pattern.n; i++)
        if (pattern.p[i] && strchr("^$*+?.([%-", pattern.p[i])) return false;
    return true;
}
