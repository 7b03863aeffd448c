// The catalog's hot operations as a good Fastify developer writes them: the same tables, the same checks, the same
// durability, one transaction per request. Settings: DB_PATH, PORT; with CACHE=1 it keeps sessions and encoded catalog
// pages in memory, which is right here because none of its operations changes them. Logs go to standard output.
import { createHash, randomUUID } from 'node:crypto'
import Database from 'better-sqlite3'
import Fastify from 'fastify'
import { answerOf, catalogAnswer, clientsAnswer, launchAnswer, meAnswer, usageAnswer } from './schemas.mjs'

const IDLE_MS = 30 * 60_000
const SEEN_EVERY_MS = 60_000
const MOST_LAUNCHES = 3
const PAGE_SIZE = 50

const db = new Database(process.env.DB_PATH)
db.pragma('journal_mode = WAL')
db.pragma('synchronous = FULL')
db.pragma('foreign_keys = ON')
db.pragma('busy_timeout = 5000')
db.pragma('cache_size = -16384')

const LAUNCH = `id, demo_id, client_id, user_id, kind, wanted, state, phase, reason, phases, idle_at, idle_reason, ends_at,
  created_at, updated_at`

const sql = {
  session: db.prepare(`SELECT s.id, s.client_id, s.user_id, s.expires_at, s.last_seen_at FROM sessions s
    LEFT JOIN clients c ON c.id = s.client_id LEFT JOIN users u ON u.id = s.user_id
    WHERE s.token_hash = ? AND s.expires_at > ? AND c.revoked_at IS NULL AND u.disabled_at IS NULL`),
  seen: db.prepare('UPDATE sessions SET last_seen_at = ? WHERE id = ?'),
  opening: db.prepare(`SELECT d.status AS demo_status, d.lifetime_seconds, c.access_starts_at, c.access_ends_at,
      a.demo_id IS NOT NULL AS is_granted, l.id, l.demo_id, l.client_id, l.user_id, l.kind, l.wanted, l.state, l.phase,
      l.reason, l.phases, l.idle_at, l.idle_reason, l.ends_at, l.created_at, l.updated_at
    FROM clients c JOIN demos d ON d.id = @demo
    LEFT JOIN client_demo_access a ON a.client_id = @client AND a.demo_id = @demo AND a.revoked_at IS NULL
    LEFT JOIN launches l ON l.client_id = @client AND l.demo_id = @demo AND l.kind = 'open' AND l.wanted = 'running'
      AND l.state IN ('queued', 'starting', 'running')
    WHERE c.id = @client AND c.revoked_at IS NULL`),
  live: db.prepare(`SELECT count(*) AS live FROM launches WHERE client_id = ? AND kind = 'open'
    AND wanted = 'running' AND state IN ('queued', 'starting', 'running')`).pluck(),
  queue: db.prepare(`INSERT INTO launches (id, demo_id, client_id, kind, wanted, state, phase, label, spec_hash, phases,
      ends_at, created_at, updated_at)
    VALUES (?, ?, ?, 'open', 'running', 'queued', 'queued', ?, '', ?, ?, ?, ?)`),
  fact: db.prepare(`INSERT INTO audit_log (at, actor, kind, client_id, demo_id, details)
    VALUES (?, ?, 'launch.queued', ?, ?, ?)`),
  launch: db.prepare(`SELECT ${LAUNCH} FROM launches WHERE id = ?`),
  event: db.prepare(`INSERT INTO usage_analytics (client_id, demo_id, event_type, timestamp, launch_id)
    VALUES (?, ?, 'demo_opened', ?, ?)`),
  day: db.prepare(`INSERT INTO usage_daily (client_id, demo_id, day, opens, first_at, last_at)
    VALUES (@client, @demo, @day, 1, @now, @now)
    ON CONFLICT (client_id, demo_id, day) DO UPDATE SET opens = opens + 1, last_at = max(last_at, excluded.last_at)`),
  client: db.prepare('SELECT * FROM clients WHERE id = ?'),
  catalog: db.prepare(`SELECT d.* FROM client_demo_access a JOIN demos d ON d.id = a.demo_id
    WHERE a.client_id = ? AND a.revoked_at IS NULL AND d.status = 'active' ORDER BY d.name, d.id LIMIT ?`),
  searchDemos: db.prepare(`SELECT * FROM demos
    WHERE status <> 'removed' AND (name LIKE @like OR keywords LIKE @like OR vertical LIKE @like OR horizontal LIKE @like)
    ORDER BY name, id LIMIT @limit`),
  searchClients: db.prepare(`SELECT * FROM clients WHERE name LIKE @like OR email LIKE @like OR company LIKE @like
    ORDER BY id DESC LIMIT @limit`),
  usage: db.prepare(`SELECT count(*) FILTER (WHERE event_type = 'demo_opened') AS opens,
      coalesce(sum(seconds), 0) AS active_seconds, count(*) FILTER (WHERE event_type = 'login') AS logins,
      count(*) FILTER (WHERE event_type = 'demo_failed') AS failures,
      count(DISTINCT CASE WHEN event_type = 'demo_opened' THEN demo_id END) AS distinct_demos,
      min(timestamp) AS first_use, max(timestamp) AS last_use
    FROM usage_analytics WHERE client_id = ? AND event_type IN ('demo_opened', 'active', 'login', 'demo_failed')`),
  usageByDay: db.prepare(`SELECT substr(timestamp, 1, 10) AS day,
      count(*) FILTER (WHERE event_type = 'demo_opened') AS opens, sum(seconds) AS active_seconds
    FROM usage_analytics WHERE client_id = ? AND event_type IN ('demo_opened', 'active', 'demo_failed')
    GROUP BY day ORDER BY day`),
  usageByDemo: db.prepare(`SELECT a.demo_id, d.name AS demo_name,
      count(*) FILTER (WHERE event_type = 'demo_opened') AS opens, sum(seconds) AS active_seconds,
      count(*) FILTER (WHERE event_type = 'demo_failed') AS failures, min(timestamp) AS first_use,
      max(timestamp) AS last_use
    FROM usage_analytics a JOIN demos d ON d.id = a.demo_id
    WHERE a.client_id = ? AND event_type IN ('demo_opened', 'active', 'demo_failed')
    GROUP BY a.demo_id ORDER BY active_seconds DESC, opens DESC, a.demo_id`)
}

const keeps = process.env.CACHE === '1'
const sessions = new Map()
const pages = new Map()

function sessionOf (token, now) {
  const hash = createHash('sha256').update(token).digest('hex')
  const kept = sessions.get(hash)
  if (kept && kept.expires_at > now) return kept
  const found = sql.session.get(hash, now)
  if (keeps && found) sessions.set(hash, found)
  return found
}

const app = Fastify({
  logger: { level: 'info', base: { service: 'peer' } },
  disableRequestLogging: true,
  genReqId: () => randomUUID()
})

class Refusal extends Error {
  constructor (statusCode, code, detail) {
    super(detail)
    Object.assign(this, { statusCode, code })
  }
}

app.setErrorHandler((error, request, reply) => {
  const status = error.statusCode ?? 500
  if (status >= 500) request.log.error(error)
  reply.code(status).type('application/problem+json')
    .send(JSON.stringify({ status, code: error.code, detail: status < 500 ? error.message : 'A fault of ours.' }))
})

app.decorateRequest('session', null)
app.addHook('onRequest', async (request) => {
  const [scheme, token] = (request.headers.authorization ?? '').split(' ')
  if (scheme.toLowerCase() !== 'bearer' || !token) throw new Refusal(401, 'unauthorized', 'Log in first.')
  const now = new Date()
  const session = sessionOf(token, now.toISOString())
  const idle = session ? now - Date.parse(session.last_seen_at) : Infinity
  if (idle > IDLE_MS) throw new Refusal(401, 'unauthorized', 'Your session has ended. Log in again.')
  if (idle > SEEN_EVERY_MS) {
    session.last_seen_at = now.toISOString()
    sql.seen.run(session.last_seen_at, session.id)
  }
  request.session = session
})

app.addHook('onResponse', async (request, reply) => {
  request.log.info({
    method: request.method,
    route: request.routeOptions.url,
    status: reply.statusCode,
    ms: reply.elapsedTime,
    actor: `client:${request.session?.client_id ?? ''}`
  }, 'request')
})

function refuse (found, now) {
  if (!found?.is_granted || found.demo_status !== 'active') throw new Refusal(404, 'not_found', 'There is no such demo.')
  if (now < found.access_starts_at) throw new Refusal(403, 'forbidden', 'Your access has not begun.')
  if (now >= found.access_ends_at) throw new Refusal(403, 'forbidden', 'Your access has ended.')
}

function queueLaunch (client, demo, found, now) {
  if (sql.live.get(client) >= MOST_LAUNCHES) throw new Refusal(429, 'exhausted', 'Stop another demo first.')
  const id = randomUUID()
  const lifetimeEnd = new Date(Date.parse(now) + found.lifetime_seconds * 1000).toISOString()
  const ends = lifetimeEnd < found.access_ends_at ? lifetimeEnd : found.access_ends_at
  const label = `d${randomUUID().replaceAll('-', '')}`
  sql.queue.run(id, demo, client, label, JSON.stringify({ queued: now }), ends, now, now)
  sql.fact.run(now, `client:${client}`, client, demo, JSON.stringify({ launch: id }))
  return sql.launch.get(id)
}

const openDemo = db.transaction((client, demo) => {
  const now = new Date().toISOString()
  const found = sql.opening.get({ client, demo })
  refuse(found, now)
  const launch = found.id ? found : queueLaunch(client, demo, found, now)
  sql.event.run(client, demo, now, launch.id)
  sql.day.run({ client, demo, day: now.slice(0, 10), now })
  return launch
}).immediate

app.post('/api/demos/:id/open', { schema: answerOf(launchAnswer) }, async (request) => {
  const launch = openDemo(request.session.client_id, request.params.id)
  return { ...launch, phases: JSON.parse(launch.phases) }
})

function accessStatus (client, now) {
  if (client.revoked_at) return 'revoked'
  if (now < client.access_starts_at) return 'pending'
  return now < client.access_ends_at ? 'active' : 'expired'
}

app.get('/api/auth/me', { schema: answerOf(meAnswer) }, async (request) => {
  const { id, client_id: clientId, expires_at: expiresAt } = request.session
  const client = sql.client.get(clientId)
  client.access_status = accessStatus(client, new Date().toISOString())
  client.notes = ''
  return { role: 'client', user: null, client, session_id: id, expires_at: expiresAt }
})

function onlyUsers (request) {
  if (!request.session.user_id) throw new Refusal(403, 'forbidden', 'This is not for clients.')
}

const cursorOf = (demo) => Buffer.from(JSON.stringify([demo.name, demo.id])).toString('base64url')
const asPattern = (text) => `%${text.replaceAll(/[\\%_]/g, '')}%`

app.get('/api/analytics/clients/:id', { schema: answerOf(usageAnswer) }, async (request) => {
  onlyUsers(request)
  const { id } = request.params
  if (!sql.client.get(id)) throw new Refusal(404, 'not_found', 'There is no such client.')
  return {
    client_id: id, since: null, until: null, ...sql.usage.get(id), by_day: sql.usageByDay.all(id),
    by_demo: sql.usageByDemo.all(id)
  }
})

app.get('/api/clients', { schema: answerOf(clientsAnswer) }, async (request) => {
  onlyUsers(request)
  const items = sql.searchClients.all({ like: asPattern(request.query.q ?? ''), limit: PAGE_SIZE })
  const now = new Date().toISOString()
  for (const client of items) client.access_status = accessStatus(client, now)
  return { items, next: null }
})

app.get('/api/demos', { schema: answerOf(catalogAnswer) }, async (request, reply) => {
  if (request.session.user_id) {
    const limit = Number(request.query.limit ?? PAGE_SIZE)
    const items = sql.searchDemos.all({ like: asPattern(request.query.q ?? ''), limit: limit + 1 })
    for (const demo of items) {
      demo.keywords = JSON.parse(demo.keywords)
    demo.is_metered = demo.is_metered === 1
      demo.environment = JSON.parse(demo.environment)
    }
    return { items: items.slice(0, limit), next: items.length > limit ? cursorOf(items[limit - 1]) : null }
  }
  const kept = pages.get(request.session.client_id)
  if (kept) return reply.type('application/json; charset=utf-8').send(kept)
  const items = sql.catalog.all(request.session.client_id, PAGE_SIZE)
  for (const demo of items) {
    Object.assign(demo, { environment: {}, demo_url: '/', docker_image_id: null, created_by: null })
    demo.keywords = JSON.parse(demo.keywords)
    demo.is_metered = demo.is_metered === 1
  }
  if (!keeps) return { items, next: null }
  const page = reply.serialize({ items, next: null })
  pages.set(request.session.client_id, page)
  return reply.type('application/json; charset=utf-8').send(page)
})

process.on('SIGTERM', async () => {
  await app.close()
  db.close()
  process.exit(0)
})

await app.listen({ host: '127.0.0.1', port: Number(process.env.PORT) })
