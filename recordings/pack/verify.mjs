// Verify an evidence pack of a phone call, offline, with Node.js 20 and no package: a second
// verifier, written apart from verify.py, with the same rules under the same names.
//
//   node verify.mjs DIRECTORY [--checkpoint FILE] [--key VKEY] [--keys FILE] [--json]
//
// Exit status: 0 every rule holds, 1 some do not. What is in a pack: docs/EVIDENCE.md of Parley.
import { createDecipheriv, createHash, createPublicKey, verify as verifies } from 'node:crypto'
import { closeSync, lstatSync, openSync, readFileSync, readSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'

const FILE_BYTES_MAX = 2 ** 30
const PIECE_BYTES = 2 ** 20
const LISTS = ['manifest-sha256.txt', 'tagmanifest-sha256.txt']
const SIGNATURE = 'tagmanifest-sha256.sig'
const APPEND_ONLY = ['consent_', 'chunk', 'segment', 'gate_vote', 'key_destroyed']
const OPENING = ['basis_ok', 'granted', 'vital']
const LISTENING = ['asked', 'read_back', 'reasked']
// The rows of the table of consent that grant, and the states they grant out of.
const GRANTS = new Map([
  [6, ['unresolved', 'notice_due']], [8, ['confirm_due']], [11, ['asked', 'read_back']],
  [12, ['read_back']], [16, ['reasked']], [17, ['asked']]
])
const EMERGENCY = 33
const mayGrant = (number, state) => number === EMERGENCY || (GRANTS.get(number) ?? []).includes(state)
const NOBODY = { state: '', epoch: 0, is_open: false, number: 0 }

const sha256 = (...parts) => parts.reduce((hash, part) => hash.update(part), createHash('sha256')).digest()
const isWhole = Number.isSafeInteger

class Pack {
  constructor (root, keys) {
    this.root = root
    this.files = new Set()
    this.walk('')
    const raw = this.read('data/entries.jsonl')
    this.lines = []
    for (let from = 0, end; (end = raw.indexOf(10, from)) >= 0; from = end + 1) {
      this.lines.push(raw.subarray(from, end))
    }
    this.entries = this.lines.map((line) => JSON.parse(line))
    this.call = this.text('data/call.txt')
    this.vkey = this.text('data/log.vkey')
    const [name, , ...encoded] = this.vkey.split('+')
    this.origin = name
    const x = Buffer.from(encoded.join('+'), 'base64').subarray(1).toString('base64url')
    this.public = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' })
    const found = JSON.parse(keys || this.text('data/keys.json'))
    this.keys = new Map('ciphertext' in found
      ? []
      : Object.entries(found).map(([id, key]) => [id, Buffer.from(key, 'base64')]))
    this.tables = new Map()
    this.before = new Map() // event -> the one before it about the same scope
  }

  walk (below) {
    for (const name of readdirSync(join(this.root, below))) {
      const path = below + name
      const about = lstatSync(join(this.root, path))
      if (about.isSymbolicLink() || (about.isFile() && about.size > FILE_BYTES_MAX)) {
        throw new Error('there is a link, or a file that is too large')
      }
      if (about.isDirectory()) this.walk(`${path}/`)
      if (about.isFile()) this.files.add(path)
    }
  }

  read (name) {
    if (!this.files.has(name)) throw new Error(`${name} is missing`)
    return readFileSync(join(this.root, name))
  }

  text (name) {
    return this.read(name).toString().replace(/^\n+|\n+$/g, '')
  }

  digest (name) {
    const hash = createHash('sha256')
    const piece = Buffer.alloc(PIECE_BYTES)
    const file = openSync(join(this.root, name), 'r')
    for (let size; (size = readSync(file, piece)) > 0;) hash.update(piece.subarray(0, size))
    closeSync(file)
    return hash.digest('hex')
  }

  table (name) {
    if (!this.tables.has(name)) this.tables.set(name, new Map())
    return this.tables.get(name)
  }

  row (table, id) {
    return this.table(table).get(id)
  }

  // Size and root of a checkpoint that the log key signed (C2SP signed-note).
  signed (note) {
    const cut = note.lastIndexOf('\n\n')
    const body = note.slice(0, cut)
    const mine = note.slice(cut + 2).split('\n').filter((line) => line.startsWith(`— ${this.origin} `))
    const signature = Buffer.from(mine.length === 1 ? mine[0].split(' ')[2] : '', 'base64')
    if (!verifies(null, Buffer.from(`${body}\n`), this.public, signature.subarray(4))) {
      throw Object.assign(new Error('a checkpoint is not signed'), { rule: 'signature' })
    }
    const [, size, root] = body.split('\n')
    return { size: Number(size), root }
  }

  // The root at a size (RFC 6962 section 2.1), base64; '' where what is told does not give it.
  rootAt (size) {
    let at = 0
    let covered = 0
    let stack = []
    let root = ''
    const join = () => {
      const right = stack.pop()
      const left = stack.pop()
      stack.push({ count: 2 * left.count, hash: sha256('\x01', left.hash, right.hash) })
    }
    for (const [count, told] of JSON.parse(this.text('data/proof.json'))) {
      const hash = told ? Buffer.from(told, 'hex') : sha256('\x00', this.lines[at++] ?? '')
      if (covered >= size) continue
      covered += count
      stack.push({ count, hash })
      while (stack.length > 1 && stack.at(-1).count === stack.at(-2).count) join()
      if (covered === size) {
        while (stack.length > 1) join()
        root = stack[0].hash.toString('base64')
        stack = []
      }
    }
    return at === this.lines.length ? root : ''
  }
}

// Where the caller let scopes be open: a list of [from, until] for each.
class Spans {
  constructor () {
    this.scopes = new Map()
  }

  of (scope) {
    if (!this.scopes.has(scope)) this.scopes.set(scope, [])
    return this.scopes.get(scope)
  }

  turn (event) {
    const spans = this.of(event.scope)
    if (event.is_open) spans.push([event.at_us, Infinity])
    else spans.at(-1)[1] = event.at_us
  }

  cover (scope, from, until) {
    return this.of(scope).some(([begin, end]) => begin <= from && until <= end)
  }
}

function * files (pack, trusted) {
  const listed = new Map()
  for (const list of LISTS) {
    for (const line of pack.text(list).split('\n')) listed.set(line.slice(66), line.slice(0, 64))
  }
  const beside = new Set([LISTS[1], SIGNATURE])
  const names = new Set([...listed.keys(), ...pack.files].filter((name) => !beside.has(name)))
  for (const name of [...names].sort()) {
    const holds = pack.files.has(name) && listed.get(name) === pack.digest(name)
    yield ['bag', holds, `${name} is changed, missing, or not listed`]
  }
  yield ['key', !trusted || trusted.trim() === pack.vkey, 'the log key is not the one you trust']
  const signature = Buffer.from(pack.text(SIGNATURE), 'base64')
  const isSigned = verifies(null, pack.read(LISTS[1]), pack.public, signature)
  yield ['signature', isSigned, 'the log key did not sign the lists']
}

function * history (pack, held) {
  const { size, root } = pack.signed(pack.text('data/checkpoint.txt'))
  // Nothing is proven of an entry beyond what was signed.
  const told = JSON.parse(pack.text('data/proof.json')).reduce((sum, [count]) => sum + count, 0)
  yield ['log', told === size && pack.rootAt(size) === root, `it is not the log of size ${size}`]
  if (!held) return
  const older = pack.signed(held)
  yield ['history', older.size === 0 || pack.rootAt(older.size) === older.root,
    `it is not the log of size ${older.size}`]
}

function * chain (pack) {
  let [number, link, seq, atUs] = [0, null, 0, 0]
  for (const [at, entry] of pack.entries.entries()) {
    yield ['time', isWhole(entry.seq) && entry.seq > seq && entry.at_us >= atUs, `entry ${entry.seq}`]
    seq = entry.seq
    atUs = entry.at_us
    if (entry.scope !== pack.call) continue
    number += 1
    yield ['chain', entry.scope_seq === number && entry.scope_prev === link, `entry ${entry.seq}`]
    link = sha256('\x00', pack.lines[at]).toString('hex')
  }
}

// What is true of each row, once its entry is done.
const RULES = {
  * consent_event (pack, entry, row, spans, latest) {
    const who = `${row.party}\n${row.scope}`
    const was = latest.get(who) ?? NOBODY
    latest.set(who, row)
    const opens = OPENING.includes(row.state)
    yield ['grant', !opens || OPENING.includes(was.state) || mayGrant(row.number, was.state)]
    yield ['grant', row.is_open === (opens && row.closed_by.length === 0) && row.at_us === entry.at_us]
    yield ['epoch', row.epoch === was.epoch + (row.is_open !== was.is_open ? 1 : 0)]
    if (row.event === 'heard') {
      const prompt = pack.row('consent_prompt', row.prompt)
      const isHeard = pack.row('consent_heard', row.prompt) !== undefined
      yield ['heard', isHeard && prompt !== undefined && prompt.scopes.includes(row.scope)]
    } else if (LISTENING.includes(row.state)) {
      yield ['heard', was.state === row.state]
    }
  },

  * consent_heard (pack, entry, row) {
    yield ['heard', row.played_ms * 1000 >= row.total_ms * row.must_hear_permille]
  },

  * consent_key (pack, entry, row) {
    const by = pack.row('consent_event', row.event) ?? NOBODY
    const grants = by !== NOBODY && mayGrant(by.number, pack.before.get(by.id)?.state)
    const isNow = by.at_us === row.at_us && row.at_us === entry.at_us && by.epoch === row.epoch
    yield ['birth', grants && isNow && by.scope === 'recording' && by.party === 'caller']
  },

  * chunk (pack, entry, row, spans) {
    const key = pack.row('consent_key', row.key_id)
    const endUs = row.captured_from_us + Math.floor(row.samples * 1e6 / row.rate)
    const gate = pack.row('recording', pack.call)
    yield ['birth', key !== undefined && key.party === row.party && key.at_us <= row.captured_from_us]
    yield ['open', spans.cover('recording', row.captured_from_us, endUs)]
    yield ['epoch', gate !== undefined && gate.first_epoch <= row.epoch && row.epoch <= gate.epoch]
  },

  * segment (pack, entry, row, spans) {
    // What the caller said: the agent's own words, such as its question, come before any answer.
    yield ['words', row.party !== 'caller' || spans.cover('transcript_retention', row.start_us, row.end_us)]
  },

  * key_destroyed (pack, entry, row) {
    const holds = [...pack.table('held_call').values()].filter((one) => !one.too_late)
    const erasure = pack.row('erasure', row.erasure) ?? pack.row('span_shred', row.erasure) ?? {}
    const isFree = holds.every((one) => pack.row('legal_hold', one.hold)?.state === 'released')
    yield ['hold', isFree || erasure.counsel === true] // A card number goes in spite of a hold.
    const at = erasure.gate === null ? pack.row('standing_approval', erasure.standing) : erasure
    const votes = [...pack.table('gate_vote').values()]
    const yes = votes.filter((one) => one.approve && one.gate === at?.gate).map((one) => one.identity)
    const others = new Set(yes.filter((one) => one !== erasure.requested_by))
    yield ['approvers', others.size >= 2]
    yield ['erased', !pack.keys.has(row.id)]
  }
}

function * replay (pack) {
  const spans = new Spans()
  const latest = new Map()
  for (const entry of pack.entries) {
    const mine = entry.deltas.filter(([, old, row]) => ((row ?? old).call ?? pack.call) === pack.call)
    for (const [table, old, row] of mine) {
      const isOnce = APPEND_ONLY.some((name) => table.startsWith(name))
      yield ['rows', !(old && isOnce), `entry ${entry.seq}: ${table}`]
      if (row) pack.table(table).set(row.id, row)
    }
    for (const [table, , row] of mine) {
      if (table !== 'consent_event' || !row || row.party !== 'caller') continue
      const was = latest.get(`turn\n${row.scope}`) ?? NOBODY
      latest.set(`turn\n${row.scope}`, row)
      pack.before.set(row.id, was)
      if (row.is_open !== was.is_open) spans.turn(row)
    }
    for (const [table, , row] of mine) {
      if (!row || !Object.hasOwn(RULES, table)) continue
      for (const [rule, holds] of RULES[table](pack, entry, row, spans, latest)) {
        yield [rule, holds, `entry ${entry.seq}: ${table} ${row.id}`]
      }
    }
  }
}

function decrypted (key, nonce, box, bound) {
  const cipher = createDecipheriv('aes-256-gcm', key, nonce)
  cipher.setAAD(bound)
  cipher.setAuthTag(box.subarray(-16))
  return Buffer.concat([cipher.update(box.subarray(0, -16)), cipher.final()])
}

// How many bytes of audio; -1 where it does not open. A chunk's own key lies under its track's.
function opened (chunk, key, box) {
  const nonce = Buffer.alloc(12)
  const parts = [chunk.call, chunk.party, chunk.epoch, chunk.n]
  if (chunk.rate !== 8000) parts.push(chunk.rate)
  const bound = Buffer.from(parts.join('|'))
  const own = Buffer.from(chunk.wrapped_key || '', 'base64')
  try {
    nonce.writeUInt32BE(chunk.epoch, 0)
    nonce.writeBigUInt64BE(BigInt(chunk.n), 4)
    const used = own.length ? decrypted(key, own.subarray(0, 12), own.subarray(12), bound) : key
    return decrypted(used, nonce, box, bound).length
  } catch {
    return -1
  }
}

function * audio (pack) {
  const chunks = [...pack.table('chunk').values()]
  for (const chunk of chunks) {
    const name = `data/audio/${chunk.sha256}`
    const isThere = pack.files.has(name)
    const isGone = pack.row('key_destroyed', chunk.key_id) !== undefined
    yield ['erased', !(isGone && isThere), name]
    const isTold = !isThere && pack.row('chunk_gap', chunk.id) !== undefined
    yield ['audio', isGone || isTold || (isThere && pack.digest(name) === chunk.sha256), name]
    const key = pack.keys.get(chunk.key_id)
    if (key && isThere) {
      yield ['sealed', opened(chunk, key, pack.read(name)) === 2 * chunk.samples, name]
    }
  }
  const place = (row) => JSON.stringify([row.party, row.epoch, row.n])
  const rows = [...chunks, ...pack.table('chunk_gap').values()]
  const there = new Set(rows.map(place))
  const isWhole = rows.every((row) => row.n === 0 || there.has(place({ ...row, n: row.n - 1 })))
  const nonces = new Set(chunks.map((row) => JSON.stringify([row.key_id, row.epoch, row.n])))
  yield ['gaps', isWhole && nonces.size === chunks.length, 'a chunk is missing, or twice there']
}

function verify (root, held, trusted, keys) {
  const faults = {}
  const note = (rule, where) => { (faults[rule] ??= []).push(where) }
  try {
    const pack = new Pack(root, keys)
    for (const part of [files(pack, trusted), history(pack, held), chain(pack), replay(pack), audio(pack)]) {
      for (const [rule, holds, where] of part) if (!holds) note(rule, where)
    }
  } catch (error) {
    // A hostile pack provokes any error; each one is a reason not to believe it.
    note(error.rule ?? 'readable', String(error))
  }
  return faults
}

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    checkpoint: { type: 'string' }, key: { type: 'string' }, keys: { type: 'string' },
    json: { type: 'boolean' }
  }
})
const [held, keys] = [options.checkpoint, options.keys].map((file) => file && readFileSync(file, 'utf8'))
const faults = verify(positionals[0], held?.trimEnd(), options.key, keys)
if (options.json) console.log(JSON.stringify(faults))
else for (const [rule, where] of Object.entries(faults)) console.log(`FAILS ${rule}: ${where.slice(0, 9).join('; ')}`)
const isOk = Object.keys(faults).length === 0
if (!options.json) console.log(isOk ? 'verify: ok' : 'verify: not ok')
process.exitCode = isOk ? 0 : 1
