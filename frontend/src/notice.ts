import { post } from './request'

/** A short notice at the bottom of the page, with an undo button when there is something to undo. */
export function show(message: string, undo?: string, lasts = undo ? 12_000 : 5_000, body?: unknown): void {
  const place = document.getElementById('notices')
  if (!place) return
  const notice = document.createElement('div')
  notice.className = 'alert bg-neutral text-neutral-content'
  notice.setAttribute('role', 'status')
  notice.append(message)
  if (undo) {
    const button = document.createElement('button')
    button.className = 'btn btn-sm btn-ghost text-inherit underline'
    button.textContent = place.dataset.undo ?? 'Undo'
    button.addEventListener('click', async () => {
      const answer = await post(undo, body)
      notice.remove()
      document.body.dispatchEvent(new CustomEvent('live'))
      if (!answer.ok) show(await answer.text())
    })
    notice.append(button)
  }
  place.append(notice)
  window.setTimeout(() => notice.remove(), lasts)
}
