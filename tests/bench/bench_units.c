/* SPDX-License-Identifier: MIT */
/* bench_units.c - what a reload costs with 1, 10 and 100 integrations, each of an adapter of its
 * own (the shipped one of Oracle Fusion under another name): all from nothing, all read again with
 * nothing changed, one of them changed, the isolates of all made anew, and the swap to the set in
 * which one is changed, while all are connected: what serves is a pointer. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/alloc.h"
#include "scripts/connections.h"
#include "scripts/library.h"
#include "loop/loop.h"

enum { ROUNDS = 5 };

struct bench {
    struct tn_loop *loop;
    struct tn_host *host;
    struct bind_env env;
    struct tn_fileset *tree;
};

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void must(bool ok, const struct tn_err *err)
{
    if (ok) return;
    fprintf(stderr, "bench_units: %s:%d: %s\n", err->file, err->line, err->text);
    exit(1);
}

/* A text with each "oracle_fusion" as "erp_<i>". */
static char *renamed(struct tn_str text, int i)
{
    struct tn_buf out;
    tn_buf_init(&out, 4 * text.n + 64);
    while (text.n) {
        const char *at = memmem(text.p, text.n, "oracle_fusion", 13);
        size_t n = at ? (size_t)(at - text.p) : text.n;
        tn_buf_add(&out, text.p, n);
        if (at) tn_buf_addf(&out, "erp_%d", i);
        n += at ? 13 : 0;
        text.p += n;
        text.n -= n;
    }
    return out.p;
}

/* The tree's core and std, and n systems; the one numbered changed differs by its last line. */
static struct tn_fileset *site(const struct bench *b, int n, int changed)
{
    static const char *const files[] = {"scripts/adapters/oracle_fusion.lua",
                                        "mappings/oracle_fusion/item.lua"};
    struct tn_fileset *all = tn_fileset_without(b->tree, "mappings/");
    struct tn_fileset *less = tn_fileset_without(all, "scripts/adapters/");
    struct tn_err err;
    tn_fileset_unref(all);
    for (int i = 0; i < n; i++) {
        for (int k = 0; k < 2; k++) {
            struct tn_buf text;
            char *path = renamed(tn_str(files[k]), i);
            char *body = renamed(tn_fileset_find(b->tree, tn_str(files[k]))->text, i);
            tn_buf_init(&text, 1 << 20);
            tn_buf_addf(&text, "%s\n%s", body, i == changed ? "-- changed\n" : "");
            struct tn_fileset *one = tn_fileset_one(path, tn_buf_str(&text), &err);
            must(one, &err);
            struct tn_fileset *both = tn_fileset_over(less, one);
            tn_fileset_unref(one);
            tn_fileset_unref(less);
            less = both;
            tn_buf_clear(&text);
            tn_free(path);
            tn_free(body);
        }
    }
    return less;
}

static struct tn_units *load(const struct bench *b, struct tn_fileset *files, struct tn_units *old,
                             double *took)
{
    struct tn_err err = {0};
    double begin = now();
    struct tn_units *units = tn_units_load(&b->env, files, old, NULL, NULL, &err);
    *took = now() - begin;
    must(units, &err);
    return units;
}

static bool find(void *arg, int64_t team, const char *id, struct tn_integration *out,
                 struct tn_err *err)
{
    static const char config[] = "{\"fusionBaseUrl\":\"http://a\",\"tokenUrl\":\"http://a\","
                                 "\"clientId\":\"a\",\"clientSecret\":\"b\"}";
    (void)arg, (void)err;
    out->id = tn_id_new();
    out->team = team;
    out->version = 1;
    out->enabled = true;
    out->name = out->display_name = tn_str(tn_arena_strndup(&out->memory, id, strlen(id)));
    out->adapter = out->name;
    out->type = TN_STR("ERP");
    tn_buf_adds(&out->config, config);
    return true;
}

static void least(double *best, double took)
{
    if (!*best || took < *best) *best = took;
}

static double connect_all(const struct bench *b, struct tn_units *units, struct tn_units *changed,
                          int n, double *swap)
{
    struct tn_connections_options o = {.env = &b->env, .find = find};
    struct tn_connections *all = tn_connections_new(&o, units);
    struct tn_err err = {0};
    double begin = now();
    for (int i = 0; i < n; i++) {
        char name[32], mapping[48];
        snprintf(name, sizeof name, "erp_%d", i);
        snprintf(mapping, sizeof mapping, "%s/item", name);
        struct tn_connection *c = tn_connection_get(all, 1, name, &err);
        must(c, &err);
        must(tn_connection_mapping(c, mapping, &err), &err);
        tn_connection_unref(c);
    }
    double took = now() - begin;
    begin = now();
    tn_connections_units(all, changed);
    least(swap, now() - begin);
    tn_connections_free(all);
    return took;
}

static void row(const struct bench *b, int n)
{
    double all = 0, same = 0, one = 0, connect = 0, swap = 0, took;
    struct tn_fileset *before = site(b, n, -1), *after = site(b, n, 0);
    for (int i = 0; i < ROUNDS; i++) {
        struct tn_units *first = load(b, before, NULL, &took);
        least(&all, took);
        struct tn_units *again = load(b, before, first, &took);
        least(&same, took);
        struct tn_units *changed = load(b, after, first, &took);
        least(&one, took);
        least(&connect, connect_all(b, first, changed, n, &swap));
        tn_units_unref(changed);
        tn_units_unref(again);
        tn_units_unref(first);
    }
    printf("%3d integrations: from nothing %7.2f ms, unchanged %6.2f ms, one changed %6.2f ms, "
           "isolates of all %7.2f ms, swap %6.3f ms\n",
           n, all * 1e3, same * 1e3, one * 1e3, connect * 1e3, swap * 1e3);
    tn_fileset_unref(before);
    tn_fileset_unref(after);
}

/* The argument is the folder that holds scripts, mappings and stdlib. */
int main(int argc, char **argv)
{
    struct tn_err err;
    struct bench b = {.loop = tn_loop_new(&err)};
    b.host = b.loop ? tn_host_new(b.loop, NULL, &err) : NULL;
    must(b.host, &err);
    b.env = (struct bind_env){.host = b.host};
    b.tree = tn_fileset_read(argc > 1 ? argv[1] : ".", &err);
    must(b.tree, &err);
    row(&b, 1);
    row(&b, 10);
    row(&b, 100);
    tn_fileset_unref(b.tree);
    tn_host_free(b.host);
    tn_loop_free(b.loop);
    return 0;
}
