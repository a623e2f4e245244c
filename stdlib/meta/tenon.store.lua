---@meta tenon.store

--- The records of a team: read, looked for, and changed in transactions.  Whose records is never the
--- script's to choose: an integration sees those of its own team, a surface those of the request's key,
--- a rule those of the event's team; for none of these `err.kind` is "forbidden".  Where there is no
--- store (tenon check, previews) it is "unavailable".
---
--- A call that reads waits, also in the function of a transaction.  While a file is loaded and in a mapping's
--- function nothing can wait, so the store cannot be read there: that raises.  A mapping's function gets the
--- record and gives the same for the same record; let the adapter add to the record what the store knows, or
--- let a rule do it.
---
--- ```lua
--- local store = require "tenon.store"
--- local order = store.find("order", { number = "4711" })
--- local ok, err = store.transaction(function(tx)
---   local now = tx:get("order", order.id)
---   tx:patch("order", now.id, { quantity = now.quantity - 1 })
---   tx:event("order.taken", { by = 1 }, { record = { "order", now.id } })
--- end)
--- ```
---@class tenon.store
local store = {}

--- A record as the resource declares it, exact: integers of 64 bits, decimals, tenon.json.null, marked
--- arrays.  Beside its fields stand four that every record has.
---@class tenon.record
---@field id string UUID
---@field version integer from 1
---@field createdAt string RFC 3339
---@field updatedAt string RFC 3339
---@field [string] any

--- The records to look for.  `where`: a value (equal), a list (one of), tenon.json.null, or operators: eq ne in
--- lt le gt ge prefix contains null (true or false); only fields that the resource lists as filter, sort or
--- key, and id, version, createdAt, updatedAt.  `sort`: "field", "-field" or a list of up to four.
--- `limit`: 1 to 500, else the resource's page.  `cursor`: `next` of the page before; or `offset`: so many are
--- passed over, 0 to 100000.  `total`: count all.
---@class tenon.store.query
---@field where table<string, any>?
---@field sort string|string[]|nil
---@field limit integer?
---@field cursor string?
---@field offset integer?
---@field total boolean?

---@class tenon.store.page
---@field rows tenon.record[]
---@field more boolean
---@field next string? cursor of the next page
---@field total integer? when it was asked for
---@field totalCapped boolean? true: there are at least `total`, which is then 100000

--- The record of this id; nil when the team has none.
---@param resource string
---@param id string
---@return tenon.record?
---@return tenon.error? err
function store.get(resource, id) end

--- The record with this key: all fields of the resource's `key`.
---@param resource string
---@param key table<string, any>
---@return tenon.record?
---@return tenon.error? err
function store.find(resource, key) end

--- The record that an integration knows by this external id.
---@param resource string
---@param external_id string
---@param integration string? its name; else the script's own
---@return tenon.record?
---@return tenon.error? err
function store.by_link(resource, external_id, integration) end

--- One page.
---@param resource string
---@param query tenon.store.query?
---@return tenon.store.page?
---@return tenon.error? err
function store.query(resource, query) end

--- All records of a query, page by page, `max` at most (100,000).  A failure is raised.
---
--- ```lua
--- for order in store.each("order", { where = { status = "open" } }) do print(order.number) end
--- ```
---@param resource string
---@param query tenon.store.query? and `max`
---@return fun(): tenon.record?
function store.each(resource, query) end

--- Runs fn, which may wait for what it reads alone, and commits what it did: all of it or nothing.  Everything that it read
--- is checked to be as it was, also that what was not there still is not; if not, fn is run again, eight
--- times at most with growing pauses, then err.kind is "conflict".  Waits until it is durable; answers what
--- fn returned, or true.  What fn raises goes on to the caller, and nothing is written.
---
--- ```lua
--- assert(store.transaction(function(tx)
---   return tx:create("order", { number = "4712", quantity = 1 })
--- end))
--- ```
---@param fn fun(tx: tenon.transaction): ...
---@return any ... or nil
---@return tenon.error? err conflict, key_taken, invalid (a reference), disk_full, io, unavailable, overloaded, too_large
function store.transaction(fn) end

--- Its methods raise: what the resource does not allow ("invalid", with `err.field`, `err.code` and all of it
--- in `err.faults`), a state that may not follow ("state"), an id that is taken ("conflict"), a record that is
--- not there ("not_found"), what the key of the request does not permit ("forbidden").  Keys that are taken and
--- references to nothing are found when it commits.  Only the task that began it can use it.  1,000 reads,
--- 1,000 writes, 16 MiB.
---@class tenon.transaction
local Transaction = {}

--- As the transaction has it by now.
---@param resource string
---@param id string
---@return tenon.record?
function Transaction:get(resource, id) end

--- Sees the transaction's own writes.  That nobody has the key is checked when the record is created: if
--- another came first, the function is run again and finds it.
---@param resource string
---@param key table<string, any>
---@return tenon.record?
function Transaction:find(resource, key) end

--- Filters and sorts what is stored: rows that the transaction changed show as changed and those that it
--- deleted are left out, but what it created is not among them.
---@param resource string
---@param query tenon.store.query?
---@return tenon.store.page
function Transaction:query(resource, query) end

---@param resource string
---@param body table<string, any> with `id` to choose it
---@return string id
function Transaction:create(resource, body) end

--- Replaces the record.  What was read may be given back: id, version and times are passed over.
---@param resource string
---@param id string
---@param body table<string, any>
function Transaction:put(resource, id, body) end

--- Changes the given fields, objects inside likewise; tenon.json.null takes a field out.
---@param resource string
---@param id string
---@param changes table<string, any>
function Transaction:patch(resource, id, changes) end

---@param resource string
---@param id string
---@return boolean was_there
function Transaction:delete(resource, id) end

--- See tenon.event.
---@param type string
---@param data table<string, any>?
---@param options { record: string[] }?
function Transaction:event(type, data, options) end

--- A row of the audit log in the name of whoever runs this; needs no permission.
---@param action string "order.release"
---@param object string? which
---@param detail table<string, any>? no secrets
function Transaction:audit(action, object, detail) end

--- A value of tenon.kv.  It is checked at commit if it is also written.
---@param key string
---@return string?
function Transaction:kv_get(key) end

---@param key string
---@param value string at most 256 KiB
---@param seconds integer? how long it is kept
function Transaction:kv_put(key, value, seconds) end

---@param key string
function Transaction:kv_delete(key) end

return store
