-- What ratelimit/gcra.py, ledger.py and admission.py say of budgets, once more, where it can be atomic: all that a policy
-- of budgets alone needs. A property in tests/stores/redis proves both the same. T is the terms: a map of numbers that
-- travels with the call.

local LN10, DAY, SLACK = 2.302585092994046, 86400.0, 1e-9
local WATCH, SOFT, HUGE = 1, 2, math.huge
local max, min = math.max, math.min

local function clock(given)
  if given then return given end
  local time = redis.call('TIME')
  return tonumber(time[1]) + tonumber(time[2]) / 1000000
end

-- Budgets -------------------------------------------------------------------------------------------------------

local function share_of(T, tier, trust)
  if tier < SOFT then return 1.0 end
  local share = tier == SOFT and T.soft_refill or T.hard_refill
  return min(1.0, share * (1.0 + min(T.most_trust, max(0.0, trust))))
end

local function burst_of(T, tier, base, cost)
  if tier < SOFT then return base end
  return min(base, max(max(cost, 1.0), base * T.tight_burst))
end

local function drained(level, at, now, refill)
  return max(0.0, level - max(0.0, now - at) * refill)
end

-- A clock that stepped back stalls the refill for one window at most.
local function stood_at(T, account, now)
  return account.at - now <= T.longest and account.at or now
end

local function keep(T, account, levels, now)
  account.at = account.at > now and stood_at(T, account, now) or now
  local latest = now
  for i, budget in ipairs(T.budgets) do
    account.levels[budget[1]] = levels[i]
    latest = max(latest, now + levels[i] / budget[3])
  end
  account.spent_until = latest
end

-- One grant a budget: {allowed, level, remaining, retry_after}.
local function grants_of(T, account, costs, tier, now, trust)
  local at, share, grants = stood_at(T, account, now), share_of(T, tier, trust), {}
  for i, budget in ipairs(T.budgets) do
    local cost, refill = costs[i], budget[3] * share
    local burst = burst_of(T, tier, budget[2], cost)
    local level = drained(account.levels[budget[1]] or 0.0, at, now, refill)
    if level + cost <= burst + SLACK then
      grants[i] = {true, level + cost, max(0.0, burst - (level + cost)), 0.0}
    else
      local never = cost > burst + SLACK or refill <= 0
      grants[i] = {false, level, max(0.0, burst - level), never and HUGE or (level + cost - burst) / refill}
    end
  end
  return grants
end

-- How many requests of a principal are in flight, and when the first of them is given up; late ones are given back.
local function in_flight(account, now)
  local many, first = 0, HUGE
  for lease, ends in pairs(account.slots) do
    if ends <= now then
      account.slots[lease] = nil
    else
      many, first = many + 1, min(first, ends)
    end
  end
  return many, first
end

-- Accounts, as they are kept ------------------------------------------------------------------------------------
-- A principal is a hash: a, its account; t, its standings, the last seen at the end; and what is only carried.
-- Rooms: 0 nothing was learned, 1 known, 2 tightened; they are what the time to live goes by.

local function principal_of(blob, now)
  if not blob then
    return {levels = {}, at = now, spent_until = now, wealth = {}, active_at = now, held_at = false, folds = 0,
            careful = 0.0, typical = 0.0, room = 0, slots = {}}
  end
  local row = cmsgpack.unpack(blob)
  return {levels = row[1], at = row[2], spent_until = row[3], wealth = row[4], active_at = row[5], held_at = row[6],
          folds = row[7], careful = row[8], typical = row[9], room = row[10], slots = row[11]}
end

local function principal_blob(p)
  return cmsgpack.pack({p.levels, p.at, p.spent_until, p.wealth, p.active_at, p.held_at, p.folds, p.careful,
                        p.typical, p.room, p.slots})
end

-- Under volatile-ttl what ends first goes first: passers-by, then the known, then the tightened.
-- What is owed beyond the burst takes longer to drain than a budget does.
local function life(T, account, ttl)
  if account.room == 2 then return 2 * ttl end
  if account.room == 1 then return ttl end
  local owed = math.ceil(1000 * max(0.0, account.spent_until - account.at))
  return min(ttl, T.passing + max(0, owed - T.drains))
end

local function put_principal(T, key, p, ttl)
  local blob = principal_blob(p)
  redis.call('HSET', key, 'a', blob)
  redis.call('PEXPIRE', key, life(T, p, ttl))
  return blob
end

-- Several strings, some of them nil or false, as one: for each its length and one, or 0 (4 bytes, little-endian), and then
-- the strings. The client reads one string several times as fast as a list.
local function framed(many, parts)
  local sizes, told = {}, {}
  for i = 1, many do
    local part = parts[i]
    sizes[i] = struct.pack('<I4', part and #part + 1 or 0)
    if part then told[#told + 1] = part end
  end
  return table.concat(sizes) .. table.concat(told)
end
