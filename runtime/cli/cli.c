/* SPDX-License-Identifier: MIT */
#include "cli/cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/hint.h"
#include "base/str.h"
#include "cli/args.h"

static const struct tn_command commands[] = {
    {"serve", "[options]", "run the server", NULL}, /* the program defines serve itself */
    {"new", "KIND NAME [--site DIR] [--entity NAME] [--from FILE] [--openapi FILE]",
     "write a start that runs, with its test: site, adapter, mapping, resource, rule, surface, "
     "test",
     tn_cli_new},
    {"check", "[--site DIR] [--json]", "load all scripts and run all examples, print every fault",
     tn_cli_check},
    {"test", "[PATH...] [--site DIR] [--tap]",
     "run the examples of mappings and the *.test.lua files there (tests/lua)", tn_cli_test},
    {"map",
     "NAME [--site DIR] [--no-examples] [--from FORMAT] [--rows PATH] [--delimiter C] "
     "[--decimal-comma NAMES] "
     "[--encoding NAME] "
     "[--columns LIST] [--bytes] [--groups TAGS] [--segments LIST] [--to FORMAT] [--back] "
     "[--explain] [--coverage] [--stats] "
     "[--json]",
     "map the records or pages of stdin, write them to stdout", tn_cli_map},
    {"show", "[PATH]",
     "print a shipped script, how-to or stub (write-a-mapping, tenon.map), or list them all",
     tn_cli_show},
    {"sync", "NAME OPERATION [--filter k=v] [--dry-run] [--data DIR] [--json]",
     "run a sync and watch it", tn_cli_sync},
    {"runs", "[NAME] [--data DIR] [--json]",
     "list the last runs of an integration (by its id also when it was deleted), or of all",
     tn_cli_runs},
    {"quarantine",
     "[INTEGRATION] [--group] [--limit N] | show ID [--payload] | retry ID...|--integration NAME "
     "[--operation NAME] [--code CODE] [--yes] | discard ID...|--integration NAME [--reason TEXT] "
     "[--yes] [--data DIR] [--json]",
     "list, retry or discard the records that failed", tn_cli_quarantine},
    {"audit",
     "[--actor NAME] [--action NAME] [--object ID] [--from TIME] [--to TIME] [--limit N] "
     "[--system] "
     "[--data DIR] [--json]",
     "list who did what, and when", tn_cli_audit},
    {"preview", "[--site DIR] [--data DIR] [--json]",
     "show what changed scripts would do to the last records", tn_cli_preview},
    {"reload", "[--expect HASH] [--shadow MINUTES] [--data DIR] [--json]",
     "make the running server load its site folder anew", tn_cli_reload},
    {"shadow", "[--end] [--data DIR] [--json]",
     "compare the scripts before the last change with those that serve, on live records",
     tn_cli_shadow},
    {"generations", "[UNIT [FROM [TO]]] [--data DIR] [--json]",
     "list the scripts that serve, those that served, or compare two generations",
     tn_cli_generations},
    {"rollback", "UNIT GENERATION [--data DIR] [--json]",
     "let an older generation of a unit serve again", tn_cli_rollback},
    {"key", "create NAME [--role read_only] | list | revoke ID | generate",
     "make, list and revoke API keys; make a master key", tn_cli_key},
    {"backup", "FILE [--data DIR]", "write a checked copy of the running server's database",
     tn_cli_backup},
    {"restore", "FILE [--data DIR] [--verify] [--force]",
     "put a backup in the place of the database, or only try it out", tn_cli_restore},
    {"doctor", "[--data DIR] [--key-file FILE] [--json]",
     "say what is wrong with a data folder, and what to do", tn_cli_doctor},
    {"version", "", "print the version", tn_cli_version},
    {NULL, NULL, NULL, NULL},
};

bool tn_cli_terminal(void)
{
    const char *term = getenv("TERM");
    return isatty(STDOUT_FILENO) && !getenv("NO_COLOR") && term && strcmp(term, "dumb") != 0;
}

static void print_fault(const struct tn_err *err)
{
    fputs("tenon: ", stderr);
    if (err->file[0] && err->line)
        fprintf(stderr, "%s:%d: ", err->file, err->line);
    else if (err->file[0])
        fprintf(stderr, "%s: ", err->file);
    fprintf(stderr, "%s\n", err->text);
}

int tn_cli_fail(const struct tn_err *err)
{
    print_fault(err);
    return TN_EXIT_failed;
}

int tn_cli_usage(const struct tn_err *err, const char *command)
{
    if (err->kind == TN_E_none) return TN_EXIT_ok;
    print_fault(err);
    for (const struct tn_command *c = commands; c->name; c++)
        if (strcmp(c->name, command) == 0)
            fprintf(stderr, "usage: tenon %s %s\n", c->name, c->usage);
    return TN_EXIT_usage;
}

static int help(void (*serve_help)(void))
{
    printf("tenon: a Lua-scriptable integration runtime for manufacturing\n\n");
    for (const struct tn_command *c = commands; c->name; c++)
        printf("  tenon %-8s %s\n%16s%s\n", c->name, c->usage, "", c->help);
    printf("\noptions of serve:\n");
    serve_help();
    return TN_EXIT_ok;
}

static bool asks_for_help(int argc, char **argv)
{
    for (int i = 0; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h")) return true;
    return false;
}

/* Prints what the command does, then lets it print its options, since it has their table. */
static int help_of(const struct tn_command *c, void (*serve_help)(void))
{
    char word[] = "--help", *argv[] = {word, NULL};
    printf("usage: tenon %s%s%s\n%s\n", c->name, c->usage[0] ? " " : "", c->usage, c->help);
    if (c->run) return c->run(1, argv);
    printf("\noptions:\n");
    serve_help();
    return TN_EXIT_ok;
}

static int unknown(const char *name)
{
    const char *names[sizeof commands / sizeof *commands];
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) names[i] = commands[i].name;
    fprintf(stderr, "tenon: there is no command '%s'%s\ntry: tenon help\n", name,
            tn_did_you_mean(tn_str(name), names).text);
    return TN_EXIT_usage;
}

/* tenon help COMMAND */
static int help_on(const char *name, void (*serve_help)(void))
{
    for (const struct tn_command *c = commands; c->name; c++)
        if (strcmp(c->name, name) == 0) return help_of(c, serve_help);
    return unknown(name);
}

int tn_cli_main(int argc, char **argv, int (*serve)(int argc, char **argv),
                void (*serve_help)(void))
{
    const char *name = argc > 1 ? argv[1] : "help";
    if (!strcmp(name, "help") && argc > 2) return help_on(argv[2], serve_help);
    if (!strcmp(name, "help") || !strcmp(name, "--help") || !strcmp(name, "-h"))
        return help(serve_help);
    if (!strcmp(name, "--version")) name = "version";
    for (const struct tn_command *c = commands; c->name; c++) {
        if (strcmp(c->name, name) != 0) continue;
        if (asks_for_help(argc - 2, argv + 2)) return help_of(c, serve_help);
        return c->run ? c->run(argc - 2, argv + 2) : serve(argc - 2, argv + 2);
    }
    return unknown(name);
}

int tn_cli_version(int argc, char **argv)
{
    const struct tn_arg none[] = {{NULL, TN_ARG_flag, NULL, NULL, NULL}};
    struct tn_err err;
    size_t n;
    if (!tn_args_parse(none, argc, argv, NULL, 0, &n, &err)) return tn_cli_usage(&err, "version");
    puts("tenon " TENON_VERSION);
    return TN_EXIT_ok;
}
