\set buyer random(1, 1000000000)
WITH taken AS (UPDATE items SET units = units - 1 WHERE sku = 'in' AND units > 0 RETURNING sku) INSERT INTO orders (sku, buyer) SELECT sku, :buyer FROM taken;
