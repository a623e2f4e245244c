/* SPDX-License-Identifier: MIT */
/* tenon generations, tenon rollback - which scripts served when, and an older generation again. */
#include <stdio.h>

#include "cli/args.h"
#include "cli/cli.h"
#include "cli/client.h"

static struct tn_str text_of(struct tn_jval object, const char *key, struct tn_arena *arena)
{
    struct tn_str text = TN_STR("-");
    tn_jtext(tn_jget_z(object, key), arena, &text);
    return text;
}

static void print_units(struct tn_jval answer)
{
    for (struct tn_jiter it = tn_jiter(tn_jget_z(answer, "units")); tn_jnext(&it);) {
        struct tn_arena arena;
        int64_t files = 0;
        bool back = false;
        tn_arena_init(&arena);
        tn_jint(tn_jget_z(it.value, "files"), &files);
        tn_jbool(tn_jget_z(it.value, "rolledBack"), &back);
        printf("%-24.*s %.12s  %lld files%s\n", TN_FMT(text_of(it.value, "unit", &arena)),
               text_of(it.value, "generation", &arena).p, (long long)files,
               back ? ", rolled back" : "");
        tn_arena_clear(&arena);
    }
}

static void print_history(struct tn_jval answer)
{
    for (struct tn_jiter it = tn_jiter(tn_jget_z(answer, "generations")); tn_jnext(&it);) {
        struct tn_arena arena;
        bool active = false;
        tn_arena_init(&arena);
        tn_jbool(tn_jget_z(it.value, "active"), &active);
        printf("%c %.12s  %.*s  by %.*s\n", active ? '*' : ' ',
               text_of(it.value, "generation", &arena).p,
               TN_FMT(text_of(it.value, "activatedAt", &arena)),
               TN_FMT(text_of(it.value, "actor", &arena)));
        tn_arena_clear(&arena);
    }
}

int tn_cli_generations(int argc, char **argv)
{
    const char *data = "./tenon-data", *words[1];
    bool json = false;
    size_t n;
    char path[160] = "/api/v1/scripts";
    struct tn_err err;
    struct tn_str reply;
    const struct tn_arg table[] = {{"data", TN_ARG_text, &data, "DIR", "the server's folder"},
                                   {"json", TN_ARG_flag, &json, NULL, "the answer as JSON"},
                                   {NULL, TN_ARG_flag, NULL, NULL, NULL}};
    if (!tn_args_parse(table, argc, argv, words, 1, &n, &err))
        return tn_cli_usage(&err, "generations");
    if (n) snprintf(path, sizeof path, "/api/v1/scripts/%.64s/generations", words[0]);
    struct tn_client *client = tn_client_open(data, &err);
    bool ok = client && tn_client_call(client, "GET", path, TN_STR(""), &reply, &err);
    if (ok && json)
        printf("%.*s\n", TN_FMT(reply));
    else if (ok && n)
        print_history(tn_client_json(client));
    else if (ok)
        print_units(tn_client_json(client));
    tn_client_close(client);
    return ok ? TN_EXIT_ok : tn_cli_fail(&err);
}

int tn_cli_rollback(int argc, char **argv)
{
    const char *data = "./tenon-data", *words[2];
    bool json = false;
    size_t n;
    char path[160];
    struct tn_buf body;
    struct tn_jw w;
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
    tn_buf_init(&body, 1024);
    tn_jw_init(&w, &body);
    tn_jw_object(&w);
    tn_jw_kz(&w, "generation", words[1]);
    tn_jw_end(&w);
    snprintf(path, sizeof path, "/api/v1/scripts/%.64s/rollback", words[0]);
    struct tn_client *client = tn_client_open(data, &err);
    bool ok = client && tn_client_call(client, "POST", path, tn_buf_str(&body), &reply, &err);
    if (ok && json)
        printf("%.*s\n", TN_FMT(reply));
    else if (ok)
        tn_cli_print_reload(tn_client_json(client));
    tn_client_close(client);
    tn_buf_clear(&body);
    return ok ? TN_EXIT_ok : tn_cli_fail(&err);
}
