-- KEYS: accounts of principals. ARGV: terms, the correction, [the first account as the caller knows it, the correction
-- in it, and field, value of what is only carried]: what is kept if the server knows nothing of it.
local T, A = cmsgpack.unpack(ARGV[1]), cmsgpack.unpack(ARGV[2])
local now = clock(A.now)

local function add(key, blob, tier_from)
  local account = principal_of(blob, now)
  local tier = tier_from and tier_of(T, account, T.signals, now) or 0
  local at, levels, share = stood_at(T, account, now), {}, share_of(T, tier)
  local most = 0.0
  for n, budget in ipairs(T.budgets) do
    levels[n] = max(0.0, drained(account.levels[budget[1]] or 0.0, at, now, budget[3] * share) + A.units[n])
    most = max(most, levels[n])
  end
  if blob or most > 0 then
    keep(T, account, levels, now)
    put_principal(T, key, account, A.ttl)
  end
end

for i, key in ipairs(KEYS) do
  local blob = redis.call('HGET', key, 'a')
  if i == 1 and not blob and #ARGV > 2 then
    for n = 4, #ARGV, 2 do redis.call('HSET', key, ARGV[n], ARGV[n + 1]) end
    put_principal(T, key, principal_of(ARGV[3], now), A.ttl)
  else
    add(key, blob, i == 1)  -- a payer is asked as if it were clear, and drains so
  end
end
return 1
