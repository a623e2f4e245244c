/* SPDX-License-Identifier: MIT */
#include "api/unified.h"

#include <stdint.h>

#include "base/alloc.h"

enum { CONTEXT = 3, CELLS_MAX = 4 * 1000 * 1000 };

struct lines {
    struct tn_str *v;
    size_t n;
};

/* What happens at each step: ' ' both go on, '-' one of from, '+' one of to. */
struct script {
    char *v;
    size_t n;
};

/* None of a text that is not there. */
static struct lines split(struct tn_str text)
{
    struct lines l = {.v = tn_alloc((text.n + 1) * sizeof *l.v)};
    while (text.p && text.n) {
        const char *end = memchr(text.p, '\n', text.n);
        size_t n = end ? (size_t)(end - text.p) + 1 : text.n;
        l.v[l.n++] = (struct tn_str){text.p, n};
        text.p += n;
        text.n -= n;
    }
    return l;
}

/* The longest common subsequence of a[0..n) and b[0..m) as a script. */
static void compare(const struct tn_str *a, size_t n, const struct tn_str *b, size_t m,
                    struct script *s)
{
    size_t w = m + 1, i = 0, j = 0;
    uint32_t *best = tn_alloc((n + 1) * w * sizeof *best);
    for (size_t k = 0; k <= m; k++) best[n * w + k] = 0;
    for (i = n; i-- > 0;) {
        best[i * w + m] = 0;
        for (j = m; j-- > 0;) {
            uint32_t down = best[(i + 1) * w + j], right = best[i * w + j + 1];
            best[i * w + j] = tn_str_eq(a[i], b[j]) ? best[(i + 1) * w + j + 1] + 1
                                                    : (down > right ? down : right);
        }
    }
    for (i = j = 0; i < n || j < m;) {
        if (i < n && j < m && tn_str_eq(a[i], b[j])) {
            s->v[s->n++] = ' ';
            i++, j++;
        } else if (j == m || (i < n && best[(i + 1) * w + j] >= best[i * w + j + 1])) {
            s->v[s->n++] = '-';
            i++;
        } else {
            s->v[s->n++] = '+';
            j++;
        }
    }
    tn_free(best);
}

static void repeat(struct script *s, char what, size_t n)
{
    memset(s->v + s->n, what, n);
    s->n += n;
}

static struct script script_of(const struct lines *a, const struct lines *b)
{
    struct script s = {.v = tn_alloc(a->n + b->n + 1)};
    size_t head = 0, tail = 0;
    while (head < a->n && head < b->n && tn_str_eq(a->v[head], b->v[head])) head++;
    while (tail < a->n - head && tail < b->n - head &&
           tn_str_eq(a->v[a->n - 1 - tail], b->v[b->n - 1 - tail]))
        tail++;
    size_t n = a->n - head - tail, m = b->n - head - tail;
    repeat(&s, ' ', head);
    if ((n + 1) * (m + 1) <= CELLS_MAX) {
        compare(a->v + head, n, b->v + head, m, &s);
    } else {
        repeat(&s, '-', n);
        repeat(&s, '+', m);
    }
    repeat(&s, ' ', tail);
    return s;
}

static void put_line(struct tn_buf *out, char mark, struct tn_str line)
{
    tn_buf_addc(out, mark);
    tn_buf_addstr(out, line);
    if (line.n && line.p[line.n - 1] == '\n') return;
    tn_buf_adds(out, "\n\\ No newline at end of file\n");
}

/* Where the hunk that begins at step at ends: after it come more than two contexts of same lines.
 */
static size_t hunk_end(const struct script *s, size_t at)
{
    size_t end = at, same = 0;
    for (size_t i = at; i < s->n && same <= 2 * CONTEXT; i++) {
        same = s->v[i] == ' ' ? same + 1 : 0;
        if (!same) end = i + 1;
    }
    return end + CONTEXT < s->n ? end + CONTEXT : s->n;
}

static void put_range(struct tn_buf *out, char mark, size_t at, size_t n)
{
    tn_buf_addf(out, "%c%zu,%zu ", mark, n ? at + 1 : at, n);
}

/* Steps [begin, end), which start at line ai of a and bi of b. */
static void put_hunk(struct tn_buf *out, const struct script *s, size_t begin, size_t end,
                     const struct lines *a, size_t ai, const struct lines *b, size_t bi)
{
    size_t n = 0, m = 0;
    for (size_t i = begin; i < end; i++) {
        n += s->v[i] != '+';
        m += s->v[i] != '-';
    }
    tn_buf_adds(out, "@@ ");
    put_range(out, '-', ai, n);
    put_range(out, '+', bi, m);
    tn_buf_adds(out, "@@\n");
    for (size_t i = begin; i < end; i++) {
        put_line(out, s->v[i], s->v[i] == '+' ? b->v[bi] : a->v[ai]);
        ai += s->v[i] != '+';
        bi += s->v[i] != '-';
    }
}

static void put_hunks(struct tn_buf *out, const struct script *s, const struct lines *a,
                      const struct lines *b)
{
    size_t ai = 0, bi = 0;
    for (size_t i = 0; i < s->n;) {
        if (s->v[i] == ' ') {
            i++, ai++, bi++;
            continue;
        }
        size_t back = i < CONTEXT ? i : CONTEXT, end;
        while (back && s->v[i - back] != ' ') back--;
        end = hunk_end(s, i);
        put_hunk(out, s, i - back, end, a, ai - back, b, bi - back);
        for (; i < end; i++) {
            ai += s->v[i] != '+';
            bi += s->v[i] != '-';
        }
    }
}

void tn_unified(const char *path, struct tn_str from, struct tn_str to, struct tn_buf *out)
{
    if (from.p && to.p ? tn_str_eq(from, to) : from.p == to.p) return;
    struct lines a = split(from), b = split(to);
    struct script s = script_of(&a, &b);
    if (from.p)
        tn_buf_addf(out, "--- a/%s\n", path);
    else
        tn_buf_adds(out, "--- /dev/null\n");
    if (to.p)
        tn_buf_addf(out, "+++ b/%s\n", path);
    else
        tn_buf_adds(out, "+++ /dev/null\n");
    put_hunks(out, &s, &a, &b);
    tn_free(s.v);
    tn_free(a.v);
    tn_free(b.v);
}
