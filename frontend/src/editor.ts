interface Colleague {
  email: string
  name: string
  connected: boolean
}

/** What the event form does beyond plain HTML: suggests colleagues, adds reminder rows, leads to “find a time”. */
export function assist(root: HTMLElement): void {
  for (const field of root.querySelectorAll<HTMLInputElement>('[data-colleagues]')) suggest(field)
  root.querySelector('[data-add-row]')?.addEventListener('click', () => addRow(root))
  const finder = root.querySelector<HTMLAnchorElement>('[data-find-time]')
  finder?.addEventListener('click', () => {
    const value = (name: string): string => root.querySelector<HTMLInputElement>(`[name="${name}"]`)?.value ?? ''
    const minutes = (Date.parse(`1970-01-01T${value('end_time')}`) - Date.parse(`1970-01-01T${value('start_time')}`)) / 60000
    const query = new URLSearchParams({ date: value('start_date'), guests: value('guests') })
    if (minutes > 0) query.set('minutes', String(minutes))
    finder.href = `${finder.href.split('?')[0]}?${query}`
  })
}

function addRow(root: HTMLElement): void {
  const rows = root.querySelector<HTMLElement>('.reminder-rows')
  const last = rows?.querySelector<HTMLElement>('div:last-of-type')
  if (!rows || !last || rows.querySelectorAll(':scope > div').length >= Number(rows.dataset.rows)) return
  const fresh = last.cloneNode(true) as HTMLElement
  const count = fresh.querySelector('input')
  if (count) count.value = ''
  last.after(fresh)
  count?.focus()
}

/** A combobox over the last address of a comma-separated list. */
function suggest(field: HTMLInputElement): void {
  const source = document.getElementById(field.dataset.colleagues ?? '')
  if (!source || field.dataset.ready) return
  field.dataset.ready = '1'
  const colleagues = JSON.parse(source.textContent ?? '[]') as Colleague[]
  const list = document.createElement('ul')
  list.id = `${field.name}-suggestions`
  list.className = 'suggestions'
  list.setAttribute('role', 'listbox')
  list.setAttribute('aria-label', field.getAttribute('aria-label') ?? field.labels?.[0]?.textContent ?? '')
  list.hidden = true
  field.after(list)
  for (const [name, value] of Object.entries({ role: 'combobox', 'aria-autocomplete': 'list', 'aria-controls': list.id, 'aria-expanded': 'false' })) field.setAttribute(name, value)
  let chosen = -1

  const options = (): HTMLElement[] => [...list.querySelectorAll<HTMLElement>('[role=option]')]
  const close = (): void => {
    list.hidden = true
    chosen = -1
    field.setAttribute('aria-expanded', 'false')
    field.removeAttribute('aria-activedescendant')
  }
  const take = (email: string): void => {
    const head = field.value.split(',').slice(0, -1).map((part) => part.trim())
    field.value = `${[...head, email].join(', ')}, `
    close()
    field.focus()
  }
  const show = (): void => {
    const parts = field.value.toLowerCase().split(',').map((part) => part.trim())
    const typed = parts.pop() ?? ''
    const found = typed ? colleagues.filter((one) => !parts.includes(one.email) && `${one.name} ${one.email}`.toLowerCase().includes(typed)).slice(0, 6) : []
    list.replaceChildren(
      ...found.map((one, number) => {
        const option = document.createElement('li')
        option.id = `${list.id}-${number}`
        option.setAttribute('role', 'option')
        option.setAttribute('aria-selected', 'false')
        option.dataset.email = one.email
        option.textContent = one.name === one.email ? one.email : `${one.name} · ${one.email}`
        if (!one.connected) option.textContent += ` · ${field.dataset.unconnected ?? ''}`
        option.addEventListener('mousedown', (event) => {
          event.preventDefault()
          take(one.email)
        })
        return option
      }),
    )
    chosen = -1
    list.hidden = !found.length
    field.setAttribute('aria-expanded', String(Boolean(found.length)))
  }
  field.addEventListener('input', show)
  field.addEventListener('blur', close)
  field.addEventListener('keydown', (event) => {
    const rows = options()
    if (list.hidden || !rows.length) return
    if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
      event.preventDefault()
      chosen = (chosen + (event.key === 'ArrowDown' ? 1 : -1) + rows.length) % rows.length
      rows.forEach((row, number) => row.setAttribute('aria-selected', String(number === chosen)))
      field.setAttribute('aria-activedescendant', rows[chosen]?.id ?? '')
    } else if (event.key === 'Enter' && chosen >= 0) {
      event.preventDefault()
      take(rows[chosen]?.dataset.email ?? '')
    } else if (event.key === 'Escape') {
      event.preventDefault()
      event.stopPropagation()
      close()
    }
  })
}
