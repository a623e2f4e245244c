/* SPDX-License-Identifier: MIT */
/* tenon generations, tenon rollback - which scripts served when, what is different between two
 * generations, and an older one again. */
#include <stdio.h>

#include "cli/args.h"
#include "cli/cli.h"
#include "cli/client.h"

enum { PATH_MAX_LEN = 4000 };

static void print_units(struct tn_jval answer)
{
    for (struct tn_jiter it = tn_jiter(tn_jget_z(answer, "units")); tn_jnext(&it);) {
        struct tn_arena arena;
        int64_t files = 0;
        bool back = false;
        tn_arena_init(&arena);
        tn_jint(tn_jget_z(it.value, "files"), &files);
        tn_jbool(tn_jget_z(it.value, "rolledBack"), &back);
        printf("%-24.*s %.12s  %lld files%s\n", TN_FMT(tn_jtext_or(it.value, "unit", &arena, "-")),
               tn_jtext_or(it.value, "generation", &arena, "-").p, (long long)files,
               back ? ", rolled back" : "");
        tn_arena_clear(&arena);
    }
}

static void print_refused(struct tn_jval answer)
{
    for (struct tn_jiter it = tn_jiter(tn_jget_z(answer, "refused")); tn_jnext(&it);) {
        struct tn_arena arena;
        int64_t line = 0;
        tn_arena_init(&arena);
        tn_jint(tn_jget_z(it.value, "line"), &line);
        bool older = tn_str_is(tn_jtext_or(it.value, "serves", &arena, "-"), "older");
        printf("%-24.*s refused, %s: %.*s:%lld: %.*s\n",
               TN_FMT(tn_jtext_or(it.value, "unit", &arena, "-")),
               older ? "an older one serves" : "nothing of it serves",
               TN_FMT(tn_jtext_or(it.value, "file", &arena, "-")), (long long)line,
               TN_FMT(tn_jtext_or(it.value, "message", &arena, "-")));
        tn_arena_clear(&arena);
    }
}

static void print_all(struct tn_jval answer)
{
    print_units(answer);
    print_refused(answer);
}

static void print_history(struct tn_jval answer)
{
    for (struct tn_jiter it = tn_jiter(tn_jget_z(answer, "generations")); tn_jnext(&it);) {
        struct tn_arena arena;
        bool active = false;
        tn_arena_init(&arena);
        tn_jbool(tn_jget_z(it.value, "active"), &active);
        printf("%c %.12s  %.*s  by %.*s\n", active ? '*' : ' ',
               tn_jtext_or(it.value, "generation", &arena, "-").p,
               TN_FMT(tn_jtext_or(it.value, "activatedAt", &arena, "-")),
               TN_FMT(tn_jtext_or(it.value, "actor", &arena, "-")));
        tn_arena_clear(&arena);
    }
}

static void print_diff(struct tn_jval answer)
{
    struct tn_jval files = tn_jget_z(answer, "files");
    for (struct tn_jiter it = tn_jiter(files); tn_jnext(&it);) {
        struct tn_arena arena;
        tn_arena_init(&arena);
        printf("%.*s", TN_FMT(tn_jtext_or(it.value, "diff", &arena, "-")));
        tn_arena_clear(&arena);
    }
    if (!tn_jcount(files)) printf("no difference\n");
}

static bool get(struct tn_client *client, const struct tn_buf *path, struct tn_str *reply,
                struct tn_err *err)
{
    return tn_buf_ok(path, "the request", err) &&
           tn_client_call(client, "GET", path->p, TN_STR(""), reply, err);
}

static void add_unit(struct tn_buf *path, const char *unit, const char *what)
{
    tn_buf_reset(path);
    tn_buf_adds(path, "/api/v1/scripts/");
    tn_client_part(path, unit);
    tn_buf_addf(path, "/%s", what);
}

static bool get_history(struct tn_client *client, const char *unit, struct tn_buf *path,
                        struct tn_str *reply, struct tn_err *err)
{
    add_unit(path, unit, "generations");
    return get(client, path, reply, err);
}

/* to NULL: the generation that serves. */
static bool get_diff(struct tn_client *client, const char *unit, const char *from, const char *to,
                     struct tn_buf *path, struct tn_str *reply, struct tn_err *err)
{
    struct tn_arena arena;
    bool ok = true;
    tn_arena_init(&arena);
    if (!to && (ok = get_history(client, unit, path, reply, err))) {
        struct tn_str active = tn_jtext_or(tn_client_json(client), "active", &arena, "-");
        to = tn_arena_strndup(&arena, active.p ? active.p : "-", active.p ? active.n : 1);
    }
    add_unit(path, unit, "diff?from=");
    tn_client_part(path, from);
    tn_buf_adds(path, "&to=");
    if (ok) tn_client_part(path, to);
    tn_arena_clear(&arena);
    return ok && get(client, path, reply, err);
}

/* words: unit, from, to; n of them are there. */
static bool ask(struct tn_client *client, const char **words, size_t n, struct tn_str *reply,
                struct tn_err *err)
{
    struct tn_buf path;
    bool ok;
    tn_buf_init(&path, PATH_MAX_LEN);
    if (n >= 2)
        ok = get_diff(client, words[0], words[1], n == 3 ? words[2] : NULL, &path, reply, err);
    else if (n)
        ok = get_history(client, words[0], &path, reply, err);
    else
        ok = tn_client_call(client, "GET", "/api/v1/scripts", TN_STR(""), reply, err);
    tn_buf_clear(&path);
    return ok;
}

int tn_cli_generations(int argc, char **argv)
{
    static void (*const print[])(struct tn_jval answer) = {print_all, print_history, print_diff,
                                                           print_diff};
    const char *data = "./tenon-data", *words[3];
    bool json = false;
    size_t n;
    struct tn_err err;
    struct tn_str reply;
    const struct tn_arg table[] = {{"data", TN_ARG_text, &data, "DIR", "the server's folder"},
                                   {"json", TN_ARG_flag, &json, NULL, "the answer as JSON"},
                                   {NULL, TN_ARG_flag, NULL, NULL, NULL}};
    if (!tn_args_parse(table, argc, argv, words, 3, &n, &err))
        return tn_cli_usage(&err, "generations");
    struct tn_client *client = tn_client_open(data, &err);
    bool ok = client && ask(client, words, n, &reply, &err);
    if (ok && json)
        printf("%.*s\n", TN_FMT(reply));
    else if (ok)
        print[n](tn_client_json(client));
    tn_client_close(client);
    return ok ? TN_EXIT_ok : tn_cli_fail(&err);
}

static bool roll_back(struct tn_client *client, const char *unit, const char *generation,
                      struct tn_str *reply, struct tn_err *err)
{
    struct tn_buf path, body;
    struct tn_jw w;
    tn_buf_init(&path, PATH_MAX_LEN);
    tn_buf_init(&body, PATH_MAX_LEN);
    add_unit(&path, unit, "rollback");
    tn_jw_init(&w, &body);
    tn_jw_object(&w);
    tn_jw_kz(&w, "generation", generation);
    tn_jw_end(&w);
    bool ok = tn_buf_ok(&path, "the unit's name", err) && tn_buf_ok(&body, "the generation", err) &&
              tn_client_call(client, "POST", path.p, tn_buf_str(&body), reply, err);
    tn_buf_clear(&path);
    tn_buf_clear(&body);
    return ok;
}

int tn_cli_rollback(int argc, char **argv)
{
    const char *data = "./tenon-data", *words[2];
    bool json = false;
    size_t n;
    struct tn_err err;
    struct tn_str reply;
    const struct tn_arg table[] = {{"data", TN_ARG_text, &data, "DIR", "the server's folder"},
                                   {"json", TN_ARG_flag, &json, NULL, "the answer as JSON"},
                                   {NULL, TN_ARG_flag, NULL, NULL, NULL}};
    if (!tn_args_parse(table, argc, argv, words, 2, &n, &err))
        return tn_cli_usage(&err, "rollback");
    if (n != 2) {
        tn_fail(&err, TN_E_invalid,
                "rollback takes a unit and a generation of it; tenon "
                "generations UNIT lists them");
        return tn_cli_usage(&err, "rollback");
    }
    struct tn_client *client = tn_client_open(data, &err);
    bool ok = client && roll_back(client, words[0], words[1], &reply, &err);
    if (ok && json)
        printf("%.*s\n", TN_FMT(reply));
    else if (ok)
        tn_cli_print_reload(tn_client_json(client));
    tn_client_close(client);
    return ok ? TN_EXIT_ok : tn_cli_fail(&err);
}
