// SPDX-License-Identifier: MIT
// simdjson_peer.cpp - the limit for bench_json: a bare simdjson DOM parse of the page on stdin.
#include <cstdio>
#include <ctime>
#include <iterator>
#include <iostream>
#include <string>

#include <simdjson.h>

static double now()
{
    timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return double(t.tv_sec) + double(t.tv_nsec) / 1e9;
}

int main()
{
    std::string text{std::istreambuf_iterator<char>(std::cin), {}};
    simdjson::padded_string page(text);
    simdjson::dom::parser parser;
    double best = 0;
    size_t records = 0;
    for (int run = 0; run < 10; run++) {
        double begin = now(), spent;
        unsigned long done = 0;
        do {
            for (int k = 0; k < 8; k++) {
                simdjson::dom::element root;
                if (parser.parse(page).get(root)) return 1;
                records = simdjson::dom::array(root["items"]).size();
                done += records;
            }
        } while ((spent = now() - begin) < 0.1);
        if (double(done) / spent > best) best = double(done) / spent;
    }
    std::printf("%-28s %-9s %9.0f records/s %7.0f MB/s\n", "simdjson, parse only",
                simdjson::get_active_implementation()->name().c_str(), best,
                best * double(page.size()) / double(records) / 1e6);
    return 0;
}
