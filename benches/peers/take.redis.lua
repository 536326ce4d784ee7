-- Takes one unit for a buyer, once. KEYS: stock, buyers, orders. ARGV: the buyer.
if tonumber(redis.call('GET', KEYS[1]) or '0') <= 0 then return 0 end
if redis.call('SADD', KEYS[2], ARGV[1]) == 0 then return -1 end
redis.call('DECR', KEYS[1])
redis.call('XADD', KEYS[3], '*', 'buyer', ARGV[1])
return 1
