---@meta tenon.event

--- Reads the numbered log of events about a team's records, and adds events of the script to it.
---
--- ```lua
--- local event = require "tenon.event"
--- event.emit("order.shipped", { carrier = "post" }, { record = { "order", id } })
--- ```
---@class tenon.event
local event = {}

---@class tenon.event.seen
---@field type string
---@field seq integer its place in the log, for `after`
---@field number integer within the team, without holes
---@field at string RFC 3339
---@field record { resource: string, id: string, version: integer }? that it is about
---@field data table<string, any>? of an event that a script emitted; for other events read the record

---@class tenon.event.page
---@field events tenon.event.seen[]
---@field last integer pass it to the next `after`, also when no event matched
---@field more boolean there may be more
---@field gap boolean retention has removed events after seq

--- Emits an event, which is durable when this returns.  Types are words with dots between, 48 characters at most; those
--- that Tenon itself emits (order.created, run.finished) are refused.  An event that a rule emits is one step
--- further than the event for which the rule ran; after eight steps no rule runs for it.
---@param type string "order.shipped"
---@param data table<string, any>? 64 KiB of JSON at most
---@param options { record: string[] }? { record = { resource, id } }
---@return boolean?
---@return tenon.error? err
function event.emit(type, data, options) end

--- Events after a place in the log, 0 from the start.  `types`: names with '*' for any characters, 50 of 100 bytes at most.
---@param seq integer
---@param options { limit: integer?, types: string[]? }? limit 1 to 500, else 100
---@return tenon.event.page?
---@return tenon.error? err
function event.after(seq, options) end

return event
