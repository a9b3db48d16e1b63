-- KEYS: accounts of principals. ARGV: terms, units by budget, the time or nothing, the time to live.
local T, A = cmsgpack.unpack(ARGV[1]), cmsgpack.unpack(ARGV[2])
local now = clock(A.now)
for i, key in ipairs(KEYS) do
  local blob = redis.call('HGET', key, 'a')
  local account = principal_of(blob, now)
  -- The payer is asked as if it were clear, and drains so.
  local tier = i == 1 and tier_of(T, account, T.signals, now) or 0
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
return 1
