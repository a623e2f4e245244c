/* SPDX-License-Identifier: MIT */
#include "loop/process.h"

#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

extern char **environ;

/* The memory that the kernel shows as the command line. A process has one such place, so this is
 * global. */
static struct {
    char *start;
    size_t size;
} line;

static char *copy(const char *s)
{
    char *c = strdup(s);
    if (!c) abort();
    return c;
}

void tn_process_init(int argc, char **argv)
{
    char *end = argv[0];
    line.start = argv[0];
    for (int i = 0; i < argc; i++)
        if (argv[i] == end) end += strlen(argv[i]) + 1;
    for (char **e = environ; *e; e++)
        if (*e == end) end += strlen(*e) + 1;
    line.size = (size_t)(end - line.start);
    for (int i = 0; i < argc; i++) argv[i] = copy(argv[i]);
    for (char **e = environ; *e; e++) *e = copy(*e);
}

void tn_process_title(const char *title)
{
    if (!line.size) return;
    memset(line.start, 0, line.size);
    snprintf(line.start, line.size, "%s", title);
    prctl(PR_SET_NAME, title, 0, 0, 0);
}

void tn_process_forget(const char *name)
{
    size_t n = strlen(name);
    char *value = getenv(name);
    if (value) explicit_bzero(value, strlen(value));
    for (char *p = line.start; p && p + n + 1 < line.start + line.size; p++) {
        bool starts = p == line.start || p[-1] == '\0';
        if (starts && memcmp(p, name, n) == 0 && p[n] == '=')
            explicit_bzero(p + n + 1, strlen(p + n + 1));
    }
}

static void default_signals(void)
{
    sigset_t none;
    for (int s = 1; s < SIGRTMAX; s++) signal(s, SIG_DFL);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* a file over its size limit is an error, not the end of the
                                 process */
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

pid_t tn_process_start(int (*main)(void *arg), void *arg)
{
    pid_t parent = getpid(), pid;
    fflush(NULL);
    pid = fork();
    if (pid != 0) return pid;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(1); /* the parent died before the call above */
    default_signals();
    exit(main(arg));
}
