-- KEYS: the principal, the set of tightened cohorts, the log, the cohorts, the writes of the worker.
-- ARGV: terms, the fold, what the log is told, requests that the log holds, the number of the write.
local writes, number = table.remove(KEYS), tonumber(table.remove(ARGV))
local T, F = cmsgpack.unpack(ARGV[1]), cmsgpack.unpack(ARGV[2])
local now, ttl = clock(F.now), F.ttl
if repeated(writes, number, ttl) then return 0 end

local kept = redis.call('HMGET', KEYS[1], 'a', 't', 'p', 'b', 'w', 'f', 'c', 'r')
local mine = principal_of(kept[1], now)
local standings = kept[2] and cmsgpack.unpack(kept[2]) or {}

-- Sketches: sizes are the caller's.
local function at(blob) return blob and struct.unpack('<I4', blob) or 0 end
local function pack(number) return struct.pack('<I4', number) end

-- The latest entries of one size, in the places of a ring, behind how many there were.
local function ring(blob, entry, places)
  local many, body = at(blob), blob and blob:sub(5) or string.rep('\0', places * #entry)
  local place = (many % places) * #entry
  return pack(many + 1) .. body:sub(1, place) .. entry .. body:sub(place + #entry + 1)
end

-- A bit set, behind its volume; begins anew after a window.
local function bits(blob, bit, size, window)
  local volume, body = at(blob), blob and blob:sub(5) or string.rep('\0', size)
  if volume >= window then volume, body = 0, string.rep('\0', size) end
  local place = math.floor(bit / 8) + 1
  local byte, mask = body:byte(place), 2 ^ (bit % 8)
  if math.floor(byte / mask) % 2 == 0 then byte = byte + mask end
  return pack(volume + 1) .. body:sub(1, place - 1) .. string.char(byte) .. body:sub(place + 1)
end

-- Counters of a byte, behind the prompts; all are halved when those are full.
local function counters(blob, slots, size, full)
  local prompts = at(blob) + 1
  local bytes = blob and {blob:byte(5, -1)} or {}
  if not blob then for i = 1, size do bytes[i] = 0 end end
  for _, slot in ipairs(slots) do bytes[slot + 1] = bytes[slot + 1] + 1 end
  if prompts >= full then
    prompts = math.floor(prompts / 2)
    for i = 1, size do bytes[i] = math.floor(bytes[i] / 2) end
  end
  return pack(prompts) .. string.char(unpack(bytes))
end

local function pace(blob, repeats)
  local p = blob and cmsgpack.unpack(blob) or {0.0, 0.0, HUGE, -1, 0, 0}
  p[2] = p[2] * math.exp(-max(0.0, now - p[1]) / DAY) + 1.0
  p[1], p[3] = max(p[1], now), min(p[3], now)
  local hour = math.floor(now / 3600)
  if p[4] ~= hour then p[4], p[5], p[6] = hour, 0, 0 end
  p[5], p[6] = p[5] + 1, p[6] + (repeats and 1 or 0)
  return cmsgpack.pack(p)
end

local function latest(blob, news, places)
  local known, all = {}, {}
  for i = 1, #blob, 8 do
    all[#all + 1] = blob:sub(i, i + 7)
    known[all[#all]] = true
  end
  for i = 1, #news, 8 do
    local piece = news:sub(i, i + 7)
    if not known[piece] then
      all[#all + 1], known[piece] = piece, true
    end
  end
  return table.concat(all, '', max(1, #all - places + 1))
end

mine.folds = mine.folds + 1
move(T, mine, F.moves, now)
local bodies = ((kept[4] or '') .. F.digest):sub(-8 * F.bodies)
local pieces = latest(kept[3] or '', F.pieces, F.most_pieces)
local words, past, cells, speed = kept[5], kept[6], kept[7], kept[8]
for _, row in ipairs(F.rows) do
  speed = pace(speed, row[1])
  if row[2] ~= '' then
    past = ring(past, row[2], F.past)
    if T.cells then cells = bits(cells, row[3], F.cells / 8, F.window) end
  end
  words = counters(words, row[4], F.slots, F.full)
end
mine.held_at = mine.held_at or F.held_at

-- One member's standing, popped and put at the end: the one longest unseen is forgotten first.
local function standing_of(ref)
  for i, row in ipairs(standings) do
    if row[1] == ref[1] then
      table.insert(standings, table.remove(standings, i))
      return row, false
    end
  end
  if #standings >= F.most_standings then table.remove(standings, 1) end
  local row = {ref[1], ref[2], ref[3], mine.careful, mine.typical, 0, ref[8]}
  standings[#standings + 1] = row
  return row, true
end

local function no_bet(f) return #f[4] == 0 and f[5] == 0 and f[6] == 0 and not f[7] end

-- Whether it is a teacher of the cohort's past is the answer.
local function learn(f, key, cohort, row, joins)
  if joins then cohort.members = cohort.members + 1 end
  local counted = not joins and row[5] > T.cleared * LN10
  local spoke = not joins and row[4] >= T.outspoken * LN10
  row[4] = min(T.standing_ceiling * LN10, max(-2.0 * LN10, row[4] + f[5]))
  row[5] = min(T.standing_ceiling * LN10, max(T.floor * LN10, row[5] + f[6]))
  local cleared, speaks = row[5] <= T.cleared * LN10, row[4] >= T.outspoken * LN10
  cohort.outspoken = cohort.outspoken + (speaks and 1 or 0) - (spoke and 1 or 0)
  if counted == cleared and F.trust ~= 0 then cohort.trust = cohort.trust + (cleared and -F.trust or F.trust) end
  if f[7] then row[6] = row[6] + 1 end
  if cleared and row[6] > 0 then
    cohort.guests = max(0.0, cohort.guests - row[6])
    row[6] = 0
  end
  cohort.tight = cohort.tight and cohort_tier(T, cohort, now) >= SOFT  -- it may have faded since
  move(T, cohort, f[4], now)
  -- What cleared members ask says nothing of the others; nor does, where all are members, what newcomers ask once a
  -- harvest is found, or about to be.
  local found = cohort.tight or cohort.outspoken >= T.carried_by
  local stranger = found and row[5] < f[8] * LN10
  settle_room(T, key, f[1], KEYS[2], cohort, now, ttl)
  put_cohort(T, key, cohort, ttl)
  return not cleared and not stranger and cohort.members >= 2
end

local learns = {}
for i, f in ipairs(F.cohorts) do
  local key = KEYS[3 + i]
  local blob = redis.call('GET', key)
  local cohort = cohort_of(blob, now)
  local row, joins = standing_of(f)
  learns[i] = '0'
  if not joins and no_bet(f) and row[5] <= T.cleared * LN10 then  -- most honest members, most of the time
    if blob then redis.call('PEXPIRE', key, life(T, cohort, ttl)) end
  elseif learn(f, key, cohort, row, joins) then
    learns[i] = '1'
  end
end

mine.room = principal_room(T, mine, standings, now)
redis.call('HSET', KEYS[1], 't', cmsgpack.pack(standings), 'p', pieces, 'b', bodies, 'w', words, 'r', speed)
if past then redis.call('HSET', KEYS[1], 'f', past) end
if cells then redis.call('HSET', KEYS[1], 'c', cells) end
put_principal(T, KEYS[1], mine, ttl)
redis.call('XADD', KEYS[3], 'MAXLEN', '~', ARGV[4], '*', 'm', table.concat(learns), 'e', ARGV[3])
redis.call('PEXPIRE', KEYS[3], ttl)
return 1
