import 'htmx.org'
import './main.css'
import { listen } from './live'
import { show } from './notice'

/** Pages with parts that follow the server: `data-live` carries the stream's address, parts reload on `live`. */
const url = document.body.dataset.live
listen(url ?? '', () => document.body.dispatchEvent(new CustomEvent('live')))

document.body.addEventListener('calendar:done', (event) => {
  const detail = (event as CustomEvent<{ message?: string; undo?: string }>).detail
  if (detail?.message) show(detail.message, detail.undo)
})

for (const element of document.querySelectorAll<HTMLElement>('[data-copy]')) {
  element.addEventListener('click', () => void navigator.clipboard.writeText(element.dataset.copy ?? ''))
}
