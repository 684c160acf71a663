/** A POST with the CSRF token of the page. */
export function post(url: string, body?: unknown): Promise<Response> {
  const token = document.querySelector<HTMLMetaElement>('meta[name="csrf-token"]')?.content ?? ''
  const headers: Record<string, string> = { 'X-CSRFToken': token, 'X-Requested-With': 'fetch' }
  if (body !== undefined) headers['Content-Type'] = 'application/json'
  return fetch(url, { method: 'POST', headers, body: body === undefined ? null : JSON.stringify(body) })
}
