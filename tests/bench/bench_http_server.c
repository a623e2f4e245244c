/* SPDX-License-Identifier: MIT */
/* bench_http_server - serves one fixed JSON answer through the router, for a load generator:
 * bench_http_server [ADDRESS [PROCESSES]]; prints the address it listens on, ends on SIGTERM. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "loop/loop.h"
#include "net/http_server.h"
#include "net/router.h"

static void item(void *arg, struct tn_http_exchange *x)
{
    static const char body[] =
        "{\"id\":\"0190b5a2-7c3e-7000-8000-000000000001\",\"partNumber\":\"PN-1001\","
        "\"description\":\"Bracket, steel\",\"quantity\":12.50}";
    (void)arg;
    tn_http_header(x, "X-RateLimit-Remaining", TN_STR("999"));
    tn_http_reply(x, 200, "application/json", (struct tn_str){body, sizeof body - 1});
}

static const struct tn_route routes[] = {
    {.method = "GET", .pattern = "/", .handle = item},
    {.method = "GET", .pattern = "/api/v1/items", .handle = item},
    {.method = "GET", .pattern = "/api/v1/items/{id}", .handle = item},
};

static void serve(void *arg, struct tn_http_exchange *x)
{
    if (tn_router_match(arg, x) == TN_ROUTE_found)
        tn_http_match(x)->route->handle(NULL, x);
    else
        tn_http_reply(x, 404, NULL, TN_STR(""));
}

static void stop(void *arg)
{
    tn_loop_stop(arg);
}

static int fail(const struct tn_err *err)
{
    fprintf(stderr, "bench_http_server: %s\n", err->text);
    return 1;
}

int main(int argc, char **argv)
{
    struct tn_err err;
    char bound[TN_HTTP_ADDRESS_LEN];
    int processes = argc > 2 ? atoi(argv[2]) : 1;
    int fd = tn_http_listen_tcp(argc > 1 ? argv[1] : "127.0.0.1:0", bound, &err);
    if (fd < 0) return fail(&err);
    printf("http://%s/\n", bound);
    fflush(stdout);
    while (--processes > 0 && fork() != 0) continue;
    if (processes > 0) prctl(PR_SET_PDEATHSIG, SIGTERM);
    struct tn_loop *loop = tn_loop_new(&err);
    struct tn_router *router =
        loop ? tn_router_new(routes, sizeof routes / sizeof *routes, &err) : NULL;
    if (!router) return fail(&err);
    struct tn_http_server_options o = {.handle = serve, .arg = router};
    struct tn_http_server *server = tn_http_server_new(loop, &o);
    if (!tn_http_server_listen(server, fd, &err)) return fail(&err);
    tn_loop_on_signal(loop, SIGTERM, stop, loop);
    tn_loop_run(loop);
    tn_http_server_free(server);
    tn_router_unref(router);
    tn_loop_free(loop);
    close(fd);
    return 0;
}
