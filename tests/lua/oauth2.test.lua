-- std.oauth2 against recorded replies and a clock that stands still.
local t      = require "std.test"
local oauth2 = require "std.oauth2"
local crypto = require "tenon.crypto"

local TOKEN, DATA = "POST https://login.example/token", "GET https://api.example/data"
local auth = oauth2.client_credentials { token_url = "token_url", id = "id", secret = "secret", scopes = "scopes",
                                         style = "style" }

-- Each test signs in as somebody else: tokens are kept in the isolate.
local function connect(id, style)
  return t.connect({ auth = auth, base = "base" }, { base = "https://api.example", id = id, secret = "s+",
    token_url = "https://login.example/token", scopes = { "a", "b" }, style = style, retryAttempts = 0 })
end

local function token(name, lives)
  return { status = 200, body = { access_token = name, expires_in = lives } }
end
local good = { status = 200, body = { ok = true } }

test("one log-in serves until shortly before the token's end", function()
  t.clock(1000000)
  t.replies { [TOKEN] = { token("one", 600), token("two", 600) }, [DATA] = { good, good, good } }
  local conn = connect "a"
  conn:get "/data"
  t.clock(1000000 + 539 * 1000)
  conn:get "/data"
  expect(#t.sent()):equals(3)
  t.clock(1000000 + 541 * 1000)
  conn:get "/data"
  expect(t.sent()[5].headers.Authorization):equals("Bearer two")
end)

test("credentials travel in the header or in the form", function()
  t.replies { [TOKEN] = { token("one", 600), token("two", 600) }, [DATA] = { good, good } }
  connect("b", "basic"):get "/data"
  expect(t.sent()[1].headers.Authorization):equals("Basic " .. crypto.base64("b:s%2B"))
  expect(t.sent()[1].body):equals("grant_type=client_credentials&scope=a%20b")
  connect("c", "body"):get "/data"
  expect(t.sent()[3].body):matches("client_id=c&client_secret=s%%2B$")
  expect(t.sent()[3].headers.Authorization):equals(nil)
end)

test("refused credentials are named, and not tried again for a while", function()
  t.clock(5000000)
  t.replies { [TOKEN] = { { status = 401, body = { error = "invalid_client" } }, token("one", 600) }, [DATA] = good }
  local conn = connect "d"
  expect(function() conn:get "/data" end):fails_with("auth", "client secret is wrong")
  expect(function() conn:get "/data" end):fails_with("auth", "client secret is wrong")
  expect(#t.sent()):equals(1)
  t.clock(5000000 + 31000)
  conn:get "/data"
  expect(#t.sent()):equals(3)
end)

test("denied credentials are not tried again for a while either", function()
  t.clock(6000000)
  t.replies { [TOKEN] = { { status = 403, body = {} }, token("one", 600) }, [DATA] = good }
  local conn = connect "f"
  expect(function() conn:get "/data" end):fails_with("denied", "HTTP 403")
  expect(function() conn:get "/data" end):fails_with("denied", "HTTP 403")
  expect(#t.sent()):equals(1)
  t.clock(6000000 + 31000)
  conn:get "/data"
  expect(#t.sent()):equals(3)
end)

test("an answer without a token is no log-in", function()
  t.replies { [TOKEN] = { { status = 200, body = { hello = 1 } } } }
  expect(function() connect("e"):get "/data" end):fails_with("bad_answer", "no token")
end)
