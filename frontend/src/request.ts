/** A POST with the CSRF token of the page. */
export function post(url: string, body?: unknown): Promise<Response> {
  const token = document.querySelector<HTMLMetaElement>('meta[name="csrf-token"]')?.content ?? ''
  const headers: Record<string, string> = { 'X-CSRFToken': token, 'X-Requested-With': 'fetch' }
  if (body !== undefined) headers['Content-Type'] = 'application/json'
  return fetch(url, { method: 'POST', headers, body: body === undefined ? null : JSON.stringify(body) })
}

/**
 * Whether an answer was meant for whoever is signed in here. Signed out or suspended meanwhile, the page is loaded anew, so
 * that nothing stays to be read that its reader may not see any more.
 */
export function isLetIn(answer: Response): boolean {
  if (!answer.redirected && answer.status !== 401 && answer.status !== 403) return true
  window.location.reload()
  return false
}
