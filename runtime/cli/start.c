/* SPDX-License-Identifier: MIT */
#include "cli/start.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/limits.h"
#include "bind/bind.h"

enum { CALL_MS = 10000, PATH_ROOM = 4096 };

/* ---- making them ---- */

static bool find_template(void *arg, const char *path, struct tn_str *text)
{
    char full[256];
    (void)arg;
    if (!tn_str_starts(tn_str(path), "scripts/")) return false;
    snprintf(full, sizeof full, "templates/%s", path + strlen("scripts/"));
    for (const struct tn_embedded *e = tn_templates; e->path; e++)
        if (strcmp(e->path, full) == 0) {
            *text = (struct tn_str){e->text, e->n};
            return true;
        }
    return false;
}

static const struct tn_sources sources = {find_template};

struct make {
    struct tn_json *request;
    struct tn_buf *answer;
    struct tn_err *err;
    bool ok;
};

static int push_request(lua_State *L, void *arg)
{
    bind_json_push(L, tn_json_root(((struct make *)arg)->request));
    return 1;
}

static void take_answer(lua_State *L, int n, void *arg)
{
    struct make *m = arg;
    struct tn_jw w;
    (void)n;
    tn_jw_init(&w, m->answer);
    m->ok = bind_json_write(L, 1, &w, m->err) && tn_buf_ok(m->answer, "the files", m->err);
}

bool tn_start_make(struct tn_host *host, const struct tn_buf *request, struct tn_buf *answer,
                   struct tn_err *err)
{
    struct bind_context context = {.loop = tn_host_loop(host), .area = "new"};
    struct tn_isolate_options o = {.name = "new",
                                   .sources = &sources,
                                   .modules = bind_modules,
                                   .context = &context,
                                   .max_bytes = 8 * (size_t)TN_LIMIT_ISOLATE_BYTES,
                                   .call_ms = CALL_MS,
                                   .load_ms = CALL_MS};
    struct make m = {.request = tn_json_new(), .answer = answer, .err = err};
    struct tn_isolate *iso = tn_isolate_new(host, &o, err);
    int ref = LUA_NOREF;
    bool ok = iso && tn_json_parse(m.request, tn_buf_str(request), err) &&
              tn_isolate_load(iso, "scripts/new/main.lua", &ref, err) &&
              tn_isolate_call(iso, ref, push_request, take_answer, &m, err) && m.ok;
    if (!ok) err->file[0] = '\0'; /* a line of the templates helps nobody */
    if (iso) tn_isolate_release(iso, ref);
    tn_isolate_unref(iso);
    tn_json_free(m.request);
    return ok;
}

/* ---- the list ---- */

void tn_start_add(struct tn_start *s, const char *path, struct tn_str text, bool keep)
{
    s->v = tn_realloc(s->v, (s->n + 1) * sizeof *s->v);
    s->v[s->n++] = (struct tn_start_file){tn_strdup(path), tn_strndup(text.p, text.n), keep};
}

void tn_start_clear(struct tn_start *s)
{
    for (size_t i = 0; i < s->n; i++) {
        tn_free(s->v[i].path);
        tn_free(s->v[i].text);
    }
    tn_free(s->v);
}

static char *exchanged(const char *text, const char *word, struct tn_str by)
{
    struct tn_buf out;
    tn_buf_init(&out, 16 * TN_MIB);
    for (const char *at; (at = strstr(text, word)); text = at + strlen(word)) {
        tn_buf_add(&out, text, (size_t)(at - text));
        tn_buf_addstr(&out, by);
    }
    tn_buf_adds(&out, text);
    char *made = tn_strndup(out.p ? out.p : "", out.n);
    tn_buf_clear(&out);
    return made;
}

void tn_start_exchange(struct tn_start *s, const char *word, struct tn_str by)
{
    for (size_t i = 0; i < s->n; i++) {
        char *text = exchanged(s->v[i].text, word, by);
        tn_free(s->v[i].text);
        s->v[i].text = text;
    }
}

/* ---- writing them ---- */

/* Makes the folders above path. */
static bool make_folders(const char *path, struct tn_err *err)
{
    char part[PATH_ROOM];
    for (const char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        snprintf(part, sizeof part, "%.*s", (int)(slash - path), path);
        if (mkdir(part, 0777) < 0 && errno != EEXIST) return tn_fail_errno(err, errno, part);
    }
    return true;
}

static bool write_file(const char *path, const char *text, struct tn_err *err)
{
    size_t n = strlen(text), done = 0;
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd < 0) return tn_fail_errno(err, errno, path);
    while (done < n) {
        ssize_t got = write(fd, text + done, n - done);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) break;
        done += (size_t)got;
    }
    int no = errno;
    bool ok = close(fd) == 0 && done == n;
    return ok || tn_fail_errno(err, done == n ? errno : no, path);
}

static bool all_free(const struct tn_start *s, const char *folder, struct tn_err *err)
{
    char path[PATH_ROOM];
    struct stat st;
    for (size_t i = 0; i < s->n; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, s->v[i].path);
        if (!s->v[i].keep && lstat(path, &st) == 0)
            return tn_fail(err, TN_E_conflict,
                           "%s is there already, and nothing was written: take another name, or "
                           "move it away",
                           path);
    }
    return true;
}

bool tn_start_write(const struct tn_start *s, const char *folder, struct tn_err *err)
{
    char path[PATH_ROOM];
    struct stat st;
    if (!all_free(s, folder, err)) return false;
    for (size_t i = 0; i < s->n; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, s->v[i].path);
        if (s->v[i].keep && lstat(path, &st) == 0) continue;
        if (!make_folders(path, err) || !write_file(path, s->v[i].text, err)) return false;
        if (s->v[i].path[0] != '.') printf("wrote %s\n", path);
    }
    return true;
}
