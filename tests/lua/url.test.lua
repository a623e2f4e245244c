-- std.url: the examples of RFC 3986, and redirects and links over recorded replies.
local t      = require "std.test"
local url    = require "std.url"
local json   = require "tenon.json"
local oauth2 = require "std.oauth2"

local BASE = "https://api.example/odata"
local good = { status = 200, body = { ok = true } }

local function connect(source)
  t.clock(1000)
  return require("std.connection").new({ base = "base", auth = { kind = "bearer", token = "token" } },
    { base = BASE, token = "secret", retryAttempts = 0, batchSize = 2 }, source)
end

local function moved(status, target) return { status = status, headers = { Location = target }, body = {} } end

-- Section 5.4 of the RFC.
test("links are resolved as the RFC's examples are", function()
  local examples = { ["g"] = "http://a/b/c/g", ["./g"] = "http://a/b/c/g", ["g/"] = "http://a/b/c/g/",
    ["/g"] = "http://a/g", ["//g"] = "http://g/", ["?y"] = "http://a/b/c/d;p?y", ["g?y"] = "http://a/b/c/g?y",
    ["#s"] = "http://a/b/c/d;p?q", [";x"] = "http://a/b/c/;x", [""] = "http://a/b/c/d;p?q", ["."] = "http://a/b/c/",
    [".."] = "http://a/b/", ["../g"] = "http://a/b/g", ["../.."] = "http://a/", ["../../g"] = "http://a/g",
    ["../../../g"] = "http://a/g", ["/./g"] = "http://a/g", ["g;x=1/../y"] = "http://a/b/c/y",
    ["g?y/../x"] = "http://a/b/c/g?y/../x" }
  for link, expected in pairs(examples) do
    expect(url.resolve("http://a/b/c/d;p?q", link)):equals(expected)
  end
end)

test("an origin is compared after its port and letters are made equal", function()
  expect(url.origin("HTTPS://Api.Example:443/x")):equals(url.origin("https://api.example"))
  expect(url.origin("https://api.example@evil.example/")):equals("https://evil.example:443")
  expect(url.difference(url.origin "http://a:81/", url.origin "https://a:81/")):equals("the scheme is http, not https")
end)

for link, asked in pairs {
  ["Parts?page=2"] = BASE .. "/x/Parts?page=2", ["?page=2"] = BASE .. "/x/Parts?page=2",
  ["//API.example:443/odata/P?page=2"] = "https://API.example:443/odata/P?page=2",
  ["/odata/Parts?p=2"] = BASE .. "/Parts?p=2",
  [BASE .. "/Parts?f=a b&g=gr\u{fc}n"] = BASE .. "/Parts?f=a%20b&g=gr%C3%BCn",
} do
  test("case 09: the next link " .. link, function()
    local source, pages = {}, 0
    function source.emit() pages = pages + 1 end
    t.replies { ["GET " .. BASE .. "/x/Parts"] = {
      { status = 200, body = { value = { 1 }, ["@odata.nextLink"] = link } },
      { status = 200, body = { value = { 2 } } } }, ["GET " .. asked] = { status = 200, body = { value = { 2 } } } }
    require("std.page").links(connect(source), "/x/Parts", {}, {})
    expect(pages):equals(2)
    expect(t.sent()[2].url):equals(asked)
  end)
end

test("case 11: an answer 204 has no rows", function()
  local walk = require("std.page").offset
  t.replies { ["GET " .. BASE .. "/x"] = { status = 204 } }
  expect(walk(connect {}, "/x", {}, {})):equals(0)
end)

test("case 11: an empty 200 is asked for once more, then a fault names the request", function()
  t.replies { ["GET " .. BASE .. "/x"] = { { status = 200, body = "" }, good, { status = 200, body = "" },
    { status = 200, body = "" } } }
  local conn = connect()
  conn:get "/x"
  expect(function() conn:get "/x" end):fails_with("bad_answer", "GET /x: HTTP 200, but the answer is empty")
  expect(#t.sent()):equals(4)
end)

test("case 19: a read follows its own origin with credentials, another one without", function()
  t.replies { ["GET " .. BASE .. "/x"] = moved(301, BASE .. "/x/"),
    ["GET " .. BASE .. "/x/"] = moved(302, "https://files.example/e?sig=1"),
    ["GET https://files.example/e?sig=1"] = good }
  connect():get("/x", nil, { headers = { ["X-Key"] = "k" } })
  local sent = t.sent()
  expect(sent[2].headers.Authorization):equals("Bearer secret")
  expect(sent[3].headers.Authorization):equals(nil)
  expect(sent[3].headers["X-Key"]):equals(nil)
end)

test("case 19: what is not followed names its target, without the signature in it", function()
  t.replies { ["GET " .. BASE .. "/x"] = moved(302, "https://files.example/e?sig=1"),
    ["POST " .. BASE .. "/x"] = moved(303, "/login"), ["GET " .. BASE .. "/loop"] = moved(302, "loop"),
    ["GET " .. BASE .. "/plain"] = moved(302, "http://api.example/odata/x") }
  local conn = connect()
  expect(function() conn:get("/x", nil, { redirects = "same" }) end):fails_with("egress", "https://files.example/e,")
  expect(function() conn:get("/x", nil, { redirects = "none" }) end):fails_with("upstream", "https://files.example/e,")
  expect(function() conn:get("/x", nil, { redirects = "nine" }) end):fails_with("script", "one of any, same, none")
  expect(function() conn:post("/x", {}) end):fails_with("upstream", "only reads are followed")
  expect(function() conn:get "/plain" end):fails_with("egress", "not encrypted")
  local before = #t.sent()
  expect(function() conn:get "/loop" end):fails_with("upstream", "5 redirects came before it")
  expect(#t.sent() - before):equals(6)
end)

test("a walk that cannot go on although the peer says there is more fails", function()
  t.replies { ["GET " .. BASE .. "/x"] = { status = 200, body = { items = json.array {}, hasMore = true } } }
  expect(function() require("std.page").offset(connect {}, "/x", {}, {}) end):fails_with("bad_answer", "there is more")
end)

test("case 20: an audience and further parameters are sent; a refusal says who logged in where", function()
  local auth = oauth2.client_credentials { token_url = "token_url", id = "id", secret = "secret", audience = "audience",
                                           params = { resource = "res" } }
  t.replies { ["POST https://login.example/token"] = { status = 403, body = { error = "access_denied" } } }
  local conn = t.connect({ auth = auth, base = "base" }, { base = BASE, id = "case20", secret = "s", audience = "a/b",
    res = "r", token_url = "https://login.example/token", retryAttempts = 0 })
  expect(function() conn:get "/x" end):fails_with("denied", "client 'case20' at https://login.example/token")
  expect(t.sent()[1].body):equals("grant_type=client_credentials&audience=a%2Fb&resource=r")
end)
