import { isLetIn } from './request'

const RENEW_FIRST_MS = 1_000
const RENEW_MOST_MS = 60_000

/** Calls `changed` whenever the server says that something changed; polls where no stream is served, or none just now. */
export function listen(url: string, changed: () => void): void {
  let waiting = 0
  let polling = 0
  let pause = RENEW_FIRST_MS
  let missed = false
  const soon = (): void => {
    window.clearTimeout(waiting)
    waiting = window.setTimeout(changed, 150)
  }
  const poll = (): number => window.setInterval(() => document.hidden || changed(), 15_000)
  if (!url || !('EventSource' in window)) {
    poll()
    return
  }

  /** A ticket opens a stream for minutes only: whoever comes back later, or was refused, asks for a new one. */
  const renew = async (): Promise<void> => {
    try {
      const answer = await fetch('/settings/live', { headers: { 'X-Requested-With': 'fetch' } })
      const found = isLetIn(answer) && answer.ok ? ((await answer.json()) as { url: string }).url : ''
      if (found) {
        open(found)
        return
      }
    } catch {
      // the server is away: asked again
    }
    later()
  }
  const later = (): void => {
    window.setTimeout(() => void renew(), pause)
    pause = Math.min(pause * 2, RENEW_MOST_MS)
  }
  const open = (address: string): void => {
    const source = new EventSource(address)
    source.onmessage = soon
    source.onopen = () => {
      window.clearInterval(polling)
      polling = 0
      pause = RENEW_FIRST_MS
      if (missed) soon()
      missed = false
    }
    source.onerror = () => {
      polling ||= poll()
      missed = true
      if (source.readyState === EventSource.CLOSED) later()
    }
  }
  open(url)
}
