-- What ratelimit/evidence.py, ledger.py and admission.py say of evidence and cohorts, once more, as accounts.lua does of
-- budgets.

-- Whether the write of this *number* of a worker's was made before; from now on it was. Kept behind the highest number:
-- whether it was made, and the WINDOW - 1 before it, one character each. What is older counts as made.
local WINDOW = 128

local function repeated(key, number, ttl)
  local kept = redis.call('GET', key)
  local last, made = 0, ''
  if kept then last, made = struct.unpack('<d', kept), kept:sub(9) end
  local back = last - number
  if back < 0 then
    last, made = number, ('1' .. string.rep('0', min(WINDOW, -back) - 1) .. made):sub(1, WINDOW)
  elseif back >= #made or made:sub(back + 1, back + 1) == '1' then
    return true
  else
    made = made:sub(1, back) .. '1' .. made:sub(back + 2)
  end
  redis.call('SET', key, struct.pack('<d', last) .. made, 'PX', ttl)
  return false
end

-- Evidence ------------------------------------------------------------------------------------------------------

local function faded(T, wealth, idle)
  local over = idle - T.grace
  if over <= 0 or wealth <= 0 then return wealth end
  return max(0.0, wealth - T.fade * LN10 * over / DAY)
end

local function combined(wealths, signals)
  if #wealths == 0 or signals == 0 then return 0.0 end
  local top = 0.0
  for i = 1, #wealths do top = max(top, wealths[i]) end
  local sum = 0.0
  for i = 1, #wealths do sum = sum + math.exp(wealths[i] - top) end
  return (top + math.log((sum + max(0, signals - #wealths) * math.exp(-top)) / signals)) / LN10
end

local function evidence_of(T, account, signals, now)
  if next(account.wealth) == nil then return 0.0 end
  local idle = now - account.active_at
  if #signals == 1 then return faded(T, account.wealth[signals[1]] or 0.0, idle) / LN10 end
  local wealths = {}
  for i = 1, #signals do
    local wealth = account.wealth[signals[i]]
    if wealth then wealths[#wealths + 1] = faded(T, wealth, idle) end
  end
  return combined(wealths, #signals)
end

local function step(T, evidence)
  if evidence < T.watch then return 0 end
  if evidence < T.soft then return 1 end
  return evidence < T.hard and 2 or 3
end

local function tier_of(T, account, signals, now)
  local most = -HUGE
  for _, wealth in pairs(account.wealth) do most = max(most, wealth) end
  if most < T.watch * LN10 then return 0 end
  return step(T, evidence_of(T, account, signals, now))
end

-- A cohort that was tightened is let go only once its evidence is below the tier watch.
local function sticky(cohort, tier)
  return tier == WATCH and cohort.tight and SOFT or tier
end

local function cohort_tier(T, cohort, now)
  return sticky(cohort, tier_of(T, cohort, T.cohort_signals, now))
end

local function move(T, account, moves, now)
  if #moves == 0 then return end
  local idle = now - account.active_at
  for name, wealth in pairs(account.wealth) do account.wealth[name] = faded(T, wealth, idle) end
  for i = 1, #moves do
    local name, factor, ceiling = moves[i][1], moves[i][2], moves[i][3]
    local wealth = min((account.wealth[name] or 0.0) + factor, min(ceiling, T.ceiling) * LN10)
    account.wealth[name] = T.cusum and max(0.0, wealth) or wealth
  end
  account.active_at = max(account.active_at, now)
end

-- Budgets -------------------------------------------------------------------------------------------------------

-- Adds units, one a budget, after what has drained since; no level falls below empty.
local function correct(T, account, units, share, now)
  local at, levels = stood_at(T, account, now), {}
  for i, budget in ipairs(T.budgets) do
    levels[i] = max(0.0, units[i] + drained(account.levels[budget[1]] or 0.0, at, now, budget[3] * share))
  end
  keep(T, account, levels, now)
end

local function guests_of(T, cohort, now)
  return drained(cohort.guests, cohort.guests_at, now, T.guests_per_day / DAY)
end

-- Accounts, as they are kept ------------------------------------------------------------------------------------
-- A cohort is a string.

local function cohort_of(blob, now)
  if not blob then
    return {levels = {}, at = now, spent_until = now, wealth = {}, active_at = now, members = 0, trust = 0.0,
            guests = 0.0, guests_at = now, room = -1, outspoken = 0, tight = false}
  end
  local row = cmsgpack.unpack(blob)
  return {levels = row[1], at = row[2], spent_until = row[3], wealth = row[4], active_at = row[5], members = row[6],
          trust = row[7], guests = row[8], guests_at = row[9], room = row[10], outspoken = row[11], tight = row[12]}
end

local function cohort_blob(c)
  return cmsgpack.pack({c.levels, c.at, c.spent_until, c.wealth, c.active_at, c.members, c.trust, c.guests,
                        c.guests_at, c.room, c.outspoken, c.tight})
end

local function put_cohort(T, key, c, ttl)
  local blob = cohort_blob(c)
  redis.call('SET', key, blob, 'PX', life(T, c, ttl))
  return blob
end

-- The room of a cohort after it moved; a pool that turns tight begins empty.
local function settle_room(T, key, name, tight, c, now, ttl)
  local tightens = cohort_tier(T, c, now) >= SOFT
  if tightens and not c.tight then
    local levels = {}
    for i, budget in ipairs(T.budgets) do levels[i] = burst_of(T, SOFT, budget[2], 1.0) end
    keep(T, c, levels, now)
  end
  if tightens then
    redis.call('ZADD', tight, now, name)
    redis.call('PEXPIRE', tight, 2 * ttl)
  elseif c.room == 2 then
    redis.call('ZREM', tight, name)
  end
  c.tight = tightens
  c.room = tightens and 2 or c.members > 1 and 1 or 0
end

local function held_from(p, standings, typical)
  if p.typical >= typical then return true end
  for _, row in ipairs(standings) do
    if row[5] >= typical then return true end
  end
  return false
end

local function principal_room(T, p, standings, now)
  local tight = held_from(p, standings, T.young * LN10) or tier_of(T, p, T.signals, now) >= SOFT
  return tight and 2 or 1
end
