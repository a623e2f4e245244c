std = "lua54"
max_line_length = 120
exclude_files = { "tests/fixtures/**", "build/**" }
files["tests/lua"] = { read_globals = { "test", "expect" } }
files["tests/bench/rest.lua"] = { globals = { "wrk", "init", "request", "done" } }
files["tests/bench/rest_get.lua"] = { globals = { "wrk", "init", "request", "done" } }
files["stdlib/meta"] = { ignore = { "1", "2", "6" } }
