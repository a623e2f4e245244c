/* SPDX-License-Identifier: MIT */
/* options.h - what `tenon serve` was told; options.def is the list. */
#ifndef TN_OPTIONS_H
#define TN_OPTIONS_H

#include "base/err.h"
#include "cli/args.h"

struct tn_options {
#define KIND_text                                             const char *
#define KIND_num                                              int64_t
#define KIND_flag                                             bool
#define KIND_list                                             struct tn_arg_list
#define TN_OPTION(member, name, kind, otherwise, value, help) KIND_##kind member;
#include "options.def"
#undef TN_OPTION
    const char *config; /* file with the same options; the command line wins */
    char *config_text;  /* what the members may point into */
};

/* Defaults, then the file of --config, then the command line. */
TN_MUST_CHECK bool tn_options_parse(struct tn_options *o, int argc, char **argv,
                                    struct tn_err *err);
void tn_options_clear(struct tn_options *o);
void tn_options_help(void);

#endif
