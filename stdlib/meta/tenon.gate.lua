---@meta tenon.gate

--- Lets one task at a time through a part of a script; the other tasks wait in the order of their arrival.
---
--- ```lua
--- local gate = require "tenon.gate"
--- local pass <close> = gate.enter("login")
--- ```
---@class tenon.gate
local gate = {}

--- Waits until no other task holds a pass of this gate.  Raises an err of kind "overloaded" when tasks of the
--- integration hold or wait for a thousand passes already.
---@param name string
---@return tenon.gate.pass
function gate.enter(name) end

---@class tenon.gate.pass
local Pass = {}

--- Lets the next task through.  A pass that is declared <close> leaves at the end of its block, and every pass when
--- its task ends.
function Pass:leave() end

return gate
