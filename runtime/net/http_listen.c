/* SPDX-License-Identifier: MIT */
/* http_listen.c - makes the listening sockets, which the supervisor opens and its children
 * inherit. */
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "net/http_server.h"

enum { BACKLOG = 1024 };

/* Splits "host:port" or "[v6]:port" into two texts. */
static bool split_address(const char *address, char host[TN_HTTP_ADDRESS_LEN], char port[8],
                          struct tn_err *err)
{
    const char *colon = strrchr(address, ':');
    size_t n = colon ? (size_t)(colon - address) : 0;
    uint64_t number;
    if (n >= 2 && address[0] == '[' && address[n - 1] == ']') address++, n -= 2;
    if (!n || n >= TN_HTTP_ADDRESS_LEN || !tn_str_u64(tn_str(colon + 1), &number) || number > 65535)
        return tn_fail(err, TN_E_invalid, "'%.80s' is not HOST:PORT", address);
    memcpy(host, address, n);
    host[n] = '\0';
    snprintf(port, 8, "%u", (unsigned)number);
    return true;
}

static void name_bound(int fd, char bound[TN_HTTP_ADDRESS_LEN])
{
    struct sockaddr_storage a = {0};
    socklen_t n = sizeof a;
    char host[64], port[8];
    bound[0] = '\0';
    if (getsockname(fd, (struct sockaddr *)&a, &n) < 0 ||
        getnameinfo((struct sockaddr *)&a, n, host, sizeof host, port, sizeof port,
                    NI_NUMERICHOST | NI_NUMERICSERV) != 0)
        return;
    snprintf(bound, TN_HTTP_ADDRESS_LEN, a.ss_family == AF_INET6 ? "[%s]:%s" : "%s:%s", host, port);
}

static int open_tcp(const struct addrinfo *a)
{
    int on = 1, fd = socket(a->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fd, a->ai_addr, a->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0) return fd;
    int no = errno;
    close(fd);
    errno = no;
    return -1;
}

int tn_http_listen_tcp(const char *address, char bound[TN_HTTP_ADDRESS_LEN], struct tn_err *err)
{
    char host[TN_HTTP_ADDRESS_LEN], port[8];
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    struct addrinfo *found;
    if (!split_address(address, host, port, err)) return -1;
    int no = getaddrinfo(host, port, &hints, &found);
    if (no) {
        tn_fail(err, TN_E_invalid, "'%.80s': %s", address, gai_strerror(no));
        return -1;
    }
    int fd = open_tcp(found);
    if (fd < 0)
        tn_fail(err, TN_E_io, "cannot listen on %.80s: %s%s", address, strerror(errno),
                errno == EADDRINUSE ? "; choose another port with --listen" : "");
    else if (bound)
        name_bound(fd, bound);
    freeaddrinfo(found);
    return fd;
}

/* Fills *a. False: the path is too long. */
static bool unix_address(const char *path, struct sockaddr_un *a)
{
    size_t n = strlen(path);
    *a = (struct sockaddr_un){.sun_family = AF_UNIX};
    if (n >= sizeof a->sun_path) return false;
    memcpy(a->sun_path, path, n);
    return true;
}

bool tn_http_unix_answers(const char *path)
{
    struct sockaddr_un a;
    if (!unix_address(path, &a)) return false;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return false;
    bool answers = connect(fd, (const struct sockaddr *)&a, sizeof a) == 0;
    close(fd);
    return answers;
}

int tn_http_listen_unix(const char *path, mode_t mode, struct tn_err *err)
{
    struct sockaddr_un a;
    struct stat st;
    if (!unix_address(path, &a)) {
        tn_fail(err, TN_E_invalid, "the path of the socket is longer than %zu bytes: %.100s",
                sizeof a.sun_path - 1, path);
        return -1;
    }
    if (lstat(path, &st) == 0 && (!S_ISSOCK(st.st_mode) || tn_http_unix_answers(path))) {
        tn_fail(err, TN_E_busy, "%.200s is in use", path);
        return -1;
    }
    unlink(path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    /* Set the mode before listen, so that nobody can connect while the mode is wrong. */
    if (fd >= 0 && bind(fd, (struct sockaddr *)&a, sizeof a) == 0 && chmod(path, mode) == 0 &&
        listen(fd, BACKLOG) == 0)
        return fd;
    tn_fail_errno(err, errno, path);
    if (fd >= 0) close(fd);
    return -1;
}
