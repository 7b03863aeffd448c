// The answers' shapes: Fastify compiles them into serializers, which are about twice as fast as JSON.stringify.
const text = { type: 'string' }
const maybe = { type: ['string', 'null'] }
const count = { type: 'integer' }

export const launchAnswer = {
  type: 'object',
  properties: {
    id: text, demo_id: text, client_id: maybe, user_id: maybe, kind: text, wanted: text, state: text, phase: text,
    reason: text, phases: { type: 'object', additionalProperties: text }, idle_at: maybe, idle_reason: text, ends_at: text,
    created_at: text, updated_at: text
  }
}

const client = {
  type: 'object',
  properties: {
    id: text, name: text, email: text, company: text, access_start_date: text, access_end_date: text,
    access_starts_at: text, access_ends_at: text, access_status: text, timezone: text, owner_id: maybe, locale: text,
    notes: text, revoked_at: maybe, revoked_by: maybe, revoke_reason: maybe, created_by: maybe, created_at: text,
    updated_at: text, version: count
  }
}

export const meAnswer = {
  type: 'object',
  properties: { role: text, user: { type: 'null' }, client, session_id: text, expires_at: text }
}

const demo = {
  type: 'object',
  properties: {
    id: text, name: text, slug: text, description: text, picture: maybe, docker_image_id: maybe, demo_url: text,
    status: text, status_reason: text, vertical: text, horizontal: text, keywords: { type: 'array', items: text },
    project_code: text, contact_name: text, contact_email: text, contact_phone: text, contact_photo: maybe,
    port: count, environment: { type: 'object', additionalProperties: text }, cpu: { type: 'number' },
    memory_mb: count, idle_seconds: count, lifetime_seconds: count, warm: count, is_metered: { type: 'boolean' }, created_by: maybe, created_at: text,
    updated_at: text, version: count
  }
}

export const catalogAnswer = {
  type: 'object',
  properties: { items: { type: 'array', items: demo }, next: maybe }
}

export const clientsAnswer = {
  type: 'object',
  properties: { items: { type: 'array', items: client }, next: maybe }
}

const day = { type: 'object', properties: { day: text, opens: count, active_seconds: count } }
const demoSums = {
  type: 'object',
  properties: {
    demo_id: text, demo_name: text, opens: count, active_seconds: count, failures: count, first_use: text, last_use: text
  }
}

export const usageAnswer = {
  type: 'object',
  properties: {
    client_id: text, since: maybe, until: maybe, opens: count, active_seconds: count, logins: count, failures: count,
    distinct_demos: count, first_use: maybe, last_use: maybe, by_day: { type: 'array', items: day },
    by_demo: { type: 'array', items: demoSums }
  }
}

export const answerOf = (answer) => ({ response: { 200: answer } })
