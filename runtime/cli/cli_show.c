/* SPDX-License-Identifier: MIT */
/* tenon show - the scripts and mappings that travel inside the program, to read and to copy. */
#include <stdio.h>
#include <string.h>

#include "base/embed.h"
#include "base/hint.h"
#include "base/str.h"
#include "cli/args.h"
#include "cli/cli.h"

enum { PATHS_MAX = 512 };

int tn_cli_show(int argc, char **argv)
{
    const char *paths[PATHS_MAX + 1] = {0}, *wanted[1] = {NULL};
    const struct tn_arg none[] = {{NULL, TN_ARG_flag, NULL, NULL, NULL}};
    struct tn_err err;
    size_t n = 0, words;
    if (!tn_args_parse(none, argc, argv, wanted, 1, &words, &err))
        return tn_cli_usage(&err, "show");
    for (const struct tn_embedded *e = tn_shipped_scripts; e->path && n < PATHS_MAX; e++) {
        if (!words) puts(e->path);
        paths[n++] = e->path;
        if (!words || strcmp(e->path, wanted[0]) != 0) continue;
        fwrite(e->text, 1, e->n, stdout);
        return TN_EXIT_ok;
    }
    if (!words) return TN_EXIT_ok;
    struct tn_hint hint = tn_did_you_mean(tn_str(wanted[0]), paths);
    tn_fail(&err, TN_E_not_found, "no shipped file is called '%s'%s", wanted[0],
            hint.text[0] ? hint.text : "; tenon show lists them");
    return tn_cli_fail(&err);
}
