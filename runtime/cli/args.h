/* SPDX-License-Identifier: MIT */
/* args.h - a command line read by a table: options anywhere, "--" ends them, --name=value too. */
#ifndef TN_CLI_ARGS_H
#define TN_CLI_ARGS_H

#include <stddef.h>

#include "base/err.h"
#include "base/str.h"

enum tn_arg_kind { TN_ARG_flag, TN_ARG_text, TN_ARG_num, TN_ARG_list };

struct tn_arg_list {
    const char **items;
    size_t n;
};

/* One option; a row with a NULL name ends the table. */
struct tn_arg {
    const char *name; /* without the dashes */
    enum tn_arg_kind kind;
    void *dest;        /* bool, const char *, int64_t or struct tn_arg_list */
    const char *value; /* what help calls the value; NULL for flags */
    const char *help;
};

/* Fills the destinations; texts point into argv.  What is no option goes to rest (at most max) and
 * *n.  False: err names the word, and the nearest option where one is near; or kind none: the
 * one word was --help, the options are on stdout, and there is nothing else to do. */
TN_MUST_CHECK bool tn_args_parse(const struct tn_arg *table, int argc, char **argv,
                                 const char **rest, size_t max, size_t *n, struct tn_err *err);
/* One option by its name, as from a file.  value NULL: a flag that is on. */
TN_MUST_CHECK bool tn_args_set(const struct tn_arg *table, struct tn_str name, const char *value,
                               struct tn_err *err);
/* "  --name VALUE   help" lines on stdout. */
void tn_args_help(const struct tn_arg *table);
void tn_args_clear(const struct tn_arg *table); /* frees the lists */

#endif
