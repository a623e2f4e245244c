-- std.options: a misspelt option is an error that names the function and the nearest word.
local t       = require "std.test"
local oauth2  = require "std.oauth2"
local options = require "std.options"
local page    = require "std.page"
local retry   = require "std.retry"
local session = require "std.session"

local function connect()
  return t.connect({ base = "base" }, { base = "https://api.example", retryAttempts = 0 })
end

-- Each module of std that takes options, with one that it has not.
local calls = {
  { "page.offset: unknown option 'row'; did you mean 'rows'?",
    function() page.offset(connect(), "/list", nil, { row = "parts" }) end },
  { "page.links: unknown option 'nxt'; did you mean 'next'?",
    function() page.links(connect(), "/list", nil, { nxt = "more" }) end },
  { "page.offset: options: unknown option 'retires'; did you mean 'retries'?",
    function() page.offset(connect(), "/list", nil, { options = { retires = 1 } }) end },
  { "retry.run: unknown option 'atempts'; did you mean 'attempts'?",
    function() retry.run(print, { atempts = 2 }) end },
  { "oauth2.client_credentials: unknown option 'scope'; did you mean 'scopes'?",
    function() oauth2.client_credentials { token_url = "a", id = "b", secret = "c", scope = "d" } end },
  { "session.login: unknown option 'live'; did you mean 'lives'?",
    function() session.login { of = { "user" }, login = print, live = 5 } end },
  { "conn:get: unknown option 'header'; did you mean 'headers'?",
    function() connect():get("/list", nil, { header = {} }) end },
  { "conn:post: unknown option 'body'; it takes accept, form, headers, multipart, query, raw, redirects, "
    .. "retries, safe, timeout",
    function() connect():post("/list", {}, { body = {} }) end },
  { "conn:stream: unknown option 'timeot'; did you mean 'timeout'?",
    function() connect():stream("/list", nil, { timeot = 1 }) end },
}

test("an unknown option is refused with its function and the nearest word, where it is written", function()
  for _, call in ipairs(calls) do
    local good, err = pcall(call[2])
    expect(good):equals(false)
    expect(tostring(err)):matches("options%.test%.lua:%d+: ")
    expect((tostring(err):gsub("^.-options%.test%.lua:%d+: ", ""))):equals(call[1])
  end
  expect(#t.sent()):equals(0)
end)

test("a value of another kind is refused, and one that is missing", function()
  expect(function() oauth2.client_credentials { token_url = "a", secret = "b" } end)
    :fails_with("script", "oauth2%.client_credentials: option 'id' is required$")
  expect(function() oauth2.client_credentials() end):fails_with("script", "option 'id' is required$")
  expect(function() oauth2.client_credentials "a" end)
    :fails_with("script", "its options have to be a table, not string$")
  expect(function() retry.run(print, { attempts = 1.5 }) end)
    :fails_with("script", "retry%.run: option 'attempts' has to be a whole number from 1 on, not 1%.5$")
  expect(function() page.links(connect(), "/list", nil, { next = 1 }) end)
    :fails_with("script", "page%.links: option 'next' has to be a text or a function, not 1$")
  expect(function() session.login { of = { "user", 1 }, login = print } end)
    :fails_with("script", "session%.login: option 'of' has to be a list of texts, not table$")
  expect(function() page.offset(connect(), "/list", nil, { max_pages = 0 }) end)
    :fails_with("script", "option 'max_pages' has to be a whole number from 1 on, not 0$")
end)

test("a script checks its own options with the same words", function()
  local checked = options.checker("parts.walk", { path = { "string", required = true }, deep = { "boolean" } })
  local function walk(given) return checked(given).path end
  expect(walk { path = "a", deep = false }):equals("a")
  expect(function() walk { path = "a", dep = true } end)
    :fails_with("script", "parts%.walk: unknown option 'dep'; did you mean 'deep'%?")
end)
