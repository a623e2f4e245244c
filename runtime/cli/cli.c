/* SPDX-License-Identifier: MIT */
#include "cli/cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/hint.h"
#include "base/str.h"
#include "cli/args.h"

static int completion(int argc, char **argv);

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
     "[--decimal-comma NAMES] [--skip-lines N] [--skip-footer N] [--comment C] "
     "[--encoding NAME] "
     "[--columns LIST] [--only KIND] [--bytes] [--groups TAGS] [--segments LIST] [--to FORMAT] "
     "[--back] "
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
    {"completion", "bash|zsh", "print what a shell needs to complete commands and options",
     completion},
    {"man", "", "print the man page", NULL}, /* it needs the options of serve */
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
    if (strcmp(c->name, "serve") != 0) return TN_EXIT_ok;
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

/* ---- for shells and man, made of the same rows ---- */

/* The shell asks "tenon help COMMAND" for the options, so they are those of the program. */
static const char OPTIONS_OF[] =
    "tenon help \"$1\" 2>/dev/null | sed -n 's/^  \\(--[a-z-]*\\).*/\\1/p'";

static void complete_bash(void)
{
    printf("# bash completion of tenon: eval \"$(tenon completion bash)\"\n"
           "_tenon_options() { %s; }\n"
           "_tenon() {\n"
           "  local word=${COMP_WORDS[COMP_CWORD]}\n"
           "  if [ \"$COMP_CWORD\" = 1 ]; then\n"
           "    COMPREPLY=($(compgen -W \"help",
           OPTIONS_OF);
    for (const struct tn_command *c = commands; c->name; c++) printf(" %s", c->name);
    printf("\" -- \"$word\"))\n"
           "  elif [ \"${word#-}\" != \"$word\" ]; then\n"
           "    COMPREPLY=($(compgen -W \"$(_tenon_options \"${COMP_WORDS[1]}\")\" -- \"$word\"))\n"
           "  fi\n"
           "}\n"
           "complete -o default -F _tenon tenon\n");
}

static void complete_zsh(void)
{
    printf("#compdef tenon\n"
           "_tenon_options() { %s; }\n"
           "_tenon() {\n"
           "  local -a commands\n"
           "  commands=('help:print all commands, or one'",
           OPTIONS_OF);
    for (const struct tn_command *c = commands; c->name; c++)
        printf("\n    '%s:%s'", c->name, c->help);
    printf(")\n"
           "  if (( CURRENT == 2 )); then _describe command commands\n"
           "  elif [[ $PREFIX == -* ]]; then compadd -- $(_tenon_options $words[2])\n"
           "  else _files; fi\n"
           "}\n"
           "compdef _tenon tenon\n");
}

static int completion(int argc, char **argv)
{
    static const char *const shells[] = {"bash", "zsh", NULL};
    const struct tn_arg none[] = {{NULL, TN_ARG_flag, NULL, NULL, NULL}};
    const char *shell[1] = {""};
    struct tn_err err;
    size_t n;
    if (!tn_args_parse(none, argc, argv, shell, 1, &n, &err))
        return tn_cli_usage(&err, "completion");
    if (strcmp(shell[0], "bash") == 0) {
        complete_bash();
    } else if (strcmp(shell[0], "zsh") == 0) {
        complete_zsh();
    } else {
        tn_fail(&err, TN_E_invalid, "completion takes bash or zsh, not '%s'%s", shell[0],
                tn_did_you_mean(tn_str(shell[0]), shells).text);
        return tn_cli_usage(&err, "completion");
    }
    return TN_EXIT_ok;
}

/* A page of roff: lines of help stand as they are. */
static int man(void (*serve_help)(void))
{
    printf(".TH TENON 1 \"\" \"Tenon " TENON_VERSION "\"\n"
           ".SH NAME\ntenon \\- a Lua-scriptable integration runtime for manufacturing\n"
           ".SH SYNOPSIS\n.B tenon\nCOMMAND [options]\n"
           ".SH EXIT STATUS\n0: done. 1: it failed or found faults. 2: the command line makes no "
           "sense.\n.SH COMMANDS\n");
    for (const struct tn_command *c = commands; c->name; c++) {
        printf(".SS %s\n.nf\n", c->name);
        help_of(c, serve_help);
        printf(".fi\n");
    }
    return TN_EXIT_ok;
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
        if (strcmp(c->name, "man") == 0) return man(serve_help);
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
