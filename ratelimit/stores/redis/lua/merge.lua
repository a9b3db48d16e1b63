-- Brings back what the server lost (evicted, restarted empty) and a worker still knows: the tighter of both counts.
-- Done twice it does no more than once, so it heeds no number.
-- KEYS: one account, [the set of tightened cohorts,] the writes of the worker.
-- ARGV: terms, the account as it was known, time to live, [field, value of what is only carried]..., the number.
table.remove(KEYS)
table.remove(ARGV)
local T, ttl = cmsgpack.unpack(ARGV[1]), tonumber(ARGV[3])
local now = clock(false)

local function merge(account, known)
  for name, level in pairs(known.levels) do
    local refill = 0
    for _, budget in ipairs(T.budgets) do
      if budget[1] == name then refill = budget[3] end
    end
    local here = drained(account.levels[name] or 0.0, account.at, now, refill)
    account.levels[name] = max(here, drained(level, known.at, now, refill))
  end
  account.at = max(account.at, now)
  account.spent_until = max(account.spent_until, known.spent_until)
  for name, wealth in pairs(known.wealth) do account.wealth[name] = max(account.wealth[name] or 0.0, wealth) end
  account.active_at = max(account.active_at, known.active_at)
  account.room = max(account.room, known.room)
end

if #ARGV > 3 then
  local mine, known = principal_of(redis.call('HGET', KEYS[1], 'a'), now), principal_of(ARGV[2], now)
  merge(mine, known)
  for lease, ends in pairs(known.slots) do mine.slots[lease] = max(mine.slots[lease] or 0, ends) end
  if redis.call('HEXISTS', KEYS[1], 't') == 0 then
    mine.held_at, mine.folds, mine.careful, mine.typical = known.held_at, known.folds, known.careful, known.typical
    for i = 4, #ARGV, 2 do redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1]) end
  end
  put_principal(T, KEYS[1], mine, ttl)
else
  local blob = redis.call('GET', KEYS[1])
  local cohort, known = cohort_of(blob, now), cohort_of(ARGV[2], now)
  merge(cohort, known)
  if not blob then
    cohort.members, cohort.trust, cohort.guests, cohort.guests_at, cohort.outspoken =
      known.members, known.trust, known.guests, known.guests_at, known.outspoken
  end
  cohort.tight = cohort.tight or known.tight
  if cohort.room == 2 then
    redis.call('ZADD', KEYS[2], now, KEYS[1]:sub(-32))
    redis.call('PEXPIRE', KEYS[2], 2 * ttl)
  end
  put_cohort(T, KEYS[1], cohort, ttl)
end
return 1
