import htmx from 'htmx.org'
import { assist } from './editor'

const dialog = document.getElementById('dialog') as HTMLDialogElement
const body = document.getElementById('dialog-body') as HTMLElement

/** Loads a server-rendered form or event into the dialog. */
export function open(url: string): void {
  void htmx.ajax('GET', url, { target: '#dialog-body', swap: 'innerHTML' }).then(() => {
    if (!dialog.open) dialog.showModal()
  })
}

export function isOpen(): boolean {
  return dialog.open
}

document.body.addEventListener('calendar:done', () => dialog.close())
document.body.addEventListener('calendar:open', (event) => open((event as CustomEvent<{ url: string }>).detail.url))
document.addEventListener('click', (event) => {
  const target = event.target as HTMLElement
  if (target.closest('[data-close]')) dialog.close()
  const opener = target.closest<HTMLElement>('[data-open]')
  if (opener?.dataset.open) open(opener.dataset.open)
})
new MutationObserver(() => assist(body)).observe(body, { childList: true })
