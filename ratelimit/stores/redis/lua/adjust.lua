-- KEYS: the principal, [the payer,] the cohorts whose pools were written, the writes of the worker.
-- ARGV: terms, the adjustment, [the principal's account as the caller knows it, the adjustment in it, and field, value of
-- what is only carried]: of one that the caller decided by itself, kept if the server knows nothing of it; the number of
-- the write.
local writes, number = table.remove(KEYS), tonumber(table.remove(ARGV))
local T, A = cmsgpack.unpack(ARGV[1]), cmsgpack.unpack(ARGV[2])
local now = clock(A.now)
if repeated(writes, number, A.ttl) then return 0 end

local function idle(account)
  for _, level in pairs(account.levels) do
    if level > 0 then return false end
  end
  return in_flight(account, now) == 0
end

for i = 1, A.principals do
  local key = KEYS[i]
  local blob = redis.call('HGET', key, 'a')
  local known = i == 1 and ARGV[3]
  if blob or A.alone and not known then
    local account = principal_of(blob, now)
    for _, lease in ipairs(A.back) do account.slots[lease] = nil end
    for _, taken in ipairs(A.taken) do account.slots[taken[1]] = taken[2] end
    if A.moves then
      -- A payer is asked as a clear one, whoever spends from it.
      local tier = i == 1 and max(A.least, tier_of(T, account, T.signals, now)) or 0
      correct(T, account, A.units, share_of(T, tier, 0.0), now)
    end
    if account.room == 0 and idle(account) then
      redis.call('DEL', key)  -- a newcomer that was given all back
    else
      put_principal(T, key, account, A.ttl)
    end
  elseif A.alone then
    for n = 4, #ARGV, 2 do redis.call('HSET', key, ARGV[n], ARGV[n + 1]) end
    put_principal(T, key, principal_of(known, now), A.ttl)
  end
end

for i, units in ipairs(A.pools) do
  local key = KEYS[A.principals + i]
  local blob = redis.call('GET', key)
  if blob then
    local cohort = cohort_of(blob, now)
    correct(T, cohort, units, share_of(T, cohort_tier(T, cohort, now), cohort.trust), now)
    put_cohort(T, key, cohort, A.ttl)
  end
end
return 1
