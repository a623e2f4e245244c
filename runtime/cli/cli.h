/* SPDX-License-Identifier: MIT */
/* cli.h - the command line: cli.c lists the commands, cli_<command>.c does one.
 * Exit statuses: 0 done, 1 it failed or found faults, 2 the command line makes no sense. */
#ifndef TN_CLI_CLI_H
#define TN_CLI_CLI_H

#include <stdbool.h>

#include "base/err.h"
#include "base/json.h"

enum { TN_EXIT_ok, TN_EXIT_failed, TN_EXIT_usage };

struct tn_command {
    const char *name;  /* NULL ends the table */
    const char *usage; /* what follows the name */
    const char *help;
    int (*run)(int argc, char **argv); /* argv without program and command */
};

/* serve is the program's own (it stands above this folder). */
int tn_cli_main(int argc, char **argv, int (*serve)(int argc, char **argv),
                void (*serve_help)(void));

/* Each is one command: it prints its answer, or with --json that of the server, on standard output
 * and returns the exit status of the process.  Those that need the running server speak to it over
 * DIR/tenon.sock. */
int tn_cli_audit(int argc, char **argv);
int tn_cli_backup(int argc, char **argv);
int tn_cli_check(int argc, char **argv);
int tn_cli_doctor(int argc, char **argv);
int tn_cli_generations(int argc, char **argv);
int tn_cli_key(int argc, char **argv);
int tn_cli_map(int argc, char **argv);
int tn_cli_new(int argc, char **argv);
int tn_cli_preview(int argc, char **argv);
int tn_cli_quarantine(int argc, char **argv);
int tn_cli_reload(int argc, char **argv);
int tn_cli_restore(int argc, char **argv);
int tn_cli_rollback(int argc, char **argv);
int tn_cli_runs(int argc, char **argv);
int tn_cli_shadow(int argc, char **argv);
int tn_cli_show(int argc, char **argv);
int tn_cli_sync(int argc, char **argv);
int tn_cli_test(int argc, char **argv);
int tn_cli_version(int argc, char **argv);

/* Prints the findings of a preview or a shadow for people. */
void tn_cli_print_findings(struct tn_jval answer);
/* Prints for people what a reload or roll back changed. */
void tn_cli_print_reload(struct tn_jval answer);

/* Prints "tenon: …" with file, line and field on standard error; returns TN_EXIT_failed. */
int tn_cli_fail(const struct tn_err *err);
/* The same for a wrong command line; returns TN_EXIT_usage. Kind none (--help printed the options)
 * prints nothing and returns TN_EXIT_ok. */
int tn_cli_usage(const struct tn_err *err, const char *command);
/* May colours and progress be shown on standard output? */
bool tn_cli_terminal(void);

#endif
