// SPDX-License-Identifier: MIT
// mapping_peer_simdjson.cpp DIR ROUNDS: the limit, the same pages parsed by simdjson and nothing else.
#include <ctime>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <simdjson.h>
#include <vector>

int main(int argc, char **argv)
{
    if (argc < 3) return 2;
    std::vector<simdjson::padded_string> pages;
    for (const auto &file : std::filesystem::directory_iterator(argv[1]))
        pages.push_back(simdjson::padded_string::load(file.path().string()).value());
    simdjson::dom::parser parser;
    size_t records = 0, bytes = 0;
    auto began = std::clock();
    for (int round = -1; round < std::atoi(argv[2]); round++) {
        if (round == 0) {
            records = bytes = 0;
            began = std::clock();
        }
        for (const auto &page : pages) {
            records += parser.parse(page)["items"].get_array().value().size();
            bytes += page.size();
        }
    }
    double took = double(std::clock() - began) / CLOCKS_PER_SEC;
    std::printf("{\"records\":%zu,\"seconds\":%.6f,\"bytes\":%zu}\n", records, took, bytes);
}
