-- KEYS: the principal, the set of tightened cohorts, [the payer,] the cohorts of the charge.
-- ARGV: terms, the charge, what cohorts' keys begin with.
local T, C = cmsgpack.unpack(ARGV[1]), cmsgpack.unpack(ARGV[2])
local now, costs, ttl = clock(C.now), C.costs, C.ttl

local kept = redis.call('HMGET', KEYS[1], 'a', 't', 'p', 'b', 'w', 'f', 'c', 'r')
local known = kept[1]
local mine = principal_of(known, now)
local standings = kept[2] and cmsgpack.unpack(kept[2]) or {}
local by_name = {}
for _, row in ipairs(standings) do by_name[row[1]] = row end

local payer, payer_kept, offset = nil, false, 2
if C.payer then
  payer_kept = redis.call('HGET', KEYS[3], 'a')
  payer, offset = principal_of(payer_kept, now), 3
end

local function continues()
  if C.earlier == '' or not kept[3] then return false end
  local known_pieces = {}
  for i = 1, #kept[3], 8 do known_pieces[kept[3]:sub(i, i + 7)] = true end
  for i = 1, #C.earlier, 8 do
    if known_pieces[C.earlier:sub(i, i + 7)] then return true end
  end
  return false
end
local goes_on = continues()

local reasons, writes, own, corrections, wait, hears = {}, {}, {}, {}, 0.0, 0.0

-- Takes the grants of one account. cause: 0 quota, 1 behaviour, 2 cohort, 3 slots, 4 an operator.
local function take(write, account, grants, cause, kind)
  local longest = 0.0
  if account.at - now > T.longest then
    local levels = {}
    for i, budget in ipairs(T.budgets) do levels[i] = account.levels[budget[1]] or 0.0 end
    corrections[#corrections + 1] = {write, account, levels}
  end
  for i, grant in ipairs(grants) do
    if not grant[1] then
      longest = max(longest, grant[4])
      reasons[#reasons + 1] = {i - 1, cause, kind, grant[4]}
    end
  end
  if longest == 0 then
    local levels = {}
    for i, grant in ipairs(grants) do levels[i] = grant[2] end
    writes[#writes + 1] = {write, account, levels}
    return true
  end
  wait = max(wait, longest)
  return false
end

local function seat_of(name, presumed, patience, cohort)
  local row = by_name[name]
  local careful, typical = mine.careful, mine.typical
  if row then careful, typical = row[4], row[5] end
  if typical == 0 and careful == 0 and (not cohort or next(cohort.wealth) == nil) then return false end
  careful, typical = careful / LN10, typical / LN10
  local evidence = cohort and evidence_of(T, cohort, T.cohort_signals, now) or 0.0
  local tier, cleared = step(T, evidence), typical <= T.cleared
  if cohort then tier = sticky(cohort, tier) end
  local held, firm, guest, hears_after = false, false, false, HUGE
  local function hearing(standing, held_at)
    local above, younger = max(0.0, standing - held_at), max(0.0, T.settled - held_at)
    return T.hearing * math.pow(10.0, 2.0 * above + younger)
  end
  if cohort and tier >= SOFT and not cleared then
    local first = mine.held_at
    if not first and mine.typical > 0 then first = T.young end
    local came_of_age = C.aged and first and first < T.settled and typical >= first + patience
    if C.trusted and not came_of_age then
      local held_at = T.trusted + patience
      held = careful >= held_at
      firm = held
      hears_after = hearing(careful, held_at)
    else
      local held_at = (goes_on and T.continuing or mine.held_at or C.held_at) + patience
      firm = not presumed or typical >= held_at
      held = firm
      if not firm and patience == 0 then
        guest = guests_of(T, cohort, now) <= T.guests_at_once - 1
        held = not guest
      end
      if presumed then hears_after = hearing(typical, held_at) end
    end
  end
  local spoken = careful >= T.outspoken
  local shown = 0
  if held then shown = (spoken or tier < SOFT) and tier or SOFT end
  -- Where nothing ties the members, only of those whose own behaviour says something does a bet say anything.
  local counts = not cleared and (patience == 0 or typical >= patience)
  if counts then
    local carried = cohort and cohort.outspoken >= T.carried_by
    if tier >= SOFT then counts = held else counts = carried or not spoken end
  end
  return {evidence, tier, cleared, held, firm, guest, shown, hears_after, counts}
end

local seen = tier_of(T, mine, T.signals, now)
local own_tier = max(seen, C.least)
local tier = own_tier
local grants = grants_of(T, mine, costs, own_tier, now, 0.0)
if take('mine', mine, grants, own_tier > seen and 4 or own_tier >= SOFT and 1 or 0, '') then own[1] = writes[#writes] else hears = HUGE end
if payer then
  if take('payer', payer, grants_of(T, payer, costs, 0, now, 0.0), 0, '') then
    own[#own + 1] = writes[#writes]
  else
    hears = HUGE
  end
end

local pools = {}
local function share(write, name, cohort, seat, kind)
  tier = max(tier, seat[7])
  if take(write, cohort, grants_of(T, cohort, costs, seat[2], now, cohort.trust), 2, kind) then
    pools[#pools + 1] = name
  else
    hears = max(hears, seat[8])
  end
end

local cohorts, blobs, seats, named = {}, {}, {}, {}
if #C.cohorts > 0 then blobs = redis.call('MGET', unpack(KEYS, offset + 1)) end
for i, ref in ipairs(C.cohorts) do
  named[ref[1]] = true
  cohorts[i] = blobs[i] and cohort_of(blobs[i], now) or false
  local seat = seat_of(ref[1], ref[3], ref[4], cohorts[i])
  seats[i] = seat
  if seat and seat[4] and cohorts[i] then share(i, ref[1], cohorts[i], seat, ref[2]) end
end

-- Whoever is held shares the budgets of other tightened cohorts too, whatever the shape of the present request.
local elsewhere, others = {}, {}
for _, row in ipairs(standings) do
  if not named[row[1]] and not C.without[row[1]:sub(1, 16)] then elsewhere[#elsewhere + 1] = row end
end
if #elsewhere > 0 and redis.call('EXISTS', KEYS[2]) == 1 then
  local names = {}
  for i, row in ipairs(elsewhere) do names[i] = row[1] end
  local tight = redis.call('ZMSCORE', KEYS[2], unpack(names))
  for i, row in ipairs(elsewhere) do
    if tight[i] then
      local blob = redis.call('GET', ARGV[3] .. row[1])
      if not blob then
        redis.call('ZREM', KEYS[2], row[1])
      else
        local cohort = cohort_of(blob, now)
        local seat = seat_of(row[1], row[3], row[7], cohort)
        others[row[1]] = cohort
        if seat and seat[4] then share(row[1], row[1], cohort, seat, row[2]) end
      end
    end
  end
end

-- A slot of the principal's, and one of its payer's.
local slots_left = false
if C.lease and T.slots > 0 then
  slots_left = T.slots
  for _, account in ipairs({mine, payer}) do
    local many, first = in_flight(account, now)
    slots_left = max(0, min(slots_left, T.slots - many))
    if slots_left == 0 then
      hears, wait = HUGE, max(wait, min(T.slot_wait, first - now))
      reasons[#reasons + 1] = {0, 3, '', 0.0}
      break
    end
  end
end

local heard_at = #reasons > 0 and mine.at + hears or HUGE
local heard = #reasons > 0 and now >= heard_at
local allowed = heard or #reasons == 0
local due = allowed and (heard and own or writes) or corrections

if slots_left and allowed then
  slots_left = slots_left - 1
  mine.slots[C.lease] = now + T.slot_seconds
  if payer then payer.slots[C.lease] = now + T.slot_seconds end
end
local changed = {}
for _, write in ipairs(due) do
  keep(T, write[2], write[3], now)
  changed[write[1]] = true
end
if allowed then
  for i, seat in ipairs(seats) do
    if seat and seat[6] and cohorts[i] then
      cohorts[i].guests = guests_of(T, cohorts[i], now) + 1.0
      cohorts[i].guests_at = max(cohorts[i].guests_at, now)
      changed[i] = true
    end
  end
end
if changed.mine then kept[1] = put_principal(T, KEYS[1], mine, ttl) end
local payers = false
if payer and changed.payer then
  payers = put_principal(T, KEYS[3], payer, ttl)
elseif payer then
  payers = payer_kept
end
for i, cohort in ipairs(cohorts) do
  if changed[i] then blobs[i] = put_cohort(T, KEYS[offset + i], cohort, ttl) end
end
for name, cohort in pairs(others) do
  if changed[name] then put_cohort(T, ARGV[3] .. name, cohort, ttl) end
end

local rows = {}
for i, grant in ipairs(grants) do rows[i] = {grant[1], grant[2], grant[3]} end
local reply = {
  cmsgpack.pack({allowed, own_tier, tier, goes_on, seats, heard and {} or reasons, rows,
                 heard and 0.0 or min(wait, max(0.0, heard_at - now)), heard_at, now, known and true or false,
                 (allowed and not heard) and pools or {}, slots_left}),
  payers, kept[1], kept[2], kept[3], kept[4], kept[5], kept[6], kept[7], kept[8],
}
for i = 1, #C.cohorts do reply[10 + i] = blobs[i] or false end
return framed(10 + #C.cohorts, reply)
