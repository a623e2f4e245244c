/* SPDX-License-Identifier: MIT */
#include "scripts/site.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum { NAME_MAX_LEN = 256 };

/* Opens the folder of path below site; *name gets the last part of the path. -1: err. */
static int open_folder(const char *site, const char *path, bool make, const char **name,
                       struct tn_err *err)
{
    int at = open(site, O_RDONLY | O_CLOEXEC | O_DIRECTORY);
    const char *slash;
    while (at >= 0 && (slash = strchr(path, '/'))) {
        char part[NAME_MAX_LEN];
        snprintf(part, sizeof part, "%.*s", (int)(slash - path), path);
        if (make && mkdirat(at, part, 0777) < 0 && errno != EEXIST) {
            tn_fail_errno(err, errno, part);
            close(at);
            return -1;
        }
        int next = openat(at, part, O_RDONLY | O_CLOEXEC | O_DIRECTORY | O_NOFOLLOW);
        int why = errno;
        close(at);
        errno = why;
        at = next;
        path = slash + 1;
    }
    if (at < 0) tn_fail_errno(err, errno, path);
    *name = path;
    return at;
}

static bool write_all(int fd, struct tn_str text)
{
    while (text.n) {
        ssize_t n = write(fd, text.p, text.n);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return false;
        text.p += n;
        text.n -= (size_t)n;
    }
    return fsync(fd) == 0;
}

bool tn_site_write(const char *site, const char *path, struct tn_str text, struct tn_err *err)
{
    const char *name;
    char draft[NAME_MAX_LEN + 32];
    int folder = open_folder(site, path, true, &name, err), fd;
    bool ok;
    if (folder < 0) return false;
    /* tn_fileset_read skips names that begin with '.', so nobody loads the draft. */
    snprintf(draft, sizeof draft, ".%s.%d.new", name, (int)getpid());
    fd = openat(folder, draft, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0666);
    ok = fd >= 0 && write_all(fd, text) && renameat(folder, draft, folder, name) == 0 &&
         fsync(folder) == 0;
    if (!ok) tn_fail_errno(err, errno, path);
    if (!ok && fd >= 0) unlinkat(folder, draft, 0);
    if (fd >= 0) close(fd);
    close(folder);
    return ok;
}

bool tn_site_remove(const char *site, const char *path, struct tn_err *err)
{
    const char *name;
    int folder = open_folder(site, path, false, &name, err);
    if (folder < 0) return false;
    bool ok = unlinkat(folder, name, 0) == 0 && fsync(folder) == 0;
    if (!ok) tn_fail_errno(err, errno, path);
    close(folder);
    return ok;
}
