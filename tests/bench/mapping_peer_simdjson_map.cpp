// SPDX-License-Identifier: MIT
// mapping_peer_simdjson_map.cpp DIR ROUNDS [print]: the mapping of the bench, hand-written over
// simdjson On-Demand: one pass over the members of each record, numbers by their digits.
#include <ctime>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include <simdjson.h>

using std::string_view;

static string_view trimmed(string_view s)
{
    while (!s.empty() && (s.back() == ' ' || s.back() == '\n' || s.back() == '\r')) s.remove_suffix(1);
    return s;
}

// Four digits after the point, half up; plain digits as the bench has them.
static void add_price(std::string &out, string_view s)
{
    bool negative = s[0] == '-';
    if (negative) s.remove_prefix(1);
    size_t point = s.find('.');
    std::string digits(s.substr(0, point));
    string_view part = point == string_view::npos ? string_view() : s.substr(point + 1);
    for (size_t i = 0; i < 4; i++) digits += i < part.size() ? part[i] : '0';
    if (part.size() > 4 && part[4] >= '5') {
        size_t i = digits.size();
        while (i && digits[i - 1] == '9') digits[--i] = '0';
        if (i)
            digits[i - 1]++;
        else
            digits.insert(0, "1");
    }
    if (negative) out += '-';
    out.append(digits, 0, digits.size() - 4);
    out += '.';
    out.append(digits, digits.size() - 4, 4);
}

static int two(string_view s, size_t i)
{
    return (s[i] - '0') * 10 + s[i + 1] - '0';
}

static long days(int y, int m, int d)
{
    y -= m <= 2;
    long era = y / 400, yoe = y - era * 400, doy = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
    return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

// 2024-03-05T16:34:12.220+02:00 to UTC.
static void add_time(std::string &out, string_view s)
{
    int year = two(s, 0) * 100 + two(s, 2), month = two(s, 5), day = two(s, 8), milli = 0;
    long seconds = days(year, month, day) * 86400 + two(s, 11) * 3600 + two(s, 14) * 60 + two(s, 17);
    size_t i = 19;
    if (i < s.size() && s[i] == '.')
        for (int scale = 100, k = 0; ++i < s.size() && s[i] >= '0' && s[i] <= '9'; k++, scale /= 10)
            milli += (s[i] - '0') * scale;
    if (i < s.size() && s[i] != 'Z')
        seconds -= (s[i] == '-' ? -1 : 1) * (two(s, i + 1) * 3600 + two(s, i + 4) * 60);
    long z = seconds / 86400 + 719468, rest = seconds % 86400, era = z / 146097, doe = z % 146097;
    long yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    long doy = doe - (365 * yoe + yoe / 4 - yoe / 100), mp = (5 * doy + 2) / 153;
    long m = mp + (mp < 10 ? 3 : -9), y = yoe + era * 400 + (m <= 2);
    char text[25] = "0000-00-00T00:00:00.000Z";
    auto put = [&](int at, long v) { text[at] = char('0' + v / 10), text[at + 1] = char('0' + v % 10); };
    put(0, y / 100), put(2, y % 100), put(5, m), put(8, doy - (153 * mp + 2) / 5 + 1);
    put(11, rest / 3600), put(14, rest / 60 % 60), put(17, rest % 60);
    text[20] = char('0' + milli / 100);
    put(21, milli % 100);
    out.append(text, 24);
}

struct item {
    string_view id, number, name, kind, planner, organization, price, updated;
};

// key stands in the text, its closing quote behind it; name has that quote.
template <size_t N> static bool is(const char *key, const char (&name)[N])
{
    return std::memcmp(key, name, N - 1) == 0;
}

static void read_item(simdjson::ondemand::object record, item &it)
{
    for (auto field : record) {
        const char *key = field.key().value().raw();
        auto raw = [&] { return trimmed(field.value().raw_json_token()); };
        if (is(key, "ItemId\"")) it.id = raw();
        else if (is(key, "ItemNumber\"")) it.number = raw();
        else if (is(key, "ItemDescription\"")) it.name = raw();
        else if (is(key, "ItemClass\"")) it.kind = raw();
        else if (is(key, "PlannerCode\"")) it.planner = raw();
        else if (is(key, "OrganizationCode\"")) it.organization = raw();
        else if (is(key, "ListPrice\"")) it.price = raw();
        else if (is(key, "LastUpdateDate\"")) it.updated = raw();
    }
}

static string_view inside(string_view s)
{
    return s.size() > 1 && s[0] == '"' ? s.substr(1, s.size() - 2) : s;
}

static void write_item(std::string &out, const item &it)
{
    string_view kind = inside(it.kind);
    auto add = [&](string_view s) { out.append(s.data(), s.size()); };
    add("{\"externalId\":\""), add(inside(it.id)), add("\",\"partNumber\":"), add(it.number);
    if (!it.name.empty()) add(",\"partName\":"), add(it.name);
    add(",\"partType\":");
    add(kind == "Root" || kind == "Manufactured" ? "\"ASSEMBLY\""
        : kind == "Model"                        ? "\"MODEL\""
                                                 : "\"COMPONENT\"");
    add(",\"planner\":"), add(it.planner.empty() || it.planner == "null" ? "\"NONE\"" : it.planner);
    if (!it.organization.empty()) add(",\"organizationCode\":"), add(it.organization);
    if (it.price == "null") add(",\"listPrice\":null");
    else if (!it.price.empty()) add(",\"listPrice\":\""), add_price(out, inside(it.price)), add("\"");
    if (it.updated == "null") add(",\"lastUpdated\":null");
    else if (!it.updated.empty()) add(",\"lastUpdated\":\""), add_time(out, inside(it.updated)), add("\"");
    add(",\"itemKey\":\""), add(inside(it.organization)), add("-"), add(inside(it.number)), add("\"}\n");
}

int main(int argc, char **argv)
{
    if (argc < 3) return 2;
    std::vector<simdjson::padded_string> pages;
    for (const auto &file : std::filesystem::directory_iterator(argv[1]))
        pages.push_back(simdjson::padded_string::load(file.path().string()).value());
    simdjson::ondemand::parser parser;
    std::string out;
    size_t records = 0, bytes = 0;
    auto began = std::clock();
    for (int round = -1; round < std::atoi(argv[2]); round++) {
        if (round == 0) {
            records = bytes = 0;
            began = std::clock();
        }
        for (const auto &page : pages) {
            out.clear();
            auto document = parser.iterate(page);
            for (auto record : document["items"]) {
                item it;
                read_item(record.get_object(), it);
                write_item(out, it);
                records++;
            }
            if (argc > 3) std::fwrite(out.data(), 1, out.size(), stderr);
            bytes += page.size();
        }
    }
    double took = double(std::clock() - began) / CLOCKS_PER_SEC;
    std::printf("{\"records\":%zu,\"seconds\":%.6f,\"bytes\":%zu}\n", records, took, bytes);
}
