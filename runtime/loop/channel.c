/* SPDX-License-Identifier: MIT */
#include "loop/channel.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "loop/loop.h"

enum { READ_STEP = 256 * 1024, QUEUE_MAX = 256 * 1024 * 1024, SEND_AT_ONCE = 64 * 1024 };

struct header {
    uint32_t n, type;
    uint64_t number;
};

struct tn_channel {
    struct tn_loop *loop;
    struct tn_watch *watch;
    struct tn_timer *soon; /* sends what one turn queued, in one call */
    const struct tn_channel_ops *ops;
    void *arg;
    struct tn_buf in, out;
    size_t in_at, out_at, max;
    int fd;
    bool closed, *freed; /* freed: not NULL while a handler runs, which may free the channel */
};

static void on_ready(void *arg, int ready);
static void send_queued(void *arg);

struct tn_channel *tn_channel_new(struct tn_loop *loop, int fd, size_t max,
                                  const struct tn_channel_ops *ops, void *arg)
{
    struct tn_channel *c = TN_NEW(struct tn_channel);
    *c = (struct tn_channel){.loop = loop, .ops = ops, .arg = arg, .max = max, .fd = fd};
    tn_buf_init(&c->in, max + sizeof(struct header) + READ_STEP);
    tn_buf_init(&c->out, QUEUE_MAX);
    c->watch = tn_watch_new(loop, fd, on_ready, c);
    c->soon = tn_timer_new(loop, send_queued, c);
    tn_watch_for(c->watch, TN_READ);
    return c;
}

static bool flush(struct tn_channel *c)
{
    while (c->out_at < c->out.n) {
        ssize_t n =
            send(c->fd, c->out.p + c->out_at, c->out.n - c->out_at, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return errno == EAGAIN || errno == EWOULDBLOCK;
        c->out_at += (size_t)n;
    }
    tn_buf_reset(&c->out);
    c->out_at = 0;
    return true;
}

void tn_channel_free(struct tn_channel *c)
{
    if (!c) return;
    if (c->freed) *c->freed = true;
    if (!c->closed) (void)flush(c); /* what this turn said */
    tn_watch_free(c->watch);
    tn_timer_free(c->soon);
    close(c->fd);
    tn_buf_clear(&c->in);
    tn_buf_clear(&c->out);
    tn_free(c);
}

static void lost(struct tn_channel *c)
{
    if (c->closed) return;
    c->closed = true;
    tn_watch_for(c->watch, 0);
    c->ops->closed(c->arg);
}

static void hand_over(struct tn_channel *c)
{
    bool freed = false;
    c->freed = &freed;
    while (c->in.n - c->in_at >= sizeof(struct header)) {
        struct header h;
        memcpy(&h, c->in.p + c->in_at, sizeof h);
        if (h.n > c->max) {
            lost(c);
            break;
        }
        if (c->in.n - c->in_at < sizeof h + h.n) break;
        struct tn_message m = {h.type, h.number, {c->in.p + c->in_at + sizeof h, h.n}};
        c->in_at += sizeof h + h.n;
        c->ops->message(c->arg, &m);
        if (freed) return;
        if (c->closed) break;
    }
    if (!freed && !c->closed && c->ops->drained) c->ops->drained(c->arg);
    if (freed) return;
    c->freed = NULL;
    if (!c->in_at) return;
    memmove(c->in.p, c->in.p + c->in_at, c->in.n - c->in_at);
    c->in.n -= c->in_at;
    c->in_at = 0;
}

static void on_ready(void *arg, int ready)
{
    struct tn_channel *c = arg;
    if (ready & TN_WRITE) {
        if (!flush(c)) {
            lost(c);
            return;
        }
        if (!c->out.n) tn_watch_for(c->watch, TN_READ);
    }
    if (!(ready & TN_READ)) return;
    char *at = tn_buf_reserve(&c->in, READ_STEP);
    ssize_t n = at ? recv(c->fd, at, READ_STEP, MSG_DONTWAIT) : -1;
    if (n < 0 && at && (errno == EAGAIN || errno == EINTR)) return;
    if (n <= 0) {
        lost(c);
        return;
    }
    c->in.n += (size_t)n;
    hand_over(c);
}

void tn_channel_send(struct tn_channel *c, uint32_t type, uint64_t number, struct tn_str payload)
{
    struct header h = {(uint32_t)payload.n, type, number};
    if (c->closed) return;
    tn_buf_add(&c->out, &h, sizeof h);
    tn_buf_add(&c->out, payload.p, payload.n);
    if (c->out.failed) { /* the peer does not read: close, so that both sides notice */
        shutdown(c->fd, SHUT_RDWR);
        return;
    }
    if (c->out.n >= SEND_AT_ONCE)
        send_queued(c);
    else if (!tn_timer_armed(c->soon))
        tn_timer_set(c->soon, 0);
}

static void send_queued(void *arg)
{
    struct tn_channel *c = arg;
    if (c->closed || (flush(c) && !c->out.n)) return;
    tn_watch_for(c->watch, TN_READ | TN_WRITE); /* a broken socket shows there */
}

size_t tn_channel_pending(const struct tn_channel *c)
{
    return c->out.n - c->out_at;
}
