-- new/site.lua: a folder with what a site needs, and a library with its test as the first thing that runs.
local README = [[
# @NAME@

A site folder of Tenon: the scripts and mappings that belong to this installation.

    tenon new adapter acme --site @NAME@      how to speak to a system, with its mapping and test
    tenon new mapping acme/item --from sample.json --site @NAME@
    tenon check --site @NAME@                 load everything, run all examples
    tenon test --site @NAME@                  run tests/*.test.lua
    tenon serve --site @NAME@ --watch         serve, and reload what is saved

| folder | it holds |
|---|---|
| scripts/adapters/ | how to speak to one kind of system |
| mappings/<system>/ | how a record of theirs becomes one of ours |
| scripts/resources/ | our kinds of records |
| scripts/rules/ | what happens on an event |
| scripts/surfaces/ | HTTP routes of your own |
| scripts/lib/ | what these files share: `require "lib.text"` is scripts/lib/text.lua |
| tests/ | tests of all this |

`tenon show` lists the how-tos; `tenon show write-a-mapping` prints one. Editors that know LuaLS read `.luarc.json`; the
stubs in `.tenon/meta/` are those of the program that wrote them: remove that folder and run `tenon new site` again
after an upgrade.
]]

local LIBRARY = [[
-- scripts/lib/text.lua: what several scripts share.  Any script of the site gets it with require "lib.text".
local M = {}

--- The text with one blank between words and none at its ends.
---@param text string
---@return string
function M.tidy(text)
  return (text:gsub("%s+", " "):match("^ ?(.-) ?$"))
end

return M
]]

local TEST = [[
-- tests/text.test.lua: run by tenon test --site @NAME@
local text = require "lib.text"

test("blanks at the ends and between words are tidied", function()
  expect(text.tidy("  Hex   bolt ")):equals("Hex bolt")
end)
]]

local text = require "new.text"

return function(request)
  local words = { NAME = request.name }
  return { files = {
    { path = "README.md", text = text.fill(README, words), keep = true },
    { path = "scripts/lib/text.lua", text = LIBRARY, keep = true },
    { path = "tests/text.test.lua", text = text.fill(TEST, words), keep = true },
  } }
end
