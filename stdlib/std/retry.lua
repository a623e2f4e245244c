-- std/retry.lua: once more, when it may help: growing pauses with full jitter, and what the peer asked for.
local tn      = require "tenon"
local time    = require "tenon.time"
local options = require "std.options"

local retry = {}

local USUAL = { attempts = 4, delay = 500, longest = 30000 }    -- ms

local checked = options.checker("retry.run", {
  attempts = { "integer", min = 1 }, delay = { "integer", min = 1 }, longest = { "integer", min = 1 },
  when = { "function" },
})

-- How long to wait before attempt n + 1: anywhere up to delay * 2^(n-1), so that those who failed together
-- do not come back together.
local function pause(n, delay, longest)
  return math.random(0, math.min(longest, delay << math.min(n - 1, 20)))
end

-- Calls fn(attempt) until it returns, and returns what it did.  What it raises is raised again after so many
-- attempts, or at once when it would not help: given.when(err) says so, else err.retry.  err.after (ms), or
-- the second result of when, is waited for instead of a pause of our own.
function retry.run(fn, given)
  local o = checked(given)
  local attempts, delay, longest = o.attempts or USUAL.attempts, o.delay or USUAL.delay, o.longest or USUAL.longest
  local when = o.when
  for attempt = 1, attempts do
    local results = table.pack(pcall(fn, attempt))
    if results[1] then return table.unpack(results, 2, results.n) end
    local err, again, after = results[2], false, nil
    if when then again, after = when(err) elseif type(err) == "userdata" then again = err.retry end
    if not again or attempt == attempts then error(err, 0) end
    time.sleep(math.min(after or pause(attempt, delay, longest), longest) / 1000)
  end
end

-- The milliseconds that a reply's Retry-After asks for; nil: it does not.
function retry.after(reply)
  local text = reply:header("Retry-After")
  if not text then return nil end
  local seconds = math.tointeger(tonumber(text))
  if seconds then return seconds >= 0 and seconds * 1000 or nil end
  local at = time.parse(text)
  return at and math.max(at - tn.now(), 0) or nil
end

return retry
