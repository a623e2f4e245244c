/* SPDX-License-Identifier: MIT */
/* pages.h - the files of a folder in memory, for the benches over pages of JSON. */
#ifndef TN_BENCH_PAGES_H
#define TN_BENCH_PAGES_H

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "base/buf.h"

enum { PAGES_MAX = 4096 };

struct pages {
    struct tn_buf text[PAGES_MAX];
    size_t count;
};

static inline void pages_read_one(struct tn_buf *b, const char *path)
{
    FILE *f = fopen(path, "rb");
    if (!f) exit(2);
    tn_buf_init(b, (size_t)1 << 30);
    for (size_t n = 1; n;) {
        char *at = tn_buf_reserve(b, 1 << 20);
        n = at ? fread(at, 1, 1 << 20, f) : 0;
        b->n += n;
    }
    fclose(f);
}

static inline void pages_read(const char *dir, struct pages *p)
{
    struct dirent **names;
    int n = scandir(dir, &names, NULL, alphasort);
    for (int i = 0; i < n; i++) {
        char path[1024];
        if (names[i]->d_name[0] != '.' && p->count < PAGES_MAX) {
            snprintf(path, sizeof path, "%s/%s", dir, names[i]->d_name);
            pages_read_one(&p->text[p->count++], path);
        }
        free(names[i]);
    }
    free(names);
}

static inline void pages_clear(struct pages *p)
{
    for (size_t i = 0; i < p->count; i++) tn_buf_clear(&p->text[i]);
}

/* Microseconds of processor time that this process has used: what else runs does not count. */
static inline long long cpu_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return t.tv_sec * 1000000LL + t.tv_nsec / 1000;
}

static inline unsigned long long resident_max(void)
{
    struct rusage use;
    getrusage(RUSAGE_SELF, &use);
    return (unsigned long long)use.ru_maxrss * 1024;
}

#endif
