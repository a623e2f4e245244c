---@meta tenon.gate
-- One task at a time through a stretch of a script:
--     local _ <close> = gate.enter("login")

---@class tenon.gate.pass
local pass = {}

---Lets the next one in; twice does nothing.
function pass:leave() end

local gate = {}

---Waits until nobody is inside under this name.  Ends with the variable's block, an error or the task.
---@param name string          1 to 200 bytes
---@return tenon.gate.pass
function gate.enter(name) end

return gate
