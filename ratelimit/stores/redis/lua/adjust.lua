-- KEYS: the principal, [its payer,] the cohorts whose budgets were charged too.
-- ARGV: terms, the correction, [the principal as the caller knows it, the correction in it, and field, value of what is
-- only carried]: what is kept if the server knows nothing of it.
local T, A = cmsgpack.unpack(ARGV[1]), cmsgpack.unpack(ARGV[2])
local now, moves = clock(A.now), false
for _, more in ipairs(A.units) do moves = moves or more ~= 0 end

-- Drained first: what was added late must not find its way past the time that went by.
local function correct(account, share)
  local at, levels = stood_at(T, account, now), {}
  for n, budget in ipairs(T.budgets) do
    levels[n] = max(0.0, A.units[n] + drained(account.levels[budget[1]] or 0.0, at, now, budget[3] * share))
  end
  keep(T, account, levels, now)
end

local function spent(account)
  for _, level in pairs(account.levels) do
    if level > 0 then return true end
  end
  return false
end

local function correct_principal(key, blob, payer)
  local account, slots = principal_of(blob, now), {}
  for _, slot in ipairs(account.slots) do
    if slot[1] ~= A.lease then slots[#slots + 1] = slot end
  end
  account.slots = slots
  -- A payer is asked as if it were clear, and drains so.
  if moves then correct(account, share_of(T, payer and 0 or tier_of(T, account, T.signals, now))) end
  if account.room == 0 and #slots == 0 and not spent(account) then
    if blob then redis.call('DEL', key) end
  else
    put_principal(T, key, account, A.ttl)
  end
end

local people = A.payer and 2 or 1
for i = 1, people do
  local blob = redis.call('HGET', KEYS[i], 'a')
  if i == 1 and not blob and #ARGV > 2 then
    for n = 4, #ARGV, 2 do redis.call('HSET', KEYS[i], ARGV[n], ARGV[n + 1]) end
    put_principal(T, KEYS[i], principal_of(ARGV[3], now), A.ttl)
  elseif blob or A.creates then
    correct_principal(KEYS[i], blob, i == 2)
  end
end
for i = people + 1, #KEYS do
  local blob = moves and redis.call('GET', KEYS[i])
  if blob then
    local cohort = cohort_of(blob, now)
    correct(cohort, share_of(T, cohort_tier(T, cohort, now), cohort.trust))
    put_cohort(T, KEYS[i], cohort, A.ttl)
  end
end
return 1
