/* SPDX-License-Identifier: MIT */
#include "options.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/limits.h"

enum { OPTIONS_MAX = 32, CONFIG_MAX = 64 * TN_KIB, DAYS_MAX = 36500 };

struct table {
    struct tn_arg rows[OPTIONS_MAX];
};

static struct table table_of(struct tn_options *o)
{
    return (struct table){{
#define TN_OPTION(member, name, kind, otherwise, value, help)                                      \
    {name, TN_ARG_##kind, &o->member, value, help},
#include "options.def"
#undef TN_OPTION
        {"config", TN_ARG_text, &o->config, "FILE", "read options from there first"},
        {NULL, TN_ARG_flag, NULL, NULL, NULL},
    }};
}

static bool set_defaults(const struct table *t, struct tn_err *err)
{
    static const struct {
        const char *name, *value;
    } defaults[] = {
#define TN_OPTION(member, name, kind, otherwise, value, help) {name, otherwise},
#include "options.def"
#undef TN_OPTION
    };
    for (size_t i = 0; i < sizeof defaults / sizeof *defaults; i++)
        if (defaults[i].value &&
            !tn_args_set(t->rows, tn_str(defaults[i].name), defaults[i].value, err))
            return false;
    return true;
}

static char *read_file(const char *path, struct tn_err *err)
{
    char *text = tn_alloc(CONFIG_MAX + 1);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, text, CONFIG_MAX + 1);
    int no = errno;
    if (fd >= 0) close(fd);
    if (n >= 0 && n <= CONFIG_MAX) {
        text[n] = '\0';
        return text;
    }
    tn_free(text);
    if (n < 0)
        tn_fail_errno(err, no, path);
    else
        tn_fail(err, TN_E_too_large, "%s is larger than %u bytes", path, CONFIG_MAX);
    return NULL;
}

/* One line of the file; it is cut up in place. */
static bool set_line(const struct table *t, char *line, struct tn_err *err)
{
    char *comment = line[0] == '#' ? line : strstr(line, " #");
    if (comment) *comment = '\0';
    struct tn_str rest = tn_str_trim(tn_str(line)), name;
    if (!rest.n) return true;
    tn_str_split(&rest, '=', &name);
    if (!rest.p) return tn_fail(err, TN_E_syntax, "expected 'name = value', found '%s'", line);
    rest = tn_str_trim(rest);
    ((char *)rest.p)[rest.n] = '\0';
    return tn_args_set(t->rows, tn_str_trim(name), rest.p, err);
}

static bool set_from_file(struct tn_options *o, const struct table *t, struct tn_err *err)
{
    int number = 1;
    o->config_text = read_file(o->config, err);
    if (!o->config_text) return false;
    for (char *save, *line = strtok_r(o->config_text, "\n", &save); line;
         line = strtok_r(NULL, "\n", &save), number++)
        if (!set_line(t, line, err)) {
            tn_fail_in(err, "%s, option line %d", o->config, number);
            return false;
        }
    return true;
}

static bool days_ok(const struct tn_options *o, struct tn_err *err)
{
    const struct {
        const char *name;
        int64_t days;
    } all[] = {{"evidence", o->evidence_days}, {"runs", o->runs_days},
               {"audit", o->audit_days},       {"inbound", o->inbound_days},
               {"events", o->events_days},     {"history", o->history_days},
               {"plans", o->plans_days},       {"quarantine-settled", o->settled_days}};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (all[i].days < 0 || all[i].days > DAYS_MAX)
            return tn_fail(err, TN_E_invalid, "--%s-days takes 0 to %d", all[i].name, DAYS_MAX);
    return true;
}

bool tn_options_parse(struct tn_options *o, int argc, char **argv, struct tn_err *err)
{
    *o = (struct tn_options){.config = NULL};
    struct table t = table_of(o);
    const char *rest[1];
    size_t n;
    if (!set_defaults(&t, err) || !tn_args_parse(t.rows, argc, argv, rest, 1, &n, err))
        return false;
    if (n) return tn_fail(err, TN_E_invalid, "serve takes options only, not '%s'", rest[0]);
    if (o->config) { /* the file lies under the command line, which is read once more */
        tn_args_clear(t.rows);
        o->allow_net = (struct tn_arg_list){0};
        if (!set_from_file(o, &t, err)) return false;
        if (!tn_args_parse(t.rows, argc, argv, rest, 1, &n, err)) return false;
    }
    if (!days_ok(o, err)) return false;
    if (!o->debug) o->debug = getenv("DEBUG");
    return true;
}

void tn_options_clear(struct tn_options *o)
{
    struct table t = table_of(o);
    tn_args_clear(t.rows);
    tn_free(o->config_text);
}

static void print_option(const char *name, const char *value, const char *help,
                         const char *otherwise)
{
    char left[48];
    snprintf(left, sizeof left, "--%s %s", name, value ? value : "");
    printf("  %-22s %s", left, help);
    if (otherwise) printf(" (default: %s)", otherwise);
    printf("\n");
}

void tn_options_help(void)
{
#define TN_OPTION(member, name, kind, otherwise, value, help)                                      \
    print_option(name, value, help, otherwise);
#include "options.def"
#undef TN_OPTION
    print_option("config", "FILE", "read options from there first", NULL);
}
