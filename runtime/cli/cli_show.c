/* SPDX-License-Identifier: MIT */
/* tenon show - the scripts, docs and stubs that travel inside the program, to read and to copy. */
#include <stdio.h>
#include <string.h>

#include "base/embed.h"
#include "base/hint.h"
#include "base/str.h"
#include "cli/args.h"
#include "cli/cli.h"

enum { PATHS_MAX = 512 };

static const struct tn_embedded *const tables[] = {tn_shipped_scripts, tn_shipped_pages};
enum { TABLES = sizeof tables / sizeof *tables };

/* Is it the path, or its last part without the ending: "write-a-mapping", "tenon.map"? */
static bool is_called(const char *path, const char *wanted)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    const char *dot = strrchr(name, '.');
    size_t n = dot ? (size_t)(dot - name) : strlen(name);
    return strcmp(path, wanted) == 0 || (strlen(wanted) == n && strncmp(name, wanted, n) == 0);
}

/* Scripts first: "page" is one of them.  The whole path wins over a short name. */
static const struct tn_embedded *find(const char *wanted)
{
    for (int whole = 1; whole >= 0; whole--)
        for (size_t i = 0; i < TABLES; i++)
            for (const struct tn_embedded *e = tables[i]; e->path; e++)
                if (whole ? strcmp(e->path, wanted) == 0 : is_called(e->path, wanted)) return e;
    return NULL;
}

static int list(void)
{
    for (size_t i = 0; i < TABLES; i++)
        for (const struct tn_embedded *e = tables[i]; e->path; e++) puts(e->path);
    return TN_EXIT_ok;
}

static int unknown(const char *wanted)
{
    const char *paths[PATHS_MAX + 1] = {0};
    struct tn_err err;
    size_t n = 0;
    for (size_t i = 0; i < TABLES; i++)
        for (const struct tn_embedded *e = tables[i]; e->path && n < PATHS_MAX; e++)
            paths[n++] = e->path;
    struct tn_hint hint = tn_did_you_mean(tn_str(wanted), paths);
    tn_fail(&err, TN_E_not_found, "no shipped file is called '%s'%s", wanted,
            hint.text[0] ? hint.text : "; tenon show lists them");
    return tn_cli_fail(&err);
}

int tn_cli_show(int argc, char **argv)
{
    const char *wanted[1] = {NULL};
    const struct tn_arg none[] = {{NULL, TN_ARG_flag, NULL, NULL, NULL}};
    struct tn_err err;
    size_t words;
    if (!tn_args_parse(none, argc, argv, wanted, 1, &words, &err))
        return tn_cli_usage(&err, "show");
    if (!words) return list();
    const struct tn_embedded *e = find(wanted[0]);
    if (!e) return unknown(wanted[0]);
    fwrite(e->text, 1, e->n, stdout);
    return TN_EXIT_ok;
}
