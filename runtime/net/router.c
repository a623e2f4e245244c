/* SPDX-License-Identifier: MIT */
/* router.c - a tree of path segments. Each node keeps its fixed children sorted for a binary
 * search, one child for {name} and one for {name*}. A leaf keeps the rows of its path, one for each
 * method. */
#include "net/router.h"

#include "base/alloc.h"
#include "base/buf.h"

struct node {
    struct tn_str text; /* of the fixed segment */
    struct node **fixed;
    size_t nfixed;
    struct node *one, *rest; /* {name}, {name*} */
    struct tn_route **rows;
    size_t nrows;
    const char *allow;
};

struct tn_router {
    unsigned refs;
    struct tn_arena arena;
    struct tn_route *rows;
    size_t n;
    struct node *root;
    void *kept;
    void (*release)(void *kept);
};

static bool is_param(struct tn_str s)
{
    return s.n > 2 && s.p[0] == '{' && s.p[s.n - 1] == '}';
}

static bool is_rest(struct tn_str s)
{
    return is_param(s) && s.n > 3 && s.p[s.n - 2] == '*';
}

static struct tn_str param_name(struct tn_str s)
{
    return (struct tn_str){s.p + 1, s.n - 2 - (size_t)is_rest(s)};
}

static int order(struct tn_str a, struct tn_str b)
{
    int c = memcmp(a.p, b.p, a.n < b.n ? a.n : b.n);
    return c ? c : (a.n > b.n) - (a.n < b.n);
}

/* Returns the index of text among the fixed children, or the one where it belongs. */
static size_t position(const struct node *node, struct tn_str text, bool *found)
{
    size_t low = 0, high = node->nfixed;
    *found = false;
    while (low < high) {
        size_t middle = (low + high) / 2;
        int c = order(node->fixed[middle]->text, text);
        if (c == 0) *found = true;
        if (c < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Returns a copy of the array in the arena, one larger. Routers are small and made rarely. */
static void *grown(struct tn_router *r, const void *old, size_t n, size_t size)
{
    char *p = tn_arena_alloc(&r->arena, (n + 1) * size);
    if (n) memcpy(p, old, n * size);
    return p;
}

static struct node *fixed_child(struct tn_router *r, struct node *node, struct tn_str text)
{
    bool found;
    size_t at = position(node, text, &found);
    if (found) return node->fixed[at];
    struct node *child = tn_arena_alloc(&r->arena, sizeof *child);
    child->text = text;
    node->fixed = grown(r, node->fixed, node->nfixed, sizeof *node->fixed);
    memmove(node->fixed + at + 1, node->fixed + at, (node->nfixed - at) * sizeof *node->fixed);
    node->fixed[at] = child;
    node->nfixed++;
    return child;
}

static struct node *child_of(struct tn_router *r, struct node *node, struct tn_str segment)
{
    struct node **slot = is_rest(segment) ? &node->rest : &node->one;
    if (!is_param(segment)) return fixed_child(r, node, segment);
    if (!*slot) *slot = tn_arena_alloc(&r->arena, sizeof **slot);
    return *slot;
}

static bool add_row(struct tn_router *r, struct node *leaf, struct tn_route *row,
                    struct tn_err *err)
{
    for (size_t i = 0; i < leaf->nrows; i++)
        if (strcmp(leaf->rows[i]->method, row->method) == 0)
            return tn_fail(err, TN_E_invalid, "two routes for %s %s", row->method, row->pattern);
    leaf->rows = grown(r, leaf->rows, leaf->nrows, sizeof *leaf->rows);
    leaf->rows[leaf->nrows++] = row;
    return true;
}

static bool add_route(struct tn_router *r, struct tn_route *row, struct tn_err *err)
{
    struct tn_str rest = tn_str(row->pattern), segment = {NULL, 0};
    struct node *node = r->root;
    unsigned params = 0, segments = 0;
    if (row->pattern[0] != '/' || !row->method[0] || !row->handle)
        return tn_fail(err, TN_E_invalid, "route %s %s: no method, path or handler", row->method,
                       row->pattern);
    rest = (struct tn_str){rest.p + 1, rest.n - 1};
    while (rest.n) {
        if (is_rest(segment))
            return tn_fail(err, TN_E_invalid, "route %s: {name*} is not at its end", row->pattern);
        tn_str_split(&rest, '/', &segment);
        if (!segment.n || (!is_param(segment) && memchr(segment.p, '{', segment.n)))
            return tn_fail(err, TN_E_invalid, "route %s: a segment is malformed", row->pattern);
        params += is_param(segment);
        if (params > TN_ROUTE_PARAMS || ++segments > TN_HTTP_SEGMENTS)
            return tn_fail(err, TN_E_invalid, "route %s is too long", row->pattern);
        node = child_of(r, node, segment);
    }
    return add_row(r, node, row, err);
}

static bool serves(const struct tn_route *row, const char *method)
{
    return strcmp(row->method, method) == 0;
}

/* Writes "GET, HEAD, POST" for each node that has rows. */
static void write_allow(struct tn_router *r, struct node *node)
{
    struct tn_buf text;
    bool head = false, get = false;
    tn_buf_init(&text, TN_KIB);
    for (size_t i = 0; i < node->nrows; i++) {
        head |= serves(node->rows[i], "HEAD");
        get |= serves(node->rows[i], "GET");
        if (serves(node->rows[i], "*")) continue;
        if (text.n) tn_buf_adds(&text, ", ");
        tn_buf_adds(&text, node->rows[i]->method);
    }
    if (get && !head) tn_buf_adds(&text, ", HEAD");
    node->allow = tn_arena_strdup(&r->arena, text.n ? text.p : "");
    tn_buf_clear(&text);
    for (size_t i = 0; i < node->nfixed; i++) write_allow(r, node->fixed[i]);
    if (node->one) write_allow(r, node->one);
    if (node->rest) write_allow(r, node->rest);
}

struct tn_router *tn_router_new(const struct tn_route *routes, size_t n, struct tn_err *err)
{
    struct tn_router *r = TN_NEW(struct tn_router);
    r->refs = 1;
    r->n = n;
    tn_arena_init(&r->arena);
    r->rows = tn_arena_alloc(&r->arena, n * sizeof *r->rows);
    r->root = tn_arena_alloc(&r->arena, sizeof *r->root);
    for (size_t i = 0; i < n; i++) {
        r->rows[i] = routes[i];
        r->rows[i].method = tn_arena_strdup(&r->arena, routes[i].method);
        r->rows[i].pattern = tn_arena_strdup(&r->arena, routes[i].pattern);
        if (!add_route(r, &r->rows[i], err)) {
            tn_router_unref(r);
            return NULL;
        }
    }
    write_allow(r, r->root);
    return r;
}

struct tn_router *tn_router_ref(struct tn_router *r)
{
    r->refs++;
    return r;
}

void tn_router_keep(struct tn_router *r, void *kept, void (*release)(void *kept))
{
    r->kept = kept;
    r->release = release;
}

void tn_router_unref(struct tn_router *r)
{
    if (!r || --r->refs) return;
    if (r->release) r->release(r->kept);
    tn_arena_clear(&r->arena);
    tn_free(r);
}

/* The rest of the path from segment i on, with its slashes. */
static struct tn_str rest_of(const struct tn_http_path *path, unsigned i)
{
    if (i >= path->n) return (struct tn_str){path->text.p + path->text.n, 0};
    const char *from = path->segments[i].p;
    return (struct tn_str){from, (size_t)(path->text.p + path->text.n - from)};
}

/* Finds the best node for the segments from i on. Backtracks at most once for each level and kind
 * of child. */
static const struct node *find(const struct node *node, const struct tn_http_path *path, unsigned i,
                               unsigned *steps)
{
    const struct node *hit;
    bool found;
    if (i == path->n && node->nrows) return node;
    if (i < path->n && ++*steps < 256) {
        size_t at = position(node, path->segments[i], &found);
        if (found && (hit = find(node->fixed[at], path, i + 1, steps))) return hit;
        if (node->one && path->segments[i].n && (hit = find(node->one, path, i + 1, steps)))
            return hit;
    }
    return node->rest && node->rest->nrows ? node->rest : NULL;
}

static const struct tn_route *row_for(const struct node *node, struct tn_str method)
{
    const struct tn_route *any = NULL, *get = NULL;
    for (size_t i = 0; i < node->nrows; i++) {
        const struct tn_route *row = node->rows[i];
        if (tn_str_is(method, row->method)) return row;
        if (serves(row, "*")) any = row;
        if (serves(row, "GET")) get = row;
    }
    return get && tn_str_is(method, "HEAD") ? get : any;
}

static void take_params(struct tn_route_match *m, const struct tn_http_path *path)
{
    struct tn_str rest = tn_str(m->route->pattern + 1), segment;
    for (unsigned i = 0; rest.n; i++) {
        tn_str_split(&rest, '/', &segment);
        if (!is_param(segment)) continue;
        m->names[m->n] = param_name(segment);
        m->values[m->n++] = is_rest(segment) ? rest_of(path, i) : path->segments[i];
    }
}

enum tn_route_result tn_router_find(struct tn_router *r, struct tn_str method,
                                    const struct tn_http_path *path, struct tn_route_match *match)
{
    unsigned steps = 0;
    bool server = path->text.n && path->text.p[0] == '*';
    const struct node *node = server ? NULL : find(r->root, path, 0, &steps);
    match->router = r;
    match->route = NULL;
    match->allow = node ? node->allow : "";
    match->n = 0;
    if (!node) return server ? TN_ROUTE_options : TN_ROUTE_no_path;
    match->route = row_for(node, method);
    if (!match->route) return tn_str_is(method, "OPTIONS") ? TN_ROUTE_options : TN_ROUTE_no_method;
    take_params(match, path);
    return TN_ROUTE_found;
}

const struct tn_route *tn_router_row(const struct tn_router *r, size_t index)
{
    return index < r->n ? &r->rows[index] : NULL;
}
