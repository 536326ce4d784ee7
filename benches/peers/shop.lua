-- A flash sale in nginx: what its layered designs do for an attempt. Who buys says so in a header, as to doorbuster.

shop = {}

local SOLD_OUT = '{"code":"sold_out"}'
local LIMIT_REACHED = '{"code":"limit_reached"}'
local WON = '{"state":"confirmed"}'

local stock = ngx.shared.shop
stock:set("stock:in", 1000000000)
stock:set("stock:out", 0)

local file = assert(io.open(os.getenv("PEERS_HERE") .. "/take.redis.lua"))
local script = file:read("*a")
file:close()
-- The same for every worker and request: scripts are called by their digest.
local digest = os.getenv("PEERS_TAKE_SHA1")

local function answer(status, body)
    ngx.status = status
    ngx.header["content-type"] = "application/json"
    ngx.header["content-length"] = #body
    ngx.print(body)
end

-- One unit for each buyer, in nginx's own memory. Nothing is written down.
function shop.buy_from_dictionary(sku)
    local key = "stock:" .. sku
    if (stock:get(key) or 0) <= 0 then return answer(409, SOLD_OUT) end
    local buyer = ngx.var.http_buyer_id
    if not stock:add("buyer:" .. buyer, true) then return answer(409, LIMIT_REACHED) end
    if stock:incr(key, -1) < 0 then
        stock:incr(key, 1)
        stock:delete("buyer:" .. buyer)
        return answer(409, SOLD_OUT)
    end
    return answer(201, WON)
end

-- One unit for each buyer by a script in Redis, and the order into a stream for somebody to write down later.
function shop.buy_from_redis(sku, port)
    local redis = require("nginx.redis"):new()
    local connected, why = redis:connect("127.0.0.1", port)
    if not connected then return answer(503, tostring(why)) end
    local keys = { "stock:" .. sku, "buyers:" .. sku, "orders:" .. sku }
    local taken
    taken, why = redis:evalsha(digest, 3, keys[1], keys[2], keys[3], ngx.var.http_buyer_id)
    if not taken and string.find(tostring(why), "NOSCRIPT", 1, true) then
        taken, why = redis:eval(script, 3, keys[1], keys[2], keys[3], ngx.var.http_buyer_id)
    end
    redis:set_keepalive(60000, 512)
    if taken == 1 then return answer(201, WON) end
    if taken == 0 then return answer(409, SOLD_OUT) end
    if taken == -1 then return answer(409, LIMIT_REACHED) end
    return answer(503, tostring(why))
end
