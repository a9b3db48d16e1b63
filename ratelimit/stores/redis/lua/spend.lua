-- The charge of a policy of budgets alone: it has no evidence and no cohorts, and so nothing else of the principal is read.
-- KEYS: the principal, [the payer].
-- ARGV: terms, and [now or false, costs, time to live, lease or false, the least tier].
local T, C = cmsgpack.unpack(ARGV[1]), cmsgpack.unpack(ARGV[2])
local now, costs, ttl, lease, least = clock(C[1]), C[2], C[3], C[4], C[5]

local accounts, blobs, rows, levels, reasons, wait = {}, {}, {}, {}, {}, 0.0
for i, key in ipairs(KEYS) do
  blobs[i] = redis.call('HGET', key, 'a')
  accounts[i] = principal_of(blobs[i], now)
  -- A payer is asked as a clear one, whoever spends from it.
  local grants = grants_of(T, accounts[i], costs, i == 1 and least or 0, now, 0.0)
  levels[i] = {}
  for b, grant in ipairs(grants) do
    levels[i][b] = grant[2]
    if i == 1 then rows[b] = {grant[1], grant[2], grant[3]} end
    if not grant[1] then
      wait = max(wait, grant[4])
      reasons[#reasons + 1] = {b - 1, i == 1 and least > 0 and 4 or 0, '', grant[4]}
    end
  end
end
local known = blobs[1] and true or false

local slots_left = false
if lease and T.slots > 0 then
  slots_left = T.slots
  for _, account in ipairs(accounts) do
    local many, first = in_flight(account, now)
    slots_left = max(0, min(slots_left, T.slots - many))
    if slots_left == 0 then
      wait = max(wait, min(T.slot_wait, first - now))
      reasons[#reasons + 1] = {0, 3, '', 0.0}
      break
    end
  end
end

local allowed = #reasons == 0
for i, account in ipairs(accounts) do
  if allowed then
    if slots_left then account.slots[lease] = now + T.slot_seconds end
    keep(T, account, levels[i], now)
    blobs[i] = put_principal(T, KEYS[i], account, ttl)
  elseif account.at - now > T.longest then  -- the clock stepped back: its levels stand so from now on
    local stood = {}
    for b, budget in ipairs(T.budgets) do stood[b] = account.levels[budget[1]] or 0.0 end
    keep(T, account, stood, now)
    blobs[i] = put_principal(T, KEYS[i], account, ttl)
  end
end
if slots_left and allowed then slots_left = slots_left - 1 end
return framed(1 + #KEYS, {
  cmsgpack.pack({allowed, least, least, false, {}, reasons, rows, wait, HUGE, now, known, {}, slots_left}),
  blobs[1], blobs[2],
})
