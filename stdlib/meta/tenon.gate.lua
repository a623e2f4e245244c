---@meta tenon.gate

--- One task at a time: the others wait in order.
---
--- ```lua
--- local gate = require "tenon.gate"
--- local pass <close> = gate.enter("login")
--- ```
---@class tenon.gate
local gate = {}

--- Waits until nobody else is inside.  A thousand passes may be held or waited for; one more raises an err of kind
--- "overloaded".
---@param name string
---@return tenon.gate.pass
function gate.enter(name) end

---@class tenon.gate.pass
local Pass = {}

--- Lets the next one in; done by itself at the end of the block or the task.
function Pass:leave() end

return gate
