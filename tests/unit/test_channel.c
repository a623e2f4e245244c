/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/alloc.h"
#include "loop/channel.h"
#include "loop/loop.h"

struct end {
    struct tn_channel *channel;
    int messages, closed, drained;
    uint64_t last;
    size_t bytes;
    bool free_in_message;
};

static void on_message(void *arg, const struct tn_message *m)
{
    struct end *e = arg;
    e->messages++;
    e->last = m->number;
    e->bytes += m->payload.n;
    for (size_t i = 0; i < m->payload.n; i++)
        assert_int_equal((unsigned char)m->payload.p[i], (unsigned char)(m->number + i));
    if (!e->free_in_message) return;
    tn_channel_free(e->channel);
    e->channel = NULL;
}

static void on_closed(void *arg)
{
    ((struct end *)arg)->closed++;
}

static void on_drained(void *arg)
{
    ((struct end *)arg)->drained++;
}

static const struct tn_channel_ops ops = {on_message, on_closed, on_drained};

static struct tn_loop *pair(struct end *a, struct end *b, size_t max)
{
    struct tn_err err;
    struct tn_loop *loop = tn_loop_new(&err);
    int fds[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    a->channel = tn_channel_new(loop, fds[0], max, &ops, a);
    b->channel = tn_channel_new(loop, fds[1], max, &ops, b);
    return loop;
}

static void send_pattern(struct tn_channel *c, uint64_t number, size_t n)
{
    char *bytes = tn_alloc(n + 1);
    for (size_t i = 0; i < n; i++) bytes[i] = (char)(number + i);
    tn_channel_send(c, 1, number, (struct tn_str){bytes, n});
    tn_free(bytes);
}

static void messages_of_all_sizes_arrive_whole_and_in_order(void **state)
{
    struct end a = {0}, b = {0};
    struct tn_loop *loop = pair(&a, &b, 4 << 20);
    size_t sizes[] = {0, 1, 15, 4096, 300000, 3 << 20, 7}, sum = 0;
    (void)state;
    for (size_t i = 0; i < 7; i++) {
        send_pattern(a.channel, i, sizes[i]);
        sum += sizes[i];
    }
    while (b.messages < 7) tn_loop_turn(loop, true);
    assert_int_equal(b.last, 6);
    assert_int_equal(b.bytes, sum);
    assert_true(b.drained > 0);
    assert_int_equal(tn_channel_pending(a.channel), 0);
    tn_channel_free(a.channel);
    tn_channel_free(b.channel);
    tn_loop_free(loop);
}

static void a_peer_that_goes_is_noticed(void **state)
{
    struct end a = {0}, b = {0};
    struct tn_loop *loop = pair(&a, &b, 1024);
    (void)state;
    send_pattern(a.channel, 3, 10);
    tn_channel_free(a.channel);
    while (!b.closed) tn_loop_turn(loop, true);
    assert_int_equal(b.messages, 1);
    tn_channel_send(b.channel, 1, 1, TN_STR("into the void"));
    tn_channel_free(b.channel);
    tn_loop_free(loop);
}

static void a_message_over_the_maximum_closes(void **state)
{
    struct end a = {0}, b = {0};
    struct tn_loop *loop = pair(&a, &b, 100);
    (void)state;
    send_pattern(a.channel, 1, 101);
    while (!b.closed) tn_loop_turn(loop, true);
    assert_int_equal(b.messages, 0);
    tn_channel_free(a.channel);
    tn_channel_free(b.channel);
    tn_loop_free(loop);
}

static void a_handler_may_free_its_channel(void **state)
{
    struct end a = {0}, b = {.free_in_message = true};
    struct tn_loop *loop = pair(&a, &b, 100);
    (void)state;
    send_pattern(a.channel, 1, 10);
    send_pattern(a.channel, 2, 10);
    while (b.channel) tn_loop_turn(loop, true);
    assert_int_equal(b.messages, 1);
    while (!a.closed) tn_loop_turn(loop, true);
    tn_channel_free(a.channel);
    tn_loop_free(loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_of_all_sizes_arrive_whole_and_in_order),
        cmocka_unit_test(a_peer_that_goes_is_noticed),
        cmocka_unit_test(a_message_over_the_maximum_closes),
        cmocka_unit_test(a_handler_may_free_its_channel),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
