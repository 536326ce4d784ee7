-- wrk's requests: attempts of one buyer (his refusals), or of another one each time (wins). Words: path, "same" or "fresh".
local threads = 0

function setup(thread)
    thread:set("voice", threads)
    threads = threads + 1
end

local function attempt(path, buyer)
    local headers = { ["buyer-id"] = buyer, ["content-type"] = "application/json", ["x-forwarded-for"] = "203.0.113.7" }
    return wrk.format("POST", path, headers, '{"quantity":1}')
end

local path, same, prefix
local count = 0

function init(words)
    path, prefix = words[1], "b-" .. words[3] .. "-" .. voice .. "-"
    if words[2] == "same" then same = attempt(path, prefix .. "0") end
end

function request()
    if same then return same end
    count = count + 1
    return attempt(path, prefix .. count)
end
