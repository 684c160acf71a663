/** Lets the reader of the API's reference try an operation, with a token that never leaves this page but to the API. */

const token = document.querySelector<HTMLInputElement>('#token')

function address(form: HTMLFormElement): string {
  let path = form.dataset.path ?? ''
  const query = new URLSearchParams()
  for (const field of form.querySelectorAll<HTMLInputElement>('input[data-in]')) {
    if (field.dataset.in === 'path') path = path.replace(`{${field.name}}`, encodeURIComponent(field.value))
    else if (field.dataset.in === 'query' && field.value) query.set(field.name, field.value)
  }
  return query.size ? `${path}?${query.toString()}` : path
}

function headers(form: HTMLFormElement): Headers {
  const found = new Headers({ Authorization: `Bearer ${token?.value ?? ''}` })
  for (const field of form.querySelectorAll<HTMLInputElement>('input[data-in=header]')) {
    if (field.value) found.set(field.name, field.value)
  }
  return found
}

function readable(text: string): string {
  try {
    return JSON.stringify(JSON.parse(text), null, 2)
  } catch {
    return text
  }
}

async function send(form: HTMLFormElement): Promise<void> {
  const body = form.querySelector<HTMLTextAreaElement>('textarea[data-body]')?.value
  const shown = form.querySelector('pre')
  if (!shown) return
  const sent = headers(form)
  if (body) sent.set('Content-Type', 'application/json')
  shown.hidden = false
  shown.textContent = '…'
  try {
    const answer = await fetch(address(form), { method: form.dataset.method, headers: sent, body, credentials: 'omit' })
    shown.textContent = `${answer.status} ${answer.statusText}\n${readable(await answer.text())}`
  } catch (error) {
    shown.textContent = String(error)
  }
}

function open(): void {
  const wanted = location.hash && document.getElementById(location.hash.slice(1))
  if (wanted instanceof HTMLDetailsElement) wanted.open = true
}

document.addEventListener('submit', (event) => {
  if (!(event.target instanceof HTMLFormElement)) return
  event.preventDefault()
  void send(event.target)
})
addEventListener('hashchange', open)
open()
