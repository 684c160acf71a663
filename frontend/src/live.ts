/** Calls `changed` whenever the server says that something changed; polls where no stream is served. */
export function listen(url: string, changed: () => void): void {
  let waiting = 0
  const soon = (): void => {
    window.clearTimeout(waiting)
    waiting = window.setTimeout(changed, 150)
  }
  const poll = (): number => window.setInterval(() => document.hidden || changed(), 15_000)
  if (!url || !('EventSource' in window)) {
    poll()
    return
  }
  const source = new EventSource(url)
  let polling = 0
  source.onmessage = soon
  source.onopen = () => {
    window.clearInterval(polling)
    polling = 0
  }
  source.onerror = () => {
    polling ||= poll()
  }
}
