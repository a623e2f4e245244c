/* SPDX-License-Identifier: MIT */
/* args.h - reads a command line by a table of options. Options may stand anywhere, "--" ends them,
 * and --name=value works too. */
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

/* Fills the destinations; texts point into argv.  Words that are no options go to rest (at most
 * max) and *n. False: err names the word, and the nearest option if one is near. False with kind
 * none: the only word was --help, and the options were printed on stdout. */
TN_MUST_CHECK bool tn_args_parse(const struct tn_arg *table, int argc, char **argv,
                                 const char **rest, size_t max, size_t *n, struct tn_err *err);
/* Sets one option by its name, for a file of options. value NULL: the flag is on. */
TN_MUST_CHECK bool tn_args_set(const struct tn_arg *table, struct tn_str name, const char *value,
                               struct tn_err *err);
/* Prints a line "  --name VALUE   help" for each option on stdout. */
void tn_args_help(const struct tn_arg *table);
void tn_args_clear(const struct tn_arg *table); /* frees the lists */

#endif
