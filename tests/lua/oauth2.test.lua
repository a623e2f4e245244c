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

-- ---- other grants ----

local function sign_in(grant, names, config)
  names.token_url, names.id = "token_url", "id"
  config.base, config.token_url, config.retryAttempts = "https://api.example", "https://login.example/token", 0
  return t.connect({ auth = oauth2[grant](names), base = "base" }, config)
end

local function form_of(n)
  local fields = {}
  for name, value in t.sent()[n].body:gmatch("([^&=]+)=([^&]*)") do
    fields[name] = value:gsub("%%(%x%x)", function(hex) return string.char(tonumber(hex, 16)) end)
  end
  return fields
end

test("password: a user signs in, with a client that has no secret", function()
  t.replies { [TOKEN] = token("one", 600), [DATA] = good }
  local conn = sign_in("password", { user = "user", password = "password" },
    { id = "p", user = "ann", password = "p&1" })
  conn:get "/data"
  expect(form_of(1)):equals({ grant_type = "password", client_id = "p", username = "ann", password = "p&1" })
  expect(t.sent()[1].headers.Authorization):equals(nil)
  expect(t.sent()[2].headers.Authorization):equals("Bearer one")
end)

test("refresh_token: a new refresh token is kept and used next time", function()
  t.clock(7000000)
  local first = { status = 200, body = { access_token = "one", expires_in = 100, refresh_token = "r2" } }
  t.replies { [TOKEN] = { first, token("two", 600) }, [DATA] = { good, good } }
  local conn = sign_in("refresh_token", { secret = "secret", refresh_token = "refresh" },
    { id = "r", secret = "s", refresh = "r1" })
  conn:get "/data"
  t.clock(7000000 + 101 * 1000)
  conn:get "/data"
  expect(form_of(1).refresh_token):equals("r1")
  expect(form_of(3).refresh_token):equals("r2")
  expect(t.sent()[1].headers.Authorization):matches("^Basic ")
end)

test("refresh_token: one that is used up is named, with who signs in where", function()
  t.replies { [TOKEN] = { status = 400, body = { error = "invalid_grant" } } }
  expect(function()
    sign_in("refresh_token", { refresh_token = "refresh" }, { id = "r9", refresh = "old" }):get "/data"
  end):fails_with("auth", "client 'r9' at https://login.example/token.*used up or out of date")
end)

local KEY = string.rep("k", 32)

test("jwt_bearer: the assertion says who, for whom and for how long", function()
  t.clock(8000000000)
  t.replies { [TOKEN] = token("one", 600), [DATA] = good }
  sign_in("jwt_bearer", { key = "key", algorithm = "algorithm", subject = "subject" },
    { id = "issuer", key = KEY, algorithm = "HS256", subject = "ann" }):get "/data"
  local fields = form_of(1)
  expect(fields.grant_type):equals("urn:ietf:params:oauth:grant-type:jwt-bearer")
  expect(fields.client_id):equals(nil)
  local claims = crypto.jwt_verify(fields.assertion, { key = KEY, algorithms = { "HS256" }, issuer = "issuer",
    audience = "https://login.example/token" })
  expect(claims.sub):equals("ann")
  expect(claims.exp - claims.iat):equals(300)
end)

test("client_credentials: a client that signs who it is sends no secret", function()
  t.clock(8000000000)
  t.replies { [TOKEN] = token("one", 600), [DATA] = good }
  sign_in("client_credentials", { key = "key", algorithm = "algorithm" },
    { id = "signer", key = KEY, algorithm = "HS256" }):get "/data"
  local fields = form_of(1)
  expect(fields.client_assertion_type):equals("urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
  expect(crypto.jwt_verify(fields.client_assertion, { key = KEY, algorithms = { "HS256" }, issuer = "signer",
    audience = "https://login.example/token" }).sub):equals("signer")
  expect(function() oauth2.client_credentials { token_url = "t", id = "i" } end)
    :fails_with("script", "one of 'secret' and 'key'")
  expect(function() oauth2.password { token_url = "t", id = "i", user = "u", pasword = "p" } end)
    :fails_with("script", "unknown option 'pasword'; did you mean 'password'")
end)
