-- std/connection.lua: the `conn` that an adapter's functions get: requests to one configured system.
-- Methods return a reply or raise an err (kind, message), so a script that handles nothing loses nothing.
local tn      = require "tenon"
local http    = require "tenon.http"
local json    = require "tenon.json"
local crypto  = require "tenon.crypto"
local options = require "std.options"
local url     = require "std.url"

local connection = {}

local SAFE = { GET = true, HEAD = true }
local RETRIES = 3                           -- of an adapter whose config does not say
local REDIRECTS = 5                         -- one request follows at most so many
local REDIRECT = { [301] = true, [302] = true, [303] = true, [307] = true, [308] = true }
local BAD_ANSWER_REPEATS = 1                -- a page that cannot be read is asked for once more

-- What the methods of a connection take; std.page hands such a table on.
connection.OPTIONS = {
  query = { "table" }, headers = { "table" }, accept = { "string" }, timeout = { "integer", min = 1 },
  retries = { "integer", min = 0 }, safe = { "boolean" }, raw = { "boolean" }, form = { "table" },
  multipart = { "table" }, redirects = { "string", one_of = { "any", "same", "none" } },
}

-- ---- what a refusal says ----

local function text_of(value)
  if type(value) == "string" and value ~= "" then
    return (value:gsub("<[^>]*>", " "):gsub("%s+", " "):sub(1, 300))
  end
end

-- Oracle's o:errorDetails: one or more, each with a detail and a code.
local function oracle_details(body)
  local details = body["o:errorDetails"]
  if type(details) ~= "table" then return nil end
  local texts = {}
  for i, entry in ipairs(details) do
    local text = type(entry) == "table" and text_of(entry.detail)
    local code = type(entry) == "table" and text_of(entry["o:errorCode"])
    if text and i <= 3 then texts[#texts + 1] = code and text .. " [" .. code .. "]" or text end
  end
  return #texts > 0 and table.concat(texts, "; ") or nil
end

-- The peer's own words, in any of the forms that are in use; nil when it has none.
function connection.explain(reply)
  local body = reply:json()
  if type(body) ~= "table" then return nil end
  local inner = type(body.error) == "table" and body.error or {}
  return oracle_details(body) or text_of(body.error_description) or text_of(inner.message) or text_of(body.detail)
    or text_of(body.message) or text_of(body.title) or text_of(body.error)
end

local KIND_OF = { [401] = "auth", [403] = "denied", [408] = "timeout", [413] = "too_large", [429] = "rate_limited",
                  [502] = "unavailable", [503] = "unavailable", [504] = "timeout" }

local function refused(reply, what)
  local words = connection.explain(reply)
  tn.fail(KIND_OF[reply.status] or "upstream",
    ("%s: HTTP %d%s"):format(what, reply.status, words and ": " .. words or ""))
end

-- ---- signing in ----

local function value(conn, name)
  return name and conn.config[name]
end

-- The simple kinds; others bring functions (std/oauth2.lua).
local signers = {
  none = function() return {} end,
  basic = function(conn, auth)
    local user, password = value(conn, auth.user) or "", value(conn, auth.password) or ""
    return { Authorization = "Basic " .. crypto.base64(user .. ":" .. password) }
  end,
  bearer = function(conn, auth)
    return { Authorization = "Bearer " .. (value(conn, auth.token) or "") }
  end,
  api_key = function(conn, auth)
    return { [auth.header or "X-API-Key"] = value(conn, auth.key) }
  end,
}

-- Headers that sign a request, and what renew() wants to know of them.
local function sign(conn)
  local auth = conn.auth
  if auth.headers then return auth.headers(conn) end
  local signer = signers[auth.kind]
  if not signer then tn.fail("invalid", "auth of kind " .. tostring(auth.kind) .. " has no headers function") end
  return signer(conn, auth)
end

-- ---- requests ----

-- Paths go to the base; whole addresses have to be of the base's own origin: credentials go nowhere else.
local function url_of(conn, path)
  local base = conn.base
  if not url.origin(path) then
    if not base then tn.fail("invalid", "the adapter has no base, so requests need a whole address") end
    return base:gsub("/+$", "") .. (path:sub(1, 1) == "/" and path or "/" .. path)
  end
  local there, own = url.origin(path), base and url.origin(base)
  if not own then tn.fail("egress", "the adapter has no base, so " .. there .. " gets no credentials") end
  if there ~= own then
    tn.fail("egress", ("the peer points to another host (%s), which gets no credentials: %s"):format(there,
      url.difference(there, own)))
  end
  return path
end

local function merged(a, b)
  local all = {}
  for name, v in pairs(a) do all[name] = v end
  for name, v in pairs(b or {}) do all[name] = v end
  return all
end

local function names_of(headers)
  local names = {}
  for name in pairs(headers) do names[#names + 1] = name end
  return names
end

local function tls_of(conn, shown)
  local names, config = conn.declared_tls, conn.config
  if not names then return nil end
  local tls = { ca = names.ca and config[names.ca] }
  if shown then tls.cert, tls.key = names.cert and config[names.cert], names.key and config[names.key] end
  return tls
end

local function send(conn, method, path, o, how)
  local config = conn.config
  local safe = o.safe
  if safe == nil then safe = SAFE[method] or false end
  local headers, used = {}, nil
  if not o.unsigned then headers, used = sign(conn) end
  local reply, err = how {
    method = method, url = o.unsigned and path or url_of(conn, path), query = o.query, body = o.body, form = o.form,
    multipart = o.multipart,
    headers = merged(merged({ Accept = o.accept or "application/json" }, o.headers), headers),
    tls = tls_of(conn, not o.unsigned),
    credentials = names_of(headers),        -- no answer, run or log line shows their values
    -- the time that the config gives is for one page, not for all that a stream brings
    timeout = o.timeout or (how == http.request and config.timeout or nil), safe = safe,
    attempts = 1 + (o.retries or config.retryAttempts or RETRIES), delay = config.retryDelay,
  }
  if not reply then error(err, 0) end
  return reply, used
end

local function signed(conn, method, path, o, how)
  local reply, used = send(conn, method, path, o, how)
  if o.unsigned then return reply end
  local auth = conn.auth
  local lost = reply.status == 401 or auth.lost and not reply.close and auth.lost(reply)
  if not lost or not auth.renew then return reply end
  if reply.close then reply:close() end
  auth.renew(conn, used)
  return (send(conn, method, path, o, how))
end

-- What the request after a redirect takes: the query stands in its address; another origin gets no credentials and
-- no header of the script, and none of those come back later.
local function options_after(o, address, target, what)
  local after = merged(o, {})
  after.query = nil
  if not o.unsigned and url.origin(target) == url.origin(address) then return after end
  if o.redirects == "same" then
    tn.fail("egress", ("%s: the peer redirects to %s, and redirects = \"same\" follows none to another origin: %s")
      :format(what, url.shown(target), url.difference(url.origin(target), url.origin(address))))
  end
  if address:lower():find("^https:") and not target:lower():find("^https:") then
    tn.fail("egress", ("%s: the peer redirects from https to %s, which is not encrypted"):format(what,
      url.shown(target)))
  end
  after.unsigned, after.headers = true, nil
  return after
end

-- The answer after redirects, and the address that it comes from.  Only reads follow one.
local function followed(conn, method, path, given, how)
  local address, o = url_of(conn, path), given
  local what = method .. " " .. url.shown(path)
  for hop = 0, REDIRECTS do
    local reply = signed(conn, method, address, o, how)
    local location = REDIRECT[reply.status] and reply:header("Location")
    if not location then return reply, address end
    local target = url.resolve(address, location)
    local status = reply.status
    if reply.close then reply:close() end
    if not SAFE[method] or o.redirects == "none" or hop == REDIRECTS or not url.origin(target) then
      local why = not SAFE[method] and "only reads are followed" or o.redirects == "none" and 'redirects = "none"'
        or hop == REDIRECTS and ("%d redirects came before it"):format(REDIRECTS) or "the target is no address"
      tn.fail("upstream", ("%s: HTTP %d: the peer redirects to %s, which is not followed: %s"):format(what, status,
        url.shown(target), why))
    end
    o = options_after(o, address, target, what)
    address = target
  end
end

-- A success that carries no data: a sign-in page, a proxy's notice.  Who wants pages says so in accept.
local function fail_page(reply, what)
  tn.fail("bad_answer", ("%s: HTTP %d, but the answer is a web page (a sign-in page or a proxy?); check the address")
    :format(what, reply.status))
end

local function check_page(reply, what, o)
  local kind = (reply:header("Content-Type") or ""):lower()
  local wants_html = (o.accept or ""):find("html", 1, true)
  if kind:find("text/html", 1, true) and not wants_html then fail_page(reply, what) end
end

local function check_json(reply, what)
  if reply:starts("<") then fail_page(reply, what) end
  return reply:valid()
end

local function perform(conn, method, path, o)
  local what = method .. " " .. path:gsub("%?.*$", "")
  for attempt = 0, BAD_ANSWER_REPEATS do
    local reply, address = followed(conn, method, path, o, http.request)
    if reply.status >= 300 or reply.status < 200 then refused(reply, what) end
    check_page(reply, what, o)
    local empty = reply.bytes == 0
    if o.raw or reply.status == 204 or empty and not SAFE[method] then return reply, address end
    local good, err = not empty, nil
    if not empty then good, err = check_json(reply, what) end
    if good then return reply, address end
    if attempt == BAD_ANSWER_REPEATS or not SAFE[method] then
      if empty then
        tn.fail("bad_answer", ("%s: HTTP %d, but the answer is empty, also when asked for again; "
          .. "raw = true takes such an answer"):format(what, reply.status))
      end
      tn.fail("bad_answer", what .. ": the answer is no JSON: " .. err.message)
    end
  end
end

local methods = {}
local checked = {}
for _, name in ipairs { "get", "post", "put", "patch", "delete", "stream" } do
  checked[name] = options.checker("conn:" .. name, connection.OPTIONS)
end

-- query: a table or nil.  options: headers, accept, timeout (ms), retries, raw (the answer need not be JSON, but
-- a web page is none unless accept asks for one), form and multipart (bodies, as in tenon.http), redirects ("any",
-- the usual: at most five, to another origin without credentials; "same" origin; "none").
function methods.get(conn, path, query, given)
  return (perform(conn, "GET", path, merged(checked.get(given), { query = query })))
end

-- As conn:get, and the address that the answer comes from, against which its links are resolved.
function connection.get(conn, path, query, given)
  return perform(conn, "GET", path, merged(given or {}, { query = query }))
end

local function with_body(conn, method, path, body, given)
  local o = merged(given, {})
  if type(body) == "table" then
    o.body = json.encode(body)
    o.headers = merged({ ["Content-Type"] = "application/json" }, o.headers)
  else
    o.body = body
  end
  return (perform(conn, method, path, o))
end

-- body: a table (sent as JSON) or text; nil with options.form or options.multipart.
-- options as for get, and query, safe (may be carried out twice).
function methods.post(conn, path, body, given)
  return with_body(conn, "POST", path, body, checked.post(given))
end
function methods.put(conn, path, body, given)
  return with_body(conn, "PUT", path, body, checked.put(given))
end
function methods.patch(conn, path, body, given)
  return with_body(conn, "PATCH", path, body, checked.patch(given))
end
function methods.delete(conn, path, query, given)
  return (perform(conn, "DELETE", path, merged(checked.delete(given), { query = query })))
end

-- What the adapter's 'tls' says, for the option tls of tenon.http; nil when it says nothing.
function methods.tls(conn) return tls_of(conn, true) end

-- Reads the refusal that a stream brought, as from a reply.
local function whole(stream)
  local parts = {}
  for part in function() return stream:read() end do parts[#parts + 1] = part end
  return { status = stream.status, json = function() return json.decode(table.concat(parts)) end }
end

-- An answer that is read as it comes, for what is large: conn:emit takes it.  options as for get.
function methods.stream(conn, path, query, given)
  local o = merged({ accept = "*/*" }, merged(checked.stream(given), { query = query }))
  local stream = followed(conn, "GET", path, o, http.stream)
  local what = "GET " .. path:gsub("%?.*$", "")
  if stream.status >= 300 or stream.status < 200 then refused(whole(stream), what) end
  check_page(stream, what, o)
  return stream
end

-- Hands records to the sync engine; their number.  what and rows: an answer and the path of its rows; an
-- answer, a stream or a text and a table with its format (csv, xml, fixed, ndjson) and the options of that;
-- a list of records.  cursor: where a later run goes on after them.  Waits while the engine is behind.
function methods.emit(conn, what, rows, cursor, total)
  if not conn.source then tn.fail("invalid", "emit belongs into the run function of an operation") end
  if type(what) == "userdata" and what.status == 204 then return 0 end
  return conn.source:emit(what, rows, cursor, total)
end

-- ---- making one ----

local function read_only(config)
  return setmetatable({}, {
    __index = config,
    __newindex = function() error("conn.config is read-only", 2) end,
    __pairs = function() return pairs(config) end,
  })
end

function connection.new(adapter, config, source, resume)
  local conn = { config = read_only(config), auth = adapter.auth or { kind = "none" }, source = source,
                 base = adapter.base and config[adapter.base], resume = resume, declared_tls = adapter.tls }
  return setmetatable(conn, { __index = methods })
end

-- The functions that the runtime starts: an operation, and the health check.
function connection.run(adapter, config, run, filters, source, resume)
  run(connection.new(adapter, config, source, resume), filters)
end

function connection.health(adapter, config)
  if not adapter.health then return nil end
  local found = adapter.health(connection.new(adapter, config))
  return type(found) == "table" and found.version or nil
end

return connection
