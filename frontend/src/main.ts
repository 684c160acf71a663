import 'htmx.org'
import './main.css'
import { listen } from './live'
import { show } from './notice'
import { isLetIn, post } from './request'

/** Pages with parts that follow the server: `data-live` carries the stream's address, parts reload on `live`. */
const url = document.body.dataset.live
listen(url ?? '', () => document.body.dispatchEvent(new CustomEvent('live')))

/** Reminders that are due are shown once, on whichever page is open. */
async function ring(): Promise<void> {
  const answer = await post('/calendar/rings')
  if (!isLetIn(answer) || !answer.ok) return
  const { rings } = (await answer.json()) as { rings: string[] }
  for (const text of rings) {
    show(text, undefined, 60_000)
    if ('Notification' in window && Notification.permission === 'granted') new Notification(text)
  }
}
if (document.querySelector('nav .nav-item') && document.body.dataset.rings) {
  void ring()
  document.body.addEventListener('live', () => void ring())
  window.setInterval(() => void ring(), 60_000)
}

document.body.addEventListener('calendar:done', (event) => {
  const detail = (event as CustomEvent<{ message?: string; undo?: string }>).detail
  if (detail?.message) show(detail.message, detail.undo)
})

/** A button whose answer goes nowhere on the page was refused: the reason is shown. */
document.body.addEventListener('htmx:response:error', (event) => {
  const { ctx } = (event as CustomEvent<{ ctx: { swap?: string; text?: string; response?: { headers: Headers } } }>).detail
  const isPlain = ctx.response?.headers.get('Content-Type')?.startsWith('text/plain')
  if (isPlain && ctx.swap === 'none' && ctx.text) show(ctx.text)
})

for (const element of document.querySelectorAll<HTMLElement>('[data-copy]')) {
  element.addEventListener('click', () => void navigator.clipboard.writeText(element.dataset.copy ?? ''))
}
