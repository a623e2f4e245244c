-- std.session against recorded replies and a clock that stands still.
local t       = require "std.test"
local tn      = require "tenon"
local session = require "std.session"

local LOGIN, DATA = "POST https://tc.example/login", "GET https://tc.example/data"

-- Each test logs in as somebody else: sessions are kept in the isolate.
local function connect(user, more)
  local options = {
    of = { "user" },
    login = function(conn) return conn:post("/login", { user = conn.config.user }) end,
    lost = function(reply) return reply:starts("<html") end,
  }
  for name, value in pairs(more or {}) do options[name] = value end
  return t.connect({ auth = session.login(options), base = "base" },
    { base = "https://tc.example", user = user, retryAttempts = 0 })
end

local function cookies(text)
  return { body = { ok = true }, headers = { ["Set-Cookie"] = text } }
end
local good = { body = { ok = true } }
local gone = { status = 200, body = "<html>please log in</html>", headers = { ["Content-Type"] = "text/html" } }

test("one log-in serves many requests until its time is over", function()
  t.clock(1000000)
  t.replies { [LOGIN] = { cookies "JSESSIONID=one; Path=/; HttpOnly", cookies "JSESSIONID=two" },
              [DATA] = { good, good, good } }
  local conn = connect "a"
  conn:get "/data"
  conn:get "/data"
  expect(#t.sent()):equals(3)
  expect(t.sent()[1].headers.Cookie):equals(nil)
  expect(t.sent()[3].headers.Cookie):equals("JSESSIONID=one")
  t.clock(1000000 + 1201 * 1000)
  conn:get "/data"
  expect(t.sent()[5].headers.Cookie):equals("JSESSIONID=two")
end)

test("what signs a request is told to be secret", function()
  t.replies { [LOGIN] = good, [DATA] = good }
  connect("secret", { login = function(conn)
    conn:post("/login", {})
    return { ["X-Session"] = "one" }
  end }):get("/data", nil, { headers = { ["X-Plain"] = "plain" } })
  expect(t.sent()[1].credentials):equals({})
  expect(t.sent()[2].credentials):equals({ "X-Session" })
end)

test("all cookies count, the last of a name", function()
  t.replies { [LOGIN] = { cookies "a=1; Secure\nb=2=3\na=4; Path=/x\n=5\nnothing" }, [DATA] = good }
  connect "b":get "/data"
  expect(t.sent()[2].headers.Cookie):equals("a=4; b=2=3")
end)

test("a lost session is renewed once, whatever its answer looks like", function()
  t.replies { [LOGIN] = { cookies "s=1", cookies "s=2" }, [DATA] = { gone, good } }
  connect "c":get "/data"
  expect(t.sent()[4].headers.Cookie):equals("s=2")
end)

test("what stays lost after a new log-in is no data", function()
  t.replies { [LOGIN] = { cookies "s=1", cookies "s=2" }, [DATA] = { gone, gone, gone, gone } }
  expect(function() connect("h"):get("/data", nil, { retries = 0 }) end):fails_with("bad_answer", "web page")
end)

test("headers of its own may sign, for as long as the log-in says", function()
  t.clock(2000000)
  local n = 0
  local conn = connect("d", { login = function() n = n + 1 return { ["X-Session"] = "key " .. n }, 60 end })
  t.replies { [DATA] = { good, good } }
  conn:get "/data"
  t.clock(2000000 + 61 * 1000)
  conn:get "/data"
  expect(t.sent()[2].headers["X-Session"]):equals("key 2")
end)

test("a log-in that brings nothing is named, and refused ones are left alone for a while", function()
  t.clock(3000000)
  t.replies { [LOGIN] = { good } }
  expect(function() connect "e":get "/data" end):fails_with("auth", "sets no cookie")
  expect(function() connect "e":get "/data" end):fails_with("auth", "sets no cookie")
  expect(#t.sent()):equals(1)
  expect(function() connect("f", { login = function() return {} end }):get "/data" end):fails_with("script", "headers")
  expect(function() connect("g", { login = function() tn.fail("auth", "no such user") end }):get "/data" end)
    :fails_with("auth", "no such user")
end)

test("a denied log-in is left alone too, so that no account gets locked", function()
  t.clock(4000000)
  t.replies { [LOGIN] = { { status = 403, body = { message = "no entry" } }, cookies "s=1" }, [DATA] = good }
  expect(function() connect "i":get "/data" end):fails_with("denied", "no entry")
  expect(function() connect "i":get "/data" end):fails_with("denied", "no entry")
  expect(#t.sent()):equals(1)
  t.clock(4000000 + 31000)
  connect "i":get "/data"
  expect(#t.sent()):equals(3)
end)

test("options that make no sense are refused where they stand", function()
  local function login() end
  local function refused(options, pattern)
    expect(function() session.login(options) end):fails_with("script", pattern)
  end
  refused(nil, "session.login: option 'login' is required")
  refused({ of = {} }, "session.test.lua:%d+: session.login: option 'login' is required")
  refused({ of = {}, login = login, losst = login }, "unknown option 'losst'; did you mean 'lost'%?")
  refused({ of = "user", login = login }, "option 'of' has to be a list of texts")
  refused({ of = { 1 }, login = login }, "option 'of' has to be a list of texts")
  refused({ of = {}, login = login, lost = true }, "option 'lost' has to be a function")
  for _, lives in ipairs { 0, -1, 1.5, "60" } do
    refused({ of = {}, login = login, lives = lives }, "'lives' has to be")
  end
end)

test("a log-in that says nonsense about its time is the script's fault", function()
  t.replies { [DATA] = good }
  local conn = connect("j", { login = function() return { ["X-Session"] = "a" }, 0 end })
  expect(function() conn:get "/data" end):fails_with("script", "whole number above 0, not 0")
end)

test("an error of a log-in says who logged in where, and no password", function()
  t.replies { [LOGIN] = { status = 500, body = "down" }, [DATA] = good }
  local conn = connect("ann", { of = { "password", "user" } })
  expect(function() conn:get "/data" end)
    :fails_with("upstream", "signing in failed %(user 'ann' at https://tc.example%): POST /login")
end)
