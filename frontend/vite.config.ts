import { copyFileSync, mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import tailwindcss from '@tailwindcss/vite'
import { defineConfig, type Plugin } from 'vite'

const dist = process.env.DIST ?? '../src/conversa_calendar/dashboard/static/dist'

/** Copies the icons that templates name (`{% icon "…" %}`) beside the bundles. */
function icons(): Plugin {
  return {
    name: 'icons',
    closeBundle() {
      const templates = '../src/conversa_calendar/dashboard/templates'
      const names = new Set<string>()
      for (const file of readdirSync(templates, { recursive: true, encoding: 'utf8' })) {
        if (!file.endsWith('.html')) continue
        for (const found of readFileSync(join(templates, file), 'utf8').matchAll(/{% icon "([a-z0-9-]+)"/g)) {
          if (found[1]) names.add(found[1])
        }
      }
      mkdirSync(join(dist, 'icons'), { recursive: true })
      for (const name of names) {
        copyFileSync(`node_modules/lucide-static/icons/${name}.svg`, join(dist, 'icons', `${name}.svg`))
      }
    },
  }
}

export default defineConfig({
  plugins: [tailwindcss(), icons()],
  base: '/static/dist/',
  build: {
    outDir: dist,
    emptyOutDir: true,
    manifest: 'manifest.json',
    rollupOptions: { input: ['main', 'calendar', 'team', 'frame', 'reference', 'zone'].map((name) => `src/${name}.ts`) },
  },
})
