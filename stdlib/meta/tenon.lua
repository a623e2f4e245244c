---@meta tenon

--- The words that script files declare with.
---
--- ```lua
--- local tn = require "tenon"
--- return tn.adapter {
---   config = { tn.url "base_url" { required = true }, tn.secret "password" { required = true } },
---   auth   = tn.auth.bearer { token = "password" },
---   health = function(conn) conn:get("/ping") end,
--- }
--- ```
---@class tenon
---@field null tenon.null the JSON value null; nil means absent
---@field auth tenon.auths
local tenon = {}

---@class tenon.null

---@class tenon.error what failed; calls that reach outside return `nil, err`, others raise it
---@field kind string "timeout", "network", "invalid", "budget", ...: decides what follows
---@field message string one sentence
---@field status integer the HTTP status that fits
---@field retry boolean may the same call succeed later?
---@field file string? script file
---@field line integer?
---@field field string? path of the offending field
---@field code string? which rule a value breaks: "required", "too_long", "move", "reference", ...
---@field faults tenon.fault[]? all that is wrong with a record, the first hundred: `message` is that of the first

---@class tenon.fault
---@field code string as err.code
---@field path string of the field: "lines[2].quantity"
---@field message string one sentence
---@field params table<string, any>? the values in the sentence

---@class tenon.field
---@alias tenon.field_maker fun(options: tenon.field_options): tenon.field

---@class tenon.field_options
---@field title string? for people
---@field help string? for people
---@field required boolean?
---@field generated boolean? uuid and time fields: set by the system, never from outside
---@field unique boolean? fields of a resource: no two records of a team have the same value; any number have none
---@field ref string? uuid fields: the resource of which a record has this id
---@field null boolean? null is permitted although it is required
---@field default any?
---@field min number|string? numbers: value; text: characters; lists: elements
---@field max number|string?
---@field pattern string? a Lua pattern
---@field values string[]?

---@class tenon.adapter_declaration
---@field title string?
---@field type string? for people: "ERP", "PLM", "MES", ...
---@field base string? name of the config field that holds the base address
---@field config tenon.field[]
---@field auth tenon.auth|table?
---@field tls { ca: string?, cert: string?, key: string? }? config fields with PEM texts: authorities that are trusted besides the system's; a client certificate and its private key
---@field health (fun(conn: table): table?)? raises when the other side is not there
---@field operations table<string, tenon.operation>?
---@field webhook tenon.webhook?

---@class tenon.operation
---@field entity string
---@field direction "pull"|nil
---@field mapping string? "system/entity"
---@field title string?
---@field filters tenon.field[]?
---@field on_key_conflict "refuse"|"adopt"|nil of a record whose key another external id has; "adopt": a full run lets it take the record over if that id did not come
---@field run fun(conn: table, run: table)

---@class tenon.resource_declaration
---@field path string "/api/v1/orders"
---@field title string?
---@field scope "team"|"global"|nil
---@field plural string? member that holds the rows of a list
---@field key string|string[]|nil fields that identify a record from outside
---@field fields tenon.field[]
---@field list { filter: string[]?, sort: string[]?, page: integer|table|nil }?

---@class tenon.surface_declaration
---@field title string?
---@field path string? prefix of all routes
---@field auth "key"|"none"|nil
---@field routes tenon.route[]

---@class tenon.rule_declaration
---@field title string?
---@field on string|string[] events: "order.created", '*' for any characters: "order.*"
---@field when table<string, any>? all hold: path in the event -> value, or a list of values
---@field once string? path of the id ("data.id") for which it runs once in 30 days
---@field retry string[]? pauses before the next try of a run that raised: { "5s", "30m" }; each "1ms" to "7d", up to 16;
---{}: none.  Without it: 5 s, 5 min, 30 min, 2, 5, 10 and 10 h
---@field run fun(event: tenon.event.seen)

---@class tenon.declaration
---@class tenon.route
---@class tenon.webhook
---@field signature string? header with the signature; without one nothing is taken
---@field secret string? config field with the key of the signature
---@field type string? member of the body with the type of the event
---@field runs table<string, string|tenon.webhook_run>? event type -> operation that it starts
---@field id string|{ header: string }|{ path: string }|nil by what deliveries of the same event are known, which have one
---effect: "body" (the same bytes within replay_window), a header, or a path in the payload (each for 30 days).  Without
---it, or when a delivery lacks it, each delivery counts.  What failed for good may be sent again
---@field replay_window string? with id = "body": "5m" (default) to "30d"
---@field retry string[]? pauses before a run that failed is started again: { "5s", "30m" }, as those of a rule
---@class tenon.webhook_run
---@field operation string
---@field since string? filter of type time: the run reads since the last good run (10 minutes earlier); without it all
---@field filters table<string, string>? filter -> path in the payload: the run reads what the event names
---@class tenon.auth

--- How to speak to one kind of system.
---@param declaration tenon.adapter_declaration
---@return tenon.declaration
function tenon.adapter(declaration) end

--- One entity of the canonical model.
---@param declaration tenon.resource_declaration
---@return tenon.declaration
function tenon.resource(declaration) end

--- A published API shape.
---@param declaration tenon.surface_declaration
---@return tenon.declaration
function tenon.surface(declaration) end

--- Declares a rule, which runs on an event (tenon.event): at least once, for one record in the order of its events, in
--- the name of the event's team.  A run that raises is tried again after the pauses of `retry`; then the event goes into
--- quarantine, from which it can be sent again.  Later events of its record wait meanwhile, others go on.
---
--- ```lua
--- return tn.rule { on = "order.created", run = function(event)
---   assert(store.transaction(function(tx) tx:create("note", { about = event.record.id }) end))
--- end }
--- ```
---@param declaration tenon.rule_declaration
---@return tenon.declaration
function tenon.rule(declaration) end

--- Starts a sync and answers its run's id once the run is stored.  A task only.
---
--- ```lua
--- local run, err = tn.sync("oracle_fusion", "item", { modifiedSince = "2026-01-31T00:00:00Z" })
--- if not run and err.kind ~= "busy" then error(err) end
--- ```
---@param integration string its name
---@param operation string "sync_items", or the entity of the only operation that pulls it
---@param filters table<string, any>? as the operation declares them
---@return string? run
---@return tenon.error? err busy (it runs already), not_found, conflict (disabled), unavailable
function tenon.sync(integration, operation, filters) end

--- `tn.route { "GET", "/items/{id}", function(request) return 200, body, headers end, auth = "none" }`
--- `return 200, store.query(...)` answers with the err when there is one.
---@param route table method, path, handler; auth
---@return tenon.route
function tenon.route(route) end

--- Events of the other system.  An accepted event is stored before its sender is answered, and done when a run that
--- began after it has ended well; a run that fails is started again after the pauses of `retry` (about 28 hours), then
--- the event is in quarantine.
---
--- ```lua
--- webhook = tn.webhook { signature = "X-Signature", secret = "webhook_secret", id = { header = "X-Event-Id" },
---   runs = { ["item.updated"] = { operation = "sync_items", filters = { itemNumber = "data.number" } },
---            ["items.changed"] = { operation = "sync_items", since = "modifiedSince" } } }
--- ```
---@param options table
---@return tenon.webhook
function tenon.webhook(options) end

---@param name string
---@return tenon.field|tenon.field_maker
function tenon.text(name) end

--- A whole number of 64 bits.
---@param name string
---@return tenon.field|tenon.field_maker
function tenon.int(name) end

--- An exact number.
---@param name string
---@return tenon.field|tenon.field_maker
function tenon.decimal(name) end

---@param name string
---@return tenon.field|tenon.field_maker
function tenon.bool(name) end

--- An instant, RFC 3339.
---@param name string
---@return tenon.field|tenon.field_maker
function tenon.time(name) end

--- A day, YYYY-MM-DD.
---@param name string
---@return tenon.field|tenon.field_maker
function tenon.date(name) end

---@param name string
---@return tenon.field|tenon.field_maker
function tenon.uuid(name) end

--- http:// or https://
---@param name string
---@return tenon.field|tenon.field_maker
function tenon.url(name) end

--- A text that is encrypted at rest and never shown.
---@param name string
---@return tenon.field|tenon.field_maker
function tenon.secret(name) end

--- `tn.state "status" { "pending", pending = { "running", "cancelled" }, first = { "running" } }`: the first state,
--- then the moves; `first` names other states that a new record may have.
---@param name string
---@return tenon.field|tenon.field_maker
function tenon.state(name) end

--- `tn.list "tags" { of = "text" }` or `tn.list "parts" { tn.text "number", tn.decimal "amount" }`
---@param name string
---@return tenon.field|tenon.field_maker
function tenon.list(name) end

--- `tn.object "site" { tn.text "name" }`
---@param name string
---@return tenon.field|tenon.field_maker
function tenon.object(name) end

--- Any JSON value.
---@param name string
---@return tenon.field|tenon.field_maker
function tenon.any(name) end

--- Raises an error of this kind.
---@param kind string
---@param message string
---@param field string?
function tenon.fail(kind, message, field) end

--- The end of a message about an unknown word: "; did you mean 'x'?", or "" when no name is near.
---@param word string
---@param names string[] at most 64 are looked at
---@return string
function tenon.did_you_mean(word, names) end

--- Milliseconds since 1970 in UTC.
---@return integer
function tenon.now() end

---@class tenon.auths how requests are signed; values name config fields.  Systems that one logs in to: std.oauth2, std.session
local auth = {}

---@param options table?
---@return tenon.auth
function auth.none(options) end

---@param options { user: string, password: string }
---@return tenon.auth
function auth.basic(options) end

---@param options { token: string }
---@return tenon.auth
function auth.bearer(options) end

---@param options { key: string, header: string? }
---@return tenon.auth
function auth.api_key(options) end

return tenon
