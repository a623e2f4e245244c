-- std.retry against a clock that stands still.
local t     = require "std.test"
local tn    = require "tenon"
local retry = require "std.retry"

test("what fails for a while is done in the end", function()
  t.clock(1000000)
  local tries = 0
  local result, more = retry.run(function(attempt)
    tries = tries + 1
    expect(attempt):equals(tries)
    if tries < 3 then tn.fail("unavailable", "not yet") end
    return "done", 7
  end)
  expect(result):equals("done")
  expect(more):equals(7)
  expect(tries):equals(3)
end)

test("pauses grow, and stay below their bound", function()
  t.clock(1000000)
  local at, longest = tn.now(), 0
  expect(function()
    retry.run(function(attempt)
      local waited = tn.now() - at
      at = tn.now()
      if attempt > 1 then expect(waited <= math.min(1000, 100 << (attempt - 2))):equals(true) end
      longest = math.max(longest, waited)
      tn.fail("timeout", "never")
    end, { attempts = 10, delay = 100, longest = 1000 })
  end):fails_with("timeout", "never")
  expect(longest > 0):equals(true)
end)

test("what another attempt would not mend is raised at once", function()
  local tries = 0
  local function failing(raise)
    return function() retry.run(function() tries = tries + 1 raise() end) end
  end
  expect(failing(function() tn.fail("auth", "wrong password") end)):fails_with("auth", "wrong password")
  expect(failing(function() error("a bug") end)):fails_with("script", "a bug")
  expect(tries):equals(2)
end)

test("the caller may say what is worth it, and how long to wait", function()
  t.clock(1000000)
  local tries = 0
  expect(function()
    retry.run(function() tries = tries + 1 error("busy", 0) end,
      { attempts = 3, when = function(err) return err == "busy", 5000 end })
  end):fails_with("script", "^busy$")
  expect(tries):equals(3)
  expect(tn.now()):equals(1010000)
end)

test("options that make no sense are refused", function()
  expect(function() retry.run(print, { attempts = 0 }) end):fails_with("script", "attempts")
  expect(function() retry.run(print, { delay = "1" }) end):fails_with("script", "delay")
end)
