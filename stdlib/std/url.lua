-- std/url.lua: addresses of the peer's links: resolved by RFC 3986, and compared by their origin (RFC 6454).
local url = {}

local PORTS = { http = "80", https = "443" }

-- Scheme, authority, path, query; nil where a part is absent.  The fragment is left out.
local function split(text)
  local rest = text:gsub("#.*$", "")
  local scheme = rest:match("^(%a[%w+.-]*):")
  if scheme then rest = rest:sub(#scheme + 2) end
  local authority = rest:match("^//([^/?]*)")
  if authority then rest = rest:sub(#authority + 3) end
  local path, query = rest:match("^([^?]*)%??(.*)$")
  return scheme and scheme:lower(), authority, path, rest:find("?", 1, true) and query or nil
end

-- RFC 3986 section 5.2.4; path begins with "/".
local function without_dots(path)
  local kept, last = {}, nil
  for part in path:gmatch("/([^/]*)") do
    last = part
    if part == ".." then kept[#kept] = nil elseif part ~= "." then kept[#kept + 1] = part end
  end
  local folder = last == "." or last == ".."
  return "/" .. table.concat(kept, "/") .. (folder and #kept > 0 and "/" or "")
end

-- Peers write links with spaces and letters as they are; a server wants them as %XX.
function url.escaped(text)
  local trimmed = text:match("^%s*(.-)%s*$")
  return (trimmed:gsub("[^!#-;=?-Z%[%]_a-z~]", function(byte) return ("%%%02X"):format(byte:byte()) end))
end

-- The whole address of a link that stood in the answer to base, a whole address.
function url.resolve(base, link)
  local scheme, authority, path, query = split(url.escaped(link))
  local b_scheme, b_authority, b_path, b_query = split(base)
  if not scheme and not authority then
    authority = b_authority
    if path == "" then
      path, query = b_path, query or b_query
    elseif path:sub(1, 1) ~= "/" then
      path = (b_path:match("^.*/") or "/") .. path
    end
  end
  if path:sub(1, 1) ~= "/" then path = "/" .. path end
  return (scheme or b_scheme) .. "://" .. (authority or "") .. without_dots(path) .. (query and "?" .. query or "")
end

-- "https://host:443" of a whole address, with its port and in small letters; nil of any other text.
function url.origin(text)
  local scheme, authority = split(text)
  if not scheme or not authority or authority == "" then return nil end
  local host, port = authority:gsub("^.*@", ""):lower():match("^(.-):?(%d*)$")
  if port == "" then port = PORTS[scheme] or "" end
  return scheme .. "://" .. host .. ":" .. port:gsub("^0+(%d)", "%1")
end

-- In words, what differs between two origins.
function url.difference(a, b)
  local names, parts = { "scheme", "host", "port" }, {}
  local left, right = { a:match("^(.-)://(.*):(%d*)$") }, { b:match("^(.-)://(.*):(%d*)$") }
  for i, name in ipairs(names) do
    if left[i] ~= right[i] then
      parts[#parts + 1] = ("the %s is %s, not %s"):format(name, tostring(left[i]), tostring(right[i]))
    end
  end
  return table.concat(parts, "; ")
end

-- An address as a message may show it: without user, query and fragment, which may hold secrets.
function url.shown(text)
  return (text:gsub("[?#].*$", ""):gsub("^(%a[%w+.-]*://)[^/]*@", "%1"))
end

return url
