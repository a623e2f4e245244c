/* SPDX-License-Identifier: MIT */
#include "scripts/fileset.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fault.h"
#include "base/limits.h"
#include "crypto/digest.h"

/* A stored path may stand below "pinned/<unit>/". */
enum { PATH_MAX_LEN = 120, STORED_MAX_LEN = 256, DEPTH_MAX = 8, READ_TRIES = 5 };

struct entry {
    unsigned refs;
    bool borrowed;
    struct tn_file file;
    char path[STORED_MAX_LEN + 1];
};

struct tn_fileset {
    unsigned refs;
    size_t count, room;
    struct entry **entries;
};

static struct tn_fileset *fileset_new(void)
{
    struct tn_fileset *f = TN_NEW(struct tn_fileset);
    f->refs = 1;
    return f;
}

static void add(struct tn_fileset *f, struct entry *e)
{
    if (f->count == f->room) {
        f->room = f->room ? f->room * 2 : 64;
        f->entries = tn_realloc(f->entries, f->room * sizeof *f->entries);
    }
    f->entries[f->count++] = e;
}

static void add_ref(struct tn_fileset *f, struct entry *e)
{
    e->refs++;
    add(f, e);
}

/* Takes text over, unless it is borrowed. */
static struct entry *entry_new(const char *path, struct tn_str text, bool borrowed)
{
    struct entry *e = TN_NEW(struct entry);
    e->refs = 1;
    e->borrowed = borrowed;
    snprintf(e->path, sizeof e->path, "%s", path);
    e->file.path = e->path;
    e->file.text = text;
    return e;
}

static void entry_unref(struct entry *e)
{
    if (--e->refs) return;
    if (!e->borrowed) tn_free((char *)e->file.text.p);
    tn_free(e);
}

static int by_path(const void *a, const void *b)
{
    return strcmp((*(struct entry *const *)a)->path, (*(struct entry *const *)b)->path);
}

static void sort(struct tn_fileset *f)
{
    if (f->count) qsort(f->entries, f->count, sizeof *f->entries, by_path);
}

struct tn_fileset *tn_fileset_ref(struct tn_fileset *f)
{
    f->refs++;
    return f;
}

void tn_fileset_unref(struct tn_fileset *f)
{
    if (!f || --f->refs) return;
    for (size_t i = 0; i < f->count; i++) entry_unref(f->entries[i]);
    tn_free(f->entries);
    tn_free(f);
}

size_t tn_fileset_count(const struct tn_fileset *f)
{
    return f->count;
}

const struct tn_file *tn_fileset_at(const struct tn_fileset *f, size_t i)
{
    return i < f->count ? &f->entries[i]->file : NULL;
}

const struct tn_file *tn_fileset_find(const struct tn_fileset *f, struct tn_str path)
{
    size_t low = 0, high = f->count;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        const char *at = f->entries[mid]->path;
        size_t n = strlen(at);
        int order = memcmp(at, path.p, n < path.n ? n : path.n);
        if (!order && n == path.n) return &f->entries[mid]->file;
        if (order < 0 || (!order && n < path.n))
            low = mid + 1;
        else
            high = mid;
    }
    return NULL;
}

struct tn_fileset *tn_fileset_embedded(const struct tn_embedded *table)
{
    struct tn_fileset *f = fileset_new();
    for (; table->path; table++)
        add(f, entry_new(table->path, (struct tn_str){table->text, table->n}, true));
    sort(f);
    return f;
}

struct tn_fileset *tn_fileset_over(const struct tn_fileset *under, const struct tn_fileset *over)
{
    struct tn_fileset *f = fileset_new();
    for (size_t i = 0; i < under->count; i++) {
        struct entry *e = under->entries[i];
        if (!over || !tn_fileset_find(over, tn_str(e->path))) add_ref(f, e);
    }
    for (size_t i = 0; over && i < over->count; i++) add_ref(f, over->entries[i]);
    sort(f);
    return f;
}

struct tn_fileset *tn_fileset_pick(const struct tn_fileset *from, const bool *wanted)
{
    struct tn_fileset *f = fileset_new();
    for (size_t i = 0; i < from->count; i++)
        if (wanted[i]) add_ref(f, from->entries[i]);
    return f;
}

struct tn_fileset *tn_fileset_below(const struct tn_fileset *from, const char *prefix)
{
    struct tn_fileset *f = fileset_new();
    size_t n = strlen(prefix);
    for (size_t i = 0; i < from->count; i++) {
        const struct tn_file *file = &from->entries[i]->file;
        if (strncmp(file->path, prefix, n) != 0) continue;
        struct tn_str text = {tn_strndup(file->text.p, file->text.n), file->text.n};
        add(f, entry_new(file->path + n, text, false));
    }
    return f;
}

static bool is_or_below(const char *path, const char *name)
{
    bool folder = tn_str_ends(tn_str(name), "/");
    return folder ? tn_str_starts(tn_str(path), name) : strcmp(path, name) == 0;
}

struct tn_fileset *tn_fileset_without(const struct tn_fileset *from, const char *name)
{
    struct tn_fileset *f = fileset_new();
    for (size_t i = 0; i < from->count; i++)
        if (!is_or_below(from->entries[i]->path, name)) add_ref(f, from->entries[i]);
    return f;
}

struct tn_fileset *tn_fileset_moved(const struct tn_fileset *from, const char *prefix)
{
    struct tn_fileset *f = fileset_new();
    for (size_t i = 0; i < from->count; i++) {
        const struct tn_file *file = &from->entries[i]->file;
        struct tn_str text = {tn_strndup(file->text.p, file->text.n), file->text.n};
        char path[STORED_MAX_LEN + 1];
        snprintf(path, sizeof path, "%s%s", prefix, file->path);
        add(f, entry_new(path, text, false));
    }
    return f;
}

static bool path_is_safe(struct tn_str path);

struct tn_fileset *tn_fileset_note(const char *path, struct tn_str text)
{
    struct tn_fileset *f = fileset_new();
    add(f, entry_new(path, (struct tn_str){tn_strndup(text.p, text.n), text.n}, false));
    return f;
}

struct tn_fileset *tn_fileset_one(const char *path, struct tn_str text, struct tn_err *err)
{
    struct tn_fileset *f;
    static const char *const tops[] = {"mappings/", "scripts/", "stdlib/"};
    bool below = false;
    for (size_t i = 0; i < sizeof tops / sizeof *tops; i++)
        below = below || tn_str_starts(tn_str(path), tops[i]);
    if (!below || strlen(path) > PATH_MAX_LEN || !path_is_safe(tn_str(path)))
        tn_fail(err, TN_E_invalid,
                "'%.120s' is no path of a script: mappings/, scripts/ or stdlib/, then names of "
                "letters, digits, '_', '-' and '.', then .lua",
                path);
    else if (text.n > TN_LIMIT_SCRIPT_FILE)
        tn_fail(err, TN_E_too_large, "a script file may have 1 MiB at most");
    else if (!tn_utf8_valid(text.p, text.n))
        tn_fail(err, TN_E_syntax, "it is not UTF-8 text");
    else {
        f = fileset_new();
        add(f, entry_new(path, (struct tn_str){tn_strndup(text.p ? text.p : "", text.n), text.n},
                         false));
        return f;
    }
    tn_fail_at(err, path, 0);
    return NULL;
}

void tn_file_hash(struct tn_str text, char hex[65])
{
    tn_sha256_hex(text.p, text.n, hex);
}

void tn_fileset_hash(const struct tn_fileset *f, char hex[65])
{
    struct tn_sha256 *h = tn_sha256_new();
    unsigned char sum[TN_SHA256_LEN];
    for (size_t i = 0; i < f->count; i++) {
        const struct tn_file *file = &f->entries[i]->file;
        char head[STORED_MAX_LEN + 32];
        int n = snprintf(head, sizeof head, "%s\n%zu\n", file->path, file->text.n);
        tn_sha256_add(h, head, (size_t)n);
        tn_sha256_add(h, file->text.p, file->text.n);
    }
    tn_sha256_end(h, sum);
    tn_hex(sum, sizeof sum, hex);
}

/* ---- reading a folder ---- */

struct reading {
    struct tn_fileset *f;
    struct tn_err *err;
    char path[PATH_MAX_LEN + 1]; /* path of the current file or folder below the site folder */
};

static bool refuse(struct reading *r, enum tn_kind kind, const char *why)
{
    tn_fail(r->err, kind, "%s", why);
    return tn_fail_at(r->err, r->path, 0);
}

static bool refuse_errno(struct reading *r)
{
    return tn_fail_errno(r->err, errno, "reading it") || tn_fail_at(r->err, r->path, 0);
}

static bool same_state(const struct stat *a, const struct stat *b)
{
    return a->st_size == b->st_size && a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
           a->st_mtim.tv_nsec == b->st_mtim.tv_nsec && a->st_ctim.tv_sec == b->st_ctim.tv_sec &&
           a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

/* Reads exactly size bytes, after which the file has to end. False: it is shorter or longer, or
 * reading failed. */
static bool read_exact(int fd, char *p, size_t size)
{
    size_t got = 0;
    char beyond;
    while (got < size) {
        ssize_t n = pread(fd, p + got, size - got, (off_t)got);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return false;
        got += (size_t)n;
    }
    return pread(fd, &beyond, 1, (off_t)size) == 0;
}

/* Reads a file that an editor may be writing: its size and times have to be the same before and
 * after reading. */
static bool read_stable(struct reading *r, int fd, struct tn_str *out)
{
    for (int try = 0; try < READ_TRIES; try++) {
        struct stat before, after;
        if (fstat(fd, &before) < 0) return refuse_errno(r);
        if (before.st_size > (off_t)TN_LIMIT_SCRIPT_FILE)
            return refuse(r, TN_E_too_large, "a script file may have 1 MiB at most");
        size_t n = (size_t)before.st_size;
        char *p = tn_alloc(n + 1);
        bool whole = read_exact(fd, p, n) && fstat(fd, &after) == 0 && same_state(&before, &after);
        if (whole && !TN_FAULT("fileset.changed")) {
            *out = (struct tn_str){p, n};
            return true;
        }
        tn_free(p);
    }
    return refuse(r, TN_E_io, "it changes while it is read; try again");
}

static bool read_file(struct reading *r, int dir, const char *name)
{
    struct stat st;
    struct tn_str text = {0};
    int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    bool ok = false;
    if (fd < 0) return refuse_errno(r);
    if (fstat(fd, &st) < 0) {
        refuse_errno(r);
        goto out;
    }
    if (!S_ISREG(st.st_mode)) {
        refuse(r, TN_E_invalid, "it is no regular file");
        goto out;
    }
    if (!read_stable(r, fd, &text)) goto out;
    add(r->f, entry_new(r->path, text, false));
    if (!tn_utf8_valid(text.p, text.n)) {
        refuse(r, TN_E_syntax, "it is not UTF-8 text");
        goto out;
    }
    ok = true;
out:
    close(fd);
    return ok;
}

static bool name_is_plain(const char *name)
{
    for (; *name; name++) {
        char c = *name;
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!letter && c != '_' && c != '-' && c != '.') return false;
    }
    return true;
}

static bool read_folder(struct reading *r, int dir, int depth);

static bool read_subfolder(struct reading *r, int dir, const char *name, int depth)
{
    int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_DIRECTORY | O_NOFOLLOW);
    if (fd < 0) return refuse_errno(r);
    return read_folder(r, fd, depth + 1);
}

static bool read_entry(struct reading *r, int dir, const char *name, int depth)
{
    struct stat st;
    bool lua = tn_str_ends(tn_str(name), ".lua");
    if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT ? true : refuse_errno(r);
    if (S_ISLNK(st.st_mode))
        return refuse(r, TN_E_invalid, "symbolic links are not followed; put the file itself here");
    if (!lua && !S_ISDIR(st.st_mode)) return true;
    if (!name_is_plain(name))
        return refuse(r, TN_E_invalid, "names are made of letters, digits, '_', '-' and '.'");
    if (S_ISDIR(st.st_mode)) {
        if (depth >= DEPTH_MAX) return refuse(r, TN_E_too_large, "too many folders in folders");
        return read_subfolder(r, dir, name, depth);
    }
    if (r->f->count >= TN_LIMIT_SCRIPT_FILES)
        return refuse(r, TN_E_too_large, "a site may have 2000 script files at most");
    return read_file(r, dir, name);
}

/* Takes fd over. r->path is the folder's own path, before and after the call. */
static bool read_folder(struct reading *r, int fd, int depth)
{
    size_t base = strlen(r->path);
    struct dirent *d;
    bool ok = true;
    DIR *dir = fdopendir(fd);
    if (!dir) {
        refuse_errno(r);
        close(fd);
        return false;
    }
    while (ok && (d = readdir(dir))) {
        if (d->d_name[0] == '.') continue;
        int n = snprintf(r->path + base, sizeof r->path - base, "/%s", d->d_name);
        if ((size_t)n >= sizeof r->path - base)
            ok = refuse(r, TN_E_too_large, "the path is too long");
        else
            ok = read_entry(r, fd, d->d_name, depth);
        r->path[base] = '\0';
    }
    closedir(dir);
    return ok;
}

struct tn_fileset *tn_fileset_read(const char *folder, struct tn_err *err)
{
    static const char *const tops[] = {"mappings", "scripts", "stdlib"};
    struct reading r = {.f = fileset_new(), .err = err};
    bool ok = true;
    int site = open(folder, O_RDONLY | O_CLOEXEC | O_DIRECTORY);
    if (site < 0) {
        ok = tn_fail_errno(err, errno, folder);
        goto out;
    }
    for (size_t i = 0; ok && i < sizeof tops / sizeof *tops; i++) {
        struct stat st;
        if (fstatat(site, tops[i], &st, AT_SYMLINK_NOFOLLOW) < 0 && errno == ENOENT) continue;
        snprintf(r.path, sizeof r.path, "%s", tops[i]);
        ok = read_subfolder(&r, site, tops[i], 0);
    }
    close(site);
    sort(r.f);
out:
    if (ok) return r.f;
    tn_fileset_unref(r.f);
    return NULL;
}

/* ---- packed form: "tnfs1\n", then for each file "<path>\n<size>\n<text>" ---- */

static const char pack_head[] = "tnfs1\n";

void tn_fileset_pack(const struct tn_fileset *f, struct tn_buf *out)
{
    tn_buf_adds(out, pack_head);
    for (size_t i = 0; i < f->count; i++) {
        const struct tn_file *file = &f->entries[i]->file;
        tn_buf_addf(out, "%s\n%zu\n", file->path, file->text.n);
        tn_buf_addstr(out, file->text);
    }
}

/* Reads the unit of a path "pinned/<unit>/..." or "refused/<unit>". A unit's name may have ':'
 * ("surfaces:plm"), which no other part of a path may have. */
static const char *unit_name(const char *part, struct tn_str path)
{
    static const char surface[] = "surfaces:";
    bool unit = tn_str_starts(path, "pinned/") || tn_str_starts(path, "refused/");
    return unit && tn_str_starts(tn_str(part), surface) ? part + sizeof surface - 1 : part;
}

static bool path_is_safe(struct tn_str path)
{
    char text[STORED_MAX_LEN + 1];
    struct tn_str rest = path, part;
    if (!path.n || path.n > STORED_MAX_LEN || !tn_str_ends(path, ".lua")) return false;
    while (tn_str_split(&rest, '/', &part)) {
        if (!part.n || part.p[0] == '.') return false;
        memcpy(text, part.p, part.n);
        text[part.n] = '\0';
        if (strlen(text) != part.n || !name_is_plain(unit_name(text, path))) return false;
    }
    return true;
}

static bool cut_line(struct tn_str *s, struct tn_str *line)
{
    const char *end = s->n ? memchr(s->p, '\n', s->n) : NULL;
    if (!end) return false;
    *line = (struct tn_str){s->p, (size_t)(end - s->p)};
    s->p = end + 1;
    s->n -= line->n + 1;
    return true;
}

static bool unpack_one(struct tn_fileset *f, struct tn_str *rest)
{
    struct tn_str path, size;
    uint64_t n;
    char name[STORED_MAX_LEN + 1];
    if (!cut_line(rest, &path) || !cut_line(rest, &size) || !path_is_safe(path)) return false;
    if (size.n > 1 && size.p[0] == '0') return false;
    if (!tn_str_u64(size, &n) || n > rest->n || n > TN_LIMIT_SCRIPT_FILE) return false;
    if (!tn_utf8_valid(rest->p, (size_t)n)) return false;
    memcpy(name, path.p, path.n);
    name[path.n] = '\0';
    if (f->count && strcmp(f->entries[f->count - 1]->path, name) >= 0) return false;
    add(f, entry_new(name, (struct tn_str){tn_strndup(rest->p, (size_t)n), (size_t)n}, false));
    rest->p += n;
    rest->n -= (size_t)n;
    return f->count <= TN_LIMIT_SCRIPT_FILES;
}

struct tn_fileset *tn_fileset_unpack(struct tn_str bytes, struct tn_err *err)
{
    struct tn_fileset *f = fileset_new();
    bool ok = tn_str_starts(bytes, pack_head);
    struct tn_str rest = {bytes.p + sizeof pack_head - 1, bytes.n - (sizeof pack_head - 1)};
    while (ok && rest.n) ok = unpack_one(f, &rest);
    if (ok) return f;
    tn_fail(err, TN_E_corrupt, "the stored script files are damaged");
    tn_fileset_unref(f);
    return NULL;
}
